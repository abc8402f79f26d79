// SPDX-License-Identifier: GPL-2.0
/*
 * When is a page written, and of what? The pictures of time want more than totals:
 * a window is looked at while it passes, a recording brings its intervals. What the
 * page says is in html*.c.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd_html.h"
#include "html.h"

/* Looks at a window: more would not be told apart, and faster costs more than it shows. */
#define PARTS	    120
#define MIN_PART_NS 100000000ULL

int cmd_html_open(const struct cli *cli, struct cmd_html *ret_html)
{
	struct cmd_html html = {.timeline = timeline_new()};
	int ret = CLI_ERROR;
	mode_t mask;

	if (!html.timeline) {
		cli_say("out of memory");
		return ret;
	}
	mask = umask(077); /* names and stacks of other users' processes */
	ret = cli_out_open(cli, cli->html, &html.out);
	umask(mask);
	if (ret)
		timeline_free(html.timeline);
	else
		*ret_html = html;
	return ret;
}

void cmd_html_add(void *arg, const struct snapshot *so_far)
{
	struct cmd_html *html = arg;

	timeline_add_totals(html->timeline, so_far);
	if (timeline_add_waits(html->timeline, so_far, false))
		html->no_memory = true;
}

static int write_page(const struct cli *cli, struct cmd_html *html, const struct snapshot *snap)
{
	struct html_opts opts = {.render = &cli->render};
	int err = html->no_memory ? -ENOMEM : html_new_nonce(&opts);

	if (!err)
		err = timeline_add_waits(html->timeline, snap, true);
	if (!err) {
		timeline_finish(html->timeline);
		err = html_write(html->out.file, snap, html->timeline, &opts);
	}
	return err;
}

int cmd_html_close(const struct cli *cli, struct cmd_html *html, const struct snapshot *snap)
{
	int err = snap ? write_page(cli, html, snap) : 0;
	int ret;

	/* what the file did not take is told when it is closed */
	if (err && err != -EIO)
		cli_say("cannot make the page: %s", strerror(-err));
	ret = cli_out_close(&html->out, snap && (!err || err == -EIO));
	timeline_free(html->timeline);
	return err ? CLI_ERROR : ret;
}

bool cmd_html_with_text(const struct cli *cli)
{
	return cli_has(cli, CLI_O_FORMAT) || cli->output;
}

int cmd_html_end(const struct cli *cli, const struct snapshot *snap)
{
	render_footer(stderr, snap, &cli->render);
	return cli_strict(cli, snap);
}

int cmd_html_report(const struct cli *cli, struct snapshot **ret_snap)
{
	const struct source_opts opts = {.stacks = true};
	uint64_t ns = cli->duration_ns ? cli->duration_ns : SOURCE_WINDOW_NS;
	struct source *source = NULL;
	struct cmd_html html;
	int ret, closed;

	ret = cmd_html_open(cli, &html);
	if (ret)
		return ret;
	ret = source_open(cli, &opts, &source);
	if (!ret)
		ret = source_measure_parts(source, true,
					   ns / PARTS > MIN_PART_NS ? ns / PARTS : MIN_PART_NS,
					   cmd_html_add, &html, ret_snap);
	source_close(source);
	closed = cmd_html_close(cli, &html, ret ? NULL : *ret_snap);
	return ret ? ret : closed;
}
