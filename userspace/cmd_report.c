// SPDX-License-Identifier: GPL-2.0
/*
 * The verbs that measure once and print: report, explain, metrics. What they
 * print is in render_*.c and verdict_*.c.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd.h"
#include "cmd_html.h"
#include "source.h"
#include "verdict.h"

static void fit_terminal(struct cli *cli)
{
	struct winsize size;

	if (!cli->output && isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		cli->render.width = size.ws_col;
}

/* The result of a printing function, and whether the output arrived. */
static int finish(const struct cli *cli, struct cli_out *out, int err, const struct snapshot *snap)
{
	int ret;

	if (err)
		cli_say("cannot print: %s", strerror(-err));
	ret = cli_out_close(out, !err);
	if (!ret && err)
		ret = CLI_ERROR;
	return ret ? ret : cli_strict(cli, snap);
}

/* csv and folded have no room for what was lost. */
static void print_footer(const struct cli *cli, const struct snapshot *snap)
{
	if (cli->render.format == RENDER_CSV || cli->render.format == RENDER_FOLDED)
		render_footer(stderr, snap, &cli->render);
}

static int print_report(struct cli *cli, const struct snapshot *snap)
{
	struct cli_out out;
	int err, ret;

	fit_terminal(cli);
	ret = cli_out_open(cli, NULL, &out);
	if (ret)
		return ret;
	err = render_report(out.file, snap, &cli->render);
	print_footer(cli, snap);
	return finish(cli, &out, err, snap);
}

int cmd_report(struct cli *cli)
{
	const struct source_opts opts = {
		.stacks = cli->render.by == RENDER_BY_STACK ||
			  cli->render.format == RENDER_FOLDED || cli_has(cli, CLI_O_USER),
	};
	struct snapshot *snap = NULL;
	int ret;

	if (cli->html)
		ret = cmd_html_report(cli, &snap);
	else
		ret = source_once(cli, &opts, false, &snap);
	if (!ret)
		ret = cli->html && !cmd_html_with_text(cli) ? cmd_html_end(cli, snap)
							    : print_report(cli, snap);
	snapshot_free(snap);
	return ret;
}

static int explain_json(FILE *out, const struct snapshot *snap, uint32_t pid,
			enum render_format format)
{
	json_t *doc = verdict_to_json(snap, pid);
	int err;

	if (!doc)
		return -ENOMEM;
	err = json_dumpf(doc, out, format == RENDER_JSON ? JSON_INDENT(2) : JSON_COMPACT);
	fputc('\n', out);
	json_decref(doc);
	return err ? -EIO : 0;
}

static int explain(struct cli *cli, FILE *out, const struct snapshot *snap)
{
	uint32_t pid = cli->pids[0];
	int err;

	/* none was given: the one that suffers most */
	if (!cli->n_pids && !verdict_worst(snap, &pid))
		pid = 0;
	if (cli->render.format == RENDER_JSON || cli->render.format == RENDER_JSONL)
		return explain_json(out, snap, pid, cli->render.format);
	if (!pid) {
		fputs("nobody waited for an mmap_lock in this window\n", out);
		render_footer(out, snap, &cli->render);
		return ferror(out) ? -EIO : 0;
	}
	err = verdict_explain(out, snap, pid);
	for (size_t i = 1; i < cli->n_pids && !err; i++) {
		fputc('\n', out);
		err = verdict_explain(out, snap, cli->pids[i]);
	}
	fputc('\n', out);
	render_footer(out, snap, &cli->render);
	return err;
}

int cmd_explain(struct cli *cli)
{
	/* stacks decide the cause where the system call does not */
	const struct source_opts opts = {.stacks = false};
	struct snapshot *snap = NULL;
	struct cli_out out;
	int ret = CLI_OK;

	if (cli->n_args)
		ret = cli_add_pids(cli, cli->args[0]);
	if (!ret && cli->render.format != RENDER_TABLE && cli->render.format != RENDER_JSON &&
	    cli->render.format != RENDER_JSONL) {
		cli_say("explain: --format is table, json or jsonl");
		ret = CLI_USAGE;
	}
	if (!ret)
		ret = source_once(cli, &opts, false, &snap);
	if (!ret)
		ret = cli_out_open(cli, NULL, &out);
	if (!ret)
		ret = finish(cli, &out, explain(cli, out.file, snap), snap);
	snapshot_free(snap);
	return ret;
}

static int print_metrics(struct cli *cli, FILE *out)
{
	const struct source_opts opts = {.stacks = false};
	struct source *source = NULL;
	struct snapshot *snap = NULL;
	json_t *reply = NULL;
	int ret;

	ret = source_open(cli, &opts, &source);
	/* the daemon's own text is of all processes */
	if (!ret && source_is_daemon(source) && !cli->n_pids) {
		ret = source_ask(cli, "metrics", &reply);
		if (!ret)
			fputs(json_string_value(json_object_get(reply, "text")) ?: "", out);
	} else if (!ret) {
		cli->render.format = RENDER_OPENMETRICS;
		ret = source_measure(source, false, false, &snap);
		if (!ret && render_metrics(out, snap, &cli->render, NULL)) {
			cli_say("cannot print the metrics");
			ret = CLI_ERROR;
		}
	}
	json_decref(reply);
	snapshot_free(snap);
	source_close(source);
	return ret;
}

int cmd_metrics(struct cli *cli)
{
	struct cli_out out;
	int ret, closed;

	ret = cli_out_open(cli, NULL, &out);
	if (ret)
		return ret;
	ret = print_metrics(cli, out.file);
	closed = cli_out_close(&out, !ret);
	return ret ? ret : closed;
}
