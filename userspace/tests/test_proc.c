// SPDX-License-Identifier: GPL-2.0
/* Does /proc tell who is alive, whatever the process calls itself? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "proc.h"

#define TICK_NS	   (1000000000ULL / sysconf(_SC_CLK_TCK))
#define NO_SUCH_ID 0x7ffffff0 /* above any pid_max */
#define WATCH_S	   3 /* a process that does nothing but exec */

/* Field 22 by counting blanks behind the last bracket: not the way proc.c does it. */
static uint64_t start_ns_of(pid_t pid)
{
	char path[32], line[1024] = "", *at;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	at = strrchr(line, ')');
	for (int i = 0; i < 20; i++)
		at = strchr(at + 1, ' ');
	return strtoull(at, NULL, 10) * TICK_NS;
}

static void we_are_alive_since_our_start(void **state)
{
	uint64_t start = start_ns_of(getpid());

	(void)state;
	assert_true(start > 0);
	assert_true(proc_alive(getpid(), 0));
	assert_true(proc_alive(getpid(), start));
	assert_true(proc_alive(getpid(), start + TICK_NS - 1));
	assert_false(proc_alive(getpid(), start + TICK_NS));
	assert_false(proc_alive(getpid(), start - 1));
	assert_false(proc_alive(NO_SUCH_ID, 0));
	assert_false(proc_alive(NO_SUCH_ID, start));
}

static void no_name_confuses_it(void **state)
{
	char comm[FL_COMM_LEN + 1];
	uint64_t start = start_ns_of(getpid());
	static const char *const names[] = {"a) Z 1 2",	    ") X", "State:\tZ",
					    "b\nState:\tZ", "(((", ""};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(prctl(PR_SET_NAME, names[i]), 0);
		assert_true(proc_alive(getpid(), start));
		assert_false(proc_alive(getpid(), start + TICK_NS));
		assert_int_equal(proc_task_state(getpid(), gettid()), 'R');
	}
	assert_int_equal(prctl(PR_SET_NAME, "fifteen) chars!"), 0);
	assert_int_equal(proc_comm(getpid(), comm), 0);
	assert_string_equal(comm, "fifteen) chars!");
	assert_int_equal(proc_comm(NO_SUCH_ID, comm), -ESRCH);
}

static void a_zombie_is_gone(void **state)
{
	pid_t pid = fork();
	siginfo_t info;

	(void)state;
	assert_true(pid >= 0);
	if (!pid)
		_exit(0);
	assert_int_equal(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(proc_task_state(pid, pid), 'Z');
	assert_false(proc_alive(pid, 0));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(proc_task_state(pid, pid), '\0');
}

static void *wait_for_the_end(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

/* The main thread has exited, another one runs on. */
static void a_process_outlives_its_main_thread(void **state)
{
	struct timespec nap = {.tv_nsec = 1000000};
	pthread_t thread;
	uint64_t start;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (!pid) {
		if (pthread_create(&thread, NULL, wait_for_the_end, NULL))
			_exit(1);
		syscall(SYS_exit, 0); /* this thread alone */
	}
	start = start_ns_of(pid);
	for (int i = 0; i < 5000 && proc_task_state(pid, pid) != 'Z'; i++)
		nanosleep(&nap, NULL);
	assert_int_equal(proc_task_state(pid, pid), 'Z');
	assert_true(proc_alive(pid, 0));
	assert_true(proc_alive(pid, start));
	assert_false(proc_alive(pid, start + TICK_NS));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(proc_alive(pid, start));
}

static void *exec_again(void *arg)
{
	(void)arg;
	execl("/proc/self/exe", "execs", "again", NULL);
	return NULL;
}

/* Another thread than the main one calls exec, for ever. */
static int exec_in_threads(void)
{
	pthread_t thread;

	if (!pthread_create(&thread, NULL, exec_again, NULL))
		pthread_join(thread, NULL);
	return 1;
}

/* Its main thread is gone and replaced again and again; the process runs on. */
static void a_process_outlives_exec_in_a_thread(void **state)
{
	struct timespec now, end;
	pid_t pid = fork();
	uint64_t start;

	(void)state;
	assert_true(pid >= 0);
	if (!pid) {
		alarm(10 * WATCH_S); /* lasts through exec: it ends, whatever becomes of us */
		_exit(exec_in_threads());
	}
	start = start_ns_of(pid);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += WATCH_S;
	do {
		assert_true(proc_alive(pid, start));
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec ||
		 (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* it never failed to */
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Out of file descriptors nobody is declared dead: totals would be swept. */
static void without_an_answer_all_are_alive(void **state)
{
	struct rlimit old, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	bool alive = proc_alive(getpid(), 1);
	char letter = proc_task_state(getpid(), gettid());
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_true(alive);
	assert_int_equal(letter, '?');
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(we_are_alive_since_our_start),
		cmocka_unit_test(no_name_confuses_it),
		cmocka_unit_test(a_zombie_is_gone),
		cmocka_unit_test(a_process_outlives_its_main_thread),
		cmocka_unit_test(a_process_outlives_exec_in_a_thread),
		cmocka_unit_test(without_an_answer_all_are_alive),
	};

	if (argc == 2 && !strcmp(argv[1], "again"))
		return exec_in_threads();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
