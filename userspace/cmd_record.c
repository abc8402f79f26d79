// SPDX-License-Identifier: GPL-2.0
/*
 * Keep a measurement for later. JSON lines: a header; each interval everything
 * since the recording began; single waits as they come. Each line is whole for
 * itself and is written at once, so that after a crash all but the last
 * interval is there. The reader is cmd_show.c.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "source.h"

#define INTERVAL_NS 1000000000ULL

struct recorder {
	const struct cli *cli;
	struct source *source;
	FILE *out;
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
		 json_pack("{s:i, s:s, s:s}", "schema", SNAPSHOT_SCHEMA, "version",
			   FAULTLINE_VERSION, "source",
			   source_is_daemon(rec->source) ? "daemon" : "direct"));
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
	snapshot_free(diff);
	snapshot_free(now);
	return ret;
}

static int run(struct recorder *rec)
{
	uint64_t interval_ns = rec->cli->interval_ns ? rec->cli->interval_ns : INTERVAL_NS;
	uint64_t left_ns = rec->cli->duration_ns;
	struct snapshot *first = NULL;
	int ret = source_snapshot(rec->source, true, &first);

	if (!ret)
		ret = source_on_wait(rec->source, on_wait, rec);
	put_header(rec);
	while (!ret && !source_stopped(rec->source)) {
		uint64_t ns = interval_ns;

		if (rec->cli->duration_ns && left_ns < ns)
			ns = left_ns;
		ret = source_wait(rec->source, ns);
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
	const struct source_opts opts = {.stacks = false};
	struct recorder rec = {.cli = cli};
	int ret;

	if (!cli->output) {
		cli_say("record: where to? give -o FILE");
		return CLI_USAGE;
	}
	ret = source_open(cli, &opts, &rec.source);
	if (ret)
		return ret;
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
	source_close(rec.source);
	return ret;
}
