// SPDX-License-Identifier: GPL-2.0
/*
 * What does a fault cost that goes without mmap_lock, how does it end, and whose
 * is it? Every attempt while this is attached, which userspace does for a tenth
 * of a second at most, now and then: the kernel reads the clock twice a fault for it.
 */
#include "sample.bpf.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license")
= "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct fl_spf_proc);
} procs SEC(".maps");

static __always_inline void count_proc(__u32 reason)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct fl_spf_proc *proc = bpf_map_lookup_elem(&procs, &tgid);

	if (!proc) {
		struct fl_spf_proc fresh = {};

		bpf_get_current_comm(fresh.comm, sizeof(fresh.comm));
		/* a full map: who is not in it is not shown, the sums are right */
		bpf_map_update_elem(&procs, &tgid, &fresh, BPF_NOEXIST);
		proc = bpf_map_lookup_elem(&procs, &tgid);
	}
	if (proc && reason < FL_SPF_REASONS)
		__sync_fetch_and_add(&proc->by_reason[reason], 1);
}

SEC("tp_btf/spf_fault")
int BPF_PROG(what_did_it_cost, unsigned long address, unsigned int flags, int kind, int reason,
	     unsigned int window, unsigned int skip, unsigned int ptl_tries, __u64 ns)
{
	sample(reason ? FL_SAMPLE_ABORTED : FL_SAMPLE_OK, ns);
	count_proc(reason);
	return 0;
}
