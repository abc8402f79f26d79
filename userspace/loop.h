/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One epoll event loop: file descriptors, timers and signals, each with a
 * callback. A callback may remove any source, its own one too.
 */
#ifndef FAULTLINE_LOOP_H
#define FAULTLINE_LOOP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop;
struct loop_source;

typedef void (*loop_fn)(void *arg, uint32_t events);
typedef void (*loop_timer_fn)(void *arg);
typedef void (*loop_signal_fn)(void *arg, int signo);

int loop_new(struct loop **ret_loop);
void loop_free(struct loop *loop); /* NULL-safe; removes all sources */

/* The descriptor stays the caller's: remove the source before closing it. */
int loop_add(struct loop *loop, int fd, uint32_t events, loop_fn fn, void *arg,
	     struct loop_source **ret_source);
int loop_modify(struct loop_source *source, uint32_t events);
void loop_remove(struct loop_source *source); /* NULL-safe */

/* Timer; interval_ns 0: once. Missed ticks are called once, not made up for. */
int loop_timer(struct loop *loop, uint64_t first_ns, uint64_t interval_ns, loop_timer_fn fn,
	       void *arg, struct loop_source **ret_source);
/* Set it anew; first_ns 0 stops it. */
int loop_timer_set(struct loop_source *source, uint64_t first_ns, uint64_t interval_ns);

/* Blocks the signals and calls fn for each of them from the loop. */
int loop_signals(struct loop *loop, const int *signals, size_t n, loop_signal_fn fn, void *arg);

/* Until loop_stop(): 0, or -errno of epoll. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
