// SPDX-License-Identifier: GPL-2.0
/*
 * Who asks what, and is the answer taken? Each client has one line of input and
 * one reply or a bounded queue of watch lines; while a reply waits to be taken
 * no further request of that client is read. Sockets never block; a client that
 * takes nothing is dropped, one that is too slow to watch is told what it lost.
 */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "control.h"
#include "control_listen.h"

struct client {
	struct client *next;
	struct control *control;
	struct loop_source *source;
	int fd;
	bool watching;
	uint64_t min_wait_ns;
	uint64_t lost; /* watch lines not queued since the last that was */
	char in[CONTROL_MAX_REQUEST + 1];
	size_t in_len;
	char *out;
	size_t out_len, out_sent, out_room;
	size_t out_limit; /* of what is being queued */
	uint64_t progress_ns; /* when it took something last */
};

struct control {
	struct control_opts opts;
	char *path;
	gid_t gid;
	int lock_fd, fd;
	struct loop_source *source;
	struct client *clients;
	struct control_stats stats;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void drop(struct client *client)
{
	struct control *control = client->control;
	struct client **at = &control->clients;

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
	struct client *client = arg;
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
static int queue(struct client *client, const json_t *object, size_t limit)
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
static bool flush(struct client *client)
{
	while (client->out_sent < client->out_len) {
		ssize_t n = send(client->fd, client->out + client->out_sent,
				 client->out_len - client->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			drop(client);
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

static void reply_error(struct client *client, int err, const char *why)
{
	json_t *reply = json_pack("{s:b, s:i, s:s}", "ok", 0, "errno", -err, "error",
				  why ? why : strerror(-err));

	if (!reply || queue(client, reply, CONTROL_MAX_REQUEST + client->out_len))
		shutdown(client->fd, SHUT_RDWR); /* the loop will see it and drop it */
	json_decref(reply);
}

static void answer(struct client *client, const char *line, size_t len)
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
		err = queue(client, reply, CONTROL_MAX_PENDING);
	if (err)
		reply_error(client, err,
			    err == -ENOBUFS ? "too much is waiting to be read by clients; try again"
					    : NULL);
	json_decref(reply);
}

/* Answer whole lines as long as nothing waits to be taken. False: client gone. */
static bool serve(struct client *client)
{
	char *end;

	while (client->in_len && (!client->out_len || client->watching) &&
	       (end = memchr(client->in, '\n', client->in_len))) {
		size_t len = end - client->in;

		answer(client, client->in, len);
		client->in_len -= len + 1;
		memmove(client->in, end + 1, client->in_len);
		if (!flush(client))
			return false;
	}
	if (client->in_len < sizeof(client->in) || client->out_len)
		return true;
	client->control->stats.dropped++;
	drop(client);
	return false;
}

static void on_client(void *arg, uint32_t events)
{
	struct client *client = arg;
	ssize_t n = 0;

	if (events & (EPOLLERR | EPOLLHUP)) {
		drop(client);
		return;
	}
	if ((events & EPOLLOUT) && (!flush(client) || !serve(client)))
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
			drop(client);
		}
	}
}

static void on_listen(void *arg, uint32_t events)
{
	struct control *control = arg;
	struct client *client = NULL;
	bool allowed;
	int fd;

	(void)events;
	fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
			log_problem(control->opts.log, "accept", "control socket: accept: %s",
				    strerror(errno));
		return;
	}
	allowed = control_peer_allowed(fd, control->gid);
	if (allowed && control->stats.clients < control->opts.max_clients)
		client = calloc(1, sizeof(*client));
	if (!client) {
		static const char no[] =
			"{\"ok\":false,\"errno\":13,\"error\":\"not permitted: not "
			"root and not in the group of the socket\"}\n";
		static const char full[] =
			"{\"ok\":false,\"errno\":11,\"error\":\"too many clients; try again\"}\n";

		control->stats.refused++;
		send(fd, allowed ? full : no, strlen(allowed ? full : no),
		     MSG_NOSIGNAL | MSG_DONTWAIT);
		close(fd);
		return;
	}
	client->control = control;
	client->fd = fd;
	if (loop_add(control->opts.loop, fd, EPOLLIN | EPOLLRDHUP, on_client, client,
		     &client->source)) {
		close(fd);
		free(client);
		return;
	}
	client->next = control->clients;
	control->clients = client;
	control->stats.clients++;
	control->stats.accepted++;
}

static int find_group(const char *name, gid_t *ret_gid, char **ret_why)
{
	struct group *group;

	*ret_gid = -1;
	if (!name || !*name)
		return 0;
	group = getgrnam(name);
	if (group) {
		*ret_gid = group->gr_gid;
		return 0;
	}
	if (asprintf(ret_why, "[socket] Group=%s: there is no such group; add it or change the key",
		     name) < 0)
		*ret_why = NULL;
	return -EINVAL;
}

int control_open(const struct control_opts *opts, struct control **ret_control, char **ret_why)
{
	struct control *control = calloc(1, sizeof(*control));
	int err = -ENOMEM;

	*ret_why = NULL;
	if (!control)
		return err;
	control->opts = *opts;
	control->fd = control->lock_fd = -1;
	control->path = strdup(opts->path);
	if (!control->path)
		goto out;
	err = find_group(opts->group, &control->gid, ret_why);
	if (!err)
		err = control_listen(opts->path, control->gid, &control->lock_fd, &control->fd,
				     ret_why);
	if (!err)
		err = loop_add(opts->loop, control->fd, EPOLLIN, on_listen, control,
			       &control->source);
out:
	if (err)
		control_close(control);
	else
		*ret_control = control;
	return err;
}

void control_close(struct control *control)
{
	if (!control)
		return;
	while (control->clients)
		drop(control->clients);
	loop_remove(control->source);
	if (control->fd >= 0) {
		unlink(control->path); /* ours: the lock is still held */
		close(control->fd);
	}
	if (control->lock_fd >= 0)
		close(control->lock_fd);
	free(control->path);
	free(control);
}

bool control_wanted(const struct control *control, uint64_t wait_ns)
{
	for (struct client *c = control->clients; c; c = c->next)
		if (c->watching && wait_ns >= c->min_wait_ns)
			return true;
	return false;
}

static bool tell_lost(struct client *client)
{
	json_t *object;
	int err;

	if (!client->lost)
		return true;
	object = json_pack("{s:I}", "lost", (json_int_t)client->lost);
	err = object ? queue(client, object, CONTROL_MAX_WATCH_PENDING) : -ENOMEM;
	json_decref(object);
	if (!err)
		client->lost = 0;
	return !err;
}

void control_publish(struct control *control, const json_t *object, uint64_t wait_ns)
{
	struct client *next;

	for (struct client *c = control->clients; c; c = next) {
		next = c->next;
		if (!c->watching || wait_ns < c->min_wait_ns)
			continue;
		if (!tell_lost(c) || queue(c, object, CONTROL_MAX_WATCH_PENDING)) {
			c->lost++;
			control->stats.lost++;
		}
		flush(c);
	}
}

void control_tick(struct control *control, uint64_t now)
{
	struct client *next;

	for (struct client *c = control->clients; c; c = next) {
		next = c->next;
		if (c->out_len && now > c->progress_ns && now - c->progress_ns > CONTROL_STALL_NS) {
			control->stats.dropped++;
			drop(c);
		} else if (c->lost && tell_lost(c)) {
			flush(c);
		}
	}
}

void control_set_max_clients(struct control *control, uint32_t max)
{
	control->opts.max_clients = max;
}

void control_stats(const struct control *control, struct control_stats *ret_stats)
{
	*ret_stats = control->stats;
}
