// SPDX-License-Identifier: GPL-2.0
/*
 * Each wait as it comes, one a line: finished ones, and stuck ones when they
 * pass the limit. Ends with -d, after -n waits, by a signal, or with code 1
 * when the daemon goes away; it does not connect again, so that a gap is never
 * taken for silence.
 */
#include <string.h>

#include "cmd.h"
#include "source.h"

#define FOREVER_NS (365ULL * 24 * 3600 * 1000000000)

struct watcher {
	struct cli *cli;
	struct source *source;
	FILE *out;
	size_t shown;
	int err;
};

static bool enough(const struct watcher *watcher)
{
	return watcher->cli->render.entries && watcher->shown >= watcher->cli->render.entries;
}

static void on_wait(void *arg, const struct snapshot *one)
{
	struct watcher *watcher = arg;

	if (watcher->err || enough(watcher))
		return;
	watcher->shown++;
	watcher->err = render_waits(watcher->out, one, &watcher->cli->render);
	/* a line is there to be seen now, also through a pipe */
	if (fflush(watcher->out) && !watcher->err)
		watcher->err = -1;
}

/* Who is stuck already: a daemon has told that before this verb began. */
static int show_stuck(struct watcher *watcher)
{
	struct snapshot *snap = NULL;
	int ret;

	if (!source_is_daemon(watcher->source))
		return CLI_OK;
	ret = source_snapshot(watcher->source, false, &snap);
	for (size_t i = 0; !ret && i < snap->n_waits; i++) {
		struct snap_wait wait = snap->waits[i];
		struct snapshot one = {.meta = snap->meta, .waits = &wait, .n_waits = 1};

		wait.kstack = wait.ustack = wait.holder_stack = -1;
		if (!wait.finished)
			on_wait(watcher, &one);
	}
	snapshot_free(snap);
	return ret;
}

static int run(struct watcher *watcher)
{
	const struct cli *cli = watcher->cli;
	uint64_t left_ns = cli->duration_ns ? cli->duration_ns : FOREVER_NS;
	int ret = source_on_wait(watcher->source, on_wait, watcher);

	if (!ret)
		ret = show_stuck(watcher);
	/* in slices, so that -n and a closed pipe end it soon */
	while (!ret && !watcher->err && !enough(watcher) && left_ns &&
	       !source_stopped(watcher->source)) {
		uint64_t ns = left_ns < 100000000 ? left_ns : 100000000;

		ret = source_wait(watcher->source, ns);
		left_ns -= ns;
	}
	if (watcher->err && !ret) {
		cli_say("cannot print: the output is closed or full");
		ret = CLI_ERROR;
	}
	return ret;
}

/* The last lines: what was lost, and what cannot be seen. */
static int end(struct watcher *watcher)
{
	struct snapshot *snap = NULL;
	int ret = source_snapshot(watcher->source, false, &snap);

	if (!ret) {
		render_footer(watcher->cli->render.format == RENDER_TABLE ? watcher->out : stderr,
			      snap, &watcher->cli->render);
		ret = cli_strict(watcher->cli, snap);
	}
	snapshot_free(snap);
	return ret;
}

int cmd_watch(struct cli *cli)
{
	const struct source_opts opts = {.stacks = false};
	struct watcher watcher = {.cli = cli};
	struct cli_out out;
	int ret, closed;

	ret = source_open(cli, &opts, &watcher.source);
	if (ret)
		return ret;
	ret = cli_out_open(cli, NULL, &out);
	if (!ret) {
		watcher.out = out.file;
		if (render_waits_header(out.file, &cli->render) || fflush(out.file))
			watcher.err = -1;
		ret = run(&watcher);
		if (!ret)
			ret = end(&watcher);
		closed = cli_out_close(&out, true);
		ret = ret ? ret : closed;
	}
	source_close(watcher.source);
	return ret;
}
