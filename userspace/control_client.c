// SPDX-License-Identifier: GPL-2.0
/*
 * What does one client ask, and does it take the answer? One line of input and one
 * reply or a bounded queue of watch lines; while a reply waits to be taken no
 * further request is read. Its socket never blocks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "control_client.h"

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void control_client_drop(struct control_client *client)
{
	struct control *control = client->control;
	struct control_client **at = &control->clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	control->stats.clients--;
	control->stats.watching -= client->watching;
	control->stats.pending -= client->out_len - client->out_sent;
	loop_remove(client->source);
	close(client->fd);
	free(client->out);
	free(client);
}

static int append(const char *data, size_t len, void *arg)
{
	struct control_client *client = arg;
	size_t need = client->out_len + len;

	if (need > client->out_limit)
		return -1;
	if (need > client->out_room) {
		size_t room = need < 4096 ? 4096 : need + need / 2;
		char *grown = realloc(client->out, room);

		if (!grown)
			return -1;
		client->out = grown;
		client->out_room = room;
	}
	memcpy(client->out + client->out_len, data, len);
	client->out_len = need;
	return 0;
}

/* Queue one line; -ENOBUFS when it would exceed limit bytes, or memory. */
int control_client_queue(struct control_client *client, const json_t *object, size_t limit)
{
	struct control_stats *stats = &client->control->stats;
	size_t before = client->out_len, left = CONTROL_MAX_PENDING - stats->pending;

	client->out_limit = client->out_sent + limit;
	if (client->out_limit > before + left)
		client->out_limit = before + left;
	if (json_dump_callback(object, append, client, JSON_COMPACT) || append("\n", 1, client)) {
		client->out_len = before;
		return -ENOBUFS;
	}
	if (before == client->out_sent)
		client->progress_ns = now_ns();
	stats->pending += client->out_len - before;
	return 0;
}

/* Send what the socket takes. False: the client is gone. */
bool control_client_flush(struct control_client *client)
{
	while (client->out_sent < client->out_len) {
		ssize_t n = send(client->fd, client->out + client->out_sent,
				 client->out_len - client->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			control_client_drop(client);
			return false;
		}
		client->out_sent += n;
		client->control->stats.pending -= n;
		client->progress_ns = now_ns();
	}
	if (client->out_sent == client->out_len) {
		/* a big reply must not stay for the life of the client */
		free(client->out);
		client->out = NULL;
		client->out_len = client->out_sent = client->out_room = 0;
	} else if (client->out_sent > client->out_len / 2) {
		client->out_len -= client->out_sent;
		memmove(client->out, client->out + client->out_sent, client->out_len);
		client->out_sent = 0;
	}
	loop_modify(client->source, client->out_len ? EPOLLOUT : EPOLLIN | EPOLLRDHUP);
	return true;
}

static void reply_error(struct control_client *client, int err, const char *why)
{
	json_t *reply = json_pack("{s:b, s:i, s:s}", "ok", 0, "errno", -err, "error",
				  why ? why : strerror(-err));

	if (!reply || control_client_queue(client, reply, CONTROL_MAX_REQUEST + client->out_len))
		shutdown(client->fd, SHUT_RDWR); /* the loop will see it and drop it */
	json_decref(reply);
}

static bool is_root(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) && peer.uid == 0;
}

static void answer(struct control_client *client, const char *line, size_t len)
{
	struct control *control = client->control;
	struct control_request request;
	json_t *reply = NULL;
	const char *why;
	int err;

	control->stats.requests++;
	err = control_parse(line, len, &request, &why);
	if (err) {
		reply_error(client, err, why);
		return;
	}
	request.root = is_root(client->fd);
	if (request.cmd == CONTROL_WATCH) {
		control->stats.watching += !client->watching;
		client->watching = true;
		client->min_wait_ns = request.min_wait_ns;
		reply = json_object();
	} else {
		reply = control->opts.handle(control->opts.arg, &request, &err);
	}
	if (!err && (!reply || json_object_set_new(reply, "ok", json_true())))
		err = -ENOMEM;
	if (!err)
		err = control_client_queue(client, reply, CONTROL_MAX_PENDING);
	if (err)
		reply_error(client, err,
			    err == -ENOBUFS ? "too much is waiting to be read by clients; try again"
					    : NULL);
	json_decref(reply);
}

/* Answer whole lines as long as nothing waits to be taken. False: client gone. */
static bool serve(struct control_client *client)
{
	char *end;

	while (client->in_len && (!client->out_len || client->watching) &&
	       (end = memchr(client->in, '\n', client->in_len))) {
		size_t len = end - client->in;

		answer(client, client->in, len);
		client->in_len -= len + 1;
		memmove(client->in, end + 1, client->in_len);
		if (!control_client_flush(client))
			return false;
	}
	if (client->in_len < sizeof(client->in) || client->out_len)
		return true;
	client->control->stats.dropped++;
	control_client_drop(client);
	return false;
}

void control_client_ready(void *arg, uint32_t events)
{
	struct control_client *client = arg;
	ssize_t n = 0;

	if (events & (EPOLLERR | EPOLLHUP)) {
		control_client_drop(client);
		return;
	}
	if ((events & EPOLLOUT) && (!control_client_flush(client) || !serve(client)))
		return;
	if (events & (EPOLLIN | EPOLLRDHUP)) {
		if (client->in_len < sizeof(client->in))
			n = recv(client->fd, client->in + client->in_len,
				 sizeof(client->in) - client->in_len, MSG_DONTWAIT);
		if (n > 0) {
			client->in_len += n;
			serve(client);
		} else if (events & EPOLLRDHUP || n == 0 || errno != EAGAIN) {
			/* closed its side: it reads nothing more that matters */
			control_client_drop(client);
		}
	}
}
