// SPDX-License-Identifier: GPL-2.0
/*
 * What is to be done after this window? Why it is done this way: policy.h. The
 * state knows a change only when a window shows the new value, whoever made it:
 * so the same function serves a daemon that changes, one that only advises, and a
 * replay of what was recorded.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy.h"

/* The page table's lock: worth another try when so many attempts end there. */
#define PTL_PCT 5
/* What a fault costs has changed, though the load is of the same kind. */
#define DRIFT_PCT 25

static void say(struct policy_decision *decision, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void say(struct policy_decision *decision, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(decision->evidence, sizeof(decision->evidence), format, args);
	va_end(args);
}

static void start_search(struct policy_state *state)
{
	state->stage = POLICY_BASE;
	memset(state->tried, 0, sizeof(state->tried));
	state->epoch = (struct policy_epoch){0};
}

/* --- what has happened since the last window */

/* The base was measured: go on from it. */
static void hold_again(struct policy_state *state)
{
	state->stage = POLICY_HOLD;
	snprintf(state->held, sizeof(state->held), "%s: measuring the former value again",
		 policy_regime_name(state->regime));
}

static void note_ours(struct policy_state *state, uint64_t now_ns)
{
	enum policy_reason reason = state->want.reason;

	policy_count_change(state, now_ns);
	if (reason == POLICY_BREAK_EVEN || reason == POLICY_SEARCH)
		state->stage = POLICY_TRIAL;
	else if (reason == POLICY_REVERT)
		hold_again(state);
	else
		start_search(state);
	state->trial = state->want.knob;
}

/* True when a value has changed: the window shows neither the old nor the new. */
static bool note_values(struct policy_state *state, const struct policy_window *window)
{
	bool changed = false;

	for (int k = 0; k < POLICY_NR_KNOBS; k++) {
		const struct policy_decision *want = &state->want;
		bool ours = want->reason && want->knob == (enum policy_knob)k &&
			    want->new == window->value[k];

		if (window->value[k] == state->value[k])
			continue;
		if (ours)
			note_ours(state, window->end_ns);
		else
			start_search(state); /* somebody else's: a new situation */
		state->want.reason = POLICY_NOTHING;
		state->value[k] = window->value[k];
		changed = true;
	}
	if (changed)
		state->epoch = (struct policy_epoch){0};
	return changed;
}

static void note_regime(const struct policy_limits *limits, struct policy_state *state,
			const struct policy_window *window)
{
	enum policy_regime now = policy_classify(limits, window, state->regime);

	if (now != state->seen)
		state->seen_n = 0;
	state->seen = now;
	if (now == state->regime || ++state->seen_n < POLICY_CONFIRM)
		return;
	state->regime = now;
	state->regime_since_ns = window->end_ns;
	state->want.reason = POLICY_NOTHING;
	start_search(state);
}

/*
 * The daemon stood still, or the machine slept: what came is not of one load, and for
 * how long it was calm nobody has seen. A second one is how long windows are now.
 */
static bool is_gap(struct policy_state *state, const struct policy_window *window)
{
	bool gap = state->dur_ns && window->dur_ns > POLICY_GAP * state->dur_ns;

	state->dur_ns = window->dur_ns;
	if (!gap)
		return false;
	state->seen_n = 0;
	state->regime_since_ns = window->end_ns;
	return true;
}

/* What the limits, which have become narrower, do not allow any more. */
static void drop_forbidden(const struct policy_limits *limits, struct policy_state *state)
{
	const struct policy_decision *want = &state->want;

	if (want->reason == POLICY_QUIET || want->reason == POLICY_REVERT)
		return;
	if (want->new < limits->min[want->knob] || want->new > limits->max[want->knob])
		state->want.reason = POLICY_NOTHING;
}

/* --- what to try next */

static uint32_t bit_of(uint32_t value)
{
	return value ? 1u << (31 - __builtin_clz(value)) : 1;
}

/* The value, within all limits, if it has not been tried. */
static bool propose(const struct policy_limits *limits, struct policy_state *state,
		    enum policy_knob knob, uint64_t value, enum policy_reason reason)
{
	uint32_t from = state->value[knob], to = policy_within(limits, knob, from, value);

	if (to == from || state->tried[knob] & bit_of(to))
		return false;
	state->want = (struct policy_decision){
		.reason = reason, .knob = knob, .old = from, .new = to, .regime = state->regime};
	return true;
}

static void say_break_even(struct policy_state *state)
{
	double rent = state->ok_ns - state->locked_ns;
	uint32_t value = policy_break_even(state, &state->base);
	char even[32] = "never";

	if (value != POLICY_NEVER)
		snprintf(even, sizeof(even), "at %u", value);
	say(&state->want,
	    "%s: a look costs %.0f ns, a needless speculation %.0f ns, %.2f %% abort at %.0f ns: "
	    "even %s",
	    policy_regime_name(state->regime), state->probe_ns, rent > 0 ? rent : 0,
	    state->base.attempts ? 100.0 * state->base.aborts / state->base.attempts : 0,
	    state->abort_ns, even);
}

static void say_neighbour(struct policy_state *state)
{
	say(&state->want, "%s: a fault costs %.0f ns at %u, measured over %u windows",
	    policy_regime_name(state->regime), policy_epoch_mean(&state->base), state->want.old,
	    state->base.n);
}

static bool next_trial(const struct policy_limits *limits, struct policy_state *state)
{
	const struct policy_epoch *base = &state->base;
	uint64_t value = state->value[POLICY_BACKOFF_MAX];

	if (propose(limits, state, POLICY_BACKOFF_MAX, policy_break_even(state, base),
		    POLICY_BREAK_EVEN)) {
		/* what lies beyond it would be tried next */
		state->upwards = state->want.new > state->want.old;
		say_break_even(state);
		return true;
	}
	for (int i = 0; i < 2; i++) {
		bool up = i ? !state->upwards : state->upwards;

		if (!propose(limits, state, POLICY_BACKOFF_MAX, up ? value * 2 : value / 2,
			     POLICY_SEARCH))
			continue;
		state->upwards = up;
		say_neighbour(state);
		return true;
	}
	if (base->ptl * 100 >= base->attempts * PTL_PCT && base->ptl &&
	    propose(limits, state, POLICY_PTL_SPINS, 2ULL * state->value[POLICY_PTL_SPINS],
		    POLICY_SEARCH)) {
		say(&state->want, "%s: %.1f %% of the attempts found their page table locked",
		    policy_regime_name(state->regime), 100.0 * base->ptl / base->attempts);
		return true;
	}
	return false;
}

/* --- the stages */

static void set_base(struct policy_state *state)
{
	state->base = state->epoch;
	memcpy(state->base_value, state->value, sizeof(state->base_value));
	for (int k = 0; k < POLICY_NR_KNOBS; k++)
		state->tried[k] |= bit_of(state->value[k]);
	state->epoch = (struct policy_epoch){0};
}

static void remember(struct policy_state *state, uint64_t now_ns)
{
	uint32_t value = state->value[POLICY_BACKOFF_MAX];

	if (state->best[state->regime].value != value)
		state->best[state->regime].since_ns = now_ns;
	state->best[state->regime].value = value;
}

static void forget(struct policy_state *state)
{
	memset(state->tried, 0, sizeof(state->tried));
	state->best[state->regime].value = 0;
}

/* The base is known: try the next, or stay. */
static void go_on(const struct policy_limits *limits, struct policy_state *state, uint64_t now_ns,
		  struct policy_decision *note)
{
	state->stage = POLICY_HOLD;
	if (!policy_has_budget(limits, state, now_ns)) {
		say(note, "%s: the changes of this hour are used up",
		    policy_regime_name(state->regime));
	} else if (policy_cools_down(limits, state, now_ns)) {
		say(note, "%s: not so soon after the last change",
		    policy_regime_name(state->regime));
	} else if (!next_trial(limits, state)) {
		remember(state, now_ns);
		say(note, "%s: nothing better found than %s=%u, a fault costs %.0f ns",
		    policy_regime_name(state->regime), policy_knob_name(POLICY_BACKOFF_MAX),
		    state->value[POLICY_BACKOFF_MAX], policy_epoch_mean(&state->base));
	}
	memcpy(state->held, note->evidence, sizeof(state->held));
}

static void judge_trial(const struct policy_limits *limits, struct policy_state *state,
			uint64_t now_ns, struct policy_decision *note)
{
	enum policy_knob knob = state->trial;
	double mean = policy_epoch_mean(&state->epoch);

	if (policy_better(&state->epoch, &state->base, limits->hysteresis_pct)) {
		set_base(state);
		go_on(limits, state, now_ns, note);
		return;
	}
	state->tried[knob] |= bit_of(state->value[knob]);
	state->want = (struct policy_decision){.reason = POLICY_REVERT,
					       .knob = knob,
					       .old = state->value[knob],
					       .new = state->base_value[knob],
					       .regime = state->regime};
	say(&state->want, "%s: a fault costs %.0f ns at %u, %.0f ns at %u, not better by %u %%",
	    policy_regime_name(state->regime), mean, state->want.old,
	    policy_epoch_mean(&state->base), state->want.new, limits->hysteresis_pct);
}

/* Nothing more to try: unless what a fault costs is not what it was. */
static void hold(const struct policy_limits *limits, struct policy_state *state, uint64_t now_ns,
		 struct policy_decision *note)
{
	if (policy_better(&state->epoch, &state->base, DRIFT_PCT) ||
	    policy_better(&state->base, &state->epoch, DRIFT_PCT)) {
		forget(state);
		set_base(state);
	}
	state->epoch = (struct policy_epoch){0};
	go_on(limits, state, now_ns, note);
}

/* The load has been of this kind before: straight to what was best then. */
static bool jump(const struct policy_limits *limits, struct policy_state *state, uint64_t now_ns)
{
	uint32_t best = state->best[state->regime].value;

	if (best && now_ns - state->best[state->regime].since_ns > POLICY_FORGET_NS)
		best = state->best[state->regime].value = 0;
	if (!best || !policy_has_budget(limits, state, now_ns) ||
	    policy_cools_down(limits, state, now_ns) ||
	    !propose(limits, state, POLICY_BACKOFF_MAX, best, POLICY_KNOWN))
		return false;
	say(&state->want, "%s again: %u was best", policy_regime_name(state->regime), best);
	return true;
}

static void busy(const struct policy_limits *limits, struct policy_state *state,
		 const struct policy_window *window, struct policy_decision *note)
{
	double cost = policy_cost(state, window);
	uint64_t now_ns = window->end_ns;

	if (state->stage == POLICY_BASE && jump(limits, state, now_ns))
		return;
	if (!policy_costs_known(state)) {
		say(note, "%s: what a %s costs has not been measured",
		    policy_regime_name(state->regime),
		    state->probe_ns > 0 ? "fault" : "cache line from another CPU");
		return;
	}
	if (cost > 0)
		policy_epoch_add(&state->epoch, window, cost);
	if (!policy_epoch_done(limits, &state->epoch) && state->stage == POLICY_HOLD) {
		say(note, "%s", state->held);
		return;
	}
	if (!policy_epoch_done(limits, &state->epoch)) {
		say(note, "%s: measuring, window %u of %u or more",
		    policy_regime_name(state->regime), state->epoch.n, limits->epoch_windows);
		return;
	}
	if (state->stage == POLICY_TRIAL) {
		judge_trial(limits, state, now_ns, note);
	} else if (state->stage == POLICY_HOLD) {
		hold(limits, state, now_ns, note);
	} else {
		state->upwards = state->epoch.quiet * 2 < state->epoch.contended;
		set_base(state);
		/* what its neighbours cost was seen when it was found */
		if (state->best[state->regime].value == state->value[POLICY_BACKOFF_MAX])
			memset(state->tried, 0xff, sizeof(state->tried));
		go_on(limits, state, now_ns, note);
	}
}

static void calm(const struct policy_limits *limits, struct policy_state *state, uint64_t now_ns,
		 struct policy_decision *note)
{
	uint64_t for_ns = now_ns - state->regime_since_ns;

	say(note, "calm");
	for (int k = 0; k < POLICY_NR_KNOBS; k++) {
		if (state->value[k] == limits->home[k])
			continue;
		say(note, "calm for %llu s; back to %s=%u after %llu s",
		    (unsigned long long)(for_ns / 1000000000), policy_knob_name(k), limits->home[k],
		    (unsigned long long)(limits->calm_ns / 1000000000));
		if (for_ns < limits->calm_ns)
			return;
		state->want = (struct policy_decision){.reason = POLICY_QUIET,
						       .knob = k,
						       .old = state->value[k],
						       .new = limits->home[k],
						       .regime = POLICY_CALM};
		say(&state->want, "no contention for %llu s",
		    (unsigned long long)(for_ns / 1000000000));
		return;
	}
}

bool policy_step(const struct policy_limits *limits, const struct policy_window *window,
		 struct policy_state *state, struct policy_decision *ret_decision)
{
	struct policy_decision note = {.reason = POLICY_NOTHING};
	bool changed;

	if (!state->started) {
		state->started = true;
		state->dur_ns = window->dur_ns;
		state->regime_since_ns = window->end_ns;
		memcpy(state->value, window->value, sizeof(state->value));
	}
	changed = note_values(state, window);
	if (is_gap(state, window)) {
		note.regime = state->regime;
		say(&note, "%s: nobody has measured for %llu s", policy_regime_name(note.regime),
		    (unsigned long long)(window->dur_ns / 1000000000));
		*ret_decision = note;
		return false;
	}
	policy_learn(state, window);
	drop_forbidden(limits, state);
	note_regime(limits, state, window);
	note.regime = state->regime;
	if (!changed && !state->want.reason) {
		if (state->regime == POLICY_CALM)
			calm(limits, state, window->end_ns, &note);
		else
			busy(limits, state, window, &note);
	} else if (changed) {
		say(&note, "%s: a value has just changed", policy_regime_name(state->regime));
	}
	*ret_decision = state->want.reason ? state->want : note;
	return state->want.reason != POLICY_NOTHING;
}
