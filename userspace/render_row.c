// SPDX-License-Identifier: GPL-2.0
/*
 * What does a report have rows for? Elements of a snapshot are sorted by the
 * key of the grouping, then neighbours with equal keys become one row. Where
 * they differ in something that the row shows, it shows none (ROW_SEVERAL).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "render_row.h"

static int order(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int order_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) : order(!!a, !!b);
}

static int by_process(const struct render_row *x, const struct render_row *y)
{
	int cmp = order(x->tgid, y->tgid);

	return cmp ? cmp : order(x->start_ns, y->start_ns);
}

static int by_mode(const struct render_row *x, const struct render_row *y)
{
	int cmp = order((uint64_t)x->mode, (uint64_t)y->mode);

	if (!cmp)
		cmp = order((uint64_t)x->cls, (uint64_t)y->cls);
	return cmp ? cmp : order((uint64_t)x->rel, (uint64_t)y->rel);
}

static int by_holder(const struct render_row *x, const struct render_row *y)
{
	int cmp = by_process(x, y);

	if (!cmp)
		cmp = order(x->holder->tgid, y->holder->tgid);
	if (!cmp)
		cmp = order(x->holder->tid, y->holder->tid);
	return cmp ? cmp : order(x->holder->cause, y->holder->cause);
}

static int compare_rows(const struct render_row *x, const struct render_row *y, enum render_by by)
{
	int cmp;

	switch (by) {
	case RENDER_BY_PROCESS:
		return by_process(x, y);
	case RENDER_BY_MODE:
		return by_mode(x, y);
	case RENDER_BY_CGROUP:
		return order_text(x->cgroup, y->cgroup);
	case RENDER_BY_CAUSE:
		return order(x->holder->cause, y->holder->cause);
	case RENDER_BY_HOLDER:
		return by_holder(x, y);
	case RENDER_BY_STACK:
		return order((uintptr_t)x->stack, (uintptr_t)y->stack);
	case RENDER_BY_ROWS:
	case RENDER_NR_BYS:
		break;
	}
	cmp = by_process(x, y);
	return cmp ? cmp : by_mode(x, y);
}

/* Sorted by group; within it by process, so that processes can be counted. */
static int compare_for_grouping(const void *a, const void *b, void *arg)
{
	const struct render_row *x = a, *y = b;
	int cmp = compare_rows(x, y, *(const enum render_by *)arg);

	return cmp ? cmp : by_process(x, y);
}

static void merge_int(int *into, int from)
{
	if (*into != from)
		*into = ROW_SEVERAL;
}

static void merge_rows(struct render_row *into, const struct render_row *from, bool new_process)
{
	/* The holder shown is the one most waited for, as sure as the least sure. */
	if (from->hist.total_ns > into->waited_ns && from->holder) {
		into->waited_ns = from->hist.total_ns;
		into->holder = from->holder;
	}
	if (from->conf < into->conf)
		into->conf = from->conf;
	hist_merge(&into->hist, &from->hist);
	into->spun += from->spun;
	into->n_procs += new_process;
	into->gone &= from->gone;
	into->hot |= from->hot;
	merge_int(&into->mode, from->mode);
	merge_int(&into->cls, from->cls);
	merge_int(&into->rel, from->rel);
	merge_int(&into->waiter_cause, from->waiter_cause);
}

/* What a row of this grouping must not claim to be about. */
static void strip_row(struct render_row *row, enum render_by by)
{
	if (by == RENDER_BY_MODE || by == RENDER_BY_CGROUP || by == RENDER_BY_CAUSE) {
		row->tgid = 0;
		row->comm = NULL;
		row->gone = row->hot = false;
		if (by != RENDER_BY_CGROUP)
			row->cgroup = NULL;
	}
}

static void group_rows(struct render_rows *rows, enum render_by by)
{
	size_t kept = 0;

	if (!rows->n)
		return;
	qsort_r(rows->rows, rows->n, sizeof(*rows->rows), compare_for_grouping, &by);
	for (size_t i = 1; i < rows->n; i++) {
		struct render_row *row = &rows->rows[i];

		if (!compare_rows(&rows->rows[kept], row, by))
			merge_rows(&rows->rows[kept], row, by_process(row - 1, row) != 0);
		else
			rows->rows[++kept] = *row;
	}
	rows->n = kept + 1;
}

static struct render_row *add_row(struct render_rows *rows, const struct snapshot *snap)
{
	struct render_row *row = &rows->rows[rows->n++];

	*row = (struct render_row){
		.snap = snap, .n_procs = 1, .conf = ROW_SEVERAL, .waiter_cause = ROW_SEVERAL};
	return row;
}

static void rows_of_procs(const struct snapshot *snap, struct render_rows *rows)
{
	for (size_t i = 0; i < snap->n_procs; i++) {
		const struct snap_proc *proc = &snap->procs[i];
		struct render_row *row = add_row(rows, snap);

		row->tgid = proc->tgid;
		row->start_ns = proc->start_ns;
		row->comm = proc->comm;
		row->cgroup = proc->cgroup;
		row->gone = proc->gone;
		row->hot = proc->hot;
		row->mode = proc->mode;
		row->cls = proc->cls;
		row->rel = proc->rel;
		row->has_hist = true;
		row->hist = proc->hist;
		row->spun = proc->kind == FL_SPUN ? proc->hist.count : 0;
	}
}

static void rows_of_blames(const struct snapshot *snap, struct render_rows *rows)
{
	for (size_t i = 0; i < snap->n_blames; i++) {
		const struct snap_blame *blame = &snap->blames[i];
		struct render_row *row = add_row(rows, snap);

		row->tgid = blame->tgid;
		row->start_ns = blame->start_ns;
		row->mode = blame->mode;
		row->cls = blame->cls;
		row->rel = blame->rel;
		row->hist.count = blame->count;
		row->hist.total_ns = row->waited_ns = blame->total_ns;
		row->hist.max_ns = blame->max_ns;
		row->holder = &blame->holder;
		row->conf = blame->conf;
		row->waiter_cause = blame->waiter_cause;
	}
}

static void rows_of_stacks(const struct snapshot *snap, enum snap_role role,
			   struct render_rows *rows)
{
	for (size_t i = 0; i < snap->n_stacks; i++) {
		const struct snap_stack *stack = &snap->stacks[i];
		struct render_row *row;

		if (!stack->count /* belongs to a single wait */ ||
		    (role < SNAP_NR_ROLES && stack->role != role))
			continue;
		row = add_row(rows, snap);
		row->tgid = stack->tgid;
		row->mode = stack->mode;
		row->cls = row->rel = ROW_SEVERAL;
		row->hist.count = stack->count;
		row->hist.total_ns = stack->total_ns;
		row->comm = stack->comm;
		row->waiter_cause = stack->cause;
		row->stack = stack;
	}
}

static int order_blame(const struct snap_blame *x, uint32_t tgid, uint64_t start_ns)
{
	int cmp = order(x->tgid, tgid);

	return cmp ? cmp : order(x->start_ns, start_ns);
}

static int compare_blames(const void *a, const void *b)
{
	const struct snap_blame *x = *(const struct snap_blame *const *)a;
	const struct snap_blame *y = *(const struct snap_blame *const *)b;

	return order_blame(x, y->tgid, y->start_ns);
}

static bool concerns(const struct snap_blame *blame, const struct render_row *row)
{
	return (row->mode == ROW_SEVERAL || row->mode == (int)blame->mode) &&
	       (row->cls == ROW_SEVERAL || row->cls == (int)blame->cls) &&
	       (row->rel == ROW_SEVERAL || row->rel == (int)blame->rel);
}

/* Rows of processes learn whom they waited for most. */
static int add_holders(const struct snapshot *snap, struct render_rows *rows)
{
	const struct snap_blame **sorted = calloc(snap->n_blames + 1, sizeof(*sorted));
	size_t first = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < snap->n_blames; i++)
		sorted[i] = &snap->blames[i];
	qsort(sorted, snap->n_blames, sizeof(*sorted), compare_blames);

	for (size_t i = 0; i < rows->n; i++) { /* rows are in the same order */
		struct render_row *row = &rows->rows[i];

		while (first < snap->n_blames &&
		       order_blame(sorted[first], row->tgid, row->start_ns) < 0)
			first++;
		for (size_t j = first;
		     j < snap->n_blames && !order_blame(sorted[j], row->tgid, row->start_ns); j++)
			if (concerns(sorted[j], row) && sorted[j]->holder.tid &&
			    sorted[j]->total_ns > row->waited_ns) {
				row->waited_ns = sorted[j]->total_ns;
				row->holder = &sorted[j]->holder;
				row->conf = sorted[j]->conf;
			}
	}
	free(sorted);
	return 0;
}

/* Blames and stacks know only the pid of the process: its name is in procs. */
static void name_processes(const struct snapshot *snap, struct render_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		struct render_row *row = &rows->rows[i];

		for (size_t j = 0; j < snap->n_procs && !row->comm; j++) {
			const struct snap_proc *proc = &snap->procs[j];

			if (proc->tgid != row->tgid || proc->start_ns != row->start_ns)
				continue;
			row->comm = proc->comm;
			row->cgroup = proc->cgroup;
			row->gone = proc->gone;
		}
	}
}

static void drop_short(struct render_rows *rows, const struct render_opts *opts)
{
	size_t kept = 0;

	for (size_t i = 0; i < rows->n; i++)
		/* Stack totals have no maximum: they stay. */
		if (rows->rows[i].stack || rows->rows[i].hist.max_ns >= opts->min_wait_ns) {
			if (kept != i)
				rows->rows[kept] = rows->rows[i];
			kept++;
		}
	rows->n = kept;
}

int render_rows_build(const struct snapshot *snap, const struct render_opts *opts,
		      struct render_rows *ret_rows)
{
	size_t most = snap->n_procs + snap->n_blames + snap->n_stacks + 1;
	bool of_procs = false;
	struct render_rows rows = {.rows = calloc(most, sizeof(*rows.rows))};
	int err = 0;

	if (!rows.rows)
		return -ENOMEM;
	if (opts->by == RENDER_BY_STACK)
		rows_of_stacks(snap, opts->role, &rows);
	else if (opts->by == RENDER_BY_CAUSE || opts->by == RENDER_BY_HOLDER)
		rows_of_blames(snap, &rows);
	else {
		rows_of_procs(snap, &rows);
		of_procs = opts->by == RENDER_BY_ROWS || opts->by == RENDER_BY_PROCESS;
	}
	group_rows(&rows, opts->by);
	if (of_procs)
		err = add_holders(snap, &rows);
	drop_short(&rows, opts);
	for (size_t i = 0; i < rows.n; i++)
		strip_row(&rows.rows[i], opts->by);
	if (opts->by == RENDER_BY_HOLDER)
		name_processes(snap, &rows);
	if (err) {
		free(rows.rows);
		return err;
	}
	*ret_rows = rows;
	return 0;
}

int render_rows_waits(const struct snapshot *snap, const struct render_opts *opts,
		      bool unfinished_only, struct render_rows *ret_rows)
{
	struct render_rows rows = {.rows = calloc(snap->n_waits + 1, sizeof(*rows.rows))};

	if (!rows.rows)
		return -ENOMEM;
	for (size_t i = 0; i < snap->n_waits; i++) {
		const struct snap_wait *wait = &snap->waits[i];
		struct render_row *row;

		if (wait->dur_ns < opts->min_wait_ns || (unfinished_only && wait->finished))
			continue;
		row = add_row(&rows, snap);
		row->tgid = wait->tgid;
		row->start_ns = wait->start_ns;
		row->comm = wait->comm;
		row->cgroup = wait->cgroup;
		row->mode = wait->mode;
		row->cls = wait->cls;
		row->rel = wait->rel;
		row->hist.total_ns = row->hist.max_ns = wait->dur_ns;
		row->hist.count = 1;
		row->holder = &wait->holder;
		row->conf = wait->conf;
		row->waiter_cause = wait->waiter.cause;
		row->wait = wait;
	}
	*ret_rows = rows;
	return 0;
}

void render_rows_cut(struct render_rows *rows, const struct render_opts *opts)
{
	if (opts->entries && rows->n > opts->entries) {
		rows->n_left_out = rows->n - opts->entries;
		rows->n = opts->entries;
	}
}

void render_rows_free(struct render_rows *rows)
{
	free(rows->rows);
}
