// SPDX-License-Identifier: GPL-2.0
/*
 * What do clients and scrapers get? Every answer comes from a snapshot taken for
 * it, so that a wait that is stuck now is in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"

static json_t *status_breaker(const struct daemon *d)
{
	const struct breaker *b = &d->breaker;

	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I}", "open", b->open, "times",
			 (json_int_t)b->times, "cooldown_ns", (json_int_t)b->cooldown_ns,
			 "since_ns", (json_int_t)b->since_ns, "cost_millipct",
			 (json_int_t)b->cost_millipct, "rate", (json_int_t)b->rate);
}

static json_t *status_incidents(const struct daemon *d)
{
	struct incident_stats s;

	incident_stats(d->incidents, &s);
	return json_pack("{s:b, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s?}", "enabled",
			 d->config->incidents, "directory", d->config->incident_dir, "written",
			 (json_int_t)s.written, "failed", (json_int_t)s.failed, "suppressed",
			 (json_int_t)s.suppressed, "removed", (json_int_t)s.removed, "files",
			 (json_int_t)s.files, "bytes", (json_int_t)s.bytes, "error",
			 s.last_error ? strerror(-s.last_error) : NULL);
}

static json_t *status_hook(const struct daemon *d)
{
	struct hook_stats s;

	hook_stats(d->hook, &s);
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:b}", "path", d->config->incident_hook,
			 "run", (json_int_t)s.run, "failed", (json_int_t)s.failed, "timeouts",
			 (json_int_t)s.timeouts, "skipped", (json_int_t)s.skipped, "queued",
			 (json_int_t)s.queued, "running", s.running);
}

static json_t *status_clients(const struct daemon *d)
{
	struct control_stats s;

	control_stats(d->control, &s);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "now", (json_int_t)s.clients,
			 "watching", (json_int_t)s.watching, "accepted", (json_int_t)s.accepted,
			 "refused", (json_int_t)s.refused, "dropped", (json_int_t)s.dropped,
			 "requests", (json_int_t)s.requests, "lost", (json_int_t)s.lost,
			 "pending_bytes", (json_int_t)s.pending);
}

static json_t *status_problems(const struct daemon *d)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < LOG_MAX_PROBLEMS; i++)
		if (d->log.problems[i].key[0])
			json_object_set_new(object, d->log.problems[i].key,
					    json_integer(d->log.problems[i].count));
	return object;
}

static json_t *status_hot(const struct daemon *d)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < d->hot.n; i++)
		json_array_append_new(array, json_pack("{s:I, s:I}", "tgid",
						       (json_int_t)d->hot.procs[i].tgid, "start_ns",
						       (json_int_t)d->hot.procs[i].start_ns));
	return array;
}

static json_t *status_files(const struct daemon *d)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < d->config->n_files; i++)
		json_array_append_new(array, json_string(d->config->files[i]));
	return array;
}

/* Meta and features only. */
static json_t *head_of(struct snapshot *snap)
{
	struct snapshot head = {
		.meta = snap->meta, .features = snap->features, .n_features = snap->n_features};

	return snapshot_to_json(&head);
}

static json_t *reply_status(struct daemon *d, struct snapshot *snap)
{
	uint64_t now_ns = daemon_now_ns();

	return json_pack("{s:i, s:s, s:I, s:f, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "pid", getpid(), "version", FAULTLINE_VERSION, "uptime_ns",
			 (json_int_t)(now_ns - d->start_ns), "ready_ms", d->ready_ns / 1e6, "mode",
			 d->config->policy_mode, "config_files", status_files(d), "config",
			 config_to_json(d->config), "hot", status_hot(d), "clients",
			 status_clients(d), "incidents", status_incidents(d), "hook",
			 status_hook(d), "breaker", status_breaker(d), "problems",
			 status_problems(d), "snapshot", head_of(snap));
}

static json_t *reply_metrics(struct daemon *d, int *ret_err)
{
	json_t *reply = NULL;
	char *text;
	size_t len;

	*ret_err = daemon_metrics(d, false, &text, &len);
	if (*ret_err)
		return NULL;
	reply = json_pack("{s:s%}", "text", text, len);
	free(text);
	return reply;
}

json_t *daemon_reply(void *daemon, const struct control_request *request, int *ret_err)
{
	struct daemon *d = daemon;
	struct snapshot *snap = NULL;
	json_t *reply = NULL;

	*ret_err = 0;
	if (request->cmd == CONTROL_PING)
		return json_pack("{s:i, s:s}", "pid", getpid(), "version", FAULTLINE_VERSION);
	if (request->cmd == CONTROL_METRICS)
		return reply_metrics(d, ret_err);
	if (request->cmd == CONTROL_POLICY || request->cmd == CONTROL_POLICY_DO)
		return daemon_policy_reply(d, request);
	*ret_err = daemon_snapshot(d, request->stacks, &snap);
	if (!*ret_err)
		*ret_err = daemon_policy_fill(d, snap);
	if (*ret_err) {
		snapshot_free(snap);
		return NULL;
	}
	if (request->cmd == CONTROL_SNAPSHOT)
		daemon_policy_watched(d);
	if (request->cmd == CONTROL_STATUS)
		reply = reply_status(d, snap);
	else
		reply = json_pack("{s:o}", "snapshot", snapshot_to_json(snap));
	snapshot_free(snap);
	return reply;
}

static struct render_service service_of(const struct daemon *d)
{
	struct incident_stats incidents;
	struct hook_stats hook;

	incident_stats(d->incidents, &incidents);
	hook_stats(d->hook, &hook);
	return (struct render_service){.incidents_written = incidents.written,
				       .incidents_failed = incidents.failed,
				       .incidents_suppressed = incidents.suppressed,
				       .records = incidents.files,
				       .record_bytes = incidents.bytes,
				       .hook_run = hook.run,
				       .hook_failed = hook.failed,
				       .hook_skipped = hook.skipped,
				       .breaker_opened = d->breaker.times};
}

int daemon_metrics(struct daemon *d, bool textfile, char **ret_text, size_t *ret_len)
{
	const struct render_service service = service_of(d);
	struct snapshot *snap = NULL;
	struct render_opts opts;
	char *text = NULL;
	size_t len = 0;
	FILE *out = NULL;
	int err;

	err = daemon_snapshot(d, false, &snap);
	if (!err)
		err = daemon_policy_fill(d, snap);
	if (err)
		goto out;
	out = open_memstream(&text, &len);
	err = out ? 0 : -ENOMEM;
	if (err)
		goto out;
	render_default_opts(&opts);
	opts.format = RENDER_OPENMETRICS;
	opts.metrics_top = d->config->metrics_top;
	opts.metrics_per_process = d->config->metrics_per_process;
	opts.metrics_textfile = textfile;
	opts.metrics_service = &service;
	err = render_metrics(out, snap, &opts, d->metrics);
	if (fclose(out) && !err)
		err = -ENOMEM;
	if (!err) {
		*ret_text = text;
		*ret_len = len;
		text = NULL;
	}
out:
	free(text);
	snapshot_free(snap);
	return err;
}

int daemon_http_text(void *daemon, char **ret_text, size_t *ret_len)
{
	return daemon_metrics(daemon, false, ret_text, ret_len);
}

void daemon_textfile(void *daemon)
{
	struct daemon *d = daemon;
	const char *path = d->config->metrics_textfile;
	char *text = NULL;
	size_t len;
	int err;

	if (!*path)
		return;
	err = daemon_metrics(d, true, &text, &len);
	if (!err)
		err = http_write_textfile(path, text, len);
	if (err)
		log_problem(&d->log, "textfile", "%s: not written (%s); the last one stays", path,
			    strerror(-err));
	else
		log_solved(&d->log, "textfile");
	free(text);
}
