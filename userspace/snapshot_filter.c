// SPDX-License-Identifier: GPL-2.0
/*
 * Which part of a snapshot does a command ask for? Processes are chosen by
 * pid, cgroup and comm; blames and stacks, which carry only the pid, follow
 * them. Totals are not recomputed: min_wait_ns concerns single waits only.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot.h"

/* The processes that were chosen, sorted by tgid, for those who know only that. */
struct chosen {
	uint32_t *tgids;
	size_t n;
};

static bool in_cgroup(const char *cgroup, const char *prefix)
{
	size_t n = strlen(prefix);

	while (n && prefix[n - 1] == '/')
		n--;
	return cgroup && !strncmp(cgroup, prefix, n) && (!cgroup[n] || cgroup[n] == '/');
}

static bool matches(const struct snap_filter *filter, uint32_t tgid, const char *cgroup,
		    const char *comm)
{
	bool found = !filter->n_pids;

	for (size_t i = 0; i < filter->n_pids && !found; i++)
		found = filter->pids[i] == tgid;
	return found && (!filter->cgroup || in_cgroup(cgroup, filter->cgroup)) &&
	       (!filter->comm || !fnmatch(filter->comm, comm, FNM_NOESCAPE));
}

static int by_tgid(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static bool is_chosen(const struct chosen *chosen, const struct snap_filter *filter, uint32_t tgid)
{
	/* A process without a row of its own can still be chosen by its pid. */
	if (!filter->cgroup && !filter->comm)
		return matches(filter, tgid, NULL, "");
	return chosen->n &&
	       bsearch(&tgid, chosen->tgids, chosen->n, sizeof(*chosen->tgids), by_tgid);
}

static void filter_procs(struct snapshot *snap, const struct snap_filter *filter,
			 struct chosen *chosen)
{
	size_t kept = 0;

	for (size_t i = 0; i < snap->n_procs; i++) {
		struct snap_proc *proc = &snap->procs[i];

		if (!matches(filter, proc->tgid, proc->cgroup, proc->comm)) {
			free(proc->cgroup);
			continue;
		}
		chosen->tgids[chosen->n++] = proc->tgid;
		if (kept != i)
			snap->procs[kept] = *proc;
		kept++;
	}
	snap->n_procs = kept;
}

static void filter_waits(struct snapshot *snap, const struct snap_filter *filter,
			 struct chosen *chosen)
{
	size_t kept = 0;

	for (size_t i = 0; i < snap->n_waits; i++) {
		struct snap_wait *wait = &snap->waits[i];
		bool match = matches(filter, wait->tgid, wait->cgroup, wait->comm);

		if (match)
			chosen->tgids[chosen->n++] = wait->tgid;
		if (!match || wait->dur_ns < filter->min_wait_ns) {
			snapshot_free_wait(wait);
			continue;
		}
		if (kept != i)
			snap->waits[kept] = *wait;
		kept++;
	}
	snap->n_waits = kept;
}

static void filter_blames(struct snapshot *snap, const struct snap_filter *filter,
			  const struct chosen *chosen)
{
	size_t kept = 0;

	for (size_t i = 0; i < snap->n_blames; i++) {
		struct snap_blame *blame = &snap->blames[i];

		if (!is_chosen(chosen, filter, blame->tgid)) {
			free(blame->holder.detail);
			continue;
		}
		if (kept != i)
			snap->blames[kept] = *blame;
		kept++;
	}
	snap->n_blames = kept;
}

/* Indices into stacks move with them; those of dropped ones become -1. */
static void renumber(const int *moved_to, size_t n, int *index)
{
	*index = *index >= 0 && (size_t)*index < n ? moved_to[*index] : -1;
}

static void filter_stacks(struct snapshot *snap, const struct snap_filter *filter,
			  const struct chosen *chosen, int *moved_to)
{
	size_t kept = 0, before = snap->n_stacks, i;

	for (i = 0; i < before; i++) {
		struct snap_stack *stack = &snap->stacks[i];

		moved_to[i] = -1;
		if (!is_chosen(chosen, filter, stack->tgid)) {
			snapshot_free_stack(stack);
			continue;
		}
		moved_to[i] = (int)kept;
		if (kept != i)
			snap->stacks[kept] = *stack;
		kept++;
	}
	snap->n_stacks = kept;

	for (i = 0; i < kept; i++)
		renumber(moved_to, before, &snap->stacks[i].below);
	for (i = 0; i < snap->n_waits; i++) {
		renumber(moved_to, before, &snap->waits[i].kstack);
		renumber(moved_to, before, &snap->waits[i].ustack);
		renumber(moved_to, before, &snap->waits[i].holder_stack);
	}
}

/* Its cgroup is not known: with a row of its own it is. */
static void filter_specs(struct snapshot *snap, const struct snap_filter *filter,
			 const struct chosen *chosen)
{
	size_t kept = 0;

	for (size_t i = 0; i < snap->n_specs; i++) {
		const struct snap_spec *spec = &snap->specs[i];

		if (filter->cgroup ? is_chosen(chosen, filter, spec->tgid)
				   : matches(filter, spec->tgid, NULL, spec->comm))
			snap->specs[kept++] = *spec;
	}
	snap->n_specs = kept;
}

int snapshot_filter(struct snapshot *snap, const struct snap_filter *filter)
{
	struct chosen chosen = {0};
	int *moved_to = NULL;
	int err = -ENOMEM;

	chosen.tgids = calloc(snap->n_procs + snap->n_waits + 1, sizeof(*chosen.tgids));
	moved_to = calloc(snap->n_stacks + 1, sizeof(*moved_to));
	if (!chosen.tgids || !moved_to)
		goto out;

	filter_procs(snap, filter, &chosen);
	filter_waits(snap, filter, &chosen);
	qsort(chosen.tgids, chosen.n, sizeof(*chosen.tgids), by_tgid);
	filter_blames(snap, filter, &chosen);
	filter_stacks(snap, filter, &chosen, moved_to);
	filter_specs(snap, filter, &chosen);
	err = 0;
out:
	free(chosen.tgids);
	free(moved_to);
	return err;
}
