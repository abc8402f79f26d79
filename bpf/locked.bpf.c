// SPDX-License-Identifier: GPL-2.0
/*
 * What does a fault cost that has mmap_lock, without the wait for it? Every fault on
 * anonymous memory, which is what goes without the lock otherwise; those that had to
 * wait for a disk or to start again are left out. At a high threshold they are rare:
 * the fewer are let pass, the sooner userspace has enough and detaches this. The two
 * clock reads of this program are in it: some 50 ns.
 */
#include "sample.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license")
= "GPL";

/* VM_FAULT_OOM, SIGBUS, MAJOR, HWPOISON(_LARGE), SIGSEGV, RETRY, FALLBACK: since 4.20 */
#define NOT_PLAIN (0x1 | 0x2 | 0x4 | 0x10 | 0x20 | 0x40 | 0x400 | 0x800)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct vm_area_struct___ops {
	void *vm_ops;
};
#pragma clang attribute pop

/* A fault may sleep: begun on one CPU, it may end on another. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} begun SEC(".maps");

SEC("fentry/handle_mm_fault")
int BPF_PROG(who_begins, struct vm_area_struct *vma)
{
	struct vm_area_struct___ops *area = (void *)vma;
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 now;

	if (BPF_CORE_READ(area, vm_ops))
		return 0;
	now = bpf_ktime_get_ns();
	bpf_map_update_elem(&begun, &tid, &now, BPF_ANY); /* full: one sample less */
	return 0;
}

SEC("fexit/handle_mm_fault")
int BPF_PROG(who_ends, struct vm_area_struct *vma, unsigned long address, unsigned int flags,
	     struct pt_regs *regs, unsigned int ret)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 *from = bpf_map_lookup_elem(&begun, &tid);

	if (!from)
		return 0;
	if (!(ret & NOT_PLAIN))
		sample(FL_SAMPLE_LOCKED, bpf_ktime_get_ns() - *from);
	bpf_map_delete_elem(&begun, &tid);
	return 0;
}
