// SPDX-License-Identifier: GPL-2.0
/*
 * Who sets what we have decided? A child that was started before we gave up our
 * own right to, or a service that never gave it to us. Either goes when the socket does.
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "knob_client.h"

#define QUEUE	 8
#define MAX_ARGS 32

struct knob_client {
	struct knob_client_opts opts;
	struct loop_source *source;
	int fd;
	pid_t pid;
	bool waiting; /* for the answer to queue[0], or for hello */
	struct knob_request queue[QUEUE];
	size_t n;
};

static void send_next(struct knob_client *client)
{
	if (client->waiting || !client->n || client->fd < 0)
		return;
	/* one message in an empty socket: it fits, or the other end is gone, which is told */
	client->waiting = send(client->fd, &client->queue[0], sizeof(client->queue[0]),
			       MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(client->queue[0]);
}

static void hang_up(struct knob_client *client)
{
	if (client->source)
		loop_remove(client->source);
	close(client->fd);
	client->fd = -1;
	client->source = NULL;
	client->n = 0;
}

static void on_reply(void *arg, uint32_t events)
{
	struct knob_client *client = arg;
	struct knob_reply reply;
	ssize_t n;

	(void)events;
	n = recv(client->fd, &reply, sizeof(reply), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != sizeof(reply) || reply.magic != KNOB_WIRE_MAGIC) {
		hang_up(client);
		client->opts.fn(client->opts.arg, NULL);
		return;
	}
	client->waiting = false;
	if (reply.op != KNOB_HELLO && client->n)
		memmove(client->queue, client->queue + 1, --client->n * sizeof(client->queue[0]));
	reply.why[sizeof(reply.why) - 1] = '\0';
	client->opts.fn(client->opts.arg, &reply);
	send_next(client);
}

static int beside_us(char path[PATH_MAX])
{
	char self[PATH_MAX - 32];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return -errno;
	self[n] = '\0';
	snprintf(path, PATH_MAX, "%s/faultline-knob", dirname(self));
	return 0;
}

/* In the child; async-signal-safe calls only. */
static void become(const char *path, char *const *argv, int fd)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(fd, STDIN_FILENO) >= 0)
		execv(path, argv);
	_exit(127);
}

static int spawn(struct knob_client *client, const char *path, int fd)
{
	char *argv[MAX_ARGS + 2] = {(char *)path};

	for (size_t i = 0; i < MAX_ARGS && client->opts.args[i]; i++)
		argv[i + 1] = client->opts.args[i];
	client->pid = fork();
	if (!client->pid)
		become(path, argv, fd);
	return client->pid < 0 ? -errno : 0;
}

static int start_child(struct knob_client *client)
{
	int fds[2] = {-1, -1}, err = 0;
	char path[PATH_MAX];

	if (client->opts.program)
		snprintf(path, sizeof(path), "%s", client->opts.program);
	else
		err = beside_us(path);
	if (!err && access(path, X_OK))
		err = -errno;
	if (!err && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		err = -errno;
	if (!err)
		err = spawn(client, path, fds[1]);
	if (fds[1] >= 0)
		close(fds[1]);
	client->fd = fds[0];
	return err;
}

/* Who listens is the service manager: it takes the connection at once. */
static int connect_to(struct knob_client *client, const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	client->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (client->fd < 0 || connect(client->fd, (const struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	return 0;
}

int knob_client_open(const struct knob_client_opts *opts, struct knob_client **ret_client)
{
	struct knob_client *client = calloc(1, sizeof(*client));
	int err;

	if (!client)
		return -ENOMEM;
	client->opts = *opts;
	client->waiting = true; /* for hello */
	client->fd = -1;
	err = *opts->socket ? connect_to(client, opts->socket) : start_child(client);
	if (!err)
		err = loop_add(opts->loop, client->fd, EPOLLIN, on_reply, client, &client->source);
	if (err)
		knob_client_close(client, 1000);
	else
		*ret_client = client;
	return err;
}

int knob_client_ask(struct knob_client *client, enum knob_op op, enum policy_knob which,
		    uint32_t old, uint32_t new, const char *id)
{
	struct knob_request request = {
		.magic = KNOB_WIRE_MAGIC, .op = op, .which = which, .old = old, .new = new};

	if (client->fd < 0)
		return -EPIPE;
	if (client->n == QUEUE)
		return -EAGAIN;
	snprintf(request.id, sizeof(request.id), "%s", id);
	client->queue[client->n++] = request;
	send_next(client);
	return 0;
}

bool knob_client_busy(const struct knob_client *client)
{
	return client->waiting || client->n;
}

void knob_client_close(struct knob_client *client, int timeout_ms)
{
	struct pollfd pfd;

	if (!client)
		return;
	if (client->fd >= 0)
		hang_up(client);
	if (client->pid > 0) {
		pfd = (struct pollfd){.fd = syscall(SYS_pidfd_open, client->pid, 0),
				      .events = POLLIN};
		if (pfd.fd >= 0)
			poll(&pfd, 1, timeout_ms);
		if (pfd.fd >= 0)
			close(pfd.fd);
		waitpid(client->pid, NULL, WNOHANG);
	}
	free(client);
}
