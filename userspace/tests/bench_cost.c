// SPDX-License-Identifier: GPL-2.0
/*
 * What does a contention event cost, by the kernel's own BPF statistics? Short
 * rounds of two loads in turn: threads that contend for a pipe's mutex (no
 * rwsem: the programs must let go at once), and threads that contend for their
 * mmap_lock. A round's figure is the mean of its calls; printed is the median
 * of the rounds and their range. The statistics' own two clock reads are in
 * the figures.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session.h"

#define ROUNDS	 15
#define ROUND_MS 300
#define THREADS	 6
#define BLOCK	 32768

static int pipe_fds[2];

static void *pipe_writer(void *arg)
{
	static char block[BLOCK];

	while (write(pipe_fds[1], block, sizeof(block)) > 0)
		;
	return arg;
}

static void *pipe_reader(void *arg)
{
	char block[BLOCK];

	while (read(pipe_fds[0], block, sizeof(block)) > 0)
		;
	return arg;
}

static void *mapper(void *arg)
{
	for (;;) {
		char *at = mmap(NULL, 16 << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				-1, 0);

		for (int i = 0; i < 16; i++)
			at[i << 12] = 1;
		munmap(at, 16 << 12);
	}
	return arg;
}

/* A process of its own for each load, so that it ends when it is killed. */
static pid_t start_load(bool mmap_lock)
{
	pthread_t thread;
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pipe(pipe_fds))
		_exit(1);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread, NULL,
			       mmap_lock ? mapper
			       : i & 1	 ? pipe_reader
					 : pipe_writer,
			       NULL);
	for (;;)
		pause();
}

struct program {
	uint64_t ns;
	uint64_t calls;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_row(const char *what, double *means, size_t n, uint64_t calls)
{
	qsort(means, n, sizeof(*means), by_value);
	printf("%-52s %6.0f ns  (%.0f to %.0f, %zu rounds, %llu calls)\n", what, means[n / 2],
	       means[0], means[n - 1], n, (unsigned long long)calls);
}

static void pass_time(struct session *session)
{
	struct pollfd none = {.fd = -1};

	poll(&none, 0, ROUND_MS);
	session_drain(session);
}

static int take(struct session *session, struct program *begin, struct program *end)
{
	return session_program_cost(session, "who_starts_to_wait", &begin->ns, &begin->calls)
		       ?: session_program_cost(session, "who_stops_to_wait", &end->ns, &end->calls);
}

static int measure(struct session *session, bool mmap_lock)
{
	double begins[ROUNDS], ends[ROUNDS], pairs[ROUNDS];
	struct program begin[2], end[2];
	uint64_t calls = 0;
	size_t n = 0;

	for (int i = 0; i < ROUNDS; i++) {
		pid_t load = start_load(mmap_lock);
		int err;

		err = take(session, &begin[0], &end[0]);
		pass_time(session);
		if (!err)
			err = take(session, &begin[1], &end[1]);
		kill(load, SIGKILL);
		waitpid(load, NULL, 0);
		if (err)
			return err;
		if (begin[1].calls - begin[0].calls < 100 || end[1].calls - end[0].calls < 100)
			continue;
		begins[n] = (double)(begin[1].ns - begin[0].ns) / (begin[1].calls - begin[0].calls);
		ends[n] = (double)(end[1].ns - end[0].ns) / (end[1].calls - end[0].calls);
		pairs[n] = begins[n] + ends[n];
		calls += begin[1].calls - begin[0].calls;
		n++;
	}
	if (!n) {
		printf("%s: too few events for a figure on this machine\n",
		       mmap_lock ? "mmap_lock wait" : "not an rwsem");
		return 0;
	}
	if (mmap_lock) {
		print_row("mmap_lock wait, contention_begin", begins, n, calls);
		print_row("mmap_lock wait, contention_end", ends, n, calls);
		print_row("mmap_lock wait, both together", pairs, n, calls);
	} else {
		print_row("not an rwsem, contention_begin", begins, n, calls);
		print_row("not an rwsem, contention_end", ends, n, calls);
	}
	return 0;
}

int main(void)
{
	struct session *session = NULL;
	struct session_opts opts;
	char *why = NULL;
	int err;

	session_default_opts(&opts);
	err = session_open(&opts, &session, &why);
	if (!err)
		err = session_cost_sample(session, true, NULL);
	if (!err)
		err = measure(session, false);
	if (!err)
		err = measure(session, true);
	if (err)
		fprintf(stderr, "bench_cost: %s\n", why ? why : strerror(-err));
	free(why);
	session_close(session);
	return err ? 1 : 0;
}
