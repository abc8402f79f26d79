// SPDX-License-Identifier: GPL-2.0
/* Rows of a snapshot: what is in the maps, plus what has left them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proc.h"
#include "tally_internal.h"
#include "text.h"

/* Where is the row of this key? Open addressing, at most half full. */
struct place {
	uint32_t hash;
	uint32_t row; /* + 1; 0: free */
};

struct fill {
	struct tally *tally;
	struct snapshot *snap;
	struct place *places;
	size_t n_places; /* power of two */
	size_t n_rows;
	int err;
};

typedef bool (*same_fn)(const struct snapshot *snap, size_t row, const void *key);

static uint32_t mix(uint32_t hash, uint64_t word)
{
	word = (word ^ hash) * 0x9e3779b97f4a7c15ULL;
	return word >> 32 ^ word;
}

static void put(struct place *places, size_t n, uint32_t hash, uint32_t row)
{
	size_t at = hash & (n - 1);

	while (places[at].row)
		at = (at + 1) & (n - 1);
	places[at] = (struct place){.hash = hash, .row = row};
}

/* The number of the row, or -1. */
static long find_row(const struct fill *fill, uint32_t hash, same_fn same, const void *key)
{
	size_t mask = fill->n_places - 1;

	if (!fill->n_places)
		return -1;
	for (size_t at = hash & mask; fill->places[at].row; at = (at + 1) & mask) {
		if (fill->places[at].hash == hash &&
		    same(fill->snap, fill->places[at].row - 1, key))
			return fill->places[at].row - 1;
	}
	return -1;
}

/* The rows are added in order, this one is the next. */
static int remember_row(struct fill *fill, uint32_t hash, size_t row)
{
	size_t n = fill->n_places ? fill->n_places * 2 : 256;
	struct place *places;

	if (fill->n_rows * 2 >= fill->n_places) {
		places = calloc(n, sizeof(*places));
		if (!places)
			return -ENOMEM;
		for (size_t i = 0; i < fill->n_places; i++) {
			if (fill->places[i].row)
				put(places, n, fill->places[i].hash, fill->places[i].row);
		}
		free(fill->places);
		fill->places = places;
		fill->n_places = n;
	}
	put(fill->places, fill->n_places, hash, row + 1);
	fill->n_rows++;
	return 0;
}

static bool is_hot(const struct tally *tally, uint32_t tgid)
{
	for (size_t i = 0; i < tally->n_hot; i++) {
		if (tally->hot[i] == tgid)
			return true;
	}
	return false;
}

static bool same_proc(const struct snapshot *snap, size_t row, const void *arg)
{
	const struct snap_proc *proc = &snap->procs[row];
	const struct fl_stat_key *key = arg;

	return proc->tgid == key->tgid && proc->start_ns == key->start_ns &&
	       proc->mode == key->mode && proc->cls == key->cls && proc->rel == key->rel &&
	       proc->kind == key->kind;
}

static struct snap_proc *proc_row(struct fill *fill, const struct fl_stat_key *key,
				  const char *raw_comm)
{
	struct snapshot *snap = fill->snap;
	struct snap_proc *row;
	const char *cgroup;
	uint32_t hash;
	long at;

	hash = mix(mix(key->tgid, key->start_ns),
		   key->mode | key->cls << 8 | key->rel << 16 | (uint32_t)key->kind << 24);
	at = find_row(fill, hash, same_proc, key);
	if (at >= 0)
		return &snap->procs[at];
	row = snapshot_add_proc(snap);
	if (!row || remember_row(fill, hash, snap->n_procs - 1)) {
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
	row->gone = !tally_alive(fill->tally, key->tgid, key->start_ns);
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

	tally->look++;
	for (size_t i = 0; i < tally->n_gone; i++) {
		struct snap_proc *row = proc_row(&fill, &tally->gone[i].key, NULL);

		if (!row)
			break;
		row->gone = true;
		hist_merge(&row->hist, &tally->gone[i].hist);
	}
	err = fill.err ? fill.err : probe_each_stat(probe, fill_stat, &fill);
	free(fill.places);
	return fill.err ? fill.err : err;
}

/* What makes blames one row: not the system calls, but what they come to. */
struct blame_row {
	const struct fl_blame_key *key;
	enum cause holds;
	enum cause wants;
};

static bool same_blame(const struct snapshot *snap, size_t at, const void *arg)
{
	const struct snap_blame *row = &snap->blames[at];
	const struct blame_row *blame = arg;
	const struct fl_blame_key *key = blame->key;

	return row->tgid == key->tgid && row->start_ns == key->start_ns && row->mode == key->mode &&
	       row->cls == key->cls && row->rel == key->rel && row->conf == key->conf &&
	       row->holder.tid == key->holder_tid && row->holder.tgid == key->holder_tgid &&
	       row->holder.cause == blame->holds && row->waiter_cause == blame->wants;
}

static uint32_t blame_hash(const struct blame_row *blame)
{
	const struct fl_blame_key *key = blame->key;
	uint32_t hash = mix(mix(key->tgid, key->start_ns),
			    key->holder_tid | (uint64_t)key->holder_tgid << 32);

	hash = mix(hash, key->mode | key->cls << 8 | key->rel << 16 | (uint32_t)key->conf << 24);
	return mix(hash, blame->holds | (uint64_t)blame->wants << 32);
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
	};
	struct fl_task_ref waiter = {
		.tid = 1,
		.nr = key->waiter_nr,
		.flags = key->rel == FL_OWN	  ? FL_T_SAME_MM
			 : key->rel == FL_KTHREAD ? FL_T_KTHREAD
						  : 0,
	};
	struct blame_row one = {
		.key = key,
		.holds = CAUSE_UNKNOWN,
		.wants = cause_of(&waiter, "", NULL, 0),
	};
	struct snap_blame *row;
	uint32_t hash;
	long at;

	if (!blame->count)
		return false;
	memcpy(ref.args, blame->args, sizeof(ref.args));
	if (key->holder_tid)
		one.holds = cause_of(&ref, blame->holder_comm, NULL, 0);
	hash = blame_hash(&one);
	at = find_row(fill, hash, same_blame, &one);
	if (at >= 0) {
		row = &fill->snap->blames[at];
	} else {
		row = snapshot_add_blame(fill->snap);
		if (!row || remember_row(fill, hash, fill->snap->n_blames - 1)) {
			fill->err = -ENOMEM;
			return false;
		}
		row->tgid = key->tgid;
		row->start_ns = key->start_ns;
		row->mode = key->mode;
		row->cls = key->cls;
		row->rel = key->rel;
		row->conf = key->conf;
		row->waiter_cause = one.wants;
		name_holder(&row->holder, &ref, blame->holder_comm);
		row->holder.cause = one.holds;
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
	free(fill.places);
	return fill.err ? fill.err : err;
}
