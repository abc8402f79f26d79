// SPDX-License-Identifier: GPL-2.0
/*
 * The model of what was measured: memory, names and sums. Who fills it is
 * tally.c, who shows it render_*.c; here nothing is decided.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot.h"

/*
 * Room for one more, zeroed. Capacity follows from n alone: it grows when n is
 * 0 or a power of two. array is the address of a pointer of some type, hence
 * the copies.
 */
static void *grow(void *array, size_t *n, size_t size)
{
	char *elements;

	memcpy(&elements, array, sizeof(elements));
	if (!*n || !(*n & (*n - 1))) {
		elements = reallocarray(elements, *n ? *n * 2 : 1, size);
		if (!elements)
			return NULL;
		memcpy(array, &elements, sizeof(elements));
	}
	elements += *n * size;
	memset(elements, 0, size);
	(*n)++;
	return elements;
}

struct snap_feature *snapshot_add_feature(struct snapshot *snap)
{
	struct snap_feature *feature = grow(&snap->features, &snap->n_features, sizeof(*feature));

	if (feature)
		feature->state = FEATURE_OFF;
	return feature;
}

struct snap_proc *snapshot_add_proc(struct snapshot *snap)
{
	return grow(&snap->procs, &snap->n_procs, sizeof(struct snap_proc));
}

struct snap_blame *snapshot_add_blame(struct snapshot *snap)
{
	return grow(&snap->blames, &snap->n_blames, sizeof(struct snap_blame));
}

struct snap_wait *snapshot_add_wait(struct snapshot *snap)
{
	struct snap_wait *wait = grow(&snap->waits, &snap->n_waits, sizeof(*wait));

	if (wait)
		wait->kstack = wait->ustack = wait->holder_stack = -1;
	return wait;
}

static bool copy_string(char **into, const char *text)
{
	*into = text ? strdup(text) : NULL;
	return *into || !text;
}

struct snap_wait *snapshot_copy_wait(struct snapshot *snap, const struct snap_wait *from)
{
	struct snap_wait *wait = snapshot_add_wait(snap);
	bool good;

	if (!wait)
		return NULL;
	*wait = *from;
	/* all of them, so that none is still that of the other */
	good = copy_string(&wait->cgroup, from->cgroup);
	good &= copy_string(&wait->waiter.detail, from->waiter.detail);
	good &= copy_string(&wait->holder.detail, from->holder.detail);
	return good ? wait : NULL;
}

struct snap_stack *snapshot_add_stack(struct snapshot *snap)
{
	struct snap_stack *stack = grow(&snap->stacks, &snap->n_stacks, sizeof(*stack));

	if (stack)
		stack->below = -1;
	return stack;
}

struct snap_spec *snapshot_add_spec(struct snapshot *snap)
{
	return grow(&snap->specs, &snap->n_specs, sizeof(struct snap_spec));
}

int snapshot_add_frame(struct snap_stack *stack, const char *frame)
{
	char *copy = strdup(frame);
	char **slot;

	if (!copy)
		return -ENOMEM;
	slot = grow(&stack->frames, &stack->n, sizeof(*slot));
	if (!slot) {
		free(copy);
		return -ENOMEM;
	}
	*slot = copy;
	return 0;
}

struct snapshot *snapshot_new(void)
{
	struct snapshot *snap = calloc(1, sizeof(*snap));

	if (snap)
		snap->meta.attached = true;
	return snap;
}

void snapshot_free_stack(struct snap_stack *stack)
{
	for (size_t i = 0; i < stack->n; i++)
		free(stack->frames[i]);
	free(stack->frames);
}

void snapshot_free_wait(struct snap_wait *wait)
{
	free(wait->cgroup);
	free(wait->waiter.detail);
	free(wait->holder.detail);
}

static void free_meta(struct snap_meta *meta)
{
	free(meta->host);
	free(meta->kernel);
	free(meta->boot_id);
	free(meta->version);
	free(meta->source);
	free(meta->blind);
	free(meta->detached_reason);
	free(meta->spf_why);
}

void snapshot_free(struct snapshot *snap)
{
	size_t i;

	if (!snap)
		return;
	free_meta(&snap->meta);
	for (i = 0; i < snap->n_features; i++) {
		free(snap->features[i].name);
		free(snap->features[i].reason);
	}
	for (i = 0; i < snap->n_procs; i++)
		free(snap->procs[i].cgroup);
	for (i = 0; i < snap->n_blames; i++)
		free(snap->blames[i].holder.detail);
	for (i = 0; i < snap->n_waits; i++)
		snapshot_free_wait(&snap->waits[i]);
	for (i = 0; i < snap->n_stacks; i++)
		snapshot_free_stack(&snap->stacks[i]);
	free(snap->features);
	free(snap->procs);
	free(snap->blames);
	free(snap->waits);
	free(snap->stacks);
	free(snap->specs);
	free(snap);
}

static uint64_t sum_counters(const struct snap_meta *meta, unsigned int n)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < n; i++)
		if (__builtin_add_overflow(sum, meta->counters[i], &sum))
			return UINT64_MAX;
	return sum;
}

uint64_t snapshot_lost_waits(const struct snap_meta *meta)
{
	return sum_counters(meta, FL_NR_WAIT_LOSSES);
}

uint64_t snapshot_lost_any(const struct snap_meta *meta)
{
	return sum_counters(meta, FL_NR_LOSSES);
}

static const char *name_of(const char *const *names, unsigned int n, unsigned int i)
{
	return i < n ? names[i] : "?";
}

const char *snapshot_mode_name(enum fl_mode mode)
{
	static const char *const names[FL_NR_MODES] = {"read", "write"};

	return name_of(names, FL_NR_MODES, mode);
}

const char *snapshot_class_name(enum fl_class cls)
{
	static const char *const names[FL_NR_CLASSES] = {"mmap_lock", "vma_lock"};

	return name_of(names, FL_NR_CLASSES, cls);
}

const char *snapshot_relation_name(enum fl_relation rel)
{
	static const char *const names[FL_NR_RELATIONS] = {"own", "remote", "kthread"};

	return name_of(names, FL_NR_RELATIONS, rel);
}

const char *snapshot_kind_name(enum fl_kind kind)
{
	static const char *const names[FL_NR_KINDS] = {"queued", "spun"};

	return name_of(names, FL_NR_KINDS, kind);
}

const char *snapshot_conf_name(enum fl_confidence conf)
{
	static const char *const names[FL_NR_CONFIDENCES] = {"none", "hint", "release", "exact"};

	return name_of(names, FL_NR_CONFIDENCES, conf);
}

const char *snapshot_counter_name(enum fl_counter counter)
{
	static const char *const names[FL_NR_COUNTERS] = {
		[FL_LOST_WAITERS_FULL] = "waiters_full",
		[FL_LOST_STATS_FULL] = "stats_full",
		[FL_LOST_RACE] = "race",
		[FL_LOST_BLAME_FULL] = "blame_full",
		[FL_LOST_STACKS_FULL] = "stacks_full",
		[FL_LOST_KSTACK] = "kstack",
		[FL_LOST_USTACK] = "ustack",
		[FL_LOST_EVENTS_FULL] = "events_full",
		[FL_LOST_RELEASES_FULL] = "releases_full",
		[FL_LOST_SLOW_FULL] = "slow_full",
		[FL_SEEN_BELOW_MIN] = "below_min",
		[FL_SEEN_FILTERED] = "filtered",
		[FL_SEEN_OTHER_RWSEM] = "other_rwsem",
	};

	return name_of(names, FL_NR_COUNTERS, counter);
}

const char *snapshot_role_name(enum snap_role role)
{
	static const char *const names[SNAP_NR_ROLES] = {"waiter", "holder"};

	return name_of(names, SNAP_NR_ROLES, role);
}

const char *snapshot_state_name(enum feature_state state)
{
	static const char *const names[FEATURE_NR_STATES] = {"on", "off", "failed"};

	return name_of(names, FEATURE_NR_STATES, state);
}

const char *snapshot_knob_name(enum snap_knob knob)
{
	static const char *const names[SNAP_NR_KNOBS] = {"untuned", "original", "tuned", "paused"};

	return name_of(names, SNAP_NR_KNOBS, knob);
}
