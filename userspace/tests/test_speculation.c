// SPDX-License-Identifier: GPL-2.0
/*
 * Faults without the lock, by process: what each output says of them on a kernel
 * that has them, and that it says nothing on one that has not.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "speculation.h"
#include "verdict.h"

#define MS 1000000ULL

enum { OK, VMA, TYPE, PGTABLE, PTL, CHANGED, BLOCKED }; /* the kernel's enum spf_reason */

static struct snap_spec *add(struct snapshot *snap, uint32_t tgid, const char *comm, uint64_t ok,
			     uint64_t changed)
{
	struct snap_spec *spec = snapshot_add_spec(snap);

	assert_non_null(spec);
	spec->tgid = tgid;
	snprintf(spec->comm, sizeof(spec->comm), "%s", comm);
	spec->by_reason[OK] = ok;
	spec->by_reason[CHANGED] = changed;
	return spec;
}

static struct snapshot *patched(void)
{
	struct snapshot *snap = snapshot_new();
	struct snap_spec *spec;

	assert_non_null(snap);
	snap->meta.window_ns = 5000 * MS;
	snap->meta.speculative = true;
	snap->meta.spf_sampled_ns = 200 * MS;
	snap->meta.spf_backoff_max = 512;
	snap->meta.spf_knob = SNAP_KNOB_TUNED;
	snap->meta.spf_why = strdup("backoff_max-64-512-break-even");
	spec = add(snap, 812, "mysqld", 9980, 20);
	spec->by_reason[BLOCKED] = 2500;
	spec->threads = 3;
	spec->min_window = 8;
	spec->max_window = 512;
	add(snap, 900, "java", 100, 0);
	add(snap, 901, "idle", 0, 0);
	return snap;
}

static char *report(const struct snapshot *snap, enum render_format format, enum render_by by)
{
	struct render_opts opts;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	render_default_opts(&opts);
	opts.format = format;
	opts.by = by;
	assert_int_equal(render_report(out, snap, &opts), 0);
	fclose(out);
	return text;
}

static char *explain(const struct snapshot *snap, uint32_t tgid)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(verdict_explain(out, snap, tgid), 0);
	fclose(out);
	return text;
}

static void has(char *text, const char *what, bool wanted)
{
	if (!strstr(text, what) == wanted)
		fail_msg("%s '%s' in:\n%s", wanted ? "no" : "there is", what, text);
}

static void test_words(void **state)
{
	struct snapshot *snap = patched();
	const struct snap_spec *spec = speculation_of(snap, 812);
	char text[SPECULATION_TEXT];

	(void)state;
	assert_int_equal(speculation_attempts(spec), 12500);
	assert_int_equal(speculation_rate(&snap->meta, spec), 62500);
	assert_string_equal(speculation_aborts(spec, text), "changed 20, blocked 2,500");
	assert_string_equal(speculation_windows(spec, text), "8 to 512");
	assert_string_equal(speculation_knob(&snap->meta, text, sizeof(text)),
			    "512, set by the daemon: backoff_max-64-512-break-even");
	spec = speculation_of(snap, 901);
	assert_string_equal(speculation_aborts(spec, text), "");
	assert_string_equal(speculation_windows(spec, text), "");
	assert_null(speculation_of(snap, 1));
	snap->meta.spf_sampled_ns = 0;
	assert_int_equal(speculation_rate(&snap->meta, speculation_of(snap, 812)), 0);
	snap->meta.spf_knob = SNAP_KNOB_UNTUNED;
	free(snap->meta.spf_why);
	snap->meta.spf_why = NULL;
	assert_string_equal(speculation_knob(&snap->meta, text, sizeof(text)),
			    "512, nobody tunes it");
	snapshot_free(snap);
}

/* The row of a process that did not try would say that it was looked at in vain. */
static void test_table(void **state)
{
	struct snapshot *snap = patched();
	char *text = report(snap, RENDER_TABLE, RENDER_BY_ROWS);

	(void)state;
	has(text,
	    "    PID COMM              TRIED/S      OK THREADS WINDOW     ABORTED\n"
	    "    812 mysqld             62,500   79.8%       3 8 to 512   changed 20, blocked "
	    "2,500\n"
	    "    900 java                  500  100.0%       - -          -\n"
	    "-- without the lock: TRIED/S and ABORTED in samples of 200ms;",
	    true);
	has(text, "vm.spf_backoff_max 512, set by the daemon: backoff_max-64-512-break-even", true);
	free(text);
	text = report(snap, RENDER_TABLE, RENDER_BY_HOLDER);
	has(text, "TRIED/S", false);
	free(text);
	snapshot_free(snap);
}

static void test_left_out_rows_are_told(void **state)
{
	struct snapshot *snap = patched();
	struct render_opts opts;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	render_default_opts(&opts);
	opts.entries = 1;
	speculation_table(out, snap, &opts);
	fclose(out);
	has(text, "mysqld", true);
	has(text, "java", false);
	has(text, "   1 more processes are not shown (-n)\n", true);
	free(text);
	snapshot_free(snap);
}

static void test_explain(void **state)
{
	struct snapshot *snap = patched();
	char *text = explain(snap, 812);
	json_t *doc, *spec;

	(void)state;
	has(text, "no lock      62,500 faults a second tried to go without the lock (samples of",
	    true);
	has(text, "were handled so; aborted: changed 20, blocked 2,500", true);
	has(text, "3 threads are now without a look at it, for 8 to 512 faults", true);
	has(text, "vm.spf_backoff_max is 512, set by the daemon", true);
	free(text);
	text = explain(snap, 901);
	has(text, "no fault of it was seen to try", true);
	has(text, "threads are", false);
	free(text);
	doc = verdict_to_json(snap, 812);
	spec = json_object_get(doc, "speculation");
	assert_int_equal(json_integer_value(json_object_get(spec, "max_window")), 512);
	assert_string_equal(json_string_value(json_object_get(spec, "backoff_max_is")), "tuned");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(spec, "sampled"),
							    "abort_blocked")),
			 2500);
	json_decref(doc);
	snapshot_free(snap);
}

/* Not a zero, not an empty list: nothing. */
static void test_absent_on_other_kernels(void **state)
{
	static const enum render_format formats[] = {RENDER_TABLE, RENDER_JSON, RENDER_JSONL,
						     RENDER_OPENMETRICS};
	struct snapshot *snap = snapshot_new();
	json_t *doc;
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		text = report(snap, formats[i], RENDER_BY_ROWS);
		has(text, "spec", formats[i] == RENDER_JSON || formats[i] == RENDER_JSONL);
		has(text, "speculation", false);
		has(text, "specs", false);
		has(text, "spf", false);
		has(text, "backing", false);
		has(text, "without the lock", false);
		free(text);
	}
	text = explain(snap, 1);
	has(text, "no lock", false);
	free(text);
	doc = verdict_to_json(snap, 1);
	assert_null(json_object_get(doc, "speculation"));
	json_decref(doc);
	snapshot_free(snap);
}

static void test_diff(void **state)
{
	struct snapshot *before = patched(), *now = patched(), *diff = NULL;

	(void)state;
	before->meta.spf_sampled_ns = 100 * MS;
	before->specs[0].by_reason[OK] = 9000;
	before->specs[0].threads = 7;
	before->specs[1].by_reason[OK] = 200; /* was another process with this pid */
	assert_int_equal(snapshot_diff(before, now, &diff), 0);
	assert_int_equal(diff->meta.spf_sampled_ns, 100 * MS);
	assert_int_equal(diff->n_specs, 3);
	assert_int_equal(diff->specs[0].by_reason[OK], 980);
	assert_int_equal(diff->specs[0].by_reason[CHANGED], 0);
	assert_int_equal(diff->specs[0].threads, 3);
	assert_int_equal(diff->specs[1].by_reason[OK], 100);
	assert_string_equal(diff->meta.spf_why, "backoff_max-64-512-break-even");
	snapshot_free(before);
	snapshot_free(now);
	snapshot_free(diff);
}

static void test_filter(void **state)
{
	const uint32_t pid = 900;
	const struct snap_filter by_pid = {.pids = &pid, .n_pids = 1};
	const struct snap_filter by_comm = {.comm = "my*"}, by_cgroup = {.cgroup = "/a"};
	struct snapshot *snap = patched();
	struct snap_proc *proc;

	(void)state;
	assert_int_equal(snapshot_filter(snap, &by_pid), 0);
	assert_int_equal(snap->n_specs, 1);
	assert_int_equal(snap->specs[0].tgid, 900);
	snapshot_free(snap);
	snap = patched();
	assert_int_equal(snapshot_filter(snap, &by_comm), 0);
	assert_int_equal(snap->n_specs, 1);
	assert_string_equal(snap->specs[0].comm, "mysqld");
	proc = snapshot_add_proc(snap);
	proc->tgid = 812;
	proc->cgroup = strdup("/a/b");
	assert_int_equal(snapshot_filter(snap, &by_cgroup), 0);
	assert_int_equal(snap->n_specs, 1);
	snapshot_free(snap);
	snap = patched();
	assert_int_equal(snapshot_filter(snap, &by_cgroup), 0);
	assert_int_equal(snap->n_specs, 0);
	snapshot_free(snap);
}

static void test_metrics(void **state)
{
	struct snapshot *snap = patched();
	struct render_opts opts;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	render_default_opts(&opts);
	opts.metrics_per_process = true;
	opts.metrics_top = 2;
	assert_int_equal(render_metrics(out, snap, &opts, NULL), 0);
	fclose(out);
	has(text, "faultline_spf_backoff_max_is_info{why=\"tuned\"} 1\n", true);
	has(text, "faultline_speculation_sampled_seconds_total 0.200000000\n", true);
	has(text,
	    "faultline_process_speculative_faults_sampled_total{pid=\"812\",comm=\"mysqld\","
	    "result=\"abort_blocked\"} 2500\n",
	    true);
	has(text, "faultline_process_backing_off_threads{pid=\"812\",comm=\"mysqld\"} 3\n", true);
	has(text, "faultline_process_backing_off_faults_max{pid=\"812\",comm=\"mysqld\"} 512\n",
	    true);
	has(text, "pid=\"900\"", true);
	has(text, "pid=\"901\"", false); /* the top two */
	free(text);
	text = report(snap, RENDER_OPENMETRICS, RENDER_BY_ROWS);
	has(text, "pid=", false); /* unless asked for */
	free(text);
	snapshot_free(snap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_left_out_rows_are_told),
		cmocka_unit_test(test_explain),
		cmocka_unit_test(test_absent_on_other_kernels),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
