// SPDX-License-Identifier: GPL-2.0
/*
 * The processes and threads that contend, and the gates at which they meet: a
 * gate is a number in shared memory that only grows, with a futex on it.
 */
#include "contend_role.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000UL + ts.tv_nsec;
}

pid_t own_tid(void)
{
	return syscall(SYS_gettid);
}

void die(const char *what)
{
	fprintf(stderr, "contend: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void wake(uint32_t *gate)
{
	syscall(SYS_futex, gate, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void gate_add(uint32_t *gate, uint32_t n)
{
	__atomic_add_fetch(gate, n, __ATOMIC_RELEASE); /* pairs with gate_wait() */
	wake(gate);
}

void gate_set(uint32_t *gate, uint32_t value)
{
	__atomic_store_n(gate, value, __ATOMIC_RELEASE); /* pairs with gate_wait() */
	wake(gate);
}

bool gate_wait(uint32_t *gate, uint32_t value, unsigned int deadline_s)
{
	uint64_t deadline_ns = now_ns() + deadline_s * 1000000000UL;
	struct timespec ts = {.tv_sec = 1};

	for (;;) {
		/* Pairs with gate_set() and gate_add(). */
		uint32_t seen = __atomic_load_n(gate, __ATOMIC_ACQUIRE);

		if ((int32_t)(seen - value) >= 0)
			return true;
		if (deadline_s && now_ns() >= deadline_ns)
			return false;
		syscall(SYS_futex, gate, FUTEX_WAIT, seen, deadline_s ? &ts : NULL, NULL, 0);
	}
}

static void waiter_loop(struct waiter *w)
{
	waiter_start(w);
	gate_add(&ctl->ready_gate, 1);
	for (uint32_t round = 1;; round++) {
		gate_wait(&ctl->armed_gate, round, 0);
		if (in_turn(opts.means))
			gate_wait(&ctl->turn_gate,
				  (round - 1) * opts.n_waiters + (w - ctl->waiters) + 1, 0);
		waiter_round(w, round);
		gate_add(&ctl->waited_gate, 1);
	}
}

static void holder_loop(void)
{
	if (opts.holder_comm)
		prctl(PR_SET_NAME, opts.holder_comm);
	ctl->holder_pid = getpid();
	ctl->holder_tid = own_tid();
	gate_add(&ctl->ready_gate, 1);
	for (uint32_t round = 1;; round++) {
		gate_wait(&ctl->prepared_gate, round, 0);
		if (!opts.means->fuse || opts.means->storm) {
			ctl->t0 = now_ns();
			gate_set(&ctl->armed_gate, round);
		}
		holder_hold();
		ctl->t1 = now_ns();
		gate_set(&ctl->held_gate, round);
	}
}

static void *holder_thread(void *arg)
{
	holder_loop();
	return arg;
}

static void *waiter_thread(void *arg)
{
	waiter_loop(arg);
	return arg;
}

static void start_thread(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, run, arg);
	if (errno)
		die("pthread_create");
}

static void join_cgroup(const char *dir)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, "0", 1) != 1)
		die("joining the cgroup");
	close(fd);
}

static void target_loop(void)
{
	static char readable[PAGE] = {1};

	ctl->readable = readable;
	if (opts.cgroup)
		join_cgroup(opts.cgroup);
	if (opts.comm)
		prctl(PR_SET_NAME, opts.comm);
	if (!opts.means->remote)
		start_thread(holder_thread, NULL);
	for (size_t i = 0; i < opts.n_waiters; i++)
		if (!ctl->waiters[i].op->remote)
			start_thread(waiter_thread, &ctl->waiters[i]);
	gate_add(&ctl->ready_gate, 1);
	for (uint32_t round = 1;; round++) {
		gate_wait(&ctl->prepare_gate, round, 0);
		for (size_t i = 0; i < opts.n_waiters; i++)
			pool_refill(&ctl->waiters[i]);
		opts.means->prepare();
		gate_set(&ctl->prepared_gate, round);
	}
}

static pid_t fork_as(pid_t wanted)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&wanted, .set_tid_size = 1};

	return wanted ? syscall(SYS_clone3, &args, sizeof(args)) : fork();
}

/* Returns 0 in the child, which dies with the controller. */
static pid_t spawn(pid_t wanted)
{
	pid_t parent = getpid(), pid = fork_as(wanted);

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	return 0;
}

size_t role_spawn_all(pid_t *pids, int fuse_fd, int release_fd)
{
	size_t n = 0;

	if (opts.means->fuse && !(pids[n++] = spawn(0)))
		fuse_serve(fuse_fd, release_fd);
	if (fuse_fd >= 0)
		close(fuse_fd); /* the server's death must end the file system */
	pids[n] = spawn(opts.pid);
	if (!pids[n])
		target_loop();
	ctl->target = pids[n++];
	if (opts.means->remote && !(pids[n++] = spawn(0)))
		holder_loop();
	for (size_t i = 0; i < opts.n_waiters; i++)
		if (ctl->waiters[i].op->remote && !(pids[n++] = spawn(0)))
			waiter_loop(&ctl->waiters[i]);
	return n;
}

/* As in its stat, which does not take mmap_lock; 0: it is not there. */
static char state_of(pid_t pid, pid_t tid)
{
	char path[64], line[512], *state;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	state = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	fclose(file);
	return state && state[1] == ' ' ? state[2] : 0;
}

bool role_sleeps(const struct waiter *w)
{
	return state_of(w->pid, w->tid) == 'D'; /* not at a gate, which is 'S', but in the kernel */
}

bool role_waits(pid_t pid, pid_t tid)
{
	char state = state_of(pid, tid);

	return state == 'D' || state == 'S';
}
