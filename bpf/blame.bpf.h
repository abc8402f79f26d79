/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whom is a wait blamed on? The holder at its beginning, unless something better
 * became known until its end; README.md has the order.
 */
#ifndef FAULTLINE_BLAME_BPF_H
#define FAULTLINE_BLAME_BPF_H

#include "lock.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct fl_blame_key);
	__type(value, struct fl_blame);
} blame SEC(".maps");

static const struct fl_blame no_blame;

/* Those that come later see the writer in the owner word. */
static __always_inline bool has_waiters(__u64 lock)
{
	struct rw_semaphore *sem = (void *)lock;

	return kernel_has_rwsem_owner() && BPF_PROBE_READ(sem, count.counter) & RWSEM_FLAG_WAITERS;
}

static __always_inline __u64 later(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

/* Whom a shorter wait is blamed on is not worth the look. */
#define IMPROVE_MIN_NS 20000

/* A writer that got the lock during the wait and held it for the larger part. */
static __always_inline bool blame_writer(struct fl_waiter *w, const struct fl_lock *lock, __u64 now,
					 char *comm)
{
	__u64 until = lock->writer_until_ns ? lock->writer_until_ns : now;

	if (lock->writer_ns <= w->begin_ns || lock->writer.tid == w->self.tid ||
	    until <= lock->writer_ns || until - lock->writer_ns <= (now - w->begin_ns) / 2)
		return false;
	w->holder = lock->writer;
	w->conf = FL_CONF_EXACT;
	__builtin_memcpy(comm, lock->writer_comm, FL_COMM_LEN);
	return true;
}

/*
 * The task that released the lock during the wait is a better answer than a
 * hint, and than the writer that held at the beginning if that had let go long
 * before.
 */
static __always_inline void blame_release(struct fl_waiter *w, __u64 now, char *comm)
{
	struct fl_release *release = bpf_map_lookup_elem(&releases, &w->lock);

	if (!release || release->ts_ns < w->begin_ns || release->task.tid == w->self.tid)
		return;
	if (w->conf >= FL_CONF_RELEASE &&
	    (release->task.tid == w->holder.tid ||
	     release->ts_ns - later(release->before_ns, w->begin_ns) <= (now - w->begin_ns) / 2))
		return;
	w->holder = release->task;
	w->conf = FL_CONF_RELEASE;
	__builtin_memcpy(comm, release->comm, FL_COMM_LEN);
}

/*
 * Somebody else waited for most of the time that we waited, and is known to have
 * waited for that task: so did we, whoever passed us the lock in the end. A long
 * reader, then a queued writer, then everybody is one chain that the reader made.
 */
static __always_inline bool inherit_blame(struct fl_waiter *w, const struct fl_lock *lock,
					  __u64 now, char *comm)
{
	__u64 from = later(lock->waited_ns, w->begin_ns);

	if (lock->waited_until_ns <= from ||
	    lock->waited_until_ns - from <= (now - w->begin_ns) / 2 ||
	    lock->waited_conf == FL_CONF_NONE || lock->waited_for.tid == w->self.tid ||
	    (lock->waited_conf == FL_CONF_HINT && w->conf == FL_CONF_EXACT))
		return false;
	w->holder = lock->waited_for;
	w->conf = lock->waited_conf;
	__builtin_memcpy(comm, lock->waited_comm, FL_COMM_LEN);
	return true;
}

/*
 * For those that wait still: the longest wait among those that overlap, and one
 * whose holder is sure before one with a hint. What is itself inherited is not
 * passed on, or it would outlive its truth. Readers that are woken together race
 * here; what they write is the same but for its ends.
 */
static __always_inline void note_waited(struct fl_lock *lock, const struct fl_waiter *w, __u64 now,
					const char *comm)
{
	bool sure = w->conf >= FL_CONF_RELEASE, was_sure = lock->waited_conf >= FL_CONF_RELEASE;

	if (w->conf == FL_CONF_NONE)
		return;
	if (lock->waited_until_ns > w->begin_ns &&
	    (was_sure != sure ? was_sure
			      : lock->waited_until_ns - lock->waited_ns >= now - w->begin_ns))
		return;
	lock->waited_for = w->holder;
	lock->waited_conf = w->conf;
	lock->waited_ns = w->begin_ns;
	lock->waited_until_ns = now;
	__builtin_memcpy(lock->waited_comm, comm, FL_COMM_LEN);
}

/* Of the holder as it is now: empty if the task is not the one that held. */
static __always_inline void read_holder_comm(const struct fl_waiter *w, char *comm)
{
	struct task_struct *task = (void *)(w->owner & RWSEM_OWNER_MASK);

	if (w->holder.tid && task && BPF_PROBE_READ(task, pid) == w->holder.tid)
		bpf_probe_read_kernel(comm, FL_COMM_LEN, &task->comm);
}

/*
 * Who held the lock while we waited, now that we have it? The holder at the
 * beginning need not be the one that was waited for. And: what will those ask
 * that wait still?
 */
static __always_inline void settle_holder(struct fl_waiter *w, const struct fl_config *cfg,
					  __u64 now, int ret, char *comm)
{
	bool worth = now - w->begin_ns >= IMPROVE_MIN_NS, inherited = false;
	struct fl_lock *lock;

	read_holder_comm(w, comm);
	if (ret) /* gave up: woken by a signal, not by a release */
		return;
	lock = bpf_map_lookup_elem(&locks, &w->lock);
	if (worth && !(lock && blame_writer(w, lock, now, comm))) {
		inherited = lock && inherit_blame(w, lock, now, comm);
		if (!inherited && cfg->releases)
			blame_release(w, now, comm);
	}
	if (!has_waiters(w->lock))
		return;
	if (!lock)
		lock = lock_of(w->lock);
	if (!lock)
		return;
	if (worth && !inherited)
		note_waited(lock, w, now, comm);
	if (w->mode == FL_WRITE)
		note_writer(lock, &w->self, now);
	else if (!lock->writer_until_ns)
		lock->writer_until_ns = now;
}

static __always_inline void add_blame(const struct fl_waiter *w, __u64 now, __u64 ns,
				      const char *holder_comm)
{
	struct fl_blame_key key = {
		.start_ns = w->start_ns,
		.tgid = w->tgid,
		.holder_nr = FL_NR_UNKNOWN,
		.waiter_nr = w->self.nr,
		.mode = w->mode,
		.cls = w->cls,
		.rel = w->rel,
		.conf = w->conf,
	};
	struct fl_blame *b;

	if (w->holder.tid) {
		key.holder_tid = w->holder.tid;
		key.holder_tgid = w->holder.tgid;
		key.holder_nr = w->holder.nr;
		key.holder_flags = w->holder.flags;
	}
	b = bpf_map_lookup_elem(&blame, &key);
	if (!b) {
		bpf_map_update_elem(&blame, &key, &no_blame, BPF_NOEXIST);
		b = bpf_map_lookup_elem(&blame, &key);
		if (!b) {
			count(FL_LOST_BLAME_FULL);
			return;
		}
		__builtin_memcpy(b->holder_comm, holder_comm, FL_COMM_LEN);
	}
	__sync_fetch_and_add(&b->count, 1);
	__sync_fetch_and_add(&b->total_ns, ns);
	b->last_ns = now;
	if (ns > b->max_ns) { /* a racing maximum may be lost */
		b->max_ns = ns;
		__builtin_memcpy(b->args, w->holder.args, sizeof(b->args));
	}
}

#endif
