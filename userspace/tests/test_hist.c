// SPDX-License-Identifier: GPL-2.0
/* Do the slots cover all durations, and are percentiles as good as promised? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hist.h"

static void slots_of_known_durations(void **state)
{
	(void)state;
	assert_int_equal(hist_slot(0), 0);
	assert_int_equal(hist_slot(511), 0);
	assert_int_equal(hist_slot(512), 1);
	assert_int_equal(hist_slot(639), 1);
	assert_int_equal(hist_slot(640), 2);
	assert_int_equal(hist_slot(896), 4);
	assert_int_equal(hist_slot(1023), 4);
	assert_int_equal(hist_slot(1024), 5);
	assert_int_equal(hist_slot(1ULL << 20), 45);
	assert_int_equal(hist_slot((1ULL << 36) - 1), 108);
	assert_int_equal(hist_slot(1ULL << 36), 109);
	assert_int_equal(hist_slot(UINT64_MAX), 109);
}

static void slots_meet_without_gap(void **state)
{
	(void)state;
	assert_int_equal(hist_slot_low_ns(0), 0);
	for (unsigned int i = 0; i + 1 < FL_HIST_SLOTS; i++) {
		uint64_t low = hist_slot_low_ns(i), high = hist_slot_high_ns(i);

		assert_int_equal(hist_slot(low), i);
		assert_int_equal(hist_slot(high - 1), i);
		assert_int_equal(hist_slot(high), i + 1);
		if (i)
			assert_true((high - low) * 4 <= low);
	}
	assert_true(hist_slot_high_ns(FL_HIST_SLOTS - 1) == UINT64_MAX);
}

static void percentile_is_near(void **state)
{
	struct hist hist = {0};

	(void)state;
	assert_int_equal(hist_percentile_ns(&hist, 50), 0);
	assert_int_equal(hist_mean_ns(&hist), 0);
	for (uint64_t i = 1; i <= 1000; i++)
		hist_add(&hist, i * 10000);
	assert_in_range(hist_percentile_ns(&hist, 50), 4375000, 5625000);
	assert_in_range(hist_percentile_ns(&hist, 99), 8662500, 10000000);
	assert_int_equal(hist_percentile_ns(&hist, 100), 9437184);
	assert_int_equal(hist_mean_ns(&hist), 5005000);
	assert_int_equal(hist.max_ns, 10000000);
}

static void percentile_is_not_above_maximum(void **state)
{
	struct hist hist = {0};

	(void)state;
	hist_add(&hist, 100);
	assert_int_equal(hist_percentile_ns(&hist, 50), 100);
	hist_add(&hist, 3ULL << 36);
	assert_true(hist_percentile_ns(&hist, 99) == 3ULL << 36);
}

static void sub_leaves_what_is_new(void **state)
{
	struct hist before = {0}, now;

	(void)state;
	hist_add(&before, 1000000000);
	hist_add(&before, 5000);
	now = before;
	hist_add(&now, 5000);
	hist_add(&now, 70000);
	hist_sub(&now, &before);
	assert_int_equal(now.count, 2);
	assert_int_equal(now.total_ns, 75000);
	/* 70000 is in [65536, 81920): that is all that is known of the maximum. */
	assert_int_equal(now.max_ns, 81919);

	now = before;
	hist_add(&now, 2000000000);
	hist_sub(&now, &before);
	assert_int_equal(now.max_ns, 2000000000);

	now = before;
	hist_sub(&now, &before);
	assert_int_equal(now.count, 0);
	assert_int_equal(now.max_ns, 0);
}

static void merge_adds_up(void **state)
{
	struct hist a = {0}, b = {0};

	(void)state;
	hist_add(&a, 600);
	hist_add(&b, 600);
	hist_add(&b, 9000);
	hist_merge(&a, &b);
	assert_int_equal(a.count, 3);
	assert_int_equal(a.total_ns, 10200);
	assert_int_equal(a.max_ns, 9000);
	assert_int_equal(a.slots[1], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_of_known_durations),
		cmocka_unit_test(slots_meet_without_gap),
		cmocka_unit_test(percentile_is_near),
		cmocka_unit_test(percentile_is_not_above_maximum),
		cmocka_unit_test(sub_leaves_what_is_new),
		cmocka_unit_test(merge_adds_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
