// SPDX-License-Identifier: GPL-2.0
/*
 * The policy, branch by branch, with literal numbers: windows are made by hand and
 * stand for no load that was ever measured.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "policy.h"

#define SEC 1000000000ULL
#define B   POLICY_BACKOFF_MAX
#define P   POLICY_PTL_SPINS

/* Costs of all tests: rent 1000 - 900 = 100, price 800: break-even at 8. */
#define OK_NS	  1000
#define LOCKED_NS 900
#define ABORT_NS  500
#define PROBE_NS  800

struct world {
	struct policy_limits limits;
	struct policy_state state;
	struct policy_window window;
	struct policy_decision decision;
};

static void set_up(struct world *w)
{
	static const uint32_t home[POLICY_NR_KNOBS] = {64, 8};

	*w = (struct world)
	{
		.window.dur_ns = SEC
	};
	policy_default_limits(home, &w->limits);
	memcpy(w->window.value, home, sizeof(home));
}

/* 10000 faults a second, half of them without the lock. wait_ns makes them dear. */
static void readers(struct world *w, uint64_t wait_ns)
{
	struct policy_window *win = &w->window;

	memset(&win->counts, 0, sizeof(win->counts));
	win->counts.n[SPF_FAULTS] = 10000;
	win->counts.n[SPF_ATTEMPT] = 5000;
	win->counts.n[SPF_OK] = 5000;
	win->counts.n[SPF_CONTENDED] = 1000;
	win->read_wait_ns = wait_ns;
	win->write_waits = win->write_wait_ns = 0;
	win->ok = (struct policy_sample){100, 100 * OK_NS};
	win->locked = (struct policy_sample){100, 100 * LOCKED_NS};
	win->aborted = (struct policy_sample){100, 100 * ABORT_NS};
	win->probe_ns = PROBE_NS;
}

static void nobody(struct world *w)
{
	memset(&w->window.counts, 0, sizeof(w->window.counts));
	w->window.counts.n[SPF_FAULTS] = 10000;
}

static bool step(struct world *w)
{
	w->window.end_ns += SEC;
	return policy_step(&w->limits, &w->window, &w->state, &w->decision);
}

/* n windows without a decision */
static void quiet_steps(struct world *w, int n)
{
	for (int i = 0; i < n; i++)
		if (step(w))
			fail_msg("window %d: %s: %s", i, policy_reason_name(w->decision.reason),
				 w->decision.evidence);
}

static void decides(struct world *w, enum policy_reason reason, enum policy_knob knob, uint32_t old,
		    uint32_t new)
{
	if (!step(w))
		fail_msg("nothing: %s", w->decision.evidence);
	assert_int_equal(w->decision.reason, reason);
	assert_int_equal(w->decision.knob, knob);
	assert_int_equal(w->decision.old, old);
	assert_int_equal(w->decision.new, new);
}

/* As an enforcing daemon does; and the window that shows it. */
static void carry_out(struct world *w)
{
	w->window.value[w->decision.knob] = w->decision.new;
	quiet_steps(w, 1);
	assert_string_equal(strchr(w->decision.evidence, ':'), ": a value has just changed");
}

/* Three windows until the regime is believed; the third is measured already. */
static void to_break_even(struct world *w)
{
	set_up(w);
	readers(w, 0);
	quiet_steps(w, 2);
	quiet_steps(w, 4);
	decides(w, POLICY_BREAK_EVEN, B, 64, 8);
}

static void test_classify(void **state)
{
	struct world w;

	(void)state;
	set_up(&w);
	readers(&w, 0);
	assert_int_equal(policy_classify(&w.limits, &w.window, POLICY_CALM), POLICY_READERS);
	w.window.counts.n[SPF_ATTEMPT] = w.window.counts.n[SPF_OK] = 59;
	w.window.counts.n[SPF_CONTENDED] = 40; /* 99 a second: below the limit to enter */
	assert_int_equal(policy_classify(&w.limits, &w.window, POLICY_CALM), POLICY_CALM);
	assert_int_equal(policy_classify(&w.limits, &w.window, POLICY_READERS), POLICY_READERS);
	w.window.counts.n[SPF_CONTENDED] = 41;
	assert_int_equal(policy_classify(&w.limits, &w.window, POLICY_CALM), POLICY_READERS);
	w.window.counts.n[SPF_ATTEMPT] = 0;
	w.window.counts.n[SPF_CONTENDED] = 24; /* below the limit to stay */
	assert_int_equal(policy_classify(&w.limits, &w.window, POLICY_READERS), POLICY_CALM);
	readers(&w, 0);
	w.window.write_waits = 9;
	assert_int_equal(policy_classify(&w.limits, &w.window, POLICY_CALM), POLICY_READERS);
	w.window.write_waits = 10;
	assert_int_equal(policy_classify(&w.limits, &w.window, POLICY_CALM), POLICY_WRITERS);
	w.window.counts.n[SPF_ABORT_BLOCKED] = 1249;
	assert_int_equal(policy_classify(&w.limits, &w.window, POLICY_CALM), POLICY_WRITERS);
	w.window.counts.n[SPF_ABORT_VMA] = 1;
	assert_int_equal(policy_classify(&w.limits, &w.window, POLICY_CALM), POLICY_ABORTS);
	w.window.dur_ns = 0; /* no window at all */
	assert_int_equal(policy_classify(&w.limits, &w.window, POLICY_READERS), POLICY_CALM);
}

static void test_cost(void **state)
{
	struct world w;

	(void)state;
	set_up(&w);
	readers(&w, 3000000);
	w.window.write_wait_ns = 1000000;
	w.window.counts.n[SPF_ABORT_OTHER] = 200;
	w.window.counts.n[SPF_QUIET] = 500;
	assert_true(policy_cost(&w.state, &w.window) == 0); /* not learned yet */
	policy_learn(&w.state, &w.window);
	/* 5000 * 1000 + 200 * 500 + 5000 * 900 + 1500 * 800 + 4000000 = 14800000 */
	assert_true(policy_cost(&w.state, &w.window) == 1480);
	w.window.counts.n[SPF_FAULTS] = 99;
	assert_true(policy_cost(&w.state, &w.window) == 0);
}

static void test_learn(void **state)
{
	struct world w;

	(void)state;
	set_up(&w);
	readers(&w, 0);
	w.window.ok.n = 19; /* too few */
	policy_learn(&w.state, &w.window);
	assert_false(policy_costs_known(&w.state));
	w.window.ok = (struct policy_sample){20, 20 * 1000};
	w.window.probe_ns = 0;
	w.state.probe_ns = 0;
	policy_learn(&w.state, &w.window);
	assert_false(policy_costs_known(&w.state));
	w.window.probe_ns = 800;
	w.window.ok.ns = 20 * 2000;
	policy_learn(&w.state, &w.window);
	assert_true(policy_costs_known(&w.state));
	assert_true(w.state.ok_ns == 1250); /* 1000 + (2000 - 1000) / 4 */
}

static bool enough(uint64_t ok, uint64_t aborted)
{
	struct policy_sample o = {.n = ok}, a = {.n = aborted};

	return policy_enough_tried(&o, &a);
}

static void test_enough(void **state)
{
	struct policy_sample locked = {.n = 59};

	(void)state;
	assert_true(enough(1000, 0));
	assert_true(enough(60, 940)); /* attempts that fail are attempts */
	assert_false(enough(999, 0));
	assert_false(enough(59, 941));
	assert_false(policy_enough_locked(&locked));
	locked.n = 60;
	assert_true(policy_enough_locked(&locked));
}

static void test_sample_every(void **state)
{
	struct policy_state known = {.ok_ns = 1000, .locked_ns = 900, .probe_ns = 800};
	struct policy_state unknown = {.ok_ns = 1000, .locked_ns = 900};

	(void)state;
	known.stage = POLICY_HOLD;
	assert_int_equal(policy_sample_every_ns(&known, true, false, 0), 10000000000);
	assert_int_equal(policy_sample_every_ns(&known, true, true, 0), 1000000000);
	known.stage = POLICY_TRIAL;
	assert_int_equal(policy_sample_every_ns(&known, true, false, 0), 5000000000);
	assert_int_equal(policy_sample_every_ns(&known, false, false, 0), 10000000000);
	assert_int_equal(policy_sample_every_ns(&unknown, true, false, 29), 1000000000);
	assert_int_equal(policy_sample_every_ns(&unknown, true, false, 30), 10000000000);
	assert_int_equal(policy_sample_every_ns(&unknown, false, false, 0), 10000000000);
}

static void test_break_even(void **state)
{
	struct policy_state s = {.ok_ns = 1000, .locked_ns = 900, .abort_ns = 500, .probe_ns = 800};
	struct policy_epoch epoch = {.attempts = 1000, .aborts = 0};

	(void)state;
	assert_int_equal(policy_break_even(&s, &epoch), 8); /* 800 / 100 */
	epoch.aborts = 200; /* 800 / (100 + 0.2 * 500) */
	assert_int_equal(policy_break_even(&s, &epoch), 4);
	epoch.aborts = 1000; /* 800 / 600 */
	assert_int_equal(policy_break_even(&s, &epoch), 1);
	s.probe_ns = 300; /* 300 / 600: less than one fault */
	assert_int_equal(policy_break_even(&s, &epoch), 1);
	s.ok_ns = 800; /* cheaper without the lock */
	epoch.aborts = 1; /* 300 / 0.5 = 600 */
	assert_int_equal(policy_break_even(&s, &epoch), 512);
	epoch.aborts = 0;
	assert_int_equal(policy_break_even(&s, &epoch), POLICY_NEVER);
}

static void test_better(void **state)
{
	/* means 96 and 100, no spread */
	struct policy_epoch a = {.n = 5, .sum_ns = 480, .sum_sq = 5 * 9216};
	struct policy_epoch b = {.n = 5, .sum_ns = 500, .sum_sq = 5 * 10000};

	(void)state;
	assert_true(policy_better(&a, &b, 3));
	assert_false(policy_better(&a, &b, 4));
	assert_false(policy_better(&b, &a, 0));
	/* 80 90 100 110 120: variance 250, standard error sqrt(50) = 7.07 > 4 / 2 */
	b.sum_sq = 50.0 * 1000 + 1000;
	assert_false(policy_better(&a, &b, 3));
}

/* A cost that varies is measured for longer, but not for ever. */
static void test_epoch_done(void **state)
{
	/* mean 100: done when the variance divided by n is at most 3 squared */
	struct policy_epoch e = {.n = 4, .sum_ns = 400, .sum_sq = 40000};
	struct policy_limits limits = {.epoch_windows = 5, .hysteresis_pct = 3};

	(void)state;
	assert_false(policy_epoch_done(&limits, &e)); /* too short */
	e = (struct policy_epoch){.n = 5, .sum_ns = 500, .sum_sq = 50000 + 4 * 44};
	assert_true(policy_epoch_done(&limits, &e)); /* 44 / 5 = 8.8 */
	e.sum_sq = 50000 + 4 * 46; /* 9.2 */
	assert_false(policy_epoch_done(&limits, &e));
	e = (struct policy_epoch){.n = 19, .sum_ns = 1900, .sum_sq = 190000 + 1e6};
	assert_false(policy_epoch_done(&limits, &e));
	e.n = 20;
	assert_true(policy_epoch_done(&limits, &e)); /* long enough */
}

static void test_calm_does_nothing(void **state)
{
	struct world w;

	(void)state;
	set_up(&w);
	nobody(&w);
	quiet_steps(&w, 1000);
	assert_string_equal(w.decision.evidence, "calm");
}

static void test_needs_measured_costs(void **state)
{
	struct world w;

	(void)state;
	set_up(&w);
	readers(&w, 0);
	w.window.locked.n = 0;
	quiet_steps(&w, 100);
	assert_string_equal(w.decision.evidence,
			    "readers: what a fault costs has not been measured");
	w.window.probe_ns = 0;
	w.state.probe_ns = 0;
	assert_false(step(&w));
	assert_string_equal(
		w.decision.evidence,
		"readers: what a cache line from another CPU costs has not been measured");
}

static void test_one_window_is_no_regime(void **state)
{
	struct world w;

	(void)state;
	set_up(&w);
	for (int i = 0; i < 20; i++) {
		readers(&w, 0);
		quiet_steps(&w, 2);
		nobody(&w);
		quiet_steps(&w, 1);
	}
	assert_int_equal(w.state.regime, POLICY_CALM);
}

static void test_break_even_first(void **state)
{
	struct world w;
	char buf[POLICY_ID_LEN], line[POLICY_LINE_LEN];

	(void)state;
	to_break_even(&w);
	assert_string_equal(w.decision.evidence,
			    "readers: a look costs 800 ns, a needless speculation 100 ns, 0.00 % "
			    "abort at 500 ns: even at 8");
	assert_string_equal(policy_id(&w.decision, buf), "backoff_max-64-8-break-even");
	assert_string_equal(policy_do(&w.decision, line), "sysctl -w vm.spf_backoff_max=8");
	assert_string_equal(policy_undo(&w.decision, line), "sysctl -w vm.spf_backoff_max=64");
	/* nobody carries it out: it stays the same, with the same id */
	for (int i = 0; i < 50; i++)
		decides(&w, POLICY_BREAK_EVEN, B, 64, 8);
	assert_string_equal(policy_id(&w.decision, buf), "backoff_max-64-8-break-even");
}

static void test_trial_reverts(void **state)
{
	struct world w;

	(void)state;
	to_break_even(&w);
	carry_out(&w);
	quiet_steps(&w, 4);
	decides(&w, POLICY_REVERT, B, 8, 64); /* costs the same: the original stays */
	assert_string_equal(w.decision.evidence, "readers: a fault costs 1030 ns at 8, 1030 ns at "
						 "64, not better by 3 %");
	carry_out(&w);
	quiet_steps(&w, 1);
	assert_string_equal(w.decision.evidence, "readers: measuring the former value again");
	/* the cooldown of 10 s since the change is over */
	quiet_steps(&w, 8);
	decides(&w, POLICY_SEARCH, B, 64, 32); /* on the side where break-even lay */
}

static void test_trial_is_kept(void **state)
{
	struct world w;

	(void)state;
	to_break_even(&w);
	readers(&w, 0);
	w.window.counts.n[SPF_CONTENDED] = 0; /* 950 ns a fault and not 1030 */
	carry_out(&w);
	quiet_steps(&w, 5);
	assert_string_equal(w.decision.evidence, "readers: not so soon after the last change");
	quiet_steps(&w, 4);
	decides(&w, POLICY_SEARCH, B, 8, 4);
	assert_string_equal(w.decision.evidence,
			    "readers: a fault costs 950 ns at 8, measured over 5 windows");
}

static void test_search_ends(void **state)
{
	struct world w;
	int changes = 0;

	(void)state;
	set_up(&w);
	readers(&w, 0);
	for (int i = 0; i < 3600; i++) {
		if (!step(&w))
			continue;
		w.window.value[w.decision.knob] = w.decision.new;
		changes++;
	}
	/* 8 and back, 32 and back, 128 and back */
	assert_int_equal(changes, 6);
	assert_int_equal(w.window.value[B], 64);
	assert_int_equal(w.state.tried[B], 64 | 32 | 128 | 8);
	/* the hour is over, but there is nothing left to try */
	quiet_steps(&w, 4000);
	assert_string_equal(w.decision.evidence,
			    "readers: nothing better found than vm.spf_backoff_max=64, a fault "
			    "costs 1030 ns");
}

/* The lower the better, without end: the budget decides. */
static void test_budget(void **state)
{
	struct world w;
	int changes = 0;

	(void)state;
	set_up(&w);
	w.limits.max[B] = 1 << 30;
	for (uint64_t i = 0; i < 3500; i++) {
		readers(&w, 10000000);
		w.window.ok.ns = 100 * 800; /* rent 0: break-even without bound */
		w.window.read_wait_ns /= w.window.value[B] + 1;
		w.window.read_wait_ns += 100000000000 / w.window.value[B];
		if (!step(&w))
			continue;
		assert_int_not_equal(w.decision.reason, POLICY_REVERT);
		assert_int_equal(w.decision.new, w.decision.old * 8); /* max_step */
		w.window.value[B] = w.decision.new;
		changes++;
	}
	assert_int_equal(changes, 5); /* the sixth would have to be taken back */
	assert_string_equal(w.decision.evidence, "readers: the changes of this hour are used up");
	for (int i = 0; i < 200; i++) {
		w.window.read_wait_ns = 10000;
		if (step(&w))
			return; /* an hour has passed */
	}
	fail_msg("the budget is never renewed");
}

static void test_range(void **state)
{
	struct world w;

	(void)state;
	set_up(&w);
	w.limits.min[B] = 16;
	readers(&w, 0);
	quiet_steps(&w, 6);
	decides(&w, POLICY_BREAK_EVEN, B, 64, 16);
	set_up(&w);
	w.limits.min[B] = w.limits.max[B] = 64;
	readers(&w, 0);
	quiet_steps(&w, 500);
	assert_string_equal(strchr(w.decision.evidence, ':'),
			    ": nothing better found than vm.spf_backoff_max=64, a fault costs "
			    "1030 ns");
}

static void test_upwards(void **state)
{
	struct world w;

	(void)state;
	set_up(&w);
	readers(&w, 0);
	w.window.ok.ns = 100 * LOCKED_NS; /* renting is free */
	quiet_steps(&w, 6);
	decides(&w, POLICY_BREAK_EVEN, B, 64, 512);
	assert_string_equal(w.decision.evidence + strlen(w.decision.evidence) - 12, ": even never");
	/* break-even where we are: looks are in vain, so up */
	set_up(&w);
	readers(&w, 0);
	w.window.probe_ns = 6400;
	quiet_steps(&w, 6);
	decides(&w, POLICY_SEARCH, B, 64, 128);
	/* every look finds the lock free: down */
	set_up(&w);
	readers(&w, 0);
	w.window.probe_ns = 6400;
	w.window.counts.n[SPF_QUIET] = 500;
	quiet_steps(&w, 6);
	decides(&w, POLICY_SEARCH, B, 64, 32);
}

static void test_ptl(void **state)
{
	struct world w;

	(void)state;
	set_up(&w);
	w.limits.min[B] = w.limits.max[B] = 64;
	readers(&w, 0);
	w.window.counts.n[SPF_OK] = 4751;
	w.window.counts.n[SPF_ABORT_PTL] = 249; /* below 5 % */
	quiet_steps(&w, 100);
	set_up(&w);
	w.limits.min[B] = w.limits.max[B] = 64;
	readers(&w, 0);
	w.window.counts.n[SPF_OK] = 4750;
	w.window.counts.n[SPF_ABORT_PTL] = 250;
	quiet_steps(&w, 6);
	decides(&w, POLICY_SEARCH, P, 8, 16);
	assert_string_equal(w.decision.evidence,
			    "readers: 5.0 % of the attempts found their page table locked");
	carry_out(&w);
	quiet_steps(&w, 4);
	decides(&w, POLICY_REVERT, P, 16, 8);
}

/* The daemon was stopped for a minute, in which the load was another one. */
static void stand_still(struct world *w, uint64_t wait_ns)
{
	struct policy_window before = w->window;

	w->window.dur_ns = 60 * SEC;
	w->window.end_ns += 59 * SEC;
	w->window.counts.n[SPF_FAULTS] = 600000;
	w->window.read_wait_ns = wait_ns;
	w->window.ok.ns *= 50;
	quiet_steps(w, 1);
	assert_string_equal(strchr(w->decision.evidence, ':'), ": nobody has measured for 60 s");
	before.end_ns = w->window.end_ns;
	w->window = before;
}

/* What is measured before and after gives the same decision, and no window more or less. */
static void test_standing_still_is_no_measurement(void **state)
{
	struct world w;

	(void)state;
	to_break_even(&w);
	carry_out(&w);
	stand_still(&w, 0);
	quiet_steps(&w, 4);
	stand_still(&w, 3600 * SEC);
	decides(&w, POLICY_REVERT, B, 8, 64);
	assert_string_equal(
		w.decision.evidence,
		"readers: a fault costs 1030 ns at 8, 1030 ns at 64, not better by 3 %");
	/* not even what stands already is carried out */
	stand_still(&w, 0);
	decides(&w, POLICY_REVERT, B, 8, 64);
}

static void test_standing_still_is_not_calm(void **state)
{
	struct world w;

	(void)state;
	to_break_even(&w);
	carry_out(&w);
	nobody(&w);
	quiet_steps(&w, 3);
	quiet_steps(&w, 299);
	stand_still(&w, 0);
	quiet_steps(&w, 299); /* for so long it was seen to be calm */
	decides(&w, POLICY_QUIET, B, 8, 64);
	/* and two calm windows, a gap and a third one are no three in a row */
	to_break_even(&w);
	nobody(&w);
	w.state.want.reason = POLICY_NOTHING;
	quiet_steps(&w, 2);
	stand_still(&w, 0);
	quiet_steps(&w, 2);
	assert_int_equal(w.state.regime, POLICY_READERS);
	quiet_steps(&w, 1);
	assert_int_equal(w.state.regime, POLICY_CALM);
}

/* Whoever measures a minute at a time from now on is not standing still. */
static void test_longer_windows(void **state)
{
	struct world w;

	(void)state;
	set_up(&w);
	readers(&w, 0);
	quiet_steps(&w, 1);
	stand_still(&w, 0);
	w.window.dur_ns = 60 * SEC;
	w.window.counts.n[SPF_FAULTS] = w.window.counts.n[SPF_ATTEMPT] = 600000;
	quiet_steps(&w, 1);
	assert_null(strstr(w.decision.evidence, "nobody has measured"));
}

/* The kernel's range is narrower than the configured one: the other way is tried. */
static void test_kernel_refuses(void **state)
{
	struct world w;

	(void)state;
	to_break_even(&w);
	decides(&w, POLICY_BREAK_EVEN, B, 64, 8);
	policy_narrow(&w.limits, &w.decision);
	assert_int_equal(w.limits.min[B], 64);
	assert_int_equal(w.limits.max[B], 4096);
	for (int i = 0; i < 10 && !step(&w); i++)
		;
	assert_int_equal(w.decision.new, 128);
	policy_narrow(&w.limits, &w.decision);
	assert_int_equal(w.limits.max[B], 64);
	quiet_steps(&w, 50);
	/* never the way home */
	w.decision = (struct policy_decision){.reason = POLICY_QUIET, .old = 64, .new = 8};
	w.limits.min[B] = 1;
	policy_narrow(&w.limits, &w.decision);
	assert_int_equal(w.limits.min[B], 1);
}

static void test_quiet_again(void **state)
{
	struct world w;

	(void)state;
	to_break_even(&w);
	carry_out(&w);
	nobody(&w);
	quiet_steps(&w, 2);
	quiet_steps(&w, 1); /* believed: from here on 300 s */
	quiet_steps(&w, 299);
	assert_string_equal(w.decision.evidence,
			    "calm for 299 s; back to vm.spf_backoff_max=64 after 300 s");
	decides(&w, POLICY_QUIET, B, 8, 64);
	assert_string_equal(w.decision.evidence, "no contention for 300 s");
	carry_out(&w);
	quiet_steps(&w, 100);
}

/* In one step, although it is more than max_step away. */
static void test_quiet_is_one_step(void **state)
{
	struct world w;

	(void)state;
	set_up(&w);
	nobody(&w);
	w.window.value[B] = 2048;
	w.window.value[P] = 32;
	quiet_steps(&w, 300);
	decides(&w, POLICY_QUIET, B, 2048, 64);
	carry_out(&w);
	decides(&w, POLICY_QUIET, P, 32, 8);
}

static void test_known(void **state)
{
	struct world w;

	(void)state;
	to_break_even(&w);
	readers(&w, 0);
	w.window.counts.n[SPF_CONTENDED] = 0;
	w.limits.min[B] = 8;
	w.limits.max[B] = 8; /* nothing else to try */
	carry_out(&w);
	quiet_steps(&w, 20);
	w.limits.max[B] = 4096;
	nobody(&w);
	quiet_steps(&w, 303 - 1);
	decides(&w, POLICY_QUIET, B, 8, 64);
	carry_out(&w);
	quiet_steps(&w, 20);
	readers(&w, 0);
	quiet_steps(&w, 2);
	decides(&w, POLICY_KNOWN, B, 64, 8); /* at once, without measuring */
	assert_string_equal(w.decision.evidence, "readers again: 8 was best");
	carry_out(&w);
	quiet_steps(&w, 300); /* and there it stays */
	/* another kind of load knows nothing of it */
	w.window.write_waits = 1000;
	w.limits.min[B] = 1;
	quiet_steps(&w, 6);
	decides(&w, POLICY_SEARCH, B, 8, 16);
}

static void test_known_is_forgotten(void **state)
{
	struct world w;

	(void)state;
	set_up(&w);
	w.state.best[POLICY_READERS].value = 512;
	w.state.best[POLICY_READERS].since_ns = SEC;
	w.window.end_ns = POLICY_FORGET_NS - 2 * SEC;
	readers(&w, 0);
	quiet_steps(&w, 2);
	decides(&w, POLICY_KNOWN, B, 64, 512);
	set_up(&w);
	w.state.best[POLICY_READERS].value = 512;
	w.state.best[POLICY_READERS].since_ns = SEC;
	w.window.end_ns = POLICY_FORGET_NS;
	readers(&w, 0);
	quiet_steps(&w, 6);
	decides(&w, POLICY_BREAK_EVEN, B, 64, 8);
}

/* Somebody else's value: measured anew, from there. */
static void test_foreign_change(void **state)
{
	struct world w;

	(void)state;
	to_break_even(&w);
	w.window.value[B] = 1024;
	quiet_steps(&w, 1);
	assert_string_equal(w.decision.evidence, "readers: a value has just changed");
	quiet_steps(&w, 4);
	decides(&w, POLICY_BREAK_EVEN, B, 1024, 128);
}

static void test_regime_change_drops_decision(void **state)
{
	struct world w;

	(void)state;
	to_break_even(&w);
	w.window.write_waits = 10;
	decides(&w, POLICY_BREAK_EVEN, B, 64, 8);
	decides(&w, POLICY_BREAK_EVEN, B, 64, 8);
	quiet_steps(&w, 1);
	assert_string_equal(w.decision.evidence, "writers: measuring, window 1 of 5 or more");
}

static void test_drift(void **state)
{
	struct world w;

	(void)state;
	set_up(&w);
	w.limits.min[B] = w.limits.max[B] = 64;
	readers(&w, 0);
	quiet_steps(&w, 21);
	w.limits.min[B] = 1;
	w.state.tried[B] = -1;
	readers(&w, 2500000); /* 1280 ns: by 24 % more */
	quiet_steps(&w, 50);
	readers(&w, 5000000); /* 1530 ns */
	for (int i = 0; i < 12; i++)
		if (step(&w))
			break;
	assert_int_equal(w.decision.reason, POLICY_BREAK_EVEN);
}

static void test_few_faults(void **state)
{
	struct world w;

	(void)state;
	set_up(&w);
	readers(&w, 0);
	w.window.counts.n[SPF_FAULTS] = 99;
	quiet_steps(&w, 50);
	assert_string_equal(w.decision.evidence, "readers: measuring, window 0 of 5 or more");
}

/* A load that changes its kind all the time gets no more than four budgets an hour. */
static void test_flutter(void **state)
{
	struct world w;
	int changes = 0;

	(void)state;
	set_up(&w);
	for (int i = 0; i < 3600; i++) {
		readers(&w, i % 100 * 100000);
		w.window.write_waits = i / 20 % 2 ? 100 : 0;
		if (!step(&w))
			continue;
		w.window.value[w.decision.knob] = w.decision.new;
		changes++;
	}
	assert_in_range(changes, 7, 24);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(policy_knob_name(P), "vm.spf_ptl_spins");
	assert_string_equal(policy_knob_file(P), "spf_ptl_spins");
	assert_string_equal(policy_knob_name(POLICY_NR_KNOBS), "?");
	assert_string_equal(policy_knob_file(POLICY_NR_KNOBS), "?");
	assert_string_equal(policy_regime_name(POLICY_ABORTS), "aborts");
	assert_string_equal(policy_regime_name(POLICY_NR_REGIMES), "?");
	assert_string_equal(policy_reason_name(POLICY_NR_REASONS), "?");
	assert_string_equal(policy_reason_text(POLICY_NR_REASONS), "?");
	for (int i = 0; i < POLICY_NR_REASONS; i++)
		assert_non_null(policy_reason_text(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classify),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_learn),
		cmocka_unit_test(test_enough),
		cmocka_unit_test(test_sample_every),
		cmocka_unit_test(test_break_even),
		cmocka_unit_test(test_better),
		cmocka_unit_test(test_epoch_done),
		cmocka_unit_test(test_calm_does_nothing),
		cmocka_unit_test(test_needs_measured_costs),
		cmocka_unit_test(test_one_window_is_no_regime),
		cmocka_unit_test(test_break_even_first),
		cmocka_unit_test(test_trial_reverts),
		cmocka_unit_test(test_trial_is_kept),
		cmocka_unit_test(test_search_ends),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_upwards),
		cmocka_unit_test(test_ptl),
		cmocka_unit_test(test_standing_still_is_no_measurement),
		cmocka_unit_test(test_standing_still_is_not_calm),
		cmocka_unit_test(test_longer_windows),
		cmocka_unit_test(test_kernel_refuses),
		cmocka_unit_test(test_quiet_again),
		cmocka_unit_test(test_quiet_is_one_step),
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_known_is_forgotten),
		cmocka_unit_test(test_foreign_change),
		cmocka_unit_test(test_regime_change_drops_decision),
		cmocka_unit_test(test_drift),
		cmocka_unit_test(test_few_faults),
		cmocka_unit_test(test_flutter),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
