// SPDX-License-Identifier: GPL-2.0
/* A folder stands for the host, for a container, and for one that lacks something. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "place.h"

static char root[64];

static void link_at(const char *path, const char *to)
{
	char full[128];

	snprintf(full, sizeof(full), "%s%s", root, path);
	unlink(full);
	if (to)
		assert_int_equal(symlink(to, full), 0);
}

static int setup(void **state)
{
	char command[512], pid[16];

	(void)state;
	strcpy(root, "/tmp/faultline-place-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(pid, sizeof(pid), "%d", getpid());
	snprintf(command, sizeof(command),
		 "cd %s && mkdir -p proc/%s/ns sys/kernel/btf sys/kernel/tracing/events "
		 "sys/kernel/debug/tracing && touch sys/kernel/btf/vmlinux",
		 root, pid);
	if (system(command))
		return -1;
	link_at("/proc/self", pid);
	link_at("/proc/self/ns/pid", "pid:[4026531836]");
	link_at("/proc/self/ns/user", "user:[4026531837]");
	link_at("/proc/self/ns/cgroup", "cgroup:[4026531835]");
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

/* All is there but, perhaps, that part. */
static void assert_lacks(int missing)
{
	struct place place;

	place_look(root, &place);
	for (int i = 0; i < PLACE_NR; i++)
		assert_int_equal(place.has[i], i != missing);
}

static void test_host(void **state)
{
	(void)state;
	assert_lacks(-1);
}

static void test_namespaces(void **state)
{
	(void)state;
	link_at("/proc/self/ns/pid", "pid:[4026532301]");
	assert_lacks(PLACE_PIDS);
	link_at("/proc/self/ns/pid", "pid:[4026531836]");
	link_at("/proc/self/ns/user", "user:[4026532301]");
	assert_lacks(PLACE_USERS);
	link_at("/proc/self/ns/user", "user:[4026531837]");
	link_at("/proc/self/ns/cgroup", NULL); /* cannot be told: not the host's */
	assert_lacks(PLACE_CGROUPS);
}

static void test_proc_of_another_namespace(void **state)
{
	struct place place;

	(void)state;
	link_at("/proc/self", "1");
	place_look(root, &place);
	assert_false(place.has[PLACE_PROC]);
	link_at("/proc/self", NULL);
	place_look(root, &place);
	assert_false(place.has[PLACE_PROC]);
	assert_false(place.has[PLACE_PIDS]);
}

static void test_sys(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/sys/kernel/tracing/events", root);
	assert_int_equal(rmdir(path), 0);
	assert_lacks(PLACE_TRACEFS);
	snprintf(path, sizeof(path), "%s/sys/kernel/debug/tracing/events", root);
	assert_int_equal(mkdir(path, 0700), 0); /* where older hosts have it */
	assert_lacks(-1);
	snprintf(path, sizeof(path), "%s/sys/kernel/btf/vmlinux", root);
	assert_int_equal(unlink(path), 0);
	assert_lacks(PLACE_BTF);
}

static void test_words(void **state)
{
	(void)state;
	for (int i = 0; i < PLACE_NR; i++) {
		assert_true(*place_name(i) && strlen(place_name(i)) <= 20);
		assert_true(*place_advice(i) != '\0');
	}
	assert_string_equal(place_name(PLACE_NR), "?");
	assert_true(place_is_warning(PLACE_CGROUPS));
	assert_false(place_is_warning(PLACE_TRACEFS));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_host), TEST(test_namespaces), TEST(test_proc_of_another_namespace),
		TEST(test_sys),	 TEST(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
