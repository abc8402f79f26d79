// SPDX-License-Identifier: GPL-2.0
/*
 * Which output is asked for? Builds the rows of a view, orders and cuts them,
 * and hands them to the writer of the format.
 */
#include <errno.h>
#include <string.h>

#include "render_data.h"
#include "render_table.h"
#include "speculation.h"

/* What a write error was, at the end: stdio remembers it. */
static int finish(FILE *out, int err)
{
	return err ? err : ferror(out) ? -EIO : 0;
}

static int put_rows(FILE *out, const struct snapshot *snap, struct render_rows *rows,
		    const struct render_opts *opts, unsigned int set)
{
	int err;

	switch (opts->format) {
	case RENDER_JSON:
		return render_json(out, snap, rows, opts, set);
	case RENDER_JSONL:
		err = render_jsonl(out, rows, opts, set);
		return err ? err : render_jsonl_meta(out, snap);
	case RENDER_CSV:
		render_csv_header(out, opts, set);
		return render_csv(out, rows, opts, set);
	default:
		render_warnings(out, snap, opts);
		if (rows->n)
			err = render_table(out, rows, opts, set);
		else
			err = fputs("No waits.\n", out) < 0 ? -EIO : 0;
		if (set == SET_TOP || opts->by == RENDER_BY_ROWS || opts->by == RENDER_BY_PROCESS)
			speculation_table(out, snap, opts);
		render_footer(out, snap, opts);
		return err;
	}
}

int render_report(FILE *out, const struct snapshot *snap, const struct render_opts *opts)
{
	struct render_rows rows = {0};
	int err;

	if (opts->format == RENDER_FOLDED) {
		render_folded(out, snap, opts->role);
		return finish(out, 0);
	}
	if (opts->format == RENDER_OPENMETRICS)
		return render_metrics(out, snap, opts, NULL);

	err = render_rows_build(snap, opts, &rows);
	if (!err) {
		render_rows_sort(&rows, opts, COL_TOTAL);
		render_rows_cut(&rows, opts);
		err = put_rows(out, snap, &rows, opts, opts->by);
	}
	render_rows_free(&rows);
	return finish(out, err);
}

/* Waits that go on stand first, and in no total: they are a table of their own. */
static int put_unfinished(FILE *out, const struct snapshot *diff, const struct render_opts *opts)
{
	struct render_opts mine = *opts;
	struct render_rows rows = {0};
	int err = render_rows_waits(diff, opts, true, &rows);

	if (err)
		return err;
	mine.n_fields = 0; /* those chosen are of the other table */
	mine.sort = RENDER_SORT_DEFAULT;
	render_rows_sort(&rows, &mine, COL_WAIT);
	render_rows_cut(&rows, &mine);
	if (rows.n) {
		err = render_table(out, &rows, &mine, SET_WAITS);
		putc('\n', out);
	}
	render_rows_free(&rows);
	return err;
}

int render_top(FILE *out, const struct snapshot *diff, const struct render_opts *opts)
{
	struct render_opts mine = *opts;
	struct render_rows rows = {0};
	unsigned int set = SET_TOP;
	int err;

	if (mine.by == RENDER_BY_ROWS)
		mine.by = RENDER_BY_PROCESS;
	if (mine.by != RENDER_BY_PROCESS)
		set = mine.by;
	if (mine.format == RENDER_FOLDED || mine.format == RENDER_OPENMETRICS)
		return render_report(out, diff, &mine);

	err = render_rows_build(diff, &mine, &rows);
	if (!err) {
		render_rows_sort(&rows, &mine, COL_TOTAL);
		render_rows_cut(&rows, &mine);
		if (mine.format == RENDER_TABLE)
			err = put_unfinished(out, diff, &mine);
	}
	if (!err)
		err = put_rows(out, diff, &rows, &mine, set);
	render_rows_free(&rows);
	return finish(out, err);
}

int render_waits_header(FILE *out, const struct render_opts *opts)
{
	if (opts->format == RENDER_TABLE)
		render_stream_header(out, opts, SET_WAITS);
	else if (opts->format == RENDER_CSV)
		render_csv_header(out, opts, SET_WAITS);
	return finish(out, 0);
}

/* The whole wait, with its stacks, in one object. */
static int wait_line(FILE *out, const struct snapshot *snap, const struct snap_wait *wait)
{
	json_t *object = snapshot_wait_to_json(snap, wait);
	struct render_row row = {.snap = snap, .wait = wait};
	struct column_value began = {0};

	render_columns[COL_TIME].get(&row, &began);
	if (!object || json_object_set_new(object, "schema", json_integer(SNAPSHOT_SCHEMA)) ||
	    json_object_set_new(object, "time_unix_ns",
				began.present ? json_integer((json_int_t)began.number)
					      : json_null())) {
		json_decref(object);
		return -ENOMEM;
	}
	return render_json_line(out, object);
}

int render_waits(FILE *out, const struct snapshot *snap, const struct render_opts *opts)
{
	struct render_rows rows = {0};
	int err = render_rows_waits(snap, opts, false, &rows);

	if (err)
		return err;
	render_rows_sort(&rows, opts, COL_NR);
	render_rows_cut(&rows, opts);
	if (opts->format == RENDER_CSV)
		err = render_csv(out, &rows, opts, SET_WAITS);
	for (size_t i = 0; i < rows.n && !err; i++)
		if (opts->format == RENDER_TABLE)
			render_stream_row(out, &rows.rows[i], opts, SET_WAITS);
		else if (opts->format == RENDER_JSON || opts->format == RENDER_JSONL)
			err = wait_line(out, snap, rows.rows[i].wait);
	render_rows_free(&rows);
	return finish(out, err);
}

int render_stacks(FILE *out, const struct snapshot *snap, enum snap_role role,
		  const struct render_opts *opts)
{
	struct render_opts mine = *opts;

	if (opts->format == RENDER_FOLDED) {
		render_folded(out, snap, role);
		return finish(out, 0);
	}
	mine.by = RENDER_BY_STACK;
	mine.role = role;
	return render_report(out, snap, &mine);
}
