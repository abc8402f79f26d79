// SPDX-License-Identifier: GPL-2.0
/*
 * Operations of a single thread, one after the other with nothing between them:
 * what is counted by instructions rather than by time. Some of each kind run
 * first, so that page tables and caches of the allocator are there.
 */
#include "faults.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *at;
static bool toggle;

static void start_fault(void)
{
	at = area_anon(2 * opts.count * PAGE);
}

static void run_fault(void)
{
	*(volatile char *)at = 1;
	at += PAGE;
}

/* Between two holes: nothing to merge with. */
static void start_hole(void)
{
	at = area_anon(PAGE);
	munmap(at, PAGE);
}

static void run_mmap(void)
{
	if (mmap(at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) != at ||
	    munmap(at, PAGE))
		die("mmap and munmap");
}

static void start_brk(void)
{
	at = (char *)syscall(SYS_brk, 0);
}

static void run_brk(void)
{
	if ((char *)syscall(SYS_brk, at + PAGE) != at + PAGE || (char *)syscall(SYS_brk, at) != at)
		die("brk");
}

static void start_page(void)
{
	at = area_anon(PAGE);
	*at = 1;
}

static void run_mprotect(void)
{
	toggle = !toggle;
	if (mprotect(at, PAGE, toggle ? PROT_READ : PROT_READ | PROT_WRITE))
		die("mprotect");
}

static void run_fork(void)
{
	int status;
	pid_t pid = _Fork();

	if (!pid)
		_exit(0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("fork and exit");
}

static const struct op table[] = {
	{"fault", start_fault, run_fault, MARKER_OPS, true},
	{"mmap", start_hole, run_mmap, MARKER_OP_MMAP, false},
	{"brk", start_brk, run_brk, MARKER_OP_BRK, false},
	{"mprotect", start_page, run_mprotect, MARKER_OP_MPROTECT, false},
	{"fork", NULL, run_fork, MARKER_OP_FORK, false},
};

const struct op *op_find(const char *name)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}

void op_list(FILE *to)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		fprintf(to, " %s", table[i].name);
}

static void run_times(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		if (!opts.op->faults) /* the model knows a fault by itself */
			marker_op_begin(opts.op->marker);
		opts.op->run();
		if (!opts.op->faults)
			marker_op_end(opts.op->marker);
	}
}

uint64_t op_measure(void)
{
	long major, before;
	uint64_t begin_ns;
	struct worker *w = ctl->workers;

	pin(0);
	if (opts.op->start)
		opts.op->start();
	run_times(opts.count);
	/* The first of these fault, too. */
	w->end_ns = now_ns();
	before = minor_faults(&major);
	begin_ns = now_ns();
	marker_begin(opts.region);
	run_times(opts.count);
	marker_end();
	w->end_ns = now_ns();
	w->minor_faults = (uint64_t)(minor_faults(&major) - before);
	w->faults = opts.op->faults ? opts.count : 0;
	return w->end_ns - begin_ns;
}
