// SPDX-License-Identifier: GPL-2.0
/*
 * What the parts meet by. A gate is a word that only grows. Who waits for the
 * begin of a round spins for a while, so that all begin together; then it sleeps,
 * so that a machine with fewer CPUs than parts gets on too. Who waits for the end
 * sleeps at once: it would take a CPU from those that are measured.
 */
#include "faults.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How late it may be noticed that a worker died. */
#define SLICE_NS 100000000

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

bool gate_come(uint32_t *gate, uint32_t parts)
{
	return __atomic_add_fetch(gate, 1, __ATOMIC_ACQ_REL) % parts == 0;
}

void gate_wake(uint32_t *gate)
{
	syscall(SYS_futex, gate, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

void gate_add(uint32_t *gate, uint32_t parts)
{
	if (gate_come(gate, parts))
		gate_wake(gate);
}

/* A child that died cannot come to the gate: nobody waits for ever. */
static void look_for_the_dead(void)
{
	int status;

	if (!opts.processes || waitpid(-1, &status, WNOHANG) <= 0)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status))
		exit(WEXITSTATUS(status)); /* it has said why */
	fail(EXIT_FAILED, "a worker is gone before the end");
}

/* In slices, to hear of a child that dies after it has begun. */
void sleep_s(double seconds)
{
	const uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
	struct timespec slice = {};
	uint64_t now;

	while ((now = now_ns()) < end) {
		slice.tv_nsec = (long)(end - now < SLICE_NS ? end - now : SLICE_NS);
		nanosleep(&slice, NULL);
		look_for_the_dead();
	}
}

void gate_wait(uint32_t *gate, uint32_t value, unsigned int spin_turns)
{
	const struct timespec second = {.tv_sec = 1};
	uint32_t now;

	while ((now = __atomic_load_n(gate, __ATOMIC_ACQUIRE)) < value) {
		if (spin_turns) {
			spin_turns--;
			__builtin_ia32_pause();
			continue;
		}
		if (syscall(SYS_futex, gate, FUTEX_WAIT, now, &second, NULL, 0) &&
		    errno == ETIMEDOUT)
			look_for_the_dead();
	}
}

long minor_faults(long *ret_major)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	*ret_major = usage.ru_majflt;
	return usage.ru_minflt;
}

static cpu_set_t allowed;

int pin_cpus(void)
{
	if (!CPU_COUNT(&allowed) && sched_getaffinity(0, sizeof(allowed), &allowed))
		die("sched_getaffinity");
	return CPU_COUNT(&allowed);
}

void pin(int nth)
{
	cpu_set_t one;

	nth %= pin_cpus();
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &allowed) && !nth--)
			CPU_SET(cpu, &one);
	}
	if (sched_setaffinity(0, sizeof(one), &one))
		die("sched_setaffinity");
}

void die(const char *what)
{
	fprintf(stderr, "faults: %s: %s\n", what, strerror(errno));
	_exit(EXIT_FAILED);
}

void fail(int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("faults: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	_exit(code);
}
