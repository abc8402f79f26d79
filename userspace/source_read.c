// SPDX-License-Identifier: GPL-2.0
/*
 * What has the source seen: all of it, or what came in a window? Asks the
 * daemon or reads the session, selects, and tells what became of the processes
 * that were asked for. When source.c waits, and for whom, is not decided here.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "source_internal.h"
#include "units.h"

/* The daemon answered: with what was asked for, or with why not. */
static int check_reply(const json_t *reply)
{
	const char *why = json_string_value(json_object_get(reply, "error"));

	if (json_is_true(json_object_get(reply, "ok")))
		return CLI_OK;
	cli_say("daemon: %s", why ? why : "refused without a reason");
	return json_integer_value(json_object_get(reply, "errno")) == EACCES ? CLI_PERM : CLI_ERROR;
}

bool source_daemon_answers(const struct cli *cli)
{
	int fd;

	if (client_connect(source_socket_path(cli), &fd))
		return false;
	close(fd);
	return true;
}

int source_ask(const struct cli *cli, const char *cmd, json_t **ret_reply)
{
	return source_request(cli, json_pack("{s:s}", "cmd", cmd), ret_reply);
}

int source_request(const struct cli *cli, json_t *request, json_t **ret_reply)
{
	json_t *reply = NULL;
	int fd = -1, err;

	err = client_connect(source_socket_path(cli), &fd);
	if (!err)
		err = client_call(fd, request, SOURCE_ASK_TIMEOUT_MS, &reply);
	json_decref(request);
	if (fd >= 0)
		close(fd);
	if (err)
		return source_said_daemon(source_socket_path(cli), err);
	err = check_reply(reply);
	if (err)
		json_decref(reply);
	else
		*ret_reply = reply;
	return err;
}

static int ask_snapshot(struct source *source, bool stacks, struct snapshot **ret_snap)
{
	json_t *request = json_pack("{s:s, s:b}", "cmd", "snapshot", "stacks", stacks);
	const char *where = NULL;
	json_t *reply = NULL;
	int err, ret = CLI_OK;

	err = client_call(source->fd, request, SOURCE_ASK_TIMEOUT_MS, &reply);
	json_decref(request);
	if (!err)
		ret = check_reply(reply);
	if (!err && !ret)
		err = snapshot_from_json(json_object_get(reply, "snapshot"), ret_snap, &where);
	if (err && where)
		cli_say("the daemon's snapshot is not understood at '%s': is it of another "
			"version?",
			where);
	else if (err)
		cli_say("the daemon does not answer: %s", strerror(-err));
	json_decref(reply);
	return err ? CLI_ERROR : ret;
}

int source_snapshot(struct source *source, bool stacks, struct snapshot **ret_snap)
{
	const struct cli *cli = source->cli;
	const struct snap_filter filter = {
		.pids = cli->pids,
		.n_pids = cli->n_pids,
		.cgroup = cli->cgroup,
		.comm = cli->comm,
		.min_wait_ns = cli->min_wait_ns,
	};
	struct snapshot *snap = NULL;
	int ret = CLI_OK, err;

	if (source->session) {
		err = session_snapshot(source->session, stacks, &snap);
		if (err) {
			cli_say("cannot read the measurement: %s", strerror(-err));
			return CLI_ERROR;
		}
	} else {
		ret = ask_snapshot(source, stacks, &snap);
	}
	if (ret)
		return ret;
	err = snapshot_filter(snap, &filter);
	if (err) {
		cli_say("cannot select: %s", strerror(-err));
		snapshot_free(snap);
		return CLI_ERROR;
	}
	*ret_snap = snap;
	return CLI_OK;
}

/* What happened to the processes that were asked for, while they were watched. */
static int tell_pids(const struct source *source, const struct snapshot *snap)
{
	const struct cli *cli = source->cli;

	for (size_t i = 0; i < cli->n_pids; i++) {
		uint64_t ticks = source_start_ticks(cli->pids[i]);
		bool seen = false;

		for (size_t k = 0; k < snap->n_procs; k++)
			seen |= snap->procs[k].tgid == cli->pids[i];
		if (!source->start_ticks[i] && !seen) {
			cli_say("--pid: there is no process %u, and the daemon has seen none",
				cli->pids[i]);
			return CLI_ERROR;
		}
		if (source->start_ticks[i] && !ticks)
			cli_say("process %u exited while it was watched", cli->pids[i]);
		else if (source->start_ticks[i] && ticks != source->start_ticks[i])
			cli_say("process %u exited while it was watched, and its pid is in use "
				"again: rows of the two are kept apart",
				cli->pids[i]);
	}
	return CLI_OK;
}

static void tell_window(const struct source *source, uint64_t ns)
{
	char buf[UNITS_BUF];

	if (!source->session)
		return;
	units_format_duration(buf, ns);
	if (cli_has(source->cli, CLI_O_DIRECT))
		cli_say("measuring for %s", buf);
	else
		cli_say("no daemon; measuring for %s", buf);
}

/* What came since before (NULL: since the source began), for who looks in between. */
static int tell_part(struct source *source, const struct snapshot *before, source_part_fn fn,
		     void *arg)
{
	struct snapshot *now = NULL, *diff = NULL;
	int ret = source_snapshot(source, false, &now);

	if (!ret && before && snapshot_diff(before, now, &diff)) {
		cli_say("out of memory");
		ret = CLI_ERROR;
	}
	if (!ret)
		fn(arg, diff ? diff : now);
	snapshot_free(diff);
	snapshot_free(now);
	return ret;
}

/* To the end of the window, in parts when somebody wants to look in between. */
static int wait_window(struct source *source, const struct snapshot *before, uint64_t ns,
		       uint64_t part_ns, source_part_fn fn, void *arg)
{
	uint64_t begin_ns = source_now_ns(), passed_ns = 0;
	int ret = CLI_OK;

	if (!fn)
		return source_wait(source, ns);
	while (!ret && passed_ns < ns && !source_stopped(source)) {
		uint64_t left_ns = ns - passed_ns;

		/* the end of the last part is the end of the window: source_measure looks then */
		ret = source_wait(source, left_ns < 2 * part_ns ? left_ns : part_ns);
		passed_ns = source_now_ns() - begin_ns;
		if (!ret && passed_ns < ns)
			ret = tell_part(source, before, fn, arg);
	}
	return ret;
}

static int measure(struct source *source, bool stacks, bool fresh, uint64_t part_ns,
		   source_part_fn fn, void *arg, struct snapshot **ret_snap)
{
	uint64_t ns = source->cli->duration_ns;
	struct snapshot *before = NULL, *now = NULL, *diff = NULL;
	int ret = CLI_OK;

	if (!ns && (source->session || fresh))
		ns = SOURCE_WINDOW_NS;
	tell_window(source, ns);
	/* a session of its own begins with the window: no need to subtract */
	if (ns && !source->session)
		ret = source_snapshot(source, stacks, &before);
	if (!ret && ns)
		ret = wait_window(source, before, ns, part_ns, fn, arg);
	if (!ret)
		ret = source_snapshot(source, stacks, &now);
	if (!ret)
		ret = tell_pids(source, now);
	if (!ret && before && snapshot_diff(before, now, &diff)) {
		cli_say("out of memory");
		ret = CLI_ERROR;
	}
	snapshot_free(before);
	if (ret || diff)
		snapshot_free(now);
	if (!ret)
		*ret_snap = diff ? diff : now;
	return ret;
}

int source_measure(struct source *source, bool stacks, bool fresh, struct snapshot **ret_snap)
{
	return measure(source, stacks, fresh, 0, NULL, NULL, ret_snap);
}

int source_measure_parts(struct source *source, bool stacks, uint64_t part_ns, source_part_fn fn,
			 void *arg, struct snapshot **ret_snap)
{
	int ret = measure(source, stacks, false, part_ns, fn, arg, ret_snap);

	if (!ret)
		fn(arg, *ret_snap);
	return ret;
}

int source_once(const struct cli *cli, const struct source_opts *opts, bool fresh,
		struct snapshot **ret_snap)
{
	struct source *source = NULL;
	int ret = source_open(cli, opts, &source);

	if (!ret)
		ret = source_measure(source, opts->stacks, fresh, ret_snap);
	source_close(source);
	return ret;
}
