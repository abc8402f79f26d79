// SPDX-License-Identifier: GPL-2.0
/*
 * The writer of settings, on a folder that stands for /proc/sys/vm: killed at each
 * step, overtaken by an administrator, rebooted, refused.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "knob.h"
#include "spf.h"

#define SEC 1000000000ULL
#define B   POLICY_BACKOFF_MAX
#define P   POLICY_PTL_SPINS
#define ID  "backoff_max-64-8-break-even"

struct world {
	char dir[40], path[64];
	struct knob_opts opts;
	struct knob *knob;
	char why[KNOB_WHY];
};

static void put(const struct world *w, const char *name, uint32_t value)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "%u\n", value);
	assert_int_equal(fclose(file), 0);
}

static uint32_t get(const struct world *w, const char *name)
{
	uint32_t value = 0;

	assert_int_equal(spf_read_sysctl(w->dir, name, &value), 0);
	return value;
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	strcpy(w->dir, "/tmp/test_knob.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/state", w->dir);
	put(w, "spf_backoff_max", 64);
	put(w, "spf_ptl_spins", 8);
	w->opts = (struct knob_opts)
	{
		.sysctl_dir = w->dir, .state_path = w->path, .boot_id = "boot-1", .min = {1, 1},
		.max = {4096, 64}, .max_step = 8, .interval_ns = SEC
	};
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char command[64];

	knob_close(w->knob);
	snprintf(command, sizeof(command), "rm -rf %s", w->dir);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

static void open_it(struct world *w)
{
	char *why = NULL;
	int err;

	knob_close(w->knob);
	w->knob = NULL;
	err = knob_open(&w->opts, &w->knob, &why);
	if (err)
		fail_msg("%d %s", err, why);
}

static void open_fails(struct world *w, int err, const char *part)
{
	char *why = NULL;

	assert_int_equal(knob_open(&w->opts, &w->knob, &why), err);
	assert_non_null(why);
	if (!strstr(why, part))
		fail_msg("%s", why);
	free(why);
	w->knob = NULL;
}

static int set(struct world *w, uint32_t old, uint32_t new, uint64_t now_s)
{
	return knob_set(w->knob, B, old, new, ID, now_s * SEC, w->why);
}

static void test_set_and_restore(void **state)
{
	struct world *w = *state;

	open_it(w);
	assert_int_equal(set(w, 64, 8, 10), 0);
	assert_int_equal(get(w, "spf_backoff_max"), 8);
	assert_int_equal(set(w, 8, 16, 20), 0);
	assert_int_equal(knob_record(w->knob, B)->original, 64);
	assert_string_equal(knob_record(w->knob, B)->id, ID);
	assert_int_equal(knob_restore(w->knob, B, 20 * SEC, w->why), 0); /* at once */
	assert_int_equal(get(w, "spf_backoff_max"), 64);
	assert_int_equal(get(w, "spf_ptl_spins"), 8);
	assert_false(knob_record(w->knob, B)->recorded);
	assert_int_equal(knob_restore(w->knob, B, 21 * SEC, w->why), 0); /* nothing to do */
}

static void test_limits(void **state)
{
	struct world *w = *state;

	open_it(w);
	assert_int_equal(set(w, 64, 0, 10), -ERANGE);
	assert_string_equal(w->why,
			    "vm.spf_backoff_max=0 is outside the configured range, 1 to 4096");
	assert_int_equal(set(w, 64, 4097, 10), -ERANGE);
	assert_int_equal(set(w, 64, 7, 10), -ERANGE);
	assert_string_equal(w->why,
			    "vm.spf_backoff_max from 64 to 7 is more than a factor of 8 at a time");
	assert_int_equal(set(w, 64, 513, 10), -ERANGE);
	assert_int_equal(set(w, 32, 16, 10), -ESTALE);
	assert_string_equal(w->why,
			    "vm.spf_backoff_max is 64 and not 32: decided on too old a value");
	assert_int_equal(get(w, "spf_backoff_max"), 64);
	assert_int_equal(access(w->path, F_OK), -1); /* nothing was begun */
	assert_int_equal(set(w, 64, 512, 10), 0);
	assert_int_equal(knob_set(w->knob, B, 512, 64, ID, 10 * SEC + SEC - 1, w->why), -EAGAIN);
	assert_string_equal(w->why,
			    "vm.spf_backoff_max was changed 999 ms ago, and may be every 1000 ms");
	assert_int_equal(set(w, 512, 64, 11), 0);
	assert_int_equal(knob_set(w->knob, P, 8, 16, ID, 11 * SEC, w->why), 0); /* its own clock */
}

static void kill_at(void *arg, enum knob_step step)
{
	if (step == *(enum knob_step *)arg)
		raise(SIGKILL);
}

/* A process that makes the change and is killed at this step of it. */
static void killed_at(struct world *w, enum knob_step step, uint32_t old, uint32_t new)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		w->opts.at_step = kill_at;
		w->opts.arg = &step;
		knob_close(w->knob);
		open_it(w);
		set(w, old, new, 100);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* After each step the value is the original or ours, and its record is there. */
static void test_killed_in_first_change(void **state)
{
	static const uint32_t expected[KNOB_NR_STEPS] = {64, 64, 8, 8};
	struct world *w = *state;

	for (int step = 0; step < KNOB_NR_STEPS; step++) {
		put(w, "spf_backoff_max", 64);
		unlink(w->path);
		killed_at(w, step, 64, 8);
		assert_int_equal(get(w, "spf_backoff_max"), expected[step]);
		open_it(w);
		assert_false(knob_record(w->knob, B)->paused);
		assert_int_equal(knob_check(w->knob, B, w->why), 0);
		if (step != KNOB_BEFORE) {
			assert_int_equal(knob_record(w->knob, B)->original, 64);
			assert_int_equal(knob_record(w->knob, B)->ours, expected[step]);
			assert_false(knob_record(w->knob, B)->pending);
		}
		assert_int_equal(knob_restore(w->knob, B, 200 * SEC, w->why), 0);
		assert_int_equal(get(w, "spf_backoff_max"), 64);
		knob_close(w->knob);
		w->knob = NULL;
	}
}

static void test_killed_in_second_change(void **state)
{
	static const uint32_t expected[KNOB_NR_STEPS] = {8, 8, 2, 2};
	struct world *w = *state;

	for (int step = 0; step < KNOB_NR_STEPS; step++) {
		put(w, "spf_backoff_max", 64);
		unlink(w->path);
		open_it(w);
		assert_int_equal(set(w, 64, 8, 10), 0);
		knob_close(w->knob);
		w->knob = NULL;
		killed_at(w, step, 8, 2);
		assert_int_equal(get(w, "spf_backoff_max"), expected[step]);
		w->opts.restore_on_restart = true; /* and the successor takes it back */
		open_it(w);
		w->opts.restore_on_restart = false;
		assert_int_equal(get(w, "spf_backoff_max"), 64);
		assert_false(knob_record(w->knob, B)->paused);
		knob_close(w->knob);
		w->knob = NULL;
	}
}

/* Nobody is killed, but the administrator is quicker than the successor. */
static void test_administrator_after_kill(void **state)
{
	struct world *w = *state;

	for (int step = KNOB_RECORDED; step < KNOB_NR_STEPS; step++) {
		put(w, "spf_backoff_max", 64);
		unlink(w->path);
		killed_at(w, step, 64, 8);
		put(w, "spf_backoff_max", 100);
		w->opts.restore_on_restart = true;
		open_it(w);
		w->opts.restore_on_restart = false;
		assert_int_equal(get(w, "spf_backoff_max"), 100);
		assert_true(knob_record(w->knob, B)->paused);
		knob_close(w->knob);
		w->knob = NULL;
	}
}

static void test_reboot_voids(void **state)
{
	struct world *w = *state;

	open_it(w);
	assert_int_equal(set(w, 64, 8, 10), 0);
	put(w, "spf_backoff_max", 32); /* as /etc/sysctl.d says since then */
	w->opts.boot_id = "boot-2";
	w->opts.restore_on_restart = true;
	open_it(w);
	assert_false(knob_record(w->knob, B)->recorded);
	assert_false(knob_record(w->knob, B)->paused);
	assert_int_equal(get(w, "spf_backoff_max"), 32);
	assert_int_equal(set(w, 32, 16, 20), 0);
	assert_int_equal(knob_record(w->knob, B)->original, 32);
}

static void test_administrator_wins(void **state)
{
	struct world *w = *state;

	open_it(w);
	assert_int_equal(set(w, 64, 8, 10), 0);
	put(w, "spf_backoff_max", 100);
	assert_int_equal(knob_check(w->knob, B, w->why), -EBUSY);
	assert_string_equal(w->why,
			    "somebody else set vm.spf_backoff_max to 100 (it was 8, set by us); "
			    "'faultline policy resume' takes it over from there");
	assert_int_equal(set(w, 100, 64, 20), -EBUSY);
	assert_int_equal(knob_restore(w->knob, B, 20 * SEC, w->why), -EBUSY);
	assert_int_equal(get(w, "spf_backoff_max"), 100);
	/* that knob only */
	assert_int_equal(knob_check(w->knob, P, w->why), 0);
	assert_int_equal(knob_set(w->knob, P, 8, 16, ID, 20 * SEC, w->why), 0);
	/* also after a restart */
	open_it(w);
	assert_true(knob_record(w->knob, B)->paused);
	assert_int_equal(set(w, 100, 64, 30), -EBUSY);
	/* and even if the value is ours again by chance */
	put(w, "spf_backoff_max", 8);
	assert_int_equal(set(w, 8, 16, 40), -EBUSY);
	put(w, "spf_backoff_max", 100);
	/* until told: what is there now is what we would go back to */
	assert_int_equal(knob_resume(w->knob, B, w->why), 0);
	assert_int_equal(set(w, 100, 50, 50), 0);
	assert_int_equal(knob_record(w->knob, B)->original, 100);
}

/* Noticed only when there is something to do: nobody has looked before. */
static void test_administrator_found_by_set(void **state)
{
	struct world *w = *state;

	open_it(w);
	assert_int_equal(set(w, 64, 8, 10), 0);
	put(w, "spf_backoff_max", 100);
	assert_int_equal(set(w, 8, 16, 20), -EBUSY);
	assert_int_equal(get(w, "spf_backoff_max"), 100);
	put(w, "spf_ptl_spins", 9);
	open_it(w);
	assert_false(knob_record(w->knob, P)->paused); /* was never ours */
}

static void test_pause_and_resume(void **state)
{
	struct world *w = *state;

	open_it(w);
	assert_int_equal(set(w, 64, 8, 10), 0);
	assert_int_equal(knob_pause(w->knob, B, "paused by hand", w->why), 0);
	assert_int_equal(set(w, 8, 16, 20), -EBUSY);
	assert_string_equal(w->why, "paused by hand");
	open_it(w);
	assert_int_equal(set(w, 8, 16, 20), -EBUSY);
	assert_int_equal(knob_resume(w->knob, B, w->why), 0);
	assert_int_equal(knob_record(w->knob, B)->original, 64);
	assert_int_equal(set(w, 8, 16, 20), 0);
	assert_int_equal(knob_resume(w->knob, B, w->why), 0); /* is not paused */
	assert_int_equal(knob_pause(w->knob, P, "paused by hand", w->why), 0);
	assert_int_equal(knob_record(w->knob, P)->original, 8);
}

static void test_two_processes(void **state)
{
	struct world *w = *state;
	struct knob *first;

	open_it(w);
	first = w->knob;
	open_fails(w, -EADDRINUSE, "another process changes these settings already");
	w->knob = first;
}

static void test_no_knob(void **state)
{
	struct world *w = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/spf_backoff_max", w->dir);
	unlink(path);
	open_it(w); /* one is enough */
	assert_int_equal(set(w, 64, 8, 10), -ENOTSUP);
	assert_string_equal(w->why, "this kernel has no vm.spf_backoff_max");
	assert_int_equal(knob_pause(w->knob, B, "x", w->why), -ENOTSUP);
	assert_int_equal(knob_resume(w->knob, B, w->why), -ENOTSUP);
	knob_close(w->knob);
	snprintf(path, sizeof(path), "%s/spf_ptl_spins", w->dir);
	unlink(path);
	open_fails(w, -ENOTSUP, "there is nothing to set");
}

static void test_bad_record(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{\"faultline_knobs\":2,\"boot_id\":\"boot-1\",\"knobs\":{}}",
		"{\"faultline_knobs\":1,\"knobs\":{}}",
		"{\"faultline_knobs\":1,\"boot_id\":\"boot-1\"}",
		"{\"faultline_knobs\":1,\"boot_id\":\"boot-1\",\"knobs\":{\"spf_backoff_max\":1}}",
		"{\"faultline_knobs\":1,\"boot_id\":\"boot-1\",\"knobs\":{\"spf_backoff_max\":"
		"{\"original\":-1,\"ours\":8,\"paused\":false,\"why\":\"\",\"id\":\"\","
		"\"changed_ns\":1}}}",
		"{\"faultline_knobs\":1,\"boot_id\":\"boot-1\",\"knobs\":{\"spf_backoff_max\":"
		"{\"original\":1,\"ours\":8,\"next\":4294967296,\"paused\":false,\"why\":\"\","
		"\"id\":\"\",\"changed_ns\":1}}}",
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		FILE *file = fopen(w->path, "w");

		fputs(bad[i], file);
		fclose(file);
		open_fails(w, -EPROTO, "state: not understood");
		assert_int_equal(get(w, "spf_backoff_max"), 64);
	}
}

/* No record, no change. */
static void test_disk(void **state)
{
	struct world *w = *state;
	char deep[128];

	snprintf(deep, sizeof(deep), "%s/later", w->dir);
	assert_int_equal(mkdir(deep, 0700), 0);
	snprintf(w->path, sizeof(w->path), "%s/later/state", w->dir);
	open_it(w);
	snprintf(deep, sizeof(deep), "rm -r %s/later", w->dir);
	assert_int_equal(system(deep), 0);
	assert_int_equal(set(w, 64, 8, 10), -ENOENT);
	assert_int_equal(get(w, "spf_backoff_max"), 64);
	assert_false(knob_record(w->knob, B)->recorded);
	assert_non_null(strstr(w->why, "no value is changed without it"));
}

/* The kernel's own range is narrower than the configured one. */
static void test_kernel_refuses(void **state)
{
	struct world *w = *state;
	char path[128];

	open_it(w);
	snprintf(path, sizeof(path), "%s/spf_backoff_max", w->dir);
	unlink(path);
	/* reads "64", takes nothing: a link, which is not followed to be written to */
	put(w, "elsewhere", 64);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(set(w, 64, 8, 10), -ELOOP);
	assert_int_equal(get(w, "elsewhere"), 64);
	assert_false(knob_record(w->knob, B)->pending);
	assert_int_equal(knob_check(w->knob, B, w->why), 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_set_and_restore),
		TEST(test_limits),
		TEST(test_killed_in_first_change),
		TEST(test_killed_in_second_change),
		TEST(test_administrator_after_kill),
		TEST(test_reboot_voids),
		TEST(test_administrator_wins),
		TEST(test_administrator_found_by_set),
		TEST(test_pause_and_resume),
		TEST(test_two_processes),
		TEST(test_no_knob),
		TEST(test_bad_record),
		TEST(test_disk),
		TEST(test_kernel_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
