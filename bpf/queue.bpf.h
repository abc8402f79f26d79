/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The queue of an rwsem, walked without its wait_lock: entries lie on the stacks
 * of the tasks that wait and come and go meanwhile, so that each is checked and
 * the walk is bounded. Good for waits that last, which is what it is for.
 */
#ifndef FAULTLINE_QUEUE_BPF_H
#define FAULTLINE_QUEUE_BPF_H

#include "lock.bpf.h"

static __always_inline bool kernel_has_wait_list(void)
{
	return bpf_core_field_exists(struct rw_semaphore, wait_list) &&
	       bpf_core_field_exists(struct rwsem_waiter, task);
}

static __always_inline struct rwsem_waiter *queue_next(struct list_head *at)
{
	/* list is the first member wherever it exists */
	return (void *)BPF_PROBE_READ(at, next);
}

/* Is the task queued for the lock? FL_QUEUE_* */
static __always_inline __u32 queue_has(struct rw_semaphore *sem, struct task_struct *task)
{
	struct list_head *head;
	struct rwsem_waiter *waiter;

	if (!kernel_has_wait_list())
		return FL_QUEUE_DEEP;
	head = (void *)sem + bpf_core_field_offset(struct rw_semaphore, wait_list);
	waiter = queue_next(head);
	for (int i = 0; i < FL_QUEUE_DEPTH; i++) {
		if (!waiter || (void *)waiter == (void *)head)
			return FL_QUEUE_NO;
		if (BPF_PROBE_READ(waiter, task) == task)
			return FL_QUEUE_YES;
		waiter = queue_next((void *)waiter);
	}
	return FL_QUEUE_DEEP;
}

#endif
