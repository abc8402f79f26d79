// SPDX-License-Identifier: GPL-2.0
/*
 * The controller: starts the others, finds the size of the range that makes
 * the hold as long as it should be, learns the address of the target's lock,
 * runs the rounds and prints what came out.
 */
#include "contend_role.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIRST_SIZE  (64UL << 20)
#define MIN_SIZE    (1UL << 20)
#define PATIENCE_S  60
#define WARM_ROUNDS 8
#define TRIES	    10
#define WARM_NS	    50000000UL

struct ctl *ctl;

static pid_t pids[MAX_PIDS];
static size_t n_pids;
static int release_fd = -1;

static void stop_all(void)
{
	for (size_t i = 0; i < n_pids; i++)
		kill(pids[i], SIGKILL);
	for (size_t i = 0; i < n_pids; i++)
		waitpid(pids[i], NULL, 0);
	n_pids = 0;
}

static void fail(const char *what)
{
	fprintf(stderr, "contend: %s\n", what);
	stop_all();
	exit(1);
}

static void fail_waiter(size_t i)
{
	char what[96];

	snprintf(what, sizeof(what), "waiter %zu (%s) does not wait: needs it no mmap_lock here?",
		 i + 1, ctl->waiters[i].op->name);
	fail(what);
}

static void meet_within(uint64_t s, uint32_t *gate, uint32_t value, const char *what)
{
	for (uint64_t i = 0; i < s; i++) {
		if (gate_wait(gate, value, 1))
			return;
		if (waitpid(-1, NULL, WNOHANG) > 0)
			fail("a part of the generator died");
	}
	fail(what);
}

static void meet(uint32_t *gate, uint32_t value, const char *what)
{
	meet_within(PATIENCE_S, gate, value, what);
}

static void wait_for_line(void)
{
	int c;

	do {
		c = getchar();
	} while (c != '\n' && c != EOF);
}

static void pause_ns(uint64_t ns)
{
	struct timespec ts = {ns / 1000000000, ns % 1000000000};

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

/*
 * One after the other. False: the hold was over before all of them had come. The holder
 * had slept for something else when the kernel's flusher sent the server what it had
 * dirtied, and that is what the server keeps back.
 */
static bool queue_up(void)
{
	uint64_t deadline_ns = now_ns() + PATIENCE_S * 1000000000UL;

	for (size_t i = 0; i < opts.n_waiters; i++) {
		gate_add(&ctl->turn_gate, 1);
		while (!role_sleeps(&ctl->waiters[i])) {
			if (hold_is_over(ctl->round)) {
				gate_add(&ctl->turn_gate, opts.n_waiters - i - 1);
				return false;
			}
			if (now_ns() > deadline_ns)
				fail_waiter(i);
			sched_yield();
		}
		__atomic_store_n(&ctl->waiters[i].asleep_ns, now_ns(), __ATOMIC_RELAXED);
	}
	return true;
}

static void release(void)
{
	uint64_t one = 1;

	if (write(release_fd, &one, sizeof(one)) != sizeof(one))
		fail("release of the hold");
}

/* The lock is held by a task that waits for our server. False: it was not. */
static bool release_when_queued(bool real)
{
	bool held;

	meet(&ctl->armed_gate, ctl->round, "the hold did not begin");
	if (real && opts.spoil) {
		opts.spoil--;
		release();
		meet(&ctl->held_gate, ctl->round, "the hold did not end");
		return queue_up();
	}
	held = queue_up();
	if (held && real) {
		printf("{\"ev\":\"stuck\",\"round\":%u,\"t\":%" PRIu64 "}\n", ctl->round, now_ns());
		fflush(stdout);
	}
	if (held && real && opts.until_release)
		wait_for_line();
	else if (held)
		pause_ns(ctl->hold_ns);
	if (held)
		__atomic_store_n(&ctl->released_ns, now_ns(), __ATOMIC_RELAXED);
	release();
	return held;
}

/* False: there was no hold. */
static bool run_round(bool idle, bool real)
{
	bool held = true;

	ctl->idle_round = idle;
	ctl->round++;
	ctl->hold_ns = real ? opts.hold_ns : WARM_NS;
	gate_set(&ctl->prepare_gate, ctl->round);
	if (in_turn(opts.means))
		held = release_when_queued(real);
	meet_within(PATIENCE_S + ctl->hold_ns / 1000000000, &ctl->held_gate, ctl->round,
		    "the hold did not end");
	meet(&ctl->waited_gate, ctl->round * opts.n_waiters, "a waiter did not end its round");
	return held;
}

static void print_round(void)
{
	printf("{\"ev\":\"hold\",\"round\":%u,\"t0\":%" PRIu64 ",\"t1\":%" PRIu64 ",\"ns\":%" PRIu64
	       "}\n",
	       ctl->round, ctl->t0, ctl->t1, ctl->t1 - ctl->t0);
	for (size_t i = 0; i < opts.n_waiters; i++) {
		const struct waiter *w = &ctl->waiters[i];

		if (w->long_t0)
			printf("{\"ev\":\"wait\",\"round\":%u,\"tid\":%d,\"mode\":\"%s\",\"t0\":"
			       "%" PRIu64 ",\"ns\":%" PRIu64 ",\"slept_ns\":%" PRIu64 "}\n",
			       ctl->round, w->tid, w->long_mode == READ ? "read" : "write",
			       w->long_t0, w->long_ns, w->long_slept_ns);
	}
	fflush(stdout);
}

static void calibrate(void)
{
	const size_t max_size = range_max();

	ctl->size = opts.size ? opts.size : FIRST_SIZE;
	if (ctl->size > max_size)
		ctl->size = max_size;
	if (opts.means->fixed || opts.size)
		return;
	/* Twice: the first answer is of a range that is far too small. */
	for (int i = 0; i < 2; i++) {
		double factor;
		size_t size;

		run_round(true, false);
		/* not by the wall clock: a busy machine would make the range too small */
		factor = (double)opts.hold_ns / (double)ctl->hold_cpu_ns;
		size = (size_t)(factor * (double)ctl->size) & -(2UL << 20);
		ctl->size = size < MIN_SIZE ? MIN_SIZE : size > max_size ? max_size : size;
	}
}

/* What waiters and holder did so far does not count. */
static void forget(void)
{
	for (size_t i = 0; i < opts.n_waiters; i++) {
		memset(ctl->waiters[i].tally, 0, sizeof(ctl->waiters[i].tally));
		memset(&ctl->waiters[i].awake, 0, sizeof(ctl->waiters[i].awake));
		ctl->waiters[i].strays = 0;
	}
	memset(&ctl->holder_slept, 0, sizeof(ctl->holder_slept));
}

/* Why the kernel's own count is not to be had, or NULL. */
static const char *warm_up(uint64_t *ret_lock)
{
	int learning = 0;

	*ret_lock = 0;
	/* More than once: in one round a waiter may come too late to wait. */
	for (int i = 0; i < WARM_ROUNDS && learning >= 0 && !*ret_lock && !opts.cold; i++) {
		learning = perf_learn_start(ctl->waiters[0].tid);
		run_round(false, false);
		*ret_lock = perf_learn_lock();
	}
	forget();
	if (opts.cold)
		return "no warm-up was asked for";
	if (learning < 0)
		return strerror(-learning);
	if (!*ret_lock)
		return "the first waiter did not queue in the warm-up";
	learning = perf_count_lock(*ret_lock);
	return learning < 0 ? strerror(-learning) : NULL;
}

static void print_ready(uint64_t lock)
{
	printf("{\"ev\":\"ready\",\"pid\":%d,\"hold\":\"%s\",\"size\":%zu,\"lock\":\"0x%" PRIx64
	       "\","
	       "\"holder\":{\"pid\":%d,\"tid\":%d},\"waiters\":[",
	       ctl->target, opts.means->name, ctl->size, lock, ctl->holder_pid, ctl->holder_tid);
	for (size_t i = 0; i < opts.n_waiters; i++) {
		const struct waiter *w = &ctl->waiters[i];

		printf("%s{\"pid\":%d,\"tid\":%d,\"op\":\"%s\",\"mode\":\"%s\",\"relation\":\"%"
		       "s\"}",
		       i ? "," : "", w->pid, w->tid, w->op->name,
		       w->op->mode == READ ? "read" : "write", w->op->remote ? "remote" : "own");
	}
	puts("]}");
	fflush(stdout);
}

static void print_sum(const char *name, const struct sum *sum)
{
	printf("\"%s\":{\"count\":%" PRIu64 ",\"total_ns\":%" PRIu64 ",\"max_ns\":%" PRIu64 "}",
	       name, sum->count, sum->total_ns, sum->max_ns);
}

static void sum_up(struct sum *sum, const struct sum *one)
{
	sum->count += one->count;
	sum->total_ns += one->total_ns;
	if (one->max_ns > sum->max_ns)
		sum->max_ns = one->max_ns;
}

static void print_tally(enum mode mode, bool remote)
{
	struct tally all = {0};

	for (size_t i = 0; i < opts.n_waiters; i++) {
		if (ctl->waiters[i].op->remote != remote)
			continue;
		sum_up(&all.least, &ctl->waiters[i].tally[mode].least);
		sum_up(&all.most, &ctl->waiters[i].tally[mode].most);
	}
	printf("\"%s_%s\":{", remote ? "remote" : "own", mode == READ ? "read" : "write");
	print_sum("least", &all.least);
	putchar(',');
	print_sum("most", &all.most);
	fputs("},", stdout);
}

static void print_strays(void)
{
	uint64_t own = 0;

	for (size_t i = 0; i < opts.n_waiters; i++)
		if (!ctl->waiters[i].op->remote)
			own += ctl->waiters[i].strays;
	printf("\"strays\":%" PRIu64 ",", own);
}

static void print_awake(void)
{
	fputs("\"awake\":{", stdout);
	for (size_t i = 0, n = 0; i < opts.n_waiters; i++) {
		const struct waiter *w = &ctl->waiters[i];
		char tid[16];

		if (!w->awake.count)
			continue;
		if (n++)
			putchar(',');
		snprintf(tid, sizeof(tid), "%d", w->tid);
		print_sum(tid, &w->awake);
	}
	fputs("},", stdout);
}

static void print_totals(const char *no_perf)
{
	printf("{\"ev\":\"totals\",\"threshold_ns\":%" PRIu64 ",", opts.threshold_ns);
	print_strays();
	print_awake();
	for (int mode = READ; mode < NR_MODES; mode++) {
		print_tally(mode, false);
		print_tally(mode, true);
	}
	print_sum("holder_slept", &ctl->holder_slept);
	putchar(',');
	if (no_perf)
		printf("\"perf\":null,\"perf_why\":\"%s\"}\n", no_perf);
	else
		printf("\"perf\":%" PRIu64 "}\n", perf_read());
	fflush(stdout);
}

static void start_all(void)
{
	int fuse_fd = opts.means->fuse ? fuse_mount() : -1;
	uint32_t n_roles = 2 + opts.n_waiters;

	if (opts.means->fuse && fuse_fd < 0) {
		errno = -fuse_fd;
		die("mount of a FUSE file system on " FUSE_DIR);
	}
	release_fd = eventfd(0, EFD_CLOEXEC);
	for (size_t i = 0; i < opts.n_waiters; i++)
		ctl->waiters[i].op = opts.ops[i % opts.n_ops];
	if (release_fd < 0)
		die("eventfd");
	n_pids = role_spawn_all(pids, fuse_fd, release_fd);
	meet(&ctl->ready_gate, n_roles, "the generator did not start");
}

/* On a busy machine a hold can be over before anybody has come to wait for it. */
static bool anything_sure(void)
{
	for (size_t i = 0; i < opts.n_waiters; i++)
		if (ctl->waiters[i].tally[READ].least.count ||
		    ctl->waiters[i].tally[WRITE].least.count)
			return true;
	return opts.means->storm;
}

void run_all(void)
{
	const char *no_perf;
	uint64_t lock = 0;
	uint32_t held = 0;
	int perf;

	ctl = mmap(NULL, sizeof(*ctl), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ctl == MAP_FAILED)
		die("mmap");
	/* What is mounted (FUSE, perhaps tracefs) goes when the last of us goes. */
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("mount namespace of its own (needs root)");
	perf = perf_open_counter();
	start_all();
	calibrate();
	no_perf = warm_up(&lock);
	if (perf < 0)
		no_perf = strerror(-perf);
	print_ready(lock);
	wait_for_line();
	for (uint32_t i = 0; i < TRIES * opts.rounds && (held < opts.rounds || !anything_sure());
	     i++) {
		held += run_round(false, true);
		if (!opts.quiet)
			print_round();
	}
	if (held < opts.rounds)
		fail("the lock could not be held as often as asked (the kernel's flusher was "
		     "quicker)");
	print_totals(no_perf);
	while (getchar() != EOF)
		;
	stop_all();
}
