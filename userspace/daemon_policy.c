// SPDX-License-Identifier: GPL-2.0
/*
 * The closed loop: each window is measured and given to policy.c; what that
 * decides is shown, suggested or carried out, as the mode says. A failure here
 * changes no setting and nothing else of the daemon.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon_policy.h"

static enum policy_mode mode_of(const char *name)
{
	if (!strcmp(name, "enforce"))
		return MODE_ENFORCE;
	return !strcmp(name, "advise") ? MODE_ADVISE : MODE_OBSERVE;
}

static void set_limits(const struct config *c, struct policy_limits *limits)
{
	static const uint32_t home[POLICY_NR_KNOBS]; /* known with the first window */

	policy_default_limits(home, limits);
	limits->min[POLICY_BACKOFF_MAX] = c->policy_backoff_min;
	limits->max[POLICY_BACKOFF_MAX] = c->policy_backoff_max;
	limits->min[POLICY_PTL_SPINS] = c->policy_spins_min;
	limits->max[POLICY_PTL_SPINS] = c->policy_spins_max;
	limits->max_step = c->policy_max_step;
	limits->max_changes = c->policy_max_changes;
	limits->busy_rate = c->policy_busy_rate;
	limits->hysteresis_pct = (c->policy_hysteresis_millipct + 500) / 1000;
	limits->cooldown_ns = c->policy_cooldown_ns;
	limits->calm_ns = c->policy_calm_ns;
}

/* What is there and was not set by us is the original. */
static void find_home(struct daemon_policy *p)
{
	for (int k = 0; k < POLICY_NR_KNOBS; k++)
		p->limits.home[k] = p->records[k].recorded ? p->records[k].original
							   : p->window.value[k];
}

/* Each fault pays for being sampled: not longer than is needed to know what it costs. */
static void sample_goes_on(void *arg)
{
	struct daemon_policy *p = arg;
	uint64_t now_ns = daemon_now_ns();

	if (!p->sampling)
		return;
	if (now_ns < p->sample_end_ns && !policy_meter_has_enough(p->meter)) {
		loop_timer_set(p->sample_timer, POLICY_ENOUGH_NS, 0);
		return;
	}
	policy_meter_sample(p->meter, false);
	p->sampling = false;
}

static uint64_t sample_every_ns(const struct daemon_policy *p, uint64_t now_ns)
{
	return policy_sample_every_ns(&p->state, p->mode != MODE_OBSERVE,
				      now_ns < p->watched_until_ns, p->in_vain);
}

/* Only under contention: a calm host has nothing to be measured, and pays nothing. */
static void sample(struct daemon_policy *p, uint64_t now_ns)
{
	bool busy = policy_classify(&p->limits, &p->window, p->state.regime) != POLICY_CALM;

	if (!busy || p->sampling || now_ns < p->next_sample_ns || !p->sample_timer)
		return;
	policy_meter_sample(p->meter, true);
	p->sampling = true;
	p->in_vain = policy_costs_known(&p->state) ? 0 : p->in_vain + 1;
	p->sample_end_ns = now_ns + POLICY_SAMPLE_NS;
	p->next_sample_ns = now_ns + sample_every_ns(p, now_ns);
	loop_timer_set(p->sample_timer, POLICY_ENOUGH_NS, 0);
}

void daemon_policy_watched(struct daemon *d)
{
	struct daemon_policy *p = d->policy;
	uint64_t now_ns = daemon_now_ns();

	if (!p || !p->meter)
		return;
	p->watched_until_ns = now_ns + POLICY_WATCHED_NS;
	if (p->next_sample_ns > now_ns + sample_every_ns(p, now_ns))
		p->next_sample_ns = now_ns;
}

/* Without the waits a fault looks cheap at whatever value is being tried. */
static void hold_still(struct daemon_policy *p)
{
	p->decided = false;
	p->decision = (struct policy_decision){.reason = POLICY_NOTHING, .regime = p->state.regime};
	snprintf(p->decision.evidence, sizeof(p->decision.evidence),
		 "waits are not measured now: circuit breaker open");
	daemon_policy_check(p);
}

void daemon_policy_window(struct daemon *d, const struct snapshot *diff)
{
	struct daemon_policy *p = d->policy;
	uint64_t now_ns = daemon_now_ns();
	int err;

	if (!p || !p->meter)
		return;
	err = policy_meter_window(p->meter, diff, now_ns, &p->window);
	if (err) {
		log_problem(&d->log, "policy", "policy: this window is not known: %s",
			    strerror(-err));
		return;
	}
	log_solved(&d->log, "policy");
	find_home(p);
	if (!diff->meta.attached) {
		hold_still(p);
		return;
	}
	p->decided = policy_step(&p->limits, &p->window, &p->state, &p->decision);
	daemon_policy_trace(p);
	sample(p, now_ns);
	daemon_policy_check(p);
	if (p->decided && p->mode != MODE_OBSERVE)
		daemon_policy_carry_out(p, now_ns);
}

static void open_meter(struct daemon_policy *p)
{
	const char *proc = p->daemon->opts.proc ? p->daemon->opts.proc : "/proc";
	int err = policy_meter_open(proc, true, &p->meter);

	if (err == -ENOTSUP)
		snprintf(p->why, sizeof(p->why),
			 "nothing to tune: this kernel has no speculative page faults (vm.spf_*)");
	else if (err)
		snprintf(p->why, sizeof(p->why), "nothing to tune: %s cannot be read (%s)", proc,
			 strerror(-err));
	if (!p->meter && p->mode != MODE_OBSERVE)
		log_say(&p->daemon->log, LOG_NOTICE, "policy: %s", p->why);
}

static void say_features(const struct daemon_policy *p)
{
	struct spf_probe *probe = policy_meter_probe(p->meter);

	for (int i = 0; probe && i < SPF_NR_FEATURES; i++) {
		const struct spf_feature_state *feature = spf_probe_feature(probe, i);

		if (!feature->on)
			log_say(&p->daemon->log, LOG_WARNING, "policy: %s is not measured: %s",
				feature->name, feature->reason);
	}
}

/* The child may write settings; from here on we may not. */
static void start_client(struct daemon_policy *p)
{
	int err;

	daemon_policy_start_client(p);
	err = daemon_caps_settings_read_only();
	if (err)
		log_say(&p->daemon->log, LOG_WARNING,
			"policy: the daemon itself could still write settings: /proc/sys not made "
			"read-only (%s)",
			strerror(-err));
}

int daemon_policy_open(struct daemon *d)
{
	struct daemon_policy *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	d->policy = p;
	p->daemon = d;
	p->mode = mode_of(d->config->policy_mode);
	p->log = json_array();
	set_limits(d->config, &p->limits);
	open_meter(p);
	if (!p->meter)
		return 0;
	say_features(p);
	daemon_policy_trace_open(p);
	if (p->mode != MODE_OBSERVE)
		start_client(p);
	return loop_timer(d->loop, 0, 0, sample_goes_on, p, &p->sample_timer);
}

void daemon_policy_close(struct daemon *d)
{
	struct daemon_policy *p = d->policy;

	if (!p)
		return;
	if (p->sampling)
		policy_meter_sample(p->meter, false);
	knob_client_close(p->client, DAEMON_STOP_NS / 2000000);
	policy_meter_close(p->meter);
	if (p->trace)
		fclose(p->trace);
	json_decref(p->log);
	free(p);
	d->policy = NULL;
}
