/* SPDX-License-Identifier: GPL-2.0 */
/* A snapshot with something of everything, for the tests of what shows it. */
#ifndef FAULTLINE_TESTS_SAMPLE_H
#define FAULTLINE_TESTS_SAMPLE_H

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "snapshot.h"
#include "text.h"

#define MS 1000000ULL
#define S  1000000000ULL

static inline char *sample_dup(const char *text)
{
	char *copy = text_clean_dup(text);

	assert_non_null(copy);
	return copy;
}

static inline struct snap_proc *sample_proc(struct snapshot *snap, uint32_t tgid, const char *comm,
					    const char *cgroup, enum fl_mode mode,
					    enum fl_relation rel)
{
	struct snap_proc *proc = snapshot_add_proc(snap);

	assert_non_null(proc);
	proc->tgid = tgid;
	proc->start_ns = tgid * 1000ULL;
	text_clean(proc->comm, sizeof(proc->comm), comm, strlen(comm));
	proc->cgroup = cgroup ? sample_dup(cgroup) : NULL;
	proc->mode = mode;
	proc->rel = rel;
	return proc;
}

static inline struct snap_blame *sample_blame(struct snapshot *snap, uint32_t tgid, uint32_t tid,
					      const char *comm, enum cause cause,
					      enum fl_confidence conf, uint64_t total_ns)
{
	struct snap_blame *blame = snapshot_add_blame(snap);

	assert_non_null(blame);
	blame->tgid = tgid;
	blame->start_ns = tgid * 1000ULL;
	blame->waiter_cause = CAUSE_PAGE_FAULT;
	blame->conf = conf;
	blame->holder.tid = tid;
	blame->holder.tgid = tid;
	blame->holder.cause = cause;
	text_clean(blame->holder.comm, sizeof(blame->holder.comm), comm, strlen(comm));
	blame->count = 3;
	blame->total_ns = total_ns;
	blame->max_ns = total_ns / 2;
	return blame;
}

static inline struct snap_wait *sample_wait(struct snapshot *snap, uint32_t tgid, const char *comm,
					    uint64_t dur_ns, bool finished)
{
	struct snap_wait *wait = snapshot_add_wait(snap);

	assert_non_null(wait);
	wait->tgid = tgid;
	wait->start_ns = tgid * 1000ULL;
	wait->begin_ns = 100 * S - dur_ns;
	wait->dur_ns = dur_ns;
	wait->finished = finished;
	text_clean(wait->comm, sizeof(wait->comm), comm, strlen(comm));
	wait->waiter.tid = tgid + 1;
	wait->waiter.tgid = tgid;
	wait->waiter.cause = CAUSE_PAGE_FAULT;
	text_clean(wait->waiter.comm, sizeof(wait->waiter.comm), "worker-7", 8);
	wait->conf = FL_CONF_HINT;
	wait->holder.tid = 4711;
	wait->holder.tgid = 4711;
	wait->holder.cause = CAUSE_PROCFS;
	text_clean(wait->holder.comm, sizeof(wait->holder.comm), "process-exporte", 15);
	wait->holder.detail = sample_dup("read /proc/1200/smaps");
	return wait;
}

static inline void sample_meta(struct snapshot *snap)
{
	snap->meta.time_unix_ns = 1700000000ULL * S;
	snap->meta.mono_ns = 100 * S;
	snap->meta.window_ns = 30 * S;
	snap->meta.host = sample_dup("db-17");
	snap->meta.kernel = sample_dup("6.1.0-56-amd64");
	snap->meta.version = sample_dup("0.1.0");
	snap->meta.source = sample_dup("daemon");
	snap->meta.blind = sample_dup("writers that win by spinning and readers that steal the "
				      "lock are not queued and not counted");
	snap->meta.bpf_ns = 9 * MS;
	snap->meta.cpu_ns = 30 * MS;
	snap->meta.rss_bytes = 10 << 20;
	snap->meta.map_bytes = 7 << 20;
}

static inline void sample_stacks(struct snapshot *snap)
{
	struct snap_stack *stack = snapshot_add_stack(snap);

	assert_non_null(stack);
	stack->tgid = stack->task_tgid = 1200;
	text_clean(stack->comm, sizeof(stack->comm), "my app;x", 8);
	stack->cause = CAUSE_PAGE_FAULT;
	stack->count = 4;
	stack->total_ns = 1500001;
	assert_int_equal(snapshot_add_frame(stack, "rwsem_down_read_slowpath+0x1a"), 0);
	assert_int_equal(snapshot_add_frame(stack, "exc_page_fault+0x7"), 0);

	stack = snapshot_add_stack(snap);
	assert_non_null(stack);
	stack->user = true;
	stack->tgid = stack->task_tgid = 1200;
	assert_int_equal(snapshot_add_frame(stack, "operator new; [libc.so.6]"), 0);
	assert_int_equal(snapshot_add_frame(stack, "main"), 0);
	snap->stacks[0].below = 1;
}

static inline struct snapshot *sample_snapshot(void)
{
	struct snapshot *snap = snapshot_new();
	struct snap_feature *feature;
	struct snap_proc *proc;

	assert_non_null(snap);
	sample_meta(snap);
	proc = sample_proc(snap, 1200, "postgres", "/system.slice/postgresql@15-main.service",
			   FL_READ, FL_OWN);
	for (int i = 0; i < 99; i++)
		hist_add(&proc->hist, 2 * MS);
	hist_add(&proc->hist, 4 * S);
	proc->hot = true;
	proc = sample_proc(snap, 1200, "postgres", "/system.slice/postgresql@15-main.service",
			   FL_WRITE, FL_REMOTE);
	hist_add(&proc->hist, 150 * MS);
	proc = sample_proc(snap, 77, "feed", "/user.slice/feed.scope", FL_WRITE, FL_OWN);
	hist_add(&proc->hist, 12 * MS);
	sample_blame(snap, 1200, 4711, "process-exporte", CAUSE_PROCFS, FL_CONF_HINT, 4 * S);
	sample_blame(snap, 1200, 1234, "postgres", CAUSE_MUNMAP, FL_CONF_EXACT, 100 * MS);
	sample_blame(snap, 77, 0, "", CAUSE_UNKNOWN, FL_CONF_NONE, 12 * MS);
	snap->blames[1].holder.detail = sample_dup("munmap(0x7f0000000000, 1.0 GiB)");
	sample_stacks(snap);
	sample_wait(snap, 1200, "postgres", 15200 * MS, false)->kstack = 0;
	sample_wait(snap, 1200, "postgres", 2500 * MS, true);
	feature = snapshot_add_feature(snap);
	assert_non_null(feature);
	feature->name = sample_dup("exact");
	feature->state = FEATURE_FAILED;
	feature->reason = sample_dup("fentry: Operation not permitted");
	return snap;
}

#endif
