// SPDX-License-Identifier: GPL-2.0
/*
 * Who waits already, since before we looked? An operator starts the tool while
 * the freeze is on: those waits have had their contention_begin.
 *
 * A task iterator, read once after attaching. For each process whose mmap_lock
 * has the waiters' bit it walks the queue and enters the tasks that it finds
 * into `waiters`, with the time at which they were queued, to the tick. Their
 * contention_end counts them like any other wait. A wait that ends during the
 * walk leaves a stale element, which userspace finds out (holder.bpf.c).
 */
#include "queue.bpf.h"

char LICENSE[] SEC("license")
= "GPL";

const volatile __u64 tick_ns = 4000000; /* set by userspace: nanoseconds a jiffy */

/* rwsem_waiter.timeout is RWSEM_WAIT_TIMEOUT, 4 ms rounded up, after queueing. */
static __always_inline __u64 queued_since(struct rwsem_waiter *waiter, __u64 now)
{
	__u64 timeout = (4000000 + tick_ns - 1) / tick_ns;
	__u64 since = bpf_jiffies64() - (BPF_PROBE_READ(waiter, timeout) - timeout);

	since *= tick_ns;
	return since < now ? now - since : now;
}

struct walk {
	struct rwsem_waiter *next;
	struct list_head *head;
	struct rw_semaphore *sem;
	struct task_struct *leader;
	__u64 mm;
};

static __always_inline void enter(struct rwsem_waiter *waiter, const struct walk *walk)
{
	struct task_struct *task = BPF_PROBE_READ(waiter, task);
	struct task_struct *cur = bpf_get_current_task_btf();
	struct rw_semaphore *sem = walk->sem;
	struct fl_waiter w = {};

	if (!task || !read_task(&w.self, task, walk->mm, cur))
		return;
	w.lock = (__u64)sem;
	w.tgid = BPF_PROBE_READ(walk->leader, tgid);
	w.start_ns = BPF_PROBE_READ(walk->leader, start_boottime);
	w.mode = BPF_PROBE_READ(waiter, type) == RWSEM_WAITING_FOR_WRITE ? FL_WRITE : FL_READ;
	w.cls = FL_MMAP_LOCK;
	w.rel = w.self.flags & FL_T_KTHREAD   ? FL_KTHREAD
		: w.self.flags & FL_T_SAME_MM ? FL_OWN
					      : FL_REMOTE;
	w.count = BPF_PROBE_READ(sem, count.counter);
	w.owner = BPF_PROBE_READ(sem, owner.counter);
	w.conf = read_holder(&w.holder, w.count, w.owner, walk->mm, cur);
	w.begin_ns = w.last_begin_ns = queued_since(waiter, bpf_ktime_get_ns());
	waiting_add(w.self.tid, 1);
	/*
	 * Whole and at once: from here on the thread itself may write to it. One
	 * that is there is known to the tracepoints; no room: they count that.
	 */
	if (bpf_map_update_elem(&waiters, &w.self.tid, &w, BPF_NOEXIST))
		waiting_add(w.self.tid, -1);
}

static int enter_next(__u32 index, struct walk *walk)
{
	if (!walk->next || (void *)walk->next == (void *)walk->head)
		return 1;
	enter(walk->next, walk);
	walk->next = queue_next((void *)walk->next);
	return 0;
}

SEC("iter/task")
int who_waits_already(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct fl_config *cfg = settings();
	struct walk walk = {};
	struct mm_struct *mm;

	if (!task || !cfg || task->pid != task->tgid || !kernel_has_rwsem_owner() ||
	    !kernel_has_wait_list())
		return 0;
	mm = task->mm;
	if (!mm || !is_watched(cfg, task->tgid))
		return 0;
	walk.mm = (__u64)mm;
	walk.leader = task;
	walk.sem = (void *)(walk.mm + mmap_lock_offset());
	if (!(BPF_PROBE_READ(walk.sem, count.counter) & RWSEM_FLAG_WAITERS))
		return 0;
	walk.head = (void *)walk.sem + bpf_core_field_offset(struct rw_semaphore, wait_list);
	walk.next = queue_next(walk.head);
	bpf_loop(FL_QUEUE_DEPTH, enter_next, &walk, 0);
	return 0;
}
