// SPDX-License-Identifier: GPL-2.0
/*
 * Who waited when? A bar a wait, from its begin to its end, by the process whose
 * lock it was. Bars of one process that overlap lie in lanes, one below the other:
 * as many lanes as threads waited at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "html_draw.h"
#include "text.h"
#include "units.h"

#define MAX_GROUPS 12
#define MAX_LANES  24
#define LANE	   9 /* height, with a gap of 2 */
#define GAP	   14 /* between processes */
#define TOP	   8
#define NAME_CHARS 19

struct group {
	uint32_t tgid;
	uint64_t start_ns;
	const char *comm;
	uint64_t total_ns;
	size_t count;
	size_t hidden; /* no lane was free */
	uint64_t lane_end_ns[MAX_LANES];
	size_t n_lanes;
	int y;
};

struct lanes {
	const struct timeline *timeline;
	const struct html_axis *axis;
	struct group *groups; /* as many as there are waits at most */
	size_t n_groups;
	size_t hidden; /* waits of processes for which there is no room */
	int bottom;
};

static struct group *group_of(struct lanes *lanes, const struct snap_wait *wait)
{
	for (size_t i = 0; i < lanes->n_groups; i++)
		if (lanes->groups[i].tgid == wait->tgid &&
		    lanes->groups[i].start_ns == wait->start_ns)
			return &lanes->groups[i];
	return NULL;
}

static int longest_first(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->total_ns != y->total_ns)
		return x->total_ns < y->total_ns ? 1 : -1;
	return x->tgid < y->tgid ? -1 : x->tgid > y->tgid;
}

static void make_groups(struct lanes *lanes)
{
	const struct snapshot *snap = lanes->timeline->waits;

	for (size_t i = 0; i < snap->n_waits; i++) {
		const struct snap_wait *wait = &snap->waits[i];
		struct group *group = group_of(lanes, wait);

		if (!group) {
			group = &lanes->groups[lanes->n_groups++];
			group->tgid = wait->tgid;
			group->start_ns = wait->start_ns;
			group->comm = wait->comm;
		}
		group->total_ns += wait->dur_ns;
		group->count++;
	}
	qsort(lanes->groups, lanes->n_groups, sizeof(*lanes->groups), longest_first);
	for (; lanes->n_groups > MAX_GROUPS; lanes->n_groups--)
		lanes->hidden += lanes->groups[lanes->n_groups - 1].count;
}

/* The lane of a wait, which comes in the order of their begin; MAX_LANES: none is free. */
static size_t take_lane(struct group *group, const struct snap_wait *wait)
{
	size_t lane = 0;

	while (lane < group->n_lanes && group->lane_end_ns[lane] > wait->begin_ns)
		lane++;
	if (lane == MAX_LANES)
		return lane;
	if (lane == group->n_lanes)
		group->n_lanes++;
	group->lane_end_ns[lane] = wait->begin_ns + wait->dur_ns;
	return lane;
}

static void lay_out(struct lanes *lanes)
{
	const struct snapshot *snap = lanes->timeline->waits;
	int y = TOP;

	for (size_t i = 0; i < snap->n_waits; i++) {
		struct group *group = group_of(lanes, &snap->waits[i]);

		if (group && take_lane(group, &snap->waits[i]) == MAX_LANES)
			group->hidden++;
	}
	for (size_t i = 0; i < lanes->n_groups; i++) {
		struct group *group = &lanes->groups[i];
		int height = (int)group->n_lanes * LANE;

		group->y = y;
		y += (height < 26 ? 26 : height) + GAP; /* two lines of text */
		group->n_lanes = 0; /* taken again, in the same order, when they are drawn */
	}
	lanes->bottom = y - GAP + 4;
}

static void put_task(FILE *out, const struct snap_task *task)
{
	text_put_xml(out, *task->comm ? task->comm : "?");
	fprintf(out, " (tid %u) in ", task->tid);
	text_put_xml(out, task->detail && *task->detail ? task->detail : cause_name(task->cause));
}

static void put_tip(FILE *out, const struct html_axis *axis, const struct snap_wait *wait)
{
	char dur[UNITS_BUF], clock[HTML_CLOCK];

	fputs("<title>", out);
	put_task(out, &wait->waiter);
	fprintf(out, "\n%s %s to %s, since %s",
		wait->finished ? "waited" : "NOT OVER: has been waiting",
		units_format_duration(dur, wait->dur_ns), snapshot_mode_name(wait->mode),
		wait->begin_ns < axis->begin_ns ? "before the window"
						: html_clock(clock, axis, wait->begin_ns));
	if (wait->queued_behind_writer)
		fputs(", behind a queued writer", out);
	fputs("\nheld by ", out);
	if (wait->holder.tid) {
		put_task(out, &wait->holder);
		fprintf(out, " [%s]", snapshot_conf_name(wait->conf));
	} else {
		fputs("nobody known", out);
	}
	fputs("</title>", out);
}

static void put_bar(FILE *out, const struct lanes *lanes, const struct group *group,
		    const struct snap_wait *wait, size_t lane)
{
	double x = html_x(lanes->axis, wait->begin_ns);
	double width = html_x(lanes->axis, wait->begin_ns + wait->dur_ns) - x;

	fprintf(out,
		"<g class=\"wait %s%s\" data-holder=\"%u\"><rect x=\"%.1f\" y=\"%d\" "
		"width=\"%.1f\" height=\"%d\"/>",
		snapshot_mode_name(wait->mode), wait->finished ? "" : " open", wait->holder.tid, x,
		group->y + (int)lane * LANE, width < 1.5 ? 1.5 : width, LANE - 2);
	put_tip(out, lanes->axis, wait);
	fputs("</g>\n", out);
}

static void put_name(FILE *out, const struct group *group)
{
	char total[UNITS_BUF], count[UNITS_BUF];

	fprintf(out, "<text class=\"name\" x=\"4\" y=\"%d\">", group->y + 10);
	/* a cut in the middle of a character would not be UTF-8: text_put_padded() knows */
	if (text_width(group->comm) > NAME_CHARS) {
		char *cut = NULL;
		size_t size;
		FILE *memory = open_memstream(&cut, &size);

		if (memory) {
			text_put_padded(memory, group->comm, NAME_CHARS);
			fclose(memory);
			text_put_xml(out, cut);
			free(cut);
		}
	} else {
		text_put_xml(out, *group->comm ? group->comm : "?");
	}
	fprintf(out, "</text><text class=\"axis\" x=\"4\" y=\"%d\">", group->y + 23);
	fprintf(out, "pid %u</text>\n", group->tgid);
	fprintf(out, "<text class=\"axis\" x=\"%d\" y=\"%d\">%s waits</text>",
		HTML_WIDTH - HTML_RIGHT + 8, group->y + 10,
		units_format_count(count, group->count));
	fprintf(out, "<text class=\"axis\" x=\"%d\" y=\"%d\">%s in all</text>\n",
		HTML_WIDTH - HTML_RIGHT + 8, group->y + 23,
		units_format_duration(total, group->total_ns));
}

static void put_hidden(FILE *out, const struct lanes *lanes)
{
	uint64_t hidden = lanes->hidden + lanes->timeline->left_out;
	char count[UNITS_BUF];

	for (size_t i = 0; i < lanes->n_groups; i++)
		hidden += lanes->groups[i].hidden;
	if (hidden)
		fprintf(out,
			"<p class=\"note\">%s more single waits are not drawn: the longest are; "
			"all are in the heat map and the tables.</p>\n",
			units_format_count(count, hidden));
}

int html_put_waits(FILE *out, const struct timeline *timeline, const struct html_axis *axis)
{
	const struct snapshot *snap = timeline->waits;
	struct lanes lanes = {.timeline = timeline, .axis = axis};

	if (!snap->n_waits)
		return 0;
	lanes.groups = calloc(snap->n_waits, sizeof(*lanes.groups));
	if (!lanes.groups)
		return -ENOMEM;
	make_groups(&lanes);
	lay_out(&lanes);
	fprintf(out,
		"<svg class=\"time\" role=\"img\" aria-label=\"time line of single waits\" "
		"viewBox=\"0 0 %d %d\">\n",
		HTML_WIDTH, lanes.bottom + 24);
	html_put_ticks(out, axis, 0, lanes.bottom);
	for (size_t i = 0; i < lanes.n_groups; i++)
		put_name(out, &lanes.groups[i]);
	for (size_t i = 0; i < snap->n_waits; i++) {
		struct group *group = group_of(&lanes, &snap->waits[i]);
		size_t lane = group ? take_lane(group, &snap->waits[i]) : MAX_LANES;

		if (lane < MAX_LANES)
			put_bar(out, &lanes, group, &snap->waits[i], lane);
	}
	fputs("</svg>\n", out);
	put_hidden(out, &lanes);
	free(lanes.groups);
	return 0;
}
