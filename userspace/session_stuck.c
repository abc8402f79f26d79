// SPDX-License-Identifier: GPL-2.0
/*
 * Which waits have not ended, and whom do they wait for now? The elements of
 * `waiters` that began long ago, checked against the state of their threads and,
 * for the longest ones, against the queue of the lock: an element may be stale.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proc.h"
#include "session_internal.h"

struct stuck_set {
	struct session *session;
	uint64_t now_ns;
	struct tally_stuck *list;
	size_t n;
	size_t room;
	int err;
};

static bool collect_stuck(void *arg, uint32_t tid, const struct fl_waiter *waiter)
{
	struct stuck_set *set = arg;
	uint64_t begin = waiter->begin_ns;

	if (!begin || set->now_ns <= begin ||
	    set->now_ns - begin < set->session->opts.unfinished_min_ns)
		return false;
	if (set->n == set->room) {
		size_t room = set->room ? set->room * 2 : TALLY_STUCK;
		struct tally_stuck *list = realloc(set->list, room * sizeof(*list));

		if (!list) {
			set->err = -ENOMEM;
			return false;
		}
		set->list = list;
		set->room = room;
	}
	set->list[set->n++] = (struct tally_stuck){.tid = tid, .wait = *waiter};
	return false;
}

static int longest_first(const void *a, const void *b)
{
	const struct tally_stuck *x = a, *y = b;

	return (x->wait.begin_ns > y->wait.begin_ns) - (x->wait.begin_ns < y->wait.begin_ns);
}

/*
 * Keep the longest ones whose thread sleeps: one that runs has got the lock and
 * ends its wait any moment, one that is gone never will.
 */
static void keep_sleeping(struct stuck_set *set)
{
	size_t kept = 0;

	if (set->n)
		qsort(set->list, set->n, sizeof(*set->list), longest_first);
	for (size_t i = 0; i < set->n && kept < TALLY_STUCK; i++) {
		struct tally_stuck *stuck = &set->list[i];

		switch (proc_task_state(stuck->wait.self.tgid, stuck->tid)) {
		case '\0':
			probe_forget_waiter(set->session->probe, stuck->tid);
			break;
		case 'D':
		case 'S':
		case 'I': /* a kernel thread's idle state */
		case 'K':
			set->list[kept++] = *stuck;
			break;
		default:
			break;
		}
	}
	set->n = kept;
}

/*
 * Not in the queue of its lock: a reader that was let in and has not run yet,
 * or a wait that has ended unseen. Who is so in two looks has ended; to forget
 * it at the first would lose the wait that ends right now.
 */
static bool was_suspect(const struct session *session, const struct tally_stuck *stuck)
{
	for (size_t i = 0; i < session->n_suspects; i++) {
		if (session->suspects[i].tid == stuck->tid &&
		    session->suspects[i].begin_ns == stuck->wait.begin_ns)
			return true;
	}
	return false;
}

static void drop_unqueued(struct session *session, struct stuck_set *set, const bool *unqueued)
{
	struct suspect suspects[SESSION_MAX_LOOKS];
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < set->n; i++) {
		const struct tally_stuck *stuck = &set->list[i];

		if (i >= SESSION_MAX_LOOKS || !unqueued[i])
			set->list[kept++] = *stuck;
		else if (was_suspect(session, stuck))
			probe_forget_waiter(session->probe, stuck->tid);
		else
			suspects[n++] = (struct suspect){stuck->tid, stuck->wait.begin_ns};
	}
	set->n = kept;
	memcpy(session->suspects, suspects, n * sizeof(*suspects));
	session->n_suspects = n;
}

/* The lock may have passed on since the wait began. */
static void refresh_holders(struct session *session, struct stuck_set *set)
{
	struct fl_task_stack stacks[SESSION_MAX_LOOKS];
	bool unqueued[SESSION_MAX_LOOKS] = {};
	uint32_t tids[SESSION_MAX_LOOKS];
	size_t n = set->n < SESSION_MAX_LOOKS ? set->n : SESSION_MAX_LOOKS;
	int found;

	for (size_t i = 0; i < n; i++)
		tids[i] = set->list[i].tid;
	found = probe_task_stacks(session->probe, tids, n, stacks);
	for (int i = 0; i < found; i++) {
		for (size_t j = 0; j < n; j++) {
			struct tally_stuck *stuck = &set->list[j];

			if (stuck->tid != stacks[i].task.tid)
				continue;
			unqueued[j] = stacks[i].queued == FL_QUEUE_NO ||
				      stacks[i].begin_ns != stuck->wait.begin_ns;
			if (unqueued[j] || !stacks[i].holder.tid)
				break;
			stuck->wait.holder = stacks[i].holder;
			stuck->wait.conf = stacks[i].holder_conf;
			memcpy(stuck->holder_comm, stacks[i].holder_comm, FL_COMM_LEN);
		}
	}
	drop_unqueued(session, set, unqueued);
}

/* A stack of each distinct holder; what it stands for is the time since the last look. */
static void sample_holders(struct session *session, const struct stuck_set *set)
{
	struct fl_task_stack stack;
	uint32_t seen[SESSION_MAX_LOOKS];
	size_t n = 0;

	for (size_t i = 0; i < set->n && n < SESSION_MAX_LOOKS; i++) {
		const struct fl_waiter *w = &set->list[i].wait;
		bool known = false;

		for (size_t j = 0; j < n; j++)
			known |= seen[j] == w->holder.tid;
		if (known || !w->holder.tid)
			continue;
		seen[n++] = w->holder.tid;
		if (probe_task_stacks(session->probe, &w->holder.tid, 1, &stack) != 1)
			continue;
		stack.task.flags &= ~FL_T_SAME_MM; /* the iterator knows no target */
		stack.task.flags |= w->holder.flags & FL_T_SAME_MM;
		tally_add_holder(session->tally, w->tgid, w->start_ns, &stack,
				 set->now_ns - session->last_poll_ns);
	}
}

int session_find_stuck(struct session *session, uint64_t now_ns)
{
	struct stuck_set set = {.session = session, .now_ns = now_ns};
	int err;

	err = probe_each_waiter(session->probe, collect_stuck, &set);
	if (!err)
		err = set.err;
	if (err)
		goto out;
	keep_sleeping(&set);
	refresh_holders(session, &set);
	sample_holders(session, &set);
	err = tally_set_stuck(session->tally, set.list, set.n);
out:
	free(set.list);
	return err;
}
