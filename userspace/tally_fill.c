// SPDX-License-Identifier: GPL-2.0
/* Rows of a snapshot: what is in the maps, plus what has left them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proc.h"
#include "tally_internal.h"
#include "text.h"

struct fill {
	struct tally *tally;
	struct snapshot *snap;
	int err;
};

static bool is_hot(const struct tally *tally, uint32_t tgid)
{
	for (size_t i = 0; i < tally->n_hot; i++) {
		if (tally->hot[i] == tgid)
			return true;
	}
	return false;
}

/* Rows are few; shards of one process follow each other in no order. */
static struct snap_proc *proc_row(struct fill *fill, const struct fl_stat_key *key,
				  const char *raw_comm)
{
	struct snapshot *snap = fill->snap;
	struct snap_proc *row;
	const char *cgroup;

	for (size_t i = snap->n_procs; i-- > 0;) {
		row = &snap->procs[i];
		if (row->tgid == key->tgid && row->start_ns == key->start_ns &&
		    row->mode == key->mode && row->cls == key->cls && row->rel == key->rel &&
		    row->kind == key->kind)
			return row;
	}
	row = snapshot_add_proc(snap);
	if (!row) {
		fill->err = -ENOMEM;
		return NULL;
	}
	row->tgid = key->tgid;
	row->start_ns = key->start_ns;
	row->mode = key->mode;
	row->cls = key->cls;
	row->rel = key->rel;
	row->kind = key->kind;
	if (!key->tgid)
		return row;
	snprintf(row->comm, sizeof(row->comm), "%s",
		 tally_comm(fill->tally, key->tgid, key->start_ns, raw_comm));
	cgroup = tally_cgroup(fill->tally, key->tgid, key->start_ns);
	row->cgroup = cgroup ? strdup(cgroup) : NULL;
	row->hot = is_hot(fill->tally, key->tgid);
	row->gone = !proc_alive(key->tgid, key->start_ns);
	return row;
}

static bool fill_stat(void *arg, const struct fl_stat_key *key, const struct fl_stat *stat)
{
	struct fill *fill = arg;
	struct snap_proc *row;

	if (!stat->count)
		return false;
	row = proc_row(fill, key, stat->comm);
	if (!row)
		return false;
	row->hist.count += stat->count;
	row->hist.total_ns += stat->total_ns;
	if (stat->max_ns > row->hist.max_ns)
		row->hist.max_ns = stat->max_ns;
	for (size_t i = 0; i < FL_HIST_SLOTS; i++)
		row->hist.slots[i] += stat->slots[i];
	return false;
}

int tally_fill_procs(struct tally *tally, struct probe *probe, struct snapshot *snap)
{
	struct fill fill = {.tally = tally, .snap = snap};
	int err;

	for (size_t i = 0; i < tally->n_gone; i++) {
		struct snap_proc *row = proc_row(&fill, &tally->gone[i].key, NULL);

		if (!row)
			return fill.err;
		row->gone = true;
		hist_merge(&row->hist, &tally->gone[i].hist);
	}
	err = probe_each_stat(probe, fill_stat, &fill);
	return fill.err ? fill.err : err;
}

static bool same_blame(const struct snap_blame *row, const struct fl_blame_key *key,
		       enum cause holder, enum cause waiter)
{
	return row->tgid == key->tgid && row->start_ns == key->start_ns && row->mode == key->mode &&
	       row->cls == key->cls && row->rel == key->rel && row->conf == key->conf &&
	       row->holder.tid == key->holder_tid && row->holder.tgid == key->holder_tgid &&
	       row->holder.cause == holder && row->waiter_cause == waiter;
}

static void name_holder(struct snap_task *task, const struct fl_task_ref *ref, const char *raw)
{
	char comm[FL_COMM_LEN + 1] = "", detail[128];

	task->tid = ref->tid;
	task->tgid = ref->tgid;
	task->kthread = ref->flags & FL_T_KTHREAD;
	if (ref->tid && !*raw && !proc_comm(ref->tid, comm))
		raw = comm;
	text_clean(task->comm, sizeof(task->comm), raw, FL_COMM_LEN);
	cause_detail(ref, detail, sizeof(detail));
	if (*detail)
		task->detail = strdup(detail);
}

static bool fill_blame(void *arg, const struct fl_blame_key *key, const struct fl_blame *blame)
{
	struct fill *fill = arg;
	struct fl_task_ref ref = {
		.tid = key->holder_tid,
		.tgid = key->holder_tgid,
		.nr = key->holder_nr,
		.flags = key->holder_flags,
		.args = {blame->args[0], blame->args[1], blame->args[2]},
	};
	struct fl_task_ref waiter = {
		.tid = 1,
		.nr = key->waiter_nr,
		.flags = key->rel == FL_OWN	  ? FL_T_SAME_MM
			 : key->rel == FL_KTHREAD ? FL_T_KTHREAD
						  : 0,
	};
	enum cause holds = CAUSE_UNKNOWN, wants = cause_of(&waiter, "", NULL, 0);
	struct snap_blame *row = NULL;

	if (!blame->count)
		return false;
	if (key->holder_tid)
		holds = cause_of(&ref, blame->holder_comm, NULL, 0);
	for (size_t i = fill->snap->n_blames; i-- > 0 && !row;) {
		if (same_blame(&fill->snap->blames[i], key, holds, wants))
			row = &fill->snap->blames[i];
	}
	if (!row) {
		row = snapshot_add_blame(fill->snap);
		if (!row) {
			fill->err = -ENOMEM;
			return false;
		}
		row->tgid = key->tgid;
		row->start_ns = key->start_ns;
		row->mode = key->mode;
		row->cls = key->cls;
		row->rel = key->rel;
		row->conf = key->conf;
		row->waiter_cause = wants;
		name_holder(&row->holder, &ref, blame->holder_comm);
		row->holder.cause = holds;
	}
	row->count += blame->count;
	row->total_ns += blame->total_ns;
	if (blame->max_ns > row->max_ns)
		row->max_ns = blame->max_ns;
	return false;
}

int tally_fill_blames(struct tally *tally, struct probe *probe, struct snapshot *snap)
{
	struct fill fill = {.tally = tally, .snap = snap};
	int err;

	for (size_t i = 0; i < tally->n_gone_blames; i++)
		fill_blame(&fill, &tally->gone_blames[i].key, &tally->gone_blames[i].blame);
	err = probe_each_blame(probe, fill_blame, &fill);
	return fill.err ? fill.err : err;
}
