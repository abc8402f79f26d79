// SPDX-License-Identifier: GPL-2.0
/*
 * What may leave the maps? Elements of threads and processes that are gone and
 * have not been written to for a while, so that no program is about to. Their
 * totals move here: to a row of their own, and when there are too many of these,
 * to the sum of all that are gone (tgid 0 of the same kind), so that nothing
 * that was counted is ever lost.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc.h"
#include "tally_internal.h"

#define IDLE_NS 10000000000ULL /* far above any time between look-up and store */

struct sweep {
	struct tally *tally;
	struct probe *probe;
	uint64_t now_ns;
};

static bool idle(const struct sweep *sweep, uint64_t last_ns)
{
	return sweep->now_ns > last_ns && sweep->now_ns - last_ns > IDLE_NS;
}

static bool sweep_waiter(void *arg, uint32_t tid, const struct fl_waiter *waiter)
{
	const struct sweep *sweep = arg;

	/* signal 0 asks for existence; only "no such thread" matters */
	return idle(sweep, waiter->last_begin_ns) && syscall(SYS_tkill, tid, 0) && errno == ESRCH;
}

static bool same_row(const struct fl_stat_key *a, const struct fl_stat_key *b)
{
	return a->tgid == b->tgid && a->start_ns == b->start_ns && a->mode == b->mode &&
	       a->cls == b->cls && a->rel == b->rel && a->kind == b->kind;
}

/* The row of this key; else a new one; else, when full, the sum of all. */
static struct tally_gone *gone_row(struct tally *tally, const struct fl_stat_key *key)
{
	struct fl_stat_key sum = *key;
	struct tally_gone *row;

	for (size_t i = 0; i < tally->n_gone; i++) {
		if (same_row(&tally->gone[i].key, key))
			return &tally->gone[i];
	}
	if (tally->n_gone >= TALLY_GONE && key->tgid) {
		sum.tgid = 0;
		sum.start_ns = 0;
		return gone_row(tally, &sum);
	}
	row = realloc(tally->gone, (tally->n_gone + 1) * sizeof(*row));
	if (!row)
		return NULL;
	tally->gone = row;
	row = &tally->gone[tally->n_gone++];
	memset(row, 0, sizeof(*row));
	row->key = *key;
	return row;
}

static bool sweep_stat(void *arg, const struct fl_stat_key *key, const struct fl_stat *stat)
{
	const struct sweep *sweep = arg;
	struct tally_gone *row;

	if (!key->tgid || !idle(sweep, stat->last_ns) || proc_alive(key->tgid, key->start_ns))
		return false;
	/* remember the names while the raw ones are at hand */
	tally_comm(sweep->tally, key->tgid, key->start_ns, stat->comm);
	row = gone_row(sweep->tally, key);
	if (!row)
		return false;
	row->last_ns = stat->last_ns;
	row->hist.count += stat->count;
	row->hist.total_ns += stat->total_ns;
	if (stat->max_ns > row->hist.max_ns)
		row->hist.max_ns = stat->max_ns;
	for (size_t i = 0; i < FL_HIST_SLOTS; i++)
		row->hist.slots[i] += stat->slots[i];
	return true;
}

static bool sweep_blame(void *arg, const struct fl_blame_key *key, const struct fl_blame *blame)
{
	const struct sweep *sweep = arg;
	struct tally *tally = sweep->tally;
	struct tally_gone_blame *row;

	if (!idle(sweep, blame->last_ns) ||
	    (key->tgid && proc_alive(key->tgid, key->start_ns) && proc_alive(key->holder_tgid, 0)))
		return false;
	if (tally->n_gone_blames >= TALLY_GONE) {
		/* the detail of the smallest goes; its waits stay in the totals */
		row = tally->gone_blames;
		for (size_t i = 1; i < tally->n_gone_blames; i++) {
			if (tally->gone_blames[i].blame.total_ns < row->blame.total_ns)
				row = &tally->gone_blames[i];
		}
	} else {
		row = realloc(tally->gone_blames, (tally->n_gone_blames + 1) * sizeof(*row));
		if (!row)
			return false;
		tally->gone_blames = row;
		row = &tally->gone_blames[tally->n_gone_blames++];
	}
	row->key = *key;
	row->blame = *blame;
	return true;
}

static bool sweep_stack(void *arg, const struct fl_stack_key *key,
			const struct fl_stack_total *total)
{
	const struct sweep *sweep = arg;

	if (!idle(sweep, total->last_ns) || proc_alive(key->tgid, key->start_ns))
		return false;
	probe_stack_forget(sweep->probe, true, key->ustack);
	return true;
}

int tally_sweep(struct tally *tally, struct probe *probe, uint64_t now_ns)
{
	struct sweep sweep = {.tally = tally, .probe = probe, .now_ns = now_ns};
	int err;

	err = probe_each_waiter(probe, sweep_waiter, &sweep);
	if (!err)
		err = probe_each_stat(probe, sweep_stat, &sweep);
	if (!err)
		err = probe_each_blame(probe, sweep_blame, &sweep);
	if (!err)
		err = probe_each_stack(probe, sweep_stack, &sweep);
	if (!err && now_ns > IDLE_NS)
		err = probe_sweep(probe, now_ns - IDLE_NS);
	return err;
}
