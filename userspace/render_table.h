/* SPDX-License-Identifier: GPL-2.0 */
/* Rows of columns on a terminal. */
#ifndef FAULTLINE_RENDER_TABLE_H
#define FAULTLINE_RENDER_TABLE_H

#include "render_column.h"

/*
 * Heading and rows, as wide as their contents; on a narrow terminal text is
 * cut ("~"), then columns are left out, which a note below the table names.
 * Columns that the user chose stay. 0 or -ENOMEM.
 */
int render_table(FILE *out, const struct render_rows *rows, const struct render_opts *opts,
		 unsigned int set);
/* The same for rows that come one after the other: widths do not depend on them. */
void render_stream_header(FILE *out, const struct render_opts *opts, unsigned int set);
void render_stream_row(FILE *out, const struct render_row *row, const struct render_opts *opts,
		       unsigned int set);

#endif
