/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The columns of every table, csv and row object: one table of them, each with
 * its names, how its value is got and how it is written.
 */
#ifndef FAULTLINE_RENDER_COLUMN_H
#define FAULTLINE_RENDER_COLUMN_H

#include "render_row.h"

enum column_kind {
	COLUMN_TEXT,
	COLUMN_PATH, /* text whose end matters most */
	COLUMN_TASK, /* comm/number: the comm may be cut, the number not */
	COLUMN_ID, /* a number that is a name */
	COLUMN_COUNT, /* 12,345 */
	COLUMN_DURATION, /* nanoseconds */
	COLUMN_WAIT, /* nanoseconds, and whether it goes on */
	COLUMN_TIME, /* wall clock, nanoseconds */
	COLUMN_PERMILLE, /* a ratio */
	COLUMN_MILLI, /* thousandths a second */
	COLUMN_BOOL,
	COLUMN_FRAMES /* a stack */
};

struct column_value {
	bool present;
	const char *text; /* COLUMN_TEXT, COLUMN_PATH */
	uint64_t number; /* all others */
	char buf[192]; /* for getters that compose text */
};

struct render_column {
	const char *name; /* heading; in lower case the word for -F and -k */
	const char *key; /* in json and csv, with the unit */
	enum column_kind kind;
	uint8_t min_width; /* text may be cut to this */
	uint8_t drop; /* order of leaving a narrow terminal; 0: never */
	bool drop_if_same; /* leaves first, when equal in all rows (a note says so) */
	void (*get)(const struct render_row *row, struct column_value *ret);
	const char *help;
};

enum column_id {
	COL_PID,
	COL_COMM,
	COL_MODE,
	COL_CLASS,
	COL_WHO,
	COL_COUNT,
	COL_TOTAL,
	COL_MEAN,
	COL_P50,
	COL_P99,
	COL_MAX,
	COL_CGROUP,
	COL_SPUN,
	COL_RATE,
	COL_WAITPCT,
	COL_PROCS,
	COL_GONE,
	COL_HOT,
	COL_WAITED_FOR,
	COL_HTID,
	COL_HPID,
	COL_HCOMM,
	COL_CAUSE,
	COL_SURE,
	COL_DETAIL,
	COL_WANTS,
	COL_ROLE,
	COL_STACK,
	COL_TIME,
	COL_WAITER,
	COL_WTID,
	COL_WPID,
	COL_WCOMM,
	COL_WAIT,
	COL_DONE,
	COL_RET,
	COL_LOCK_OF,
	COL_BEHIND,
	COL_CONTAINER,
	COL_NR
};

extern const struct render_column render_columns[COL_NR];

/* Which columns a table has when nothing is chosen. */
enum column_set { SET_TOP = RENDER_NR_BYS, SET_WAITS, SET_NR };
/* Fills ids (RENDER_MAX_FIELDS) and returns their number. */
size_t render_column_set(unsigned int set, bool for_people, uint8_t *ids);
/* COL_NR for a word that is none. */
unsigned int render_column_find(const char *word, size_t len);

/* The text of a cell as people read it; "-" where there is no value. */
void render_column_format(const struct render_column *column, const struct render_row *row,
			  char *buf, size_t size);
/* " < " between frames, innermost first, those of the user stack below it. */
void render_column_frames(const struct render_row *row, char *buf, size_t size);

#endif
