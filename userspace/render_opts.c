// SPDX-License-Identifier: GPL-2.0
/* What did the user ask to see? Words of the command line to render_opts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "render_column.h"

static const char *const formats[RENDER_NR_FORMATS] = {"table", "json",	  "jsonl",
						       "csv",	"folded", "openmetrics"};
static const char *const bys[RENDER_NR_BYS] = {"rows",	"process", "mode", "cgroup",
					       "cause", "holder",  "stack"};

void render_default_opts(struct render_opts *opts)
{
	*opts = (struct render_opts){
		.role = SNAP_NR_ROLES, .sort = RENDER_SORT_DEFAULT, .metrics_top = 20};
}

static int find_word(const char *const *words, int n, const char *text)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(words[i], text))
			return i;
	return -EINVAL;
}

int render_parse_format(const char *text, enum render_format *ret)
{
	int i = find_word(formats, RENDER_NR_FORMATS, text);

	if (i < 0)
		return i;
	*ret = (enum render_format)i;
	return 0;
}

int render_parse_by(const char *text, enum render_by *ret)
{
	int i = find_word(bys, RENDER_NR_BYS, text);

	if (i < 0)
		return i;
	*ret = (enum render_by)i;
	return 0;
}

int render_parse_sort(const char *text, uint8_t *ret)
{
	unsigned int i = render_column_find(text, strlen(text));

	if (i == COL_NR || render_columns[i].kind == COLUMN_FRAMES)
		return -EINVAL;
	*ret = (uint8_t)i;
	return 0;
}

int render_parse_fields(const char *text, struct render_opts *opts)
{
	uint8_t fields[RENDER_MAX_FIELDS];
	size_t n = 0;

	if (*text == '+') {
		n = render_column_set(opts->by, true, fields);
		text++;
	}
	while (true) {
		size_t len = strcspn(text, ",");
		unsigned int i = render_column_find(text, len);

		if (i == COL_NR || n == RENDER_MAX_FIELDS)
			return -EINVAL;
		fields[n++] = (uint8_t)i;
		if (!text[len])
			break;
		text += len + 1;
	}
	memcpy(opts->fields, fields, n);
	opts->n_fields = n;
	return 0;
}

const char *render_format_words(void)
{
	return "table, json, jsonl, csv, folded, openmetrics";
}

const char *render_by_words(void)
{
	return "rows, process, mode, cgroup, cause, holder, stack";
}

void render_help_fields(FILE *out)
{
	for (unsigned int i = 0; i < COL_NR; i++)
		fprintf(out, "  %-11s %-21s %s\n", render_columns[i].name, render_columns[i].key,
			render_columns[i].help);
}

static int compare_values(const struct render_column *column, const struct render_row *a,
			  const struct render_row *b)
{
	struct column_value x = {0}, y = {0};

	column->get(a, &x);
	column->get(b, &y);
	if (x.present != y.present) /* what is not known comes last */
		return x.present ? -1 : 1;
	if (!x.present)
		return 0;
	if (column->kind == COLUMN_TEXT || column->kind == COLUMN_PATH ||
	    column->kind == COLUMN_TASK)
		return strcmp(x.text, y.text);
	if (column->kind == COLUMN_ID || column->kind == COLUMN_TIME)
		return x.number < y.number ? -1 : x.number > y.number;
	return x.number > y.number ? -1 : x.number < y.number; /* the largest first */
}

static int compare_sort(const void *a, const void *b, void *arg)
{
	const struct render_row *x = a, *y = b;
	int cmp = compare_values(arg, x, y);

	/* Equal ones always in the same order, or a live table flickers. */
	if (!cmp)
		cmp = x->hist.total_ns < y->hist.total_ns   ? 1
		      : x->hist.total_ns > y->hist.total_ns ? -1
							    : 0;
	return cmp ? cmp : x->tgid < y->tgid ? -1 : x->tgid > y->tgid;
}

void render_rows_sort(struct render_rows *rows, const struct render_opts *opts, uint8_t fallback)
{
	uint8_t id = opts->sort < COL_NR ? opts->sort : fallback;

	if (id >= COL_NR)
		return;
	qsort_r(rows->rows, rows->n, sizeof(*rows->rows), compare_sort,
		(void *)&render_columns[id]);
}
