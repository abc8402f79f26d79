// SPDX-License-Identifier: GPL-2.0
/*
 * Daemon or own session? Tries the daemon first, so that a host is measured
 * once however many look; without one it measures for the verb's window.
 * Signals are blocked but while it waits, so that none is lost between a
 * check and the wait. Nothing here opens a file of /proc/PID that needs
 * mmap_lock: only stat.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "proc.h"
#include "source.h"
#include "stream.h"
#include "units.h"

/* A healthy daemon answers in milliseconds; a stuck one must not hang a verb. */
#define ASK_TIMEOUT_MS 5000
/* How often unfinished waits are looked at; see session_poll(). */
#define POLL_NS 250000000ULL
/* Without --min-wait: single waits below this are noise for people. */
#define EVENT_DEFAULT_NS 1000000ULL

static volatile sig_atomic_t stop_signal;

struct source {
	const struct cli *cli;
	struct source_opts opts;
	int fd; /* to the daemon, or -1 */
	struct session *session;
	struct stream *stream;
	uint64_t lost_said; /* of the stream */
	session_wait_fn fn;
	void *arg;
	uint64_t next_poll_ns;
	sigset_t while_waiting;
	uint64_t start_ticks[CLI_MAX_PIDS]; /* of --pid; 0: not running */
};

static void on_signal(int signo)
{
	stop_signal = signo;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Start time in clock ticks after boot, field 22 of stat; 0: no such process. */
static uint64_t start_ticks(uint32_t pid)
{
	unsigned long long ticks = 0;
	char path[32], buf[1024], *p;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	buf[fread(buf, 1, sizeof(buf) - 1, file)] = '\0';
	fclose(file);
	/* comm may hold blanks and parentheses: count from the last one */
	p = strrchr(buf, ')');
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (p && sscanf(p, " %llu", &ticks) != 1)
		return 0;
	return ticks;
}

static void catch_signals(struct source *source)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t block;

	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTERM);
	sigprocmask(SIG_BLOCK, &block, &source->while_waiting);
	sigdelset(&source->while_waiting, SIGINT);
	sigdelset(&source->while_waiting, SIGTERM);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool source_stopped(const struct source *source)
{
	sigset_t pending;

	(void)source;
	if (stop_signal)
		return true;
	sigpending(&pending);
	return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM);
}

static int said_daemon(const char *path, int err)
{
	if (err == -EACCES)
		cli_say("%s: this user may not talk to the daemon; be root or in its SocketGroup",
			path);
	else
		cli_say("%s: no daemon answers (%s); start faultlined or leave --socket out", path,
			strerror(-err));
	return err == -EACCES ? CLI_PERM : CLI_DAEMON;
}

static const char *socket_path(const struct cli *cli)
{
	return cli->socket ? cli->socket : CONTROL_SOCKET;
}

int source_ask(const struct cli *cli, const char *cmd, json_t **ret_reply)
{
	json_t *request = json_pack("{s:s}", "cmd", cmd), *reply = NULL;
	int fd = -1, err;

	err = client_connect(socket_path(cli), &fd);
	if (!err)
		err = client_call(fd, request, ASK_TIMEOUT_MS, &reply);
	json_decref(request);
	if (fd >= 0)
		close(fd);
	if (err)
		return said_daemon(socket_path(cli), err);
	if (!json_is_true(json_object_get(reply, "ok"))) {
		const char *why = json_string_value(json_object_get(reply, "error"));

		cli_say("daemon: %s", why ? why : "refused without a reason");
		json_decref(reply);
		return CLI_ERROR;
	}
	*ret_reply = reply;
	return CLI_OK;
}

/* What a session has of its own that a daemon was not started with. */
static bool wants_session(const struct cli *cli)
{
	return cli_has(cli, CLI_O_DIRECT) ||
	       (!cli->socket && (cli_has(cli, CLI_O_USER) || cli_has(cli, CLI_O_EXACT)));
}

static int open_session(struct source *source)
{
	const struct cli *cli = source->cli;
	struct session_opts opts;
	char *why = NULL;
	int err;

	session_default_opts(&opts);
	opts.pids = cli->pids;
	opts.n_pids = cli->n_pids;
	opts.user_stacks = cli_has(cli, CLI_O_USER);
	opts.exact = cli_has(cli, CLI_O_EXACT);
	if (source->opts.event_min_ns)
		opts.event_min_ns = source->opts.event_min_ns;
	if (cli_has(cli, CLI_O_MIN_WAIT)) {
		opts.min_wait_ns = cli->min_wait_ns;
		opts.event_min_ns = cli->min_wait_ns;
	}
	if (source->opts.stacks || cli_has(cli, CLI_O_USER))
		opts.stack_min_ns = cli->min_wait_ns;
	err = session_open(&opts, &source->session, &why);
	if (err)
		cli_say("cannot measure: %s", why ? why : strerror(-err));
	free(why);
	if (err == -EPERM || err == -EACCES)
		return CLI_PERM;
	if (err == -ENOTSUP)
		return CLI_KERNEL;
	return err ? CLI_ERROR : CLI_OK;
}

static int check_pids(struct source *source)
{
	const struct cli *cli = source->cli;

	for (size_t i = 0; i < cli->n_pids; i++) {
		source->start_ticks[i] = start_ticks(cli->pids[i]);
		/* the daemon may still know one that has exited */
		if (!source->start_ticks[i] && source->fd < 0) {
			cli_say("--pid: there is no process %u", cli->pids[i]);
			return CLI_ERROR;
		}
	}
	return CLI_OK;
}

int source_open(const struct cli *cli, const struct source_opts *opts, struct source **ret_source)
{
	struct source *source = calloc(1, sizeof(*source));
	int err = -ENOENT, ret = CLI_OK;

	if (!source) {
		cli_say("out of memory");
		return CLI_ERROR;
	}
	source->cli = cli;
	source->opts = *opts;
	source->fd = -1;
	catch_signals(source);
	if (!wants_session(cli))
		err = client_connect(socket_path(cli), &source->fd);
	if (err && cli->socket && !cli_has(cli, CLI_O_DIRECT))
		ret = said_daemon(cli->socket, err);
	if (!ret)
		ret = check_pids(source);
	if (!ret && err)
		ret = open_session(source);
	if (!ret && source_stopped(source)) {
		cli_say("interrupted before the first sample");
		ret = CLI_INTERRUPTED;
	}
	if (ret) {
		source_close(source);
		return ret;
	}
	*ret_source = source;
	return CLI_OK;
}

void source_close(struct source *source)
{
	if (!source)
		return;
	stream_close(source->stream);
	session_close(source->session);
	if (source->fd >= 0)
		close(source->fd);
	free(source);
}

bool source_is_daemon(const struct source *source)
{
	return !source->session;
}

struct session *source_session(struct source *source)
{
	return source->session;
}

/* The daemon sends all that it sees: the selection is made here. */
static void on_stream_wait(void *arg, const struct snapshot *one)
{
	struct source *source = arg;

	source->fn(source->arg, one);
}

int source_on_wait(struct source *source, session_wait_fn fn, void *arg)
{
	uint64_t min_ns = source->opts.event_min_ns;
	int fd, err;

	source->fn = fn;
	source->arg = arg;
	if (source->session) {
		session_on_wait(source->session, fn, arg);
		return CLI_OK;
	}
	if (cli_has(source->cli, CLI_O_MIN_WAIT))
		min_ns = source->cli->min_wait_ns;
	err = client_connect(socket_path(source->cli), &fd);
	if (!err)
		err = stream_open(fd, min_ns ? min_ns : EVENT_DEFAULT_NS, &source->stream);
	return err ? said_daemon(socket_path(source->cli), err) : CLI_OK;
}

static int take_events(struct source *source)
{
	uint64_t lost;
	int err = 0;

	if (source->session) {
		err = session_drain(source->session);
		if (!err && now_ns() >= source->next_poll_ns) {
			source->next_poll_ns = now_ns() + POLL_NS;
			err = session_poll(source->session);
		}
	} else if (source->stream) {
		err = stream_read(source->stream, on_stream_wait, source);
		lost = stream_lost(source->stream);
		if (lost > source->lost_said) {
			cli_say("%llu waits were not shown: output is too slow",
				(unsigned long long)(lost - source->lost_said));
			source->lost_said = lost;
		}
	}
	if (!err)
		return CLI_OK;
	if (err == -EPIPE)
		cli_say("the daemon went away");
	else
		cli_say("cannot go on measuring: %s", strerror(-err));
	return CLI_ERROR;
}

int source_wait(struct source *source, uint64_t ns)
{
	uint64_t end_ns = now_ns() + ns;
	int ret = CLI_OK;

	while (!ret && !stop_signal && now_ns() < end_ns) {
		struct pollfd pfd = {.fd = -1, .events = POLLIN};
		uint64_t left_ns = end_ns - now_ns();
		struct timespec timeout;

		if (source->session)
			pfd.fd = session_fd(source->session);
		else if (source->stream)
			pfd.fd = stream_fd(source->stream);
		if ((int64_t)left_ns < 0)
			left_ns = 0;
		if (pfd.fd >= 0 && left_ns > POLL_NS)
			left_ns = POLL_NS;
		timeout.tv_sec = left_ns / 1000000000;
		timeout.tv_nsec = left_ns % 1000000000;
		if (ppoll(&pfd, 1, &timeout, &source->while_waiting) < 0 && errno != EINTR) {
			cli_say("cannot wait: %s", strerror(errno));
			return CLI_ERROR;
		}
		ret = take_events(source);
	}
	return ret;
}

static int ask_snapshot(struct source *source, bool stacks, struct snapshot **ret_snap)
{
	json_t *request = json_pack("{s:s, s:b}", "cmd", "snapshot", "stacks", stacks);
	const char *where = NULL;
	json_t *reply = NULL;
	int err;

	err = client_call(source->fd, request, ASK_TIMEOUT_MS, &reply);
	json_decref(request);
	if (!err)
		err = snapshot_from_json(json_object_get(reply, "snapshot"), ret_snap, &where);
	if (err && where)
		cli_say("the daemon's snapshot is not understood at '%s': is it of another "
			"version?",
			where);
	else if (err)
		cli_say("the daemon does not answer: %s", strerror(-err));
	json_decref(reply);
	return err ? CLI_ERROR : CLI_OK;
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
		uint64_t ticks = start_ticks(cli->pids[i]);
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

int source_measure(struct source *source, bool stacks, bool fresh, struct snapshot **ret_snap)
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
		ret = source_wait(source, ns);
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
