// SPDX-License-Identifier: GPL-2.0
/*
 * Is anything that was counted lost or counted twice when processes come and go?
 * The maps and /proc are arrays here; and does the BPF side's way to a slot of
 * the histogram lead where ours does?
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../bpf/hist.h"
#include "hist.h"
#include "proc.h"
#include "tally.h"

#define MAX    6000
#define SECOND 1000000000ULL

/* --- the maps */
static struct {
	bool used;
	struct fl_stat_key key;
	struct fl_stat stat;
} stats[MAX];
static struct {
	bool used;
	struct fl_blame_key key;
	struct fl_blame blame;
} blames[MAX];
static struct {
	bool used;
	struct fl_stack_key key;
	struct fl_stack_total total;
} stacks[8];
static bool forgotten[2][64];
static uint32_t dead_from, dead_to; /* these processes are gone */

#define EACH(map, fn, arg, value)                                               \
	do {                                                                    \
		for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {     \
			if (map[i].used && fn(arg, &map[i].key, &map[i].value)) \
				map[i].used = false;                            \
		}                                                               \
	} while (0)

int probe_each_waiter(struct probe *probe, probe_waiter_fn fn, void *arg)
{
	(void)probe, (void)fn, (void)arg;
	return 0;
}

int probe_each_stat(struct probe *probe, probe_stat_fn fn, void *arg)
{
	(void)probe;
	EACH(stats, fn, arg, stat);
	return 0;
}

int probe_each_blame(struct probe *probe, probe_blame_fn fn, void *arg)
{
	(void)probe;
	EACH(blames, fn, arg, blame);
	return 0;
}

int probe_each_stack(struct probe *probe, probe_stack_fn fn, void *arg)
{
	(void)probe;
	EACH(stacks, fn, arg, total);
	return 0;
}

int probe_sweep(struct probe *probe, uint64_t before_ns)
{
	(void)probe, (void)before_ns;
	return 0;
}

void probe_stack_forget(struct probe *probe, bool user, int32_t id)
{
	(void)probe;
	if (id >= 0)
		forgotten[user][id] = true;
}

/* --- /proc */
bool proc_alive(uint32_t tgid, uint64_t start_ns)
{
	(void)start_ns;
	assert_int_not_equal(tgid, 0); /* nobody: not to be asked for */
	return tgid < dead_from || tgid > dead_to;
}

static const char *comm_now; /* of every process; NULL: cannot be read */

int proc_comm(uint32_t tid, char comm[FL_COMM_LEN + 1])
{
	(void)tid;
	if (!comm_now)
		return -ESRCH;
	strcpy(comm, comm_now);
	return 0;
}

char *proc_cgroup(uint32_t tgid)
{
	(void)tgid;
	return NULL;
}

static int start(void **state)
{
	memset(stats, 0, sizeof(stats));
	memset(blames, 0, sizeof(blames));
	memset(stacks, 0, sizeof(stacks));
	memset(forgotten, 0, sizeof(forgotten));
	dead_from = dead_to = 0;
	*state = tally_new();
	return !*state;
}

static int stop(void **state)
{
	tally_free(*state);
	return 0;
}

static void add_stat(size_t at, uint32_t tgid, uint32_t shard, uint64_t count)
{
	stats[at].used = true;
	stats[at].key = (struct fl_stat_key){.tgid = tgid, .start_ns = tgid, .shard = shard};
	stats[at].stat = (struct fl_stat){.count = count,
					  .total_ns = count * 1000,
					  .max_ns = 1000 + count,
					  .last_ns = SECOND};
	stats[at].stat.slots[hist_slot(1000)] = count;
}

static void add_blame(size_t at, uint32_t tgid, uint32_t holder_tgid, uint64_t total_ns)
{
	blames[at].used = true;
	blames[at].key = (struct fl_blame_key){.tgid = tgid,
					       .start_ns = tgid,
					       .holder_tid = holder_tgid,
					       .holder_tgid = holder_tgid};
	blames[at].blame = (struct fl_blame){.count = 1,
					     .total_ns = total_ns,
					     .max_ns = total_ns,
					     .last_ns = SECOND,
					     .holder_comm = "holder"};
}

static struct snapshot *fill(struct tally *tally)
{
	struct snapshot *snap = snapshot_new();

	assert_non_null(snap);
	assert_int_equal(tally_fill_procs(tally, NULL, snap), 0);
	assert_int_equal(tally_fill_blames(tally, NULL, snap), 0);
	return snap;
}

static void shards_are_one_row(void **state)
{
	struct snapshot *snap;

	for (uint32_t shard = 0; shard < FL_NR_SHARDS; shard++)
		add_stat(shard, 7, shard, 10 + shard);
	add_stat(100, 8, 0, 1);
	add_stat(101, 8, 0, 2);
	stats[101].key.mode = FL_WRITE;
	snap = fill(*state);
	assert_int_equal(snap->n_procs, 3);
	assert_int_equal(snap->procs[0].hist.count, 108);
	assert_int_equal(snap->procs[0].hist.total_ns, 108000);
	assert_int_equal(snap->procs[0].hist.max_ns, 1017);
	assert_int_equal(snap->procs[0].hist.slots[hist_slot(1000)], 108);
	assert_false(snap->procs[0].gone);
	assert_int_equal(snap->procs[2].hist.count, 2);
	assert_int_equal(snap->procs[2].mode, FL_WRITE);
	snapshot_free(snap);
}

static void every_process_finds_its_own_row(void **state)
{
	struct snapshot *snap;

	/* twice, so that each one has to be found again among thousands */
	for (uint32_t i = 0; i < MAX; i++)
		add_stat(i, 1 + i % (MAX / 2), i / (MAX / 2), 1 + i % (MAX / 2));
	snap = fill(*state);
	assert_int_equal(snap->n_procs, MAX / 2);
	for (size_t i = 0; i < snap->n_procs; i++)
		assert_int_equal(snap->procs[i].hist.count, 2 * snap->procs[i].tgid);
	snapshot_free(snap);
}

static void assert_comm(struct tally *tally, const char *comm)
{
	struct snapshot *snap = fill(tally);

	assert_int_equal(snap->n_procs, 1);
	assert_string_equal(snap->procs[0].comm, comm);
	snapshot_free(snap);
}

static void a_name_is_that_of_now_or_the_last_one(void **state)
{
	struct tally *tally = *state;

	add_stat(0, 7, 0, 1);
	comm_now = "sh";
	assert_comm(tally, "sh");
	comm_now = "postgres"; /* exec */
	assert_comm(tally, "postgres");
	comm_now = "another"; /* of somebody who got the number since */
	dead_from = dead_to = 7;
	assert_comm(tally, "postgres");
	comm_now = NULL;
}

/* Of the process that has its number now the start may be hidden: that one seems alive. */
static void who_is_gone_stays_gone(void **state)
{
	struct snapshot *snap;

	add_stat(0, 7, 0, 1);
	for (int look = 0; look < 3; look++) {
		dead_from = dead_to = look == 1 ? 7 : 0;
		snap = fill(*state);
		assert_int_equal(snap->n_procs, 1);
		assert_int_equal(snap->procs[0].gone, look > 0);
		snapshot_free(snap);
	}
}

static void only_the_idle_and_dead_leave_the_map(void **state)
{
	struct snapshot *snap;

	add_stat(0, 7, 0, 5);
	add_stat(1, 8, 0, 6);
	dead_from = dead_to = 8;
	assert_int_equal(tally_sweep(*state, NULL, 11 * SECOND), 0);
	assert_true(stats[1].used); /* not idle for long enough */
	assert_int_equal(tally_sweep(*state, NULL, 12 * SECOND), 0);
	assert_true(stats[0].used);
	assert_false(stats[1].used);
	/* what came after the sweep is added to what left before it */
	add_stat(2, 8, 3, 4);
	snap = fill(*state);
	assert_int_equal(snap->n_procs, 2);
	for (size_t i = 0; i < snap->n_procs; i++) {
		bool dead = snap->procs[i].tgid == 8;

		assert_int_equal(snap->procs[i].gone, dead);
		assert_int_equal(snap->procs[i].hist.count, dead ? 10 : 5);
		assert_int_equal(snap->procs[i].hist.slots[hist_slot(1000)], dead ? 10 : 5);
	}
	snapshot_free(snap);
}

static void no_count_is_lost_when_thousands_go(void **state)
{
	uint64_t sum = 0, all = 0;
	struct snapshot *snap;
	bool others = false;

	dead_from = 1;
	dead_to = 100000;
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 2000; i++) {
			add_stat(i, 1 + round * 2000 + i, i % FL_NR_SHARDS, i + 1);
			sum += i + 1;
		}
		assert_int_equal(tally_sweep(*state, NULL, 60 * SECOND), 0);
	}
	snap = fill(*state);
	assert_in_range(snap->n_procs, TALLY_GONE, TALLY_GONE + 24);
	for (size_t i = 0; i < snap->n_procs; i++) {
		all += snap->procs[i].hist.count;
		others |= !snap->procs[i].tgid;
		assert_true(snap->procs[i].gone);
	}
	assert_int_equal(all, sum);
	assert_true(others);
	snapshot_free(snap);
}

static void an_unknown_holder_does_not_die(void **state)
{
	struct snapshot *snap;

	add_blame(0, 7, 0, 1000);
	assert_int_equal(tally_sweep(*state, NULL, 60 * SECOND), 0);
	assert_true(blames[0].used);
	add_blame(1, 7, 9, 2000); /* its holder is gone, its process is not */
	dead_from = dead_to = 9;
	for (int i = 0; i < 3; i++) {
		blames[1].used = true;
		assert_int_equal(tally_sweep(*state, NULL, 60 * SECOND), 0);
		assert_false(blames[1].used);
	}
	snap = fill(*state);
	assert_int_equal(snap->n_blames, 2);
	for (size_t i = 0; i < snap->n_blames; i++) {
		bool known = snap->blames[i].holder.tid == 9;

		assert_int_equal(snap->blames[i].count, known ? 3 : 1);
		assert_int_equal(snap->blames[i].total_ns, known ? 6000 : 1000);
		assert_int_equal(snap->blames[i].max_ns, known ? 2000 : 1000);
		if (known)
			assert_string_equal(snap->blames[i].holder.comm, "holder");
	}
	snapshot_free(snap);
}

static void the_smallest_blame_gives_way(void **state)
{
	struct snapshot *snap;

	dead_from = 1;
	dead_to = 100000;
	for (uint32_t i = 0; i < TALLY_GONE + 10; i++)
		add_blame(i, 1 + i, 1 + i, 1000 + i);
	assert_int_equal(tally_sweep(*state, NULL, 60 * SECOND), 0);
	snap = fill(*state);
	assert_int_equal(snap->n_blames, TALLY_GONE);
	for (size_t i = 0; i < snap->n_blames; i++)
		assert_in_range(snap->blames[i].total_ns, 1010, 1000 + TALLY_GONE + 9);
	snapshot_free(snap);
}

static void add_stack(size_t at, uint32_t tgid, int32_t kstack, int32_t ustack)
{
	stacks[at].used = true;
	stacks[at].key = (struct fl_stack_key){
		.tgid = tgid, .start_ns = tgid, .kstack = kstack, .ustack = ustack};
	stacks[at].total = (struct fl_stack_total){.count = 1, .last_ns = SECOND};
}

static void a_shared_stack_stays_for_the_living(void **state)
{
	struct fl_event event = {.kstack = 4, .ustack = 5};

	add_stack(0, 7, 1, 2);
	add_stack(1, 8, 1, 2); /* looks like 7: a forked worker */
	add_stack(2, 8, 3, -1);
	add_stack(3, 8, 4, 5);
	tally_add_event(*state, &event);
	dead_from = dead_to = 8;
	assert_int_equal(tally_sweep(*state, NULL, 60 * SECOND), 0);
	assert_true(stacks[0].used);
	assert_false(stacks[1].used || stacks[2].used || stacks[3].used);
	assert_false(forgotten[0][1] || forgotten[1][2]);
	assert_true(forgotten[0][3]);
	assert_false(forgotten[0][4] || forgotten[1][5]); /* the event still shows them */
	dead_from = 7;
	assert_int_equal(tally_sweep(*state, NULL, 60 * SECOND), 0);
	assert_true(forgotten[0][1] && forgotten[1][2]);
}

static void both_sides_have_the_same_slots(void **state)
{
	(void)state;
	assert_int_equal(fl_hist_slot(0), hist_slot(0));
	assert_int_equal(fl_hist_slot(UINT64_MAX), hist_slot(UINT64_MAX));
	for (unsigned int bit = 0; bit < 64; bit++) {
		for (uint64_t part = 0; part < 64; part++) {
			uint64_t ns = (1ULL << bit) + (part << bit >> 6);

			assert_int_equal(fl_hist_slot(ns), hist_slot(ns));
			assert_int_equal(fl_hist_slot(ns - 1), hist_slot(ns - 1));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(shards_are_one_row, start, stop),
		cmocka_unit_test_setup_teardown(every_process_finds_its_own_row, start, stop),
		cmocka_unit_test_setup_teardown(a_name_is_that_of_now_or_the_last_one, start, stop),
		cmocka_unit_test_setup_teardown(who_is_gone_stays_gone, start, stop),
		cmocka_unit_test_setup_teardown(only_the_idle_and_dead_leave_the_map, start, stop),
		cmocka_unit_test_setup_teardown(no_count_is_lost_when_thousands_go, start, stop),
		cmocka_unit_test_setup_teardown(an_unknown_holder_does_not_die, start, stop),
		cmocka_unit_test_setup_teardown(the_smallest_blame_gives_way, start, stop),
		cmocka_unit_test_setup_teardown(a_shared_stack_stays_for_the_living, start, stop),
		cmocka_unit_test(both_sides_have_the_same_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
