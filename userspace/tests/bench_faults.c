// SPDX-License-Identifier: GPL-2.0
/*
 * A contended load for a given time: threads that map, touch and unmap in one
 * address space, so that faults and writers wait for each other. Prints the
 * faults a second.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGES 64

static atomic_bool stop;
static atomic_ullong faults;

static void *load(void *arg)
{
	unsigned long long mine = 0;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		char *at = mmap(NULL, PAGES << 12, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (int i = 0; i < PAGES; i++)
			at[i << 12] = 1;
		munmap(at, PAGES << 12);
		mine += PAGES;
	}
	atomic_fetch_add(&faults, mine);
	return arg;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 4, ms = argc > 2 ? atoi(argv[2]) : 500;
	struct timespec from, to, rest = {ms / 1000, ms % 1000 * 1000000L};
	pthread_t thread[64];

	if (threads < 1 || threads > 64 || ms < 1)
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < threads; i++)
		pthread_create(&thread[i], NULL, load, NULL);
	nanosleep(&rest, NULL);
	atomic_store(&stop, true);
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%.0f\n", faults / (to.tv_sec - from.tv_sec + (to.tv_nsec - from.tv_nsec) / 1e9));
	return 0;
}
