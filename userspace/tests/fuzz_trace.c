// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: whatever a recording holds, it is refused with a reason, or the
 * policy can be run on it, and is at home or within what was recorded.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy_sim.h"
#include "policy_trace.h"

#define WINDOWS 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct policy_sim_result *r, uint32_t home)
{
	if (!r->n_values || r->n_values > POLICY_SIM_VALUES || !r->n_phases ||
	    r->n_phases > POLICY_SIM_PHASES || isnan(r->policy_share))
		abort();
	for (size_t i = 0; i < r->n_phases; i++) {
		uint32_t end = r->phases[i].end;

		if (end != home && (end < r->values[0] || end > r->values[r->n_values - 1]))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *in = size ? fmemopen((void *)data, size, "r") : NULL;
	struct policy_sim *sim = policy_sim_new();
	struct policy_sim_result *result = calloc(1, sizeof(*result));
	struct policy_trace trace = {.windows = 0};
	char why[200] = "";

	if (!in || !sim || !result)
		goto out;
	if (policy_trace_read(in, "fuzz", sim, &trace, why, sizeof(why))) {
		if (!*why)
			abort();
		goto out;
	}
	if (!trace.has_limits)
		policy_default_limits((const uint32_t[POLICY_NR_KNOBS]){64, 8}, &trace.limits);
	if (!policy_sim_run(sim, &trace.limits, WINDOWS, result))
		check(result, trace.limits.home[POLICY_BACKOFF_MAX]);
out:
	if (in)
		fclose(in);
	policy_sim_free(sim);
	free(result);
	return 0;
}
