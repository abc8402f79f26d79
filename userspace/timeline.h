/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When in a window did the waits happen? Totals are taken now and then, and what
 * came between two of them makes a column; single waits keep their own times.
 * Bounded: columns are joined in pairs, and the longest waits are kept. Pure.
 */
#ifndef FAULTLINE_TIMELINE_H
#define FAULTLINE_TIMELINE_H

#include "snapshot.h"

#define TIMELINE_MAX_COLUMNS 240 /* more than a screen shows apart */
#define TIMELINE_MAX_WAITS   1000UL

/* Waits of all processes that ended in (begin_ns, end_ns], CLOCK_MONOTONIC. */
struct timeline_column {
	uint64_t begin_ns;
	uint64_t end_ns;
	struct hist hist;
	uint64_t lost; /* waits that are in no histogram */
};

struct timeline {
	struct timeline_column columns[TIMELINE_MAX_COLUMNS];
	size_t n_columns;
	size_t joined; /* totals that make a column: a power of two */
	size_t n_joined; /* in the last column */
	struct hist sum; /* of the last totals, and what they had lost */
	uint64_t lost;
	struct snapshot *waits; /* its waits alone; stacks are left out */
	uint64_t left_out; /* single waits that were too many */
};

struct timeline *timeline_new(void); /* NULL: out of memory */
void timeline_free(struct timeline *timeline); /* NULL-safe */

/* Totals since the beginning, which is the same in each call: they grow. */
void timeline_add_totals(struct timeline *timeline, const struct snapshot *so_far);
/*
 * The single waits of a snapshot, copied; one may come again. unfinished: also those
 * that have not ended; only the last snapshot of a window knows which these are. 0 or -ENOMEM.
 */
int timeline_add_waits(struct timeline *timeline, const struct snapshot *snap, bool unfinished);
/* Before it is drawn: each wait once, within the bound, in the order of their begin. */
void timeline_finish(struct timeline *timeline);

#endif
