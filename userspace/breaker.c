// SPDX-License-Identifier: GPL-2.0
/*
 * Is it time to step aside? Measured cost and rate against their limits, with a
 * cooldown that doubles, so that a host that stays too busy is left alone for
 * longer and longer. No I/O.
 */
#include <inttypes.h>
#include <stdio.h>

#include "breaker.h"

static uint64_t next_cooldown(const struct breaker *breaker, const struct breaker_limits *limits,
			      uint64_t now_ns)
{
	uint64_t ns = limits->cooldown_ns;

	/* the last opening is long ago: start anew */
	if (breaker->cooldown_ns && now_ns - breaker->since_ns < 10 * breaker->cooldown_ns)
		ns = 2 * breaker->cooldown_ns;
	if (ns > BREAKER_MAX_COOLDOWN_NS)
		ns = BREAKER_MAX_COOLDOWN_NS;
	return ns > limits->cooldown_ns ? ns : limits->cooldown_ns;
}

static bool too_much(struct breaker *breaker, const struct breaker_limits *limits,
		     const struct breaker_sample *sample, char *reason, size_t size)
{
	double seconds = (double)sample->sample_ns / 1e9;
	uint32_t n_cpus = sample->n_cpus ? sample->n_cpus : 1;

	breaker->rate = (double)sample->calls / seconds;
	breaker->cost_millipct = (double)sample->run_ns / sample->sample_ns / n_cpus * 100000.0;
	if (breaker->cost_millipct > limits->cost_millipct) {
		snprintf(reason, size,
			 "BPF programs took %.3f%% of the CPU time, the limit is %.3f%%",
			 breaker->cost_millipct / 1e3, limits->cost_millipct / 1e3);
		return true;
	}
	if (breaker->rate > limits->max_rate) {
		snprintf(reason, size,
			 "BPF programs ran %" PRIu64 " times a second, the limit is %" PRIu64,
			 breaker->rate, limits->max_rate);
		return true;
	}
	return false;
}

enum breaker_decision breaker_decide(struct breaker *breaker, const struct breaker_limits *limits,
				     const struct breaker_sample *sample, uint64_t now_ns,
				     char *reason, size_t size)
{
	if (breaker->open) {
		if (limits->enabled && now_ns - breaker->since_ns < breaker->cooldown_ns)
			return BREAKER_KEEP;
		breaker->open = false;
		breaker->since_ns = now_ns;
		return BREAKER_CLOSE;
	}
	if (!sample || !sample->sample_ns)
		return BREAKER_KEEP;
	if (!too_much(breaker, limits, sample, reason, size) || !limits->enabled) {
		breaker->suspect = false;
		return BREAKER_KEEP;
	}
	if (!breaker->suspect) {
		breaker->suspect = true;
		return BREAKER_AGAIN;
	}
	breaker->suspect = false;
	breaker->cooldown_ns = next_cooldown(breaker, limits, now_ns);
	breaker->open = true;
	breaker->since_ns = now_ns;
	breaker->times++;
	return BREAKER_OPEN;
}
