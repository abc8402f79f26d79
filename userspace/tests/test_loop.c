// SPDX-License-Identifier: GPL-2.0
/* Event loop, service manager protocol and log: the daemon's own plumbing. */
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"
#include "notify.h"

struct seen {
	struct loop *loop;
	struct loop_source *a, *b;
	int count, signo;
};

static void on_tick(void *arg)
{
	struct seen *seen = arg;

	if (++seen->count == 3)
		loop_stop(seen->loop);
}

static void test_timer(void **state)
{
	struct seen seen = {.count = 0};

	(void)state;
	assert_int_equal(loop_new(&seen.loop), 0);
	assert_int_equal(loop_timer(seen.loop, 1000000, 1000000, on_tick, &seen, &seen.a), 0);
	assert_int_equal(loop_run(seen.loop), 0);
	assert_int_equal(seen.count, 3);
	loop_free(seen.loop);
}

/* Both are ready in one batch; whichever comes first removes both. */
static void on_either(void *arg, uint32_t events)
{
	struct seen *seen = arg;

	assert_true(events & EPOLLIN);
	seen->count++;
	loop_remove(seen->a);
	loop_remove(seen->b);
	loop_stop(seen->loop);
}

static void test_remove_in_callback(void **state)
{
	struct seen seen = {.count = 0};
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(loop_new(&seen.loop), 0);
	assert_int_equal(loop_add(seen.loop, fds[0], EPOLLIN, on_either, &seen, &seen.a), 0);
	assert_int_equal(loop_add(seen.loop, dup(fds[0]), EPOLLIN, on_either, &seen, &seen.b), 0);
	assert_int_equal(loop_run(seen.loop), 0);
	assert_int_equal(seen.count, 1);
	loop_free(seen.loop);
	close(fds[0]);
	close(fds[1]);
}

static void on_signal(void *arg, int signo)
{
	struct seen *seen = arg;

	seen->signo = signo;
	loop_stop(seen->loop);
}

static void test_signal(void **state)
{
	static const int signals[] = {SIGHUP};
	struct seen seen = {.count = 0};

	(void)state;
	assert_int_equal(loop_new(&seen.loop), 0);
	assert_int_equal(loop_signals(seen.loop, signals, 1, on_signal, &seen), 0);
	kill(getpid(), SIGHUP);
	assert_int_equal(loop_run(seen.loop), 0);
	assert_int_equal(seen.signo, SIGHUP);
	loop_free(seen.loop);
}

static void test_notify(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(addr);
	struct notify notify;
	char name[128], buf[256] = "";

	(void)state;
	/* autobind: an abstract name of the kernel's choice */
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(sa_family_t)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	snprintf(name, sizeof(name), "@%.*s", (int)(len - sizeof(sa_family_t) - 1),
		 addr.sun_path + 1);
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("WATCHDOG_USEC", "3000000", 1);
	assert_int_equal(notify_open(&notify), 0);
	assert_int_equal(notify.watchdog_ns, 1500000000);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_int_equal(notify_send(&notify, "READY=1\nSTATUS=%s", "observing"), 0);
	assert_int_equal(recv(fd, buf, sizeof(buf) - 1, 0), strlen("READY=1\nSTATUS=observing"));
	assert_string_equal(buf, "READY=1\nSTATUS=observing");
	/* nobody reads: it must not wait */
	for (int i = 0; i < 100000 && !notify_send(&notify, "WATCHDOG=1"); i++)
		;
	assert_int_equal(notify_send(&notify, "WATCHDOG=1"), -EAGAIN);
	notify_close(&notify);
	close(fd);
}

static void test_notify_absent_or_wrong(void **state)
{
	struct notify notify;

	(void)state;
	assert_int_equal(notify_open(&notify), 0);
	assert_int_equal(notify.watchdog_ns, 0);
	assert_int_equal(notify_send(&notify, "READY=1"), 0);
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(notify_open(&notify), -EINVAL);
	setenv("NOTIFY_SOCKET", "/no/such/socket", 1);
	setenv("WATCHDOG_USEC", "3000000", 1);
	assert_int_equal(notify_open(&notify), -ENOENT);
	assert_int_equal(notify_send(&notify, "READY=1"), 0);
	setenv("NOTIFY_SOCKET", "@x", 1);
	setenv("WATCHDOG_USEC", "3000000", 1);
	setenv("WATCHDOG_PID", "1", 1); /* meant for another process */
	assert_int_equal(notify_open(&notify), -ECONNREFUSED);
	assert_int_equal(notify.watchdog_ns, 0);
}

static void test_log(void **state)
{
	char *text = NULL;
	struct log log;
	size_t len;

	(void)state;
	log_init(&log);
	log.out = open_memstream(&text, &len);
	log_say(&log, LOG_INFO, "forged\n<0>line %d", 1);
	log_say(&log, LOG_DEBUG, "not said");
	for (int i = 0; i < 150; i++)
		log_problem(&log, "disk", "disk is full");
	assert_int_equal(log_count(&log, "disk"), 150);
	log_solved(&log, "disk");
	log_solved(&log, "disk");
	log.journal = true;
	log_problem(&log, "disk", "full again");
	assert_string_equal(text, "forged?<0>line 1\n"
				  "disk is full\n"
				  "disk is full (10 times by now)\n"
				  "disk is full (100 times by now)\n"
				  "disk: works again (the problem was seen 150 times)\n"
				  "<4>full again\n");
	for (int i = 0; i < 2 * LOG_MAX_PROBLEMS; i++) {
		char key[16];

		snprintf(key, sizeof(key), "k%d", i);
		log_problem(&log, key, "x");
	}
	assert_int_equal(log.overflow, LOG_MAX_PROBLEMS + 1);
	fclose(log.out);
	free(text);
}

static void test_journal(void **state)
{
	struct stat st;
	char stream[64];
	struct log log;
	int level;

	(void)state;
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init(&log);
	assert_true(log.journal);
	setenv("JOURNAL_STREAM", "1:1", 1); /* inherited, but stderr goes elsewhere */
	log_init(&log);
	assert_false(log.journal);
	assert_int_equal(log_level_from_name("warning", &level), 0);
	assert_int_equal(level, LOG_WARNING);
	assert_int_equal(log_level_from_name("loud", &level), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timer),
		cmocka_unit_test(test_remove_in_callback),
		cmocka_unit_test(test_signal),
		cmocka_unit_test(test_notify),
		cmocka_unit_test(test_notify_absent_or_wrong),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
