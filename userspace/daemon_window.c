// SPDX-License-Identifier: GPL-2.0
/*
 * What has the last second shown? Who is hot, what is an incident, and whether our
 * own programs cost too much. Decisions are in hot.c, breaker.c and incident.c.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"

#define SPARE_BYTES (4UL << 20)

/*
 * An answer about hundreds of processes is tens of megabytes while it is made up;
 * malloc would keep them. What each look takes and frees may stay.
 */
static void give_back(void)
{
	if (mallinfo2().fordblks > SPARE_BYTES)
		malloc_trim(0);
}

static void escalate(struct daemon *d, const struct hot_load *loads, size_t n)
{
	struct hot_limits limits = {.enter_millipct = d->config->hot_enter_millipct,
				    .leave_millipct = d->config->hot_leave_millipct,
				    .max = d->config->hot_max};
	uint32_t tgids[HOT_MAX];
	int err;

	if (!hot_update(&d->hot, &limits, loads, n))
		return;
	for (size_t i = 0; i < d->hot.n; i++)
		tgids[i] = d->hot.procs[i].tgid;
	err = session_set_hot(d->session, tgids, d->hot.n);
	if (err)
		log_problem(&d->log, "hot", "hot processes not set: %s", strerror(-err));
}

static void apply_breaker(struct daemon *d, const struct breaker_sample *sample)
{
	struct breaker_limits limits = {.enabled = d->config->breaker,
					.cost_millipct = d->config->breaker_cost_millipct,
					.max_rate = d->config->breaker_max_rate,
					.cooldown_ns = d->config->breaker_cooldown_ns};
	char reason[160];
	int err = 0;

	switch (breaker_decide(&d->breaker, &limits, sample, daemon_now_ns(), reason,
			       sizeof(reason))) {
	case BREAKER_KEEP:
		return;
	case BREAKER_AGAIN:
		loop_timer_set(d->cost_timer, 1, 0);
		return;
	case BREAKER_OPEN:
		err = session_detach(d->session, reason);
		log_say(&d->log, LOG_WARNING, "detached: %s; attaching again in %llu s", reason,
			(unsigned long long)(d->breaker.cooldown_ns / 1000000000));
		notify_send(&d->notify, "STATUS=detached: %s", reason);
		break;
	case BREAKER_CLOSE:
		err = session_attach(d->session);
		if (err) { /* stays open, and is tried again after the cooldown */
			d->breaker.open = true;
			d->breaker.since_ns = daemon_now_ns();
			break;
		}
		log_say(&d->log, LOG_NOTICE, "attached again");
		notify_send(&d->notify, "STATUS=%s", daemon_doing(d));
		/* what waited all the time is found again before anybody takes it for ended */
		err = session_poll(d->session);
		loop_timer_set(d->cost_timer, DAEMON_WINDOW_NS, 0); /* look soon */
	}
	if (err)
		log_problem(&d->log, "breaker", "circuit breaker: %s", strerror(-err));
}

static int look(struct daemon *d, struct snapshot **ret_now, struct snapshot **ret_diff)
{
	struct snapshot *now = NULL;
	int err;

	err = daemon_snapshot(d, false, &now);
	if (!err && d->before)
		err = snapshot_diff(d->before, now, ret_diff);
	if (err) {
		snapshot_free(now);
		return err;
	}
	*ret_now = now;
	return 0;
}

/*
 * Who has come out since the last look must not be taken for stuck, and the record
 * that is then written is to have the single waits as well as their sum. In a storm
 * there is always one more: for so long only.
 */
static int catch_up(struct daemon *d)
{
	uint64_t until_ns = daemon_now_ns() + DAEMON_CATCH_UP_NS;
	int err;

	if (!d->n_open_waits)
		return 0;
	do
		err = session_drain(d->session);
	while (err > 0 && daemon_now_ns() < until_ns);
	return err < 0 ? err : session_poll(d->session);
}

void daemon_window(void *daemon)
{
	struct daemon *d = daemon;
	struct hot_load *loads = NULL;
	struct snapshot *now = NULL, *diff = NULL;
	size_t n = 0;
	int err;

	if (d->breaker.open)
		apply_breaker(d, NULL);
	err = catch_up(d);
	if (!err)
		err = look(d, &now, &diff);
	if (!err && diff)
		err = hot_loads(diff, &loads, &n);
	if (!err && diff) {
		escalate(d, loads, n);
		daemon_incident_window(d, diff, loads, n);
		daemon_episode_window(d, diff);
		daemon_policy_window(d, diff);
	}
	if (err)
		log_problem(&d->log, "window", "the last second was not looked at: %s",
			    strerror(-err));
	if (now) { /* only now: incident records cover the window as well */
		snapshot_free(d->before);
		d->before = now;
	}
	free(loads);
	snapshot_free(diff);
	control_tick(d->control, daemon_now_ns());
	if (d->http)
		http_tick(d->http);
	give_back();
}

void daemon_cost(void *daemon)
{
	struct daemon *d = daemon;
	struct session_cost cost = {0};
	struct breaker_sample sample;
	int err;

	if (!d->sampling && d->breaker.open) { /* nothing runs, nothing to measure */
		loop_timer_set(d->cost_timer, DAEMON_COST_NS, 0);
		return;
	}
	err = session_cost_sample(d->session, !d->sampling, &cost);
	if (err)
		log_problem(&d->log, "cost",
			    "own cost cannot be measured (%s): the circuit breaker is blind",
			    strerror(-err));
	d->sampling = !d->sampling && !err;
	loop_timer_set(d->cost_timer, d->sampling ? DAEMON_SAMPLE_NS : DAEMON_COST_NS, 0);
	if (d->sampling || err)
		return;
	log_solved(&d->log, "cost");
	sample = (struct breaker_sample){cost.sample_ns, cost.run_ns, cost.calls, d->n_cpus};
	apply_breaker(d, &sample);
}
