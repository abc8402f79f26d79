// SPDX-License-Identifier: GPL-2.0
/*
 * How long did waits take, and when? Time to the right, latency upwards in octaves,
 * the colour says how many ended there, on a logarithmic scale: one wait of a second
 * among thousands of microseconds must be seen. On the right what each octave
 * amounts to in waiting time: few long waits can be most of it.
 */
#include <math.h>
#include <string.h>

#include "html_draw.h"
#include "units.h"

#define ROWS   (FL_HIST_OCTAVES + 2) /* octaves, what is below them and above */
#define SHADES 8
#define MANY   20.0
#define ROW    18 /* height */
#define TOP    22

struct row {
	uint64_t count;
	double ns; /* by the middles of the slots */
};

struct heat {
	const struct html_axis *axis;
	struct row rows[ROWS]; /* over all columns */
	unsigned int low, high; /* rows that are drawn */
	double width_ns; /* of a column, on average */
	double most; /* in one cell, if all were of that width */
	double all_ns, most_ns; /* of all rows, of one */
};

static unsigned int row_of(unsigned int slot)
{
	return slot ? (slot - 1) / FL_HIST_SUB + 1 : 0;
}

static uint64_t row_low_ns(unsigned int row)
{
	return row ? hist_slot_low_ns((row - 1) * FL_HIST_SUB + 1) : 0;
}

static double slot_middle_ns(const struct hist *hist, unsigned int slot)
{
	double low = (double)hist_slot_low_ns(slot);

	if (slot == FL_HIST_SLOTS - 1)
		return (double)hist->max_ns > low ? (double)hist->max_ns : low;
	return (low + (double)hist_slot_high_ns(slot)) / 2;
}

static void count_rows(const struct hist *hist, struct row rows[ROWS])
{
	memset(rows, 0, ROWS * sizeof(*rows));
	for (unsigned int slot = 0; slot < FL_HIST_SLOTS; slot++) {
		struct row *row = &rows[row_of(slot)];

		row->count += hist->slots[slot];
		if (hist->slots[slot])
			row->ns += (double)hist->slots[slot] * slot_middle_ns(hist, slot);
	}
}

/* Columns may differ in width: a wide one has more waits, and is no worse for it. */
static double density(const struct heat *heat, const struct timeline_column *column, uint64_t count)
{
	double width_ns = (double)(column->end_ns - column->begin_ns);

	return width_ns > 0 ? (double)count * heat->width_ns / width_ns : (double)count;
}

/* What there is in all, and the most of one cell. False: nothing. */
static bool add_up(struct heat *heat, const struct timeline *timeline)
{
	struct row rows[ROWS];

	for (size_t i = 0; i < timeline->n_columns; i++)
		heat->width_ns +=
			(double)(timeline->columns[i].end_ns - timeline->columns[i].begin_ns) /
			(double)timeline->n_columns;
	for (size_t i = 0; i < timeline->n_columns; i++) {
		count_rows(&timeline->columns[i].hist, rows);
		for (unsigned int r = 0; r < ROWS; r++) {
			heat->rows[r].count += rows[r].count;
			heat->rows[r].ns += rows[r].ns;
			heat->all_ns += rows[r].ns;
			heat->most = fmax(heat->most,
					  density(heat, &timeline->columns[i], rows[r].count));
		}
	}
	if (heat->most <= 0)
		return false;
	for (unsigned int r = 0; r < ROWS; r++)
		if (heat->rows[r].ns > heat->most_ns)
			heat->most_ns = heat->rows[r].ns;
	while (!heat->rows[heat->low].count)
		heat->low++;
	for (heat->high = ROWS - 1; !heat->rows[heat->high].count; heat->high--)
		;
	return true;
}

static int row_y(const struct heat *heat, unsigned int row)
{
	return TOP + (int)(heat->high - row) * ROW;
}

static unsigned int shade(const struct heat *heat, double count)
{
	/* a handful is few, also where nothing is more */
	double share = log1p(count) / log1p(fmax(heat->most, MANY));

	return (unsigned int)(share * (SHADES - 1) + 0.5);
}

static const char *format_span(char *buf, size_t size, unsigned int row)
{
	char low[UNITS_BUF], high[UNITS_BUF];

	units_format_duration(low, row_low_ns(row));
	units_format_duration(high, row_low_ns(row + 1));
	if (!row)
		snprintf(buf, size, "below %s", high);
	else if (row == ROWS - 1)
		snprintf(buf, size, "%s and more", low);
	else
		snprintf(buf, size, "%s to %s", low, high);
	return buf;
}

static void put_column(FILE *out, const struct heat *heat, const struct timeline_column *column)
{
	double x = html_x(heat->axis, column->begin_ns);
	double width = html_x(heat->axis, column->end_ns) - x;
	char span[2 * UNITS_BUF + 8], from[HTML_CLOCK], to[HTML_CLOCK], count[UNITS_BUF];
	struct row rows[ROWS];

	html_clock(from, heat->axis, column->begin_ns);
	html_clock(to, heat->axis, column->end_ns);
	count_rows(&column->hist, rows);
	for (unsigned int r = heat->low; r <= heat->high; r++) {
		if (!rows[r].count)
			continue;
		fprintf(out,
			"<rect class=\"cell q%u\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\">"
			"<title>%s waits of %s\nended between %s and %s</title></rect>\n",
			shade(heat, density(heat, column, rows[r].count)), x, row_y(heat, r),
			width > 2 ? width - 0.5 : width, ROW - 1,
			units_format_count(count, rows[r].count),
			format_span(span, sizeof(span), r), from, to);
	}
	if (column->lost)
		fprintf(out,
			"<rect class=\"lost\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"6\">"
			"<title>%s waits LOST between %s and %s: in no cell</title></rect>\n",
			x, TOP - 10, width, units_format_count(count, column->lost), from, to);
}

static void put_row(FILE *out, const struct heat *heat, unsigned int r)
{
	double share = heat->all_ns > 0 ? heat->rows[r].ns / heat->all_ns : 0;
	int y = row_y(heat, r), x = HTML_WIDTH - HTML_RIGHT + 8;
	char low[UNITS_BUF], span[2 * UNITS_BUF + 8], count[UNITS_BUF];

	fprintf(out,
		"<text class=\"axis\" text-anchor=\"end\" x=\"%d\" y=\"%d\">%s</text>"
		"<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n",
		HTML_LEFT - 6, y + ROW + 3, units_format_duration(low, row_low_ns(r)), HTML_LEFT,
		HTML_WIDTH - HTML_RIGHT, y + ROW - 1, y + ROW - 1);
	if (!heat->rows[r].count)
		return;
	fprintf(out,
		"<g class=\"sum\"><title>%s waits of %s: about %.0f %% of the waiting time</title>"
		"<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>"
		"<text class=\"axis\" x=\"%d\" y=\"%d\">%s</text></g>\n",
		units_format_count(count, heat->rows[r].count), format_span(span, sizeof(span), r),
		100 * share, x, y, heat->rows[r].ns / heat->most_ns * (HTML_RIGHT - 16), ROW - 1,
		x + 4, y + 13, count);
}

void html_put_heat(FILE *out, const struct timeline *timeline, const struct html_axis *axis)
{
	struct heat heat = {.axis = axis};
	int bottom;

	if (!add_up(&heat, timeline))
		return;
	bottom = row_y(&heat, heat.low) + ROW;
	fprintf(out,
		"<svg class=\"time\" role=\"img\" aria-label=\"heat map of how long waits took\" "
		"viewBox=\"0 0 %d %d\">\n",
		HTML_WIDTH, bottom + 24);
	fprintf(out,
		"<text class=\"axis\" text-anchor=\"end\" x=\"%d\" y=\"12\">waited</text>"
		"<text class=\"axis\" x=\"%d\" y=\"12\">waits, share of time</text>\n",
		HTML_LEFT - 6, HTML_WIDTH - HTML_RIGHT + 8);
	html_put_ticks(out, axis, TOP, bottom);
	for (unsigned int r = heat.low; r <= heat.high; r++)
		put_row(out, &heat, r);
	for (size_t i = 0; i < timeline->n_columns; i++)
		put_column(out, &heat, &timeline->columns[i]);
	fputs("</svg>\n", out);
}
