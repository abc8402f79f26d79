// SPDX-License-Identifier: GPL-2.0
/*
 * Incident records: whole or not there whatever kills the writer, bounded, readable
 * next to broken ones, and one error at a time on a full disk.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "incident.h"
#include "incident_dir.h"

#define S   1000000000ULL
#define DAY 86400ULL

/* The step at which this process kills itself; "write" counts down. */
static const char *kill_step;
static int kill_count;

void incident_dir_step(const char *step)
{
	if (kill_step && !strcmp(step, kill_step) && --kill_count <= 0)
		kill(getpid(), SIGKILL);
}

static int setup(void **state)
{
	char *dir = strdup("/tmp/faultline-incident-XXXXXX");

	*state = dir;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];
	int err;

	snprintf(command, sizeof(command), "rm -rf %s", (char *)*state);
	err = system(command);
	free(*state);
	return err;
}

static struct incident_store *open_store(const char *dir, uint64_t max_bytes, uint32_t max_files)
{
	struct incident_opts opts = {
		.dir = dir, .max_bytes = max_bytes, .max_files = max_files, .cooldown_ns = 30 * S};
	struct incident_store *store = NULL;

	assert_int_equal(incident_open(&opts, &store), 0);
	return store;
}

static struct incident sample(uint64_t second)
{
	return (struct incident){.time_unix_ns = (1767225600ULL + second) * S, /* 2026-01-01 */
				 .kind = INCIDENT_WAIT,
				 .tgid = 1234,
				 .start_ns = 99,
				 .comm = "a\\x0ab",
				 .wait_ns = 15 * S,
				 .verdict = "one line"};
}

static json_t *snapshot_of(size_t bytes)
{
	char *text = malloc(bytes);
	json_t *json;

	memset(text, 'x', bytes);
	json = json_pack("{s:s%}", "filler", text, bytes);
	free(text);
	return json;
}

struct listed {
	size_t good, bad;
	char last[300];
};

static void count(void *arg, const char *name, const json_t *incident, const char *problem)
{
	struct listed *l = arg;

	assert_true(!incident == !!problem);
	l->good += !!incident;
	l->bad += !!problem;
	snprintf(l->last, sizeof(l->last), "%s %s", name, problem ? problem : "");
}

static size_t files_in(const char *path)
{
	struct dirent *ent;
	DIR *d = opendir(path);
	size_t n = 0;

	while ((ent = readdir(d)))
		n += strcmp(ent->d_name, ".") && strcmp(ent->d_name, "..");
	closedir(d);
	return n;
}

static void put(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
}

static void test_write_and_read(void **state)
{
	char dir[128];
	struct incident_store *store;
	struct incident in = sample(0);
	json_t *snap = snapshot_of(10), *doc, *head;
	const char *problem;

	snprintf(dir, sizeof(dir), "%s/deep/er", (char *)*state);
	store = open_store(dir, 1 << 20, 10);
	assert_int_equal(incident_write(store, &in, snap), 0);
	assert_string_equal(in.id, "20260101T000000Z-1234-1");
	assert_int_equal(incident_read(dir, in.id, &doc, &problem), 0);
	head = json_object_get(doc, "incident");
	assert_string_equal(json_string_value(json_object_get(head, "comm")), "a\\x0ab");
	assert_string_equal(json_string_value(json_object_get(head, "verdict")), "one line");
	assert_string_equal(json_string_value(json_object_get(head, "kind")), "wait");
	assert_true(json_is_false(json_object_get(head, "finished")));
	json_decref(doc);

	/* the same id again, with the final length */
	in.wait_ns = 20 * S;
	in.finished = true;
	assert_int_equal(incident_write(store, &in, snap), 0);
	assert_int_equal(files_in(dir), 1);
	assert_int_equal(incident_read(dir, in.id, &doc, &problem), 0);
	head = json_object_get(doc, "incident");
	assert_int_equal(json_integer_value(json_object_get(head, "wait_ns")), 20 * S);
	assert_true(json_is_true(json_object_get(head, "finished")));
	json_decref(doc);
	json_decref(snap);
	incident_close(store);
}

static void test_no_id_leads_out(void **state)
{
	const char *problem;
	json_t *doc;

	assert_int_equal(incident_read(*state, "../../etc/passwd", &doc, &problem), -EINVAL);
	assert_int_equal(incident_read(*state, "20260101T000000Z-1-1/../x", &doc, &problem),
			 -EINVAL);
	assert_int_equal(incident_read(*state, "", &doc, &problem), -EINVAL);
	assert_int_equal(incident_read(*state, "20260101T000000Z-1-1", &doc, &problem), -ENOENT);
}

static void test_bounds(void **state)
{
	const char *dir = *state, *problem;
	struct incident_store *store = open_store(dir, 100000, 5);
	json_t *small = snapshot_of(10), *big = snapshot_of(90000), *huge = snapshot_of(100000),
	       *doc;
	struct incident_stats stats;
	struct incident in;
	char first[INCIDENT_ID_LEN] = "", last[INCIDENT_ID_LEN] = "";

	for (int i = 0; i < 12; i++) { /* all within a second: the serial number orders them */
		in = sample(0);
		assert_int_equal(incident_write(store, &in, small), 0);
		strcpy(i == 0 ? first : last, in.id);
	}
	assert_int_equal(files_in(dir), 5);
	assert_int_equal(incident_read(dir, first, &doc, &problem), -ENOENT);
	assert_int_equal(incident_read(dir, last, &doc, &problem), 0);
	json_decref(doc);
	in = sample(1);
	for (int i = 0; i < 2; i++) {
		in.id[0] = '\0';
		assert_int_equal(incident_write(store, &in, big), 0);
	}
	incident_stats(store, &stats);
	assert_int_equal(stats.files, 1);
	assert_in_range(stats.bytes, 90000, 100000);
	assert_int_equal(stats.written, 14);
	assert_int_equal(stats.removed, 13);
	/* one that is larger than all the room is refused, and removes nothing */
	in.id[0] = '\0';
	assert_int_equal(incident_write(store, &in, huge), -EFBIG);
	assert_int_equal(files_in(dir), 1);
	json_decref(small);
	json_decref(big);
	json_decref(huge);
	incident_close(store);
}

/* By the id's time, whatever was done to the file; what has no id is not ours. */
static void test_age(void **state)
{
	const uint64_t new_year = 1767225600ULL * S; /* 2026-01-01 */
	struct incident_store *store = open_store(*state, 1 << 20, 10);
	struct incident_opts opts = {.dir = *state, .max_bytes = 1 << 20, .max_files = 10};
	struct incident in = sample(365 * DAY);
	struct incident_stats stats;
	json_t *snap = snapshot_of(10);

	put(*state, "20251231T000000Z-1-1.json", "{}");
	put(*state, "20251231T235959Z-1-1.json", "{}");
	put(*state, "20261399T000000Z-1-1.json", "{}"); /* no date */
	put(*state, "20251231T000000Z.txt", "not ours");
	assert_int_equal(incident_trim(store, new_year, 5 * S), 0); /* no bound */
	assert_int_equal(files_in(*state), 4);
	opts.max_age_ns = DAY * S;
	incident_set_opts(store, &opts);
	assert_int_equal(incident_trim(store, new_year, 5 * S), 0); /* a day is not more */
	assert_int_equal(files_in(*state), 4);
	assert_int_equal(incident_trim(store, new_year + S, 6 * S), 0);
	assert_int_equal(files_in(*state), 3);
	/* a new one removes none for its age: its time may be wrong */
	assert_int_equal(incident_write(store, &in, snap), 0);
	assert_int_equal(files_in(*state), 4);
	assert_int_equal(incident_trim(store, new_year + (DAY - 2) * S, (DAY + 3) * S), 0);
	assert_int_equal(files_in(*state), 4);
	assert_int_equal(incident_trim(store, new_year + DAY * S, (DAY + 5) * S), 0);
	assert_int_equal(files_in(*state), 3);
	incident_stats(store, &stats);
	assert_int_equal(stats.removed, 2);
	assert_int_equal(stats.files, 2);
	json_decref(snap);
	incident_close(store);
}

/* Set to another year by mistake, and back: nothing goes, until a day has passed. */
static void test_clock_jump(void **state)
{
	const uint64_t new_year = 1767225600ULL * S;
	struct incident_store *store = open_store(*state, 1 << 20, 10);
	struct incident_opts opts = {
		.dir = *state, .max_bytes = 1 << 20, .max_files = 2, .max_age_ns = DAY * S};

	incident_set_opts(store, &opts);
	put(*state, "20260101T000000Z-1-1.json", "{}");
	put(*state, "20260101T000000Z-1-2.json", "{}");
	assert_int_equal(incident_trim(store, new_year, 1000 * S), 0);
	assert_int_equal(incident_trim(store, new_year + 365 * DAY * S, 1600 * S), -ETIME);
	put(*state, "20260101T000000Z-1-3.json", "{}"); /* number is kept all the same */
	assert_int_equal(incident_trim(store, new_year + (365 * DAY + 600) * S, 2200 * S), -ETIME);
	assert_int_equal(files_in(*state), 2);
	assert_int_equal(incident_trim(store, new_year + 1800 * S, 2800 * S), -ETIME); /* back */
	assert_int_equal(incident_trim(store, new_year + (DAY + 1800) * S, (DAY + 2800) * S),
			 -ETIME);
	assert_int_equal(files_in(*state), 2);
	/* a small step is no jump */
	assert_int_equal(incident_trim(store, new_year + (DAY + 1900) * S, (DAY + 2801) * S), 0);
	assert_int_equal(files_in(*state), 0);
	incident_close(store);
}

/* A bound that was lowered does not wait for the next record. */
static void test_trim(void **state)
{
	struct incident_opts opts = {.dir = *state, .max_bytes = 1 << 20, .max_files = 2};
	struct incident_store *store = open_store(*state, 1 << 20, 10);
	json_t *snap = snapshot_of(10);
	struct incident_stats stats;
	struct incident in;

	for (int i = 0; i < 5; i++) {
		in = sample(i);
		assert_int_equal(incident_write(store, &in, snap), 0);
	}
	incident_set_opts(store, &opts);
	assert_int_equal(incident_trim(store, in.time_unix_ns, S), 0);
	assert_int_equal(files_in(*state), 2);
	opts.max_bytes = 1;
	incident_set_opts(store, &opts);
	assert_int_equal(incident_trim(store, in.time_unix_ns, S), 0);
	incident_stats(store, &stats);
	assert_int_equal(stats.files, 0);
	assert_int_equal(stats.bytes, 0);
	json_decref(snap);
	incident_close(store);
	assert_int_equal(rmdir(*state), 0);
	assert_int_equal(
		incident_open(&(struct incident_opts){.dir = *state, .max_files = 1}, &store), 0);
	assert_int_equal(rmdir(*state), 0);
	assert_int_equal(incident_trim(store, S, S), 0); /* nothing there, nothing to remove */
	incident_close(store);
}

/* Killed at each step of the first write and of a rewrite. */
static void test_killed_writer(void **state)
{
	static const struct {
		const char *step;
		int count;
		bool there; /* the new content, afterwards */
	} rows[] = {{"open", 1, false},
		    {"write", 1, false},
		    {"write", 3, false},
		    {"synced", 1, false},
		    {"renamed", 1, true}};
	const char *dir = *state, *problem;
	json_t *snap = snapshot_of(300000), *doc;

	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		bool again = i % 2;
		struct incident_store *store = open_store(dir, 10 << 20, 100);
		struct incident in = sample(i);
		struct listed listed = {0};
		size_t before;
		int status;
		pid_t pid;

		if (again)
			assert_int_equal(incident_write(store, &in, snap), 0);
		before = files_in(dir);
		pid = fork();
		if (!pid) {
			kill_step = rows[i / 2].step;
			kill_count = rows[i / 2].count;
			in.finished = true;
			incident_write(store, &in, snap);
			_exit(1);
		}
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		/* readers see whole records only, whatever lies about */
		assert_int_equal(incident_list(dir, count, &listed), 0);
		assert_int_equal(listed.bad, 0);
		if (!rows[i / 2].there)
			assert_int_equal(files_in(dir), before + 1); /* the left-over */
		incident_close(store);
		store = open_store(dir, 10 << 20, 100);
		assert_int_equal(files_in(dir), before + (rows[i / 2].there && !again));
		if (again) {
			assert_int_equal(incident_read(dir, in.id, &doc, &problem), 0);
			assert_int_equal(json_is_true(json_object_get(
						 json_object_get(doc, "incident"), "finished")),
					 rows[i / 2].there);
			json_decref(doc);
		}
		incident_close(store);
	}
	json_decref(snap);
}

static void test_broken_files(void **state)
{
	const char *dir = *state, *problem;
	struct incident_store *store = open_store(dir, 1 << 20, 10);
	struct incident in = sample(0);
	struct listed listed = {0};
	json_t *snap = snapshot_of(10), *doc;
	char path[256];

	assert_int_equal(incident_write(store, &in, snap), 0);
	put(dir, "20260102T000000Z-1-1.json", "{\"schema\":1,\"incident\":{\"id\":\"2026");
	put(dir, "20260102T000000Z-1-2.json", "[1,2]");
	put(dir, "20260102T000000Z-1-3.json", "{\"schema\":2,\"incident\":{},\"snapshot\":{}}");
	put(dir, "20260102T000000Z-1-4.json", "{\"schema\":1,\"incident\":{},\"snapshot\":{}}");
	put(dir, "20260102T000000Z-1-5.json", "");
	put(dir, "notes.txt", "not ours");
	snprintf(path, sizeof(path), "%s/20260102T000000Z-1-6.json", dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(incident_list(dir, count, &listed), 0);
	assert_int_equal(listed.good, 1);
	assert_int_equal(listed.bad, 6);
	assert_int_equal(incident_read(dir, "20260102T000000Z-1-1", &doc, &problem), -EPROTO);
	assert_non_null(strstr(problem, "damaged: cut off"));
	assert_int_equal(incident_read(dir, "20260102T000000Z-1-3", &doc, &problem), -EPROTO);
	assert_non_null(strstr(problem, "newer"));
	assert_int_equal(incident_list("/no/such/folder", count, &listed), -ENOENT);
	json_decref(snap);
	incident_close(store);
}

/* A file of any name: links are the caller's business, and so is where it is. */
static void test_load(void **state)
{
	static const struct {
		const char *text, *problem;
	} rows[] = {
		{"", "cut off"},
		{"{\"schema\":1,\"incident\":{\"id\":\"2026", "cut off"},
		{"hello", "cut off"},
		{"{} {}", "cut off"},
		{"{\"schema\":1,\"schema\":1}", "cut off"},
		{"{}", "no incident record"},
		{"{\"faultline_record\":{\"schema\":1}}", "no incident record"},
		{"{\"schema\":1,\"incident\":{},\"snapshot\":{}}", "head is incomplete"},
		{"{\"schema\":2,\"incident\":{},\"snapshot\":{}}", "newer"},
		{"{\"schema\":1,\"incident\":{},\"snapshot\":{\"schema\":2}}", "newer"},
	};
	char path[128], link[128];
	const char *problem;
	json_t *doc = NULL;

	snprintf(path, sizeof(path), "%s/file", (char *)*state);
	snprintf(link, sizeof(link), "%s/link", (char *)*state);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put(*state, "file", rows[i].text);
		assert_int_equal(incident_load(path, &doc, &problem), -EPROTO);
		assert_non_null(strstr(problem, rows[i].problem));
	}
	put(*state, "file",
	    "{\"schema\":1,\"incident\":{\"id\":\"20260102T000000Z-1-1\",\"comm\":\"c\",\"kind\":"
	    "\"wait\",\"tgid\":1,\"time_unix_ns\":1},\"snapshot\":{\"schema\":1}}");
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(incident_load(link, &doc, &problem), 0);
	json_decref(doc);
	assert_int_equal(incident_load("/no/such/file", &doc, &problem), -ENOENT);
	assert_int_equal(incident_load(*state, &doc, &problem), -EPROTO);
	assert_non_null(strstr(problem, "is no file"));
	assert_int_equal(truncate(path, INCIDENT_MAX_FILE + 1), 0);
	assert_int_equal(incident_load(path, &doc, &problem), -EPROTO);
	assert_non_null(strstr(problem, "larger than any record"));
}

static void test_cooldown(void **state)
{
	struct incident_store *store = open_store(*state, 1 << 20, 10);
	struct incident_stats stats;

	assert_true(incident_due(store, 1, 10, INCIDENT_WAIT, 100 * S));
	assert_false(incident_due(store, 1, 10, INCIDENT_WAIT, 130 * S - 1));
	assert_true(incident_due(store, 1, 10, INCIDENT_RATIO, 101 * S)); /* another kind */
	assert_true(incident_due(store, 2, 10, INCIDENT_WAIT, 101 * S)); /* another process */
	assert_true(incident_due(store, 1, 11, INCIDENT_WAIT, 101 * S)); /* its pid reused */
	assert_true(incident_due(store, 1, 10, INCIDENT_WAIT, 130 * S));
	assert_false(incident_due(store, 1, 10, INCIDENT_WAIT, 131 * S));
	incident_stats(store, &stats);
	assert_int_equal(stats.suppressed, 2);
	/* more processes than it remembers: the oldest give way, none is refused wrongly */
	for (uint32_t i = 0; i < 1000; i++)
		assert_true(incident_due(store, 1000 + i, 1, INCIDENT_WAIT, 200 * S + i));
	assert_false(incident_due(store, 1999, 1, INCIDENT_WAIT, 201 * S));
	incident_close(store);
}

/*
 * Of all processes together, by the minute; what the cooldown refuses, or the disk,
 * does not count.
 */
static void test_rate(void **state)
{
	struct incident_opts opts = {.dir = *state,
				     .max_bytes = 1000,
				     .max_files = 10,
				     .cooldown_ns = 300 * S,
				     .max_rate = 3};
	struct incident in = sample(0);
	json_t *too_big = snapshot_of(2000);
	struct incident_store *store;
	struct incident_stats stats;

	assert_int_equal(incident_open(&opts, &store), 0);
	assert_true(incident_due(store, 1, 1, INCIDENT_WAIT, 100 * S));
	assert_false(incident_due(store, 1, 1, INCIDENT_WAIT, 101 * S));
	assert_true(incident_due(store, 2, 1, INCIDENT_WAIT, 102 * S));
	assert_true(incident_due(store, 3, 1, INCIDENT_RATIO, 103 * S));
	assert_false(incident_due(store, 4, 1, INCIDENT_WAIT, 104 * S));
	assert_false(incident_due(store, 4, 1, INCIDENT_WAIT, 160 * S - 1));
	/* it was refused for others: no cooldown of its own has begun */
	assert_true(incident_due(store, 4, 1, INCIDENT_WAIT, 160 * S));
	assert_int_equal(incident_write(store, &in, too_big), -EFBIG);
	assert_true(incident_due(store, 5, 1, INCIDENT_WAIT, 161 * S));
	assert_true(incident_due(store, 6, 1, INCIDENT_WAIT, 161 * S));
	assert_true(incident_due(store, 7, 1, INCIDENT_WAIT, 161 * S));
	assert_false(incident_due(store, 8, 1, INCIDENT_WAIT, 161 * S));
	json_decref(too_big);
	incident_stats(store, &stats);
	assert_int_equal(stats.suppressed,
			 3); /* of process 1, of 8, and once of 4, which asked twice */
	incident_close(store);
}

static void test_full_disk(void **state)
{
	struct incident_store *store;
	struct incident_stats stats;
	struct incident in = sample(0), kept;
	json_t *small = snapshot_of(1000), *big = snapshot_of(200000), *doc;
	struct listed listed = {0};
	const char *problem;
	int err;

	if (geteuid() || mount("none", *state, "tmpfs", 0, "size=64k")) {
		print_message("skipped: a small tmpfs cannot be mounted here: %s\n",
			      strerror(errno));
		json_decref(small);
		json_decref(big);
		skip();
	}
	store = open_store(*state, 10 << 20, 10);
	assert_int_equal(incident_write(store, &in, small), 0);
	kept = in;
	in.finished = true;
	err = incident_write(store, &in, big); /* a rewrite that does not fit */
	assert_int_equal(err, -ENOSPC);
	in = sample(1);
	assert_int_equal(incident_write(store, &in, big), -ENOSPC);
	assert_string_equal(in.id, "");
	incident_stats(store, &stats);
	assert_int_equal(stats.failed, 2);
	assert_int_equal(stats.last_error, -ENOSPC);
	assert_int_equal(files_in(*state), 1); /* no left-over takes up the rest */
	assert_int_equal(incident_read(*state, kept.id, &doc, &problem), 0); /* the old content */
	json_decref(doc);
	assert_int_equal(incident_list(*state, count, &listed), 0);
	assert_int_equal(listed.bad, 0);
	assert_int_equal(incident_write(store, &in, small), 0); /* and it works again */
	assert_int_equal(mount("none", *state, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	in = sample(2);
	assert_int_equal(incident_write(store, &in, small), -EROFS);
	assert_int_equal(incident_trim(store, in.time_unix_ns, S), 0); /* nothing is due */
	incident_set_opts(store, &(struct incident_opts){.dir = *state, .max_bytes = 10 << 20});
	assert_int_equal(incident_trim(store, in.time_unix_ns, S), -EROFS);
	incident_close(store);
	assert_int_equal(umount(*state), 0);
	json_decref(small);
	json_decref(big);
}

static void test_folder_that_cannot_be_made(void **state)
{
	struct incident_opts opts = {.max_bytes = 1 << 20, .max_files = 3};
	struct incident in = sample(0);
	struct incident_store *store;
	json_t *snap = snapshot_of(10);
	char dir[128], file[128];

	snprintf(file, sizeof(file), "%s/file", (char *)*state);
	snprintf(dir, sizeof(dir), "%s/file/dir", (char *)*state);
	put(*state, "file", "");
	opts.dir = dir;
	assert_int_equal(incident_open(&opts, &store), -ENOTDIR);
	assert_non_null(store);
	assert_int_equal(incident_write(store, &in, snap), -ENOTDIR);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(incident_write(store, &in, snap), 0); /* solved while it runs */
	json_decref(snap);
	incident_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_write_and_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_id_leads_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_age, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clock_jump, setup, teardown),
		cmocka_unit_test_setup_teardown(test_trim, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_load, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cooldown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_folder_that_cannot_be_made, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
