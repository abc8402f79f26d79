/* SPDX-License-Identifier: GPL-2.0 */
/* The daemon's stream of single waits (protocol: client.h), read as it comes. */
#ifndef FAULTLINE_STREAM_H
#define FAULTLINE_STREAM_H

#include "session.h"

struct stream;

/* Ask for waits of at least min_wait_ns on a connection, which it owns from now on. */
int stream_open(int fd, uint64_t min_wait_ns, struct stream **ret_stream);
void stream_close(struct stream *stream); /* NULL-safe */
int stream_fd(const struct stream *stream);
/*
 * Take what is there, without blocking: 0; -EPIPE when the daemon is gone,
 * -EPROTO for what is no wait.
 */
int stream_read(struct stream *stream, session_wait_fn fn, void *arg);
/* Waits that the daemon could not send because this reader was too slow. */
uint64_t stream_lost(const struct stream *stream);

#endif
