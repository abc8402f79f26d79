/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The maps that several objects share: bounded and preallocated. Userspace sets
 * their sizes before load and hands the ones of wait.bpf.c to the others.
 */
#ifndef FAULTLINE_MAPS_BPF_H
#define FAULTLINE_MAPS_BPF_H

#include "faultline.h"
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fl_config);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FL_NR_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
} watched SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct fl_waiter);
} waiters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct fl_stat_key);
	__type(value, struct fl_stat);
} stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct fl_release);
} releases SEC(".maps");

/*
 * How many threads wait, by a hash of the tid. contention_end and sched_waking
 * are called for every kind of lock and sleep, most often for one that we do not
 * care about: one look here saves them the look into `waiters`. A count that is
 * too high costs just that look.
 */
#define WAITING 1024
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WAITING);
	__type(key, __u32);
	__type(value, __u32);
} waiting SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct fl_lock);
} locks SEC(".maps");

/*
 * Per-CPU plain add. Two adds to the same counter on one CPU can only meet
 * where a program is preempted or interrupted by itself; one count may then be
 * lost, which is tolerated.
 */
static __always_inline void count(__u32 counter)
{
	__u64 *n = bpf_map_lookup_elem(&counters, &counter);

	if (n)
		(*n)++;
}

static __always_inline void waiting_add(__u32 tid, __s32 n)
{
	__u32 key = tid % WAITING, *threads = bpf_map_lookup_elem(&waiting, &key);

	if (threads)
		__sync_fetch_and_add(threads, n);
}

static __always_inline bool may_wait(__u32 tid)
{
	__u32 key = tid % WAITING, *threads = bpf_map_lookup_elem(&waiting, &key);

	return threads && *threads;
}

static __always_inline struct fl_config *settings(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&config, &zero);
}

#endif
