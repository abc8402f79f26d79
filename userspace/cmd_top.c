// SPDX-License-Identifier: GPL-2.0
/*
 * What happens right now? Redraws a terminal every interval, and at once when a
 * wait turns out to be stuck; elsewhere prints one block after the other, so that
 * it can be logged. Waits that have not ended come first. Plain ANSI: no keys but the interrupt.
 */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd.h"
#include "source.h"
#include "units.h"

#define INTERVAL_NS 1000000000ULL
#define SLICE_NS    100000000ULL
/* Only stuck waits are of interest in the daemon's stream, which are longer. */
#define STREAM_MIN_NS 100000000ULL

struct view {
	struct cli *cli;
	FILE *out;
	bool terminal;
	bool stuck; /* a wait has become an unfinished one since the last look */
};

static void fit(struct view *view)
{
	struct winsize size;

	if (!view->terminal || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row)
		return;
	view->cli->render.width = size.ws_col;
	/* room for the header, the footer and a line of air */
	if (!cli_has(view->cli, CLI_O_ENTRIES))
		view->cli->render.entries = size.ws_row > 16 ? size.ws_row - 12 : 4;
}

static int draw(struct view *view, const struct snapshot *diff)
{
	int err;

	fit(view);
	/* home, draw over, clear the rest: no flicker */
	if (view->terminal)
		fputs("\033[H\033[2J", view->out);
	err = render_top(view->out, diff, &view->cli->render);
	if (!view->terminal && view->cli->render.format == RENDER_TABLE)
		fputc('\n', view->out);
	if (fflush(view->out) || err) {
		cli_say("cannot print: %s", err ? strerror(-err) : "the output is closed or full");
		return CLI_ERROR;
	}
	return CLI_OK;
}

static void on_wait(void *arg, const struct snapshot *one)
{
	struct view *view = arg;

	view->stuck |= !one->waits[0].finished;
}

/* An interval, cut short by a wait that is stuck as of now. How long it was. */
static int wait_for_change(struct view *view, struct source *source, uint64_t ns,
			   uint64_t *ret_waited_ns)
{
	uint64_t waited_ns = 0;
	int ret = CLI_OK;

	view->stuck = false;
	while (!ret && !view->stuck && waited_ns < ns && !source_stopped(source)) {
		uint64_t slice_ns = ns - waited_ns < SLICE_NS ? ns - waited_ns : SLICE_NS;

		ret = source_wait(source, slice_ns);
		waited_ns += slice_ns;
	}
	*ret_waited_ns = waited_ns;
	return ret;
}

/* Wait, look, show what is new. The last look is kept in *before. */
static int step(struct view *view, struct source *source, uint64_t ns, struct snapshot **before,
		uint64_t *ret_waited_ns)
{
	struct snapshot *now = NULL, *diff = NULL;
	int ret = wait_for_change(view, source, ns, ret_waited_ns);

	if (!ret)
		ret = source_snapshot(source, false, &now);
	if (!ret && snapshot_diff(*before, now, &diff)) {
		cli_say("out of memory");
		ret = CLI_ERROR;
	}
	if (!ret)
		ret = draw(view, diff);
	if (!ret)
		ret = cli_strict(view->cli, diff);
	snapshot_free(diff);
	if (now) {
		snapshot_free(*before);
		*before = now;
	}
	return ret;
}

static int run(struct view *view, struct source *source)
{
	uint64_t interval_ns = view->cli->interval_ns ? view->cli->interval_ns : INTERVAL_NS;
	uint64_t left_ns = view->cli->duration_ns;
	struct snapshot *before = NULL;
	int ret = source_on_wait(source, on_wait, view);

	if (!ret)
		ret = source_snapshot(source, false, &before);
	while (!ret && !source_stopped(source)) {
		uint64_t ns = interval_ns, waited_ns;

		if (view->cli->duration_ns && left_ns < ns)
			ns = left_ns;
		ret = step(view, source, ns, &before, &waited_ns);
		left_ns -= waited_ns;
		if (view->cli->duration_ns && !left_ns)
			break;
	}
	snapshot_free(before);
	return ret;
}

int cmd_top(struct cli *cli)
{
	const struct source_opts opts = {.stream_min_ns = STREAM_MIN_NS};
	struct view view = {.cli = cli};
	struct source *source = NULL;
	struct cli_out out;
	int ret, closed;

	if (!cli_has(cli, CLI_O_ENTRIES))
		cli->render.entries = 20;
	ret = source_open(cli, &opts, &source);
	if (ret)
		return ret;
	ret = cli_out_open(cli, NULL, &out);
	if (!ret) {
		view.out = out.file;
		view.terminal = !cli->output && isatty(STDOUT_FILENO) &&
				cli->render.format == RENDER_TABLE;
		ret = run(&view, source);
		closed = cli_out_close(&out, true);
		ret = ret ? ret : closed;
	}
	source_close(source);
	return ret;
}
