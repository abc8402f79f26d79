// SPDX-License-Identifier: GPL-2.0
/*
 * How does a record get to the disk, who is told, and when does it go? What is
 * worth a record is for daemon_incident.c. Without room or a folder the daemon goes
 * on, and tries again with the next record.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include "daemon.h"
#include "verdict.h"

static struct incident_opts incident_opts(const struct config *c)
{
	return (struct incident_opts){.dir = c->incident_dir,
				      .max_bytes = c->incident_max_bytes,
				      .max_files = c->incident_max_files,
				      .max_age_ns = c->incident_max_age_ns,
				      .cooldown_ns = c->incident_cooldown_ns,
				      .max_rate = c->incident_max_rate};
}

int daemon_record_open(struct daemon *d)
{
	struct incident_opts opts = incident_opts(d->config);
	int err = incident_open(&opts, &d->incidents);

	if (!d->incidents)
		return err;
	if (err && d->config->incidents)
		log_problem(&d->log, "incident", "%s: no records until this is solved (%s)",
			    d->config->incident_dir, strerror(-err));
	err = hook_new(d->loop, &d->log, &d->hook);
	return err ? err
		   : hook_set(d->hook, d->config->incident_hook,
			      d->config->incident_hook_timeout_ns);
}

void daemon_record_reload(struct daemon *d)
{
	struct incident_opts opts = incident_opts(d->config);

	incident_set_opts(d->incidents, &opts);
	d->next_trim_ns = 0;
	if (hook_set(d->hook, d->config->incident_hook, d->config->incident_hook_timeout_ns))
		log_problem(&d->log, "reload", "[incident] Hook stays as it was: out of memory");
}

void daemon_record_close(struct daemon *d)
{
	hook_free(d->hook);
	incident_close(d->incidents);
}

uint64_t daemon_record_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* What is known of the process now, against what was before its trouble began. */
static int picture(struct daemon *d, const struct incident *in, struct snapshot **ret_snap)
{
	const struct daemon_episode *episode = daemon_episode_find(d, in->tgid, in->start_ns);
	const struct snapshot *base = episode && episode->base ? episode->base : d->before;
	struct snap_filter filter = {.pids = &in->tgid, .n_pids = 1};
	struct snapshot *now = NULL, *diff = NULL;
	int err;

	err = daemon_snapshot(d, true, &now);
	if (!err)
		err = snapshot_filter(now, &filter);
	if (!err && base)
		err = snapshot_diff(base, now, &diff);
	if (!err && base)
		err = snapshot_filter(diff, &filter);
	if (err) {
		snapshot_free(now);
		snapshot_free(diff);
		return err;
	}
	*ret_snap = diff ? diff : now;
	if (diff)
		snapshot_free(now);
	return 0;
}

/* Whoever is to be woken hears of it once the record is there to be looked at. */
static void tell(struct daemon *d, const struct incident *in, const struct snapshot *snap)
{
	struct verdict verdict;
	struct hook_env *env;
	char path[PATH_MAX];

	if (!hook_on(d->hook))
		return;
	verdict_of(snap, in->tgid, &verdict);
	incident_path(d->incidents, in->id, path, sizeof(path));
	env = hook_env_new(path, in, &verdict);
	if (env)
		hook_run(d->hook, in->id, env);
	else
		log_problem(&d->log, "hook", "hook: not run for incident %s: out of memory",
			    in->id);
}

int daemon_record_write(struct daemon *d, struct incident *incident)
{
	char verdict[VERDICT_LINE];
	struct snapshot *snap = NULL;
	json_t *json = NULL, *explained = NULL;
	int err;

	err = picture(d, incident, &snap);
	if (!err) {
		incident->verdict = verdict_line(verdict, sizeof(verdict), snap, incident->tgid);
		incident->explained = explained = verdict_to_json(snap, incident->tgid);
		json = snapshot_to_json(snap);
		err = json ? incident_write(d->incidents, incident, json) : -ENOMEM;
		incident->verdict = NULL;
		incident->explained = NULL;
	}
	if (!err)
		tell(d, incident, snap);
	json_decref(explained);
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

void daemon_record_trim(struct daemon *d)
{
	uint64_t now_ns = daemon_now_ns();
	struct timespec boot;
	int err;

	if (now_ns < d->next_trim_ns)
		return;
	d->next_trim_ns = now_ns + DAEMON_TRIM_NS;
	clock_gettime(CLOCK_BOOTTIME, &boot);
	err = incident_trim(d->incidents, daemon_record_time(),
			    boot.tv_sec * 1000000000ULL + boot.tv_nsec);
	if (err == -ETIME)
		log_problem(&d->log, "retention",
			    "the clock has jumped: for a day no record is removed for its age");
	else if (err)
		log_problem(&d->log, "retention", "%s: old records stay (%s)",
			    d->config->incident_dir, strerror(-err));
	else
		log_solved(&d->log, "retention");
}
