// SPDX-License-Identifier: GPL-2.0
/*
 * Daemon or own session? Tries the daemon first, so that a host is measured
 * once however many look; without one it measures for the verb's window.
 * Signals are blocked but while it waits, so that none is lost between a
 * check and the wait. Nothing here opens a file of /proc/PID that needs
 * mmap_lock: only stat.
 */
#include <errno.h>
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "source_internal.h"

/* How often unfinished waits are looked at; see session_poll(). */
#define POLL_NS 250000000ULL
/* Without --min-wait: single waits below this are noise for people. */
#define EVENT_DEFAULT_NS 1000000ULL

static volatile sig_atomic_t stop_signal;

static void on_signal(int signo)
{
	stop_signal = signo;
}

uint64_t source_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

uint64_t source_start_ticks(uint32_t pid)
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

int source_said_daemon(const char *path, int err)
{
	if (err == -EACCES)
		cli_say("%s: this user may not talk to the daemon; be root or in its SocketGroup",
			path);
	else
		cli_say("%s: no daemon answers (%s); start faultlined or leave --socket out", path,
			strerror(-err));
	return err == -EACCES ? CLI_PERM : CLI_DAEMON;
}

const char *source_socket_path(const struct cli *cli)
{
	return cli->socket ? cli->socket : CONTROL_SOCKET;
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
	opts.speculation = !source->opts.no_speculation;
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
		source->start_ticks[i] = source_start_ticks(cli->pids[i]);
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
		err = client_connect(source_socket_path(cli), &source->fd);
	if (err && cli->socket && !cli_has(cli, CLI_O_DIRECT))
		ret = source_said_daemon(cli->socket, err);
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

static bool in_cgroup(const char *cgroup, const char *prefix)
{
	size_t n = strlen(prefix);

	while (n && prefix[n - 1] == '/')
		n--;
	return cgroup && !strncmp(cgroup, prefix, n) && (!cgroup[n] || cgroup[n] == '/');
}

static bool selected(const struct cli *cli, const struct snap_wait *wait)
{
	bool pid = !cli->n_pids;

	for (size_t i = 0; i < cli->n_pids; i++)
		pid |= cli->pids[i] == wait->tgid;
	return pid && (!cli->cgroup || in_cgroup(wait->cgroup, cli->cgroup)) &&
	       (!cli->comm || !fnmatch(cli->comm, wait->comm, FNM_NOESCAPE)) &&
	       wait->dur_ns >= cli->min_wait_ns;
}

/* The daemon sends the waits of all processes, and a session knows no names. */
static void on_any_wait(void *arg, const struct snapshot *one)
{
	struct source *source = arg;

	if (selected(source->cli, &one->waits[0]))
		source->fn(source->arg, one);
}

int source_on_wait(struct source *source, session_wait_fn fn, void *arg)
{
	const struct source_opts *opts = &source->opts;
	uint64_t min_ns = opts->stream_min_ns ? opts->stream_min_ns : opts->event_min_ns;
	int fd, err;

	source->fn = fn;
	source->arg = arg;
	if (source->session) {
		session_on_wait(source->session, on_any_wait, NULL, source);
		return CLI_OK;
	}
	if (cli_has(source->cli, CLI_O_MIN_WAIT))
		min_ns = source->cli->min_wait_ns;
	err = client_connect(source_socket_path(source->cli), &fd);
	if (!err)
		err = stream_open(fd, min_ns ? min_ns : EVENT_DEFAULT_NS, &source->stream);
	return err ? source_said_daemon(source_socket_path(source->cli), err) : CLI_OK;
}

static int take_events(struct source *source)
{
	uint64_t lost;
	int err = 0;

	if (source->session) {
		do {
			err = session_drain(source->session);
		} while (err > 0 && !stop_signal);
		if (err > 0)
			err = 0;
		if (!err && source_now_ns() >= source->next_poll_ns) {
			source->next_poll_ns = source_now_ns() + POLL_NS;
			err = session_poll(source->session);
		}
	} else if (source->stream) {
		err = stream_read(source->stream, on_any_wait, source);
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
	uint64_t end_ns = source_now_ns() + ns;
	int ret = CLI_OK;

	while (!ret && !stop_signal && source_now_ns() < end_ns) {
		struct pollfd pfd = {.fd = -1, .events = POLLIN};
		uint64_t left_ns = end_ns - source_now_ns();
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
