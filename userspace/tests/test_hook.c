// SPDX-License-Identifier: GPL-2.0
/*
 * The hook's runner: one at a time, a queue with an end, a time limit that takes
 * everything with it, nothing of ours inherited, and nobody waits. Programs are
 * shell scripts of the test's own.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "hook.h"

#define MS 1000000ULL
#define S  (1000 * MS)

struct fixture {
	char dir[64], script[96];
	struct loop *loop;
	struct log log;
	struct hook *hook;
	struct loop_source *tick;
	uint64_t want_run;
	uint64_t want_failed;
	int ticks;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/faultline-hook-XXXXXX");
	if (!mkdtemp(f->dir) || loop_new(&f->loop))
		return -1;
	snprintf(f->script, sizeof(f->script), "%s/hook", f->dir);
	log_init(&f->log);
	f->log.out = tmpfile();
	*state = f;
	return hook_new(f->loop, &f->log, &f->hook);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];
	int err;

	hook_free(f->hook);
	loop_free(f->loop);
	fclose(f->log.out);
	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	err = system(command);
	free(f);
	return err;
}

/* A shell script in the folder of the test; set as the hook. */
static void script(struct fixture *f, const char *text, uint64_t timeout_ns)
{
	FILE *out = fopen(f->script, "we");

	fprintf(out, "#!/bin/bash\ncd %s\n%s\n", f->dir, text);
	fchmod(fileno(out), 0755);
	fclose(out);
	assert_int_equal(hook_set(f->hook, f->script, timeout_ns), 0);
	assert_true(hook_on(f->hook));
}

static struct hook_env *env_of(const char *comm)
{
	const struct incident in = {
		.id = "20260101T000000Z-7-1", .tgid = 7, .comm = comm, .wait_ns = 5};
	struct verdict v = {.tgid = 7};

	return hook_env_new("/records/x.json", &in, &v);
}

static void run(struct fixture *f, const char *id)
{
	hook_run(f->hook, id, env_of("comm"));
}

static void on_tick(void *arg)
{
	struct fixture *f = arg;
	struct hook_stats s;

	hook_stats(f->hook, &s);
	if ((s.run >= f->want_run && s.failed >= f->want_failed) || ++f->ticks > 2000)
		loop_stop(f->loop);
}

/* The loop goes round until so many have ended, or failed to begin. */
static struct hook_stats until(struct fixture *f, uint64_t n_run, uint64_t failed)
{
	struct hook_stats s;

	f->want_run = n_run;
	f->want_failed = failed;
	f->ticks = 0;
	assert_int_equal(loop_timer(f->loop, 5 * MS, 5 * MS, on_tick, f, &f->tick), 0);
	assert_int_equal(loop_run(f->loop), 0);
	loop_remove(f->tick);
	hook_stats(f->hook, &s);
	assert_int_equal(s.run, n_run);
	assert_int_equal(s.failed, failed);
	return s;
}

static const char *content(const struct fixture *f, const char *name, char *buf, size_t size)
{
	char path[128];
	size_t n = 0;
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	in = fopen(path, "re");
	if (in) {
		n = fread(buf, 1, size - 1, in);
		fclose(in);
	}
	buf[n] = '\0';
	return buf;
}

static const char *said(struct fixture *f, char *buf, size_t size)
{
	rewind(f->log.out);
	buf[fread(buf, 1, size - 1, f->log.out)] = '\0';
	return buf;
}

static void test_one_at_a_time_in_order(void **state)
{
	struct fixture *f = *state;
	struct hook_stats s;
	char text[256];

	script(f, "mkdir only && sleep 0.02 && echo $FAULTLINE_INCIDENT_COMM >>out && rmdir only",
	       S);
	hook_run(f->hook, "1", env_of("a"));
	hook_run(f->hook, "2", env_of("b"));
	hook_run(f->hook, "3", env_of("c"));
	hook_stats(f->hook, &s);
	assert_true(s.running);
	assert_int_equal(s.queued, 2);
	s = until(f, 3, 0);
	assert_false(s.running);
	assert_int_equal(s.queued, 0);
	assert_string_equal(content(f, "out", text, sizeof(text)), "a\nb\nc\n");
}

/* Whatever the program does, to ask for a run takes no time. */
static void test_nobody_waits(void **state)
{
	struct fixture *f = *state;
	struct timespec a, b;

	script(f, "sleep 60", 60 * S);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < 100; i++)
		run(f, "1");
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_in_range((b.tv_sec - a.tv_sec) * S + b.tv_nsec - a.tv_nsec, 0, S / 2);
}

static void test_queue_has_an_end(void **state)
{
	struct fixture *f = *state;
	struct hook_stats s;
	char text[2048];

	script(f, "until [ -e go ]; do sleep 0.01; done", 60 * S);
	for (int i = 0; i < 1 + HOOK_QUEUE + 3; i++)
		run(f, "the-id");
	hook_stats(f->hook, &s);
	assert_int_equal(s.queued, HOOK_QUEUE);
	assert_int_equal(s.skipped, 3);
	snprintf(text, sizeof(text), "%s/go", f->dir);
	close(open(text, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	s = until(f, 1 + HOOK_QUEUE, 0);
	assert_int_equal(s.skipped, 3);
	said(f, text, sizeof(text));
	assert_non_null(strstr(text, "skipped for incident the-id: 16 others wait"));
	assert_non_null(strstr(text, "hook-queue: works again (the problem was seen 3 times)"));
}

/* It was killed before; init may not have waited for it yet. */
static void assert_dies(pid_t pid)
{
	assert_true(pid > 0);
	for (int i = 0; i < 400 && !kill(pid, 0); i++)
		usleep(5000);
	assert_int_equal(kill(pid, 0), -1);
}

/* A child in the background included; and the next one gets its turn. */
static void test_time_limit(void **state)
{
	struct fixture *f = *state;
	struct hook_stats s;
	char text[1024];

	script(f, "[ -e ran ] && exit; touch ran; sleep 61 & echo $! >child; sleep 60", 300 * MS);
	run(f, "slow");
	run(f, "next");
	s = until(f, 2, 1);
	assert_int_equal(s.timeouts, 1);
	assert_non_null(strstr(said(f, text, sizeof(text)), "incident slow: killed after 0.3 s"));
	assert_dies(atoi(content(f, "child", text, sizeof(text))));
}

static void test_nothing_is_left_behind(void **state)
{
	struct fixture *f = *state;
	char text[64];

	script(f, "sleep 60 & echo $! >child", S);
	run(f, "1");
	until(f, 1, 0);
	assert_dies(atoi(content(f, "child", text, sizeof(text))));
}

static void test_failures_are_said(void **state)
{
	struct fixture *f = *state;
	char text[2048];

	script(f, "exit 3", S);
	run(f, "first");
	until(f, 1, 1);
	script(f, "kill -SEGV $$", S);
	log_solved(&f->log, "hook");
	run(f, "second");
	until(f, 2, 2);
	script(f, "exit 0", S);
	run(f, "third");
	until(f, 3, 2);
	said(f, text, sizeof(text));
	assert_non_null(strstr(text, "incident first: exit status 3\n"));
	assert_non_null(strstr(text, "incident second: killed by signal 11\n"));
	assert_non_null(strstr(text, "hook: works again"));
}

static void test_what_is_not_run(void **state)
{
	struct fixture *f = *state;
	char text[2048];

	script(f, "touch ran", S);
	assert_int_equal(hook_set(f->hook, "/no/such/hook", S), 0);
	run(f, "1");
	until(f, 0, 1);
	assert_non_null(strstr(said(f, text, sizeof(text)),
			       "not run for incident 1: No such file or directory\n"));
	log_solved(&f->log, "hook");
	hook_set(f->hook, f->script, S);
	chmod(f->script, 0777);
	run(f, "2");
	until(f, 0, 2);
	assert_non_null(strstr(said(f, text, sizeof(text)), "incident 2: others may write to it"));
	log_solved(&f->log, "hook");
	chmod(f->script, 0644);
	run(f, "3");
	until(f, 0, 3);
	assert_non_null(strstr(said(f, text, sizeof(text)), "incident 3: Permission denied"));
	log_solved(&f->log, "hook");
	hook_set(f->hook, f->dir, S);
	run(f, "4");
	until(f, 0, 4);
	assert_non_null(strstr(said(f, text, sizeof(text)), "incident 4: is no file"));
	assert_string_equal(content(f, "ran", text, sizeof(text)), "");
}

static void test_of_another_user(void **state)
{
	struct fixture *f = *state;
	char text[1024];

	if (geteuid())
		skip();
	script(f, "touch ran", S);
	assert_int_equal(chown(f->script, 65534, 65534), 0);
	run(f, "1");
	until(f, 0, 1);
	assert_non_null(strstr(said(f, text, sizeof(text)), "belongs to neither root nor"));
}

static void assert_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("want\n%s in\n%s", part, text);
}

/* Descriptors, signals, environment, capabilities: nothing but what is documented. */
static void test_inherits_nothing(void **state)
{
	static const unsigned long ignored[4] = {1}; /* the kernel's struct sigaction, SIG_IGN */
	struct fixture *f = *state;
	sigset_t set;
	char text[4096];
	int fd = open("/etc/passwd", O_RDONLY); /* deliberately without O_CLOEXEC */

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* as one may be started: glibc refuses to change what is set for this one */
	syscall(SYS_rt_sigaction, 33, ignored, NULL, sizeof(ignored[3]));
	setenv("SECRET", "1", 1);
	script(f,
	       "exec 1>out; echo start; for fd in 3 4 5 6 7 8; do readlink /proc/$$/fd/$fd; done;"
	       "readlink /proc/self/fd/0; grep -E 'Cap(Inh|Prm|Eff|Amb)|NoNewPrivs|SigBlk|SigIgn' "
	       "/proc/self/status;"
	       "cat /proc/self/oom_score_adj; env | grep -v -e ^PWD= -e ^_=",
	       30 * S);
	run(f, "1");
	until(f, 1, 0);
	content(f, "out", text, sizeof(text));

	assert_says(text, "start\n/dev/null\n");
	assert_says(text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
	assert_says(text, "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
			  "CapEff:\t0000000000000000\n");
	assert_says(text, "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\n1000\n");
	assert_null(strstr(text, "SECRET"));
	assert_non_null(strstr(text, "FAULTLINE_INCIDENT_ID=20260101T000000Z-7-1\n"));
	close(fd);
	unsetenv("SECRET");
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void test_off(void **state)
{
	struct fixture *f = *state;
	struct hook_stats s;

	assert_false(hook_on(f->hook));
	assert_false(hook_on(NULL));
	script(f, "sleep 60", 60 * S);
	run(f, "1");
	run(f, "2");
	assert_int_equal(hook_set(f->hook, "", S), 0);
	hook_stats(f->hook, &s);
	assert_int_equal(s.queued, 0);
	assert_true(s.running);
}

static const char *var(const struct hook_env *env, const char *name)
{
	char **vars = hook_env_strings(env);

	for (; *vars; vars++)
		if (!strncmp(*vars, name, strlen(name)) && (*vars)[strlen(name)] == '=')
			return *vars + strlen(name) + 1;
	return "(not there)";
}

/* Every variable, from literal numbers. */
static void test_environment(void **state)
{
	struct snap_task agent = {.tid = 9, .tgid = 8, .comm = "the agent", .cause = CAUSE_PROCFS};
	struct verdict v = {.tgid = 7, .n_holders = 1, .max_ns = 1};
	const struct incident in = {.id = "20260101T000001Z-7-1",
				    .time_unix_ns = 1767225601ULL * S,
				    .kind = INCIDENT_RATIO,
				    .tgid = 7,
				    .comm = "$(reboot) `x`; \\x0a'\"",
				    .cgroup = "/system.slice/a b.service",
				    .wait_ns = 1500000000,
				    .ratio_millipct = 250400,
				    .finished = true};
	struct hook_env *env;

	(void)state;
	v.holders[0] = (struct verdict_holder){.task = &agent, .conf = FL_CONF_RELEASE};
	env = hook_env_new("/dir with space/x.json", &in, &v);
	assert_string_equal(var(env, "FAULTLINE_INCIDENT_FILE"), "/dir with space/x.json");
	assert_string_equal(var(env, "FAULTLINE_INCIDENT_ID"), "20260101T000001Z-7-1");
	assert_string_equal(var(env, "FAULTLINE_INCIDENT_KIND"), "ratio");
	assert_string_equal(var(env, "FAULTLINE_INCIDENT_FINISHED"), "yes");
	assert_string_equal(var(env, "FAULTLINE_INCIDENT_TIME"), "2026-01-01T00:00:01Z");
	assert_string_equal(var(env, "FAULTLINE_INCIDENT_PID"), "7");
	assert_string_equal(var(env, "FAULTLINE_INCIDENT_COMM"),
			    "\\x24\\x28reboot\\x29\\x20\\x60x\\x60\\x3b\\x20\\x0a\\x27\\x22");
	assert_string_equal(var(env, "FAULTLINE_INCIDENT_CGROUP"), "/system.slice/a\\x20b.service");
	assert_string_equal(var(env, "FAULTLINE_INCIDENT_CONTAINER"), "a\\x20b.service");
	assert_string_equal(var(env, "FAULTLINE_INCIDENT_WAIT_NS"), "1500000000");
	assert_string_equal(var(env, "FAULTLINE_INCIDENT_RATIO_PCT"), "250");
	assert_string_equal(var(env, "FAULTLINE_INCIDENT_CAUSE"), "procfs");
	assert_string_equal(var(env, "FAULTLINE_INCIDENT_CONFIDENCE"), "release");
	assert_string_equal(var(env, "FAULTLINE_INCIDENT_HOLDER_PID"), "8");
	assert_string_equal(var(env, "FAULTLINE_INCIDENT_HOLDER_COMM"), "the\\x20agent");
	assert_string_equal(var(env, "FAULTLINE_INCIDENT_ADVICE"), "");
	hook_env_free(env);
	v.n_holders = 0;
	env = hook_env_new("/x", &in, &v);
	assert_string_equal(var(env, "FAULTLINE_INCIDENT_CAUSE"), "unknown");
	assert_string_equal(var(env, "FAULTLINE_INCIDENT_HOLDER_PID"), "0");
	assert_string_equal(var(env, "FAULTLINE_INCIDENT_HOLDER_COMM"), "");
	hook_env_free(env);
	hook_env_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_at_a_time_in_order),  TEST(test_nobody_waits),
		TEST(test_queue_has_an_end),	    TEST(test_time_limit),
		TEST(test_nothing_is_left_behind),  TEST(test_failures_are_said),
		TEST(test_what_is_not_run),	    TEST(test_of_another_user),
		TEST(test_inherits_nothing),	    TEST(test_off),
		cmocka_unit_test(test_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
