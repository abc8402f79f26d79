// SPDX-License-Identifier: GPL-2.0
/*
 * A contended load: threads that map, touch and unmap in one address space, so
 * that faults and writers wait for each other.
 *
 *	bench_faults THREADS MS		for so long; prints the faults a second
 *	bench_faults THREADS		until the end of stdin; for each line there
 *					prints the faults a second since the last one
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define PAGES	    64
#define MAX_THREADS 64

/* A line each: nobody else's count is in the way of a fault. */
struct worker {
	_Alignas(64) atomic_ullong faults;
};

static struct worker workers[MAX_THREADS];
static atomic_bool stop;

static void *load(void *arg)
{
	struct worker *me = arg;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		char *at = mmap(NULL, PAGES << 12, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (int i = 0; i < PAGES; i++)
			at[i << 12] = 1;
		munmap(at, PAGES << 12);
		atomic_fetch_add_explicit(&me->faults, PAGES, memory_order_relaxed);
	}
	return NULL;
}

static void print_rate(int threads)
{
	static struct timespec last;
	static unsigned long long last_faults;
	unsigned long long faults = 0;
	struct timespec now;
	double s;

	clock_gettime(CLOCK_MONOTONIC, &now);
	for (int i = 0; i < threads; i++)
		faults += atomic_load(&workers[i].faults);
	s = (double)(now.tv_sec - last.tv_sec) + (double)(now.tv_nsec - last.tv_nsec) / 1e9;
	if (last.tv_sec) {
		printf("%.0f\n", (double)(faults - last_faults) / s);
		fflush(stdout);
	}
	last = now;
	last_faults = faults;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 0, ms = argc > 2 ? atoi(argv[2]) : 0;
	struct timespec rest = {ms / 1000, ms % 1000 * 1000000L};
	pthread_t thread[MAX_THREADS];
	int c;

	if (threads < 1 || threads > MAX_THREADS || ms < 0 || (argc > 2 && !ms)) {
		fputs("usage: bench_faults THREADS [MS]\n", stderr);
		return 2;
	}
	for (int i = 0; i < threads; i++)
		pthread_create(&thread[i], NULL, load, &workers[i]);
	print_rate(threads); /* only begins */
	if (ms) {
		nanosleep(&rest, NULL);
		print_rate(threads);
	} else {
		while ((c = getchar()) != EOF)
			if (c == '\n')
				print_rate(threads);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
