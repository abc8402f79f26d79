// SPDX-License-Identifier: GPL-2.0
/*
 * How do rows look in a page? As in a table for people, but nothing is cut: a page
 * scrolls. Numbers stand to the right.
 */
#include <errno.h>
#include <string.h>

#include "render_html.h"
#include "render_column.h"
#include "text.h"

#define CELL 4096

static bool is_number(const struct render_column *column)
{
	return column->kind == COLUMN_ID || column->kind == COLUMN_COUNT ||
	       column->kind == COLUMN_DURATION || column->kind == COLUMN_WAIT ||
	       column->kind == COLUMN_PERMILLE || column->kind == COLUMN_MILLI;
}

static void put_cell(FILE *out, const char *tag, const struct render_column *column,
		     const char *text)
{
	fprintf(out, "<%s class=\"%s\">", tag,
		is_number(column)		? "n"
		: column->kind == COLUMN_FRAMES ? "frames"
						: "t");
	text_put_xml(out, text);
	fprintf(out, "</%s>", tag);
}

static void put_head(FILE *out, const uint8_t *ids, size_t n)
{
	fputs("<thead><tr>", out);
	for (size_t i = 0; i < n; i++) {
		const struct render_column *column = &render_columns[ids[i]];

		fputs("<th class=\"", out);
		fputs(is_number(column) ? "n" : "t", out);
		fputs("\" title=\"", out);
		text_put_xml(out, column->help);
		fputs("\">", out);
		text_put_xml(out, column->name);
		fputs("</th>", out);
	}
	fputs("</tr></thead>\n", out);
}

static void put_table(FILE *out, const struct render_rows *rows, const struct render_opts *opts,
		      unsigned int set)
{
	uint8_t ids[RENDER_MAX_FIELDS];
	size_t n = opts->n_fields;
	char text[CELL];

	if (n)
		memcpy(ids, opts->fields, n);
	else
		n = render_column_set(set, true, ids);
	fputs("<div class=\"scroll\"><table>\n", out);
	put_head(out, ids, n);
	fputs("<tbody>\n", out);
	for (size_t r = 0; r < rows->n; r++) {
		const struct snap_wait *wait = rows->rows[r].wait;

		fputs(wait && !wait->finished ? "<tr class=\"bad\">" : "<tr>", out);
		for (size_t i = 0; i < n; i++) {
			const struct render_column *column = &render_columns[ids[i]];

			render_column_format(column, &rows->rows[r], text, sizeof(text));
			put_cell(out, "td", column, text);
		}
		fputs("</tr>\n", out);
	}
	fputs("</tbody></table></div>\n", out);
	if (rows->n_left_out)
		fprintf(out, "<p class=\"note\">%zu more rows are not shown (-n)</p>\n",
			rows->n_left_out);
}

static int put_rows(FILE *out, struct render_rows *rows, const struct render_opts *opts,
		    uint8_t order, unsigned int set, size_t *ret_n)
{
	size_t n = rows->n;

	render_rows_sort(rows, opts, order);
	render_rows_cut(rows, opts);
	if (n)
		put_table(out, rows, opts, set);
	render_rows_free(rows);
	if (ferror(out))
		return -EIO;
	if (ret_n)
		*ret_n = n;
	return 0;
}

int render_html_report(FILE *out, const struct snapshot *snap, const struct render_opts *opts,
		       size_t *ret_n)
{
	struct render_rows rows = {0};
	int err = render_rows_build(snap, opts, &rows);

	return err ? err : put_rows(out, &rows, opts, COL_TOTAL, opts->by, ret_n);
}

int render_html_waits(FILE *out, const struct snapshot *snap, const struct render_opts *opts,
		      bool unfinished_only, size_t *ret_n)
{
	struct render_rows rows = {0};
	int err = render_rows_waits(snap, opts, unfinished_only, &rows);

	return err ? err : put_rows(out, &rows, opts, COL_WAIT, SET_WAITS, ret_n);
}
