// SPDX-License-Identifier: GPL-2.0
/*
 * When did the waits happen? A wait is told more than once: while it lasts, when
 * it ends, and in the totals. Of what is said of one (its thread and its begin
 * tell which) the latest counts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "timeline.h"

struct timeline *timeline_new(void)
{
	struct timeline *timeline = calloc(1, sizeof(*timeline));

	if (!timeline)
		return NULL;
	timeline->joined = 1;
	timeline->waits = snapshot_new();
	if (!timeline->waits) {
		free(timeline);
		return NULL;
	}
	return timeline;
}

void timeline_free(struct timeline *timeline)
{
	if (!timeline)
		return;
	snapshot_free(timeline->waits);
	free(timeline);
}

static void join_columns(struct timeline *timeline)
{
	struct timeline_column *columns = timeline->columns;

	for (size_t i = 0; i < TIMELINE_MAX_COLUMNS / 2; i++) {
		struct timeline_column *second = &columns[2 * i + 1];

		columns[i] = columns[2 * i];
		columns[i].end_ns = second->end_ns;
		columns[i].lost += second->lost;
		hist_merge(&columns[i].hist, &second->hist);
	}
	timeline->n_columns = TIMELINE_MAX_COLUMNS / 2;
	timeline->joined *= 2;
}

/* The column that ends now: the last one, or another after it. */
static struct timeline_column *column_now(struct timeline *timeline, const struct snap_meta *meta)
{
	struct timeline_column *column;

	if (timeline->n_columns && timeline->n_joined < timeline->joined) {
		timeline->n_joined++;
		return &timeline->columns[timeline->n_columns - 1];
	}
	if (timeline->n_columns == TIMELINE_MAX_COLUMNS)
		join_columns(timeline);
	column = &timeline->columns[timeline->n_columns];
	*column = (struct timeline_column){.begin_ns = meta->mono_ns - meta->window_ns};
	if (timeline->n_columns)
		column->begin_ns = timeline->columns[timeline->n_columns - 1].end_ns;
	timeline->n_columns++;
	timeline->n_joined = 1;
	return column;
}

void timeline_add_totals(struct timeline *timeline, const struct snapshot *so_far)
{
	struct timeline_column *column = column_now(timeline, &so_far->meta);
	uint64_t lost = snapshot_lost_waits(&so_far->meta);
	struct hist sum = {0}, new;

	for (size_t i = 0; i < so_far->n_procs; i++)
		hist_merge(&sum, &so_far->procs[i].hist);
	new = sum;
	hist_sub(&new, &timeline->sum);
	hist_merge(&column->hist, &new);
	column->lost += lost > timeline->lost ? lost - timeline->lost : 0;
	column->end_ns = so_far->meta.mono_ns;
	timeline->sum = sum;
	timeline->lost = lost;
}

static int order(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* What is the same wait, the longest (and so the latest) word on it first. */
static int by_wait(const void *a, const void *b)
{
	const struct snap_wait *x = a, *y = b;
	int cmp = order(x->begin_ns, y->begin_ns);

	if (!cmp)
		cmp = order(x->waiter.tid, y->waiter.tid);
	if (!cmp)
		cmp = order(y->finished, x->finished);
	return cmp ? cmp : order(y->dur_ns, x->dur_ns);
}

static int longest_first(const void *a, const void *b)
{
	const struct snap_wait *x = a, *y = b;
	int cmp = order(y->dur_ns, x->dur_ns);

	return cmp ? cmp : by_wait(a, b);
}

static void drop_doubles(struct snapshot *snap)
{
	size_t kept = 0;

	for (size_t i = 0; i < snap->n_waits; i++) {
		struct snap_wait *wait = &snap->waits[i];
		const struct snap_wait *last = kept ? &snap->waits[kept - 1] : NULL;

		if (last && last->begin_ns == wait->begin_ns &&
		    last->waiter.tid == wait->waiter.tid)
			snapshot_free_wait(wait);
		else
			snap->waits[kept++] = *wait;
	}
	snap->n_waits = kept;
}

void timeline_finish(struct timeline *timeline)
{
	struct snapshot *snap = timeline->waits;

	if (!snap->n_waits)
		return;
	qsort(snap->waits, snap->n_waits, sizeof(*snap->waits), by_wait);
	drop_doubles(snap);
	if (snap->n_waits > TIMELINE_MAX_WAITS) {
		qsort(snap->waits, snap->n_waits, sizeof(*snap->waits), longest_first);
		timeline->left_out += snap->n_waits - TIMELINE_MAX_WAITS;
		while (snap->n_waits > TIMELINE_MAX_WAITS)
			snapshot_free_wait(&snap->waits[--snap->n_waits]);
	}
	qsort(snap->waits, snap->n_waits, sizeof(*snap->waits), by_wait);
}

int timeline_add_waits(struct timeline *timeline, const struct snapshot *snap, bool unfinished)
{
	for (size_t i = 0; i < snap->n_waits; i++) {
		const struct snap_wait *wait = &snap->waits[i];
		struct snap_wait *copy;

		if (!wait->finished && !unfinished)
			continue;
		copy = snapshot_copy_wait(timeline->waits, wait);
		if (!copy)
			return -ENOMEM;
		copy->kstack = copy->ustack = copy->holder_stack = -1;
		if (timeline->waits->n_waits >= 2 * TIMELINE_MAX_WAITS)
			timeline_finish(timeline);
	}
	return 0;
}
