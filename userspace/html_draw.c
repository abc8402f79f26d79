// SPDX-License-Identifier: GPL-2.0
/* Where in a picture is a time, and which times deserve a line? */
#include <time.h>

#include "html_draw.h"

#define MS_NS	  1000000ULL
#define S_NS	  1000000000ULL
#define MAX_TICKS 9

struct html_axis html_axis_of(const struct snap_meta *meta, const struct timeline *timeline)
{
	struct html_axis axis = {.end_ns = meta->mono_ns, .end_unix_ns = meta->time_unix_ns};

	if (meta->window_ns < meta->mono_ns)
		axis.begin_ns = meta->mono_ns - meta->window_ns;
	if (timeline->n_columns && timeline->columns[0].begin_ns < axis.begin_ns)
		axis.begin_ns = timeline->columns[0].begin_ns;
	if (axis.begin_ns >= axis.end_ns)
		axis.end_ns = axis.begin_ns + 1;
	return axis;
}

double html_x(const struct html_axis *axis, uint64_t mono_ns)
{
	if (mono_ns < axis->begin_ns)
		mono_ns = axis->begin_ns;
	if (mono_ns > axis->end_ns)
		mono_ns = axis->end_ns;
	return HTML_LEFT + (double)HTML_PLOT * (double)(mono_ns - axis->begin_ns) /
				   (double)(axis->end_ns - axis->begin_ns);
}

static const char *format_clock(char buf[HTML_CLOCK], uint64_t unix_ns, const char *format)
{
	time_t seconds = (time_t)(unix_ns / S_NS);
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || !strftime(buf, HTML_CLOCK, format, &tm))
		snprintf(buf, HTML_CLOCK, "?");
	return buf;
}

static uint64_t unix_ns_of(const struct html_axis *axis, uint64_t mono_ns)
{
	return axis->end_unix_ns - (axis->end_ns - mono_ns);
}

const char *html_clock(char buf[HTML_CLOCK], const struct html_axis *axis, uint64_t mono_ns)
{
	uint64_t unix_ns = unix_ns_of(axis, mono_ns);
	char seconds[HTML_CLOCK];

	snprintf(buf, HTML_CLOCK, "%.8s.%03u", format_clock(seconds, unix_ns, "%H:%M:%S"),
		 (unsigned int)(unix_ns / MS_NS % 1000));
	return buf;
}

static uint64_t tick_step(uint64_t span_ns)
{
	static const uint64_t steps[] = {
		MS_NS,	      2 * MS_NS,    5 * MS_NS,	  10 * MS_NS,  20 * MS_NS,  50 * MS_NS,
		100 * MS_NS,  200 * MS_NS,  500 * MS_NS,  S_NS,	       2 * S_NS,    5 * S_NS,
		10 * S_NS,    20 * S_NS,    30 * S_NS,	  60 * S_NS,   120 * S_NS,  300 * S_NS,
		600 * S_NS,   1200 * S_NS,  1800 * S_NS,  3600 * S_NS, 7200 * S_NS, 10800 * S_NS,
		21600 * S_NS, 43200 * S_NS, 86400 * S_NS,
	};
	uint64_t step = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		step = steps[i];
		if (span_ns / step <= MAX_TICKS)
			return step;
	}
	return step * (span_ns / step / MAX_TICKS + 1);
}

void html_put_ticks(FILE *out, const struct html_axis *axis, int top, int bottom)
{
	uint64_t step = tick_step(axis->end_ns - axis->begin_ns);
	uint64_t first = unix_ns_of(axis, axis->begin_ns);

	for (uint64_t at = first + step - 1 - (first + step - 1) % step; at <= axis->end_unix_ns;
	     at += step) {
		uint64_t mono_ns = axis->end_ns - (axis->end_unix_ns - at);
		double x = html_x(axis, mono_ns);
		char label[HTML_CLOCK];

		if (step < S_NS)
			html_clock(label, axis, mono_ns);
		else
			format_clock(label, at,
				     step < 60 * S_NS	   ? "%H:%M:%S"
				     : step < 86400 * S_NS ? "%H:%M"
							   : "%m-%d");
		fprintf(out,
			"<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
			"<text class=\"axis\" text-anchor=\"middle\" x=\"%.1f\" "
			"y=\"%d\">%s</text>\n",
			x, x, top, bottom, x, bottom + 18, label);
	}
}
