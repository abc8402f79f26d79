// SPDX-License-Identifier: GPL-2.0
/*
 * A running measurement: opens the programs, passes their events on, looks four
 * times a second for waits that have not ended, and keeps account of what all
 * that costs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "session_internal.h"
#include "spf_probe.h"
#include "usym.h"
#include "vmas.h"

#define SWEEP_NS 5000000000ULL
/* From one poll to the next, of so many: a sampled fault costs the kernel two looks at the clock. */
#define SAMPLE_POLLS 4

uint64_t session_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static uint64_t cpu_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

void session_default_opts(struct session_opts *opts)
{
	*opts = (struct session_opts){
		.event_min_ns = 1000000,
		.stack_min_ns = 1000000,
		.hot_min_ns = 100000,
		.unfinished_min_ns = 500000000,
		.holders = true,
		.release = true,
		.max_waiters = 8192,
		.max_procs = 4096,
		.max_blames = 4096,
		.max_stacks = 1024,
		.ring_bytes = 512 * 1024,
	};
}

/* A snapshot for one wait: with the moment, so that it can be told when it began. */
static struct snapshot *snapshot_of_one(void)
{
	struct snapshot *one = snapshot_new();

	if (one)
		session_stamp(&one->meta);
	return one;
}

static bool is_wanted(const struct session *session, uint64_t dur_ns)
{
	return session->on_wait &&
	       (!session->wants || session->wants(session->on_wait_arg, dur_ns));
}

static void take_event(void *arg, const struct fl_event *event)
{
	struct session *session = arg;
	struct snapshot *one;

	tally_add_event(session->tally, event);
	if (!is_wanted(session, event->end_ns - event->wait.begin_ns))
		return;
	one = snapshot_of_one();
	if (one && !session_add_event(session, one, event, true))
		session->on_wait(session->on_wait_arg, one);
	snapshot_free(one);
}

int session_open(const struct session_opts *opts, struct session **ret_session, char **ret_why)
{
	struct session *session = calloc(1, sizeof(*session));
	int err = -ENOMEM;

	*ret_why = NULL;
	if (!session)
		return err;
	session->opts = *opts;
	session->opts.pids = NULL; /* the caller's; the programs have them */
	session->stats_fd = -1;
	session->tally = tally_new();
	session->ksym = ksym_new(NULL);
	if (!session->tally || !session->ksym)
		goto out;
	err = probe_open(opts, &session->probe, ret_why);
	if (err)
		goto out;
	session->facts = *probe_facts(session->probe);
	probe_on_event(session->probe, take_event, session);
	session->opened_ns = session->last_poll_ns = session_now_ns();
	session->last_sweep_ns = session->opened_ns;
	session->cpu_start_ns = cpu_now_ns();
	if (session->facts.speculative)
		spf_read_vmstat(SPF_VMSTAT, &session->spf_start); /* else since boot */
	if (session->facts.speculative && opts->speculation)
		spf_probe_open(false, &session->spf); /* if not: no processes are shown */
	err = probe_attach(session->probe);
	if (err)
		goto out;
	*ret_session = session;
	session = NULL;
out:
	session_close(session);
	return err;
}

void session_close(struct session *session)
{
	if (!session)
		return;
	if (session->stats_fd >= 0)
		close(session->stats_fd);
	spf_probe_close(session->spf);
	probe_close(session->probe);
	usym_free(session->usym);
	vmas_free(session->vmas);
	free(session->vmas_why);
	ksym_free(session->ksym);
	tally_free(session->tally);
	free(session->detached_reason);
	free(session);
}

int session_fd(const struct session *session)
{
	return probe_fd(session->probe);
}

int session_drain(struct session *session)
{
	return probe_drain(session->probe);
}

void session_on_wait(struct session *session, session_wait_fn fn, session_wants_fn wants, void *arg)
{
	session->on_wait = fn;
	session->wants = wants;
	session->on_wait_arg = arg;
}

/* A pass over the kernel's symbols is what announcing costs: one for all of them. */
static void learn_symbols(struct session *session, const struct tally_stuck *stuck, size_t n)
{
	uint32_t tids[SESSION_MAX_LOOKS];
	size_t n_tids = 0;

	for (size_t i = 0; i < n && n_tids + 2 <= SESSION_MAX_LOOKS; i++) {
		const struct fl_waiter *w = &stuck[i].wait;

		if (stuck[i].announced)
			continue;
		tids[n_tids++] = stuck[i].tid;
		if (w->holder.tid && (!i || w->holder.tid != stuck[i - 1].wait.holder.tid))
			tids[n_tids++] = w->holder.tid;
	}
	if (n_tids)
		session_learn_tasks(session, tids, n_tids);
}

static void announce(struct session *session)
{
	struct tally_stuck *stuck;
	struct snapshot *one;
	size_t n;

	stuck = tally_stuck(session->tally, &n);
	if (session->on_wait)
		learn_symbols(session, stuck, n);
	for (size_t i = 0; i < n; i++) {
		if (stuck[i].announced)
			continue;
		stuck[i].announced = true;
		if (!session->on_wait)
			continue;
		one = snapshot_of_one();
		if (one && !session_add_stuck(session, one, &stuck[i], true))
			session->on_wait(session->on_wait_arg, one);
		snapshot_free(one);
	}
}

static void sample_speculation(struct session *session)
{
	unsigned int turn = session->polls++ % SAMPLE_POLLS;

	if (session->spf && turn == 0)
		spf_probe_start(session->spf);
	else if (session->spf && turn == 1)
		spf_probe_stop(session->spf);
}

int session_poll(struct session *session)
{
	uint64_t now_ns = session_now_ns();
	int err;

	if (session->detached_reason)
		return 0;
	sample_speculation(session);
	err = session_find_stuck(session, now_ns);
	if (err)
		return err;
	announce(session);
	session->last_poll_ns = now_ns;
	if (now_ns - session->last_sweep_ns >= SWEEP_NS) {
		session->last_sweep_ns = now_ns;
		err = tally_sweep(session->tally, session->probe, now_ns);
	}
	return err;
}

int session_retune(struct session *session, const struct session_opts *opts)
{
	struct session_opts merged = session->opts;
	int err;

	merged.min_wait_ns = opts->min_wait_ns;
	merged.event_min_ns = opts->event_min_ns;
	merged.stack_min_ns = opts->stack_min_ns;
	merged.hot_min_ns = opts->hot_min_ns;
	merged.unfinished_min_ns = opts->unfinished_min_ns;
	merged.holders = opts->holders;
	err = probe_configure(session->probe, &merged);
	if (!err)
		session->opts = merged;
	return err;
}

int session_set_hot(struct session *session, const uint32_t *tgids, size_t n)
{
	tally_set_hot(session->tally, tgids, n);
	return probe_set_hot(session->probe, tgids, n);
}

int session_detach(struct session *session, const char *reason)
{
	char *copy = strdup(reason);

	if (!copy)
		return -ENOMEM;
	probe_detach(session->probe);
	free(session->detached_reason);
	session->detached_reason = copy;
	tally_set_stuck(session->tally, NULL, 0);
	return 0;
}

static bool end_wait(void *arg, uint32_t tid, const struct fl_waiter *waiter)
{
	(void)arg;
	(void)tid;
	return waiter->begin_ns;
}

int session_attach(struct session *session)
{
	int err;

	if (!session->detached_reason)
		return 0;
	/* waits that were under way have ended unseen, or are seen when they end */
	err = probe_each_waiter(session->probe, end_wait, NULL);
	if (!err)
		err = probe_attach(session->probe);
	if (err)
		return err;
	free(session->detached_reason);
	session->detached_reason = NULL;
	return 0;
}

int session_cost_sample(struct session *session, bool start, struct session_cost *ret_cost)
{
	struct session_cost now = {};
	uint64_t at = session_now_ns();
	int err;

	if (start && session->stats_fd < 0) {
		session->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
		if (session->stats_fd < 0)
			return -errno;
	}
	err = probe_run_stats(session->probe, &now.run_ns, &now.calls, &now.misses);
	if (err)
		return err;
	if (start) {
		session->sample_base = now;
		session->sample_start_ns = at;
		return 0;
	}
	if (session->stats_fd < 0)
		return -EINVAL;
	at = session_now_ns(); /* the counts are of no longer than this, also on a busy CPU */
	close(session->stats_fd);
	session->stats_fd = -1;
	now.run_ns -= session->sample_base.run_ns;
	now.calls -= session->sample_base.calls;
	now.misses -= session->sample_base.misses;
	now.sample_ns = at - session->sample_start_ns;
	session->sampled_ns += now.sample_ns;
	session->sampled_run_ns += now.run_ns;
	if (ret_cost)
		*ret_cost = now;
	return 0;
}

int session_program_cost(struct session *session, const char *program, uint64_t *ret_ns,
			 uint64_t *ret_calls)
{
	return probe_program_stats(session->probe, program, ret_ns, ret_calls);
}
