// SPDX-License-Identifier: GPL-2.0
/* usym_aside: whatever the child does, the parent learns of it and lives on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "usym_aside.h"

static void crash(void *arg)
{
	(void)arg;
	signal(SIGABRT, SIG_DFL);
	abort();
}

static void stall(void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

static void eat(void *arg)
{
	int *ret_got = arg;

	for (*ret_got = 0; *ret_got < 64; (*ret_got)++)
		if (mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		    MAP_FAILED)
			return;
}

static void test_aside(void **state)
{
	int *got = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t lingering = 7;

	(void)state;
	assert_int_equal(usym_aside(crash, NULL, 5000, &lingering), -EFAULT);
	assert_int_equal(lingering, 0);
	assert_int_equal(usym_aside(stall, NULL, 10, &lingering), -ETIMEDOUT);
	assert_int_equal(lingering, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie is left */
	assert_int_equal(errno, ECHILD);
	*got = -1;
	assert_int_equal(usym_aside(eat, got, 5000, &lingering), 0);
	assert_in_range(*got, 0, 8);
	munmap(got, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
