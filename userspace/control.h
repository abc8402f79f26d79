/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The daemon's side of the control socket (protocol: client.h). Clients are
 * served from the event loop; none of them can make it wait.
 */
#ifndef FAULTLINE_CONTROL_H
#define FAULTLINE_CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"
#include "loop.h"

/* Bounds: what all clients may have pending, and one that watches. */
#define CONTROL_MAX_PENDING	  (8 << 20)
#define CONTROL_MAX_WATCH_PENDING (128 << 10)
/* A client that takes nothing of its reply for so long loses its connection. */
#define CONTROL_STALL_NS (5ULL * 1000000000)

enum control_cmd {
	CONTROL_PING,
	CONTROL_STATUS,
	CONTROL_SNAPSHOT,
	CONTROL_METRICS,
	CONTROL_WATCH,
	CONTROL_POLICY,
	CONTROL_POLICY_DO,
	CONTROL_NR_CMDS
};

enum control_action {
	CONTROL_APPLY,
	CONTROL_PAUSE,
	CONTROL_RESUME,
	CONTROL_ROLLBACK,
	CONTROL_NR_ACTIONS
};

#define CONTROL_WHAT 64

struct control_request {
	enum control_cmd cmd;
	bool stacks; /* of snapshot */
	uint64_t min_wait_ns; /* of watch */
	enum control_action action; /* of policy_do */
	char what[CONTROL_WHAT]; /* of policy_do: an id, or a setting; may be empty */
	bool root; /* who asks is root; set by the socket, not by the request */
};

/*
 * One line without its newline. 0; -EINVAL with one line for the client in
 * *ret_why (static). Unknown members are refused, so that a typing error is
 * not taken for a default. Pure.
 */
int control_parse(const char *line, size_t len, struct control_request *ret_request,
		  const char **ret_why);

/*
 * The answer to a request: a new object, to which "ok":true is added. NULL:
 * out of memory. WATCH is not passed on. *ret_err negative: an error reply.
 */
typedef json_t *(*control_fn)(void *arg, const struct control_request *request, int *ret_err);

struct control_opts {
	const char *path;
	const char *group; /* "" or NULL: none */
	uint32_t max_clients;
	control_fn handle;
	void *arg;
	struct loop *loop;
	struct log *log;
};

struct control;

/*
 * Listen. The path of a dead daemon's socket is taken over; a living one is
 * told by the lock on PATH.lock: -EADDRINUSE. On error *ret_why is one line for
 * the operator (to be freed), NULL when out of memory.
 */
int control_open(const struct control_opts *opts, struct control **ret_control, char **ret_why);
/* Removes the socket, drops all clients. NULL-safe. */
void control_close(struct control *control);

/*
 * Send to all that watch waits of this length. What a slow one misses is counted
 * and told to it. wanted() first: it is cheap and building the object is not.
 */
bool control_wanted(const struct control *control, uint64_t wait_ns);
void control_publish(struct control *control, const json_t *object, uint64_t wait_ns);

/* Call about once a second: drops clients that have stalled. */
void control_tick(struct control *control, uint64_t now_ns);
void control_set_max_clients(struct control *control, uint32_t max);

struct control_stats {
	uint32_t clients;
	uint32_t watching;
	uint64_t accepted;
	uint64_t refused; /* too many, or not permitted */
	uint64_t dropped; /* stalled, or a request too long */
	uint64_t requests;
	uint64_t lost; /* watch lines not sent */
	uint64_t pending; /* bytes */
};
void control_stats(const struct control *control, struct control_stats *ret_stats);

#endif
