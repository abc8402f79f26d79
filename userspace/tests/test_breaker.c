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

/* Opens at the second sample in a row, not at the first. */
static enum breaker_decision twice(struct breaker *b, const struct breaker_sample *sample,
				   uint64_t now)
{
	assert_int_equal(at(b, sample, now), BREAKER_AGAIN);
	assert_false(b->open);
	return at(b, sample, now);
}

static void test_one_noisy_sample(void **state)
{
	struct breaker b = {0};

	(void)state;
	for (uint64_t i = 1; i < 100; i++) {
		assert_int_equal(at(&b, i % 3 ? &costly : &rapid, 10 * i * S), BREAKER_AGAIN);
		assert_int_equal(at(&b, &calm, 10 * i * S + S / 10), BREAKER_KEEP);
	}
	assert_int_equal(b.times, 0);
	/* over one limit, then over the other: too much both times */
	assert_int_equal(at(&b, &costly, 2000 * S), BREAKER_AGAIN);
	assert_int_equal(at(&b, &rapid, 2000 * S), BREAKER_OPEN);
}

/* Share of all CPUs for the whole sample, on one CPU and on many. */
static void test_arithmetic(void **state)
{
	const struct breaker_sample one = {100000000, 1000000, 10, 1};
	const struct breaker_sample many = {100000000, 128000000, 5000000, 128};
	const struct breaker_sample late = {350000000, 7000000, 70000, 2};
	struct breaker b = {0};

	(void)state;
	assert_int_equal(at(&b, &one, S), BREAKER_KEEP);
	assert_int_equal(b.cost_millipct, 1000);
	assert_int_equal(b.rate, 100);
	assert_int_equal(at(&b, &many, 2 * S), BREAKER_AGAIN);
	assert_int_equal(b.cost_millipct, 1000);
	assert_int_equal(b.rate, 50000000);
	/* a timer that fires late makes the sample longer, not the cost higher */
	assert_int_equal(at(&b, &late, 3 * S), BREAKER_KEEP);
	assert_int_equal(b.cost_millipct, 1000);
	assert_int_equal(b.rate, 200000);
}

static void test_opens(void **state)
{
	struct breaker b = {0};
	char reason[160];

	(void)state;
	assert_int_equal(at(&b, &costly, S), BREAKER_AGAIN);
	assert_int_equal(breaker_decide(&b, &limits, &costly, S, reason, sizeof(reason)),
			 BREAKER_OPEN);
	assert_string_equal(reason,
			    "BPF programs took 1.050% of the CPU time, the limit is 1.000%");
	b = (struct breaker){0};
	assert_int_equal(at(&b, &rapid, S), BREAKER_AGAIN);
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
		assert_int_equal(twice(&b, &costly, now), BREAKER_OPEN);
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
	assert_int_equal(twice(&b, &costly, S), BREAKER_OPEN);
	assert_int_equal(at(&b, NULL, 61 * S), BREAKER_CLOSE);
	assert_int_equal(twice(&b, &costly, 61 * S + 600 * S), BREAKER_OPEN);
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
	assert_int_equal(twice(&b, &costly, S), BREAKER_OPEN);
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
		cmocka_unit_test(test_one_noisy_sample),
		cmocka_unit_test(test_arithmetic),
		cmocka_unit_test(test_opens),
		cmocka_unit_test(test_cooldown_doubles),
		cmocka_unit_test(test_long_calm_forgets),
		cmocka_unit_test(test_disabled),
		cmocka_unit_test(test_empty_sample),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
