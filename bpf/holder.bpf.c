// SPDX-License-Identifier: GPL-2.0
/*
 * What is this task doing in the kernel right now? For holders of a lock that
 * is waited for, and for the waiters themselves.
 *
 * A task iterator, read on demand for the tasks in `wanted`. It takes none of
 * the task's locks. A task that runs on another CPU cannot be unwound: depth is
 * 0 then, and the system call is what is known.
 */
#include "queue.bpf.h"

char LICENSE[] SEC("license")
= "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} wanted SEC(".maps");

/* The lock may have passed on since the wait began: who holds it now? */
static __always_inline void read_current_holder(struct fl_task_stack *out,
						struct task_struct *waiting, __u32 tid,
						struct task_struct *cur)
{
	struct fl_waiter *w = bpf_map_lookup_elem(&waiters, &tid);
	struct rw_semaphore *sem;
	struct task_struct *task;
	__u64 owner, mm;

	out->begin_ns = 0;
	out->queued = FL_QUEUE_NO;
	out->holder.tid = 0;
	out->holder_conf = FL_CONF_NONE;
	if (!w || !w->begin_ns || !kernel_has_rwsem_owner())
		return;
	sem = (void *)w->lock;
	mm = w->cls == FL_MMAP_LOCK ? w->lock - mmap_lock_offset() : 0;
	owner = BPF_PROBE_READ(sem, owner.counter);
	task = (void *)(owner & RWSEM_OWNER_MASK);
	out->begin_ns = w->begin_ns;
	out->queued = queue_has(sem, waiting);
	out->holder_conf =
		read_holder(&out->holder, BPF_PROBE_READ(sem, count.counter), owner, mm, cur);
	if (out->holder.tid)
		bpf_probe_read_kernel(out->holder_comm, FL_COMM_LEN, &task->comm);
}

/* One element: only userspace's single reader runs the iterator. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fl_task_stack);
} scratch SEC(".maps");

SEC("iter/task")
int what_is_it_doing(struct bpf_iter__task *ctx)
{
	struct task_struct *cur = bpf_get_current_task_btf();
	struct task_struct *task = ctx->task;
	struct fl_task_stack *out;
	__u32 zero = 0, tid;
	long bytes;

	if (!task)
		return 0;
	tid = task->pid;
	if (!bpf_map_lookup_elem(&wanted, &tid))
		return 0;
	out = bpf_map_lookup_elem(&scratch, &zero);
	if (!out || !read_task(&out->task, task, (__u64)task->mm, cur))
		return 0;
	read_current_holder(out, task, tid, cur);
	out->on_cpu = bpf_core_field_exists(task->on_cpu) ? task->on_cpu : 0;
	bpf_probe_read_kernel(out->comm, sizeof(out->comm), &task->comm);
	bytes = bpf_get_task_stack(task, out->ips, sizeof(out->ips), 0);
	out->depth = bytes > 0 ? bytes / sizeof(out->ips[0]) : 0;
	bpf_seq_write(ctx->meta->seq, out, sizeof(*out));
	return 0;
}
