// SPDX-License-Identifier: GPL-2.0
/*
 * How do we read a hostile file and live?
 *
 * By fork(): memory and processor time are limited, the child goes with its
 * parent, and is killed when it takes too long. A killed child can stay for a
 * while in a file system that does not let go: it is not waited for. Does not
 * drop privileges: the child must open files of other users' processes.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "usym_aside.h"

/* elfsym needs less than 1 MiB; the rest is for what the allocator keeps */
#define EXTRA_BYTES (8UL << 20)
#define CPU_S	    2
#define KILL_MS	    100 /* for a killed child to be gone */

/* On top of what the parent has mapped, which is shared until written to. */
static void limit_memory(void)
{
	FILE *statm = fopen("/proc/self/statm", "re");
	struct rlimit limit;
	unsigned long pages;

	if (!statm)
		return;
	if (fscanf(statm, "%lu", &pages) == 1) {
		limit.rlim_cur = limit.rlim_max =
			pages * (unsigned long)sysconf(_SC_PAGESIZE) + EXTRA_BYTES;
		setrlimit(RLIMIT_AS, &limit);
	}
	fclose(statm);
}

static void limit_child(pid_t parent)
{
	const struct rlimit cpu = {CPU_S, CPU_S}, no_core = {};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	limit_memory();
	setrlimit(RLIMIT_CPU, &cpu);
	setrlimit(RLIMIT_CORE, &no_core);
}

/* Dead within that time? */
static bool ends_within(int pidfd, int timeout_ms)
{
	struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
	int n;

	do { /* a signal, which is rare, starts the time again */
		n = poll(&poll_fd, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

int usym_aside(void (*fn)(void *arg), void *arg, int timeout_ms, pid_t *ret_lingering)
{
	pid_t parent = getpid(), pid = fork();
	int pidfd, status = 0, err = 0;

	if (pid < 0)
		return -errno;
	if (!pid) {
		limit_child(parent);
		fn(arg);
		_exit(0);
	}
	*ret_lingering = 0;
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0 || !ends_within(pidfd, timeout_ms)) {
		err = pidfd < 0 ? -errno : -ETIMEDOUT;
		kill(pid, SIGKILL);
	}
	if (pidfd >= 0 && err && !ends_within(pidfd, KILL_MS))
		*ret_lingering = pid;
	else if (waitpid(pid, &status, 0) == pid && !err && status)
		err = -EFAULT;
	if (pidfd >= 0)
		close(pidfd);
	return err;
}
