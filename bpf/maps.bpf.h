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
 * How many threads wait for a lock that is not their own mmap_lock, by a hash of
 * the tid. contention_end is called for every kind of lock, most often for one
 * that we do not care about: one look here saves it the look into `waiters`. A
 * count that is too high costs just that look.
 */
#define OTHERS 1024
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, OTHERS);
	__type(key, __u32);
	__type(value, __u32);
} others SEC(".maps");

/* The last writer that got a lock in the slow path, and when. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct fl_release);
} writers SEC(".maps");

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

static __always_inline void others_add(__u32 tid, __s32 n)
{
	__u32 key = tid % OTHERS, *waiting = bpf_map_lookup_elem(&others, &key);

	if (waiting)
		__sync_fetch_and_add(waiting, n);
}

static __always_inline bool others_wait(__u32 tid)
{
	__u32 key = tid % OTHERS, *waiting = bpf_map_lookup_elem(&others, &key);

	return waiting && *waiting;
}

static __always_inline struct fl_config *settings(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&config, &zero);
}

#endif
