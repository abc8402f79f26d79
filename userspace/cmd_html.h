/* SPDX-License-Identifier: GPL-2.0 */
/* --html FILE, of a window, a recording or an incident. Shared by these verbs. */
#ifndef FAULTLINE_CMD_HTML_H
#define FAULTLINE_CMD_HTML_H

#include "cli.h"
#include "source.h"
#include "timeline.h"

/* A page that is being made. */
struct cmd_html {
	struct cli_out out;
	struct timeline *timeline;
	bool no_memory;
};

/*
 * FILE is opened first, so that who cannot write it is told before anything is
 * measured; it gets its name when the page is whole. CLI_OK, or CLI_ERROR (said) with
 * nothing to close.
 */
int cmd_html_open(const struct cli *cli, struct cmd_html *ret_html);
/* A moment of it: a source_part_fn, arg is the cmd_html. Its totals grow from call to call. */
void cmd_html_add(void *arg, const struct snapshot *so_far);
/*
 * Writes the page, of the totals of all. snap NULL, or an error: no page, and a file that
 * was there before stays. Closes it in any case. CLI_OK or CLI_ERROR (said).
 */
int cmd_html_close(const struct cli *cli, struct cmd_html *html, const struct snapshot *snap);

/* Is the text wanted as well? Else only the lines on what was lost, on stderr. */
bool cmd_html_with_text(const struct cli *cli);
/* Instead of the text. CLI_OK, or what --strict makes of it. */
int cmd_html_end(const struct cli *cli, const struct snapshot *snap);

/* report --html: measures and writes the page. The snapshot is the caller's then. */
int cmd_html_report(const struct cli *cli, struct snapshot **ret_snap);

#endif
