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

static bool same_blame(const struct fl_blame_key *a, const struct fl_blame_key *b)
{
	return !memcmp(a, b, sizeof(*a)); /* no padding that is not zero */
}

/* Where the detail of this blame goes; when full, in place of the smallest. */
static struct tally_gone_blame *gone_blame(struct tally *tally, const struct fl_blame_key *key)
{
	struct tally_gone_blame *row, *least = NULL;

	for (size_t i = 0; i < tally->n_gone_blames; i++) {
		row = &tally->gone_blames[i];
		if (same_blame(&row->key, key))
			return row;
		if (!least || row->blame.total_ns < least->blame.total_ns)
			least = row;
	}
	if (tally->n_gone_blames < TALLY_GONE) {
		row = realloc(tally->gone_blames, (tally->n_gone_blames + 1) * sizeof(*row));
		if (!row)
			return NULL;
		tally->gone_blames = row;
		least = &tally->gone_blames[tally->n_gone_blames++];
	}
	/* its waits stay in the totals of the process */
	*least = (struct tally_gone_blame){.key = *key};
	return least;
}

static bool sweep_blame(void *arg, const struct fl_blame_key *key, const struct fl_blame *blame)
{
	const struct sweep *sweep = arg;
	struct tally_gone_blame *row;

	if (!idle(sweep, blame->last_ns))
		return false;
	/* alive, and so is the holder; one that is not known cannot die */
	if ((!key->tgid || proc_alive(key->tgid, key->start_ns)) &&
	    (!key->holder_tgid || proc_alive(key->holder_tgid, 0)))
		return false;
	row = gone_blame(sweep->tally, key);
	if (!row)
		return false;
	if (blame->max_ns > row->blame.max_ns) {
		row->blame.max_ns = blame->max_ns;
		memcpy(row->blame.args, blame->args, sizeof(blame->args));
	}
	row->blame.count += blame->count;
	row->blame.total_ns += blame->total_ns;
	row->blame.last_ns = blame->last_ns;
	if (*blame->holder_comm)
		memcpy(row->blame.holder_comm, blame->holder_comm, FL_COMM_LEN);
	return true;
}

/* Processes that look alike share a stack: it may go when the last one has gone. */
struct stack_sweep {
	const struct sweep *sweep;
	struct stack_ids {
		int32_t *ids;
		size_t n;
	} dropped[2]; /* kernel, user */
};

static bool add_id(struct stack_ids *set, int32_t id)
{
	int32_t *ids;

	if (id < 0)
		return true;
	for (size_t i = 0; i < set->n; i++) {
		if (set->ids[i] == id)
			return true;
	}
	ids = realloc(set->ids, (set->n + 1) * sizeof(*ids));
	if (!ids)
		return false;
	set->ids = ids;
	set->ids[set->n++] = id;
	return true;
}

static void drop_id(struct stack_ids *set, int32_t id)
{
	for (size_t i = 0; i < set->n; i++) {
		if (set->ids[i] == id) {
			set->ids[i] = set->ids[--set->n];
			return;
		}
	}
}

static bool sweep_stack(void *arg, const struct fl_stack_key *key,
			const struct fl_stack_total *total)
{
	struct stack_sweep *stacks = arg;

	return idle(stacks->sweep, total->last_ns) && !proc_alive(key->tgid, key->start_ns) &&
	       add_id(&stacks->dropped[0], key->kstack) && add_id(&stacks->dropped[1], key->ustack);
}

static bool keep_stack(void *arg, const struct fl_stack_key *key,
		       const struct fl_stack_total *total)
{
	struct stack_sweep *stacks = arg;

	(void)total;
	drop_id(&stacks->dropped[0], key->kstack);
	drop_id(&stacks->dropped[1], key->ustack);
	return false;
}

static int sweep_stacks(const struct sweep *sweep)
{
	struct stack_sweep stacks = {.sweep = sweep};
	const struct tally *tally = sweep->tally;
	int err;

	err = probe_each_stack(sweep->probe, sweep_stack, &stacks);
	if (!err && (stacks.dropped[0].n || stacks.dropped[1].n))
		err = probe_each_stack(sweep->probe, keep_stack, &stacks);
	for (size_t i = 0; i < tally->n_events; i++) {
		drop_id(&stacks.dropped[0], tally->events[i].kstack);
		drop_id(&stacks.dropped[1], tally->events[i].ustack);
	}
	for (int user = 0; user < 2; user++) {
		for (size_t i = 0; !err && i < stacks.dropped[user].n; i++)
			probe_stack_forget(sweep->probe, user, stacks.dropped[user].ids[i]);
		free(stacks.dropped[user].ids);
	}
	return err;
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
		err = sweep_stacks(&sweep);
	if (!err && now_ns > IDLE_NS)
		err = probe_sweep(probe, now_ns - IDLE_NS);
	return err;
}
