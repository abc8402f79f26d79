/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters that never go down, made of snapshots whose rows come and go.
 *
 * Each update adds what is new in each row since the last one: to the sum of
 * its mode, class and relation, and to one cgroup series. Which cgroups have a
 * series of their own is sticky: a place is given to the one that waits most,
 * kept while it exists, and lost only to one that recently waited more than
 * twice as long, or after it was gone for SERIES_LINGER updates. An amount is
 * credited once, to the series that its cgroup has at that moment ("other"
 * without one; "gone" when the process had exited too), and never moves: no
 * series goes down, no wait counts twice in a rate, and the sum over all
 * series that ever were is the total.
 */
#ifndef FAULTLINE_RENDER_SERIES_H
#define FAULTLINE_RENDER_SERIES_H

#include "render.h"

#define SERIES_LINGER 20 /* the last value must be scraped; updates are 15 s apart */

/* Bucket i: waits below 2^(10 + 2 * i) ns, 1 us to 69 s; the last one: all above. */
#define SERIES_BOUNDS	  14
#define SERIES_BOUND_LOG2 10
#define SERIES_STEP_LOG2  2

struct series_sum {
	uint64_t count;
	uint64_t total_ns;
	uint64_t buckets[SERIES_BOUNDS + 1]; /* not cumulative */
};

struct series_cgroup {
	char *cgroup;
	bool selected;
	unsigned int absent; /* updates since a living process was seen */
	double score_ns; /* waiting time, older updates weighing less */
	uint64_t count; /* credited */
	uint64_t total_ns;
	struct series_sum live, gone; /* of this update */
};

struct series_seen;

struct render_metrics_state {
	struct series_sum sums[FL_NR_MODES][FL_NR_CLASSES][FL_NR_RELATIONS];
	struct series_sum other, gone;
	struct series_cgroup *cgroups;
	size_t n_cgroups;
	struct series_seen *seen; /* rows of the last update, by key */
	size_t n_seen;
	uint64_t bpf_ns; /* an estimate, which could go down */
};

/* 0 or -ENOMEM, which leaves the state as it was. */
int render_series_update(struct render_metrics_state *state, const struct snapshot *snap,
			 unsigned int top);

#endif
