// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that move cache lines and take time in a way that is known beforehand, to
 * hold the model (scripts/model) against: pinned threads, one on each CPU.
 *
 *	known private N K	each adds K times to a counter in a line of its own
 *	known shared N K	each adds K times to one counter, with work in between
 *	known mostly N K	one writes a word K times, the others read it all the time
 *	known work N K		each does an operation of known length K times
 *	known calls N K		each does an operation of 10, then 20 system calls K times
 *
 * Prints where its data is: lines beside it are how the threads wait for each other.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "marker.h"

#define THREADS_MAX 64
#define LINE	    64
/* Many times what one CPU may be ahead of another. */
#define WORK_INSNS 4000
#define CALLS	   10

static _Alignas(LINE) struct {
	_Alignas(LINE) atomic_ulong count;
} data[THREADS_MAX];

static _Alignas(LINE) atomic_uint ready, done;
static _Alignas(LINE) atomic_bool go, ended;

static unsigned int threads;
static unsigned long times;

/* Two instructions a turn, no access to memory. */
static inline void work(unsigned long insns)
{
	unsigned long turns = insns / 2;

	__asm__ volatile("1: sub $1, %0; jnz 1b" : "+r"(turns) : : "cc");
}

static void private_line(unsigned int self)
{
	for (unsigned long i = 0; i < times; i++)
		atomic_fetch_add(&data[self].count, 1);
}

static void shared_line(unsigned int self)
{
	(void)self;
	for (unsigned long i = 0; i < times; i++) {
		atomic_fetch_add(&data[0].count, 1);
		work(WORK_INSNS);
	}
}

static void mostly_read(unsigned int self)
{
	if (self == 0) {
		for (unsigned long i = 0; i < times; i++) {
			atomic_store_explicit(&data[0].count, i, memory_order_relaxed);
			work(WORK_INSNS);
		}
		ended = true;
		return;
	}
	while (!ended) {
		(void)atomic_load_explicit(&data[0].count, memory_order_relaxed);
		work(WORK_INSNS / 8);
	}
}

static void known_work(unsigned int self)
{
	(void)self;
	for (unsigned long i = 0; i < times; i++) {
		marker_op_begin(MARKER_OP_OTHER);
		work(WORK_INSNS);
		marker_op_end(MARKER_OP_OTHER);
	}
}

static void calls(enum marker_op op, int count)
{
	marker_op_begin(op);
	for (int i = 0; i < count; i++)
		syscall(SYS_getppid);
	marker_op_end(op);
}

static void known_calls(unsigned int self)
{
	(void)self;
	for (unsigned long i = 0; i < times; i++) {
		calls(MARKER_OP_BRK, CALLS);
		calls(MARKER_OP_MMAP, 2 * CALLS);
	}
}

static const struct program {
	const char *name;
	enum marker_region region;
	void (*run)(unsigned int self);
} programs[] = {
	{"private", MARKER_USER_LINES, private_line}, {"shared", MARKER_USER_LINES, shared_line},
	{"mostly", MARKER_USER_LINES, mostly_read},   {"work", MARKER_TIME, known_work},
	{"calls", MARKER_TIME, known_calls},
};
static const struct program *program;

static void *runs(void *arg)
{
	unsigned int self = (uintptr_t)arg;
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(self, &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu)) {
		perror("known: sched_setaffinity");
		exit(1);
	}
	/* Whoever comes last lets all go: nobody else has to run for it. */
	if (atomic_fetch_add(&ready, 1) == threads - 1) {
		marker_begin(program->region);
		go = true;
	}
	while (!go)
		work(WORK_INSNS / 8);
	program->run(self);
	if (atomic_fetch_add(&done, 1) == threads - 1)
		marker_end();
	return NULL;
}

static int usage(void)
{
	fputs("usage: known private|shared|mostly|work|calls THREADS TIMES\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	pthread_t thread[THREADS_MAX];

	if (argc != 4)
		return usage();
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (!strcmp(argv[1], programs[i].name))
			program = &programs[i];
	threads = strtoul(argv[2], NULL, 10);
	times = strtoul(argv[3], NULL, 10);
	if (!program || !threads || threads > THREADS_MAX || !times)
		return usage();
	memset(data, 0, sizeof(data));
	for (unsigned int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, runs, (void *)(uintptr_t)i)) {
			fputs("known: cannot start a thread\n", stderr);
			return 1;
		}
	for (unsigned int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	printf("%s %p %zu\n", program->name, (void *)data, threads * sizeof(data[0]));
	return 0;
}
