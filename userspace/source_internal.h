/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by source.c (open, wait) and source_read.c (ask, measure) alone. */
#ifndef FAULTLINE_SOURCE_INTERNAL_H
#define FAULTLINE_SOURCE_INTERNAL_H

#include <signal.h>

#include "source.h"
#include "stream.h"

/* A healthy daemon answers in milliseconds; a stuck one must not hang a verb. */
#define SOURCE_ASK_TIMEOUT_MS 5000

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

uint64_t source_now_ns(void); /* CLOCK_MONOTONIC */
/* Start time in clock ticks after boot, field 22 of stat; 0: no such process. */
uint64_t source_start_ticks(uint32_t pid);
/* --socket, or where the daemon listens by default. */
const char *source_socket_path(const struct cli *cli);
/* Why the daemon cannot be asked; returns the exit code. */
int source_said_daemon(const char *path, int err);

#endif
