// SPDX-License-Identifier: GPL-2.0
/*
 * Can these numbers be trusted? What stands around every table: first what
 * makes them wrong, marked with "!!", then what they cover, what was lost, what
 * cannot be seen and what the measuring itself cost.
 */
#include <inttypes.h>
#include <string.h>

#include "render.h"
#include "speculation.h"
#include "text.h"
#include "units.h"

#define LINE 4096

/* Words of text, each line within width, continued below the text itself. */
static void put_wrapped(FILE *out, const char *mark, const char *text, size_t width)
{
	size_t indent = strlen(mark) + 1, used = indent;

	fprintf(out, "%s ", mark);
	while (*text) {
		size_t len = strcspn(text, " ");
		char word[LINE];
		size_t columns;

		snprintf(word, sizeof(word), "%.*s", (int)len, text);
		columns = text_width(word);
		if (used > indent && width && used + 1 + columns > width) {
			fprintf(out, "\n%*s", (int)indent, "");
			used = indent;
		}
		if (used > indent) {
			putc(' ', out);
			used++;
		}
		fputs(word, out);
		used += columns;
		text += len;
		text += strspn(text, " ");
	}
	putc('\n', out);
}

static void warn(FILE *out, const char *text, const struct render_opts *opts)
{
	if (opts->color)
		fputs("\033[1;31m", out);
	put_wrapped(out, "!!", text, opts->width);
	if (opts->color)
		fputs("\033[0m", out);
}

/* "waiters_full 12, race 3"; "" when all of these counters are 0. */
static void list_counters(const struct snap_meta *meta, unsigned int from, unsigned int to,
			  char *buf, size_t size)
{
	char number[UNITS_BUF];
	size_t used = 0;

	*buf = '\0';
	for (unsigned int i = from; i < to && used < size; i++)
		if (meta->counters[i])
			used += (size_t)snprintf(buf + used, size - used, "%s%s %s",
						 used ? ", " : "",
						 snapshot_counter_name((enum fl_counter)i),
						 units_format_count(number, meta->counters[i]));
}

static void warn_lost(FILE *out, const struct snap_meta *meta, const struct render_opts *opts)
{
	char list[512], text[LINE], number[UNITS_BUF];
	uint64_t lost = snapshot_lost_waits(meta);

	if (lost) {
		list_counters(meta, 0, FL_NR_WAIT_LOSSES, list, sizeof(list));
		snprintf(text, sizeof(text),
			 "%s WAITS LOST (%s): they are in no row; counts and totals are too low.",
			 units_format_count(number, lost), list);
		warn(out, text, opts);
	}
	if (meta->recursion_misses) {
		snprintf(text, sizeof(text),
			 "%s RUNS OF EXACT MODE SKIPPED by the kernel: spun waits may be missing.",
			 units_format_count(number, meta->recursion_misses));
		warn(out, text, opts);
	}
}

static void warn_unfinished(FILE *out, const struct snapshot *snap, const struct render_opts *opts)
{
	const struct snap_wait *longest = NULL;
	char text[LINE], number[UNITS_BUF];
	size_t n = 0;

	for (size_t i = 0; i < snap->n_waits; i++) {
		const struct snap_wait *wait = &snap->waits[i];

		if (wait->finished)
			continue;
		n++;
		if (!longest || wait->dur_ns > longest->dur_ns)
			longest = wait;
	}
	if (!n)
		return;
	snprintf(text, sizeof(text),
		 "%zu %s STILL WAITING, the longest for %s (%s/%u for the lock of %s/%u): not in "
		 "counts and totals; see top or explain %u.",
		 n, n == 1 ? "THREAD IS" : "THREADS ARE",
		 units_format_duration(number, longest->dur_ns), longest->waiter.comm,
		 longest->waiter.tid, longest->comm, longest->tgid, longest->tgid);
	warn(out, text, opts);
}

void render_warnings(FILE *out, const struct snapshot *snap, const struct render_opts *opts)
{
	const struct snap_meta *meta = &snap->meta;
	char text[LINE];

	if (!meta->attached) {
		snprintf(text, sizeof(text),
			 "NOT MEASURING: circuit breaker open (%s). What has happened since is not "
			 "in these numbers.",
			 meta->detached_reason ? meta->detached_reason : "no reason given");
		warn(out, text, opts);
	}
	warn_lost(out, meta, opts);
}

static void format_share(char *buf, size_t size, uint64_t part_ns, uint64_t window_ns)
{
	if (window_ns)
		snprintf(buf, size, "%.3g%% of one CPU", (double)part_ns * 100 / (double)window_ns);
	else
		snprintf(buf, size, "not known");
}

static void put_summary(FILE *out, const struct snap_meta *meta, const struct render_opts *opts)
{
	char text[LINE], lost[512], window[UNITS_BUF], rss[UNITS_BUF], maps[UNITS_BUF];
	char bpf[48] = "not measured", cpu[48];

	list_counters(meta, FL_NR_WAIT_LOSSES, FL_NR_LOSSES, lost, sizeof(lost));
	format_share(cpu, sizeof(cpu), meta->cpu_ns, meta->window_ns);
	if (meta->bpf_ns)
		format_share(bpf, sizeof(bpf), meta->bpf_ns, meta->window_ns);
	snprintf(text, sizeof(text),
		 "window %s; %s on %s, kernel %s; %s%s%s; own cost: BPF %s, process %s, RSS %s, "
		 "maps %s",
		 units_format_duration(window, meta->window_ns),
		 meta->source ? meta->source : "unknown source",
		 meta->host ? meta->host : "unknown host",
		 meta->kernel ? meta->kernel : "not known",
		 snapshot_lost_waits(meta) ? "waits lost, see above" : "no waits lost",
		 *lost ? "; details lost: " : "", lost, bpf, cpu,
		 units_format_size(rss, meta->rss_bytes), units_format_size(maps, meta->map_bytes));
	put_wrapped(out, "--", text, opts->width);
}

/* How many faults did without the lock, and why others did not. */
static void put_speculation(FILE *out, const struct snap_meta *meta, const struct render_opts *opts)
{
	uint64_t attempts = meta->spf.n[SPF_ATTEMPT], ok = meta->spf.n[SPF_OK];
	char text[LINE], knob[LINE / 4], a[UNITS_BUF], b[UNITS_BUF];
	size_t used;

	if (!meta->speculative)
		return;
	used = (size_t)snprintf(
		text, sizeof(text), "without the lock, host: %s of %s faults tried, %.1f%% handled",
		units_format_count(a, attempts), units_format_count(b, meta->spf.n[SPF_FAULTS]),
		attempts ? 100.0 * (double)ok / (double)attempts : 0);
	for (int i = SPF_ABORT_VMA; i <= SPF_ABORT_OTHER && used < sizeof(text); i++)
		if (meta->spf.n[i])
			used += (size_t)snprintf(text + used, sizeof(text) - used, ", %s %s",
						 spf_counter_name((enum spf_counter)i),
						 units_format_count(a, meta->spf.n[i]));
	if (used < sizeof(text))
		snprintf(text + used, sizeof(text) - used, "; vm.spf_backoff_max %s",
			 speculation_knob(meta, knob, sizeof(knob)));
	put_wrapped(out, "--", text, opts->width);
}

void render_footer(FILE *out, const struct snapshot *snap, const struct render_opts *opts)
{
	const struct snap_meta *meta = &snap->meta;
	char text[LINE], number[UNITS_BUF];

	render_warnings(out, snap, opts);
	warn_unfinished(out, snap, opts);
	put_summary(out, meta, opts);
	put_speculation(out, meta, opts);
	if (meta->counters[FL_SEEN_BELOW_MIN]) {
		snprintf(text, sizeof(text), "left out on purpose: %s waits below the minimum",
			 units_format_count(number, meta->counters[FL_SEEN_BELOW_MIN]));
		put_wrapped(out, "--", text, opts->width);
	}
	if (meta->blind && *meta->blind) {
		snprintf(text, sizeof(text), "not seen: %s", meta->blind);
		put_wrapped(out, "--", text, opts->width);
	}
}
