// SPDX-License-Identifier: GPL-2.0
/* How is a decision called, and what carries it out or takes it back? */
#include <stdio.h>
#include <string.h>

#include "policy.h"

static const char *const knobs[POLICY_NR_KNOBS] = {
	[POLICY_BACKOFF_MAX] = "vm.spf_backoff_max",
	[POLICY_PTL_SPINS] = "vm.spf_ptl_spins",
};

static const char *const regimes[POLICY_NR_REGIMES] = {
	[POLICY_CALM] = "calm",
	[POLICY_READERS] = "readers",
	[POLICY_WRITERS] = "writers",
	[POLICY_ABORTS] = "aborts",
};

static const struct {
	const char *name, *text;
} reasons[POLICY_NR_REASONS] = {
	[POLICY_NOTHING] = {"nothing", "nothing to change"},
	[POLICY_BREAK_EVEN] = {"break-even",
			       "a look at the lock costs what so many needless speculations do"},
	[POLICY_KNOWN] = {"known", "best the last time the load was of this kind"},
	[POLICY_SEARCH] = {"search", "a neighbour of the best value so far"},
	[POLICY_REVERT] = {"revert", "the value tried was not better"},
	[POLICY_QUIET] = {"calm", "contention is over: back to the original"},
};

const char *policy_knob_name(enum policy_knob knob)
{
	return knob < POLICY_NR_KNOBS ? knobs[knob] : "?";
}

const char *policy_knob_file(enum policy_knob knob)
{
	return knob < POLICY_NR_KNOBS ? knobs[knob] + strlen("vm.") : "?";
}

const char *policy_regime_name(enum policy_regime regime)
{
	return regime < POLICY_NR_REGIMES ? regimes[regime] : "?";
}

const char *policy_reason_name(enum policy_reason reason)
{
	return reason < POLICY_NR_REASONS ? reasons[reason].name : "?";
}

const char *policy_reason_text(enum policy_reason reason)
{
	return reason < POLICY_NR_REASONS ? reasons[reason].text : "?";
}

const char *policy_id(const struct policy_decision *decision, char buf[POLICY_ID_LEN])
{
	snprintf(buf, POLICY_ID_LEN, "%s-%u-%u-%s",
		 policy_knob_file(decision->knob) + strlen("spf_"), decision->old, decision->new,
		 policy_reason_name(decision->reason));
	return buf;
}

const char *policy_do(const struct policy_decision *decision, char buf[POLICY_LINE_LEN])
{
	snprintf(buf, POLICY_LINE_LEN, "sysctl -w %s=%u", policy_knob_name(decision->knob),
		 decision->new);
	return buf;
}

const char *policy_undo(const struct policy_decision *decision, char buf[POLICY_LINE_LEN])
{
	snprintf(buf, POLICY_LINE_LEN, "sysctl -w %s=%u", policy_knob_name(decision->knob),
		 decision->old);
	return buf;
}
