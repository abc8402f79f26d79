/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The verdict on one process: who was blocked by whom, for how long, doing
 * what, how sure that is, and what can be done. Numbers in, words out: pure,
 * but for the FILE that it writes to.
 */
#ifndef FAULTLINE_VERDICT_H
#define FAULTLINE_VERDICT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "advice.h"
#include "snapshot.h"

enum verdict_mechanism {
	VERDICT_NONE, /* nobody waited */
	VERDICT_UNCLEAR, /* waits, but no holder was seen */
	VERDICT_WRITER, /* long write holds: nobody else can do anything */
	VERDICT_WRITERS, /* no long hold, but many short write holds */
	VERDICT_READER, /* a long reader: writers wait */
	VERDICT_READER_CONVOY, /* long reader, queued writer, everybody behind it */
	VERDICT_NR
};

/* All waits behind one process doing one thing (threads together). */
struct verdict_holder {
	const struct snap_task *task; /* of the longest of these waits */
	uint64_t count, total_ns, max_ns;
	uint64_t conf_ns[FL_NR_CONFIDENCES];
	uint64_t mode_count[FL_NR_MODES]; /* of the waiters */
	uint64_t mode_max_ns[FL_NR_MODES];
	enum cause mode_cause[FL_NR_MODES]; /* of the waiter that waited longest */
	enum fl_confidence conf; /* the one with the most time */
	bool several; /* more than one thread */
};

#define VERDICT_MAX_HOLDERS 64

struct verdict {
	uint32_t tgid;
	uint64_t start_ns; /* the youngest process with this pid */
	bool reused; /* an older one was seen as well */
	bool gone;
	const char *comm; /* NULL: not seen */
	const char *cgroup; /* may be NULL */
	uint64_t window_ns;
	struct hist hist; /* finished waits, all modes together */
	uint64_t mode_count[FL_NR_MODES];
	uint64_t rel_count[FL_NR_RELATIONS];
	uint64_t vma_count; /* for the lock of a single VMA */
	size_t n_stuck; /* waits that have not ended */
	const struct snap_wait *stuck; /* the longest of them, or NULL */
	uint64_t stuck_ns; /* sum of them, each within the window */
	uint64_t waiting_ns; /* finished and not, all threads together */
	uint64_t max_ns; /* longest, finished or not */
	uint64_t since_ns; /* begin of the first single wait; 0: none seen */
	uint64_t n_behind_writer; /* single readers held up by a queued writer */
	struct verdict_holder holders[VERDICT_MAX_HOLDERS]; /* most time first */
	size_t n_holders;
	enum verdict_mechanism mechanism;
	const struct advice *advice; /* may be NULL */
};

/* Pointers in *ret belong to the snapshot. */
void verdict_of(const struct snapshot *snap, uint32_t tgid, struct verdict *ret);

/* "none", "unclear", "writer", "writers", "reader", "reader_convoy". */
const char *verdict_mechanism_name(enum verdict_mechanism mechanism);

/* The process that suffers most, unfinished waits first; false: none does. */
bool verdict_worst(const struct snapshot *snap, uint32_t *ret_tgid);

/* At most about 25 lines for people. 0, or -EIO. */
int verdict_explain(FILE *out, const struct snapshot *snap, uint32_t tgid);

/* One line without newline, always terminated; returns buf. */
const char *verdict_line(char *buf, size_t size, const struct snapshot *snap, uint32_t tgid);
#define VERDICT_LINE 512 /* a buffer that holds any line */

/* New reference, or NULL when out of memory. */
json_t *verdict_to_json(const struct snapshot *snap, uint32_t tgid);

#endif
