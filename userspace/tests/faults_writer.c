// SPDX-License-Identifier: GPL-2.0
/*
 * Who takes the lock for writing beside the faults? A thread of the same process
 * that repeats one operation for as long as anybody still faults. Its operation
 * is timed alone first: by that, what it does to the faults and what they do to
 * it can be told from a slow machine.
 */
#include "faults.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define ALONE_OPS 8

/* The writer is one thread: what it works on. */
static char *range;
static bool toggle;

static int next_protection(void)
{
	toggle = !toggle;
	return toggle ? PROT_READ : PROT_READ | PROT_WRITE;
}

static void start_populated(void)
{
	range = area_anon(opts.writer_bytes);
	for (size_t at = 0; at < opts.writer_bytes; at += PAGE)
		*(volatile char *)(range + at) = 1;
}

/* A hole between two pages that are there: the new mapping has no neighbour to merge with. */
static void start_hole(void)
{
	range = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (range == MAP_FAILED || munmap(range + PAGE, PAGE))
		die("mmap of the writer's page");
	range += PAGE;
}

static void run_mmap(void)
{
	if (mmap(range, PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != range ||
	    munmap(range, PAGE))
		die("mmap and munmap by the writer");
}

static void run_mprotect(void)
{
	if (mprotect(range, opts.writer_bytes, next_protection()))
		die("mprotect by the writer");
}

static void start_range(void)
{
	range = area_anon(opts.writer_bytes);
}

static void run_mlock(void)
{
	if (mlock(range, opts.writer_bytes) || munmap(range, opts.writer_bytes))
		die("mlock and munmap by the writer (RLIMIT_MEMLOCK?)");
	area_anon_at(range, opts.writer_bytes);
}

static void run_split(void)
{
	if (mprotect(ctl->split_page, PAGE, next_protection()))
		die("splitting mprotect by the writer");
}

/* Between two places: page tables move, which keeps every fault out that has no lock. */
static void start_movable(void)
{
	range = area_anon(2 * opts.writer_bytes);
	if (munmap(range + opts.writer_bytes, opts.writer_bytes))
		die("munmap of the writer's other place");
	for (size_t at = 0; at < opts.writer_bytes; at += PAGE)
		*(volatile char *)(range + at) = 1;
}

static void run_mremap(void)
{
	size_t size = opts.writer_bytes;
	char *to = toggle ? range - size : range + size;

	if (mremap(range, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
		die("mremap by the writer");
	range = to;
	toggle = !toggle;
}

static const struct writer table[] = {
	{"mmap", start_hole, run_mmap, MARKER_OP_MMAP, 0},
	{"mprotect", start_populated, run_mprotect, MARKER_OP_MPROTECT, 0},
	{"mlock", start_range, run_mlock, MARKER_OP_MLOCK, 0},
	{"split", NULL, run_split, MARKER_OP_SPLIT, 0},
	{"mremap", start_movable, run_mremap, MARKER_OP_OTHER, 0},
	/* The stack and the thread's own data are copied again after each fork. */
	{"fork", start_populated, op_fork, MARKER_OP_FORK, 4},
};

const struct writer *writer_find(const char *name)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}

void writer_list(FILE *to)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		fprintf(to, " %s", table[i].name);
}

static void measure_alone(void)
{
	uint64_t begin_ns;

	opts.writer->run(); /* the first is slower */
	begin_ns = now_ns();
	for (int i = 0; i < ALONE_OPS; i++)
		opts.writer->run();
	ctl->writer_alone_ns = (now_ns() - begin_ns) / ALONE_OPS;
}

static void pause_turns(uint64_t turns)
{
	for (uint64_t i = 0; i < turns; i++)
		__asm__ volatile("pause" ::: "memory");
}

/* Until the last worker is done with this round. */
static void work(uint32_t round)
{
	uint64_t begin_ns = now_ns(), begin, ops = 0;

	while (!run_is_done(round)) {
		begin = ticks_now();
		marker_op_begin(opts.writer->op);
		opts.writer->run();
		marker_op_end(opts.writer->op);
		lat_add(&ctl->writer_ticks, ticks_now() - begin);
		if (++ops == opts.writer_ops)
			run_set_enough(round);
		pause_turns(opts.writer_pause);
	}
	ctl->writer_ops += ops;
	ctl->writer_ns += now_ns() - begin_ns;
}

void *writer_main(void *unused)
{
	pin((int)opts.workers);
	if (opts.writer->start)
		opts.writer->start();
	measure_alone();
	for (uint32_t round = 0;; round++) {
		run_meet(round);
		if (round >= opts.warmup) /* it was warm after its runs alone */
			work(round);
		if (!run_next(round))
			return unused;
	}
}
