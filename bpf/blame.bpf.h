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

/*
 * The holder at the beginning need not be the one that was waited for. A writer
 * that got the lock meanwhile is known since then: it held for the larger part,
 * or else the one that it had waited for itself did, unless readers came after it
 * and took longer. Without such a writer, the task that released the lock during
 * the wait is a better answer than a hint, and than the writer that held at the
 * beginning if that had let go long before.
 */
static __always_inline void improve_holder(struct fl_waiter *w, const struct fl_config *cfg,
					   __u64 now, char *comm)
{
	__u64 half = (now - w->begin_ns) / 2, until, both;
	struct fl_release *release;
	struct fl_writer *writer;

	writer = bpf_map_lookup_elem(&writers, &w->lock);
	until = writer && writer->until_ns ? writer->until_ns : now;
	if (writer && writer->ts_ns > w->begin_ns && writer->task.tid != w->self.tid &&
	    now - until <= half) {
		both = writer->ts_ns - later(writer->since_ns, w->begin_ns);
		if (until - writer->ts_ns > half) {
			w->holder = writer->task;
			w->conf = FL_CONF_EXACT;
			__builtin_memcpy(comm, writer->comm, FL_COMM_LEN);
		} else if (writer->before_conf > (both > half ? FL_CONF_NONE : w->conf) &&
			   writer->before.tid != w->self.tid) {
			w->holder = writer->before;
			w->conf = writer->before_conf;
			__builtin_memcpy(comm, writer->before_comm, FL_COMM_LEN);
		}
		return;
	}
	if (!cfg->releases)
		return;
	release = bpf_map_lookup_elem(&releases, &w->lock);
	if (!release || release->ts_ns < w->begin_ns || release->task.tid == w->self.tid)
		return;
	if (w->conf >= FL_CONF_RELEASE &&
	    (release->task.tid == w->holder.tid ||
	     release->ts_ns - later(release->before_ns, w->begin_ns) <= half))
		return;
	w->holder = release->task;
	w->conf = FL_CONF_RELEASE;
	__builtin_memcpy(comm, release->comm, FL_COMM_LEN);
}

/* Of the holder as it is now: empty if the task is not the one that held. */
static __always_inline void read_holder_comm(const struct fl_waiter *w, char *comm)
{
	struct task_struct *task = (void *)(w->owner & RWSEM_OWNER_MASK);

	if (w->holder.tid && task && BPF_PROBE_READ(task, pid) == w->holder.tid)
		bpf_probe_read_kernel(comm, FL_COMM_LEN, &task->comm);
}

/*
 * Who held the lock while we waited, now that we have it; and what those who
 * still wait will ask later.
 */
static __always_inline void settle_holder(struct fl_waiter *w, const struct fl_config *cfg,
					  __u64 now, int ret, char *comm)
{
	read_holder_comm(w, comm);
	if (ret) /* gave up: woken by a signal, not by a release */
		return;
	if (now - w->begin_ns >= IMPROVE_MIN_NS)
		improve_holder(w, cfg, now, comm);
	if (!has_waiters(w->lock))
		return;
	if (w->mode == FL_WRITE)
		note_writer(w->lock, &w->self, w->begin_ns, now, &w->holder, w->conf, comm);
	else
		end_writer(w->lock, now);
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
		b->args[0] = w->holder.args[0];
		b->args[1] = w->holder.args[1];
		b->args[2] = w->holder.args[2];
	}
}

#endif
