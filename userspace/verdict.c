// SPDX-License-Identifier: GPL-2.0
/*
 * Who blocked this process, and by which mechanism? Adds up a snapshot's rows
 * of one process: totals, holders (finished waits and those that have not
 * ended), and from the mode and cause of both sides how it came about.
 *
 * A reader that queues although a reader holds the lock was stopped by a
 * queued writer: nothing else makes it queue. That is how a convoy is told.
 */
#include <string.h>

#include "verdict.h"

/* From this many waits on, none of them long, it is the rate that hurts. */
#define MANY_WAITS 16

const char *verdict_mechanism_name(enum verdict_mechanism mechanism)
{
	static const char *const names[VERDICT_NR] = {
		[VERDICT_NONE] = "none",     [VERDICT_UNCLEAR] = "unclear",
		[VERDICT_WRITER] = "writer", [VERDICT_WRITERS] = "writers",
		[VERDICT_READER] = "reader", [VERDICT_READER_CONVOY] = "reader_convoy",
	};

	return (unsigned int)mechanism < VERDICT_NR ? names[mechanism] : "?";
}

static void see_start(struct verdict *v, uint64_t start_ns)
{
	if (v->start_ns && start_ns && start_ns != v->start_ns)
		v->reused = true;
	if (start_ns > v->start_ns)
		v->start_ns = start_ns;
}

/* A pid that was reused names several processes: the youngest is meant. */
static void find_process(const struct snapshot *snap, struct verdict *v)
{
	for (size_t i = 0; i < snap->n_procs; i++)
		if (snap->procs[i].tgid == v->tgid)
			see_start(v, snap->procs[i].start_ns);
	for (size_t i = 0; i < snap->n_waits; i++)
		if (snap->waits[i].tgid == v->tgid)
			see_start(v, snap->waits[i].start_ns);
}

static void add_procs(const struct snapshot *snap, struct verdict *v)
{
	for (size_t i = 0; i < snap->n_procs; i++) {
		const struct snap_proc *proc = &snap->procs[i];

		if (proc->tgid != v->tgid || proc->start_ns != v->start_ns)
			continue;
		v->comm = proc->comm;
		v->cgroup = proc->cgroup;
		v->gone |= proc->gone;
		hist_merge(&v->hist, &proc->hist);
		v->mode_count[proc->mode] += proc->hist.count;
		v->rel_count[proc->rel] += proc->hist.count;
		if (proc->cls == FL_VMA_LOCK)
			v->vma_count += proc->hist.count;
	}
}

static struct verdict_holder *find_holder(struct verdict *v, const struct snap_task *task)
{
	struct verdict_holder *holder;

	for (size_t i = 0; i < v->n_holders; i++) {
		holder = &v->holders[i];
		if (holder->task->tgid != task->tgid || holder->task->cause != task->cause ||
		    holder->task->kthread != task->kthread)
			continue;
		/* kernel threads are of one "process" each */
		if (task->kthread && holder->task->tid != task->tid)
			continue;
		holder->several |= holder->task->tid != task->tid;
		return holder;
	}
	if (v->n_holders == VERDICT_MAX_HOLDERS)
		return NULL;
	holder = &v->holders[v->n_holders++];
	holder->task = task;
	return holder;
}

struct blocked {
	const struct snap_task *holder;
	enum fl_confidence conf;
	enum fl_mode mode;
	enum cause cause;
	uint64_t count, total_ns, max_ns;
};

static void add_blocked(struct verdict *v, const struct blocked *b)
{
	struct verdict_holder *holder;

	if (!b->holder->tid || !b->count)
		return;
	holder = find_holder(v, b->holder);
	if (!holder)
		return;
	if (b->max_ns > holder->max_ns) {
		holder->max_ns = b->max_ns;
		holder->task = b->holder;
	}
	if (b->max_ns >= holder->mode_max_ns[b->mode]) {
		holder->mode_max_ns[b->mode] = b->max_ns;
		holder->mode_cause[b->mode] = b->cause;
	}
	holder->count += b->count;
	holder->total_ns += b->total_ns;
	holder->mode_count[b->mode] += b->count;
	holder->conf_ns[b->conf] += b->total_ns;
}

static void add_blames(const struct snapshot *snap, struct verdict *v)
{
	for (size_t i = 0; i < snap->n_blames; i++) {
		const struct snap_blame *blame = &snap->blames[i];
		const struct blocked b = {
			.holder = &blame->holder,
			.conf = blame->conf,
			.mode = blame->mode,
			.cause = blame->waiter_cause,
			.count = blame->count,
			.total_ns = blame->total_ns,
			.max_ns = blame->max_ns,
		};

		if (blame->tgid == v->tgid && blame->start_ns == v->start_ns)
			add_blocked(v, &b);
	}
}

static void add_stuck(struct verdict *v, const struct snap_wait *wait)
{
	uint64_t ns = wait->dur_ns;
	const struct blocked b = {
		.holder = &wait->holder,
		.conf = wait->conf,
		.mode = wait->mode,
		.cause = wait->waiter.cause,
		.count = 1,
		.total_ns = wait->dur_ns,
		.max_ns = wait->dur_ns,
	};

	if (v->window_ns && ns > v->window_ns)
		ns = v->window_ns;
	v->n_stuck++;
	v->stuck_ns += ns;
	if (!v->stuck || wait->dur_ns > v->stuck->dur_ns)
		v->stuck = wait;
	add_blocked(v, &b);
}

static void add_waits(const struct snapshot *snap, struct verdict *v)
{
	for (size_t i = 0; i < snap->n_waits; i++) {
		const struct snap_wait *wait = &snap->waits[i];

		if (wait->tgid != v->tgid || wait->start_ns != v->start_ns)
			continue;
		if (!v->comm) {
			v->comm = wait->comm;
			v->cgroup = wait->cgroup;
		}
		if (!v->since_ns || wait->begin_ns < v->since_ns)
			v->since_ns = wait->begin_ns;
		v->n_behind_writer += wait->queued_behind_writer;
		if (!wait->finished)
			add_stuck(v, wait);
	}
}

static void sort_holders(struct verdict *v)
{
	for (size_t i = 1; i < v->n_holders; i++) {
		struct verdict_holder holder = v->holders[i];
		size_t k = i;

		for (; k && v->holders[k - 1].total_ns < holder.total_ns; k--)
			v->holders[k] = v->holders[k - 1];
		v->holders[k] = holder;
	}
	for (size_t i = 0; i < v->n_holders; i++)
		for (int conf = 0; conf < FL_NR_CONFIDENCES; conf++)
			if (v->holders[i].conf_ns[conf] > v->holders[i].conf_ns[v->holders[i].conf])
				v->holders[i].conf = conf;
}

/* Whether a task that does this holds the lock for reading, where nothing better tells. */
static bool cause_reads(enum cause cause)
{
	switch (cause) {
	case CAUSE_PAGE_FAULT:
	case CAUSE_MINCORE:
	case CAUSE_PROCFS:
	case CAUSE_PROCESS_VM:
	case CAUSE_PTRACE:
	case CAUSE_GUP:
	case CAUSE_OOM:
	case CAUSE_NUMA:
		return true;
	default:
		return false;
	}
}

static enum verdict_mechanism mechanism_of(const struct verdict *v)
{
	const struct verdict_holder *top = &v->holders[0];
	bool reads;

	if (!v->hist.count && !v->n_stuck)
		return VERDICT_NONE;
	if (!v->n_holders)
		return VERDICT_UNCLEAR;
	/* exact means writer, a hint is a reader's */
	reads = top->conf == FL_CONF_HINT ||
		(top->conf == FL_CONF_RELEASE && cause_reads(top->task->cause));
	if (reads)
		return top->mode_count[FL_READ] || v->n_behind_writer ? VERDICT_READER_CONVOY
								      : VERDICT_READER;
	if (top->count >= MANY_WAITS && top->max_ns < top->total_ns / MANY_WAITS)
		return VERDICT_WRITERS;
	return VERDICT_WRITER;
}

void verdict_of(const struct snapshot *snap, uint32_t tgid, struct verdict *ret)
{
	struct verdict *v = ret;

	memset(v, 0, sizeof(*v));
	v->tgid = tgid;
	v->window_ns = snap->meta.window_ns;
	find_process(snap, v);
	add_procs(snap, v);
	add_blames(snap, v);
	add_waits(snap, v);
	sort_holders(v);
	v->waiting_ns = v->hist.total_ns + v->stuck_ns;
	v->max_ns = v->hist.max_ns;
	if (v->stuck && v->stuck->dur_ns > v->max_ns)
		v->max_ns = v->stuck->dur_ns;
	v->mechanism = mechanism_of(v);
	if (v->n_holders)
		v->advice = advice_for(v->holders[0].task->cause);
}

bool verdict_worst(const struct snapshot *snap, uint32_t *ret_tgid)
{
	const struct snap_wait *longest = NULL;
	uint64_t worst_ns = 0;
	uint32_t worst = 0;

	for (size_t i = 0; i < snap->n_waits; i++) {
		const struct snap_wait *wait = &snap->waits[i];

		if (!wait->finished && wait->tgid && (!longest || wait->dur_ns > longest->dur_ns))
			longest = wait;
	}
	if (longest) {
		*ret_tgid = longest->tgid;
		return true;
	}
	for (size_t i = 0; i < snap->n_procs; i++) {
		uint64_t ns = 0;

		if (!snap->procs[i].tgid)
			continue;
		for (size_t k = 0; k < snap->n_procs; k++)
			if (snap->procs[k].tgid == snap->procs[i].tgid &&
			    snap->procs[k].start_ns == snap->procs[i].start_ns)
				ns += snap->procs[k].hist.total_ns;
		if (ns > worst_ns) {
			worst_ns = ns;
			worst = snap->procs[i].tgid;
		}
	}
	if (!worst)
		return false;
	*ret_tgid = worst;
	return true;
}
