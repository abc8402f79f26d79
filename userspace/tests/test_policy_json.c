// SPDX-License-Identifier: GPL-2.0
/* Windows and limits survive a round trip; decisions say all that an operator needs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "policy_json.h"

static void test_window(void **state)
{
	struct policy_window a = {.end_ns = 1ULL << 60}, b;
	const char *where;
	json_t *doc;

	(void)state;
	for (size_t i = 1; i < offsetof(struct policy_window, value) / 8; i++)
		((uint64_t *)&a)[i] = 1000 + i;
	a.value[0] = UINT32_MAX;
	a.value[1] = 8;
	doc = policy_window_to_json(&a);
	memset(&b, 0xee, sizeof(b));
	assert_int_equal(policy_window_from_json(doc, &b, &where), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	json_object_set_new(doc, "backoff_max", json_integer(1LL << 32));
	assert_int_equal(policy_window_from_json(doc, &b, &where), -EPROTO);
	assert_string_equal(where, "backoff_max");
	json_object_set_new(doc, "backoff_max", json_integer(64));
	json_object_set_new(json_object_get(doc, "counts"), "quiet", json_integer(-1));
	assert_int_equal(policy_window_from_json(doc, &b, &where), -EPROTO);
	assert_string_equal(where, "quiet");
	json_object_del(doc, "counts");
	assert_int_equal(policy_window_from_json(doc, &b, &where), -EPROTO);
	assert_string_equal(where, "faults");
	assert_int_equal(b.value[0], UINT32_MAX); /* untouched */
	json_decref(doc);
}

static void test_limits(void **state)
{
	static const uint32_t home[POLICY_NR_KNOBS] = {64, 8};
	struct policy_limits a, b = {0};
	const char *where;
	json_t *doc;

	(void)state;
	policy_default_limits(home, &a);
	doc = policy_limits_to_json(&a);
	assert_int_equal(policy_limits_from_json(doc, &b, &where), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	json_object_set_new(doc, "max_changes", json_integer(POLICY_MAX_STEPS + 1));
	assert_int_equal(policy_limits_from_json(doc, &b, &where), -EPROTO);
	assert_string_equal(where, "max_changes");
	json_object_set_new(doc, "max_step", json_integer(0));
	assert_int_equal(policy_limits_from_json(doc, &b, &where), -EPROTO);
	assert_string_equal(where, "max_step");
	json_decref(doc);
}

static void test_decision(void **state)
{
	struct policy_decision d = {.reason = POLICY_SEARCH,
				    .knob = POLICY_PTL_SPINS,
				    .old = 8,
				    .new = 16,
				    .regime = POLICY_ABORTS,
				    .evidence = "because"};
	json_t *doc = policy_decision_to_json(&d), *want;

	(void)state;
	want = json_pack("{s:s, s:s, s:i, s:i, s:s, s:s, s:s, s:s, s:s, s:s}", "id",
			 "ptl_spins-8-16-search", "knob", "vm.spf_ptl_spins", "old", 8, "new", 16,
			 "reason", "search", "why", "a neighbour of the best value so far",
			 "regime", "aborts", "evidence", "because", "do",
			 "sysctl -w vm.spf_ptl_spins=16", "undo", "sysctl -w vm.spf_ptl_spins=8");
	assert_true(json_equal(doc, want));
	json_decref(doc);
	json_decref(want);
	d.reason = POLICY_NOTHING;
	doc = policy_decision_to_json(&d);
	assert_string_equal(json_string_value(json_object_get(doc, "reason")), "nothing");
	assert_null(json_object_get(doc, "id"));
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_decision),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
