// SPDX-License-Identifier: GPL-2.0
/*
 * Who released a contended mmap_lock? The owner word names a reader that may
 * have left; the task that wakes the waiters was certainly the last to hold it.
 *
 * lock:contended_release where the kernel has it, else the entry of
 * rwsem_mark_wake(), which up_read() and up_write() reach through rwsem_wake()
 * when somebody waits, else sched:sched_waking of a thread that waits: all three
 * run in the task that lets go. Waiters wake those queued beside them, too: they
 * are left out. Userspace loads the one program that the kernel can attach.
 */
#include "lock.bpf.h"

char LICENSE[] SEC("license")
= "GPL";

static const struct fl_release no_release;

static __always_inline int note_release(__u64 lock)
{
	struct task_struct *cur = bpf_get_current_task_btf();
	struct fl_config *cfg = settings();
	struct fl_release *release;
	struct fl_waiter *self;
	struct target target;
	__u32 tid = cur->pid;

	/* readers let go of a VMA's lock, though they never wait for it */
	if (!cfg || !target_of(lock, true, cur, &target))
		return 0;
	if (cfg->watch_only && !is_watched(cfg, BPF_PROBE_READ(target.leader, tgid)))
		return 0;
	self = bpf_map_lookup_elem(&waiters, &tid);
	if (self && self->begin_ns && self->lock == lock)
		return 0;
	release = bpf_map_lookup_elem(&releases, &lock);
	if (!release) {
		bpf_map_update_elem(&releases, &lock, &no_release, BPF_NOEXIST);
		release = bpf_map_lookup_elem(&releases, &lock);
		if (!release) {
			count(FL_LOST_RELEASES_FULL);
			return 0;
		}
	}
	if (release->task.tid != tid)
		release->before_ns = release->ts_ns;
	if (!read_task(&release->task, cur, target.mm, cur))
		return 0;
	bpf_get_current_comm(release->comm, sizeof(release->comm));
	release->ts_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("fentry/rwsem_mark_wake")
int BPF_PROG(who_wakes, struct rw_semaphore *sem, enum rwsem_wake_type type)
{
	return type == RWSEM_WAKE_ANY ? note_release((__u64)sem) : 0;
}

SEC("tp_btf/contended_release")
int BPF_PROG(who_releases, void *lock)
{
	return note_release((__u64)lock);
}

SEC("tp_btf/sched_waking")
int BPF_PROG(who_wakes_a_waiter, struct task_struct *task)
{
	__u32 tid = task->pid;
	struct fl_waiter *w;

	if (!may_wait(tid))
		return 0;
	w = bpf_map_lookup_elem(&waiters, &tid);
	return w && w->begin_ns ? note_release(w->lock) : 0;
}
