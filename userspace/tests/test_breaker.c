// SPDX-License-Identifier: GPL-2.0
/* Circuit breaker: when it opens, when it closes, and for how long. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "breaker.h"

#define S 1000000000ULL

static const struct breaker_limits limits = {
	.enabled = true, .cost_millipct = 1000, .max_rate = 1000000, .cooldown_ns = 60 * S};
/* 0.1 s of two CPUs: 1 % of them is 2 ms */
static const struct breaker_sample calm = {S / 10, 1999999, 99999, 2};
static const struct breaker_sample costly = {S / 10, 2100000, 1, 2};
static const struct breaker_sample rapid = {S / 10, 1, 100100, 2};

static enum breaker_decision at(struct breaker *b, const struct breaker_sample *sample,
				uint64_t now)
{
	char reason[160] = "";

	return breaker_decide(b, &limits, sample, now, reason, sizeof(reason));
}

static void test_calm(void **state)
{
	struct breaker b = {0};

	(void)state;
	assert_int_equal(at(&b, &calm, 1 * S), BREAKER_KEEP);
	assert_int_equal(b.cost_millipct, 999);
	assert_int_equal(b.rate, 999990);
	assert_int_equal(at(&b, NULL, 2 * S), BREAKER_KEEP);
}

static void test_opens(void **state)
{
	struct breaker b = {0};
	char reason[160];

	(void)state;
	assert_int_equal(breaker_decide(&b, &limits, &costly, S, reason, sizeof(reason)),
			 BREAKER_OPEN);
	assert_string_equal(reason,
			    "BPF programs took 1.050% of the CPU time, the limit is 1.000%");
	b = (struct breaker){0};
	assert_int_equal(breaker_decide(&b, &limits, &rapid, S, reason, sizeof(reason)),
			 BREAKER_OPEN);
	assert_string_equal(reason,
			    "BPF programs ran 1001000 times a second, the limit is 1000000");
	assert_true(b.open);
	assert_int_equal(b.times, 1);
}

static void test_cooldown_doubles(void **state)
{
	struct breaker b = {0};
	uint64_t now = 1000 * S, expected = 60 * S;

	(void)state;
	for (int i = 0; i < 12; i++) {
		assert_int_equal(at(&b, &costly, now), BREAKER_OPEN);
		assert_int_equal(b.cooldown_ns, expected);
		assert_int_equal(at(&b, NULL, now + expected - 1), BREAKER_KEEP);
		assert_int_equal(at(&b, NULL, now + expected), BREAKER_CLOSE);
		now += expected + S;
		expected = 2 * expected < BREAKER_MAX_COOLDOWN_NS ? 2 * expected
								  : BREAKER_MAX_COOLDOWN_NS;
	}
	assert_int_equal(b.cooldown_ns, BREAKER_MAX_COOLDOWN_NS);
}

static void test_long_calm_forgets(void **state)
{
	struct breaker b = {0};

	(void)state;
	assert_int_equal(at(&b, &costly, S), BREAKER_OPEN);
	assert_int_equal(at(&b, NULL, 61 * S), BREAKER_CLOSE);
	assert_int_equal(at(&b, &costly, 61 * S + 600 * S), BREAKER_OPEN);
	assert_int_equal(b.cooldown_ns, 60 * S);
}

static void test_disabled(void **state)
{
	struct breaker_limits off = limits;
	struct breaker b = {0};
	char reason[160];

	(void)state;
	off.enabled = false;
	assert_int_equal(breaker_decide(&b, &off, &costly, S, reason, sizeof(reason)),
			 BREAKER_KEEP);
	/* switched off while open: it closes at once */
	assert_int_equal(at(&b, &costly, S), BREAKER_OPEN);
	assert_int_equal(breaker_decide(&b, &off, NULL, S + 1, reason, sizeof(reason)),
			 BREAKER_CLOSE);
}

static void test_empty_sample(void **state)
{
	const struct breaker_sample none = {0, 5000000, 1000000, 0};
	struct breaker b = {0};

	(void)state;
	assert_int_equal(at(&b, &none, S), BREAKER_KEEP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calm),
		cmocka_unit_test(test_opens),
		cmocka_unit_test(test_cooldown_doubles),
		cmocka_unit_test(test_long_calm_forgets),
		cmocka_unit_test(test_disabled),
		cmocka_unit_test(test_empty_sample),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
