// SPDX-License-Identifier: GPL-2.0
/*
 * Who waits, and what do they see? Each waiter runs one cheap operation that
 * takes the target's mmap_lock, as long as a hold is on, and times every call
 * by three clocks: a call that was merely preempted, or that spun for the lock,
 * did not sleep.
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

struct clocks {
	uint64_t wall_ns;
	uint64_t cpu_ns; /* on a CPU */
	uint64_t delay_ns; /* runnable, but not on one */
	uint64_t sleeps;
	uint64_t faults;
};

static void read_usage(struct clocks *at)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	at->sleeps = usage.ru_nvcsw;
	at->faults = usage.ru_minflt + usage.ru_majflt;
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000UL + ts.tv_nsec;
}

static uint64_t delay_ns(void)
{
	static __thread int fd;
	unsigned long long ns = 0;
	char text[96] = "";

	if (!fd)
		fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, text, sizeof(text) - 1, 0) <= 0 ||
	    sscanf(text, "%*u %llu", &ns) != 1)
		die("read of /proc/thread-self/schedstat");
	return ns;
}

/* The wall clock is read last before and first after: the least is least. */
static struct clocks clocks_before(void)
{
	struct clocks at = {.delay_ns = delay_ns()};

	read_usage(&at);
	at.cpu_ns = cpu_ns();
	at.wall_ns = now_ns();
	return at;
}

static struct clocks clocks_since(const struct clocks *before)
{
	struct clocks at = {.wall_ns = now_ns() - before->wall_ns};

	at.cpu_ns = cpu_ns() - before->cpu_ns;
	at.delay_ns = delay_ns() - before->delay_ns;
	read_usage(&at);
	at.sleeps -= before->sleeps;
	at.faults -= before->faults;
	return at;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static void sum_add(struct sum *sum, uint64_t ns)
{
	sum->count++;
	sum->total_ns += ns;
	if (ns > sum->max_ns)
		sum->max_ns = ns;
}

/*
 * From when the controller saw it asleep until that let the hold go. The clocks do not
 * know: since 6.12 a sleeper that is moved to another CPU before it is off its queue is
 * runnable by its schedstat until it wakes.
 */
static uint64_t seen_asleep_ns(const struct waiter *w, uint64_t t0)
{
	uint64_t from = __atomic_load_n(&w->asleep_ns, __ATOMIC_RELAXED);
	uint64_t to = __atomic_load_n(&ctl->released_ns, __ATOMIC_RELAXED);

	/* Over without that: not held by whom it was taken for. */
	if (hold_is_over(ctl->round) && ctl->t1 < to)
		to = ctl->t1;
	return from < t0 ? 0 : less(to, from);
}

static void account(struct waiter *w, enum mode mode, uint64_t t0, const struct clocks *took)
{
	uint64_t slept_ns = less(less(took->wall_ns, took->cpu_ns), took->delay_ns);
	uint64_t seen_ns = seen_asleep_ns(w, t0);
	uint64_t limit = opts.threshold_ns;

	if (!took->sleeps) /* interrupts are nobody's time on a CPU */
		slept_ns = 0;
	if (slept_ns < seen_ns)
		slept_ns = seen_ns;
	if (took->wall_ns < limit - limit / 4)
		return;
	sum_add(&w->tally[mode].most, took->wall_ns);
	if (took->wall_ns - slept_ns >= limit - limit / 4)
		sum_add(&w->awake, took->wall_ns - slept_ns);
	if (slept_ns >= limit + limit / 4)
		sum_add(&w->tally[mode].least, slept_ns);
	if (slept_ns < limit)
		return;
	w->long_t0 = t0;
	w->long_ns = took->wall_ns;
	w->long_slept_ns = slept_ns;
	w->long_mode = mode;
}

static void timed(struct waiter *w, enum mode mode, void (*run)(struct waiter *w))
{
	struct clocks before, took;

	if (opts.means->storm) { /* the kernel's count is the truth: no time to lose */
		run(w);
		return;
	}
	before = clocks_before();
	w->strays += before.faults - w->faults;
	run(w);
	took = clocks_since(&before);
	w->faults = before.faults + took.faults;
	account(w, mode, before.wall_ns, &took);
}

void holder_hold(void)
{
	struct clocks before = clocks_before(), took;
	uint64_t off_ns;

	opts.means->hold();
	took = clocks_since(&before);
	ctl->hold_cpu_ns = took.cpu_ns;
	off_ns = less(took.wall_ns, took.cpu_ns);
	/*
	 * A hold that slept may have slept for the lock. Not longer than it took: of
	 * that wait, it may have spun for a part on a CPU.
	 */
	if (off_ns >= opts.threshold_ns - opts.threshold_ns / 4)
		sum_add(&ctl->holder_slept, took.wall_ns);
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

/* Changes the flags of the mapping that a fuse-fault is in. */
static void run_madvise(struct waiter *w)
{
	w->turn ^= 1;
	madvise(ctl->fuse_map, FUSE_PAGES * PAGE, w->turn ? MADV_DONTDUMP : MADV_DODUMP);
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

void pool_refill(struct waiter *w)
{
	if (!w->pool)
		return;
	for (w->pool_used = 0; w->pool_used < POOL_VMAS; w->pool_used++)
		pool_map_next(w);
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
	{"madvise", WRITE, false, run_madvise, NULL},
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

bool hold_is_over(uint32_t round)
{
	return __atomic_load_n(&ctl->held_gate, __ATOMIC_ACQUIRE) >= round;
}

/*
 * Between two calls of one that looks for the hold: without it, more waiters than
 * CPUs would preempt each other inside their calls, with the lock, and then it
 * is not the holder that the others wait for.
 */
static void breathe(void)
{
	struct timespec ts = {.tv_nsec = opts.threshold_ns / 8};

	if (!opts.means->storm && !opts.means->repeat)
		nanosleep(&ts, NULL);
}

/*
 * What a round needs besides the operation is there before the first that counts: a
 * waiter that faulted for the code of a clock, or of its pause, would wait for the
 * hold where it has no clock. The warm-up does not do that: who waits in each of its
 * rounds never makes a pause.
 */
static void warm_clocks(struct waiter *w)
{
	struct clocks before = clocks_before(), took = clocks_since(&before);

	took.wall_ns = opts.threshold_ns; /* long enough to be put down; forget() clears it */
	account(w, w->op->mode, before.wall_ns, &took);
	breathe();
}

void waiter_start(struct waiter *w)
{
	w->pid = getpid();
	w->tid = own_tid();
	if (w->op->start)
		w->op->start(w);
	warm_clocks(w);
}

void waiter_round(struct waiter *w, uint32_t round)
{
	struct clocks at;

	w->long_t0 = 0;
	if (ctl->idle_round)
		return;
	read_usage(&at);
	w->faults = at.faults;
	while (!hold_is_over(round) && !(w->pool && w->pool_used == POOL_VMAS)) {
		timed(w, w->op->mode, w->op->run);
		if (opts.means->storm && w->pool_used == POOL_VMAS)
			pool_refill(w);
		/* It has waited for the hold: done, whatever it was that waited. */
		if (w->long_t0 && !opts.means->storm && !opts.means->repeat)
			break;
		breathe();
	}
	if (opts.means->storm)
		return;
	read_usage(&at);
	w->strays += at.faults - w->faults;
}
