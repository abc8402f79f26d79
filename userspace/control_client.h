/* SPDX-License-Identifier: GPL-2.0 */
/* One client of the control socket. Only for control.c and control_client.c. */
#ifndef FAULTLINE_CONTROL_CLIENT_H
#define FAULTLINE_CONTROL_CLIENT_H

#include "client.h"
#include "control.h"

struct control_client {
	struct control_client *next;
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
	struct control_client *clients;
	struct control_stats stats;
};

/* The loop's callback: arg is the client, which may be gone afterwards. */
void control_client_ready(void *arg, uint32_t events);
/* Queue one line; -ENOBUFS when it would exceed limit bytes, or memory. */
int control_client_queue(struct control_client *client, const json_t *object, size_t limit);
/* Send what the socket takes. False: the client is gone. */
bool control_client_flush(struct control_client *client);
/* Close it and forget it. */
void control_client_drop(struct control_client *client);

#endif
