// SPDX-License-Identifier: GPL-2.0
/* Are sums, differences and selections of snapshots right? */
#include "sample.h"

static void adders_grow_and_zero(void **state)
{
	struct snapshot *snap = snapshot_new();

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		struct snap_proc *proc = snapshot_add_proc(snap);

		assert_non_null(proc);
		assert_int_equal(proc->tgid, 0);
		assert_null(proc->cgroup);
		proc->tgid = i + 1;
	}
	assert_int_equal(snap->n_procs, 1000);
	assert_int_equal(snap->procs[0].tgid, 1);
	assert_int_equal(snap->procs[999].tgid, 1000);
	assert_int_equal(snapshot_add_wait(snap)->holder_stack, -1);
	assert_int_equal(snapshot_add_stack(snap)->below, -1);
	assert_int_equal(snapshot_add_feature(snap)->state, FEATURE_OFF);
	assert_true(snap->meta.attached);
	snapshot_free(snap);
	snapshot_free(NULL);
}

static void losses_are_told_apart(void **state)
{
	struct snap_meta meta = {0};

	(void)state;
	for (int i = 0; i < FL_NR_COUNTERS; i++)
		meta.counters[i] = 1ULL << i;
	assert_int_equal(snapshot_lost_waits(&meta), 7);
	assert_int_equal(snapshot_lost_any(&meta), (1 << FL_NR_LOSSES) - 1);
	meta.counters[0] = UINT64_MAX;
	assert_true(snapshot_lost_any(&meta) == UINT64_MAX);
}

static void names_are_distinct(void **state)
{
	(void)state;
	for (int i = 0; i < FL_NR_COUNTERS; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(snapshot_counter_name((enum fl_counter)i),
						snapshot_counter_name((enum fl_counter)j));
	assert_string_equal(snapshot_counter_name(FL_NR_COUNTERS), "?");
	assert_string_equal(snapshot_mode_name((enum fl_mode)77), "?");
	assert_string_equal(snapshot_conf_name(FL_CONF_EXACT), "exact");
}

static const struct snap_proc *find(const struct snapshot *snap, uint32_t tgid, enum fl_mode mode)
{
	for (size_t i = 0; i < snap->n_procs; i++)
		if (snap->procs[i].tgid == tgid && snap->procs[i].mode == mode)
			return &snap->procs[i];
	return NULL;
}

static void diff_has_what_is_new(void **state)
{
	struct snapshot *before = sample_snapshot(), *now = sample_snapshot(), *diff = NULL;
	struct snap_proc *proc;

	(void)state;
	now->meta.mono_ns += 2 * S;
	now->meta.counters[FL_LOST_RACE] = 5;
	before->meta.counters[FL_LOST_RACE] = 2;
	now->meta.cpu_ns += 10;
	hist_add(&now->procs[0].hist, 7 * MS);
	proc = sample_proc(now, 5000, "new", NULL, FL_READ, FL_KTHREAD);
	hist_add(&proc->hist, 9 * MS);
	now->blames[0].count += 2;
	now->blames[0].total_ns += 5 * MS;
	now->stacks[0].count += 1;
	now->stacks[0].total_ns += 100;

	assert_int_equal(snapshot_diff(before, now, &diff), 0);
	assert_int_equal(diff->meta.window_ns, 2 * S);
	assert_int_equal(diff->meta.counters[FL_LOST_RACE], 3);
	assert_int_equal(diff->meta.cpu_ns, 10);
	assert_int_equal(diff->n_procs, 2); /* rows without anything new are left out */
	assert_int_equal(find(diff, 1200, FL_READ)->hist.count, 1);
	assert_int_equal(find(diff, 1200, FL_READ)->hist.total_ns, 7 * MS);
	assert_in_range(find(diff, 1200, FL_READ)->hist.max_ns, 7 * MS, 8 * MS + MS / 2);
	assert_int_equal(find(diff, 5000, FL_READ)->hist.total_ns, 9 * MS);
	assert_null(find(diff, 77, FL_WRITE));
	assert_int_equal(diff->n_blames, 1);
	assert_int_equal(diff->blames[0].count, 2);
	assert_int_equal(diff->blames[0].total_ns, 5 * MS);
	assert_int_equal(diff->blames[0].max_ns, 5 * MS);
	assert_int_equal(diff->n_stacks, now->n_stacks);
	assert_int_equal(diff->stacks[0].count, 1);
	assert_int_equal(diff->stacks[0].total_ns, 100);
	assert_int_equal(diff->n_waits, now->n_waits);
	snapshot_free(before);
	snapshot_free(now);
	snapshot_free(diff);
}

static void diff_knows_restarts_and_reused_pids(void **state)
{
	struct snapshot *before = sample_snapshot(), *now = snapshot_new(), *diff = NULL;
	struct snap_proc *proc;

	(void)state;
	/* 1200 read: fewer than before; 77: the same pid, another process. */
	proc = sample_proc(now, 1200, "postgres", NULL, FL_READ, FL_OWN);
	hist_add(&proc->hist, 3 * MS);
	proc = sample_proc(now, 77, "other", NULL, FL_WRITE, FL_OWN);
	proc->start_ns = 999999;
	hist_add(&proc->hist, 4 * MS);

	assert_int_equal(snapshot_diff(before, now, &diff), 0);
	assert_int_equal(diff->n_procs, 2); /* 1200 write is gone */
	assert_int_equal(find(diff, 1200, FL_READ)->hist.count, 1);
	assert_int_equal(find(diff, 1200, FL_READ)->hist.max_ns, 3 * MS);
	assert_int_equal(find(diff, 77, FL_WRITE)->hist.total_ns, 4 * MS);
	snapshot_free(before);
	snapshot_free(now);
	snapshot_free(diff);
}

static void diff_takes_no_merged_row_for_new(void **state)
{
	struct snapshot *before = snapshot_new(), *now = snapshot_new(), *diff = NULL;
	struct snap_proc *proc;

	(void)state;
	/* 9 has left its row for the sum, which has one wait more besides. */
	proc = sample_proc(before, 9, "gone", NULL, FL_READ, FL_OWN);
	hist_add(&proc->hist, 3 * MS);
	hist_add(&proc->hist, 3 * MS);
	proc = sample_proc(now, 0, "", NULL, FL_READ, FL_OWN);
	for (int i = 0; i < 3; i++)
		hist_add(&proc->hist, 3 * MS);
	assert_int_equal(snapshot_diff(before, now, &diff), 0);
	assert_int_equal(diff->n_procs, 1);
	assert_int_equal(diff->procs[0].hist.count, 1);
	snapshot_free(before);
	snapshot_free(now);
	snapshot_free(diff);
}

static void diff_adds_up_equal_keys(void **state)
{
	struct snapshot *before = snapshot_new(), *now = snapshot_new(), *diff = NULL;

	(void)state;
	for (int i = 0; i < 2; i++)
		sample_blame(before, 9, 10, "x", CAUSE_MMAP, FL_CONF_EXACT, 100);
	for (int i = 0; i < 3; i++)
		sample_blame(now, 9, 10, "x", CAUSE_MMAP, FL_CONF_EXACT, 100);
	assert_int_equal(snapshot_diff(before, now, &diff), 0);
	assert_int_equal(diff->n_blames, 1);
	assert_int_equal(diff->blames[0].count, 3);
	assert_int_equal(diff->blames[0].total_ns, 100);
	snapshot_free(before);
	snapshot_free(now);
	snapshot_free(diff);
}

static void filter_by_pid_cgroup_and_comm(void **state)
{
	const uint32_t pid = 77;
	const struct snap_filter by_pid = {.pids = &pid, .n_pids = 1},
				 by_cgroup = {.cgroup = "/system.slice/"},
				 by_part = {.cgroup = "/system.slice/postgres"},
				 by_comm = {.comm = "post*"}, by_wait = {.min_wait_ns = 10 * S};
	struct snapshot *snap = sample_snapshot();

	(void)state;
	assert_int_equal(snapshot_filter(snap, &by_pid), 0);
	assert_int_equal(snap->n_procs, 1);
	assert_int_equal(snap->procs[0].tgid, 77);
	assert_int_equal(snap->n_blames, 1);
	assert_int_equal(snap->n_waits, 0);
	assert_int_equal(snap->n_stacks, 0);
	snapshot_free(snap);

	snap = sample_snapshot();
	assert_int_equal(snapshot_filter(snap, &by_cgroup), 0);
	assert_int_equal(snap->n_procs, 2);
	assert_int_equal(snap->n_blames, 2);
	snapshot_free(snap);

	snap = sample_snapshot();
	assert_int_equal(snapshot_filter(snap, &by_part), 0); /* no whole component */
	assert_int_equal(snap->n_procs, 0);
	assert_int_equal(snap->n_blames, 0);
	snapshot_free(snap);

	snap = sample_snapshot();
	assert_int_equal(snapshot_filter(snap, &by_comm), 0);
	assert_int_equal(snap->n_procs, 2);
	assert_int_equal(snap->n_waits, 2);
	assert_int_equal(snap->n_stacks, 2);
	snapshot_free(snap);

	snap = sample_snapshot();
	assert_int_equal(snapshot_filter(snap, &by_wait), 0);
	assert_int_equal(snap->n_procs, 3);
	assert_int_equal(snap->n_waits, 1);
	snapshot_free(snap);
}

static void filter_renumbers_stacks(void **state)
{
	const uint32_t pid = 1200;
	const struct snap_filter filter = {.pids = &pid, .n_pids = 1};
	struct snapshot *snap = sample_snapshot();
	struct snap_stack first;

	(void)state;
	assert_non_null(snapshot_add_stack(snap)); /* of nobody */
	first = snap->stacks[0];
	snap->stacks[0] = snap->stacks[2];
	snap->stacks[2] = first;
	snap->waits[0].kstack = 2;
	snap->waits[0].ustack = 0;
	assert_int_equal(snapshot_filter(snap, &filter), 0);
	assert_int_equal(snap->n_stacks, 2);
	assert_int_equal(snap->waits[0].kstack, 1);
	assert_int_equal(snap->waits[0].ustack, -1);
	assert_int_equal(snap->stacks[1].below, 0);
	assert_true(snap->stacks[0].user);
	snapshot_free(snap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adders_grow_and_zero),
		cmocka_unit_test(losses_are_told_apart),
		cmocka_unit_test(names_are_distinct),
		cmocka_unit_test(diff_has_what_is_new),
		cmocka_unit_test(diff_knows_restarts_and_reused_pids),
		cmocka_unit_test(diff_takes_no_merged_row_for_new),
		cmocka_unit_test(diff_adds_up_equal_keys),
		cmocka_unit_test(filter_by_pid_cgroup_and_comm),
		cmocka_unit_test(filter_renumbers_stacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
