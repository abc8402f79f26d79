// SPDX-License-Identifier: GPL-2.0
/*
 * What happened between two snapshots of one source? Rows are matched by their
 * keys, rows with equal keys added up first. A row whose count went down is
 * that of a source which was restarted: it counts whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot.h"

typedef int (*compare_fn)(const void *a, const void *b);

#define COMPARE(a, b)                              \
	do {                                       \
		if ((a) != (b))                    \
			return (a) < (b) ? -1 : 1; \
	} while (0)

static int compare_procs(const void *a, const void *b)
{
	const struct snap_proc *x = *(const struct snap_proc *const *)a;
	const struct snap_proc *y = *(const struct snap_proc *const *)b;

	COMPARE(x->tgid, y->tgid);
	COMPARE(x->start_ns, y->start_ns);
	COMPARE(x->mode, y->mode);
	COMPARE(x->cls, y->cls);
	COMPARE(x->rel, y->rel);
	COMPARE(x->kind, y->kind);
	return 0;
}

static int compare_blames(const void *a, const void *b)
{
	const struct snap_blame *x = *(const struct snap_blame *const *)a;
	const struct snap_blame *y = *(const struct snap_blame *const *)b;

	COMPARE(x->tgid, y->tgid);
	COMPARE(x->start_ns, y->start_ns);
	COMPARE(x->holder.tgid, y->holder.tgid);
	COMPARE(x->holder.tid, y->holder.tid);
	COMPARE(x->holder.cause, y->holder.cause);
	COMPARE(x->waiter_cause, y->waiter_cause);
	COMPARE(x->mode, y->mode);
	COMPARE(x->cls, y->cls);
	COMPARE(x->rel, y->rel);
	COMPARE(x->conf, y->conf);
	return 0;
}

/* A total, with the user stack below it, which is part of what it is. */
struct whole_stack {
	const struct snap_stack *stack;
	const struct snap_stack *below;
	size_t index;
};

static int compare_frames(const struct snap_stack *x, const struct snap_stack *y)
{
	if (!x || !y)
		return !!x - !!y;
	COMPARE(x->n, y->n);
	for (size_t i = 0; i < x->n; i++) {
		int order = strcmp(x->frames[i], y->frames[i]);

		if (order)
			return order;
	}
	return 0;
}

static int compare_stacks(const void *a, const void *b)
{
	const struct whole_stack *v = a, *w = b;
	const struct snap_stack *x = v->stack, *y = w->stack;
	int order;

	COMPARE(x->tgid, y->tgid);
	COMPARE(x->task_tgid, y->task_tgid);
	COMPARE(x->role, y->role);
	COMPARE(x->user, y->user);
	COMPARE(x->mode, y->mode);
	COMPARE(x->cause, y->cause);
	order = strcmp(x->comm, y->comm);
	if (!order)
		order = compare_frames(x, y);
	return order ? order : compare_frames(v->below, w->below);
}

/* Pointers to the elements of an array, sorted; NULL only when out of memory. */
static void *sorted_index(const void *array, size_t n, size_t size, compare_fn compare)
{
	const char **index = calloc(n + 1, sizeof(*index));

	if (!index)
		return NULL;
	for (size_t i = 0; i < n; i++)
		index[i] = (const char *)array + i * size;
	qsort(index, n, sizeof(*index), compare);
	return index;
}

static char *copy_string(const char *text, int *err)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		*err = -ENOMEM;
	return copy;
}

static int add_proc(struct snapshot *diff, const struct snap_proc *from, const struct hist *hist)
{
	struct snap_proc *proc = snapshot_add_proc(diff);
	int err = 0;

	if (!proc)
		return -ENOMEM;
	*proc = *from;
	proc->hist = *hist;
	proc->cgroup = copy_string(from->cgroup, &err);
	return err;
}

/*
 * Processes that are gone leave their rows for the sum of all that are (tgid 0)
 * when there are too many. What they had is not new there.
 */
static void merge_vanished(struct snap_proc *const *before, size_t n_before,
			   struct snap_proc *const *now, size_t n_now, const struct snap_proc *key,
			   struct hist *old)
{
	for (size_t i = 0; i < n_before; i++) {
		const struct snap_proc *row = before[i];

		if (row->tgid && row->mode == key->mode && row->cls == key->cls &&
		    row->rel == key->rel && row->kind == key->kind &&
		    !bsearch(&row, now, n_now, sizeof(*now), compare_procs))
			hist_merge(old, &row->hist);
	}
}

static int diff_procs(const struct snapshot *before, const struct snapshot *now,
		      struct snapshot *diff)
{
	struct snap_proc **a, **b;
	size_t i = 0, j = 0;
	int err = -ENOMEM;

	a = sorted_index(before->procs, before->n_procs, sizeof(**a), compare_procs);
	b = sorted_index(now->procs, now->n_procs, sizeof(**b), compare_procs);
	if (!a || !b)
		goto out;
	err = 0;
	while (!err && j < now->n_procs) {
		const struct snap_proc *key = b[j];
		struct hist old = {0}, sum = {0};

		for (; j < now->n_procs && !compare_procs(&key, &b[j]); j++)
			hist_merge(&sum, &b[j]->hist);
		while (i < before->n_procs && compare_procs(&a[i], &key) < 0)
			i++;
		for (; i < before->n_procs && !compare_procs(&key, &a[i]); i++)
			hist_merge(&old, &a[i]->hist);
		if (!key->tgid)
			merge_vanished(a, before->n_procs, b, now->n_procs, key, &old);
		if (sum.count >= old.count)
			hist_sub(&sum, &old);
		if (sum.count)
			err = add_proc(diff, key, &sum);
	}
out:
	free(a);
	free(b);
	return err;
}

static void merge_blame(struct snap_blame *sum, const struct snap_blame *from)
{
	sum->count += from->count;
	sum->total_ns += from->total_ns;
	if (from->max_ns > sum->max_ns)
		sum->max_ns = from->max_ns;
}

/* Without a histogram the new maximum is known only if it is above the old one. */
static void sub_blame(struct snap_blame *now, const struct snap_blame *before)
{
	now->count -= before->count;
	now->total_ns = now->total_ns > before->total_ns ? now->total_ns - before->total_ns : 0;
	if (now->max_ns <= before->max_ns && now->max_ns > now->total_ns)
		now->max_ns = now->total_ns;
}

static int add_blame(struct snapshot *diff, const struct snap_blame *from)
{
	struct snap_blame *blame = snapshot_add_blame(diff);
	int err = 0;

	if (!blame)
		return -ENOMEM;
	*blame = *from;
	blame->holder.detail = copy_string(from->holder.detail, &err);
	return err;
}

static int diff_blames(const struct snapshot *before, const struct snapshot *now,
		       struct snapshot *diff)
{
	struct snap_blame **a, **b;
	size_t i = 0, j = 0;
	int err = -ENOMEM;

	a = sorted_index(before->blames, before->n_blames, sizeof(**a), compare_blames);
	b = sorted_index(now->blames, now->n_blames, sizeof(**b), compare_blames);
	if (!a || !b)
		goto out;
	err = 0;
	while (!err && j < now->n_blames) {
		const struct snap_blame *key = b[j];
		struct snap_blame old = {0}, sum = *key;

		for (j++; j < now->n_blames && !compare_blames(&key, &b[j]); j++)
			merge_blame(&sum, b[j]);
		while (i < before->n_blames && compare_blames(&a[i], &key) < 0)
			i++;
		for (; i < before->n_blames && !compare_blames(&key, &a[i]); i++)
			merge_blame(&old, a[i]);
		if (sum.count >= old.count)
			sub_blame(&sum, &old);
		if (sum.count)
			err = add_blame(diff, &sum);
	}
out:
	free(a);
	free(b);
	return err;
}

/* The totals among the stacks, sorted. */
static struct whole_stack *sorted_stacks(const struct snapshot *snap, size_t *ret_n)
{
	struct whole_stack *sorted = calloc(snap->n_stacks + 1, sizeof(*sorted));
	size_t n = 0;

	if (!sorted)
		return NULL;
	for (size_t i = 0; i < snap->n_stacks; i++) {
		const struct snap_stack *stack = &snap->stacks[i];
		bool below = stack->below >= 0 && (size_t)stack->below < snap->n_stacks;

		if (stack->count)
			sorted[n++] = (struct whole_stack){
				stack, below ? &snap->stacks[stack->below] : NULL, i};
	}
	qsort(sorted, n, sizeof(*sorted), compare_stacks);
	*ret_n = n;
	return sorted;
}

static int copy_stack(struct snapshot *diff, const struct snap_stack *from)
{
	struct snap_stack *stack = snapshot_add_stack(diff);
	int err = 0;

	if (!stack)
		return -ENOMEM;
	*stack = *from;
	stack->n = 0;
	stack->frames = NULL;
	for (size_t i = 0; i < from->n && !err; i++)
		err = snapshot_add_frame(stack, from->frames[i]);
	return err;
}

/* Adds up the stacks that are equal to key, from *pos on. */
static void sum_stacks(const struct whole_stack *sorted, size_t n, size_t *pos,
		       const struct whole_stack *key, struct snap_stack *ret_sum)
{
	for (; *pos < n && !compare_stacks(&sorted[*pos], key); (*pos)++) {
		ret_sum->count += sorted[*pos].stack->count;
		ret_sum->total_ns += sorted[*pos].stack->total_ns;
	}
}

/*
 * All stacks stay, at their index, for what refers to them; a total without
 * anything new gets count 0, and of equal ones the first gets all.
 */
static int diff_stacks(const struct snapshot *before, const struct snapshot *now,
		       struct snapshot *diff)
{
	size_t n_old = 0, n_new = 0, i = 0, j = 0;
	struct whole_stack *old = sorted_stacks(before, &n_old);
	struct whole_stack *new = sorted_stacks(now, &n_new);
	int err = old && new ? 0 : -ENOMEM;

	for (size_t k = 0; !err && k < now->n_stacks; k++) {
		err = copy_stack(diff, &now->stacks[k]);
		if (!err)
			diff->stacks[k].count = diff->stacks[k].total_ns = 0;
	}
	while (!err && j < n_new) {
		struct whole_stack key = new[j];
		struct snap_stack was = {0}, is = {0};
		struct snap_stack *into = &diff->stacks[key.index];

		sum_stacks(new, n_new, &j, &key, &is);
		while (i < n_old && compare_stacks(&old[i], &key) < 0)
			i++;
		sum_stacks(old, n_old, &i, &key, &was);
		if (was.count > is.count)
			was.count = was.total_ns = 0;
		into->count = is.count - was.count;
		into->total_ns = is.total_ns > was.total_ns ? is.total_ns - was.total_ns : 0;
	}
	free(old);
	free(new);
	return err;
}

static int copy_waits(const struct snapshot *now, struct snapshot *diff)
{
	for (size_t i = 0; i < now->n_waits; i++)
		if (!snapshot_copy_wait(diff, &now->waits[i]))
			return -ENOMEM;
	return 0;
}

static int copy_features(const struct snapshot *now, struct snapshot *diff)
{
	int err = 0;

	for (size_t i = 0; i < now->n_features && !err; i++) {
		struct snap_feature *feature = snapshot_add_feature(diff);

		if (!feature)
			return -ENOMEM;
		feature->state = now->features[i].state;
		feature->name = copy_string(now->features[i].name, &err);
		feature->reason = copy_string(now->features[i].reason, &err);
	}
	return err;
}

static uint64_t since(uint64_t now, uint64_t before)
{
	return now >= before ? now - before : now;
}

static int diff_meta(const struct snap_meta *before, const struct snap_meta *now,
		     struct snap_meta *diff)
{
	int err = 0;

	*diff = *now;
	diff->host = copy_string(now->host, &err);
	diff->kernel = copy_string(now->kernel, &err);
	diff->boot_id = copy_string(now->boot_id, &err);
	diff->version = copy_string(now->version, &err);
	diff->source = copy_string(now->source, &err);
	diff->blind = copy_string(now->blind, &err);
	diff->detached_reason = copy_string(now->detached_reason, &err);
	diff->spf_why = copy_string(now->spf_why, &err);

	for (unsigned int i = 0; i < FL_NR_COUNTERS; i++)
		diff->counters[i] = since(now->counters[i], before->counters[i]);
	for (int i = 0; i < SPF_NR_COUNTERS; i++)
		diff->spf.n[i] = since(now->spf.n[i], before->spf.n[i]);
	diff->spf_sampled_ns = since(now->spf_sampled_ns, before->spf_sampled_ns);
	diff->window_ns = since(now->mono_ns, before->mono_ns);
	diff->recursion_misses = since(now->recursion_misses, before->recursion_misses);
	diff->bpf_ns = since(now->bpf_ns, before->bpf_ns);
	diff->cpu_ns = since(now->cpu_ns, before->cpu_ns);
	return err;
}

/* Few rows; one that went down is of a process that came after. */
static void sub_spec(struct snap_spec *spec, const struct snapshot *before)
{
	const struct snap_spec *old = NULL;

	for (size_t i = 0; i < before->n_specs && !old; i++)
		if (before->specs[i].tgid == spec->tgid)
			old = &before->specs[i];
	for (unsigned int i = 0; old && i < FL_SPF_REASONS; i++)
		spec->by_reason[i] = since(spec->by_reason[i], old->by_reason[i]);
}

static int diff_specs(const struct snapshot *before, const struct snapshot *now,
		      struct snapshot *diff)
{
	for (size_t i = 0; i < now->n_specs; i++) {
		struct snap_spec *spec = snapshot_add_spec(diff);

		if (!spec)
			return -ENOMEM;
		*spec = now->specs[i];
		sub_spec(spec, before);
	}
	return 0;
}

int snapshot_diff(const struct snapshot *before, const struct snapshot *now,
		  struct snapshot **ret_diff)
{
	struct snapshot *diff = snapshot_new();
	int err = diff ? 0 : -ENOMEM;

	if (!err)
		err = diff_meta(&before->meta, &now->meta, &diff->meta);
	if (!err)
		err = copy_features(now, diff);
	if (!err)
		err = diff_procs(before, now, diff);
	if (!err)
		err = diff_blames(before, now, diff);
	if (!err)
		err = copy_waits(now, diff);
	if (!err)
		err = diff_stacks(before, now, diff);
	if (!err)
		err = diff_specs(before, now, diff);
	if (err) {
		snapshot_free(diff);
		return err;
	}
	*ret_diff = diff;
	return 0;
}
