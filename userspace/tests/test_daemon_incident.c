// SPDX-License-Identifier: GPL-2.0
/*
 * One freeze, one record: whichever of those in it comes out first, and whenever the
 * news of it comes. Records are an array here.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon.h"

#define SECOND 1000000000ULL
#define BEGIN  (100 * SECOND) /* of the freeze */
#define TGID   7
#define START  1 /* of the process */

static struct config config;
static uint64_t now_ns;
static struct incident records[8];
static size_t n_records; /* new ones */

/* --- the daemon's other parts */
uint64_t daemon_now_ns(void)
{
	return now_ns++; /* as a clock does */
}

uint64_t daemon_record_time(void)
{
	return now_ns;
}

int daemon_snapshot(struct daemon *d, bool with_stacks, struct snapshot **ret_snap)
{
	(void)d, (void)with_stacks;
	*ret_snap = snapshot_new();
	return *ret_snap ? 0 : -ENOMEM;
}

int daemon_record_write(struct daemon *d, struct incident *in)
{
	size_t at;

	(void)d;
	if (!*in->id) {
		assert_true(n_records < sizeof(records) / sizeof(records[0]));
		snprintf(in->id, sizeof(in->id), "%zu", n_records++);
	}
	at = strtoul(in->id, NULL, 10);
	assert_true(at < n_records);
	records[at] = *in;
	return 0;
}

void daemon_record_trim(struct daemon *d)
{
	(void)d;
}

/* No cooldown: what is one record is so for another reason. */
bool incident_due(struct incident_store *store, uint32_t tgid, uint64_t start_ns,
		  enum incident_kind kind, uint64_t at_ns)
{
	(void)store, (void)tgid, (void)start_ns, (void)kind, (void)at_ns;
	return true;
}

/* --- what it sees */
static int start(void **state)
{
	struct daemon *d = calloc(1, sizeof(*d));

	config = (struct config){
		.incidents = true, .incident_wait_ns = SECOND, .incident_millipct = 100000};
	n_records = 0;
	if (!d)
		return -1;
	d->config = &config;
	d->log = (struct log){.out = stderr, .level = LOG_ERR};
	*state = d;
	return 0;
}

static int stop(void **state)
{
	daemon_episode_free(*state);
	free(*state);
	return 0;
}

static void add(struct snapshot *snap, uint32_t tid, uint64_t begin_ns, uint64_t end_ns,
		bool finished)
{
	struct snap_wait *wait = snapshot_add_wait(snap);

	assert_non_null(wait);
	wait->tgid = TGID;
	wait->start_ns = START;
	wait->waiter.tid = tid;
	wait->begin_ns = begin_ns;
	wait->dur_ns = end_ns - begin_ns;
	wait->finished = finished;
}

/* News of one wait that has ended. */
static void ends(struct daemon *d, uint32_t tid, uint64_t begin_ns, uint64_t end_ns)
{
	struct snapshot *one = snapshot_new();

	assert_non_null(one);
	now_ns = end_ns;
	add(one, tid, begin_ns, end_ns, true);
	daemon_incident_wait(d, one);
	snapshot_free(one);
}

/* A second has passed; these two (0: nobody) are seen to wait. */
static void window(struct daemon *d, uint64_t at_ns, uint32_t first, uint32_t second)
{
	struct snapshot *diff = snapshot_new();

	assert_non_null(diff);
	now_ns = at_ns;
	if (first)
		add(diff, first, BEGIN, at_ns, false);
	if (second)
		add(diff, second, BEGIN + SECOND / 2, at_ns, false);
	daemon_incident_window(d, diff, NULL, 0);
	daemon_episode_window(d, diff);
	snapshot_free(diff);
}

/* The second of them finds that it is over. */
static void two_windows(struct daemon *d, uint64_t at_ns)
{
	window(d, at_ns, 0, 0);
	assert_false(records[0].finished);
	window(d, at_ns + SECOND, 0, 0);
}

static void assert_one_record(uint64_t wait_ns, bool finished)
{
	assert_int_equal(n_records, 1);
	assert_int_equal(records[0].wait_ns, wait_ns);
	assert_int_equal(records[0].finished, finished);
}

/* --- tests */
static void it_is_complete_when_the_last_is_out(void **state)
{
	struct daemon *d = *state;

	window(d, BEGIN + 2 * SECOND, 1, 2);
	assert_one_record(2 * SECOND, false);
	ends(d, 1, BEGIN, BEGIN + 5 * SECOND / 2);
	window(d, BEGIN + 3 * SECOND, 2, 0);
	window(d, BEGIN + 4 * SECOND, 2, 0);
	assert_one_record(2 * SECOND, false);
	ends(d, 2, BEGIN, BEGIN + 9 * SECOND / 2);
	two_windows(d, BEGIN + 5 * SECOND);
	assert_one_record(9 * SECOND / 2, true);
}

/* It has been let in, but has not run yet: neither seen to wait nor told to have ended. */
static void who_has_not_run_yet_has_not_ended(void **state)
{
	struct daemon *d = *state;

	window(d, BEGIN + 2 * SECOND, 1, 0);
	window(d, BEGIN + 3 * SECOND, 0, 0);
	assert_one_record(2 * SECOND, false);
	ends(d, 1, BEGIN, BEGIN + 16 * SECOND / 5);
	window(d, BEGIN + 4 * SECOND, 0, 0);
	assert_one_record(16 * SECOND / 5, true);
}

static void an_end_that_is_lost_is_missed_twice(void **state)
{
	struct daemon *d = *state;

	window(d, BEGIN + 2 * SECOND, 1, 0);
	window(d, BEGIN + 3 * SECOND, 0, 0);
	window(d, BEGIN + 4 * SECOND, 1, 0); /* it was only not seen */
	window(d, BEGIN + 5 * SECOND, 0, 0);
	assert_int_equal(records[0].finished, false);
	window(d, BEGIN + 6 * SECOND, 0, 0);
	assert_one_record(4 * SECOND, true);
}

static void who_comes_out_late_was_in_it(void **state)
{
	struct daemon *d = *state;

	window(d, BEGIN + 2 * SECOND, 1, 2);
	ends(d, 1, BEGIN, BEGIN + 5 * SECOND / 2);
	two_windows(d, BEGIN + 3 * SECOND);
	assert_one_record(5 * SECOND / 2, true);
	ends(d, 2, BEGIN + SECOND / 2, BEGIN + 41 * SECOND / 10);
	assert_one_record(5 * SECOND / 2, true);
}

/* A process that waits much is in trouble for as long as it does. */
static void a_hot_process_is_not_forgotten(void **state)
{
	struct daemon *d = *state;

	d->hot.procs[0].tgid = TGID;
	d->hot.procs[0].start_ns = START;
	d->hot.n = 1;
	window(d, BEGIN, 0, 0);
	assert_non_null(daemon_episode_find(d, TGID, START));
	window(d, BEGIN + 9 * SECOND, 0, 0);
	assert_non_null(daemon_episode_find(d, TGID, START));
	d->hot.n = 0;
	window(d, BEGIN + 10 * SECOND, 0, 0);
	assert_non_null(daemon_episode_find(d, TGID, START));
	window(d, BEGIN + 12 * SECOND, 0, 0);
	assert_null(daemon_episode_find(d, TGID, START));
}

static void the_next_freeze_has_a_record_of_its_own(void **state)
{
	struct daemon *d = *state;

	window(d, BEGIN + 2 * SECOND, 1, 0);
	ends(d, 1, BEGIN, BEGIN + 5 * SECOND / 2);
	two_windows(d, BEGIN + 3 * SECOND);
	assert_one_record(5 * SECOND / 2, true);
	/* begun after the end of the other */
	ends(d, 2, BEGIN + 5 * SECOND / 2, BEGIN + 42 * SECOND / 10);
	assert_int_equal(n_records, 2);
	/* begun before its end, but ended long after it */
	ends(d, 3, BEGIN + 3 * SECOND, BEGIN + 7 * SECOND);
	assert_int_equal(n_records, 3);
	/* waits still, however early it began */
	window(d, BEGIN + 8 * SECOND, 4, 0);
	assert_int_equal(n_records, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_complete_when_the_last_is_out, start, stop),
		cmocka_unit_test_setup_teardown(who_has_not_run_yet_has_not_ended, start, stop),
		cmocka_unit_test_setup_teardown(an_end_that_is_lost_is_missed_twice, start, stop),
		cmocka_unit_test_setup_teardown(who_comes_out_late_was_in_it, start, stop),
		cmocka_unit_test_setup_teardown(a_hot_process_is_not_forgotten, start, stop),
		cmocka_unit_test_setup_teardown(the_next_freeze_has_a_record_of_its_own, start,
						stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
