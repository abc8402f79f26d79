/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by html*.c alone: the parts of the page, and what pictures of time have in common. */
#ifndef FAULTLINE_HTML_DRAW_H
#define FAULTLINE_HTML_DRAW_H

#include "html.h"

#define HTML_WIDTH 1200 /* of a picture, in its own units; the page scales it */
#define HTML_LEFT  150 /* names, or latencies */
#define HTML_RIGHT 150 /* sums */
#define HTML_PLOT  (HTML_WIDTH - HTML_LEFT - HTML_RIGHT)

/* Time from left to right. */
struct html_axis {
	uint64_t begin_ns; /* CLOCK_MONOTONIC; end_ns is later */
	uint64_t end_ns;
	uint64_t end_unix_ns; /* wall clock at end_ns */
};

/* What both cover: the window, and the columns of the timeline. */
struct html_axis html_axis_of(const struct snap_meta *meta, const struct timeline *timeline);
/* Where a time is; what lies outside is at the edge. */
double html_x(const struct html_axis *axis, uint64_t mono_ns);
/* Lines at round times of the wall clock between two heights, and their labels below. */
void html_put_ticks(FILE *out, const struct html_axis *axis, int top, int bottom);
/* "18:03:12.250", local time. */
#define HTML_CLOCK 16
const char *html_clock(char buf[HTML_CLOCK], const struct html_axis *axis, uint64_t mono_ns);

/* What there was of waiting, over all processes. */
struct html_sums {
	struct hist hist; /* waits that ended */
	size_t n_open; /* that have not */
	uint64_t open_ns; /* of these, within the window */
	uint64_t open_max_ns;
};
struct html_sums html_sum_up(const struct snapshot *snap);
void html_put_figures(FILE *out, const struct html_sums *sums, const struct snap_meta *meta);

/* <svg> of the single waits, in lanes; nothing if there is none. 0 or -ENOMEM. */
int html_put_waits(FILE *out, const struct timeline *timeline, const struct html_axis *axis);
/* <svg> of how many waits took how long, by time; nothing if none ended. */
void html_put_heat(FILE *out, const struct timeline *timeline, const struct html_axis *axis);

/* A flame graph of these stacks; nothing if there is none. 0, -ENOMEM or -EIO. */
int html_put_flame(FILE *out, const struct snapshot *snap, enum snap_role role, const char *title);
/* A graph of the holders by what is known of all of them: program, cause, system call. */
int html_put_blamed(FILE *out, const struct snapshot *snap);

extern const char html_style[];
extern const char html_script[];

#endif
