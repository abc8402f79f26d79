// SPDX-License-Identifier: GPL-2.0
/*
 * Does a snapshot come back from JSON as it went in, and is a document that is
 * none refused with the name of the member that is wrong?
 */
#include <errno.h>

#include "sample.h"

/* splitmix64: the same documents in every run. */
static uint64_t next(uint64_t *seed)
{
	uint64_t z = (*seed += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static void random_text(uint64_t *seed, char *buf, size_t size)
{
	char raw[64];
	size_t n = next(seed) % sizeof(raw);

	for (size_t i = 0; i < n; i++)
		raw[i] = (char)next(seed);
	text_clean(buf, size, raw, n);
}

static char *random_string(uint64_t *seed)
{
	char buf[256];

	if (next(seed) % 4 == 0)
		return NULL;
	random_text(seed, buf, sizeof(buf));
	return strdup(buf);
}

static uint64_t random_number(uint64_t *seed)
{
	return next(seed) >> (1 + next(seed) % 63);
}

static void random_task(uint64_t *seed, struct snap_task *task)
{
	task->tid = (uint32_t)next(seed);
	task->tgid = (uint32_t)next(seed);
	random_text(seed, task->comm, sizeof(task->comm));
	task->cause = (enum cause)(next(seed) % CAUSE_NR);
	task->kthread = next(seed) & 1;
	task->detail = random_string(seed);
}

static void random_proc(uint64_t *seed, struct snap_proc *proc)
{
	proc->tgid = (uint32_t)next(seed);
	proc->start_ns = random_number(seed);
	random_text(seed, proc->comm, sizeof(proc->comm));
	proc->cgroup = random_string(seed);
	proc->gone = next(seed) & 1;
	proc->hot = next(seed) & 1;
	proc->mode = (enum fl_mode)(next(seed) % FL_NR_MODES);
	proc->cls = (enum fl_class)(next(seed) % FL_NR_CLASSES);
	proc->rel = (enum fl_relation)(next(seed) % FL_NR_RELATIONS);
	proc->kind = (enum fl_kind)(next(seed) % FL_NR_KINDS);
	for (uint64_t n = next(seed) % 50; n; n--)
		hist_add(&proc->hist, random_number(seed) >> 20);
}

static void random_wait(uint64_t *seed, struct snap_wait *wait, int n_stacks)
{
	wait->begin_ns = random_number(seed);
	wait->dur_ns = random_number(seed);
	wait->finished = next(seed) & 1;
	wait->ret = -(int)(next(seed) % 4096);
	wait->tgid = (uint32_t)next(seed);
	random_text(seed, wait->comm, sizeof(wait->comm));
	wait->cgroup = random_string(seed);
	wait->mode = (enum fl_mode)(next(seed) % FL_NR_MODES);
	wait->queued_behind_writer = next(seed) & 1;
	wait->conf = (enum fl_confidence)(next(seed) % FL_NR_CONFIDENCES);
	wait->kstack = (int)(next(seed) % (uint64_t)(n_stacks + 1)) - 1;
	random_task(seed, &wait->waiter);
	random_task(seed, &wait->holder);
}

static void random_speculation(uint64_t *seed, struct snapshot *snap)
{
	snap->meta.spf_backoff_max = (uint32_t)next(seed);
	snap->meta.spf_knob = (enum snap_knob)(next(seed) % SNAP_NR_KNOBS);
	snap->meta.spf_why = random_string(seed);
	snap->meta.spf_sampled_ns = random_number(seed);
	for (uint64_t n = next(seed) % 4; n; n--) {
		struct snap_spec *spec = snapshot_add_spec(snap);

		spec->tgid = (uint32_t)next(seed);
		random_text(seed, spec->comm, sizeof(spec->comm));
		for (int i = 0; i < FL_SPF_REASONS; i++)
			spec->by_reason[i] = random_number(seed);
		spec->threads = (uint32_t)next(seed);
		spec->min_window = (uint32_t)next(seed);
		spec->max_window = (uint32_t)next(seed);
	}
}

static struct snapshot *random_snapshot(uint64_t *seed)
{
	struct snapshot *snap = snapshot_new();
	int n_stacks = (int)(next(seed) % 5);
	char frame[256];

	assert_non_null(snap);
	snap->meta.mono_ns = random_number(seed);
	snap->meta.host = random_string(seed);
	snap->meta.attached = next(seed) & 1;
	snap->meta.detached_reason = random_string(seed);
	for (int i = 0; i < FL_NR_COUNTERS; i++)
		snap->meta.counters[i] = random_number(seed);
	snap->meta.speculative = next(seed) & 1;
	for (int i = 0; snap->meta.speculative && i < SPF_NR_COUNTERS; i++)
		snap->meta.spf.n[i] = random_number(seed);
	if (snap->meta.speculative)
		random_speculation(seed, snap);
	for (uint64_t n = next(seed) % 4; n; n--) {
		struct snap_feature *feature = snapshot_add_feature(snap);

		feature->name = random_string(seed);
		feature->state = (enum feature_state)(next(seed) % FEATURE_NR_STATES);
	}
	for (uint64_t n = next(seed) % 6; n; n--)
		random_proc(seed, snapshot_add_proc(snap));
	for (uint64_t n = next(seed) % 6; n; n--) {
		struct snap_blame *blame = snapshot_add_blame(snap);

		blame->count = random_number(seed);
		blame->waiter_cause = (enum cause)(next(seed) % CAUSE_NR);
		random_task(seed, &blame->holder);
	}
	for (uint64_t n = next(seed) % 6; n; n--)
		random_wait(seed, snapshot_add_wait(snap), n_stacks);
	for (int i = 0; i < n_stacks; i++) {
		struct snap_stack *stack = snapshot_add_stack(snap);

		stack->role = (enum snap_role)(next(seed) % SNAP_NR_ROLES);
		stack->count = random_number(seed);
		stack->below = i - 1;
		for (uint64_t n = next(seed) % 9; n; n--) {
			random_text(seed, frame, sizeof(frame));
			assert_int_equal(snapshot_add_frame(stack, frame), 0);
		}
	}
	return snap;
}

static void comes_back_as_it_went_in(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct snapshot *snap = random_snapshot(&seed), *back = NULL;
		json_t *doc = snapshot_to_json(snap), *loaded, *again;
		char *text = json_dumps(doc, JSON_COMPACT);
		const char *where = NULL;

		assert_non_null(text);
		loaded = json_loads(text, 0, NULL); /* as a reader gets it */
		assert_non_null(loaded);
		if (snapshot_from_json(loaded, &back, &where))
			fail_msg("%s: %s", where, text);
		again = snapshot_to_json(back);
		assert_true(json_equal(doc, again));
		assert_int_equal(back->n_procs, snap->n_procs);
		for (size_t p = 0; p < snap->n_procs; p++) {
			assert_memory_equal(&back->procs[p].hist, &snap->procs[p].hist,
					    sizeof(struct hist));
			assert_string_equal(back->procs[p].comm, snap->procs[p].comm);
		}
		assert_memory_equal(back->meta.counters, snap->meta.counters,
				    sizeof(snap->meta.counters));
		assert_memory_equal(&back->meta.spf, &snap->meta.spf, sizeof(snap->meta.spf));
		assert_int_equal(back->meta.spf_backoff_max, snap->meta.spf_backoff_max);
		free(text);
		json_decref(doc);
		json_decref(loaded);
		json_decref(again);
		snapshot_free(snap);
		snapshot_free(back);
	}
}

static void assert_refused(const char *text, const char *want)
{
	json_t *doc = json_loads(text, JSON_DECODE_ANY, NULL);
	struct snapshot *snap = NULL;
	const char *where = "";

	assert_non_null(doc);
	if (snapshot_from_json(doc, &snap, &where) != -EPROTO)
		fail_msg("accepted: %s", text);
	assert_null(snap);
	assert_string_equal(where, want);
	json_decref(doc);
}

#define DOC(rest) "{\"schema\":1,\"meta\":{}" rest "}"

static void wrong_documents_are_refused(void **state)
{
	(void)state;
	assert_refused("[]", "document");
	assert_refused("42", "document");
	assert_refused("{}", "schema");
	assert_refused("{\"schema\":2,\"meta\":{}}", "schema");
	assert_refused("{\"schema\":\"1\",\"meta\":{}}", "schema");
	assert_refused("{\"schema\":1}", "meta");
	assert_refused("{\"schema\":1,\"meta\":[]}", "meta");
	assert_refused("{\"schema\":1,\"meta\":{\"mono_ns\":-1}}", "mono_ns");
	assert_refused("{\"schema\":1,\"meta\":{\"mono_ns\":1.0}}", "mono_ns");
	assert_refused("{\"schema\":1,\"meta\":{\"host\":null}}", "host");
	assert_refused("{\"schema\":1,\"meta\":{\"attached\":1}}", "attached");
	assert_refused("{\"schema\":1,\"meta\":{\"speculation\":[]}}", "speculation");
	assert_refused("{\"schema\":1,\"meta\":{\"speculation\":{\"quiet\":\"x\"}}}", "quiet");
	assert_refused("{\"schema\":1,\"meta\":{\"lost\":{\"race\":\"x\"}}}", "race");
	assert_refused(DOC(",\"specs\":{}"), "specs");
	assert_refused(DOC(",\"specs\":[{\"sampled\":1}]"), "sampled");
	assert_refused(DOC(",\"specs\":[{\"sampled\":{\"abort_ptl\":-1}}]"), "abort_ptl");
	assert_refused(DOC(",\"procs\":{}"), "procs");
	assert_refused(DOC(",\"procs\":[1]"), "procs");
	assert_refused(DOC(",\"procs\":[{\"tgid\":4294967296}]"), "tgid");
	assert_refused(DOC(",\"procs\":[{\"mode\":\"both\"}]"), "mode");
	assert_refused(DOC(",\"procs\":[{\"hist\":[]}]"), "hist");
	assert_refused(DOC(",\"procs\":[{\"hist\":{\"slots\":[[110,1]]}}]"), "slots");
	assert_refused(DOC(",\"procs\":[{\"hist\":{\"slots\":[[-1,1]]}}]"), "slots");
	assert_refused(DOC(",\"procs\":[{\"hist\":{\"slots\":[[1,1,1]]}}]"), "slots");
	assert_refused(DOC(",\"procs\":[{\"comm\":\"0123456789012345678901234567890123456789012345"
			   "678901234567890123456789\"}]"),
		       "comm");
	assert_refused(DOC(",\"blames\":[{\"holder\":7}]"), "holder");
	assert_refused(DOC(",\"blames\":[{\"confidence\":\"sure\"}]"), "confidence");
	assert_refused(DOC(",\"waits\":[{\"kstack\":0}]"), "kstack");
	assert_refused(DOC(",\"waits\":[{\"ustack\":-2}]"), "ustack");
	assert_refused(DOC(",\"stacks\":[{\"below\":0}]"), "below");
	assert_refused(DOC(",\"stacks\":[{\"frames\":[1]}]"), "frames");
}

static void size_is_bounded(void **state)
{
	json_t *doc = json_pack("{s:i,s:{},s:o}", "schema", 1, "meta", "procs", json_array());
	json_t *list = json_object_get(doc, "procs"), *empty = json_object();
	struct snapshot *snap = NULL;
	const char *where = "";

	(void)state;
	for (int i = 0; i < 65537; i++)
		assert_int_equal(json_array_append(list, empty), 0);
	assert_int_equal(snapshot_from_json(doc, &snap, &where), -EPROTO);
	assert_string_equal(where, "procs");
	assert_null(snap);
	json_decref(empty);
	json_decref(doc);
}

static void unknown_members_are_ignored(void **state)
{
	json_t *doc = json_loads(DOC(",\"rows\":[1],\"procs\":[{\"tgid\":5,\"new\":{}}]"), 0, NULL);
	struct snapshot *snap = NULL;

	(void)state;
	assert_int_equal(snapshot_from_json(doc, &snap, NULL), 0);
	assert_int_equal(snap->n_procs, 1);
	assert_int_equal(snap->procs[0].tgid, 5);
	snapshot_free(snap);
	json_decref(doc);
}

static void strings_from_others_are_cleaned(void **state)
{
	json_t *doc = json_loads(
		DOC(",\"procs\":[{\"comm\":\"\\u001b[2J\",\"cgroup\":\"/a\\nb\"}]"), 0, NULL);
	struct snapshot *snap = NULL;

	(void)state;
	assert_int_equal(snapshot_from_json(doc, &snap, NULL), 0);
	assert_string_equal(snap->procs[0].comm, "\\x1b[2J");
	assert_string_equal(snap->procs[0].cgroup, "/a\\x0ab");
	snapshot_free(snap);
	json_decref(doc);
}

static void single_wait_carries_its_frames(void **state)
{
	struct snapshot *snap = sample_snapshot();
	json_t *wait = snapshot_wait_to_json(snap, &snap->waits[0]);
	json_t *frames = json_object_get(wait, "kstack");

	(void)state;
	assert_int_equal(json_array_size(frames), 2);
	assert_string_equal(json_string_value(json_array_get(frames, 1)), "exc_page_fault+0x7");
	assert_null(json_object_get(wait, "ustack"));
	assert_false(json_is_true(json_object_get(wait, "finished")));
	json_decref(wait);
	snapshot_free(snap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_it_went_in),
		cmocka_unit_test(wrong_documents_are_refused),
		cmocka_unit_test(size_is_bounded),
		cmocka_unit_test(unknown_members_are_ignored),
		cmocka_unit_test(strings_from_others_are_cleaned),
		cmocka_unit_test(single_wait_carries_its_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
