// SPDX-License-Identifier: GPL-2.0
/* How far and how often may a setting be changed? */
#include <string.h>

#include "policy.h"

void policy_default_limits(const uint32_t home[POLICY_NR_KNOBS], struct policy_limits *ret_limits)
{
	*ret_limits = (struct policy_limits){
		.min = {[POLICY_BACKOFF_MAX] = 1, [POLICY_PTL_SPINS] = 1},
		.max = {[POLICY_BACKOFF_MAX] = 4096, [POLICY_PTL_SPINS] = 64},
		.max_step = 8,
		.max_changes = 6,
		.busy_rate = 100,
		.hysteresis_pct = 3,
		.epoch_windows = 5,
		.cooldown_ns = 10 * 1000000000ULL,
		.calm_ns = 300 * 1000000000ULL,
	};
	memcpy(ret_limits->home, home, sizeof(ret_limits->home));
}

uint32_t policy_within(const struct policy_limits *limits, enum policy_knob knob, uint32_t from,
		       uint64_t value)
{
	uint64_t low = from / limits->max_step, high = (uint64_t)from * limits->max_step;

	if (low < limits->min[knob])
		low = limits->min[knob];
	if (high > limits->max[knob])
		high = limits->max[knob];
	if (value > high)
		value = high;
	return value < low ? low : value;
}

void policy_narrow(struct policy_limits *limits, const struct policy_decision *refused)
{
	if (refused->reason == POLICY_QUIET)
		return;
	if (refused->new > refused->old)
		limits->max[refused->knob] = refused->old;
	else
		limits->min[refused->knob] = refused->old;
}

void policy_count_change(struct policy_state *state, uint64_t now_ns)
{
	state->change_ns[state->n_changes++ % POLICY_MAX_RING] = now_ns;
}

static uint32_t changes_since(const struct policy_state *state, uint64_t since_ns)
{
	uint32_t n = state->n_changes < POLICY_MAX_RING ? state->n_changes : POLICY_MAX_RING;
	uint32_t found = 0;

	for (uint32_t i = 0; i < n; i++)
		found += state->change_ns[i] >= since_ns;
	return found;
}

bool policy_has_budget(const struct policy_limits *limits, const struct policy_state *state,
		       uint64_t now_ns)
{
	uint64_t hour_ns = now_ns > POLICY_HOUR_NS ? now_ns - POLICY_HOUR_NS : 0;
	uint64_t steady_ns = state->regime_since_ns > hour_ns ? state->regime_since_ns : hour_ns;

	return changes_since(state, steady_ns) + 2 <= limits->max_changes &&
	       changes_since(state, hour_ns) + 2 <= limits->max_changes * POLICY_FLUTTER;
}

bool policy_cools_down(const struct policy_limits *limits, const struct policy_state *state,
		       uint64_t now_ns)
{
	uint64_t last_ns = state->change_ns[(state->n_changes - 1) % POLICY_MAX_RING];

	return state->n_changes && now_ns - last_ns < limits->cooldown_ns;
}
