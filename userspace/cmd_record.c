// SPDX-License-Identifier: GPL-2.0
/*
 * Keep a measurement for later. JSON lines: a header; each interval everything
 * since the recording began; single waits as they come. Each line is whole for
 * itself and is written at once, so that after a crash all but the last
 * interval is there. Where the kernel has speculative faults, each interval also
 * has a window of the policy. The readers are cmd_show.c and policy_trace.c.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "policy_json.h"
#include "policy_meter.h"
#include "source.h"

#define INTERVAL_NS 1000000000ULL
#define SAMPLE_NS   100000000ULL /* of each interval: costs of faults are measured */

struct recorder {
	const struct cli *cli;
	struct source *source;
	FILE *out;
	struct policy_meter *meter; /* NULL: the kernel has no speculative faults */
	struct snapshot *before; /* at the end of the last interval, for the meter */
	int err;
	unsigned long long waits;
	unsigned long long intervals;
};

static void put_line(struct recorder *rec, const char *name, json_t *value)
{
	json_t *line = value ? json_pack("{s:o}", name, value) : NULL;

	if (!line)
		rec->err = -ENOMEM;
	else if (json_dumpf(line, rec->out, JSON_COMPACT) || fputc('\n', rec->out) == EOF)
		rec->err = -EIO;
	if (!rec->err && fflush(rec->out))
		rec->err = -errno;
	json_decref(line);
}

static void put_header(struct recorder *rec)
{
	put_line(rec, "faultline_record",
		 json_pack("{s:i, s:s, s:s, s:s*}", "schema", SNAPSHOT_SCHEMA, "version",
			   FAULTLINE_VERSION, "source",
			   source_is_daemon(rec->source) ? "daemon" : "direct", "phase",
			   rec->cli->phase));
}

static void on_wait(void *arg, const struct snapshot *one)
{
	struct recorder *rec = arg;

	if (rec->err)
		return;
	rec->waits++;
	put_line(rec, "wait", snapshot_to_json(one));
}

/* A lost write must not look like a short recording. */
static int said(const struct recorder *rec)
{
	if (!rec->err)
		return CLI_OK;
	cli_say("cannot write %s: %s; what was written before is good", rec->cli->output,
		strerror(-rec->err));
	return CLI_ERROR;
}

/* Takes now: it is the base of the next window. */
static int put_window(struct recorder *rec, struct snapshot *now)
{
	struct snapshot *diff = NULL;
	struct policy_window window;
	int err = snapshot_diff(rec->before, now, &diff);

	if (!err)
		err = policy_meter_window(rec->meter, diff, now->meta.mono_ns, &window);
	if (!err)
		put_line(rec, "policy_window", policy_window_to_json(&window));
	else
		cli_say("record: this window is not known: %s", strerror(-err));
	snapshot_free(diff);
	snapshot_free(rec->before);
	rec->before = now;
	return err ? CLI_ERROR : said(rec);
}

static int put_interval(struct recorder *rec, const struct snapshot *first)
{
	struct snapshot *now = NULL, *diff = NULL;
	int ret = source_snapshot(rec->source, true, &now);

	if (!ret && snapshot_diff(first, now, &diff)) {
		cli_say("out of memory");
		ret = CLI_ERROR;
	}
	if (!ret) {
		put_line(rec, "snapshot", snapshot_to_json(diff));
		rec->intervals++;
		ret = said(rec);
	}
	if (!ret)
		ret = cli_strict(rec->cli, diff);
	if (!ret && rec->meter)
		ret = put_window(rec, now);
	else
		snapshot_free(now);
	snapshot_free(diff);
	return ret;
}

/* An interval, in the first part of which costs are sampled. */
static int pass(struct recorder *rec, uint64_t ns)
{
	uint64_t part_ns = ns < SAMPLE_NS ? ns : SAMPLE_NS;
	int ret;

	if (!rec->meter)
		return source_wait(rec->source, ns);
	policy_meter_sample(rec->meter, true);
	ret = source_wait(rec->source, part_ns);
	policy_meter_sample(rec->meter, false);
	if (!ret && ns > part_ns && !source_stopped(rec->source))
		ret = source_wait(rec->source, ns - part_ns);
	return ret;
}

/* Where there is nothing to be metered, that is no error. */
static int open_meter(struct recorder *rec)
{
	int err = policy_meter_open("/proc", true, &rec->meter);

	if (!err)
		return source_snapshot(rec->source, false, &rec->before);
	if (err != -ENOTSUP)
		cli_say("record: no windows for 'policy simulate': %s", strerror(-err));
	return CLI_OK;
}

static int run(struct recorder *rec)
{
	uint64_t interval_ns = rec->cli->interval_ns ? rec->cli->interval_ns : INTERVAL_NS;
	uint64_t left_ns = rec->cli->duration_ns;
	struct snapshot *first = NULL;
	int ret = source_snapshot(rec->source, true, &first);

	if (!ret)
		ret = open_meter(rec);
	if (!ret)
		ret = source_on_wait(rec->source, on_wait, rec);
	put_header(rec);
	while (!ret && !source_stopped(rec->source)) {
		uint64_t ns = interval_ns;

		if (rec->cli->duration_ns && left_ns < ns)
			ns = left_ns;
		ret = pass(rec, ns);
		if (!ret)
			ret = said(rec);
		if (!ret)
			ret = put_interval(rec, first);
		left_ns -= ns;
		if (rec->cli->duration_ns && !left_ns)
			break;
	}
	snapshot_free(first);
	return ret;
}

int cmd_record(struct cli *cli)
{
	const struct source_opts opts = {.no_speculation = true};
	struct recorder rec = {.cli = cli};
	int ret;

	if (!cli->output) {
		cli_say("record: where to? give -o FILE");
		return CLI_USAGE;
	}
	ret = source_open(cli, &opts, &rec.source);
	if (ret)
		return ret;
	umask(077); /* names and stacks of other users' processes */
	/* not aside and renamed: what is there is to be readable after a crash */
	rec.out = fopen(cli->output, "we");
	if (!rec.out) {
		cli_say("cannot write %s: %s", cli->output, strerror(errno));
		ret = CLI_ERROR;
	} else {
		ret = run(&rec);
		if (fclose(rec.out) && !ret) {
			rec.err = -errno;
			ret = said(&rec);
		}
		cli_say("%llu intervals and %llu waits in %s", rec.intervals, rec.waits,
			cli->output);
	}
	policy_meter_close(rec.meter);
	snapshot_free(rec.before);
	source_close(rec.source);
	return ret;
}
