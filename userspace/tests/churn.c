// SPDX-License-Identifier: GPL-2.0
/*
 * churn: processes that live for a moment, some of which contend.
 *
 *	churn RATE EVERY FIRST_PID N_PIDS
 *
 * Makes RATE processes a second, until it is told to stop by a line, or the end, on
 * stdin. Each EVERY-th has an address space of its own, and two threads that fight
 * for its mmap_lock for some milliseconds; those have the N_PIDS process ids from
 * FIRST_PID on, in turn, so that a detector can be told beforehand whom to watch, and
 * meets each id again and again. The others only come and go (vfork). Prints as JSON
 * how many there were, and in the best second.
 */
#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PIDS_MAX   64
#define CONTEND_NS 4000000UL
#define SIZE	   (16UL * 4096)

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000UL + ts.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "churn: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *map_and_unmap(void *arg)
{
	uint64_t end_ns = now_ns() + CONTEND_NS;

	while (now_ns() < end_ns) {
		void *area = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		if (area != MAP_FAILED)
			munmap(area, SIZE);
	}
	return arg;
}

static void contend(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, map_and_unmap, NULL))
		_exit(1);
	map_and_unmap(NULL);
	pthread_join(thread, NULL);
}

static pid_t fork_as(pid_t pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid, .set_tid_size = 1};

	return syscall(SYS_clone3, &args, sizeof(args));
}

static void come_and_go(void)
{
	pid_t pid = vfork();

	if (!pid)
		_exit(0);
	if (pid < 0 || waitpid(pid, NULL, 0) < 0)
		die("vfork");
}

/* The process that had the id before must have ended. */
static void start_contending(pid_t *slot, pid_t pid)
{
	if (*slot && waitpid(*slot, NULL, 0) < 0)
		die("wait");
	*slot = fork_as(pid);
	if (*slot < 0 && errno == EEXIST) /* ids have come round: a thread of somebody's has it */
		*slot = 0;
	else if (*slot < 0)
		die("clone3 with a process id of its own");
	else if (!*slot) {
		contend();
		_exit(0);
	}
}

static bool told_to_stop(void)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&in, 1, 0) > 0;
}

/* Sleeps until it is time for the next one; a late one is not made up for. */
static uint64_t pace(uint64_t due_ns, uint64_t interval_ns)
{
	struct timespec ts = {due_ns / 1000000000, due_ns % 1000000000};
	uint64_t ns = now_ns();

	if (ns > due_ns + 100000000)
		return ns;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	return due_ns + interval_ns;
}

/* How many in the best second so far? */
static uint64_t best_second(uint64_t forks)
{
	static uint64_t begin_ns, begin_forks, best;
	uint64_t ns = now_ns();

	if (ns - begin_ns >= 1000000000) {
		if (begin_ns && forks - begin_forks > best)
			best = forks - begin_forks;
		begin_ns = ns;
		begin_forks = forks;
	}
	return best;
}

int main(int argc, char **argv)
{
	uint64_t begin_ns = now_ns(), due_ns = begin_ns, interval_ns, forks = 0, contended = 0,
		 best = 0;
	pid_t running[PIDS_MAX] = {0}, first;
	unsigned long every, n;

	if (argc != 5) {
		fputs("usage: churn RATE EVERY FIRST_PID N_PIDS\n", stderr);
		return 2;
	}
	interval_ns = 1000000000 / (strtoul(argv[1], NULL, 10) ?: 1);
	every = strtoul(argv[2], NULL, 10) ?: 1;
	first = strtoul(argv[3], NULL, 10);
	n = strtoul(argv[4], NULL, 10);
	if (!n || n > PIDS_MAX || first < 2) {
		fprintf(stderr, "churn: from process id 2 on, 1 to %d of them\n", PIDS_MAX);
		return 2;
	}
	for (; !told_to_stop(); forks++) {
		if (forks % every)
			come_and_go();
		else
			start_contending(&running[contended++ % n], first + forks / every % n);
		best = best_second(forks);
		due_ns = pace(due_ns, interval_ns);
	}
	while (wait(NULL) > 0)
		;
	printf("{\"forks\":%ju,\"contended\":%ju,\"best_second\":%ju,\"per_s\":%.0f}\n",
	       (uintmax_t)forks, (uintmax_t)contended, (uintmax_t)best,
	       (double)forks * 1e9 / (double)(now_ns() - begin_ns));
	return 0;
}
