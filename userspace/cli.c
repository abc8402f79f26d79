// SPDX-License-Identifier: GPL-2.0
/*
 * Which verbs are there, and what do all of them share: help, messages, where
 * the output goes, and --strict.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "cmd.h"

#define SOURCE (CLI_BIT(SOCKET) | CLI_BIT(DIRECT))
#define SELECT (CLI_BIT(PID) | CLI_BIT(CGROUP) | CLI_BIT(COMM) | CLI_BIT(MIN_WAIT))
#define TABLE                                                                                 \
	(CLI_BIT(ENTRIES) | CLI_BIT(SORT) | CLI_BIT(FIELDS) | CLI_BIT(BY) | CLI_BIT(FORMAT) | \
	 CLI_BIT(OUTPUT))
#define EXTRA (CLI_BIT(USER) | CLI_BIT(EXACT))

const struct cli_verb cli_verbs[] = {
	{"doctor", NULL, 0, "what this kernel can show, what not, and what it costs", cmd_doctor,
	 SOURCE | CLI_BIT(MEASURE) | CLI_BIT(FORMAT) | CLI_BIT(OUTPUT) | CLI_BIT(EXACT)},
	{"status", NULL, 0, "is the daemon well", cmd_status,
	 CLI_BIT(SOCKET) | CLI_BIT(FORMAT) | CLI_BIT(OUTPUT)},
	{"top", NULL, 0, "live view, waits that have not ended first", cmd_top,
	 SOURCE | SELECT | CLI_BIT(DURATION) | CLI_BIT(INTERVAL) | CLI_BIT(ENTRIES) |
		 CLI_BIT(SORT) | CLI_BIT(FORMAT) | CLI_BIT(OUTPUT) | CLI_BIT(STRICT) | EXTRA},
	{"report", NULL, 0, "totals of a window, or since the daemon started", cmd_report,
	 SOURCE | SELECT | TABLE | CLI_BIT(DURATION) | CLI_BIT(STRICT) | CLI_BIT(HTML) | EXTRA},
	{"watch", NULL, 0, "single waits, one a line, as they come", cmd_watch,
	 SOURCE | SELECT | CLI_BIT(DURATION) | CLI_BIT(ENTRIES) | CLI_BIT(FORMAT) |
		 CLI_BIT(OUTPUT) | CLI_BIT(STRICT) | EXTRA},
	{"record", NULL, 0, "write a recording for 'show' and 'policy simulate' (-o FILE)",
	 cmd_record,
	 SOURCE | SELECT | CLI_BIT(DURATION) | CLI_BIT(INTERVAL) | CLI_BIT(OUTPUT) |
		 CLI_BIT(STRICT) | CLI_BIT(PHASE) | EXTRA},
	{"show", "FILE", 1, "print a recording as 'report' would", cmd_show,
	 SELECT | TABLE | CLI_BIT(WAITS) | CLI_BIT(STRICT) | CLI_BIT(HTML)},
	{"stacks", NULL, 0, "kernel stacks of the waiters, folded or as a flame graph", cmd_stacks,
	 SOURCE | SELECT | TABLE | CLI_BIT(DURATION) | CLI_BIT(STRICT) | CLI_BIT(SVG) | EXTRA},
	{"explain", "[PID]", 1, "who was blocked by whom, and what to do about it", cmd_explain,
	 SOURCE | CLI_BIT(PID) | CLI_BIT(DURATION) | CLI_BIT(FORMAT) | CLI_BIT(OUTPUT) |
		 CLI_BIT(STRICT) | EXTRA},
	{"incidents", "[list | show RECORD | export ID [FILE]]", 3,
	 "what the daemon recorded by itself; RECORD: an id, or a file", cmd_incidents,
	 CLI_BIT(PID) | CLI_BIT(FORMAT) | CLI_BIT(OUTPUT) | CLI_BIT(ENTRIES) | CLI_BIT(DIR) |
		 CLI_BIT(HTML)},
	{"config", "check [FILE] | show [FILE]", 2, "is the configuration right, and what is it",
	 cmd_config, CLI_BIT(OUTPUT)},
	{"policy",
	 "[show | plan | log | apply ID | pause|resume|rollback [SETTING] | simulate TRACE...]",
	 CLI_MAX_ARGS, "settings of speculative faults: what they are, should be and were",
	 cmd_policy, CLI_BIT(SOCKET) | CLI_BIT(FORMAT) | CLI_BIT(OUTPUT) | CLI_BIT(DURATION)},
	{"check", NULL, 0, "for monitoring systems: OK, WARNING, CRITICAL, UNKNOWN", cmd_check,
	 SOURCE | CLI_BIT(PID) | CLI_BIT(CGROUP) | CLI_BIT(DURATION) | CLI_BIT(WARNING) |
		 CLI_BIT(CRITICAL)},
	{"metrics", NULL, 0, "OpenMetrics, once", cmd_metrics,
	 SOURCE | CLI_BIT(PID) | CLI_BIT(OUTPUT) | CLI_BIT(DURATION)},
	{NULL, NULL, 0, NULL, NULL, 0},
};

const struct cli_verb *cli_find_verb(const char *name)
{
	for (const struct cli_verb *verb = cli_verbs; verb->name; verb++)
		if (!strcmp(verb->name, name))
			return verb;
	return NULL;
}

void cli_help(FILE *out)
{
	fputs("faultline: see mmap_lock contention, whose it is and why\n\n"
	      "usage: faultline VERB [OPTION]... [ARGUMENT]...\n\n",
	      out);
	for (const struct cli_verb *verb = cli_verbs; verb->name; verb++)
		fprintf(out, "  %-10s %s\n", verb->name, verb->summary);
	fputs("  help       this text, or that of a verb\n"
	      "  version    print the version\n\n"
	      "'faultline VERB --help' lists the options of a verb.\n"
	      "Exit codes: 0 success, 1 run-time error, 2 usage, 3 not permitted, 4 the kernel\n"
	      "cannot, 5 daemon not reachable, 6 incomplete (with --strict), 7 policy conflict,\n"
	      "8 interrupted before the first sample.\n",
	      out);
}

void cli_help_verb(FILE *out, const struct cli_verb *verb)
{
	fprintf(out, "usage: faultline %s [OPTION]...%s%s\n\n%s\n\n", verb->name,
		verb->args ? " " : "", verb->args ? verb->args : "", verb->summary);
	cli_help_options(out, verb->options | CLI_BIT(HELP));
	if (verb->run == cmd_check)
		fputs("\nExit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.\n", out);
}

/* Levenshtein distance of short words; what is longer is never near. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[32];
	size_t len = strlen(b);

	if (strlen(a) >= 32 || len >= 32)
		return 32;
	for (size_t k = 0; k <= len; k++)
		row[k] = k;
	for (size_t i = 1; a[i - 1]; i++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (size_t k = 1; k <= len; k++) {
			unsigned int best = diagonal + (a[i - 1] != b[k - 1]);

			diagonal = row[k];
			if (row[k] + 1 < best)
				best = row[k] + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			row[k] = best;
		}
	}
	return row[len];
}

const char *cli_nearest(const char *word, const char *const *words)
{
	const char *nearest = NULL;
	unsigned int best = 3; /* two slips at most, and fewer than the word has letters */

	for (; *words; words++) {
		unsigned int d = distance(word, *words);

		if (d < best && d < strlen(word)) {
			best = d;
			nearest = *words;
		}
	}
	return nearest;
}

void cli_say(const char *format, ...)
{
	va_list args;

	fputs("faultline: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

int cli_out_open(const struct cli *cli, const char *path, struct cli_out *ret_out)
{
	struct cli_out out = {.file = stdout, .path = path ? path : cli->output};

	/* results for a pipe or a device are not renamed over it */
	if (out.path && !strncmp(out.path, "/dev/", 5)) {
		out.file = fopen(out.path, "we");
	} else if (out.path) {
		if (asprintf(&out.tmp, "%s.tmp.%d", out.path, getpid()) < 0)
			out.tmp = NULL;
		out.file = out.tmp ? fopen(out.tmp, "wxe") : NULL;
	}
	if (!out.file) {
		cli_say("cannot write %s: %s", out.path, strerror(errno));
		free(out.tmp);
		return CLI_ERROR;
	}
	*ret_out = out;
	return CLI_OK;
}

int cli_out_close(struct cli_out *out, bool keep)
{
	bool bad;

	if (!out->path)
		return CLI_OK; /* main() looks at stdout */
	bad = ferror(out->file);
	bad |= fclose(out->file) != 0;
	if (!bad && keep && out->tmp)
		bad = rename(out->tmp, out->path) != 0;
	if (bad)
		cli_say("cannot write %s: %s", out->path, strerror(errno));
	if (out->tmp && (bad || !keep))
		unlink(out->tmp);
	free(out->tmp);
	out->tmp = NULL;
	return bad ? CLI_ERROR : CLI_OK;
}

int cli_strict(const struct cli *cli, const struct snapshot *snap)
{
	const struct snap_meta *meta = &snap->meta;

	if (!cli_has(cli, CLI_O_STRICT))
		return CLI_OK;
	if (!meta->attached) {
		cli_say("incomplete: measuring is stopped: %s",
			meta->detached_reason ? meta->detached_reason : "no reason given");
		return CLI_INCOMPLETE;
	}
	if (!snapshot_lost_any(meta) && !meta->recursion_misses)
		return CLI_OK;
	cli_say("incomplete: %llu details lost, of these %llu whole waits; %llu runs of exact mode "
		"skipped",
		(unsigned long long)snapshot_lost_any(meta),
		(unsigned long long)snapshot_lost_waits(meta),
		(unsigned long long)meta->recursion_misses);
	return CLI_INCOMPLETE;
}
