/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which value should a setting of speculative page faults have now? Pure: what
 * one window has measured and a small state in, at most one decision out, with
 * its reason and its evidence. It reads no clock and writes nothing; knob.h
 * does, and only when told to.
 *
 * The threshold vm.spf_backoff_max is a rent-or-buy problem. A thread that has
 * met contention speculates for up to so many faults without a look at the lock
 * (it rents: each such fault may be needless), then looks (it buys: the look
 * costs a transfer of the lock's cache line). Not knowing when the lock will be
 * free, who rents until the rent paid equals the price, and then buys, pays at
 * most twice what the best choice in hindsight would have cost, and nobody who
 * does not know the future can promise less (Karlin, Manasse, Rudolph, Sleator:
 * "Competitive snoopy caching", Algorithmica 3, 1988; for locks: Karlin, Li,
 * Manasse, Owicki: "Empirical studies of competitive spinning for a
 * shared-memory multiprocessor", SOSP 1991). So the first value to try is
 *
 *	price / rent = probe / (speculative - locked + aborted share * abort)
 *
 * of the costs as measured on this host. That is the answer for an adversary; a
 * real load is not one, and if every fault finds the lock free with the same
 * chance, one end of the range is best. Therefore the search goes on from there
 * by factors of two, each value measured for some windows, kept only if it is
 * better by more than the hysteresis and by more than the noise, and taken back
 * otherwise. What was tried is not tried again while the load stays of one kind
 * and costs the same.
 */
#ifndef FAULTLINE_POLICY_H
#define FAULTLINE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spf.h"

enum policy_knob { POLICY_BACKOFF_MAX, POLICY_PTL_SPINS, POLICY_NR_KNOBS };

/* Kinds of load; for each the best value found is remembered. */
enum policy_regime {
	POLICY_CALM, /* hardly any fault meets a lock in use */
	POLICY_READERS, /* faults meet each other */
	POLICY_WRITERS, /* writers wait, too */
	POLICY_ABORTS, /* speculation mostly fails */
	POLICY_NR_REGIMES
};

enum policy_reason {
	POLICY_NOTHING, /* leave everything as it is */
	POLICY_BREAK_EVEN, /* rent equals price there */
	POLICY_KNOWN, /* was best the last time the load was of this kind */
	POLICY_SEARCH, /* the neighbour of what is best so far */
	POLICY_REVERT, /* the value tried was not better */
	POLICY_QUIET, /* no contention any more: back to the original */
	POLICY_NR_REASONS
};

struct policy_sample {
	uint64_t n; /* 0: none was taken in this window */
	uint64_t ns; /* of all n together */
};

struct policy_window {
	uint64_t end_ns; /* CLOCK_MONOTONIC */
	uint64_t dur_ns;
	struct spf_counts counts; /* in the window, of the whole host */
	uint64_t read_waits, read_wait_ns; /* for an mmap_lock, ended in the window */
	uint64_t write_waits, write_wait_ns;
	struct policy_sample ok; /* faults handled without the lock */
	struct policy_sample aborted; /* what an attempt that failed took */
	struct policy_sample locked; /* faults handled with the lock, without the wait for it */
	uint64_t probe_ns; /* a look at a lock in use; 0: not known */
	uint32_t value[POLICY_NR_KNOBS]; /* at the end of the window */
};

struct policy_limits {
	uint32_t min[POLICY_NR_KNOBS]; /* no value outside is ever decided on */
	uint32_t max[POLICY_NR_KNOBS];
	uint32_t home[POLICY_NR_KNOBS]; /* the originals */
	uint32_t max_step; /* at most this factor at a time, except back home */
	uint32_t max_changes; /* an hour, while the load is of one kind; at least 2 */
	uint32_t busy_rate; /* faults a second that meet contention: below a quarter it is calm */
	uint32_t hysteresis_pct; /* a better value must be better by this */
	uint32_t epoch_windows; /* that a value is measured for; if it varies, up to four times */
	uint64_t cooldown_ns; /* between changes; taking one back does not wait */
	uint64_t calm_ns; /* calm for so long: back home */
};

#define POLICY_PATIENCE	  4 /* so many times epoch_windows where the cost varies */
#define POLICY_CONFIRM	  3 /* windows in a row until the kind of load counts as changed */
#define POLICY_GAP	  4 /* a window so many times as long as the last: nobody was measuring */
#define POLICY_MIN_FAULTS 100 /* a window with fewer tells nothing of their cost */
#define POLICY_FORGET_NS  (6 * POLICY_HOUR_NS) /* what was best is searched for anew */
#define POLICY_HOUR_NS	  (3600ULL * 1000000000)
/* In all regimes together, as a multiple of max_changes: for a load that flutters. */
#define POLICY_FLUTTER	 4
#define POLICY_EVIDENCE	 200
#define POLICY_MAX_RING	 64 /* changes remembered: max_changes * POLICY_FLUTTER at most */
#define POLICY_ID_LEN	 64
#define POLICY_LINE_LEN	 96
#define POLICY_MAX_STEPS 16 /* max_changes at most */

struct policy_decision {
	enum policy_reason reason;
	enum policy_knob knob;
	uint32_t old, new;
	enum policy_regime regime;
	/* One line; also says why there is nothing to decide. */
	char evidence[POLICY_EVIDENCE];
};

/* Cost of a fault over some windows, all costs summed up; and what led to it. */
struct policy_epoch {
	uint32_t n;
	double sum_ns, sum_sq;
	uint64_t attempts, aborts, ptl, contended, quiet;
};

enum policy_stage {
	POLICY_BASE, /* measure what is */
	POLICY_TRIAL, /* measure what was tried */
	POLICY_HOLD, /* nothing left to try */
};

struct policy_state {
	bool started;
	/* averages of what was sampled; 0: not yet */
	double ok_ns, abort_ns, locked_ns, probe_ns;
	uint64_t dur_ns; /* of the last window */
	enum policy_regime regime, seen; /* in force, and of the last windows */
	uint32_t seen_n;
	uint64_t regime_since_ns;
	uint32_t value[POLICY_NR_KNOBS]; /* as of the last window */
	enum policy_stage stage;
	enum policy_knob trial; /* of which knob */
	struct policy_epoch epoch, base;
	uint32_t base_value[POLICY_NR_KNOBS];
	uint32_t tried[POLICY_NR_KNOBS]; /* bit n: a value from 2^n to 2^(n+1)-1 */
	bool upwards;
	struct {
		uint32_t value; /* 0: not known */
		uint64_t since_ns;
	} best[POLICY_NR_REGIMES];
	uint64_t change_ns[POLICY_MAX_RING]; /* of the last changes, as a ring */
	uint32_t n_changes;
	struct policy_decision want; /* not carried out yet */
	char held[POLICY_EVIDENCE]; /* why nothing is tried, in POLICY_HOLD */
};

/*
 * One window further. True: *ret_decision is to be carried out. The same one is
 * returned for every window until the value is seen to have changed, or it does
 * not hold any more: in mode advise that may be never. False: its reason is
 * POLICY_NOTHING and its evidence says why.
 */
bool policy_step(const struct policy_limits *limits, const struct policy_window *window,
		 struct policy_state *state, struct policy_decision *ret_decision);

/* policy_cost.c: pure parts of it, for tests and for what explains a decision. */
enum policy_regime policy_classify(const struct policy_limits *limits,
				   const struct policy_window *window, enum policy_regime now);
void policy_learn(struct policy_state *state, const struct policy_window *window);
bool policy_costs_known(const struct policy_state *state);
/* Do these say what faults cost, and attempts whose they are, or are more needed? */
bool policy_enough_tried(const struct policy_sample *ok, const struct policy_sample *aborted);
bool policy_enough_locked(const struct policy_sample *locked);
/*
 * Nanoseconds from one sample of what faults cost to the next, for a policy that decides
 * or is only to be looked at, while somebody watches, after so many samples in a row
 * that left a cost unknown.
 */
uint64_t policy_sample_every_ns(const struct policy_state *state, bool decides, bool watched,
				unsigned int in_vain);
/* Nanoseconds of a fault, waits included; 0: too few faults, or costs not known. */
double policy_cost(const struct policy_state *state, const struct policy_window *window);
void policy_epoch_add(struct policy_epoch *epoch, const struct policy_window *window,
		      double cost_ns);
double policy_epoch_mean(const struct policy_epoch *epoch);
/* Is its mean known as well as a difference of the hysteresis asks for, or not in time? */
bool policy_epoch_done(const struct policy_limits *limits, const struct policy_epoch *epoch);
/* Is a better than b: by pct percent, and by twice the standard error? */
bool policy_better(const struct policy_epoch *a, const struct policy_epoch *b, uint32_t pct);
/*
 * The threshold where rent equals price, a power of two, not yet within any range;
 * POLICY_NEVER if renting costs nothing.
 */
#define POLICY_NEVER (1u << 31)
uint32_t policy_break_even(const struct policy_state *state, const struct policy_epoch *epoch);

/* policy_limits.c: what is good for a production host, for the originals given. */
void policy_default_limits(const uint32_t home[POLICY_NR_KNOBS], struct policy_limits *ret_limits);
/* value, or the nearest that the range and one step from `from` allow. */
uint32_t policy_within(const struct policy_limits *limits, enum policy_knob knob, uint32_t from,
		       uint64_t value);
void policy_count_change(struct policy_state *state, uint64_t now_ns);
/*
 * The kernel has refused a decision's value: its own range ends on the way there. From
 * now on nothing beyond the value before is decided on. The way home stays.
 */
void policy_narrow(struct policy_limits *limits, const struct policy_decision *refused);
/* A trial may have to be taken back: is there room for two changes? */
bool policy_has_budget(const struct policy_limits *limits, const struct policy_state *state,
		       uint64_t now_ns);
bool policy_cools_down(const struct policy_limits *limits, const struct policy_state *state,
		       uint64_t now_ns);

/* policy_text.c */
const char *policy_knob_name(enum policy_knob knob); /* "vm.spf_backoff_max" */
const char *policy_knob_file(enum policy_knob knob); /* "spf_backoff_max" */
const char *policy_regime_name(enum policy_regime regime);
const char *policy_reason_name(enum policy_reason reason);
const char *policy_reason_text(enum policy_reason reason); /* a clause for people */
/* The same decision has the same id: "backoff_max-64-8-break-even". */
const char *policy_id(const struct policy_decision *decision, char buf[POLICY_ID_LEN]);
/* "sysctl -w vm.spf_backoff_max=8", and what takes it back. */
const char *policy_do(const struct policy_decision *decision, char buf[POLICY_LINE_LEN]);
const char *policy_undo(const struct policy_decision *decision, char buf[POLICY_LINE_LEN]);

#endif
