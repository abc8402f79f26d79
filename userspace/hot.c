// SPDX-License-Identifier: GPL-2.0
/*
 * Which processes are hot? Waiting time in the window decides, with a higher
 * limit to enter than to leave, so that the set does not flutter. No I/O; the
 * daemon tells the session.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hot.h"

static struct hot_load *load_of(struct hot_load *loads, size_t *n, uint32_t tgid, uint64_t start_ns,
				const char *comm)
{
	for (size_t i = *n; i > 0; i--) /* rows of one process stand together */
		if (loads[i - 1].tgid == tgid && loads[i - 1].start_ns == start_ns)
			return &loads[i - 1];
	loads[*n] = (struct hot_load){.tgid = tgid, .start_ns = start_ns};
	memcpy(loads[*n].comm, comm, sizeof(loads[*n].comm));
	return &loads[(*n)++];
}

static int by_wait(const void *a, const void *b)
{
	const struct hot_load *x = a, *y = b;

	if (x->wait_ns != y->wait_ns)
		return x->wait_ns < y->wait_ns ? 1 : -1;
	return x->tgid < y->tgid ? -1 : x->tgid > y->tgid; /* a stable order */
}

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

static uint64_t to_millipct(uint64_t part_ns, uint64_t whole_ns)
{
	return whole_ns ? (uint64_t)((double)part_ns / (double)whole_ns * 100000.0) : 0;
}

int hot_loads(const struct snapshot *diff, struct hot_load **ret_loads, size_t *ret_n)
{
	uint64_t window_ns = diff->meta.window_ns;
	struct hot_load *loads, *load;
	size_t n = 0;

	loads = calloc(diff->n_procs + diff->n_waits + 1, sizeof(*loads));
	if (!loads)
		return -ENOMEM;
	for (size_t i = 0; i < diff->n_procs; i++) {
		const struct snap_proc *proc = &diff->procs[i];
		uint64_t ns = proc->hist.total_ns, most;

		if (!proc->hist.count || !proc->tgid || proc->cls != FL_MMAP_LOCK)
			continue;
		/* the part of a long wait before the window was counted while it lasted */
		most = proc->hist.count > UINT64_MAX / (window_ns + 1)
			       ? UINT64_MAX
			       : proc->hist.count * window_ns;
		load = load_of(loads, &n, proc->tgid, proc->start_ns, proc->comm);
		load->gone |= proc->gone;
		load->wait_ns = saturating_add(load->wait_ns, ns < most ? ns : most);
	}
	for (size_t i = 0; i < diff->n_waits; i++) {
		const struct snap_wait *wait = &diff->waits[i];

		if (wait->finished || !wait->tgid || wait->cls != FL_MMAP_LOCK)
			continue;
		load = load_of(loads, &n, wait->tgid, wait->start_ns, wait->comm);
		load->wait_ns = saturating_add(load->wait_ns,
					       wait->dur_ns < window_ns ? wait->dur_ns : window_ns);
	}
	for (size_t i = 0; i < n; i++)
		loads[i].millipct = to_millipct(loads[i].wait_ns, window_ns);
	qsort(loads, n, sizeof(*loads), by_wait);
	*ret_loads = loads;
	*ret_n = n;
	return 0;
}

bool hot_has(const struct hot *hot, uint32_t tgid, uint64_t start_ns)
{
	for (size_t i = 0; i < hot->n; i++)
		if (hot->procs[i].tgid == tgid && hot->procs[i].start_ns == start_ns)
			return true;
	return false;
}

bool hot_update(struct hot *hot, const struct hot_limits *limits, const struct hot_load *loads,
		size_t n)
{
	size_t max = limits->max < HOT_MAX ? limits->max : HOT_MAX;
	struct hot now = {.n = 0};
	bool changed = false;

	for (size_t i = 0; i < n && now.n < max; i++) {
		bool was = hot_has(hot, loads[i].tgid, loads[i].start_ns);

		if (loads[i].gone ||
		    loads[i].millipct < (was ? limits->leave_millipct : limits->enter_millipct))
			continue;
		now.procs[now.n].tgid = loads[i].tgid;
		now.procs[now.n++].start_ns = loads[i].start_ns;
		changed |= !was;
	}
	changed |= now.n != hot->n;
	*hot = now;
	return changed;
}
