/* SPDX-License-Identifier: GPL-2.0 */
/* What one row of a report holds, before anybody decides how it looks. */
#ifndef FAULTLINE_RENDER_ROW_H
#define FAULTLINE_RENDER_ROW_H

#include "render.h"

#define ROW_SEVERAL (-1) /* mode, cls, rel, conf: more than one value, or none */

struct render_row {
	const struct snapshot *snap;
	uint32_t tgid; /* 0: not about one process */
	uint64_t start_ns;
	const char *comm; /* NULL: not about one process */
	const char *cgroup; /* NULL: not known */
	bool gone;
	bool hot;
	int mode;
	int cls;
	int rel;
	bool has_hist; /* else only count, total_ns and max_ns of hist */
	struct hist hist;
	uint64_t spun; /* of hist.count: waits seen by exact mode alone */
	size_t n_procs; /* processes in this row */
	uint64_t waited_ns; /* waiting time of this row that `holder` stands for */
	const struct snap_task *holder; /* NULL: not known */
	int conf;
	int waiter_cause; /* ROW_SEVERAL: not known */
	const struct snap_stack *stack;
	const struct snap_wait *wait;
};

struct render_rows {
	struct render_row *rows;
	size_t n;
	size_t n_left_out; /* by opts->entries */
};

/* Grouped by opts->by, below min_wait_ns dropped, not sorted. 0 or -ENOMEM. */
int render_rows_build(const struct snapshot *snap, const struct render_opts *opts,
		      struct render_rows *ret_rows);
/* One row a single wait; only the unfinished ones, or all. */
int render_rows_waits(const struct snapshot *snap, const struct render_opts *opts,
		      bool unfinished_only, struct render_rows *ret_rows);
/* Order by opts->sort, else by fallback (a field); keep opts->entries. */
void render_rows_sort(struct render_rows *rows, const struct render_opts *opts, uint8_t fallback);
void render_rows_cut(struct render_rows *rows, const struct render_opts *opts);
void render_rows_free(struct render_rows *rows);

#endif
