// SPDX-License-Identifier: GPL-2.0
/* timeline: totals that grow become columns, and each single wait is there once. */
#include "sample.h"
#include "timeline.h"

/* Totals of a process with n waits of 1 ms, at a time. */
static void add_totals(struct timeline *timeline, uint64_t at_ns, int n, uint64_t lost)
{
	struct snapshot *snap = snapshot_new();
	struct snap_proc *proc;

	assert_non_null(snap);
	proc = sample_proc(snap, 7, "db", NULL, FL_READ, FL_OWN);
	for (int i = 0; i < n; i++)
		hist_add(&proc->hist, MS);
	snap->meta.mono_ns = at_ns;
	snap->meta.window_ns = at_ns - 50 * S;
	snap->meta.counters[FL_LOST_WAITERS_FULL] = lost;
	timeline_add_totals(timeline, snap);
	snapshot_free(snap);
}

static void columns_are_what_came_between(void **state)
{
	struct timeline *timeline = timeline_new();
	const struct timeline_column *column = timeline->columns;

	(void)state;
	add_totals(timeline, 51 * S, 3, 0);
	add_totals(timeline, 52 * S, 3, 2);
	add_totals(timeline, 54 * S, 10, 2);
	assert_int_equal(timeline->n_columns, 3);
	assert_int_equal(column[0].begin_ns, 50 * S);
	assert_int_equal(column[0].end_ns, 51 * S);
	assert_int_equal(column[0].hist.count, 3);
	assert_int_equal(column[1].begin_ns, 51 * S);
	assert_int_equal(column[1].hist.count, 0);
	assert_int_equal(column[1].lost, 2);
	assert_int_equal(column[2].end_ns, 54 * S);
	assert_int_equal(column[2].hist.count, 7);
	assert_int_equal(column[2].hist.slots[hist_slot(MS)], 7);
	assert_int_equal(column[2].lost, 0);
	timeline_free(timeline);
}

static void long_recordings_get_wider_columns(void **state)
{
	struct timeline *timeline = timeline_new();
	uint64_t sum = 0, lost = 0, end = 50 * S;
	int n = 10 * TIMELINE_MAX_COLUMNS + 7;

	(void)state;
	for (int i = 1; i <= n; i++)
		add_totals(timeline, (50 + i) * S, 2 * i, i);
	assert_in_range(timeline->n_columns, TIMELINE_MAX_COLUMNS / 2, TIMELINE_MAX_COLUMNS);
	for (size_t i = 0; i < timeline->n_columns; i++) {
		const struct timeline_column *column = &timeline->columns[i];

		assert_int_equal(column->begin_ns, end);
		end = column->end_ns;
		sum += column->hist.count;
		lost += column->lost;
		/* all but the last are of one width */
		if (i + 1 < timeline->n_columns)
			assert_int_equal(end - column->begin_ns, timeline->joined * S);
	}
	assert_int_equal(end, (50 + n) * S);
	assert_int_equal(sum, 2 * n);
	assert_int_equal(lost, n);
	timeline_free(timeline);
}

static void add_wait(struct timeline *timeline, uint64_t begin_ns, uint64_t dur_ns, bool finished,
		     bool with_unfinished)
{
	struct snapshot *snap = snapshot_new();
	struct snap_wait *wait = sample_wait(snap, 7, "db", dur_ns, finished);

	wait->begin_ns = begin_ns;
	wait->cgroup = sample_dup("/a.slice");
	wait->waiter.detail = sample_dup("mmap(4.0 KiB)");
	assert_int_equal(timeline_add_waits(timeline, snap, with_unfinished), 0);
	snapshot_free(snap);
}

static void a_wait_is_there_once(void **state)
{
	struct timeline *timeline = timeline_new();
	const struct snapshot *waits = timeline->waits;

	(void)state;
	add_wait(timeline, 20 * S, 1 * S, false, false); /* it may end yet */
	add_wait(timeline, 20 * S, 2 * S, true, false);
	add_wait(timeline, 20 * S, 2 * S, true, true);
	add_wait(timeline, 10 * S, 3 * S, false, false); /* its end was lost */
	add_wait(timeline, 15 * S, 4 * S, false, true);
	add_wait(timeline, 15 * S, 5 * S, false, true);
	timeline_finish(timeline);
	assert_int_equal(waits->n_waits, 2);
	assert_int_equal(waits->waits[0].begin_ns, 15 * S);
	assert_int_equal(waits->waits[0].dur_ns, 5 * S);
	assert_false(waits->waits[0].finished);
	assert_int_equal(waits->waits[1].begin_ns, 20 * S);
	assert_true(waits->waits[1].finished);
	assert_string_equal(waits->waits[1].waiter.detail, "mmap(4.0 KiB)");
	assert_string_equal(waits->waits[1].holder.detail, "read /proc/1200/smaps");
	assert_int_equal(timeline->left_out, 0);
	timeline_free(timeline);
}

static void the_longest_waits_stay(void **state)
{
	struct timeline *timeline = timeline_new();
	const struct snapshot *waits = timeline->waits;
	int n = 5 * TIMELINE_MAX_WAITS;

	(void)state;
	for (int i = 0; i < n; i++) /* short ones and long ones in turn */
		add_wait(timeline, (i + 1) * S, i % 5 ? MS : MS + i + 1, true, true);
	timeline_finish(timeline);
	assert_int_equal(waits->n_waits, TIMELINE_MAX_WAITS);
	assert_int_equal(timeline->left_out, n - TIMELINE_MAX_WAITS);
	for (size_t i = 0; i < waits->n_waits; i++) {
		assert_true(waits->waits[i].dur_ns > MS);
		if (i)
			assert_true(waits->waits[i].begin_ns > waits->waits[i - 1].begin_ns);
	}
	timeline_free(timeline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_what_came_between),
		cmocka_unit_test(long_recordings_get_wider_columns),
		cmocka_unit_test(a_wait_is_there_once),
		cmocka_unit_test(the_longest_waits_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
