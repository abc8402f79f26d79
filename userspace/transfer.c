// SPDX-License-Identifier: GPL-2.0
/*
 * Two threads on two CPUs hand a counter back and forth in one cache line. The
 * fastest batch is the one that nobody has disturbed.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "transfer.h"

#define BATCHES	    200
#define ROUNDS	    100 /* short: both threads must run all the time */
#define DEADLINE_NS 50000000ULL

struct pingpong {
	_Alignas(128) atomic_uint ball; /* odd: the partner's turn */
	_Alignas(128) atomic_bool stop;
	int cpu;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void stay_on(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

static void *partner(void *arg)
{
	struct pingpong *p = arg;
	unsigned int seen;

	stay_on(p->cpu);
	while (!atomic_load_explicit(&p->stop, memory_order_relaxed)) {
		seen = atomic_load_explicit(&p->ball, memory_order_acquire);
		if (seen & 1)
			atomic_store_explicit(&p->ball, seen + 1, memory_order_release);
	}
	return NULL;
}

/* One batch; 0 when the partner does not run. */
static uint64_t batch_ns(struct pingpong *p, uint64_t deadline_ns)
{
	unsigned int ball = atomic_load_explicit(&p->ball, memory_order_relaxed), spins = 0;
	uint64_t begin_ns = now_ns();

	for (int i = 0; i < ROUNDS; i++) {
		atomic_store_explicit(&p->ball, ball + 1, memory_order_release);
		ball += 2;
		while (atomic_load_explicit(&p->ball, memory_order_acquire) != ball)
			if (++spins % 1024 == 0 && now_ns() > deadline_ns)
				return 0;
	}
	return now_ns() - begin_ns;
}

static uint64_t measure(struct pingpong *p)
{
	uint64_t deadline_ns = now_ns() + DEADLINE_NS, best_ns = 0;

	for (int i = 0; i < BATCHES; i++) {
		uint64_t ns = batch_ns(p, deadline_ns);

		if (!ns)
			break;
		if (!best_ns || ns < best_ns)
			best_ns = ns;
	}
	return best_ns ? best_ns / ROUNDS ?: 1 : 0;
}

/* The first two CPUs of the set; false when there is one. */
static bool two_of(const cpu_set_t *set, int *ret_a, int *ret_b)
{
	*ret_a = *ret_b = -1;
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, set))
			continue;
		if (*ret_a >= 0) {
			*ret_b = i;
			return true;
		}
		*ret_a = i;
	}
	return false;
}

/* For who is bound to one CPU: two of all that its cpuset has. */
static bool two_of_cpuset(int *ret_a, int *ret_b)
{
	cpu_set_t set;

	memset(&set, 0xff, sizeof(set));
	return !sched_setaffinity(0, sizeof(set), &set) &&
	       !sched_getaffinity(0, sizeof(set), &set) && two_of(&set, ret_a, ret_b);
}

uint64_t transfer_measure_ns(void)
{
	struct pingpong p = {.stop = false};
	cpu_set_t before;
	pthread_t thread;
	uint64_t ns = 0;
	int mine;

	if (sched_getaffinity(0, sizeof(before), &before))
		return 0;
	if ((two_of(&before, &mine, &p.cpu) || two_of_cpuset(&mine, &p.cpu)) &&
	    !pthread_create(&thread, NULL, partner, &p)) {
		stay_on(mine);
		ns = measure(&p);
		atomic_store(&p.stop, true);
		pthread_join(thread, NULL);
	}
	sched_setaffinity(0, sizeof(before), &before);
	return ns;
}
