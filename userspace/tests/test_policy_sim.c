// SPDX-License-Identifier: GPL-2.0
/*
 * The simulator, on small windows made by hand, which stand for no load that was
 * ever measured: what it reckons, what it serves, and what a replay finds.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy_json.h"
#include "policy_sim.h"
#include "policy_trace.h"

#define SEC 1000000000ULL
#define B   POLICY_BACKOFF_MAX

static const uint32_t home[POLICY_NR_KNOBS] = {64, 8};

/* A fault costs cost_ns in it, whatever the value. */
static struct policy_window window(uint32_t value, uint64_t cost_ns)
{
	struct policy_window w = {.dur_ns = SEC, .probe_ns = 1000, .value = {value, 8} };

	w.counts.n[SPF_FAULTS] = 10000;
	w.counts.n[SPF_ATTEMPT] = w.counts.n[SPF_OK] = 5000;
	w.ok = w.locked = (struct policy_sample){100, 100 * 900};
	w.aborted = (struct policy_sample){100, 100 * 500};
	w.read_wait_ns = (cost_ns - 900) * 10000;
	return w;
}

static void add(struct policy_sim *sim, const char *phase, uint32_t value, uint64_t cost_ns)
{
	struct policy_window w = window(value, cost_ns);

	for (int i = 0; i < 10; i++)
		assert_int_equal(policy_sim_add(sim, phase, &w), 0);
}

static bool near(double a, double b)
{
	return a - b < 1e-6 && b - a < 1e-6;
}

static void test_compares(void **state)
{
	struct policy_sim *sim = policy_sim_new();
	struct policy_sim_result *r = calloc(1, sizeof(*r));
	struct policy_limits limits;

	(void)state;
	policy_default_limits(home, &limits);
	add(sim, "one", 64, 2000);
	add(sim, "one", 512, 1000);
	add(sim, "two", 64, 1000);
	add(sim, "two", 512, 4000);
	assert_int_equal(policy_sim_run(sim, &limits, 600, r), 0);
	assert_int_equal(r->n_values, 2);
	assert_int_equal(r->values[0], 64);
	assert_int_equal(r->values[1], 512);
	assert_true(near(r->fixed_share[0], (0.5 + 1) / 2));
	assert_true(near(r->fixed_share[1], (1 + 0.25) / 2));
	assert_int_equal(r->phases[0].best, 512);
	assert_true(near(r->phases[0].best_ns, 1000));
	assert_true(near(r->phases[0].fixed_ns[0], 2000));
	/* renting is free there: seven windows at 64, then 512; and 256, in vain */
	assert_int_equal(r->phases[0].end, 512);
	assert_int_equal(r->phases[0].changes, 3);
	assert_int_equal(r->phases[0].hourly, 3);
	assert_true(near(r->phases[0].policy_ns, (7 * 2000.0 + 593 * 1000) / 600));
	assert_string_equal(r->phases[1].name, "two");
	assert_true(r->policy_share < 1);
	free(r);
	policy_sim_free(sim);
}

/* Between what was recorded the nearest answers, and it is told. */
static void test_unrecorded(void **state)
{
	struct policy_sim *sim = policy_sim_new();
	struct policy_sim_result *r = calloc(1, sizeof(*r));
	struct policy_limits limits;

	(void)state;
	policy_default_limits(home, &limits);
	limits.max_step = 4;
	add(sim, "one", 64, 2000);
	add(sim, "one", 512, 1000);
	assert_int_equal(policy_sim_run(sim, &limits, 15, r), 0);
	assert_int_equal(r->phases[0].end, 256);
	assert_true(r->unrecorded > 0);
	free(r);
	policy_sim_free(sim);
}

/* A value at which costs could not be measured must not look as if it cost nothing. */
static void test_cost_not_measured(void **state)
{
	struct policy_sim *sim = policy_sim_new();
	struct policy_sim_result *r = calloc(1, sizeof(*r));
	struct policy_window w = window(4096, 1000);
	struct policy_limits limits;

	(void)state;
	policy_default_limits(home, &limits);
	add(sim, "one", 64, 1000);
	add(sim, "one", 512, 2000);
	w.probe_ns = 0;
	assert_int_equal(policy_sim_add(sim, "one", &w), 0);
	assert_int_equal(policy_sim_run(sim, &limits, 300, r), 0);
	assert_int_equal(r->n_values, 2);
	assert_int_equal(r->values[1], 512);
	assert_int_equal(r->phases[0].end, 64);
	assert_true(near(r->fixed_share[1], 0.5));
	free(r);
	policy_sim_free(sim);
}

static void test_nothing_to_compare(void **state)
{
	struct policy_sim *sim = policy_sim_new();
	struct policy_sim_result *r = calloc(1, sizeof(*r));
	struct policy_window w = window(64, 1000);
	struct policy_limits limits;

	(void)state;
	policy_default_limits(home, &limits);
	assert_int_equal(policy_sim_run(sim, &limits, 20, r), -ENODATA);
	add(sim, "one", 64, 2000);
	assert_int_equal(policy_sim_run(sim, &limits, 20, r), -ENODATA);
	policy_sim_free(sim);
	sim = policy_sim_new();
	w.ok.n = 0; /* at two values, but costs were not measured */
	assert_int_equal(policy_sim_add(sim, "one", &w), 0);
	w.value[B] = 128;
	assert_int_equal(policy_sim_add(sim, "one", &w), 0);
	assert_int_equal(policy_sim_run(sim, &limits, 20, r), -ENODATA);
	free(r);
	policy_sim_free(sim);
}

static void test_bounds(void **state)
{
	struct policy_sim *sim = policy_sim_new();
	struct policy_window w = window(1, 1000);
	char name[POLICY_SIM_NAME + 1];

	(void)state;
	for (uint32_t i = 0; i < POLICY_SIM_VALUES; i++) {
		w.value[B] = i + 1;
		assert_int_equal(policy_sim_add(sim, "a", &w), 0);
	}
	w.value[B]++;
	assert_int_equal(policy_sim_add(sim, "a", &w), -E2BIG);
	for (int i = 1; i < POLICY_SIM_PHASES; i++) {
		snprintf(name, sizeof(name), "phase%d", i);
		assert_int_equal(policy_sim_add(sim, name, &w), 0);
	}
	assert_int_equal(policy_sim_add(sim, "one more", &w), -E2BIG);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(policy_sim_add(sim, name, &w), -E2BIG);
	policy_sim_free(sim);
}

/* --- traces */

struct text {
	char *at;
	size_t len;
	FILE *out;
};

static void line(struct text *t, const char *name, json_t *value)
{
	json_t *doc = json_pack("{s:o}", name, value);

	json_dumpf(doc, t->out, JSON_COMPACT);
	fputc('\n', t->out);
	json_decref(doc);
}

/* As a daemon in mode enforce would write it. */
static void write_trace(struct text *t, bool honest)
{
	struct policy_window w = window(64, 1000);
	struct policy_state policy = {.started = false};
	struct policy_decision decision;
	struct policy_limits limits;

	t->out = open_memstream(&t->at, &t->len);
	policy_default_limits(home, &limits);
	line(t, "faultline_record", json_pack("{s:i, s:s}", "schema", 1, "phase", "made"));
	line(t, "policy_limits", policy_limits_to_json(&limits));
	for (int i = 0; i < 30; i++) {
		w.end_ns += SEC;
		line(t, "policy_window", policy_window_to_json(&w));
		if (!policy_step(&limits, &w, &policy, &decision))
			continue;
		w.value[decision.knob] = decision.new;
		if (!honest)
			decision.new ++;
		line(t, "policy_decision", policy_decision_to_json(&decision));
	}
	fclose(t->out);
}

static int read_trace(const char *text, size_t len, struct policy_trace *trace, char why[200])
{
	struct policy_sim *sim = policy_sim_new();
	FILE *in = fmemopen((void *)text, len, "r");
	int err;

	*trace = (struct policy_trace){.windows = 0};
	why[0] = '\0';
	err = policy_trace_read(in, "file", sim, trace, why, 200);
	fclose(in);
	policy_sim_free(sim);
	return err;
}

static void test_replay(void **state)
{
	struct policy_trace trace;
	struct text t;
	char why[200];

	(void)state;
	write_trace(&t, true);
	assert_int_equal(read_trace(t.at, t.len, &trace, why), 0);
	assert_int_equal(trace.windows, 30);
	assert_int_equal(trace.decisions, 4); /* up, back, down, back */
	assert_int_equal(trace.different, 0);
	/* a crash has cut off the last line */
	assert_int_equal(read_trace(t.at, t.len - 5, &trace, why), 0);
	assert_int_equal(trace.decisions, 3);
	assert_int_equal(trace.different, 0);
	free(t.at);
	write_trace(&t, false);
	assert_int_equal(read_trace(t.at, t.len, &trace, why), 0);
	assert_int_equal(trace.different, 4);
	assert_string_equal(trace.first_difference,
			    "line 10: recorded backoff_max-64-513-break-even, decided "
			    "backoff_max-64-512-break-even");
	free(t.at);
}

static void test_missing_decision(void **state)
{
	struct policy_trace trace;
	char why[200], *cut, *next;
	struct text t;

	(void)state;
	write_trace(&t, true);
	cut = strstr(t.at, "{\"policy_decision\"");
	next = strchr(cut, '\n') + 1;
	memmove(cut, next, t.at + t.len - next + 1);
	assert_int_equal(read_trace(t.at, strlen(t.at), &trace, why), 0);
	assert_int_equal(trace.different, 1);
	assert_string_equal(trace.first_difference,
			    "line 10: recorded nothing, decided backoff_max-64-512-break-even");
	free(t.at);
}

static void test_bad_trace(void **state)
{
	static const struct {
		const char *text;
		int err;
		const char *why;
	} rows[] = {
		{"x\n", -EPROTO, "line 1: no JSON object"},
		{"{}\n", -EPROTO,
		 "line 1: this is no recording, or one of a newer version of faultline"},
		{"{\"faultline_record\":{\"schema\":2}}\n", -EPROTO,
		 "line 1: this is no recording, or one of a newer version of faultline"},
		{"{\"faultline_record\":{\"schema\":1}}\n{\"snapshot\":{}}\n", -ENODATA,
		 "line 2: no window of the policy is in it; record on a kernel with vm.spf_*"},
		{"{\"faultline_record\":{\"schema\":1}}\n{\"policy_window\":{}}\n", -EPROTO,
		 "line 2: not understood at 'end_ns'"},
		{"{\"faultline_record\":{\"schema\":1}}\n{\"policy_limits\":1}\n", -EPROTO,
		 "line 2: not understood at 'min_backoff_max'"},
		{"{\"faultline_record\":{\"schema\":1}}\n{\"policy_decision\":{}}\n", -EPROTO,
		 "line 2: a decision without its id"},
	};
	struct policy_trace trace;
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(read_trace(rows[i].text, strlen(rows[i].text), &trace, why),
				 rows[i].err);
		assert_string_equal(why, rows[i].why);
	}
}

/* --- what was recorded on a patched kernel (scripts/policy-record) */

static void add_recorded(struct policy_sim *sim, const char *file)
{
	struct policy_trace trace = {.windows = 0};
	char path[512], why[200] = "";
	FILE *in;

	snprintf(path, sizeof(path), "%.*s/corpus/policy/%s",
		 (int)(strrchr(__FILE__, '/') - __FILE__), __FILE__, file);
	in = fopen(path, "r");
	if (!in)
		fail_msg("%s: %s; run this in the project's folder", path, strerror(errno));
	if (policy_trace_read(in, "", sim, &trace, why, sizeof(why)))
		fail_msg("%s: %s", path, why);
	fclose(in);
}

/* Where the original is the best, what is tried costs little, and is taken back. */
static void test_stays_at_the_best_recorded(void **state)
{
	struct policy_sim *sim = policy_sim_new();
	struct policy_sim_result *r = calloc(1, sizeof(*r));
	struct policy_limits limits;

	(void)state;
	add_recorded(sim, "writers.jsonl");
	add_recorded(sim, "calm.64.jsonl");
	policy_default_limits(home, &limits);
	assert_int_equal(policy_sim_run(sim, &limits, 3600, r), 0);
	assert_int_equal(r->phases[0].best, 64);
	assert_int_equal(r->phases[0].end, 64);
	assert_true(r->phases[0].changes > 0);
	assert_true(r->phases[0].hourly <= 6);
	assert_true(r->phases[0].policy_ns < 1.02 * r->phases[0].best_ns);
	assert_int_equal(r->phases[1].end, 64);
	free(r);
	policy_sim_free(sim);
}

static double cost_at(const struct policy_sim_result *r, uint32_t value)
{
	for (size_t i = 0; i < r->n_values; i++)
		if (r->values[i] == value)
			return r->phases[0].fixed_ns[i];
	return 0;
}

/* An hour of it, from a value that was recorded. */
static void run_recorded(const char *const *files, uint32_t start, struct policy_sim_result *r)
{
	const uint32_t from[POLICY_NR_KNOBS] = {start, 8};
	struct policy_sim *sim = policy_sim_new();
	struct policy_limits limits;

	for (; *files; files++)
		add_recorded(sim, *files);
	policy_default_limits(from, &limits);
	assert_int_equal(policy_sim_run(sim, &limits, 3600, r), 0);
	assert_true(cost_at(r, start) > 0);
	policy_sim_free(sim);
}

/*
 * Wherever it begins it never ends where a fault costs more, and neither does the way;
 * from a value that is a third dearer than the best one it finds that.
 */
static void test_finds_what_is_better_recorded(void **state)
{
	static const char *const readers[] = {"readers.1.jsonl", "readers.8.jsonl",
					      "readers.64.jsonl", NULL};
	static const char *const writers[] = {"writers.jsonl", NULL};
	static const char *const forks[] = {"forks.jsonl", NULL};
	static const struct {
		const char *const *files;
		uint32_t start;
		bool finds; /* the best value */
	} rows[] = {
		{readers, 1, false}, {readers, 8, true},  {readers, 64, true},
		{writers, 1, false}, {writers, 8, false}, {writers, 64, true},
		{forks, 8, false},   {forks, 64, true},	  {forks, 512, false},
	};
	struct policy_sim_result *r = calloc(1, sizeof(*r));
	const struct policy_sim_phase *phase = &r->phases[0];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		run_recorded(rows[i].files, rows[i].start, r);
		assert_true(cost_at(r, phase->end) <= cost_at(r, rows[i].start));
		assert_true(phase->policy_ns < 1.01 * cost_at(r, rows[i].start));
		assert_true(phase->changes > 0); /* something was tried */
		if (!rows[i].finds)
			continue;
		assert_int_equal(phase->end, phase->best);
		assert_true(phase->policy_ns < 1.02 * phase->best_ns);
	}
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compares),
		cmocka_unit_test(test_unrecorded),
		cmocka_unit_test(test_nothing_to_compare),
		cmocka_unit_test(test_cost_not_measured),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_missing_decision),
		cmocka_unit_test(test_bad_trace),
		cmocka_unit_test(test_stays_at_the_best_recorded),
		cmocka_unit_test(test_finds_what_is_better_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
