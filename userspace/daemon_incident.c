// SPDX-License-Identifier: GPL-2.0
/*
 * What is worth a record, and is it complete? A long wait or a process that waits
 * too much gets one at once; a wait that lasts still is written again, under the
 * same id, when it has ended. A disk that is full costs records, never samples.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon.h"
#include "units.h"
#include "verdict.h"

/* What is known of the process now, against the end of the last window. */
static int picture(struct daemon *d, uint32_t tgid, struct snapshot **ret_snap)
{
	struct snap_filter filter = {.pids = &tgid, .n_pids = 1};
	struct snapshot *now = NULL, *diff = NULL;
	int err;

	err = daemon_snapshot(d, true, &now);
	if (err)
		return err;
	if (d->before) {
		err = snapshot_diff(d->before, now, &diff);
		snapshot_free(now);
		now = diff;
	}
	if (err)
		return err;
	snapshot_filter(now, &filter);
	*ret_snap = now;
	return 0;
}

static int write_record(struct daemon *d, struct incident *incident)
{
	char verdict[VERDICT_LINE];
	struct snapshot *snap = NULL;
	json_t *json = NULL;
	int err;

	err = picture(d, incident->tgid, &snap);
	if (!err) {
		incident->verdict = verdict_line(verdict, sizeof(verdict), snap, incident->tgid);
		json = snapshot_to_json(snap);
		err = json ? incident_write(d->incidents, incident, json) : -ENOMEM;
		incident->verdict = NULL;
	}
	json_decref(json);
	snapshot_free(snap);
	if (err)
		log_problem(&d->log, "incident",
			    "%s: record not written (%s); free space or check the folder",
			    d->config->incident_dir, strerror(-err));
	else
		log_solved(&d->log, "incident");
	return err;
}

static uint64_t unix_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

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

/* Remember it until it ends; without room the record stays as it is. */
static void keep_open(struct daemon *d, const struct snap_wait *wait, const struct incident *in)
{
	struct daemon_open_wait *open;

	if (d->n_open_waits == DAEMON_OPEN_WAITS)
		return;
	open = &d->open_waits[d->n_open_waits++];
	open->tid = wait->waiter.tid;
	open->begin_ns = wait->begin_ns;
	open->incident = *in;
	snprintf(open->comm, sizeof(open->comm), "%s", in->comm);
	snprintf(open->cgroup, sizeof(open->cgroup), "%s", in->cgroup ? in->cgroup : "");
}

static void long_wait(struct daemon *d, const struct snap_wait *wait)
{
	struct incident in = {.time_unix_ns = unix_ns(),
			      .kind = INCIDENT_WAIT,
			      .tgid = wait->tgid,
			      .start_ns = wait->start_ns,
			      .comm = wait->comm,
			      .cgroup = wait->cgroup,
			      .wait_ns = wait->dur_ns,
			      .finished = wait->finished};

	/* one freeze, one record: the threads queued behind are in it */
	if (!d->config->incidents || wait->dur_ns < d->config->incident_wait_ns || !wait->tgid ||
	    is_open(d, wait->tgid, wait->start_ns) ||
	    !incident_due(d->incidents, wait->tgid, wait->start_ns, INCIDENT_WAIT, daemon_now_ns()))
		return;
	if (write_record(d, &in))
		return;
	announce(d, &in);
	if (!wait->finished)
		keep_open(d, wait, &in);
}

static struct daemon_open_wait *find_open(struct daemon *d, const struct snap_wait *wait)
{
	for (size_t i = 0; i < d->n_open_waits; i++)
		if (d->open_waits[i].tid == wait->waiter.tid &&
		    d->open_waits[i].begin_ns == wait->begin_ns)
			return &d->open_waits[i];
	return NULL;
}

void daemon_incident_wait(struct daemon *d, const struct snapshot *one)
{
	const struct snap_wait *wait = &one->waits[0];
	struct daemon_open_wait *open = find_open(d, wait);

	if (!open) {
		long_wait(d, wait);
		return;
	}
	/* written again at the end of the window: the others have then ended too */
	open->incident.wait_ns = wait->dur_ns;
	open->incident.finished |= wait->finished;
}

/* Its end may have been lost: then it is no longer among the waits. */
static void update_open(struct daemon *d, const struct snapshot *diff)
{
	bool seen[DAEMON_OPEN_WAITS] = {false};
	size_t kept = 0;

	for (size_t i = 0; i < diff->n_waits; i++) {
		struct daemon_open_wait *open = find_open(d, &diff->waits[i]);

		if (!open || open->incident.finished)
			continue;
		open->incident.wait_ns = diff->waits[i].dur_ns;
		open->incident.finished = diff->waits[i].finished;
		seen[open - d->open_waits] = true;
	}
	for (size_t i = 0; i < d->n_open_waits; i++) {
		struct daemon_open_wait *open = &d->open_waits[i];
		struct incident *in = &open->incident;

		/* while detached nothing is seen of it, which is not its end */
		if (!in->finished && (seen[i] || !diff->meta.attached)) {
			d->open_waits[kept++] = *open;
			continue;
		}
		in->finished = true;
		in->comm = open->comm;
		in->cgroup = *open->cgroup ? open->cgroup : NULL;
		if (!write_record(d, in))
			announce(d, in);
	}
	d->n_open_waits = kept;
}

void daemon_incident_window(struct daemon *d, const struct snapshot *diff,
			    const struct hot_load *loads, size_t n)
{
	update_open(d, diff);
	if (!d->config->incidents)
		return;
	for (size_t i = 0; i < diff->n_waits; i++)
		if (!diff->waits[i].finished)
			long_wait(d, &diff->waits[i]);
	for (size_t i = 0; i < n && loads[i].millipct >= d->config->incident_millipct; i++) {
		struct incident in = {.time_unix_ns = unix_ns(),
				      .kind = INCIDENT_RATIO,
				      .tgid = loads[i].tgid,
				      .start_ns = loads[i].start_ns,
				      .comm = loads[i].comm,
				      .ratio_millipct = loads[i].millipct,
				      .finished = true};

		/* the record of the wait that lasts still tells the same story */
		if (!is_open(d, in.tgid, in.start_ns) &&
		    incident_due(d->incidents, in.tgid, in.start_ns, INCIDENT_RATIO,
				 daemon_now_ns()) &&
		    !write_record(d, &in))
			announce(d, &in);
	}
}
