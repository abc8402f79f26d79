// SPDX-License-Identifier: GPL-2.0
/* The cost of a look: there is one where there are two CPUs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>

#include "transfer.h"

#define TRIES 100 /* on a busy machine both CPUs are not often free at once */

static void test_two_cpus(void **state)
{
	cpu_set_t before, after;
	uint64_t ns;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	if (CPU_COUNT(&before) < 2)
		skip();
	ns = transfer_measure_ns();
	assert_true(ns < 50000); /* 0 when the machine is too busy */
	assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
	assert_true(CPU_EQUAL(&before, &after));
}

/* A service with CPUAffinity= has to know it, too. */
static void test_bound_to_one(void **state)
{
	cpu_set_t before, one, after;
	uint64_t ns = 0;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	if (CPU_COUNT(&before) < 2)
		skip();
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	for (int i = 0; !ns && i < TRIES; i++)
		ns = transfer_measure_ns();
	assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
	assert_true(ns > 0 && ns < 50000);
	assert_true(CPU_EQUAL(&one, &after));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_cpus),
		cmocka_unit_test(test_bound_to_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
