// SPDX-License-Identifier: GPL-2.0
/*
 * What does a record tell somebody who was not there? Everything comes from the
 * file: it may be of another host, another kernel and another day. Records are files
 * that somebody may have changed: what is text in them is cleaned again before a
 * terminal sees it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd_incidents_print.h"
#include "container.h"
#include "incident.h"
#include "text.h"
#include "units.h"
#include "verdict.h"

#define MAX_WAITS  20
#define MAX_STACKS 8

static uint64_t number(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

static const char *text(const json_t *object, const char *name, char *buf, size_t size)
{
	const char *value = json_string_value(json_object_get(object, name));

	text_reclean(buf, size, value ? value : "");
	return buf;
}

static const char *format_time(uint64_t unix_ns, char *buf, size_t size)
{
	time_t seconds = (time_t)(unix_ns / 1000000000);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(buf, size, "?");
	return buf;
}

void cmd_incidents_print_header(FILE *out)
{
	fprintf(out, "%-26s %-20s %-5s %8s %-16s %8s  %s\n", "ID", "TIME", "KIND", "PID", "COMM",
		"WAIT", "VERDICT");
}

void cmd_incidents_print_row(FILE *out, const json_t *incident)
{
	char when[32], id[4 * INCIDENT_ID_LEN], comm[SNAPSHOT_COMM_LEN], kind[16];
	char wait[UNITS_BUF], verdict[2 * VERDICT_LINE];

	fprintf(out, "%-26s %-20s %-5s %8llu ", text(incident, "id", id, sizeof(id)),
		format_time(number(incident, "time_unix_ns"), when, sizeof(when)),
		text(incident, "kind", kind, sizeof(kind)),
		(unsigned long long)number(incident, "tgid"));
	text_put_padded(out, text(incident, "comm", comm, sizeof(comm)), 16);
	fprintf(out, " %8s  %s\n", units_format_duration(wait, number(incident, "wait_ns")),
		text(incident, "verdict", verdict, sizeof(verdict)));
}

static void put_process(FILE *out, const json_t *incident)
{
	char comm[SNAPSHOT_COMM_LEN], cgroup[1024], name[CONTAINER_NAME_LEN];

	fprintf(out, "process      %s (pid %llu)", text(incident, "comm", comm, sizeof(comm)),
		(unsigned long long)number(incident, "tgid"));
	if (*text(incident, "cgroup", cgroup, sizeof(cgroup)))
		fprintf(out, ", cgroup %s", cgroup);
	if (*container_name(cgroup, name, sizeof(name)))
		fprintf(out, " (%s)", name);
	fputc('\n', out);
}

static void put_head(FILE *out, const json_t *record, const struct snapshot *snap)
{
	const json_t *incident = json_object_get(record, "incident");
	char id[4 * INCIDENT_ID_LEN], kind[16], when[32], host[260], wait[UNITS_BUF];
	bool finished = json_is_true(json_object_get(incident, "finished"));

	fprintf(out, "incident     %s, schema %llu\n", text(incident, "id", id, sizeof(id)),
		(unsigned long long)number(record, "schema"));
	fprintf(out, "seen         %s on %s, kernel %s, by faultline %s\n",
		format_time(number(incident, "time_unix_ns"), when, sizeof(when)),
		text(incident, "host", host, sizeof(host)),
		snap->meta.kernel ? snap->meta.kernel : "not known",
		snap->meta.version ? snap->meta.version : "not known");
	put_process(out, incident);
	if (!strcmp(text(incident, "kind", kind, sizeof(kind)), "ratio"))
		fprintf(out, "what         its threads waited %llu%% of the time\n\n",
			(unsigned long long)(number(incident, "ratio_millipct") / 1000));
	else
		fprintf(out, "what         a wait of %s%s\n\n",
			units_format_duration(wait, number(incident, "wait_ns")),
			finished ? "" : " so far: it had not ended when this was written");
}

static int put_waits(FILE *out, const struct snapshot *snap, const struct render_opts *opts)
{
	struct render_opts mine = *opts;
	int err;

	if (!snap->n_waits)
		return 0;
	if (!mine.entries)
		mine.entries = MAX_WAITS;
	fprintf(out, "\nsingle waits on record: %zu, times are UTC", snap->n_waits);
	if (snap->n_waits > mine.entries)
		fprintf(out, "; %zu of them:", (size_t)mine.entries);
	fputc('\n', out);
	err = render_waits_header(out, &mine);
	return err ? err : render_waits(out, snap, &mine);
}

static void put_frames(FILE *out, const struct snapshot *snap, int index, bool *shown)
{
	for (int depth = 0; index >= 0 && depth < 2; depth++) {
		const struct snap_stack *stack = &snap->stacks[index];

		for (size_t i = 0; i < stack->n; i++)
			fprintf(out, "    %s\n", stack->frames[i]);
		shown[index] = true;
		index = stack->below;
	}
}

/* Of who waited, or held, in a single wait. */
static void put_task_stack(FILE *out, const struct snapshot *snap, const char *role,
			   const struct snap_task *task, const int *stacks, bool *shown)
{
	if (stacks[0] >= 0 && !shown[stacks[0]]) {
		fprintf(out, "  %s %s/%u, in %s\n", role, task->comm, task->tid,
			cause_name(task->cause));
		put_frames(out, snap, stacks[0], shown);
		if (stacks[1] >= 0 && !shown[stacks[1]])
			put_frames(out, snap, stacks[1], shown);
	}
}

static void put_total_stack(FILE *out, const struct snapshot *snap, size_t i, bool *shown)
{
	const struct snap_stack *stack = &snap->stacks[i];
	char count[UNITS_BUF], total[UNITS_BUF];

	fprintf(out, "  %s %s, in %s: %s wait%s, %s in all\n", snapshot_role_name(stack->role),
		stack->comm, cause_name(stack->cause), units_format_count(count, stack->count),
		stack->count == 1 ? "" : "s", units_format_duration(total, stack->total_ns));
	put_frames(out, snap, (int)i, shown);
}

static int put_stacks(FILE *out, const struct snapshot *snap)
{
	bool *shown = calloc(snap->n_stacks + 1, sizeof(*shown));
	size_t totals = 0;

	if (!shown)
		return -ENOMEM;
	if (snap->n_stacks)
		fputs("\nstacks, innermost frame first\n", out);
	for (size_t i = 0; i < snap->n_waits && i < MAX_STACKS; i++) {
		const struct snap_wait *wait = &snap->waits[i];

		put_task_stack(out, snap, "waiter", &wait->waiter,
			       (const int[]){wait->kstack, wait->ustack}, shown);
		put_task_stack(out, snap, "holder", &wait->holder,
			       (const int[]){wait->holder_stack, -1}, shown);
	}
	for (size_t i = 0; i < snap->n_stacks; i++)
		if (snap->stacks[i].count && !snap->stacks[i].user && !shown[i] &&
		    totals++ < MAX_STACKS)
			put_total_stack(out, snap, i, shown);
	if (totals > MAX_STACKS)
		fprintf(out, "  and %zu more; -O json has them\n", totals - MAX_STACKS);
	free(shown);
	return 0;
}

int cmd_incidents_print(FILE *out, const json_t *record, const struct snapshot *snap,
			const struct render_opts *opts)
{
	const json_t *incident = json_object_get(record, "incident");
	struct render_opts by_holder = *opts;
	int err;

	by_holder.by = RENDER_BY_HOLDER;
	put_head(out, record, snap);
	err = verdict_explain(out, snap, (uint32_t)number(incident, "tgid"));
	if (!err)
		err = put_waits(out, snap, opts);
	if (!err)
		err = put_stacks(out, snap);
	if (!err && fputs("\nby holder\n", out) == EOF)
		err = -EIO;
	return err ? err : render_report(out, snap, &by_holder);
}
