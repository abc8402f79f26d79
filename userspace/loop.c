// SPDX-License-Identifier: GPL-2.0
/*
 * What happens next? epoll tells, and each source has one callback. Removed
 * sources are freed only after the batch of events in which they may still
 * stand. No threads, no priorities.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "loop.h"

#define BATCH 16

struct loop_source {
	struct loop *loop;
	struct loop_source *next;
	int fd;
	bool own_fd; /* timerfd or signalfd: closed with the source */
	bool dead;
	loop_fn fn;
	loop_timer_fn timer_fn;
	loop_signal_fn signal_fn;
	void *arg;
};

struct loop {
	int epoll_fd;
	bool stop;
	struct loop_source *sources;
};

int loop_new(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		free(loop);
		return -errno;
	}
	*ret_loop = loop;
	return 0;
}

static void reap(struct loop *loop)
{
	struct loop_source **at = &loop->sources;

	while (*at) {
		struct loop_source *source = *at;

		if (!source->dead) {
			at = &source->next;
			continue;
		}
		*at = source->next;
		free(source);
	}
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	for (struct loop_source *s = loop->sources; s; s = s->next)
		loop_remove(s);
	reap(loop);
	close(loop->epoll_fd);
	free(loop);
}

static int add(struct loop *loop, int fd, uint32_t events, const struct loop_source *proto,
	       struct loop_source **ret_source)
{
	struct epoll_event ev = {.events = events};
	struct loop_source *source = malloc(sizeof(*source));

	if (!source)
		return -ENOMEM;
	*source = *proto;
	source->loop = loop;
	source->fd = fd;
	ev.data.ptr = source;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev)) {
		int err = -errno;

		free(source);
		return err;
	}
	source->next = loop->sources;
	loop->sources = source;
	if (ret_source)
		*ret_source = source;
	return 0;
}

int loop_add(struct loop *loop, int fd, uint32_t events, loop_fn fn, void *arg,
	     struct loop_source **ret_source)
{
	struct loop_source proto = {.fn = fn, .arg = arg};

	return add(loop, fd, events, &proto, ret_source);
}

int loop_modify(struct loop_source *source, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = source};

	return epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &ev) ? -errno : 0;
}

void loop_remove(struct loop_source *source)
{
	if (!source || source->dead)
		return;
	epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	if (source->own_fd)
		close(source->fd);
	source->dead = true;
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

int loop_timer_set(struct loop_source *source, uint64_t first_ns, uint64_t interval_ns)
{
	struct itimerspec spec = {.it_value = to_timespec(first_ns),
				  .it_interval = to_timespec(interval_ns)};

	return timerfd_settime(source->fd, 0, &spec, NULL) ? -errno : 0;
}

int loop_timer(struct loop *loop, uint64_t first_ns, uint64_t interval_ns, loop_timer_fn fn,
	       void *arg, struct loop_source **ret_source)
{
	struct loop_source proto = {.timer_fn = fn, .arg = arg, .own_fd = true}, *source;
	int fd, err;

	fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	err = add(loop, fd, EPOLLIN, &proto, &source);
	if (err) {
		close(fd);
		return err;
	}
	err = loop_timer_set(source, first_ns, interval_ns);
	if (err) {
		loop_remove(source);
		return err;
	}
	if (ret_source)
		*ret_source = source;
	return 0;
}

int loop_signals(struct loop *loop, const int *signals, size_t n, loop_signal_fn fn, void *arg)
{
	struct loop_source proto = {.signal_fn = fn, .arg = arg, .own_fd = true};
	sigset_t set;
	int fd, err;

	sigemptyset(&set);
	for (size_t i = 0; i < n; i++)
		sigaddset(&set, signals[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	err = add(loop, fd, EPOLLIN, &proto, NULL);
	if (err)
		close(fd);
	return err;
}

static void call(struct loop_source *source, uint32_t events)
{
	struct signalfd_siginfo info;
	uint64_t ticks;

	if (source->fn) {
		source->fn(source->arg, events);
	} else if (source->timer_fn) {
		/* EAGAIN: a callback before this one has set the timer anew */
		if (read(source->fd, &ticks, sizeof(ticks)) == sizeof(ticks))
			source->timer_fn(source->arg);
	} else if (read(source->fd, &info, sizeof(info)) == sizeof(info)) {
		source->signal_fn(source->arg, info.ssi_signo);
	}
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[BATCH];

	loop->stop = false;
	while (!loop->stop) {
		int n = epoll_wait(loop->epoll_fd, events, BATCH, -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n && !loop->stop; i++) {
			struct loop_source *source = events[i].data.ptr;

			if (!source->dead)
				call(source, events[i].events);
		}
		reap(loop);
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stop = true;
}
