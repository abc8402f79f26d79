// SPDX-License-Identifier: GPL-2.0
/*
 * Print a recording. Each of its intervals holds everything since it began, so
 * the last whole one is the result; --waits prints the single waits instead.
 * A last line that was cut off by a crash is told, anything else that is wrong
 * is an error with its line.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "cmd_html.h"
#include "verdict.h"

struct reader {
	struct cli *cli;
	struct snap_filter filter;
	FILE *out; /* of --waits */
	struct cmd_html *html; /* of --html */
	struct snapshot *last;
	unsigned long long line;
	size_t shown;
	bool header;
};

static int bad(const struct reader *r, const char *what)
{
	cli_say("%s:%llu: %s", r->cli->args[0], r->line, what);
	return CLI_ERROR;
}

static int take_header(struct reader *r, const json_t *object)
{
	const json_t *header = json_object_get(object, "faultline_record");
	json_int_t schema = json_integer_value(json_object_get(header, "schema"));

	if (!header || schema < 1)
		return bad(r, "this is no recording: make one by 'faultline record -o FILE'");
	if (schema > SNAPSHOT_SCHEMA)
		return bad(r, "the recording is of a newer version of faultline");
	r->header = true;
	return CLI_OK;
}

static int take_snapshot(struct reader *r, const json_t *doc, struct snapshot **ret_snap)
{
	const char *where = NULL;
	struct snapshot *snap;
	char what[128];
	int err = snapshot_from_json(doc, &snap, &where);

	if (err) {
		snprintf(what, sizeof(what), "not understood at '%s'", where ? where : "?");
		return bad(r, what);
	}
	err = snapshot_filter(snap, &r->filter);
	if (err) {
		snapshot_free(snap);
		return bad(r, strerror(-err));
	}
	*ret_snap = snap;
	return CLI_OK;
}

static int take_line(struct reader *r, const json_t *object)
{
	const json_t *totals = json_object_get(object, "snapshot");
	const json_t *wait = json_object_get(object, "wait");
	struct snapshot *snap = NULL;
	int ret = CLI_OK;

	if (!r->header)
		return take_header(r, object);
	if (totals) {
		ret = take_snapshot(r, totals, &snap);
		if (!ret) {
			snapshot_free(r->last);
			r->last = snap;
		}
		if (!ret && r->html)
			cmd_html_add(r->html, snap);
	} else if (wait && r->html) {
		ret = take_snapshot(r, wait, &snap);
		if (!ret && timeline_add_waits(r->html->timeline, snap, false))
			ret = bad(r, "out of memory");
		snapshot_free(snap);
	} else if (wait && r->out &&
		   (!r->cli->render.entries || r->shown < r->cli->render.entries)) {
		ret = take_snapshot(r, wait, &snap);
		if (!ret && render_waits(r->out, snap, &r->cli->render))
			ret = bad(r, "cannot print");
		if (!ret)
			r->shown += snap->n_waits;
		snapshot_free(snap);
	}
	return ret;
}

static int read_lines(struct reader *r, FILE *file)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int ret = CLI_OK;

	while (!ret && (len = getline(&line, &size, file)) > 0) {
		json_t *object = json_loadb(line, len, 0, NULL);

		r->line++;
		if (!object && r->header && line[len - 1] != '\n')
			cli_say("%s:%llu: the last line is cut off; what comes before is shown",
				r->cli->args[0], r->line);
		else if (!json_is_object(object) && !r->header)
			ret = take_header(r, NULL);
		else if (!json_is_object(object))
			ret = bad(r, "damaged: not JSON");
		else
			ret = take_line(r, object);
		json_decref(object);
	}
	free(line);
	if (!ret && ferror(file))
		ret = bad(r, "cannot read on");
	if (!ret && !r->header)
		ret = bad(r, "empty: this is no recording");
	return ret;
}

/* All of it; the last interval is there then. */
static int read_all(struct reader *r, FILE *file)
{
	int ret = read_lines(r, file);

	if (!ret && !r->last) {
		cli_say("%s: no whole interval was recorded", r->cli->args[0]);
		ret = CLI_ERROR;
	}
	return ret;
}

static int print(struct reader *r, FILE *out)
{
	struct cli *cli = r->cli;
	int err = 0;

	if (r->out)
		render_footer(out, r->last, &cli->render);
	else
		err = render_report(out, r->last, &cli->render);
	if (err)
		cli_say("cannot print: %s", strerror(-err));
	return err ? CLI_ERROR : cli_strict(cli, r->last);
}

static int show(struct reader *r, FILE *file)
{
	struct cli_out out;
	int closed, ret = cli_out_open(r->cli, NULL, &out);

	if (ret)
		return ret;
	if (cli_has(r->cli, CLI_O_WAITS)) {
		r->out = out.file;
		if (render_waits_header(out.file, &r->cli->render))
			ret = bad(r, "cannot print");
	}
	if (!ret && !r->last)
		ret = read_all(r, file);
	if (!ret)
		ret = print(r, out.file);
	closed = cli_out_close(&out, !ret || ret == CLI_INCOMPLETE);
	return ret ? ret : closed;
}

static int show_page(struct reader *r, FILE *file)
{
	struct cmd_html html;
	int closed, ret = cmd_html_open(r->cli, &html);

	if (ret)
		return ret;
	r->html = &html;
	ret = read_all(r, file);
	closed = cmd_html_close(r->cli, &html, ret ? NULL : r->last);
	r->html = NULL;
	ret = ret ? ret : closed;
	if (!ret)
		ret = cmd_html_with_text(r->cli) ? show(r, file) : cmd_html_end(r->cli, r->last);
	return ret;
}

int cmd_show(struct cli *cli)
{
	struct reader r = {
		.cli = cli,
		.filter =
			{
				.pids = cli->pids,
				.n_pids = cli->n_pids,
				.cgroup = cli->cgroup,
				.comm = cli->comm,
				.min_wait_ns = cli->min_wait_ns,
			},
	};
	FILE *file;
	int ret;

	if (!cli->n_args) {
		cli_say("show: which FILE? (of 'faultline record -o FILE')");
		return CLI_USAGE;
	}
	if (cli->html && cli_has(cli, CLI_O_WAITS)) {
		cli_say("show: --waits prints single waits, --html draws all: give one of them");
		return CLI_USAGE;
	}
	file = fopen(cli->args[0], "re");
	if (!file) {
		cli_say("%s: %s", cli->args[0], strerror(errno));
		return CLI_ERROR;
	}
	ret = cli->html ? show_page(&r, file) : show(&r, file);
	fclose(file);
	snapshot_free(r.last);
	return ret;
}
