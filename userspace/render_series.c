// SPDX-License-Identifier: GPL-2.0
/*
 * How much is new since the last update, and whose series gets it? See
 * render_series.h for what is promised. Rows with equal keys are added up; one
 * whose count went down was restarted and counts whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "render_series.h"

#define SCORE_DECAY 0.9 /* an update weighs half after seven more */

struct series_seen {
	uint32_t tgid;
	uint64_t start_ns;
	uint8_t what[4]; /* mode, class, relation, kind */
	bool gone;
	const char *cgroup; /* valid during the update alone */
	struct series_sum sum;
};

static int order(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_seen(const void *a, const void *b)
{
	const struct series_seen *x = a, *y = b;
	int cmp = order(x->tgid, y->tgid);

	if (!cmp)
		cmp = order(x->start_ns, y->start_ns);
	if (!cmp)
		cmp = memcmp(x->what, y->what, sizeof(x->what));
	return cmp;
}

static void sum_add(struct series_sum *into, const struct series_sum *from)
{
	into->count += from->count;
	into->total_ns += from->total_ns;
	for (unsigned int i = 0; i <= SERIES_BOUNDS; i++)
		into->buckets[i] += from->buckets[i];
}

static void sum_sub(struct series_sum *from, const struct series_sum *what)
{
	from->count -= what->count;
	from->total_ns -= what->total_ns < from->total_ns ? what->total_ns : from->total_ns;
	for (unsigned int i = 0; i <= SERIES_BOUNDS; i++)
		from->buckets[i] -= what->buckets[i] < from->buckets[i] ? what->buckets[i]
									: from->buckets[i];
}

static void sum_of_hist(const struct hist *hist, struct series_sum *ret)
{
	unsigned int bound = 0;

	*ret = (struct series_sum){.count = hist->count, .total_ns = hist->total_ns};
	for (unsigned int i = 0; i < FL_HIST_SLOTS; i++) {
		while (bound < SERIES_BOUNDS &&
		       hist_slot_low_ns(i) >=
			       1ULL << (SERIES_BOUND_LOG2 + SERIES_STEP_LOG2 * bound))
			bound++;
		ret->buckets[bound] += hist->slots[i];
	}
}

static struct series_seen *see(const struct snapshot *snap, size_t *ret_n)
{
	struct series_seen *seen = calloc(snap->n_procs + 1, sizeof(*seen));
	size_t kept = 0;

	if (!seen)
		return NULL;
	for (size_t i = 0; i < snap->n_procs; i++) {
		const struct snap_proc *proc = &snap->procs[i];

		seen[i] = (struct series_seen){
			.tgid = proc->tgid,
			.start_ns = proc->start_ns,
			.what = {(uint8_t)proc->mode, (uint8_t)proc->cls, (uint8_t)proc->rel,
				 (uint8_t)proc->kind},
			.gone = proc->gone,
			.cgroup = proc->cgroup,
		};
		sum_of_hist(&proc->hist, &seen[i].sum);
	}
	qsort(seen, snap->n_procs, sizeof(*seen), compare_seen);
	for (size_t i = 1; i < snap->n_procs; i++)
		if (!compare_seen(&seen[kept], &seen[i]))
			sum_add(&seen[kept].sum, &seen[i].sum);
		else
			seen[++kept] = seen[i];
	*ret_n = snap->n_procs ? kept + 1 : 0;
	return seen;
}

static struct series_cgroup *find_cgroup(struct render_metrics_state *state, const char *cgroup)
{
	struct series_cgroup *bigger;

	for (size_t i = 0; i < state->n_cgroups; i++)
		if (!strcmp(state->cgroups[i].cgroup, cgroup))
			return &state->cgroups[i];
	bigger = reallocarray(state->cgroups, state->n_cgroups + 1, sizeof(*bigger));
	if (!bigger)
		return NULL;
	state->cgroups = bigger;
	bigger += state->n_cgroups;
	*bigger = (struct series_cgroup){.cgroup = strdup(cgroup), .absent = 1};
	if (!bigger->cgroup)
		return NULL;
	state->n_cgroups++;
	return bigger;
}

/* All that can fail, before anything is counted. */
static int know_cgroups(struct render_metrics_state *state, const struct series_seen *seen,
			size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (seen[i].cgroup && !find_cgroup(state, seen[i].cgroup))
			return -ENOMEM;
	return 0;
}

static void begin_cgroups(struct render_metrics_state *state)
{
	for (size_t i = 0; i < state->n_cgroups; i++) {
		struct series_cgroup *cgroup = &state->cgroups[i];

		cgroup->absent++;
		cgroup->live = cgroup->gone = (struct series_sum){0};
		cgroup->score_ns *= SCORE_DECAY;
	}
}

static void count_rows(struct render_metrics_state *state, const struct series_seen *seen, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct series_seen *row = &seen[i];
		const struct series_seen *before =
			state->n_seen ? bsearch(row, state->seen, state->n_seen, sizeof(*row),
						compare_seen)
				      : NULL;
		struct series_sum fresh = row->sum;
		struct series_cgroup *cgroup;

		if (before && before->sum.count <= fresh.count)
			sum_sub(&fresh, &before->sum);
		if (row->what[0] < FL_NR_MODES && row->what[1] < FL_NR_CLASSES &&
		    row->what[2] < FL_NR_RELATIONS)
			sum_add(&state->sums[row->what[0]][row->what[1]][row->what[2]], &fresh);
		cgroup = row->cgroup ? find_cgroup(state, row->cgroup) : NULL;
		if (!cgroup) {
			sum_add(row->gone ? &state->gone : &state->other, &fresh);
			continue;
		}
		sum_add(row->gone ? &cgroup->gone : &cgroup->live, &fresh);
		cgroup->score_ns += (double)fresh.total_ns;
		if (!row->gone)
			cgroup->absent = 0;
	}
}

/* The selected one with the lowest score, or the other one with the highest. */
static struct series_cgroup *extreme(struct render_metrics_state *state, bool selected)
{
	struct series_cgroup *found = NULL;

	for (size_t i = 0; i < state->n_cgroups; i++) {
		struct series_cgroup *cgroup = &state->cgroups[i];

		if (cgroup->selected != selected ||
		    (!selected && cgroup->absent > SERIES_LINGER)) /* about to be forgotten */
			continue;
		if (!found || (selected ? cgroup->score_ns < found->score_ns
					: cgroup->score_ns > found->score_ns))
			found = cgroup;
	}
	return found;
}

static void select_cgroups(struct render_metrics_state *state, unsigned int top)
{
	struct series_cgroup *best, *worst;
	unsigned int n = 0;

	for (size_t i = 0; i < state->n_cgroups; i++) {
		if (state->cgroups[i].absent > SERIES_LINGER)
			state->cgroups[i].selected = false;
		n += state->cgroups[i].selected;
	}
	for (; n > top && (worst = extreme(state, true)); n--)
		worst->selected = false;
	while ((best = extreme(state, false)) && best->score_ns > 0 && top) {
		if (n == top) {
			worst = extreme(state, true);
			if (best->score_ns <= 2 * worst->score_ns)
				break;
			worst->selected = false;
			n--;
		}
		best->selected = true;
		n++;
	}
}

static void credit(struct render_metrics_state *state)
{
	for (size_t i = 0; i < state->n_cgroups; i++) {
		struct series_cgroup *cgroup = &state->cgroups[i];

		if (cgroup->selected) {
			cgroup->count += cgroup->live.count + cgroup->gone.count;
			cgroup->total_ns += cgroup->live.total_ns + cgroup->gone.total_ns;
		} else {
			sum_add(&state->other, &cgroup->live);
			sum_add(&state->gone, &cgroup->gone);
		}
	}
}

static void forget_cgroups(struct render_metrics_state *state)
{
	size_t kept = 0;

	for (size_t i = 0; i < state->n_cgroups; i++) {
		if (!state->cgroups[i].selected && state->cgroups[i].absent > SERIES_LINGER) {
			free(state->cgroups[i].cgroup);
			continue;
		}
		if (kept != i)
			state->cgroups[kept] = state->cgroups[i];
		kept++;
	}
	state->n_cgroups = kept;
}

int render_series_update(struct render_metrics_state *state, const struct snapshot *snap,
			 unsigned int top)
{
	size_t n = 0;
	struct series_seen *seen = see(snap, &n);

	if (!seen)
		return -ENOMEM;
	if (know_cgroups(state, seen, n)) {
		free(seen);
		return -ENOMEM;
	}
	begin_cgroups(state);
	count_rows(state, seen, n);
	select_cgroups(state, top);
	credit(state);
	forget_cgroups(state);
	if (snap->meta.bpf_ns > state->bpf_ns)
		state->bpf_ns = snap->meta.bpf_ns;

	for (size_t i = 0; i < n; i++)
		seen[i].cgroup = NULL;
	free(state->seen);
	state->seen = seen;
	state->n_seen = n;
	return 0;
}

struct render_metrics_state *render_metrics_new(void)
{
	return calloc(1, sizeof(struct render_metrics_state));
}

void render_metrics_free(struct render_metrics_state *state)
{
	if (!state)
		return;
	for (size_t i = 0; i < state->n_cgroups; i++)
		free(state->cgroups[i].cgroup);
	free(state->cgroups);
	free(state->seen);
	free(state);
}
