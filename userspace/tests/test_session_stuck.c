// SPDX-License-Identifier: GPL-2.0
/*
 * Which waits are told to be unfinished, and which are forgotten? The map, the
 * iterator and /proc are arrays here.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proc.h"
#include "session_internal.h"

#define SECOND 1000000000ULL
#define MAX    1000

static struct {
	struct fl_waiter wait;
	char state;
	uint32_t queued;
	bool forgotten;
} tasks[MAX];
static size_t looks;

int probe_each_waiter(struct probe *probe, probe_waiter_fn fn, void *arg)
{
	(void)probe;
	for (uint32_t tid = 1; tid < MAX; tid++) {
		if (tasks[tid].wait.self.tid && !tasks[tid].forgotten)
			tasks[tid].forgotten = fn(arg, tid, &tasks[tid].wait);
	}
	return 0;
}

void probe_forget_waiter(struct probe *probe, uint32_t tid)
{
	(void)probe;
	tasks[tid].forgotten = true;
}

int probe_task_stacks(struct probe *probe, const uint32_t *tids, size_t n,
		      struct fl_task_stack *ret_stacks)
{
	(void)probe;
	for (size_t i = 0; i < n; i++) {
		ret_stacks[i] = (struct fl_task_stack){
			.task.tid = tids[i],
			.begin_ns = tasks[tids[i]].wait.begin_ns,
			.queued = tasks[tids[i]].queued,
		};
		looks++;
	}
	return n;
}

char proc_task_state(uint32_t tgid, uint32_t tid)
{
	(void)tgid;
	return tasks[tid].state;
}

static void add(uint32_t tid, uint64_t begin_ns, char state)
{
	tasks[tid].wait = (struct fl_waiter){.begin_ns = begin_ns, .self.tid = tid, .self.tgid = 1};
	tasks[tid].state = state;
	tasks[tid].queued = FL_QUEUE_YES;
	tasks[tid].forgotten = false;
}

static int start(void **state)
{
	struct session *session = calloc(1, sizeof(*session));

	memset(tasks, 0, sizeof(tasks));
	session->opts.unfinished_min_ns = SECOND;
	session->tally = tally_new();
	*state = session;
	return !session->tally;
}

static int stop(void **state)
{
	struct session *session = *state;

	tally_free(session->tally);
	free(session);
	return 0;
}

static const struct tally_stuck *look(struct session *session, uint64_t now_ns, size_t *ret_n)
{
	assert_int_equal(session_find_stuck(session, now_ns), 0);
	return tally_stuck(session->tally, ret_n);
}

static void those_that_sleep_long_are_told(void **state)
{
	const struct tally_stuck *stuck;
	size_t n;

	add(10, 9 * SECOND, 'D');
	add(11, 9 * SECOND + 1, 'D'); /* not for long enough */
	add(12, 5 * SECOND, 'R'); /* has the lock */
	add(13, 6 * SECOND, 'S');
	add(14, 0, 'D'); /* does not wait */
	add(15, 4 * SECOND, '\0'); /* gone */
	add(16, 4 * SECOND, '?'); /* /proc failed */
	add(17, 11 * SECOND, 'D'); /* began after we looked at the clock */
	stuck = look(*state, 10 * SECOND, &n);
	assert_int_equal(n, 2);
	assert_int_equal(stuck[0].tid, 13);
	assert_int_equal(stuck[1].tid, 10);
	for (uint32_t tid = 10; tid < 18; tid++)
		assert_int_equal(tasks[tid].forgotten, tid == 15);
}

static void of_too_many_the_longest_are_told(void **state)
{
	const struct tally_stuck *stuck;
	size_t n;

	for (uint32_t tid = 1; tid < MAX; tid++)
		add(tid, 5 * SECOND - tid, tid == 900 ? 'R' : 'D');
	stuck = look(*state, 10 * SECOND, &n);
	assert_int_equal(n, TALLY_STUCK);
	assert_int_equal(stuck[0].tid, MAX - 1);
	assert_int_equal(stuck[n - 1].tid, MAX - TALLY_STUCK - 1); /* one did not count */
}

/* The lock was given to it, it has not run yet: its end is about to be counted. */
static void one_look_does_not_forget(void **state)
{
	size_t n;

	add(10, 5 * SECOND, 'D');
	look(*state, 10 * SECOND, &n);
	assert_int_equal(n, 1);
	tasks[10].queued = FL_QUEUE_NO;
	look(*state, 10 * SECOND, &n);
	assert_int_equal(n, 0);
	assert_false(tasks[10].forgotten);
	/* it waits anew: another wait, which is not the suspect */
	add(10, 7 * SECOND, 'D');
	tasks[10].queued = FL_QUEUE_NO;
	look(*state, 10 * SECOND, &n);
	assert_false(tasks[10].forgotten);
	/* the same for the second time: that one is over */
	look(*state, 11 * SECOND, &n);
	assert_int_equal(n, 0);
	assert_true(tasks[10].forgotten);
}

static void deep_in_the_queue_is_in_the_queue(void **state)
{
	size_t n;

	add(10, 5 * SECOND, 'D');
	tasks[10].queued = FL_QUEUE_DEEP;
	for (int i = 0; i < 3; i++)
		look(*state, 10 * SECOND, &n);
	assert_int_equal(n, 1);
	assert_false(tasks[10].forgotten);
}

static void few_tasks_are_looked_at(void **state)
{
	size_t n;

	for (uint32_t tid = 1; tid < MAX; tid++)
		add(tid, 5 * SECOND, 'D');
	looks = 0;
	look(*state, 10 * SECOND, &n);
	assert_int_equal(looks, SESSION_MAX_LOOKS); /* no holder is known here */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(those_that_sleep_long_are_told, start, stop),
		cmocka_unit_test_setup_teardown(of_too_many_the_longest_are_told, start, stop),
		cmocka_unit_test_setup_teardown(one_look_does_not_forget, start, stop),
		cmocka_unit_test_setup_teardown(deep_in_the_queue_is_in_the_queue, start, stop),
		cmocka_unit_test_setup_teardown(few_tasks_are_looked_at, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
