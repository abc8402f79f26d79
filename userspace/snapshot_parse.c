// SPDX-License-Identifier: GPL-2.0
/*
 * Reads a snapshot from JSON that may be hostile: a file that somebody handed
 * over, a socket that is not the daemon's. Type, range and length of each
 * member are checked before anything is allocated for it. Every member but
 * schema and meta may be missing; one that is not known is ignored, so that an
 * older reader understands a newer writer of the same schema.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot.h"
#include "snapshot_members.h"
#include "text.h"

#define MAX_STRING   65536 /* a path of PATH_MAX bytes, all escaped; long C++ names */
#define MAX_ROWS     65536 /* procs, blames, waits: far above the size of the maps */
#define MAX_STACKS   16384
#define MAX_FRAMES   256
#define MAX_FEATURES 64

struct parser {
	struct snapshot *snap;
	const char *where; /* the member that is wrong */
};

static int bad(struct parser *p, const char *name)
{
	p->where = name;
	return -EPROTO;
}

static int get_integer(struct parser *p, const json_t *value, const char *name, json_int_t min,
		       json_int_t max, json_int_t *ret)
{
	if (!json_is_integer(value) || json_integer_value(value) < min ||
	    json_integer_value(value) > max)
		return bad(p, name);
	*ret = json_integer_value(value);
	return 0;
}

/* Strings are cleaned again: the writer is not to be trusted either. */
static int get_string(struct parser *p, const json_t *value, const char *name, void *field)
{
	char *copy;

	if (!json_is_string(value) || json_string_length(value) > MAX_STRING)
		return bad(p, name);
	copy = text_reclean_dup(json_string_value(value));
	if (!copy)
		return -ENOMEM;
	memcpy(field, &copy, sizeof(copy));
	return 0;
}

static int get_enum(struct parser *p, const json_t *value, const struct snapshot_member *m,
		    void *field)
{
	if (!json_is_string(value))
		return bad(p, m->name);
	for (int i = 0; i < m->enum_nr; i++)
		if (!strcmp(json_string_value(value), m->enum_name(i))) {
			memcpy(field, &i, sizeof(i));
			return 0;
		}
	return bad(p, m->name);
}

static int get_member(struct parser *p, const json_t *value, const struct snapshot_member *m,
		      void *field)
{
	json_int_t n = 0;
	int err = 0;

	switch (m->type) {
	case MEMBER_U64:
		err = get_integer(p, value, m->name, 0, INT64_MAX, &n);
		if (!err)
			*(uint64_t *)field = (uint64_t)n;
		break;
	case MEMBER_U32:
		err = get_integer(p, value, m->name, 0, UINT32_MAX, &n);
		if (!err)
			*(uint32_t *)field = (uint32_t)n;
		break;
	case MEMBER_INT:
		err = get_integer(p, value, m->name, INT32_MIN, INT32_MAX, &n);
		if (!err)
			*(int *)field = (int)n;
		break;
	case MEMBER_BOOL:
		if (!json_is_boolean(value))
			return bad(p, m->name);
		*(bool *)field = json_is_true(value);
		break;
	case MEMBER_STRING:
		return get_string(p, value, m->name, field);
	case MEMBER_COMM:
		if (!json_is_string(value) || json_string_length(value) >= SNAPSHOT_COMM_LEN)
			return bad(p, m->name);
		text_reclean(field, SNAPSHOT_COMM_LEN, json_string_value(value));
		break;
	case MEMBER_ENUM:
		return get_enum(p, value, m, field);
	}
	return err;
}

static int get_members(struct parser *p, const json_t *object, const struct snapshot_member *m,
		       void *into)
{
	for (; m->name; m++) {
		const json_t *value = json_object_get(object, m->name);
		int err = value ? get_member(p, value, m, (char *)into + m->offset) : 0;

		if (err)
			return err;
	}
	return 0;
}

static int get_number(struct parser *p, const json_t *object, const char *name, uint64_t *ret)
{
	const json_t *value = json_object_get(object, name);
	json_int_t n;
	int err;

	if (!value)
		return 0;
	err = get_integer(p, value, name, 0, INT64_MAX, &n);
	if (!err)
		*ret = (uint64_t)n;
	return err;
}

static int get_slot(struct parser *p, const json_t *pair, struct hist *hist)
{
	json_int_t slot, count;

	if (!json_is_array(pair) || json_array_size(pair) != 2 ||
	    get_integer(p, json_array_get(pair, 0), "slots", 0, FL_HIST_SLOTS - 1, &slot) ||
	    get_integer(p, json_array_get(pair, 1), "slots", 0, INT64_MAX, &count))
		return bad(p, "slots");
	hist->slots[slot] = (uint64_t)count;
	return 0;
}

static int get_hist(struct parser *p, const json_t *object, struct hist *hist)
{
	const json_t *slots = json_object_get(object, "slots");
	int err;

	if (!json_is_object(object))
		return bad(p, "hist");
	err = get_number(p, object, "count", &hist->count);
	if (!err)
		err = get_number(p, object, "total_ns", &hist->total_ns);
	if (!err)
		err = get_number(p, object, "max_ns", &hist->max_ns);
	if (err || !slots)
		return err;
	if (!json_is_array(slots) || json_array_size(slots) > FL_HIST_SLOTS)
		return bad(p, "slots");
	for (size_t i = 0; i < json_array_size(slots) && !err; i++)
		err = get_slot(p, json_array_get(slots, i), hist);
	return err;
}

static int get_task(struct parser *p, const json_t *parent, const char *name,
		    struct snap_task *task)
{
	const json_t *object = json_object_get(parent, name);

	if (!object)
		return 0;
	if (!json_is_object(object))
		return bad(p, name);
	return get_members(p, object, snapshot_task_members, task);
}

static int get_feature(struct parser *p, const json_t *object)
{
	struct snap_feature *feature = snapshot_add_feature(p->snap);

	return feature ? get_members(p, object, snapshot_feature_members, feature) : -ENOMEM;
}

static int get_proc(struct parser *p, const json_t *object)
{
	struct snap_proc *proc = snapshot_add_proc(p->snap);
	const json_t *hist = json_object_get(object, "hist");
	int err;

	if (!proc)
		return -ENOMEM;
	err = get_members(p, object, snapshot_proc_members, proc);
	return err || !hist ? err : get_hist(p, hist, &proc->hist);
}

static int get_blame(struct parser *p, const json_t *object)
{
	struct snap_blame *blame = snapshot_add_blame(p->snap);
	int err;

	if (!blame)
		return -ENOMEM;
	err = get_members(p, object, snapshot_blame_members, blame);
	return err ? err : get_task(p, object, "holder", &blame->holder);
}

static int get_wait(struct parser *p, const json_t *object)
{
	struct snap_wait *wait = snapshot_add_wait(p->snap);
	int err;

	if (!wait)
		return -ENOMEM;
	err = get_members(p, object, snapshot_wait_members, wait);
	if (!err)
		err = get_members(p, object, snapshot_wait_indices, wait);
	if (!err)
		err = get_task(p, object, "waiter", &wait->waiter);
	return err ? err : get_task(p, object, "holder", &wait->holder);
}

static int get_frame(struct parser *p, const json_t *value, struct snap_stack *stack)
{
	char *text = NULL;
	int err = get_string(p, value, "frames", &text);

	if (!err)
		err = snapshot_add_frame(stack, text);
	free(text);
	return err;
}

static int get_stack(struct parser *p, const json_t *object)
{
	struct snap_stack *stack = snapshot_add_stack(p->snap);
	const json_t *frames = json_object_get(object, "frames");
	int err;

	if (!stack)
		return -ENOMEM;
	err = get_members(p, object, snapshot_stack_members, stack);
	if (err || !frames)
		return err;
	if (!json_is_array(frames) || json_array_size(frames) > MAX_FRAMES)
		return bad(p, "frames");
	for (size_t i = 0; i < json_array_size(frames) && !err; i++)
		err = get_frame(p, json_array_get(frames, i), stack);
	return err;
}

/* Only where the kernel has it, and not in what older versions have written. */
static int get_speculation(struct parser *p, const json_t *meta)
{
	const json_t *object = json_object_get(meta, "speculation");
	int err;

	if (!object)
		return 0;
	if (!json_is_object(object))
		return bad(p, "speculation");
	for (int i = 0; i < SPF_NR_COUNTERS; i++) {
		err = get_number(p, object, spf_counter_name((enum spf_counter)i),
				 &p->snap->meta.spf.n[i]);
		if (err)
			return err;
	}
	return get_members(p, object, snapshot_knob_members, &p->snap->meta);
}

static int get_spec(struct parser *p, const json_t *object)
{
	struct snap_spec *spec = snapshot_add_spec(p->snap);
	const json_t *reasons = json_object_get(object, "sampled");
	int err;

	if (!spec)
		return -ENOMEM;
	err = get_members(p, object, snapshot_spec_members, spec);
	if (err || !reasons)
		return err;
	if (!json_is_object(reasons))
		return bad(p, "sampled");
	for (unsigned int i = 0; i < FL_SPF_REASONS && !err; i++)
		err = get_number(p, reasons, spf_reason_name(i), &spec->by_reason[i]);
	return err;
}

static int get_meta(struct parser *p, const json_t *doc)
{
	const json_t *meta = json_object_get(doc, "meta"), *lost = json_object_get(meta, "lost");
	int err;

	if (!json_is_object(meta))
		return bad(p, "meta");
	err = get_members(p, meta, snapshot_meta_members, &p->snap->meta);
	if (!err)
		err = get_speculation(p, meta);
	if (err || !lost)
		return err;
	if (!json_is_object(lost))
		return bad(p, "lost");
	for (int i = 0; i < FL_NR_COUNTERS && !err; i++)
		err = get_number(p, lost, snapshot_counter_name((enum fl_counter)i),
				 &p->snap->meta.counters[i]);
	return err;
}

static int get_array(struct parser *p, const json_t *doc, const char *name, size_t max,
		     int (*fn)(struct parser *p, const json_t *object))
{
	const json_t *list = json_object_get(doc, name);
	int err = 0;

	if (!list)
		return 0;
	if (!json_is_array(list) || json_array_size(list) > max)
		return bad(p, name);
	for (size_t i = 0; i < json_array_size(list) && !err; i++) {
		const json_t *object = json_array_get(list, i);

		err = json_is_object(object) ? fn(p, object) : bad(p, name);
	}
	return err;
}

static bool valid_index(const struct snapshot *snap, int index)
{
	return index >= -1 && (index == -1 || (size_t)index < snap->n_stacks);
}

/* Indices point ahead in the document, hence at the end. */
static int check_indices(struct parser *p)
{
	const struct snapshot *snap = p->snap;

	for (size_t i = 0; i < snap->n_waits; i++) {
		const struct snap_wait *wait = &snap->waits[i];

		if (!valid_index(snap, wait->kstack))
			return bad(p, "kstack");
		if (!valid_index(snap, wait->ustack))
			return bad(p, "ustack");
		if (!valid_index(snap, wait->holder_stack))
			return bad(p, "holder_stack");
	}
	for (size_t i = 0; i < snap->n_stacks; i++)
		if (!valid_index(snap, snap->stacks[i].below) || snap->stacks[i].below == (int)i)
			return bad(p, "below");
	return 0;
}

static int get_document(struct parser *p, const json_t *doc)
{
	const struct {
		const char *name;
		size_t max;
		int (*fn)(struct parser *p, const json_t *object);
	} arrays[] = {
		{"features", MAX_FEATURES, get_feature}, {"procs", MAX_ROWS, get_proc},
		{"blames", MAX_ROWS, get_blame},	 {"waits", MAX_ROWS, get_wait},
		{"stacks", MAX_STACKS, get_stack},	 {"specs", MAX_ROWS, get_spec},
	};
	json_int_t schema;
	int err;

	if (!json_is_object(doc))
		return bad(p, "document");
	err = get_integer(p, json_object_get(doc, "schema"), "schema", 1, SNAPSHOT_SCHEMA, &schema);
	if (!err)
		err = get_meta(p, doc);
	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]) && !err; i++)
		err = get_array(p, doc, arrays[i].name, arrays[i].max, arrays[i].fn);
	return err ? err : check_indices(p);
}

int snapshot_from_json(const json_t *doc, struct snapshot **ret_snap, const char **ret_where)
{
	struct parser p = {.snap = snapshot_new()};
	int err = p.snap ? get_document(&p, doc) : -ENOMEM;

	if (err) {
		snapshot_free(p.snap);
		if (err == -EPROTO && ret_where)
			*ret_where = p.where;
		return err;
	}
	*ret_snap = p.snap;
	return 0;
}
