// SPDX-License-Identifier: GPL-2.0
/*
 * The verdict for programs: the same facts as in words, one JSON object.
 * Times are nanoseconds; the schema is that of snapshots.
 */
#include "container.h"
#include "speculation.h"
#include "text.h"
#include "verdict.h"

static json_t *holder_to_json(const struct verdict_holder *holder)
{
	const struct snap_task *task = holder->task;
	json_t *waiters;

	waiters = json_pack("{s:I, s:I}", "read", (json_int_t)holder->mode_count[FL_READ], "write",
			    (json_int_t)holder->mode_count[FL_WRITE]);
	return json_pack("{s:I, s:I, s:s, s:b, s:s, s:s?, s:s, s:I, s:I, s:I, s:o}", "pid",
			 (json_int_t)task->tgid, "tid", (json_int_t)task->tid, "comm", task->comm,
			 "kthread", task->kthread, "cause", cause_name(task->cause), "detail",
			 task->detail, "confidence", snapshot_conf_name(holder->conf), "count",
			 (json_int_t)holder->count, "total_ns", (json_int_t)holder->total_ns,
			 "max_ns", (json_int_t)holder->max_ns, "waiters", waiters);
}

static json_t *holders_to_json(const struct verdict *v)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < v->n_holders; i++)
		if (json_array_append_new(array, holder_to_json(&v->holders[i]))) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static json_t *waits_to_json(const struct verdict *v)
{
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "count",
		(json_int_t)v->hist.count, "total_ns", (json_int_t)v->hist.total_ns, "max_ns",
		(json_int_t)v->hist.max_ns, "p50_ns", (json_int_t)hist_percentile_ns(&v->hist, 50),
		"p99_ns", (json_int_t)hist_percentile_ns(&v->hist, 99), "read",
		(json_int_t)v->mode_count[FL_READ], "write", (json_int_t)v->mode_count[FL_WRITE],
		"own", (json_int_t)v->rel_count[FL_OWN], "remote",
		(json_int_t)v->rel_count[FL_REMOTE], "kthread",
		(json_int_t)v->rel_count[FL_KTHREAD], "vma_lock", (json_int_t)v->vma_count);
}

/* Of this process; the sampled counts are those of sampled_ns. */
static json_t *speculation_to_json(const struct snapshot *snap, uint32_t tgid)
{
	const struct snap_spec none = {.tgid = tgid}, *spec = speculation_of(snap, tgid) ?: &none;
	const struct snap_meta *meta = &snap->meta;
	json_t *sampled = json_object();

	for (unsigned int i = 0; sampled && i < FL_SPF_REASONS; i++)
		json_object_set_new(sampled, spf_reason_name(i),
				    json_integer((json_int_t)spec->by_reason[i]));
	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:s, s:s?}", "sampled", sampled,
			 "sampled_ns", (json_int_t)meta->spf_sampled_ns, "threads",
			 (json_int_t)spec->threads, "min_window", (json_int_t)spec->min_window,
			 "max_window", (json_int_t)spec->max_window, "backoff_max",
			 (json_int_t)meta->spf_backoff_max, "backoff_max_is",
			 snapshot_knob_name(meta->spf_knob), "backoff_max_why", meta->spf_why);
}

json_t *verdict_to_json(const struct snapshot *snap, uint32_t tgid)
{
	char line[VERDICT_LINE], name[CONTAINER_NAME_LEN], container[CONTAINER_NAME_LEN];
	struct verdict v;
	json_t *advice, *doc;

	verdict_of(snap, tgid, &v);
	verdict_line(line, sizeof(line), snap, tgid);
	text_reclean(container, sizeof(container), container_name(v.cgroup, name, sizeof(name)));
	advice = v.advice ? json_pack("{s:s, s:s}", "id", v.advice->id, "text", v.advice->text)
			  : json_null();
	doc = json_pack(
		"{s:i, s:I, s:I, s:s?, s:s?, s:s?, s:b, s:I, s:s, s:s, s:I, s:o, s:{s:I, s:I, s:I},"
		" s:o, s:o, s:b, s:I, s:s?}",
		"schema", SNAPSHOT_SCHEMA, "pid", (json_int_t)v.tgid, "start_ns",
		(json_int_t)v.start_ns, "comm", v.comm, "cgroup", v.cgroup, "container",
		*container ? container : NULL, "gone", v.gone, "window_ns", (json_int_t)v.window_ns,
		"verdict", line, "mechanism", verdict_mechanism_name(v.mechanism), "waiting_ns",
		(json_int_t)v.waiting_ns, "waits", waits_to_json(&v), "unfinished", "count",
		(json_int_t)v.n_stuck, "total_ns", (json_int_t)v.stuck_ns, "max_ns",
		(json_int_t)(v.stuck ? v.stuck->dur_ns : 0), "holders", holders_to_json(&v),
		"advice", advice, "per_vma_locks", snap->meta.per_vma_locks, "lost_waits",
		(json_int_t)snapshot_lost_waits(&snap->meta), "blind", snap->meta.blind);
	if (doc && snap->meta.speculative)
		json_object_set_new(doc, "speculation", speculation_to_json(snap, tgid));
	return doc;
}
