// SPDX-License-Identifier: GPL-2.0
/*
 * Operations of a single thread, one after the other with nothing between them:
 * what is counted by instructions rather than by time. As many of each kind run
 * first, so that the caches of the allocator are filled, with the same pages.
 */
#include "faults.h"

#include <linux/membarrier.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *at;
static bool toggle;

static char *area, *next;

/* The first page is not counted: the first fault of a VMA is another path. */
static void start_fault(void)
{
	area = area_anon((opts.count + 1) * PAGE);
	*(volatile char *)area = 1;
	next = area + PAGE;
}

/* The page tables go too, so that those of the measured faults are theirs. */
static void again_fault(void)
{
	size_t bytes = (opts.count + 1) * PAGE;

	if (munmap(area, bytes))
		die("munmap");
	area_anon_at(area, bytes);
	*(volatile char *)area = 1;
	next = area + PAGE;
}

static void run_fault(void)
{
	*(volatile char *)next = 1;
	next += PAGE;
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

void op_fork(void)
{
	int status;
	pid_t pid = _Fork();

	if (!pid)
		_exit(0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("fork and exit");
}

static const struct op table[] = {
	{"fault", start_fault, again_fault, run_fault, MARKER_OPS, true},
	{"mmap", start_hole, NULL, run_mmap, MARKER_OP_MMAP, false},
	{"brk", start_brk, NULL, run_brk, MARKER_OP_BRK, false},
	{"mprotect", start_page, NULL, run_mprotect, MARKER_OP_MPROTECT, false},
	{"fork", NULL, NULL, op_fork, MARKER_OP_FORK, false},
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

/* An address space that has run on two CPUs flushes the TLB of both: begin anew on one. */
void op_pin(char **argv)
{
	if (pin_cpus() == 1)
		return;
	pin(0);
	execv("/proc/self/exe", argv);
	die("exec of itself");
}

uint64_t op_measure(void)
{
	long major, before;
	uint64_t begin_ns;
	struct worker *w = ctl->workers;

	if (opts.op->start)
		opts.op->start();
	run_times(opts.count);
	if (opts.op->again)
		opts.op->again();
	/*
	 * What the kernel frees by RCU it can use again after a grace period: begin after
	 * one, or how often the allocator is asked for more depends on when the last was.
	 */
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		die("membarrier");
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
