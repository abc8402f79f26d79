/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A measurement as one page for a browser: verdicts, time line and heat map of the
 * waits, flame graphs, tables, losses. The page holds all that it needs and asks
 * nobody for anything: its own policy forbids it, also to a script or a style that
 * somebody might get into it by a name. Without scripts it still tells everything.
 */
#ifndef FAULTLINE_HTML_H
#define FAULTLINE_HTML_H

#include <stdio.h>

#include "render.h"
#include "timeline.h"

#define HTML_NONCE 33 /* 32 hexadecimal digits and a NUL */

struct html_opts {
	const struct render_opts *render; /* of the first table: by, fields, order, rows */
	/* what marks the page's own style and script; nobody may know it beforehand */
	char nonce[HTML_NONCE];
};

/* Fills in the nonce. 0, or -errno when the kernel has no random bytes. */
int html_new_nonce(struct html_opts *opts);

/*
 * snap: totals of the window, with stacks; timeline: the same window in time, finished.
 * 0, -ENOMEM, or -EIO: the file took it not.
 */
int html_write(FILE *out, const struct snapshot *snap, const struct timeline *timeline,
	       const struct html_opts *opts);

#endif
