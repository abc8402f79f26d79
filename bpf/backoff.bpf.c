// SPDX-License-Identifier: GPL-2.0
/*
 * Which threads look away from mmap_lock now, and for how long? A task iterator,
 * read on demand; it takes no lock of the task.
 */
#include "vmlinux.h"
#include "faultline.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license")
= "GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct task_struct___spf {
	__u16 spf_skip;
	__u16 spf_window;
};
#pragma clang attribute pop

SEC("iter/task")
int who_looks_away(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_struct___spf *spf = (void *)task;
	struct fl_backoff out = {};

	if (!task || !bpf_core_field_exists(spf->spf_window))
		return 0;
	out.window = BPF_CORE_READ(spf, spf_window);
	if (!out.window)
		return 0;
	out.skip = BPF_CORE_READ(spf, spf_skip);
	out.tid = task->pid;
	out.tgid = task->tgid;
	bpf_probe_read_kernel(out.comm, sizeof(out.comm), &task->comm);
	bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
	return 0;
}
