/* SPDX-License-Identifier: GPL-2.0 */
/* How long do faults take? The sums that spf.bpf.c and locked.bpf.c add to. */
#ifndef FAULTLINE_SAMPLE_BPF_H
#define FAULTLINE_SAMPLE_BPF_H

#include "vmlinux.h"
#include "faultline.h"
#include <bpf/bpf_helpers.h>

/* Longer ones were preempted, reclaimed memory or read a disk: they say nothing of the path. */
#define SAMPLE_MAX_NS 1000000

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FL_NR_SAMPLES);
	__type(key, __u32);
	__type(value, struct fl_sampled);
} samples SEC(".maps");

/* Plain adds: a program that is preempted by itself may lose one, which is tolerated. */
static __always_inline void sample(__u32 which, __u64 ns)
{
	struct fl_sampled *sum = bpf_map_lookup_elem(&samples, &which);

	if (!sum || !ns || ns > SAMPLE_MAX_NS)
		return;
	sum->n++;
	sum->ns += ns;
}

#endif
