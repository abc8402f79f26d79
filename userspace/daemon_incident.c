// SPDX-License-Identifier: GPL-2.0
/*
 * What is worth a record, and is it complete? A long wait or a process that waits
 * too much gets one at once; a wait that lasts still is written again, under the
 * same id, when it has ended. A disk that is full costs records, never samples.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "units.h"

static void announce(struct daemon *d, const struct incident *in)
{
	char text[UNITS_BUF];

	if (in->kind == INCIDENT_WAIT)
		log_say(&d->log, LOG_NOTICE, "incident %s: %s[%u] waited %s%s for mmap_lock",
			in->id, in->comm, in->tgid, units_format_duration(text, in->wait_ns),
			in->finished ? "" : " so far");
	else
		log_say(&d->log, LOG_NOTICE,
			"incident %s: threads of %s[%u] waited %" PRIu64
			"%% of the time for its mmap_lock",
			in->id, in->comm, in->tgid, in->ratio_millipct / 1000);
}

static bool is_open(const struct daemon *d, uint32_t tgid, uint64_t start_ns)
{
	for (size_t i = 0; i < d->n_open_waits; i++)
		if (d->open_waits[i].incident.tgid == tgid &&
		    d->open_waits[i].incident.start_ns == start_ns)
			return true;
	return false;
}

/* The record is complete when this wait is over. */
static void follow(struct daemon_open_wait *open, const struct snap_wait *wait)
{
	open->tid = wait->waiter.tid;
	open->begin_ns = wait->begin_ns;
	open->seen_ns = wait->begin_ns + wait->dur_ns;
	open->over = false;
}

/* Remember it until it ends; without room the record stays as it is. */
static void keep_open(struct daemon *d, const struct snap_wait *wait, const struct incident *in)
{
	struct daemon_open_wait *open;

	if (d->n_open_waits == DAEMON_OPEN_WAITS)
		return;
	open = &d->open_waits[d->n_open_waits++];
	follow(open, wait);
	open->incident = *in;
	snprintf(open->comm, sizeof(open->comm), "%s", in->comm);
	snprintf(open->cgroup, sizeof(open->cgroup), "%s", in->cgroup ? in->cgroup : "");
}

/* A record of one kind covers the other kind for as long as its own. */
static bool is_recent(const struct daemon *d, uint64_t record_ns, uint64_t now_ns)
{
	uint64_t most = d->config->incident_cooldown_ns;

	if (most < DAEMON_CALM_NS)
		most = DAEMON_CALM_NS;
	return record_ns && now_ns - record_ns < most;
}

/* One of the same freeze, which ran later than the one whose record is complete. */
static bool is_late(const struct daemon_episode *episode, const struct snap_wait *wait)
{
	return episode && wait->finished && wait->begin_ns < episode->wait_end_ns &&
	       wait->begin_ns + wait->dur_ns < episode->wait_end_ns + DAEMON_CALM_NS;
}

static void long_wait(struct daemon *d, const struct snap_wait *wait)
{
	struct incident in = {.time_unix_ns = daemon_record_time(),
			      .kind = INCIDENT_WAIT,
			      .tgid = wait->tgid,
			      .start_ns = wait->start_ns,
			      .comm = wait->comm,
			      .cgroup = wait->cgroup,
			      .wait_ns = wait->dur_ns,
			      .finished = wait->finished};
	uint64_t now_ns = daemon_now_ns();
	struct daemon_episode *episode = daemon_episode_find(d, wait->tgid, wait->start_ns);

	/* one freeze, one record: the threads queued behind are in it */
	if (!d->config->incidents || wait->dur_ns < d->config->incident_wait_ns || !wait->tgid ||
	    is_open(d, wait->tgid, wait->start_ns) || is_late(episode, wait) ||
	    !incident_due(d->incidents, wait->tgid, wait->start_ns, INCIDENT_WAIT, now_ns))
		return;
	/* what began as many waits is now a long one: the record becomes that of the wait */
	if (episode && is_recent(d, episode->ratio_record_ns, now_ns))
		memcpy(in.id, episode->ratio_id, sizeof(in.id));
	if (daemon_record_write(d, &in))
		return;
	announce(d, &in);
	episode = daemon_episode_note(d, wait->tgid, wait->start_ns);
	if (episode) {
		episode->wait_record_ns = now_ns;
		episode->ratio_record_ns = 0;
		episode->wait_end_ns = wait->finished ? wait->begin_ns + wait->dur_ns : 0;
	}
	if (!wait->finished)
		keep_open(d, wait, &in);
}

/* The thread waited at seen_ns: a wait of it is the same one if it was under way then. */
static struct daemon_open_wait *find_open(struct daemon *d, const struct snap_wait *wait)
{
	uint64_t end_ns = wait->finished ? wait->begin_ns + wait->dur_ns : UINT64_MAX;

	for (size_t i = 0; i < d->n_open_waits; i++) {
		struct daemon_open_wait *open = &d->open_waits[i];

		if (open->tid == wait->waiter.tid && open->incident.tgid == wait->tgid &&
		    open->incident.start_ns == wait->start_ns && wait->begin_ns <= open->seen_ns &&
		    open->seen_ns <= end_ns)
			return open;
	}
	return NULL;
}

/* When will it be an incident, if it lasts? */
static void note_limit(struct daemon *d, const struct snap_wait *wait)
{
	uint64_t at_ns = wait->begin_ns + d->config->incident_wait_ns;

	if (wait->dur_ns < d->config->incident_wait_ns &&
	    (!d->next_limit_ns || at_ns < d->next_limit_ns))
		d->next_limit_ns = at_ns;
}

static void look_at_unfinished(struct daemon *d, const struct snapshot *snap)
{
	d->next_limit_ns = 0;
	for (size_t i = 0; i < snap->n_waits; i++) {
		if (snap->waits[i].finished)
			continue;
		note_limit(d, &snap->waits[i]);
		long_wait(d, &snap->waits[i]);
	}
}

void daemon_incident_poll(struct daemon *d)
{
	struct snapshot *snap = NULL;

	if (!d->config->incidents || !d->next_limit_ns || daemon_now_ns() < d->next_limit_ns)
		return;
	d->next_limit_ns = 0;
	/* without memory for it, the end of the window tries again */
	if (!daemon_snapshot(d, false, &snap))
		look_at_unfinished(d, snap);
	snapshot_free(snap);
}

void daemon_incident_wait(struct daemon *d, const struct snapshot *one)
{
	const struct snap_wait *wait = &one->waits[0];
	struct daemon_open_wait *open = find_open(d, wait);

	if (!open) {
		if (!wait->finished && wait->tgid) {
			daemon_episode_note(d, wait->tgid, wait->start_ns);
			note_limit(d, wait);
		}
		long_wait(d, wait);
		return;
	}
	/* written again at the end of the window: the others have then ended too */
	open->incident.wait_ns = wait->dur_ns;
	open->incident.finished |= wait->finished;
}

/* A freeze is over when the last of those is out who were in it together. */
static bool follow_another(struct daemon_open_wait *open, const struct snapshot *diff)
{
	for (size_t i = 0; i < diff->n_waits; i++) {
		const struct snap_wait *wait = &diff->waits[i];

		if (wait->finished || wait->tgid != open->incident.tgid ||
		    wait->start_ns != open->incident.start_ns || wait->begin_ns > open->seen_ns)
			continue;
		follow(open, wait);
		open->incident.wait_ns = wait->dur_ns;
		open->incident.finished = false;
		return true;
	}
	return false;
}

/*
 * Its end may have been lost: then it is no longer among the waits. Nor is it there
 * when it was let in and has not run yet, so that its end is still to come; and news
 * of those who were in it, too, may come after that of its end. So two looks in turn
 * must find it over.
 */
static bool is_over(struct daemon_open_wait *open, bool seen, bool attached)
{
	bool was_over = open->over;

	/* while detached nothing is seen of it, which is not its end */
	open->over = open->incident.finished || (!seen && attached);
	return open->over && was_over;
}

static void update_open(struct daemon *d, const struct snapshot *diff)
{
	bool seen[DAEMON_OPEN_WAITS] = {false};
	struct daemon_episode *episode;
	size_t kept = 0;

	for (size_t i = 0; i < diff->n_waits; i++) {
		struct daemon_open_wait *open = find_open(d, &diff->waits[i]);

		if (!open || open->incident.finished)
			continue;
		open->incident.wait_ns = diff->waits[i].dur_ns;
		open->incident.finished = diff->waits[i].finished;
		if (!diff->waits[i].finished)
			open->seen_ns = diff->waits[i].begin_ns + diff->waits[i].dur_ns;
		seen[open - d->open_waits] = true;
	}
	for (size_t i = 0; i < d->n_open_waits; i++) {
		struct daemon_open_wait *open = &d->open_waits[i];
		struct incident *in = &open->incident;

		if (!is_over(open, seen[i], diff->meta.attached) || follow_another(open, diff)) {
			d->open_waits[kept++] = *open;
			continue;
		}
		in->finished = true;
		in->comm = open->comm;
		in->cgroup = *open->cgroup ? open->cgroup : NULL;
		if (!daemon_record_write(d, in))
			announce(d, in);
		episode = daemon_episode_note(d, in->tgid, in->start_ns);
		if (episode) {
			episode->wait_record_ns = daemon_now_ns();
			episode->wait_end_ns = open->begin_ns + in->wait_ns;
		}
	}
	d->n_open_waits = kept;
}

/* Is it a tale of its own, or does the record of a long wait tell it, now or soon? */
static bool wants_ratio(struct daemon *d, const struct snapshot *diff, const struct hot_load *load)
{
	const struct daemon_episode *episode = daemon_episode_find(d, load->tgid, load->start_ns);

	return load->millipct >= d->config->incident_millipct &&
	       !is_open(d, load->tgid, load->start_ns) &&
	       !daemon_waits_unfinished(diff, load->tgid, load->start_ns) &&
	       !(episode && is_recent(d, episode->wait_record_ns, daemon_now_ns())) &&
	       incident_due(d->incidents, load->tgid, load->start_ns, INCIDENT_RATIO,
			    daemon_now_ns());
}

static void high_ratio(struct daemon *d, const struct hot_load *load)
{
	struct incident in = {.time_unix_ns = daemon_record_time(),
			      .kind = INCIDENT_RATIO,
			      .tgid = load->tgid,
			      .start_ns = load->start_ns,
			      .comm = load->comm,
			      .ratio_millipct = load->millipct,
			      .finished = true};
	struct daemon_episode *episode;

	if (daemon_record_write(d, &in))
		return;
	announce(d, &in);
	episode = daemon_episode_note(d, in.tgid, in.start_ns);
	if (episode) {
		episode->ratio_record_ns = daemon_now_ns();
		memcpy(episode->ratio_id, in.id, sizeof(in.id));
	}
}

void daemon_incident_window(struct daemon *d, const struct snapshot *diff,
			    const struct hot_load *loads, size_t n)
{
	update_open(d, diff);
	if (!d->config->incidents)
		return;
	daemon_record_trim(d);
	look_at_unfinished(d, diff);
	for (size_t i = 0; i < n; i++)
		if (wants_ratio(d, diff, &loads[i]))
			high_ratio(d, &loads[i]);
}
