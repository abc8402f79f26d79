// SPDX-License-Identifier: GPL-2.0
/*
 * Workers and rounds: all parts meet, the workers fault in their pages while the
 * writer writes, the main thread decides whether there is another round. Mapping,
 * emptying and checking the memory lies between the rounds and is not measured.
 */
#include "faults.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Longer than emptying the memory takes, on a slow machine too. */
#define SPIN_TURNS 20000

static unsigned int n_parts(void)
{
	return opts.workers + (opts.writer ? 1 : 0);
}

void run_meet(uint32_t round)
{
	gate_add(&ctl->ready_gate, n_parts());
	gate_wait(&ctl->go_gate, round + 1, SPIN_TURNS);
}

bool run_is_done(uint32_t round)
{
	return __atomic_load_n(&ctl->done_gate, __ATOMIC_ACQUIRE) == (round + 1) * opts.workers;
}

bool run_is_enough(uint32_t round)
{
	return __atomic_load_n(&ctl->enough_gate, __ATOMIC_RELAXED) > round;
}

void run_set_enough(uint32_t round)
{
	__atomic_store_n(&ctl->enough_gate, round + 1, __ATOMIC_RELAXED);
}

bool run_next(uint32_t round)
{
	gate_add(&ctl->end_gate, n_parts());
	gate_wait(&ctl->next_gate, round + 1, 0);
	return round != ctl->last_round;
}

static void measure(struct worker *w, uint32_t round)
{
	long major, major_before, minor, before = minor_faults(&major_before);
	uint64_t touches;

	w->begin_ns = now_ns();
	touches = area_round(w, round);
	w->end_ns = now_ns();
	minor = minor_faults(&major);
	w->faults += touches;
	w->minor_faults += (uint64_t)(minor - before);
	w->major_faults += (uint64_t)(major - major_before);
}

/* Also maps the pages that the counts are in: no fault on them is measured. */
static void forget_warmup(struct worker *w)
{
	memset(&w->ticks, 0, sizeof(w->ticks));
	w->faults = 0;
	w->minor_faults = 0;
	w->major_faults = 0;
}

/*
 * The last worker ends the region. Who supervises would have to wake up first, and find its
 * stack write-protected by the writer's last fork: a fault that waits for the end of the
 * next one, and is nobody's first touch.
 */
static void finish(uint32_t round)
{
	if (!gate_come(&ctl->done_gate, opts.workers))
		return;
	if (round >= opts.warmup && !opts.unmarked)
		marker_end();
	gate_wake(&ctl->done_gate);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	pin((int)(w - ctl->workers));
	if (opts.processes)
		area_map_own(w);
	for (uint32_t round = 0;; round++) {
		area_recycle(w);
		if (round <= opts.warmup)
			forget_warmup(w);
		run_meet(round);
		measure(w, round);
		finish(round);
		area_check(w);
		if (!run_next(round))
			return NULL;
	}
}

static void start_process(struct worker *w)
{
	pid_t parent = getpid();

	w->pid = fork();
	if (w->pid < 0)
		die("fork of a worker");
	if (w->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILED);
	worker_main(w);
	_exit(EXIT_OK);
}

static void start_thread(void *(*entry)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, entry, arg))
		fail(EXIT_FAILED, "cannot start a thread");
	pthread_detach(thread);
}

static void start_all(void)
{
	ctl->last_round = opts.warmup + opts.rounds - 1;
	if (!opts.processes && opts.layout == SHARED)
		area_map_shared();
	for (unsigned int i = 0; i < opts.workers; i++) {
		if (!opts.processes && opts.layout == SEPARATE)
			area_map_own(&ctl->workers[i]);
	}
	for (unsigned int i = 0; i < opts.workers; i++) {
		if (opts.processes)
			start_process(&ctl->workers[i]);
		else
			start_thread(worker_main, &ctl->workers[i]);
	}
	if (opts.writer)
		start_thread(writer_main, NULL);
}

/* From the first that began to the last that ended. */
static uint64_t round_ns(void)
{
	uint64_t begin_ns = UINT64_MAX, end_ns = 0;

	for (unsigned int i = 0; i < opts.workers; i++) {
		const struct worker *w = &ctl->workers[i];

		if (w->begin_ns < begin_ns)
			begin_ns = w->begin_ns;
		if (w->end_ns > end_ns)
			end_ns = w->end_ns;
	}
	return end_ns - begin_ns;
}

/* The region begins with the main thread: its threads and children are what is measured. */
static void supervise(uint32_t round)
{
	bool measured = round >= opts.warmup;

	gate_wait(&ctl->ready_gate, (round + 1) * n_parts(), 0);
	if (!measured || (opts.seconds <= 0 && !opts.writer_ops))
		run_set_enough(round);
	if (measured && !opts.unmarked)
		marker_begin(opts.region);
	gate_add(&ctl->go_gate, 1);
	if (measured && opts.seconds > 0) {
		sleep_s(opts.seconds);
		run_set_enough(round);
	}
	gate_wait(&ctl->done_gate, (round + 1) * opts.workers, 0);
	gate_wait(&ctl->end_gate, (round + 1) * n_parts(), 0);
}

void run_all(struct result *ret_result)
{
	struct result result = {0};
	uint64_t begin_ns, begin_ticks;

	start_all();
	begin_ns = now_ns();
	begin_ticks = ticks_now();
	for (uint32_t round = 0; round <= ctl->last_round; round++) {
		supervise(round);
		if (round >= opts.warmup) {
			result.elapsed_ns += round_ns();
			result.rounds++;
		}
		gate_add(&ctl->next_gate, 1);
	}
	result.ns_per_tick = (double)(now_ns() - begin_ns) / (double)(ticks_now() - begin_ticks);
	for (unsigned int i = 0; opts.processes && i < opts.workers; i++)
		waitpid(ctl->workers[i].pid, NULL, 0);
	*ret_result = result;
}
