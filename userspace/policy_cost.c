// SPDX-License-Identifier: GPL-2.0
/*
 * What does a fault cost here, and what kind of load is it? The cost of a fault is
 * all that was spent for the faults of a window: handling with the lock and
 * without, attempts in vain, looks at the lock, waits. Costs of single steps are
 * averages of samples; how often each was taken comes from the counters.
 */
#include <math.h>
#include <string.h>

#include "policy.h"

#define MIN_SAMPLE    20 /* fewer tell nothing */
#define ENOUGH	      60 /* of each kind: more add little to the average */
#define ENOUGH_TRIED  1000 /* attempts: they are shown by process, too */
#define TRIES	      30 /* in a row, until all costs are known */
#define WEIGHT	      0.25 /* of a new sample in the average */
#define ABORTS_PCT    25 /* of attempts: speculation mostly fails */
#define WRITER_RATE   10 /* waits of writers a second */
#define CALM_FRACTION 4 /* of busy_rate */
#define SIGMAS	      2.0

/* From one sample to the next. */
#define EACH_WINDOW_NS	   1000000000ULL
#define WHILE_SEARCHING_NS 5000000000ULL
#define SELDOM_NS	   10000000000ULL

static double rate(uint64_t n, uint64_t dur_ns)
{
	return dur_ns ? (double)n * 1e9 / (double)dur_ns : 0;
}

enum policy_regime policy_classify(const struct policy_limits *limits,
				   const struct policy_window *window, enum policy_regime now)
{
	const uint64_t *n = window->counts.n;
	double met = rate(n[SPF_CONTENDED] + n[SPF_ATTEMPT], window->dur_ns);
	double busy = limits->busy_rate;

	if (met < (now == POLICY_CALM ? busy : busy / CALM_FRACTION))
		return POLICY_CALM;
	if (spf_aborts(&window->counts) * 100 >= n[SPF_ATTEMPT] * ABORTS_PCT &&
	    spf_aborts(&window->counts))
		return POLICY_ABORTS;
	if (rate(window->write_waits, window->dur_ns) >= WRITER_RATE)
		return POLICY_WRITERS;
	return POLICY_READERS;
}

static void average(double *mean, const struct policy_sample *sample)
{
	double now;

	if (sample->n < MIN_SAMPLE)
		return;
	now = (double)sample->ns / (double)sample->n;
	*mean = *mean > 0 ? *mean + WEIGHT * (now - *mean) : now;
}

void policy_learn(struct policy_state *state, const struct policy_window *window)
{
	average(&state->ok_ns, &window->ok);
	average(&state->abort_ns, &window->aborted);
	average(&state->locked_ns, &window->locked);
	if (window->probe_ns)
		state->probe_ns = (double)window->probe_ns;
}

/* Aborts may be too rare to be sampled, and then their cost does not matter. */
bool policy_costs_known(const struct policy_state *state)
{
	return state->ok_ns > 0 && state->locked_ns > 0 && state->probe_ns > 0;
}

bool policy_enough_tried(const struct policy_sample *ok, const struct policy_sample *aborted)
{
	return ok->n + aborted->n >= ENOUGH_TRIED && ok->n >= ENOUGH;
}

bool policy_enough_locked(const struct policy_sample *locked)
{
	return locked->n >= ENOUGH;
}

/*
 * To attach and to detach costs something, whatever is sampled between. Until all costs are
 * known each window is used, but not for long: where one of them cannot be measured (a
 * machine too busy to time a look, too few faults with the lock), trying it in each would
 * be one load more.
 */
uint64_t policy_sample_every_ns(const struct policy_state *state, bool decides, bool watched,
				unsigned int in_vain)
{
	if (watched)
		return EACH_WINDOW_NS;
	if (!decides)
		return SELDOM_NS;
	if (!policy_costs_known(state))
		return in_vain < TRIES ? EACH_WINDOW_NS : SELDOM_NS;
	return state->stage == POLICY_HOLD ? SELDOM_NS : WHILE_SEARCHING_NS;
}

double policy_cost(const struct policy_state *state, const struct policy_window *window)
{
	const uint64_t *n = window->counts.n;
	uint64_t locked = n[SPF_FAULTS] > n[SPF_OK] ? n[SPF_FAULTS] - n[SPF_OK] : 0;
	double sum;

	if (n[SPF_FAULTS] < POLICY_MIN_FAULTS || !policy_costs_known(state))
		return 0;
	sum = (double)n[SPF_OK] * state->ok_ns +
	      (double)spf_aborts(&window->counts) * state->abort_ns +
	      (double)locked * state->locked_ns +
	      (double)(n[SPF_CONTENDED] + n[SPF_QUIET]) * state->probe_ns +
	      (double)window->read_wait_ns + (double)window->write_wait_ns;
	return sum / (double)n[SPF_FAULTS];
}

void policy_epoch_add(struct policy_epoch *epoch, const struct policy_window *window,
		      double cost_ns)
{
	const uint64_t *n = window->counts.n;

	epoch->n++;
	epoch->sum_ns += cost_ns;
	epoch->sum_sq += cost_ns * cost_ns;
	epoch->attempts += n[SPF_ATTEMPT];
	epoch->aborts += spf_aborts(&window->counts);
	epoch->ptl += n[SPF_ABORT_PTL];
	epoch->contended += n[SPF_CONTENDED];
	epoch->quiet += n[SPF_QUIET];
}

double policy_epoch_mean(const struct policy_epoch *epoch)
{
	return epoch->n ? epoch->sum_ns / epoch->n : 0;
}

/* Of the mean; squared. */
static double standard_error_sq(const struct policy_epoch *epoch)
{
	double mean = policy_epoch_mean(epoch);
	double sq;

	if (epoch->n < 2)
		return 0;
	sq = (epoch->sum_sq - epoch->sum_ns * mean) / (epoch->n - 1);
	return sq > 0 ? sq / epoch->n : 0;
}

bool policy_epoch_done(const struct policy_limits *limits, const struct policy_epoch *epoch)
{
	double precise = policy_epoch_mean(epoch) * limits->hysteresis_pct / 100.0;

	if (epoch->n < limits->epoch_windows)
		return false;
	return standard_error_sq(epoch) <= precise * precise ||
	       epoch->n >= POLICY_PATIENCE * limits->epoch_windows;
}

bool policy_better(const struct policy_epoch *a, const struct policy_epoch *b, uint32_t pct)
{
	double mean_a = policy_epoch_mean(a), mean_b = policy_epoch_mean(b);
	double noise = SIGMAS * sqrt(standard_error_sq(a) + standard_error_sq(b));

	return mean_a < mean_b * (100.0 - pct) / 100.0 && mean_b - mean_a > noise;
}

uint32_t policy_break_even(const struct policy_state *state, const struct policy_epoch *epoch)
{
	double rent = state->ok_ns - state->locked_ns, value;

	if (rent < 0)
		rent = 0; /* without the lock it is cheaper even when the lock is free */
	if (epoch->attempts)
		rent += (double)epoch->aborts / (double)epoch->attempts * state->abort_ns;
	if (rent * POLICY_NEVER <= state->probe_ns)
		return POLICY_NEVER;
	value = state->probe_ns / rent;
	return value < 1 ? 1 : 1u << (unsigned int)log2(value);
}
