/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How good would the policy have been? Windows recorded under one kind of load at
 * several values of the threshold answer for each value what it costs there; so
 * the policy can be run against what was measured, and compared with each fixed
 * value in hindsight. Nothing is extrapolated: a value that was not recorded is
 * answered by the nearest that was. No I/O.
 */
#ifndef FAULTLINE_POLICY_SIM_H
#define FAULTLINE_POLICY_SIM_H

#include "policy.h"

#define POLICY_SIM_NAME	  64
#define POLICY_SIM_VALUES 32 /* thresholds recorded */
#define POLICY_SIM_PHASES 32

struct policy_sim;

struct policy_sim *policy_sim_new(void); /* NULL when out of memory */
void policy_sim_free(struct policy_sim *sim); /* NULL-safe */
/* Phases run in the order in which they were added first. -ENOMEM, -E2BIG. */
int policy_sim_add(struct policy_sim *sim, const char *phase_name,
		   const struct policy_window *window);

struct policy_sim_phase {
	char name[POLICY_SIM_NAME];
	uint32_t best; /* the fixed value that was best in it */
	double best_ns, policy_ns; /* a fault costs, on average */
	double fixed_ns[POLICY_SIM_VALUES]; /* by the values of the result; 0: not known */
	uint32_t changes; /* that the policy made */
	uint32_t hourly; /* the most in any hour */
	uint32_t end; /* the value at its end */
};

struct policy_sim_result {
	uint32_t values[POLICY_SIM_VALUES]; /* ascending */
	size_t n_values;
	/* best_ns / cost, over the phases: 1 would be the best of each phase */
	double fixed_share[POLICY_SIM_VALUES], policy_share;
	struct policy_sim_phase phases[POLICY_SIM_PHASES];
	size_t n_phases;
	uint64_t unrecorded; /* windows answered by a neighbour */
};

/*
 * Once. Each phase for so many windows, its recorded ones over and over. The range of the
 * limits is narrowed to what was recorded. -ENODATA: nothing was recorded at two
 * values in any phase; -ENODATA also when no window has a cost.
 */
int policy_sim_run(struct policy_sim *sim, const struct policy_limits *limits, uint32_t windows,
		   struct policy_sim_result *ret_result);

#endif
