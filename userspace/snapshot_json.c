// SPDX-License-Identifier: GPL-2.0
/*
 * Writes a snapshot as JSON: what goes over the control socket, into incident
 * records and out of `-O json`. Durations are integers of nanoseconds, enums
 * their names, histograms the slots that are not empty. snapshot_parse.c reads
 * it back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot.h"
#include "snapshot_members.h"
#include "text.h"

/* -ENOMEM is remembered in *err, so that a long list of calls reads straight. */
static void put(json_t *object, const char *name, json_t *value, int *err)
{
	if (!value || json_object_set_new_nocheck(object, name, value))
		*err = -ENOMEM;
}

static json_t *number(uint64_t value)
{
	/* JSON integers are signed in jansson and most readers. */
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static json_t *string(const char *text)
{
	json_t *value = json_string(text);
	char *clean;

	if (value)
		return value;
	/* Not UTF-8, although it should be by now: repair it rather than fail. */
	clean = text_reclean_dup(text);
	value = clean ? json_string(clean) : NULL;
	free(clean);
	return value;
}

static json_t *value_of(const struct snapshot_member *m, const void *from)
{
	const void *field = (const char *)from + m->offset;
	const char *text;
	int value;

	switch (m->type) {
	case MEMBER_U64:
		return number(*(const uint64_t *)field);
	case MEMBER_U32:
		return number(*(const uint32_t *)field);
	case MEMBER_INT:
		return json_integer(*(const int *)field);
	case MEMBER_BOOL:
		return json_boolean(*(const bool *)field);
	case MEMBER_COMM:
		return string(field);
	case MEMBER_ENUM:
		memcpy(&value, field, sizeof(value));
		return json_string(m->enum_name(value));
	case MEMBER_STRING:
		break;
	}
	memcpy(&text, field, sizeof(text));
	return string(text);
}

static void put_members(json_t *object, const struct snapshot_member *m, const void *from, int *err)
{
	for (; m->name; m++) {
		const char *text = "";

		if (m->type == MEMBER_STRING)
			memcpy(&text, (const char *)from + m->offset, sizeof(text));
		if (text) /* NULL: the member is left out */
			put(object, m->name, value_of(m, from), err);
	}
}

/* value when all went well, else NULL and nothing leaked. */
static json_t *checked(json_t *value, int err)
{
	if (value && !err)
		return value;
	json_decref(value);
	return NULL;
}

static json_t *hist_to_json(const struct hist *hist)
{
	json_t *object = json_object(), *slots = json_array();
	int err = 0;

	put(object, "count", number(hist->count), &err);
	put(object, "total_ns", number(hist->total_ns), &err);
	put(object, "max_ns", number(hist->max_ns), &err);
	put(object, "p50_ns", number(hist_percentile_ns(hist, 50)), &err);
	put(object, "p99_ns", number(hist_percentile_ns(hist, 99)), &err);
	for (unsigned int i = 0; i < FL_HIST_SLOTS; i++)
		if (hist->slots[i] &&
		    json_array_append_new(slots,
					  json_pack("[i,o]", (int)i, number(hist->slots[i]))))
			err = -ENOMEM;
	put(object, "slots", slots, &err);
	return checked(object, err);
}

static json_t *task_to_json(const struct snap_task *task)
{
	json_t *object = json_object();
	int err = 0;

	put_members(object, snapshot_task_members, task, &err);
	return checked(object, err);
}

static json_t *frames_to_json(const struct snap_stack *stack)
{
	json_t *frames = json_array();
	int err = 0;

	for (size_t i = 0; i < stack->n; i++)
		if (json_array_append_new(frames, string(stack->frames[i])))
			err = -ENOMEM;
	return checked(frames, err);
}

static json_t *proc_to_json(const void *from)
{
	const struct snap_proc *proc = from;
	json_t *object = json_object();
	int err = 0;

	put_members(object, snapshot_proc_members, proc, &err);
	put(object, "hist", hist_to_json(&proc->hist), &err);
	return checked(object, err);
}

static json_t *blame_to_json(const void *from)
{
	const struct snap_blame *blame = from;
	json_t *object = json_object();
	int err = 0;

	put_members(object, snapshot_blame_members, blame, &err);
	put(object, "holder", task_to_json(&blame->holder), &err);
	return checked(object, err);
}

static json_t *plain_wait(const struct snap_wait *wait)
{
	json_t *object = json_object();
	int err = 0;

	put_members(object, snapshot_wait_members, wait, &err);
	put(object, "waiter", task_to_json(&wait->waiter), &err);
	put(object, "holder", task_to_json(&wait->holder), &err);
	return checked(object, err);
}

static json_t *wait_to_json(const void *from)
{
	json_t *object = plain_wait(from);
	int err = object ? 0 : -ENOMEM;

	if (!err)
		put_members(object, snapshot_wait_indices, from, &err);
	return checked(object, err);
}

static json_t *stack_to_json(const void *from)
{
	const struct snap_stack *stack = from;
	json_t *object = json_object();
	int err = 0;

	put_members(object, snapshot_stack_members, stack, &err);
	put(object, "frames", frames_to_json(stack), &err);
	return checked(object, err);
}

static json_t *feature_to_json(const void *from)
{
	json_t *object = json_object();
	int err = 0;

	put_members(object, snapshot_feature_members, from, &err);
	return checked(object, err);
}

static json_t *speculation_to_json(const struct snap_meta *meta)
{
	json_t *object = json_object();
	int err = 0;

	for (int i = 0; i < SPF_NR_COUNTERS; i++)
		put(object, spf_counter_name((enum spf_counter)i), number(meta->spf.n[i]), &err);
	put_members(object, snapshot_knob_members, meta, &err);
	return checked(object, err);
}

static json_t *spec_to_json(const void *from)
{
	const struct snap_spec *spec = from;
	json_t *object = json_object(), *reasons = json_object();
	int err = 0;

	put_members(object, snapshot_spec_members, spec, &err);
	for (unsigned int i = 0; i < FL_SPF_REASONS; i++)
		put(reasons, spf_reason_name(i), number(spec->by_reason[i]), &err);
	put(object, "sampled", reasons, &err);
	return checked(object, err);
}

json_t *snapshot_meta_to_json(const struct snap_meta *meta)
{
	json_t *object = json_object(), *lost = json_object();
	int err = 0;

	put_members(object, snapshot_meta_members, meta, &err);
	for (int i = 0; i < FL_NR_COUNTERS; i++)
		put(lost, snapshot_counter_name((enum fl_counter)i), number(meta->counters[i]),
		    &err);
	put(object, "lost", lost, &err);
	if (meta->speculative)
		put(object, "speculation", speculation_to_json(meta), &err);
	return checked(object, err);
}

static json_t *array_to_json(const void *array, size_t n, size_t size, json_t *(*fn)(const void *))
{
	json_t *list = json_array();
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		if (json_array_append_new(list, fn((const char *)array + i * size)))
			err = -ENOMEM;
	return checked(list, err);
}

#define PUT_ARRAY(doc, snap, field, fn, err) \
	put(doc, #field,                     \
	    array_to_json((snap)->field, (snap)->n_##field, sizeof(*(snap)->field), fn), err)

json_t *snapshot_to_json(const struct snapshot *snap)
{
	json_t *doc = json_object();
	int err = 0;

	put(doc, "schema", json_integer(SNAPSHOT_SCHEMA), &err);
	put(doc, "meta", snapshot_meta_to_json(&snap->meta), &err);
	PUT_ARRAY(doc, snap, features, feature_to_json, &err);
	PUT_ARRAY(doc, snap, procs, proc_to_json, &err);
	PUT_ARRAY(doc, snap, blames, blame_to_json, &err);
	PUT_ARRAY(doc, snap, waits, wait_to_json, &err);
	PUT_ARRAY(doc, snap, stacks, stack_to_json, &err);
	if (snap->meta.speculative) /* elsewhere nothing, and not an empty list */
		PUT_ARRAY(doc, snap, specs, spec_to_json, &err);
	return checked(doc, err);
}

static void put_stack(json_t *object, const char *name, const struct snapshot *snap, int index,
		      int *err)
{
	if (index >= 0 && (size_t)index < snap->n_stacks)
		put(object, name, frames_to_json(&snap->stacks[index]), err);
}

json_t *snapshot_wait_to_json(const struct snapshot *snap, const struct snap_wait *wait)
{
	json_t *object = plain_wait(wait);
	int err = object ? 0 : -ENOMEM;

	if (!err) {
		put_stack(object, "kstack", snap, wait->kstack, &err);
		put_stack(object, "ustack", snap, wait->ustack, &err);
		put_stack(object, "holder_stack", snap, wait->holder_stack, &err);
	}
	return checked(object, err);
}
