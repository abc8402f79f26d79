// SPDX-License-Identifier: GPL-2.0
/* Hot processes: loads from a snapshot difference, hysteresis, bounds. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "hot.h"

#define MS 1000000ULL

static struct snap_proc *add_proc(struct snapshot *snap, uint32_t tgid, uint64_t count,
				  uint64_t total_ns)
{
	struct snap_proc *proc = snapshot_add_proc(snap);

	assert_non_null(proc);
	proc->tgid = tgid;
	proc->start_ns = tgid * 10ULL;
	proc->hist.count = count;
	proc->hist.total_ns = total_ns;
	return proc;
}

static void test_loads(void **state)
{
	struct snapshot *snap = snapshot_new();
	struct hot_load *loads;
	struct snap_wait *wait;
	size_t n;

	(void)state;
	snap->meta.window_ns = 1000 * MS;
	add_proc(snap, 1, 10, 30 * MS)->mode = FL_READ;
	add_proc(snap, 2, 1, 15000 * MS); /* began long before the window */
	add_proc(snap, 1, 10, 20 * MS)->mode = FL_WRITE;
	add_proc(snap, 3, 4, 900 * MS)->cls = FL_VMA_LOCK;
	add_proc(snap, 4, 0, 0);
	wait = snapshot_add_wait(snap);
	wait->tgid = 5;
	wait->dur_ns = 700 * MS;
	wait = snapshot_add_wait(snap);
	wait->tgid = 1;
	wait->start_ns = 10;
	wait->dur_ns = 9000 * MS;
	wait = snapshot_add_wait(snap);
	wait->tgid = 6;
	wait->dur_ns = 9000 * MS;
	wait->finished = true; /* is in the totals */
	assert_int_equal(hot_loads(snap, &loads, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(loads[0].tgid, 1);
	assert_int_equal(loads[0].wait_ns, 1050 * MS);
	assert_int_equal(loads[0].millipct, 105000);
	assert_int_equal(loads[1].tgid, 2);
	assert_int_equal(loads[1].millipct, 100000);
	assert_int_equal(loads[2].tgid, 5);
	assert_int_equal(loads[2].millipct, 70000);
	free(loads);
	snapshot_free(snap);
}

static void test_no_window(void **state)
{
	struct snapshot *snap = snapshot_new();
	struct hot_load *loads;
	size_t n;

	(void)state;
	add_proc(snap, 1, UINT64_MAX, UINT64_MAX);
	assert_int_equal(hot_loads(snap, &loads, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(loads[0].millipct, 0);
	free(loads);
	snapshot_free(snap);
}

static void test_hysteresis(void **state)
{
	const struct hot_limits limits = {.enter_millipct = 5000, .leave_millipct = 1000, .max = 8};
	struct hot_load load = {.tgid = 7, .start_ns = 70, .millipct = 4999};
	struct hot hot = {.n = 0};

	(void)state;
	assert_false(hot_update(&hot, &limits, &load, 1));
	assert_int_equal(hot.n, 0);
	load.millipct = 5000;
	assert_true(hot_update(&hot, &limits, &load, 1));
	assert_true(hot_has(&hot, 7, 70));
	load.millipct = 1000;
	assert_false(hot_update(&hot, &limits, &load, 1));
	assert_true(hot_has(&hot, 7, 70));
	load.start_ns = 71; /* another process with this pid has to enter itself */
	assert_true(hot_update(&hot, &limits, &load, 1));
	assert_int_equal(hot.n, 0);
	load.millipct = 9000;
	assert_true(hot_update(&hot, &limits, &load, 1));
	load.millipct = 999;
	assert_true(hot_update(&hot, &limits, &load, 1));
	assert_int_equal(hot.n, 0);
}

static void test_gone_and_empty(void **state)
{
	const struct hot_limits limits = {.enter_millipct = 5000, .leave_millipct = 1000, .max = 8};
	struct hot_load load = {.tgid = 7, .millipct = 9000};
	struct hot hot = {.n = 0};

	(void)state;
	assert_true(hot_update(&hot, &limits, &load, 1));
	load.gone = true;
	assert_true(hot_update(&hot, &limits, &load, 1));
	assert_int_equal(hot.n, 0);
	assert_false(hot_update(&hot, &limits, NULL, 0));
}

static void test_bound(void **state)
{
	struct hot_limits limits = {.enter_millipct = 5000, .leave_millipct = 1000, .max = 2};
	struct hot_load loads[HOT_MAX + 3] = {{.tgid = 0}};
	struct hot hot = {.n = 0};

	(void)state;
	for (size_t i = 0; i < HOT_MAX + 3; i++)
		loads[i] = (struct hot_load){.tgid = 100 + i, .millipct = 90000 - i};
	assert_true(hot_update(&hot, &limits, loads, HOT_MAX + 3));
	assert_int_equal(hot.n, 2);
	assert_int_equal(hot.procs[0].tgid, 100); /* the biggest */
	limits.max = 10000;
	assert_true(hot_update(&hot, &limits, loads, HOT_MAX + 3));
	assert_int_equal(hot.n, HOT_MAX);
	limits.max = 0;
	assert_true(hot_update(&hot, &limits, loads, HOT_MAX + 3));
	assert_int_equal(hot.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loads),	   cmocka_unit_test(test_no_window),
		cmocka_unit_test(test_hysteresis), cmocka_unit_test(test_gone_and_empty),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
