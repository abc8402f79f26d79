// SPDX-License-Identifier: GPL-2.0
/*
 * Who waits, and what do they see? Each waiter runs one cheap operation that
 * takes the target's mmap_lock, as long as a hold is on, and times every call.
 * A call counts as a wait when it took at least the threshold and the thread
 * gave up its CPU by itself meanwhile (getrusage): a call that was merely
 * preempted, or that spun for the lock, did not.
 */
#include "contend.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define POOL_VMAS 128
#define POOL_SIZE (2 * POOL_VMAS * PAGE)
#define CHURN	  (64 * PAGE)

static long slept(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

static void account(struct waiter *w, enum mode mode, uint64_t t0, uint64_t ns, bool gave_up_cpu)
{
	struct tally *t = &w->tally[mode];
	uint64_t limit = opts.threshold_ns;

	if (ns >= limit - limit / 4 && ns < limit + limit / 4)
		t->near++;
	if (ns < limit)
		return;
	if (!gave_up_cpu) {
		t->awake++;
		return;
	}
	t->count++;
	t->total_ns += ns;
	if (ns > t->max_ns)
		t->max_ns = ns;
	w->long_t0 = t0;
	w->long_ns = ns;
	w->long_mode = mode;
}

static void timed(struct waiter *w, enum mode mode, void (*run)(struct waiter *w))
{
	uint64_t t0, t1;
	long before;

	if (opts.means->storm) { /* the kernel's count is the truth: no time to lose */
		run(w);
		return;
	}
	before = slept();
	t0 = now_ns();
	run(w);
	t1 = now_ns();
	account(w, mode, t0, t1 - t0, slept() != before);
}

static void run_mprotect(struct waiter *w)
{
	w->turn ^= 1;
	mprotect(w->page, PAGE, w->turn ? PROT_READ : PROT_READ | PROT_WRITE);
}

static void run_mmap(struct waiter *w)
{
	mmap(w->page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void run_mincore(struct waiter *w)
{
	unsigned char vec;

	mincore(w->page, PAGE, &vec);
}

static void start_page(struct waiter *w)
{
	char *area = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		die("mmap of a waiter's page");
	/* Between two pages of another protection: never merged with a neighbour. */
	w->page = area + PAGE;
	mprotect(w->page, PAGE, PROT_READ | PROT_WRITE);
	*w->page = 1;
}

static void pool_map_next(struct waiter *w)
{
	mmap(w->pool + 2 * w->pool_used * PAGE, PAGE, PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void pool_touch_next(struct waiter *w)
{
	*(volatile char *)(w->pool + 2 * w->pool_used * PAGE) = 1;
}

static void pool_refill(struct waiter *w)
{
	for (w->pool_used = 0; w->pool_used < POOL_VMAS; w->pool_used++)
		timed(w, WRITE, pool_map_next);
	w->pool_used = 0;
}

static void start_pool(struct waiter *w)
{
	w->pool = mmap(NULL, POOL_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (w->pool == MAP_FAILED)
		die("mmap of a waiter's pool");
	pool_refill(w);
}

/*
 * The first write to a mapping that has no anon_vma yet takes mmap_lock on
 * every kernel, with per-VMA locks or without.
 */
static void run_fault(struct waiter *w)
{
	pool_touch_next(w);
	w->pool_used++;
}

static void run_churn(struct waiter *w)
{
	char *p = mmap(NULL, CHURN, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	(void)w;
	if (p != MAP_FAILED)
		munmap(p, CHURN);
}

static void run_pvm(struct waiter *w)
{
	char byte;
	struct iovec local = {&byte, 1}, remote = {ctl->readable, 1};

	(void)w;
	process_vm_readv(ctl->target, &local, 1, &remote, 1, 0);
}

static void run_procmem(struct waiter *w)
{
	char path[64], byte;
	int fd;

	(void)w;
	snprintf(path, sizeof(path), "/proc/%d/mem", ctl->target);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return;
	if (pread(fd, &byte, 1, (off_t)(uintptr_t)ctl->readable) != 1)
		die("read of the target's memory");
	close(fd);
}

static const struct op op_table[] = {
	{"mprotect", WRITE, false, run_mprotect, start_page},
	{"mmap", WRITE, false, run_mmap, start_page},
	{"mincore", READ, false, run_mincore, start_page},
	{"fault", READ, false, run_fault, start_pool},
	{"churn", WRITE, false, run_churn, NULL},
	{"process_vm_readv", READ, true, run_pvm, NULL},
	{"procmem", READ, true, run_procmem, NULL},
};

const struct op *op_find(const char *name)
{
	for (size_t i = 0; i < sizeof(op_table) / sizeof(op_table[0]); i++)
		if (!strcmp(op_table[i].name, name))
			return &op_table[i];
	return NULL;
}

void waiter_start(struct waiter *w)
{
	w->pid = getpid();
	w->tid = own_tid();
	if (w->op->start)
		w->op->start(w);
}

/*
 * Waiters that called without a break would often hold the lock themselves when
 * the hold begins, and be what the others wait for at first.
 */
static void pace(void)
{
	struct timespec ts = {.tv_nsec = 200000};

	if (!opts.means->storm && !opts.means->repeat)
		nanosleep(&ts, NULL);
}

static bool over(uint32_t round)
{
	return __atomic_load_n(&ctl->held_gate, __ATOMIC_ACQUIRE) >= round;
}

void waiter_round(struct waiter *w, uint32_t round)
{
	w->long_t0 = 0;
	if (ctl->idle_round)
		return;
	while (!over(round) && !(w->pool && w->pool_used == POOL_VMAS)) {
		timed(w, w->op->mode, w->op->run);
		if (opts.means->storm && w->pool_used == POOL_VMAS)
			pool_refill(w);
		/* It has waited for the hold: done, whatever it was that waited. */
		if (w->long_t0 && !opts.means->storm && !opts.means->repeat)
			break;
		pace();
	}
	/* Only now: nobody but other waiters wants the lock between two rounds. */
	if (w->pool)
		pool_refill(w);
}
