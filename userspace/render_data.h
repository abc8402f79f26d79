/* SPDX-License-Identifier: GPL-2.0 */
/* Rows for programs: json, json lines and csv; and folded stacks. */
#ifndef FAULTLINE_RENDER_DATA_H
#define FAULTLINE_RENDER_DATA_H

#include <jansson.h>

#include "render_column.h"

/* All of these: 0 or -ENOMEM. */

/* The whole snapshot as one document, with the rows as "rows", grouped "by". */
int render_json(FILE *out, const struct snapshot *snap, const struct render_rows *rows,
		const struct render_opts *opts, unsigned int set);
/* One object a row. */
int render_jsonl(FILE *out, const struct render_rows *rows, const struct render_opts *opts,
		 unsigned int set);
/* The last object of jsonl: {"schema":1,"meta":{...}}. */
int render_jsonl_meta(FILE *out, const struct snapshot *snap);
/* RFC 4180. */
void render_csv_header(FILE *out, const struct render_opts *opts, unsigned int set);
int render_csv(FILE *out, const struct render_rows *rows, const struct render_opts *opts,
	       unsigned int set);
/* Stack totals of one role; a role outside the range: of all. */
void render_folded(FILE *out, const struct snapshot *snap, enum snap_role role);
/* The columns chosen, else those of the set for programs. */
size_t render_data_columns(const struct render_opts *opts, unsigned int set, uint8_t *ids);
/* One line: the document and a newline. Takes the reference; NULL is -ENOMEM. */
int render_json_line(FILE *out, json_t *doc);

#endif
