// SPDX-License-Identifier: GPL-2.0
/* verdict: literal snapshots in, the facts and the words out. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../verdict.h"

#define MS    1000000ULL
#define SEC   1000000000ULL
#define PID   812
#define START 77

static struct snapshot *window_of_5s(void)
{
	struct snapshot *snap = snapshot_new();

	assert_non_null(snap);
	snap->meta.window_ns = 5 * SEC;
	snap->meta.mono_ns = 1000 * SEC;
	snap->meta.attached = true;
	return snap;
}

static void add_proc(struct snapshot *snap, uint64_t start_ns, enum fl_mode mode,
		     enum fl_relation rel, unsigned int count, uint64_t each_ns)
{
	struct snap_proc *proc = snapshot_add_proc(snap);

	proc->tgid = PID;
	proc->start_ns = start_ns;
	proc->mode = mode;
	proc->rel = rel;
	strcpy(proc->comm, "mysqld");
	for (unsigned int i = 0; i < count; i++)
		hist_add(&proc->hist, each_ns);
}

static struct snap_blame *add_blame(struct snapshot *snap, enum fl_mode mode, enum cause waiter,
				    uint32_t holder_tgid, enum cause holder,
				    enum fl_confidence conf, unsigned int count, uint64_t each_ns)
{
	struct snap_blame *blame = snapshot_add_blame(snap);

	blame->tgid = PID;
	blame->start_ns = START;
	blame->mode = mode;
	blame->waiter_cause = waiter;
	blame->conf = conf;
	blame->holder.tgid = holder_tgid;
	blame->holder.tid = holder_tgid + 1;
	blame->holder.cause = holder;
	strcpy(blame->holder.comm, holder_tgid == PID ? "worker" : "exporter");
	blame->count = count;
	blame->total_ns = count * each_ns;
	blame->max_ns = each_ns;
	return blame;
}

static struct snap_wait *add_stuck(struct snapshot *snap, enum fl_mode mode, enum cause cause,
				   uint64_t dur_ns)
{
	struct snap_wait *wait = snapshot_add_wait(snap);

	wait->tgid = PID;
	wait->start_ns = START;
	wait->mode = mode;
	wait->begin_ns = snap->meta.mono_ns - dur_ns;
	wait->dur_ns = dur_ns;
	strcpy(wait->comm, "mysqld");
	wait->waiter.tid = 813;
	wait->waiter.tgid = PID;
	wait->waiter.cause = cause;
	strcpy(wait->waiter.comm, "conn7");
	return wait;
}

/* The text with every run of white space as one blank, so that wrapping does not matter. */
static char *words_of(const struct snapshot *snap)
{
	char *text = NULL, *to;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(verdict_explain(out, snap, PID), 0);
	fclose(out);
	to = text;
	for (char *from = text; *from; from++) {
		if (*from == '\n' || *from == ' ') {
			if (to > text && to[-1] != ' ')
				*to++ = ' ';
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
	return text;
}

static void assert_says(const struct snapshot *snap, const char *expected)
{
	char *words = words_of(snap);

	if (!strstr(words, expected))
		fail_msg("'%s' is not in:\n%s", expected, words);
	free(words);
}

static void assert_silent(const struct snapshot *snap, const char *unexpected)
{
	char *words = words_of(snap);

	if (strstr(words, unexpected))
		fail_msg("'%s' is in:\n%s", unexpected, words);
	free(words);
}

static enum verdict_mechanism mechanism(const struct snapshot *snap)
{
	struct verdict v;

	verdict_of(snap, PID, &v);
	return v.mechanism;
}

static struct snapshot *convoy(void)
{
	struct snapshot *snap = window_of_5s();
	struct snap_blame *blame;

	add_proc(snap, START, FL_READ, FL_OWN, 40, 100 * MS);
	add_proc(snap, START, FL_WRITE, FL_OWN, 4, 500 * MS);
	blame = add_blame(snap, FL_WRITE, CAUSE_MUNMAP, 99, CAUSE_PROCFS, FL_CONF_HINT, 4,
			  500 * MS);
	blame->holder.detail = strdup("read /proc/812/smaps");
	add_blame(snap, FL_READ, CAUSE_PAGE_FAULT, 99, CAUSE_PROCFS, FL_CONF_HINT, 40, 100 * MS);
	return snap;
}

static void nothing_is_said_plainly(void **state)
{
	struct snapshot *snap = window_of_5s();
	char line[VERDICT_LINE];

	(void)state;
	assert_int_equal(mechanism(snap), VERDICT_NONE);
	assert_says(snap, "pid 812: no contention on its mmap_lock in this window of 5.00s");
	assert_silent(snap, "absorb");
	snap->meta.per_vma_locks = true;
	assert_says(snap, "already absorb the page faults");
	snap->meta.counters[FL_LOST_RACE] = 3;
	assert_says(snap, "3 waits are in no total");
	snap->meta.attached = false;
	snap->meta.detached_reason = strdup("cost 2.0%");
	assert_says(snap, "measuring is stopped: cost 2.0%");
	assert_string_equal(verdict_line(line, sizeof(line), snap, PID),
			    "pid 812: no contention on its mmap_lock in 5.00s");
	snapshot_free(snap);
}

static void a_convoy_names_all_three(void **state)
{
	struct snapshot *snap = convoy();
	char line[VERDICT_LINE];

	(void)state;
	assert_int_equal(mechanism(snap), VERDICT_READER_CONVOY);
	assert_says(snap,
		    "mysqld (pid 812): 6.00s of waiting for its mmap_lock in a window of 5.00s");
	assert_says(snap, "on average 1.2 threads waited all the time");
	assert_says(snap, "blocked by another process, exporter (pid 99, tid 100), in procfs: "
			  "read /proc/812/smaps");
	assert_says(snap, "44 waits behind it, 6.00s in all (100 % of the waiting), longest 500ms");
	assert_says(snap, "confidence: hint");
	assert_says(snap, "procfs held the lock for reading; a writer (munmap) queued for it; from "
			  "then on new readers (page_fault) had to queue");
	assert_says(snap, "advice A-procfs-reader: ");
	assert_says(snap, "now nobody waits");
	assert_says(snap, "by mode: 40 read, 4 write; by whom: 44 own, 0 remote, 0 kernel");
	assert_string_equal(verdict_line(line, sizeof(line), snap, PID),
			    "mysqld (pid 812): 44 waits, 6.00s in 5.00s, longest 500ms, behind "
			    "exporter (pid 99) in read /proc/812/smaps [hint]");
	snapshot_free(snap);
}

static void a_reader_that_blocks_only_writers(void **state)
{
	struct snapshot *snap = window_of_5s();

	(void)state;
	add_proc(snap, START, FL_WRITE, FL_OWN, 2, 500 * MS);
	add_blame(snap, FL_WRITE, CAUSE_MMAP, 99, CAUSE_PROCFS, FL_CONF_HINT, 2, 500 * MS);
	assert_int_equal(mechanism(snap), VERDICT_READER);
	assert_says(snap, "procfs held the lock for reading; writers (mmap) waited for it");
	assert_says(snap, "(20.0 % of the window, all threads together)");
	/* a single wait that a queued writer stopped makes it a convoy */
	snapshot_add_wait(snap);
	snap->waits[0].tgid = PID;
	snap->waits[0].start_ns = START;
	snap->waits[0].finished = true;
	snap->waits[0].queued_behind_writer = true;
	assert_int_equal(mechanism(snap), VERDICT_READER_CONVOY);
	snapshot_free(snap);
}

static void one_long_write_hold_and_many_short(void **state)
{
	struct snapshot *snap = window_of_5s();

	(void)state;
	add_proc(snap, START, FL_READ, FL_OWN, 3, 700 * MS);
	add_blame(snap, FL_READ, CAUSE_PAGE_FAULT, PID, CAUSE_MUNMAP, FL_CONF_EXACT, 3, 700 * MS);
	assert_int_equal(mechanism(snap), VERDICT_WRITER);
	assert_says(snap, "a thread of the process itself, worker (tid 813), in munmap");
	assert_says(snap, "munmap held the lock for writing");
	assert_says(snap, "A-munmap-large");
	snapshot_free(snap);

	snap = window_of_5s();
	add_proc(snap, START, FL_READ, FL_OWN, 1000, MS);
	add_blame(snap, FL_READ, CAUSE_PAGE_FAULT, PID, CAUSE_MMAP, FL_CONF_EXACT, 1000, MS);
	assert_int_equal(mechanism(snap), VERDICT_WRITERS);
	assert_says(snap, "many short write holds by mmap");
	snapshot_free(snap);
}

static void who_released_counts_by_what_it_did(void **state)
{
	struct snapshot *snap = window_of_5s();

	(void)state;
	add_proc(snap, START, FL_WRITE, FL_OWN, 1, SEC);
	add_blame(snap, FL_WRITE, CAUSE_MMAP, 99, CAUSE_PROCESS_VM, FL_CONF_RELEASE, 1, SEC);
	assert_int_equal(mechanism(snap), VERDICT_READER);
	snap->blames[0].holder.cause = CAUSE_MUNMAP;
	assert_int_equal(mechanism(snap), VERDICT_WRITER);
	assert_says(snap, "confidence: release");
	/* munmap frees the pages as a reader: who waits to its end is a writer */
	assert_says(snap, "no other thread can map or unmap (waiting: mmap)");
	assert_says(snap, "page faults pass again before that");
	snap->blames[0].mode = FL_READ;
	assert_says(snap, "munmap held the lock for writing");
	snapshot_free(snap);
}

static void unfinished_waits_come_first(void **state)
{
	struct snapshot *snap = window_of_5s();
	struct snap_wait *wait = add_stuck(snap, FL_READ, CAUSE_PAGE_FAULT, 15 * SEC);
	char line[VERDICT_LINE];

	(void)state;
	wait->holder = (struct snap_task){.tid = 820, .tgid = PID, .cause = CAUSE_MPROTECT};
	strcpy(wait->holder.comm, "gc");
	wait->conf = FL_CONF_EXACT;
	add_stuck(snap, FL_WRITE, CAUSE_MMAP, 2 * SEC);
	assert_int_equal(mechanism(snap), VERDICT_WRITER);
	assert_says(snap,
		    "now NOT OVER: 2 waits, the longest for 15.0s: conn7 (tid 813), for reading, "
		    "in page_fault");
	assert_says(snap, "since the first single wait on record began 15.0s ago");
	/* what lay before the window is not of the window */
	assert_says(snap, "7.00s of waiting for its mmap_lock in a window of 5.00s");
	assert_string_equal(
		verdict_line(line, sizeof(line), snap, PID),
		"mysqld (pid 812): 2 waiting now, 2 waits, 7.00s in 5.00s, longest 15.0s "
		"and not over, behind its own mprotect [exact]");
	snapshot_free(snap);
}

static void an_unknown_holder_is_not_invented(void **state)
{
	struct snapshot *snap = window_of_5s();

	(void)state;
	add_proc(snap, START, FL_READ, FL_OWN, 1, SEC);
	assert_int_equal(mechanism(snap), VERDICT_UNCLEAR);
	assert_says(snap, "blocked by not known");
	assert_silent(snap, "advice");
	/* tid 0: not known, whatever else stands there */
	add_blame(snap, FL_READ, CAUSE_PAGE_FAULT, 99, CAUSE_MUNMAP, FL_CONF_NONE, 1, SEC);
	snap->blames[0].holder.tid = 0;
	assert_int_equal(mechanism(snap), VERDICT_UNCLEAR);
	snapshot_free(snap);
}

static void a_reused_pid_is_not_mixed(void **state)
{
	struct snapshot *snap = window_of_5s();
	struct verdict v;

	(void)state;
	add_proc(snap, START, FL_READ, FL_OWN, 5, SEC);
	add_proc(snap, START + 9, FL_READ, FL_OWN, 2, MS);
	verdict_of(snap, PID, &v);
	assert_int_equal(v.start_ns, START + 9);
	assert_int_equal(v.hist.count, 2);
	assert_true(v.reused);
	assert_says(snap, "another process had this pid earlier");
	snapshot_free(snap);
}

static void the_second_holder_needs_a_tenth(void **state)
{
	struct snapshot *snap = convoy();

	(void)state;
	add_blame(snap, FL_READ, CAUSE_PAGE_FAULT, PID, CAUSE_MMAP, FL_CONF_EXACT, 1, 100 * MS);
	assert_silent(snap, "and by");
	add_blame(snap, FL_READ, CAUSE_PAGE_FAULT, PID, CAUSE_MMAP, FL_CONF_EXACT, 10, 200 * MS);
	assert_says(snap, "and by a thread of the process itself");
	snapshot_free(snap);
}

static void it_fits_a_screen(void **state)
{
	struct snapshot *snap = convoy();
	char *text = NULL;
	size_t size = 0, lines = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	add_stuck(snap, FL_READ, CAUSE_PAGE_FAULT, SEC);
	snap->meta.per_vma_locks = true;
	snap->meta.blind = strdup("writers that won by spinning");
	assert_int_equal(verdict_explain(out, snap, PID), 0);
	fclose(out);
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	assert_in_range(lines, 10, 32);
	free(text);
	snapshot_free(snap);
}

static void json_holds_the_same_facts(void **state)
{
	struct snapshot *snap = convoy();
	json_t *doc = verdict_to_json(snap, PID);
	json_t *holder, *advice;

	(void)state;
	assert_non_null(doc);
	assert_string_equal(json_string_value(json_object_get(doc, "mechanism")), "reader_convoy");
	assert_int_equal(json_integer_value(json_object_get(doc, "waiting_ns")), 6 * SEC);
	holder = json_array_get(json_object_get(doc, "holders"), 0);
	assert_int_equal(json_integer_value(json_object_get(holder, "pid")), 99);
	assert_string_equal(json_string_value(json_object_get(holder, "confidence")), "hint");
	advice = json_object_get(doc, "advice");
	assert_string_equal(json_string_value(json_object_get(advice, "id")), "A-procfs-reader");
	json_decref(doc);
	snapshot_free(snap);

	snap = window_of_5s();
	doc = verdict_to_json(snap, PID);
	assert_non_null(doc);
	assert_true(json_is_null(json_object_get(doc, "advice")));
	assert_int_equal(json_array_size(json_object_get(doc, "holders")), 0);
	json_decref(doc);
	snapshot_free(snap);
}

static void the_worst_is_who_waits_now(void **state)
{
	struct snapshot *snap = window_of_5s();
	uint32_t tgid = 0;

	(void)state;
	assert_false(verdict_worst(snap, &tgid));
	add_proc(snap, START, FL_READ, FL_OWN, 5, SEC);
	assert_true(verdict_worst(snap, &tgid));
	assert_int_equal(tgid, PID);
	snapshot_add_wait(snap);
	snap->waits[0].tgid = 4;
	snap->waits[0].dur_ns = MS;
	assert_true(verdict_worst(snap, &tgid));
	assert_int_equal(tgid, 4);
	snapshot_free(snap);
}

static void lines_fit_any_buffer(void **state)
{
	struct snapshot *snap = convoy();
	char buf[9];

	(void)state;
	memset(buf, '#', sizeof(buf));
	verdict_line(buf, 8, snap, PID);
	assert_string_equal(buf, "mysqld ");
	assert_int_equal(buf[8], '#');
	snapshot_free(snap);
}

static void says_what_it_runs_in(void **state)
{
	struct snapshot *snap = window_of_5s();
	json_t *json;
	char *text;

	(void)state;
	add_proc(snap, START, FL_READ, FL_OWN, 1, SEC);
	text = words_of(snap);
	assert_null(strstr(text, "runs in"));
	free(text);
	json = verdict_to_json(snap, PID);
	assert_true(json_is_null(json_object_get(json, "container")));
	json_decref(json);
	snap->procs[0].cgroup = strdup("/system.slice/mysql@main.service/worker");
	text = words_of(snap);
	assert_non_null(strstr(text, "runs in mysql@main.service"));
	free(text);
	json = verdict_to_json(snap, PID);
	assert_string_equal(json_string_value(json_object_get(json, "container")),
			    "mysql@main.service");
	json_decref(json);
	snapshot_free(snap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_said_plainly),
		cmocka_unit_test(a_convoy_names_all_three),
		cmocka_unit_test(a_reader_that_blocks_only_writers),
		cmocka_unit_test(one_long_write_hold_and_many_short),
		cmocka_unit_test(who_released_counts_by_what_it_did),
		cmocka_unit_test(unfinished_waits_come_first),
		cmocka_unit_test(an_unknown_holder_is_not_invented),
		cmocka_unit_test(a_reused_pid_is_not_mixed),
		cmocka_unit_test(the_second_holder_needs_a_tenth),
		cmocka_unit_test(it_fits_a_screen),
		cmocka_unit_test(json_holds_the_same_facts),
		cmocka_unit_test(the_worst_is_who_waits_now),
		cmocka_unit_test(lines_fit_any_buffer),
		cmocka_unit_test(says_what_it_runs_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
