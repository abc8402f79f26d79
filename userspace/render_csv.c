// SPDX-License-Identifier: GPL-2.0
/*
 * Rows as RFC 4180: lines end in CR LF, every line has the same fields, names
 * in the first one. Numbers in base units, what is not known is empty. Text
 * that a spreadsheet would compute is defused by text_put_csv().
 */
#include <inttypes.h>

#include "render_data.h"
#include "text.h"

void render_csv_header(FILE *out, const struct render_opts *opts, unsigned int set)
{
	uint8_t ids[RENDER_MAX_FIELDS];
	size_t n = render_data_columns(opts, set, ids);

	if (opts->no_header)
		return;
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s%s", i ? "," : "", render_columns[ids[i]].key);
	fputs("\r\n", out);
}

static void put_field(FILE *out, const struct render_column *column, const struct render_row *row)
{
	struct column_value value = {0};
	char frames[8192];

	column->get(row, &value);
	if (!value.present)
		return;
	switch (column->kind) {
	case COLUMN_TEXT:
	case COLUMN_PATH:
	case COLUMN_TASK:
		/* "-11" of `ret` is a number of ours, no formula of a stranger's. */
		if (value.text == value.buf && column == &render_columns[COL_RET])
			fputs(value.text, out);
		else
			text_put_csv(out, value.text);
		break;
	case COLUMN_FRAMES:
		render_column_frames(row, frames, sizeof(frames));
		text_put_csv(out, frames);
		break;
	case COLUMN_BOOL:
		fputs(value.number ? "true" : "false", out);
		break;
	case COLUMN_PERMILLE:
	case COLUMN_MILLI:
		fprintf(out, "%" PRIu64 ".%03" PRIu64, value.number / 1000, value.number % 1000);
		break;
	default:
		fprintf(out, "%" PRIu64, value.number);
	}
}

int render_csv(FILE *out, const struct render_rows *rows, const struct render_opts *opts,
	       unsigned int set)
{
	uint8_t ids[RENDER_MAX_FIELDS];
	size_t n = render_data_columns(opts, set, ids);

	for (size_t r = 0; r < rows->n; r++) {
		for (size_t i = 0; i < n; i++) {
			if (i)
				putc(',', out);
			put_field(out, &render_columns[ids[i]], &rows->rows[r]);
		}
		fputs("\r\n", out);
	}
	return 0;
}
