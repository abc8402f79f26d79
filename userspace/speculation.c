// SPDX-License-Identifier: GPL-2.0
/*
 * Speculation by process, in words and as a table. Attempts are seen in samples
 * only, so they are told as a rate, with the length of the samples below: a rate
 * of none would be a lie where nobody has looked.
 */
#include <inttypes.h>
#include <string.h>

#include "speculation.h"
#include "text.h"
#include "units.h"

#define MAX_ROWS 10 /* without -n */

uint64_t speculation_attempts(const struct snap_spec *spec)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < FL_SPF_REASONS; i++)
		sum += spec->by_reason[i];
	return sum;
}

uint64_t speculation_rate(const struct snap_meta *meta, const struct snap_spec *spec)
{
	if (!meta->spf_sampled_ns)
		return 0;
	return (uint64_t)((double)speculation_attempts(spec) * 1e9 / (double)meta->spf_sampled_ns);
}

const char *speculation_aborts(const struct snap_spec *spec, char buf[SPECULATION_TEXT])
{
	char number[UNITS_BUF];
	size_t used = 0;

	*buf = '\0';
	for (unsigned int i = 1; i < FL_SPF_REASONS && used < SPECULATION_TEXT; i++)
		if (spec->by_reason[i])
			used += (size_t)snprintf(buf + used, SPECULATION_TEXT - used, "%s%s %s",
						 used ? ", " : "",
						 spf_reason_name(i) + strlen("abort_"),
						 units_format_count(number, spec->by_reason[i]));
	return buf;
}

const char *speculation_windows(const struct snap_spec *spec, char buf[SPECULATION_TEXT])
{
	*buf = '\0';
	if (spec->threads && spec->min_window == spec->max_window)
		snprintf(buf, SPECULATION_TEXT, "%" PRIu32, spec->max_window);
	else if (spec->threads)
		snprintf(buf, SPECULATION_TEXT, "%" PRIu32 " to %" PRIu32, spec->min_window,
			 spec->max_window);
	return buf;
}

const char *speculation_knob(const struct snap_meta *meta, char *buf, size_t size)
{
	static const char *const words[SNAP_NR_KNOBS] = {
		[SNAP_KNOB_UNTUNED] = "nobody tunes it",
		[SNAP_KNOB_ORIGINAL] = "as the daemon has found it",
		[SNAP_KNOB_TUNED] = "set by the daemon",
		[SNAP_KNOB_PAUSED] = "left alone by the daemon",
	};
	bool why = meta->spf_why && *meta->spf_why;

	snprintf(buf, size, "%" PRIu32 ", %s%s%s", meta->spf_backoff_max, words[meta->spf_knob],
		 why ? ": " : "", why ? meta->spf_why : "");
	return buf;
}

const struct snap_spec *speculation_of(const struct snapshot *snap, uint32_t tgid)
{
	for (size_t i = 0; i < snap->n_specs; i++)
		if (snap->specs[i].tgid == tgid)
			return &snap->specs[i];
	return NULL;
}

static void put_row(FILE *out, const struct snap_meta *meta, const struct snap_spec *spec)
{
	uint64_t attempts = speculation_attempts(spec);
	char text[SPECULATION_TEXT];

	fprintf(out, "%7" PRIu32 " ", spec->tgid);
	text_put_padded(out, spec->comm, 15);
	if (attempts)
		fprintf(out, " %9s %6.1f%%", units_format_count(text, speculation_rate(meta, spec)),
			100.0 * (double)spec->by_reason[0] / (double)attempts);
	else
		fprintf(out, " %9s %7s", "-", "-");
	if (spec->threads)
		fprintf(out, " %7" PRIu32 " %-10s", spec->threads, speculation_windows(spec, text));
	else
		fprintf(out, " %7s %-10s", "-", "-");
	fprintf(out, " %s\n", *speculation_aborts(spec, text) ? text : "-");
}

void speculation_table(FILE *out, const struct snapshot *snap, const struct render_opts *opts)
{
	size_t n = 0, max = opts->entries ? opts->entries : MAX_ROWS;
	char sampled[UNITS_BUF];

	for (size_t i = 0; i < snap->n_specs; i++) {
		const struct snap_spec *spec = &snap->specs[i];

		if ((!spec->threads && !speculation_attempts(spec)) || n++ >= max)
			continue;
		if (n == 1 && !opts->no_header)
			fprintf(out, "\n%7s %-15s %9s %7s %7s %-10s %s\n", "PID", "COMM", "TRIED/S",
				"OK", "THREADS", "WINDOW", "ABORTED");
		put_row(out, &snap->meta, spec);
	}
	if (!n)
		return;
	if (n > max)
		fprintf(out, "   %zu more processes are not shown (-n)\n", n - max);
	fprintf(out,
		"-- without the lock: TRIED/S and ABORTED in samples of %s; THREADS that look away "
		"from it now, for WINDOW faults\n",
		units_format_duration(sampled, snap->meta.spf_sampled_ns));
}
