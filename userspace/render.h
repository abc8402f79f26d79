/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a snapshot is shown: tables for people, and json, jsonl, csv, folded and
 * openmetrics for programs. Everything here only reads the snapshot. Functions
 * that write return 0, or a negative errno (-ENOMEM; -EIO when out has an
 * error). What was lost stands in every output: as the last lines of a table,
 * as `meta` in json and as the last object of jsonl, as counters in
 * openmetrics. csv and folded have no room for it: there the caller prints
 * render_footer() on stderr.
 */
#ifndef FAULTLINE_RENDER_H
#define FAULTLINE_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "snapshot.h"

enum render_format {
	RENDER_TABLE,
	RENDER_JSON,
	RENDER_JSONL,
	RENDER_CSV,
	RENDER_FOLDED,
	RENDER_OPENMETRICS,
	RENDER_NR_FORMATS
};

/* What one row stands for. ROWS: a process, mode, class and relation. */
enum render_by {
	RENDER_BY_ROWS,
	RENDER_BY_PROCESS,
	RENDER_BY_MODE,
	RENDER_BY_CGROUP,
	RENDER_BY_CAUSE,
	RENDER_BY_HOLDER,
	RENDER_BY_STACK,
	RENDER_NR_BYS
};

#define RENDER_MAX_FIELDS   40
#define RENDER_SORT_DEFAULT 0xff

/* What a daemon does beside measuring, since it started. */
struct render_service {
	uint64_t incidents_written, incidents_failed, incidents_suppressed;
	uint64_t records, record_bytes; /* there now */
	uint64_t hook_run, hook_failed, hook_skipped;
	uint64_t breaker_opened;
};

struct render_opts {
	enum render_format format;
	enum render_by by;
	uint8_t fields[RENDER_MAX_FIELDS]; /* by render_parse_fields() */
	size_t n_fields; /* 0: the usual ones of that table */
	enum snap_role role; /* BY_STACK: whose; SNAP_NR_ROLES: all */
	uint8_t sort; /* by render_parse_sort() */
	size_t entries; /* rows at most; 0: all */
	size_t width; /* of the terminal; 0: as wide as needed */
	bool color;
	bool no_header;
	uint64_t min_wait_ns; /* leave out waits, and rows with a maximum, below */
	unsigned int metrics_top; /* cgroups with series of their own */
	bool metrics_per_process; /* series of hot processes, by pid */
	bool metrics_textfile; /* the older text format: node_exporter's textfiles */
	const struct render_service *metrics_service; /* NULL: measured without a daemon */
};

/* Table, BY_ROWS, default order, all entries, unlimited width, 20 cgroups. */
void render_default_opts(struct render_opts *opts);

/* 0, or -EINVAL for a word that is not in the list of render_*_words(). */
int render_parse_format(const char *text, enum render_format *ret);
int render_parse_by(const char *text, enum render_by *ret);
int render_parse_sort(const char *text, uint8_t *ret);
/* Comma-separated, in any case; "+a,b" adds to the usual ones of opts->by. */
int render_parse_fields(const char *text, struct render_opts *opts);

/* For help and error messages: the accepted words, separated by ", ". */
const char *render_format_words(void);
const char *render_by_words(void);
/* Writes every field with its meaning, one a line. */
void render_help_fields(FILE *out);

/* The totals of a snapshot, grouped by opts->by. folded: render_stacks(). */
int render_report(FILE *out, const struct snapshot *snap, const struct render_opts *opts);

/* A diff: waits that have not ended first, then the processes by waiting time. */
int render_top(FILE *out, const struct snapshot *diff, const struct render_opts *opts);

/*
 * Single waits, one a line, as they come: the header once, then the waits of
 * each snapshot (fixed widths). The caller ends with render_footer(). In json
 * each call writes a document of its own, as in jsonl.
 */
int render_waits_header(FILE *out, const struct render_opts *opts);
int render_waits(FILE *out, const struct snapshot *snap, const struct render_opts *opts);

/*
 * Stack totals as folded lines "comm;frame;...;frame microseconds", root
 * first; in other formats the report by stack. role SNAP_NR_ROLES: all.
 */
int render_stacks(FILE *out, const struct snapshot *snap, enum snap_role role,
		  const struct render_opts *opts);

/*
 * OpenMetrics (or, with metrics_textfile, the older text format). The state
 * keeps counters monotonic between calls and belongs to the caller; NULL for a
 * single output.
 */
struct render_metrics_state;
struct render_metrics_state *render_metrics_new(void);
void render_metrics_free(struct render_metrics_state *state); /* NULL-safe */
int render_metrics(FILE *out, const struct snapshot *snap, const struct render_opts *opts,
		   struct render_metrics_state *state);

/*
 * The lines below every table: warnings (breaker open, waits lost, waits that
 * have not ended), then window, source, losses, own cost and blind spot.
 */
void render_footer(FILE *out, const struct snapshot *snap, const struct render_opts *opts);
/* Breaker and losses alone: what makes the numbers wrong. Nothing if all is well. */
void render_warnings(FILE *out, const struct snapshot *snap, const struct render_opts *opts);

#endif
