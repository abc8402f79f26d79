// SPDX-License-Identifier: GPL-2.0
/*
 * How do rows fit a terminal? Numbers are never cut: a number without its unit
 * would be a lie. Text is, and marked. Whole columns go in the order that the
 * column table gives, so that what tells rows apart and who is to blame stays.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "render_table.h"
#include "text.h"

#define CELL 4096

struct layout {
	uint8_t ids[RENDER_MAX_FIELDS];
	size_t width[RENDER_MAX_FIELDS];
	size_t n;
	bool chosen; /* by the user: nothing is left out */
	uint8_t dropped[RENDER_MAX_FIELDS];
	size_t n_dropped;
};

/* Widths of columns in a stream, where the contents are not known beforehand. */
static const uint8_t stream_width[COL_NR] = {
	[COL_TIME] = 12,  [COL_WAIT] = 16, [COL_WAITER] = 20,  [COL_WANTS] = 10,
	[COL_MODE] = 5,	  [COL_WHO] = 7,   [COL_LOCK_OF] = 20, [COL_WAITED_FOR] = 20,
	[COL_CAUSE] = 10, [COL_SURE] = 7,  [COL_DETAIL] = 40,  [COL_PID] = 7,
	[COL_COMM] = 15,  [COL_CLASS] = 9, [COL_CGROUP] = 40,  [COL_HCOMM] = 15,
	[COL_HTID] = 7,	  [COL_HPID] = 7,  [COL_WCOMM] = 15,   [COL_WTID] = 7,
	[COL_WPID] = 7,	  [COL_TOTAL] = 7,
};

static bool is_text(const struct render_column *column)
{
	return column->kind == COLUMN_TEXT || column->kind == COLUMN_PATH ||
	       column->kind == COLUMN_TASK || column->kind == COLUMN_FRAMES;
}

static size_t least_width(const struct layout *l, size_t i)
{
	const struct render_column *column = &render_columns[l->ids[i]];
	size_t name = strlen(column->name);
	size_t least = column->min_width > name ? column->min_width : name;

	return is_text(column) && least < l->width[i] ? least : l->width[i];
}

static size_t sum_widths(const struct layout *l, bool least)
{
	size_t sum = l->n ? l->n - 1 : 0;

	for (size_t i = 0; i < l->n; i++)
		sum += least ? least_width(l, i) : l->width[i];
	return sum;
}

static void drop(struct layout *l, size_t i)
{
	l->dropped[l->n_dropped++] = l->ids[i];
	l->n--;
	memmove(&l->ids[i], &l->ids[i + 1], (l->n - i) * sizeof(l->ids[0]));
	memmove(&l->width[i], &l->width[i + 1], (l->n - i) * sizeof(l->width[0]));
}

static bool all_same(const struct render_rows *rows, const struct render_column *column)
{
	char first[256], other[256];

	if (!rows || !rows->n)
		return false;
	render_column_format(column, &rows->rows[0], first, sizeof(first));
	for (size_t i = 1; i < rows->n; i++) {
		render_column_format(column, &rows->rows[i], other, sizeof(other));
		if (strcmp(first, other))
			return false;
	}
	return true;
}

/* The next column to go; l->n when none may. */
static size_t next_to_drop(const struct layout *l, const struct render_rows *rows)
{
	size_t found = l->n;

	for (size_t i = 0; i < l->n; i++) {
		const struct render_column *column = &render_columns[l->ids[i]];

		if (column->drop_if_same && all_same(rows, column))
			return i;
		/* In a table these tell rows apart; a stream has no rows to compare. */
		if (!column->drop || (column->drop_if_same && rows))
			continue;
		if (found == l->n || column->drop < render_columns[l->ids[found]].drop)
			found = i;
	}
	return found;
}

static void fit(struct layout *l, const struct render_rows *rows, size_t width)
{
	if (!width)
		return;
	while (!l->chosen && sum_widths(l, true) > width) {
		size_t i = next_to_drop(l, rows);

		if (i == l->n)
			break;
		drop(l, i);
	}
	while (sum_widths(l, false) > width) {
		size_t widest = l->n;

		for (size_t i = 0; i < l->n; i++)
			if (l->width[i] > least_width(l, i) &&
			    (widest == l->n || l->width[i] >= l->width[widest]))
				widest = i;
		if (widest == l->n)
			break;
		l->width[widest]--;
	}
}

static void choose_columns(struct layout *l, const struct render_opts *opts, unsigned int set)
{
	*l = (struct layout){.chosen = opts->n_fields};
	if (opts->n_fields) {
		memcpy(l->ids, opts->fields, opts->n_fields);
		l->n = opts->n_fields;
	} else {
		l->n = render_column_set(set, true, l->ids);
	}
	for (size_t i = 0; i < l->n; i++)
		l->width[i] = strlen(render_columns[l->ids[i]].name);
}

static void put_spaces(FILE *out, size_t n)
{
	while (n--)
		putc(' ', out);
}

/* "process-exp~/4711?": without its number, or the "?", a task would be another. */
static void put_task(FILE *out, const char *text, size_t width)
{
	const char *number = strrchr(text, '/');
	size_t tail = number ? text_width(number) : 0;
	char comm[CELL];

	if (!number || tail + 2 > width || text_width(text) <= width) {
		text_put_padded(out, text, width);
		return;
	}
	snprintf(comm, sizeof(comm), "%.*s", (int)(number - text), text);
	text_put_padded(out, comm, width - tail);
	fputs(number, out);
}

static void put_cell(FILE *out, const struct layout *l, size_t i, const char *text)
{
	const struct render_column *column = &render_columns[l->ids[i]];
	size_t width = text_width(text);

	if (i)
		putc(' ', out);
	if (!is_text(column) && column->kind != COLUMN_TIME) {
		put_spaces(out, width < l->width[i] ? l->width[i] - width : 0);
		fputs(text, out);
	} else if (i == l->n - 1 && width <= l->width[i]) {
		fputs(text, out); /* no blanks at the end of a line */
	} else if (column->kind == COLUMN_PATH) {
		text_put_tail(out, text, l->width[i]);
	} else if (column->kind == COLUMN_TASK) {
		put_task(out, text, l->width[i]);
	} else {
		text_put_padded(out, text, l->width[i]);
	}
}

static void put_header(FILE *out, const struct layout *l, const struct render_opts *opts)
{
	if (opts->no_header)
		return;
	if (opts->color)
		fputs("\033[1m", out);
	for (size_t i = 0; i < l->n; i++)
		put_cell(out, l, i, render_columns[l->ids[i]].name);
	fputs(opts->color ? "\033[0m\n" : "\n", out);
}

static void put_row(FILE *out, const struct layout *l, const struct render_row *row,
		    const struct render_opts *opts)
{
	bool stuck = row->wait && !row->wait->finished;
	char text[CELL];

	if (stuck && opts->color)
		fputs("\033[31m", out);
	for (size_t i = 0; i < l->n; i++) {
		render_column_format(&render_columns[l->ids[i]], row, text, sizeof(text));
		put_cell(out, l, i, text);
	}
	fputs(stuck && opts->color ? "\033[0m\n" : "\n", out);
}

static void put_notes(FILE *out, const struct layout *l, const struct render_rows *rows,
		      const struct render_opts *opts)
{
	const char *separator = "";
	bool any = false;
	char text[256];

	for (size_t i = 0; i < l->n_dropped; i++) {
		const struct render_column *column = &render_columns[l->dropped[i]];

		if (!column->drop_if_same) {
			any = true;
			continue;
		}
		render_column_format(column, &rows->rows[0], text, sizeof(text));
		fprintf(out, "   every row: %s %s\n", column->name, text);
	}
	if (rows->n_left_out)
		fprintf(out, "   %zu more rows are not shown (-n)\n", rows->n_left_out);
	if (!any)
		return;
	fprintf(out, "   %zu columns are too few for ", opts->width);
	for (size_t i = 0; i < l->n_dropped; i++)
		if (!render_columns[l->dropped[i]].drop_if_same) {
			fprintf(out, "%s%s", separator, render_columns[l->dropped[i]].name);
			separator = ", ";
		}
	fputs(" (-F)\n", out);
}

int render_table(FILE *out, const struct render_rows *rows, const struct render_opts *opts,
		 unsigned int set)
{
	struct layout l;
	char *text = malloc(CELL);

	if (!text)
		return -ENOMEM;
	choose_columns(&l, opts, set);
	for (size_t r = 0; r < rows->n; r++)
		for (size_t i = 0; i < l.n; i++) {
			size_t width;

			render_column_format(&render_columns[l.ids[i]], &rows->rows[r], text, CELL);
			width = text_width(text);
			if (width > l.width[i])
				l.width[i] = width;
		}
	free(text);
	fit(&l, rows, opts->width);
	put_header(out, &l, opts);
	for (size_t r = 0; r < rows->n; r++)
		put_row(out, &l, &rows->rows[r], opts);
	put_notes(out, &l, rows, opts);
	return 0;
}

static void stream_layout(struct layout *l, const struct render_opts *opts, unsigned int set)
{
	choose_columns(l, opts, set);
	for (size_t i = 0; i < l->n; i++) {
		size_t width = stream_width[l->ids[i]] ? stream_width[l->ids[i]] : 8;

		if (width > l->width[i])
			l->width[i] = width;
	}
	fit(l, NULL, opts->width);
	/* Without a terminal the last column is as wide as it needs to be. */
	if (!opts->width && l->n)
		l->width[l->n - 1] = CELL;
}

void render_stream_header(FILE *out, const struct render_opts *opts, unsigned int set)
{
	struct layout l;

	stream_layout(&l, opts, set);
	put_header(out, &l, opts);
}

void render_stream_row(FILE *out, const struct render_row *row, const struct render_opts *opts,
		       unsigned int set)
{
	struct layout l;

	stream_layout(&l, opts, set);
	put_row(out, &l, row, opts);
}
