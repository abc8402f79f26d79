// SPDX-License-Identifier: GPL-2.0
/*
 * What does the daemon say? The client's side of the control socket: connect,
 * one request, one reply of one line. A stuck daemon costs timeout_ms, no more.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

#define MAX_REPLY (256 << 20) /* no snapshot comes near; bounds a broken daemon */

int client_connect(const char *path, int *ret_fd)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd, err;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	/* non-blocking: connect() itself waits while the daemon's queue is full */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		err = errno == EPERM ? -EACCES : -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static int wait_for(int fd, short events, int64_t deadline_ms)
{
	struct pollfd pfd = {.fd = fd, .events = events};
	int64_t left = deadline_ms - now_ms();
	int n;

	do {
		n = poll(&pfd, 1, left > 0 ? left : 0);
	} while (n < 0 && errno == EINTR && (left = deadline_ms - now_ms()) > 0);
	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

static int send_line(int fd, const json_t *request, int64_t deadline_ms)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t len, sent = 0;
	int err = 0;

	if (!text)
		return -ENOMEM;
	len = strlen(text);
	text[len++] = '\n'; /* in place of the terminator */
	while (!err && sent < len) {
		ssize_t n = send(fd, text + sent, len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0)
			sent += n;
		else if (errno == EAGAIN)
			err = wait_for(fd, POLLOUT, deadline_ms);
		else if (errno != EINTR)
			err = -errno;
	}
	free(text);
	return err;
}

/* Exactly one line: not a byte of what may come after it. */
static int receive_line(int fd, int64_t deadline_ms, char **ret_text, size_t *ret_len)
{
	size_t len = 0, room = 0;
	char *text = NULL, *end = NULL;
	int err = 0;

	while (!err && !end) {
		ssize_t n;

		if (room - len < 65536) {
			char *grown = room < MAX_REPLY ? realloc(text, 2 * room + 65536) : NULL;

			if (!grown) {
				err = room < MAX_REPLY ? -ENOMEM : -EPROTO;
				break;
			}
			text = grown;
			room = 2 * room + 65536;
		}
		err = wait_for(fd, POLLIN, deadline_ms);
		if (err)
			break;
		n = recv(fd, text + len, room - len, MSG_PEEK | MSG_DONTWAIT);
		if (n > 0 && (end = memchr(text + len, '\n', n)))
			n = end - (text + len) + 1;
		if (n > 0)
			n = recv(fd, text + len, n, MSG_DONTWAIT);
		if (n > 0)
			len += n;
		else if (n == 0)
			err = -EPROTO; /* closed in the middle */
		else if (errno != EAGAIN && errno != EINTR)
			err = -errno;
	}
	if (err) {
		free(text);
		return err;
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}

int client_call(int fd, json_t *request, int timeout_ms, json_t **ret_reply)
{
	int64_t deadline_ms = now_ms() + timeout_ms;
	char *text = NULL;
	size_t len = 0;
	json_t *reply;
	int err;

	err = send_line(fd, request, deadline_ms);
	/* a daemon that refuses us says why before it closes */
	if (!err || err == -EPIPE)
		err = receive_line(fd, deadline_ms, &text, &len);
	if (err)
		return err;
	reply = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	if (!json_is_object(reply) || !json_is_boolean(json_object_get(reply, "ok"))) {
		json_decref(reply);
		return -EPROTO;
	}
	*ret_reply = reply;
	return 0;
}
