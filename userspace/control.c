// SPDX-License-Identifier: GPL-2.0
/*
 * Who may ask, and who is told what is seen? Accepts clients up to a limit, hands
 * each wait to those that watch. A client that takes nothing is dropped, one that
 * is too slow to watch is told what it lost. control_client.c serves each of them.
 */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control_client.h"
#include "control_listen.h"

/* Those who have hung up make room, also when their event comes after this one. */
static void drop_gone(struct control *control)
{
	struct control_client *next;

	for (struct control_client *c = control->clients; c; c = next) {
		struct pollfd pfd = {.fd = c->fd, .events = POLLRDHUP};

		next = c->next;
		if (poll(&pfd, 1, 0) > 0)
			control_client_drop(c);
	}
}

static void on_listen(void *arg, uint32_t events)
{
	struct control *control = arg;
	struct control_client *client = NULL;
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
	if (control->stats.clients >= control->opts.max_clients)
		drop_gone(control);
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
	if (loop_add(control->opts.loop, fd, EPOLLIN | EPOLLRDHUP, control_client_ready, client,
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
		control_client_drop(control->clients);
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
	for (struct control_client *c = control->clients; c; c = c->next)
		if (c->watching && wait_ns >= c->min_wait_ns)
			return true;
	return false;
}

static bool tell_lost(struct control_client *client)
{
	json_t *object;
	int err;

	if (!client->lost)
		return true;
	object = json_pack("{s:I}", "lost", (json_int_t)client->lost);
	err = object ? control_client_queue(client, object, CONTROL_MAX_WATCH_PENDING) : -ENOMEM;
	json_decref(object);
	if (!err)
		client->lost = 0;
	return !err;
}

void control_publish(struct control *control, const json_t *object, uint64_t wait_ns)
{
	struct control_client *next;

	for (struct control_client *c = control->clients; c; c = next) {
		next = c->next;
		if (!c->watching || wait_ns < c->min_wait_ns)
			continue;
		if (!tell_lost(c) || control_client_queue(c, object, CONTROL_MAX_WATCH_PENDING)) {
			c->lost++;
			control->stats.lost++;
		}
		control_client_flush(c);
	}
}

void control_tick(struct control *control, uint64_t now)
{
	struct control_client *next;

	for (struct control_client *c = control->clients; c; c = next) {
		next = c->next;
		if (c->out_len && now > c->progress_ns && now - c->progress_ns > CONTROL_STALL_NS) {
			control->stats.dropped++;
			control_client_drop(c);
		} else if (c->lost && tell_lost(c)) {
			control_client_flush(c);
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
