// SPDX-License-Identifier: GPL-2.0
/* The policy, for people. All text in it is the daemon's and was made printable there. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cmd_policy.h"
#include "spf_probe.h"
#include "text.h"
#include "units.h"

static uint64_t number(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

static const char *text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name)) ?: "";
}

static const char *count(char buf[UNITS_BUF], const json_t *object, const char *name)
{
	return units_format_count(buf, number(object, name));
}

static void put_cost(FILE *out, const char *what, const json_t *costs, const char *name)
{
	double ns = json_real_value(json_object_get(costs, name));
	char buf[UNITS_BUF];

	fprintf(out, "%s %s", what,
		ns > 0 ? units_format_duration(buf, (uint64_t)ns) : "not measured");
}

static void put_costs(FILE *out, const json_t *costs)
{
	fputs("costs        ", out);
	put_cost(out, "fault without the lock", costs, "speculative_ns");
	put_cost(out, ", with it", costs, "locked_ns");
	put_cost(out, ", aborted attempt", costs, "abort_ns");
	put_cost(out, ", look at the lock", costs, "look_ns");
	fputc('\n', out);
}

static void put_knobs(FILE *out, const json_t *knobs)
{
	const json_t *knob;
	size_t i;

	fprintf(out, "%-20s %6s %8s  %-12s %s\n", "SETTING", "NOW", "ORIGINAL", "RANGE", "STATE");
	json_array_foreach ((json_t *)knobs, i, knob) {
		bool paused = json_is_true(json_object_get(knob, "paused"));
		char range[32];

		snprintf(range, sizeof(range), "%" PRIu64 "..%" PRIu64, number(knob, "min"),
			 number(knob, "max"));
		fprintf(out, "%-20s %6" PRIu64 " %8" PRIu64 "  %-12s %s%s\n", text(knob, "name"),
			number(knob, "value"), number(knob, "original"), range,
			paused		    ? "PAUSED: "
			: *text(knob, "id") ? "set by "
					    : "as found",
			paused ? text(knob, "why") : text(knob, "id"));
	}
}

static void put_aborts(FILE *out, const json_t *counts)
{
	const char *separator = " (";
	char buf[UNITS_BUF];

	for (int i = SPF_ABORT_VMA; i <= SPF_ABORT_OTHER; i++) {
		const char *name = spf_counter_name(i);

		if (!number(counts, name))
			continue;
		fprintf(out, "%s%s %s", separator, name + strlen("abort_"),
			count(buf, counts, name));
		separator = ", ";
	}
	fputs(*separator == ',' ? ")" : "", out);
}

static void put_counts(FILE *out, const char *what, const json_t *counts)
{
	uint64_t attempts = number(counts, "attempt"), ok = number(counts, "ok");
	char faults[UNITS_BUF], tried[UNITS_BUF], used[UNITS_BUF], free[UNITS_BUF];

	fprintf(out, "%-12s %s faults, %s without the lock", what, count(faults, counts, "faults"),
		count(tried, counts, "attempt"));
	if (attempts)
		fprintf(out, ", %.1f %% of these handled", 100.0 * ok / attempts);
	put_aborts(out, counts);
	fprintf(out, "; looks: %s in use, %s free\n", count(used, counts, "contended"),
		count(free, counts, "quiet"));
}

static void put_reasons(FILE *out, const json_t *reasons)
{
	const json_t *value;
	size_t i;

	json_array_foreach ((json_t *)reasons, i, value)
		if (i && json_integer_value(value))
			fprintf(out, " %s %lld", spf_reason_name(i) + strlen("abort_"),
				(long long)json_integer_value(value));
}

static void put_proc(FILE *out, const json_t *proc)
{
	const json_t *reasons = json_object_get(proc, "sampled_by_reason"), *value;
	uint64_t attempts = 0, ok = json_integer_value(json_array_get(reasons, 0));
	size_t i;

	json_array_foreach ((json_t *)reasons, i, value)
		attempts += json_integer_value(value);
	fprintf(out, "%7" PRIu64 " ", number(proc, "tgid"));
	text_put_padded(out, text(proc, "comm"), 15);
	fprintf(out, " %9" PRIu64 " ", attempts);
	if (attempts)
		fprintf(out, "%6.1f%%", 100.0 * ok / attempts);
	else
		fprintf(out, "%7s", "-");
	fprintf(out, " %8" PRIu64 " %7" PRIu64 " ", number(proc, "backing_off"),
		number(proc, "max_window"));
	put_reasons(out, reasons);
	fputc('\n', out);
}

static void put_procs(FILE *out, const json_t *procs)
{
	const json_t *proc;
	size_t i;

	if (!json_array_size(procs))
		return;
	fprintf(out, "\n%7s %-15s %9s %7s %8s %7s  %s\n", "PID", "COMM", "SAMPLED", "OK", "THREADS",
		"WINDOW", "ABORTED");
	json_array_foreach ((json_t *)procs, i, proc)
		put_proc(out, proc);
	fputs("-- SAMPLED: attempts seen in samples of 100 ms; THREADS: that look away from the "
	      "lock now, for WINDOW faults at most\n",
	      out);
}

static void put_features(FILE *out, const json_t *features)
{
	const json_t *feature;
	size_t i;

	json_array_foreach ((json_t *)features, i, feature)
		if (!json_is_true(json_object_get(feature, "on")))
			fprintf(out, "-- not measured: %s: %s\n", text(feature, "name"),
				text(feature, "reason"));
}

static void put_decision(FILE *out, const json_t *reply)
{
	const json_t *decision = json_object_get(reply, "decision");

	if (json_is_true(json_object_get(reply, "decided")))
		fprintf(out, "decision     %s: %s\n", text(decision, "id"),
			text(decision, "evidence"));
	else
		fprintf(out, "decision     none; %s\n", text(decision, "evidence"));
}

void cmd_policy_show(FILE *out, const json_t *reply)
{
	const json_t *window = json_object_get(reply, "window");

	fprintf(out, "mode         %s\nload         %s\n", text(reply, "mode"),
		text(reply, "regime"));
	if (*text(reply, "no_writer"))
		fprintf(out, "problem      nothing will be changed: %s\n",
			text(reply, "no_writer"));
	put_costs(out, json_object_get(reply, "costs"));
	put_counts(out, "last window", json_object_get(window, "counts"));
	put_counts(out, "since boot", json_object_get(reply, "counts"));
	put_decision(out, reply);
	fputc('\n', out);
	put_knobs(out, json_object_get(reply, "knobs"));
	put_procs(out, json_object_get(reply, "processes"));
	put_features(out, json_object_get(reply, "features"));
}

static void put_plan(FILE *out, const json_t *decision)
{
	fprintf(out,
		"id           %s\nwhat         %s from %" PRIu64 " to %" PRIu64 "\n"
		"why          %s\nevidence     %s\n"
		"do           %s\nundo         %s\n",
		text(decision, "id"), text(decision, "knob"), number(decision, "old"),
		number(decision, "new"), text(decision, "why"), text(decision, "evidence"),
		text(decision, "do"), text(decision, "undo"));
}

void cmd_policy_plan(FILE *out, const json_t *reply)
{
	if (json_is_true(json_object_get(reply, "decided")))
		put_plan(out, json_object_get(reply, "decision"));
	else
		put_decision(out, reply);
	if (!strcmp(text(reply, "mode"), "observe"))
		fputs("-- mode observe: nothing is changed\n", out);
}

void cmd_policy_log(FILE *out, const json_t *reply)
{
	const json_t *entry;
	size_t i;

	json_array_foreach (json_object_get(reply, "log"), i, entry) {
		time_t when = number(entry, "time_unix_ns") / 1000000000;
		const json_t *decision = json_object_get(entry, "decision");
		struct tm tm;
		char time[32];

		strftime(time, sizeof(time), "%F %T", localtime_r(&when, &tm));
		fprintf(out, "%s %-8s %s%s%s%s%s\n", time, text(entry, "what"),
			text(decision, "id"), *text(decision, "evidence") ? ": " : "",
			text(decision, "evidence"),
			*text(entry, "why") && *text(decision, "id") ? ": " : "",
			text(entry, "why"));
	}
	if (!i)
		fputs("-- nothing was changed or suggested since the daemon started\n", out);
}
