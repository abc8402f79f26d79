// SPDX-License-Identifier: GPL-2.0
/* Does the fault generator's histogram keep what it is given? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "faults_hist.h"

static void slots_are_linear_within_an_octave(void **state)
{
	(void)state;
	assert_int_equal(lat_slot(0), 0);
	assert_int_equal(lat_slot(31), 31);
	assert_int_equal(lat_slot(63), 63);
	assert_int_equal(lat_slot(64), 64);
	assert_int_equal(lat_slot(65), 64);
	assert_int_equal(lat_slot(66), 65);
	assert_int_equal(lat_slot(127), 95);
	assert_int_equal(lat_slot(128), 96);
	assert_int_equal(lat_slot_low(64), 64);
	assert_int_equal(lat_slot_low(65), 66);
	assert_int_equal(lat_slot_low(96), 128);
}

static void every_slot_begins_where_it_says(void **state)
{
	(void)state;
	for (unsigned int slot = 1; slot < LAT_SLOTS; slot++) {
		assert_int_equal(lat_slot(lat_slot_low(slot)), slot);
		assert_int_equal(lat_slot(lat_slot_low(slot) - 1), slot - 1);
	}
	assert_int_equal(lat_slot(UINT64_MAX), LAT_SLOTS - 1);
}

static void percentiles_are_within_a_slot(void **state)
{
	struct lat_hist hist = {0};

	(void)state;
	assert_int_equal(lat_percentile(&hist, 50), 0);
	for (uint64_t value = 1; value <= 1000; value++)
		lat_add(&hist, value);
	assert_int_equal(hist.count, 1000);
	assert_int_equal(hist.max, 1000);
	assert_in_range(lat_percentile(&hist, 50), 492, 508);
	assert_in_range(lat_percentile(&hist, 99), 974, 1000);
	assert_int_equal(lat_percentile(&hist, 100), 1000);
}

static void one_outlier_is_the_maximum_and_no_percentile(void **state)
{
	struct lat_hist hist = {0};

	(void)state;
	for (int i = 0; i < 999; i++)
		lat_add(&hist, 10);
	lat_add(&hist, 1ULL << 50);
	assert_int_equal(lat_percentile(&hist, 99), 10);
	assert_true(hist.max == 1ULL << 50);
	assert_true(lat_percentile(&hist, 100) == 1ULL << 50);
}

static void merging_adds_up(void **state)
{
	struct lat_hist a = {0}, b = {0};

	(void)state;
	lat_add(&a, 20);
	lat_add(&b, 20);
	lat_add(&b, 30);
	lat_merge(&a, &b);
	assert_int_equal(a.count, 3);
	assert_int_equal(a.max, 30);
	assert_int_equal(lat_percentile(&a, 50), 20);
	assert_int_equal(lat_percentile(&a, 100), 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_are_linear_within_an_octave),
		cmocka_unit_test(every_slot_begins_where_it_says),
		cmocka_unit_test(percentiles_are_within_a_slot),
		cmocka_unit_test(one_outlier_is_the_maximum_and_no_percentile),
		cmocka_unit_test(merging_adds_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
