/* SPDX-License-Identifier: GPL-2.0 */
/* The tables of a report as HTML elements, for html.c; every cell is escaped. */
#ifndef FAULTLINE_RENDER_HTML_H
#define FAULTLINE_RENDER_HTML_H

#include "render.h"

/*
 * A <table> of the totals grouped by opts->by, with the columns, order and number
 * of rows that opts has; nothing when there is no row. 0, -ENOMEM or -EIO, and
 * how many rows it has (ret_n may be NULL).
 */
int render_html_report(FILE *out, const struct snapshot *snap, const struct render_opts *opts,
		       size_t *ret_n);
/* The same for single waits, longest first; only those that have not ended, or all. */
int render_html_waits(FILE *out, const struct snapshot *snap, const struct render_opts *opts,
		      bool unfinished_only, size_t *ret_n);

#endif
