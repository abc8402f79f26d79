// SPDX-License-Identifier: GPL-2.0
/*
 * The policy against the recorded past. What a window costs is reckoned with the
 * samples of its own value and phase, whatever the policy has learned so far.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy_sim.h"

#define B POLICY_BACKOFF_MAX

struct pool { /* of one phase, at one value */
	uint32_t value;
	struct policy_window *windows;
	size_t n, next;
	struct policy_state costs;
	double mean_ns;
};

struct phase {
	char name[POLICY_SIM_NAME];
	struct pool pools[POLICY_SIM_VALUES];
	size_t n;
};

struct policy_sim {
	struct phase phases[POLICY_SIM_PHASES];
	size_t n;
};

struct policy_sim *policy_sim_new(void)
{
	return calloc(1, sizeof(struct policy_sim));
}

void policy_sim_free(struct policy_sim *sim)
{
	if (!sim)
		return;
	for (size_t i = 0; i < sim->n; i++)
		for (size_t k = 0; k < sim->phases[i].n; k++)
			free(sim->phases[i].pools[k].windows);
	free(sim);
}

static struct phase *phase_of(struct policy_sim *sim, const char *name)
{
	for (size_t i = 0; i < sim->n; i++)
		if (!strcmp(sim->phases[i].name, name))
			return &sim->phases[i];
	if (sim->n == POLICY_SIM_PHASES || strlen(name) >= POLICY_SIM_NAME)
		return NULL;
	strcpy(sim->phases[sim->n].name, name);
	return &sim->phases[sim->n++];
}

static struct pool *pool_of(struct phase *phase, uint32_t value)
{
	for (size_t i = 0; i < phase->n; i++)
		if (phase->pools[i].value == value)
			return &phase->pools[i];
	if (phase->n == POLICY_SIM_VALUES)
		return NULL;
	phase->pools[phase->n].value = value;
	return &phase->pools[phase->n++];
}

int policy_sim_add(struct policy_sim *sim, const char *phase_name,
		   const struct policy_window *window)
{
	struct phase *phase = phase_of(sim, phase_name);
	struct pool *pool = phase ? pool_of(phase, window->value[B]) : NULL;
	struct policy_window *grown;

	if (!pool)
		return -E2BIG;
	grown = realloc(pool->windows, (pool->n + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	pool->windows = grown;
	grown[pool->n++] = *window;
	return 0;
}

/* --- what was recorded */

static void reckon_pool(struct pool *pool)
{
	double sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < pool->n; i++)
		policy_learn(&pool->costs, &pool->windows[i]);
	for (size_t i = 0; i < pool->n; i++) {
		double cost = policy_cost(&pool->costs, &pool->windows[i]);

		sum += cost;
		n += cost > 0;
	}
	pool->mean_ns = n ? sum / n : 0;
	pool->next = 0;
}

/*
 * Where others have a cost, a value without one, whose costs could not be
 * measured, is as good as not recorded: it must not look cheap.
 */
static void reckon_pools(struct phase *phase)
{
	bool any = false;
	size_t kept = 0;

	for (size_t i = 0; i < phase->n; i++) {
		reckon_pool(&phase->pools[i]);
		any |= phase->pools[i].mean_ns > 0;
	}
	for (size_t i = 0; i < phase->n; i++) {
		if (any && !(phase->pools[i].mean_ns > 0))
			free(phase->pools[i].windows);
		else
			phase->pools[kept++] = phase->pools[i];
	}
	phase->n = kept;
}

static int ascending(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int find_values(const struct policy_sim *sim, struct policy_sim_result *result)
{
	for (size_t i = 0; i < sim->n; i++) {
		for (size_t k = 0; k < sim->phases[i].n; k++) {
			uint32_t value = sim->phases[i].pools[k].value;
			size_t at = 0;

			while (at < result->n_values && result->values[at] != value)
				at++;
			if (at == POLICY_SIM_VALUES)
				return -E2BIG;
			if (at == result->n_values)
				result->values[result->n_values++] = value;
		}
	}
	qsort(result->values, result->n_values, sizeof(result->values[0]), ascending);
	return result->n_values > 1 ? 0 : -ENODATA;
}

/* The pool of this value, or of the nearest, by factors. */
static struct pool *nearest(struct phase *phase, uint32_t value)
{
	struct pool *best = &phase->pools[0];

	for (size_t i = 1; i < phase->n; i++)
		if (fabs(log2(phase->pools[i].value) - log2(value)) <
		    fabs(log2(best->value) - log2(value)))
			best = &phase->pools[i];
	return best;
}

static void reckon_phase(struct phase *phase, struct policy_sim_result *result,
			 struct policy_sim_phase *out)
{
	memcpy(out->name, phase->name, sizeof(out->name));
	for (size_t v = 0; v < result->n_values; v++) {
		struct pool *pool = nearest(phase, result->values[v]);

		out->fixed_ns[v] = pool->mean_ns;
		if (pool->mean_ns > 0 && pool->value == result->values[v] &&
		    (!out->best || pool->mean_ns < out->best_ns)) {
			out->best = pool->value;
			out->best_ns = pool->mean_ns;
		}
	}
}

/* --- the run */

struct run {
	struct policy_limits limits;
	struct policy_state state;
	uint64_t now_ns;
	uint32_t value[POLICY_NR_KNOBS];
	uint64_t *changes_ns; /* of the phase */
	size_t n_changes;
};

static uint32_t most_in_an_hour(const uint64_t *times_ns, size_t n)
{
	uint32_t most = 0;

	for (size_t i = 0; i < n; i++) {
		size_t k = i;

		while (k < n && times_ns[k] - times_ns[i] < POLICY_HOUR_NS)
			k++;
		if (k - i > most)
			most = k - i;
	}
	return most;
}

/* One window of the phase at the present value; its cost is returned. */
static double one_window(struct run *run, struct phase *phase, struct policy_sim_result *result)
{
	struct pool *pool = nearest(phase, run->value[B]);
	struct policy_window window = pool->windows[pool->next++ % pool->n];
	struct policy_decision decision;
	double cost = policy_cost(&pool->costs, &window);

	result->unrecorded += pool->value != run->value[B];
	run->now_ns += window.dur_ns;
	window.end_ns = run->now_ns;
	memcpy(window.value, run->value, sizeof(window.value));
	if (policy_step(&run->limits, &window, &run->state, &decision)) {
		run->value[decision.knob] = decision.new;
		run->changes_ns[run->n_changes++] = run->now_ns;
	}
	return cost;
}

static void run_phase(struct run *run, struct phase *phase, uint32_t windows,
		      struct policy_sim_result *result, struct policy_sim_phase *out)
{
	double sum = 0;
	uint32_t n = 0;

	run->n_changes = 0;
	for (uint32_t i = 0; i < windows; i++) {
		double cost = one_window(run, phase, result);

		sum += cost;
		n += cost > 0;
	}
	out->policy_ns = n ? sum / n : 0;
	out->changes = run->n_changes;
	out->hourly = most_in_an_hour(run->changes_ns, run->n_changes);
	out->end = run->value[B];
}

/* Where nothing has a cost there is nothing to lose: the phase counts as 1. */
static void add_shares(struct policy_sim_result *result)
{
	for (size_t i = 0; i < result->n_phases; i++) {
		const struct policy_sim_phase *phase = &result->phases[i];
		double part = 1.0 / result->n_phases;

		for (size_t v = 0; v < result->n_values; v++)
			result->fixed_share[v] +=
				phase->fixed_ns[v] > 0 ? part * phase->best_ns / phase->fixed_ns[v]
						       : part;
		result->policy_share +=
			phase->policy_ns > 0 ? part * phase->best_ns / phase->policy_ns : part;
	}
}

int policy_sim_run(struct policy_sim *sim, const struct policy_limits *limits, uint32_t windows,
		   struct policy_sim_result *ret_result)
{
	struct policy_sim_result result = {.n_values = 0};
	struct run run = {.limits = *limits};
	bool any = false;
	int err;

	for (size_t i = 0; i < sim->n; i++)
		reckon_pools(&sim->phases[i]);
	err = find_values(sim, &result);
	if (err)
		return err;
	if (run.limits.min[B] < result.values[0])
		run.limits.min[B] = result.values[0];
	if (run.limits.max[B] > result.values[result.n_values - 1])
		run.limits.max[B] = result.values[result.n_values - 1];
	/* what was recorded says nothing of other numbers of tries */
	run.limits.min[POLICY_PTL_SPINS] = run.limits.max[POLICY_PTL_SPINS] =
		limits->home[POLICY_PTL_SPINS];
	memcpy(run.value, limits->home, sizeof(run.value));
	run.changes_ns = calloc(windows, sizeof(*run.changes_ns));
	if (!run.changes_ns)
		return -ENOMEM;
	result.n_phases = sim->n;
	for (size_t i = 0; i < sim->n; i++) {
		reckon_phase(&sim->phases[i], &result, &result.phases[i]);
		run_phase(&run, &sim->phases[i], windows, &result, &result.phases[i]);
		any |= result.phases[i].best_ns > 0;
	}
	free(run.changes_ns);
	if (!any)
		return -ENODATA;
	add_shares(&result);
	*ret_result = result;
	return 0;
}
