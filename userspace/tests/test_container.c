// SPDX-License-Identifier: GPL-2.0
/* Paths as runtimes and systemd make them, of cgroup v1 and v2, and paths that only look so. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "container.h"

#define ID    "4d8a1c0f9be27763a5d0e1f2c3b4a5968778695a4b3c2d1e0f00112233445566"
#define OTHER "00001c0f9be27763a5d0e1f2c3b4a5968778695a4b3c2d1e0f00112233445566"
#define POD   "pod8f2b1c7e_53c1_4f0e_9d8a_0a1b2c3d4e5f"

struct row {
	const char *cgroup, *name;
};

static void check(const struct row *rows, size_t n)
{
	char buf[CONTAINER_NAME_LEN];

	for (size_t i = 0; i < n; i++)
		assert_string_equal(container_name(rows[i].cgroup, buf, sizeof(buf)), rows[i].name);
}
#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))

static void test_docker(void **state)
{
	static const struct row rows[] = {
		{"/system.slice/docker-" ID ".scope", "docker:4d8a1c0f9be2"},
		{"/docker/" ID, "docker:4d8a1c0f9be2"}, /* cgroupfs, v1 and v2 */
		{"/system.slice/docker-" ID ".scope/init", "docker:4d8a1c0f9be2"},
		{"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" ID ".scope",
		 "docker:4d8a1c0f9be2"}, /* rootless */
		{"/docker/" OTHER "/docker/" ID, "docker:4d8a1c0f9be2"}, /* in a container */
		{"/docker/" ID "/system.slice/nginx.service", "docker:4d8a1c0f9be2"},
		{"/docker/" ID " (deleted)", "docker:4d8a1c0f9be2"},
	};

	(void)state;
	CHECK(rows);
}

static void test_containerd(void **state)
{
	static const struct row rows[] = {
		{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-" POD
		 ".slice/cri-containerd-" ID ".scope",
		 "containerd:4d8a1c0f9be2"},
		{"/kubepods/besteffort/" POD "/" ID, "containerd:4d8a1c0f9be2"},
		{"/system.slice/containerd.service/kubepods-" POD ".slice:cri-containerd:" ID,
		 "containerd:4d8a1c0f9be2"},
		{"/system.slice/nerdctl-" ID ".scope", "containerd:4d8a1c0f9be2"},
		{"/default/" ID, "containerd:4d8a1c0f9be2"}, /* nerdctl, ctr: a namespace */
		{"/kubepods.slice/kubepods-" POD ".slice/crio-" ID ".scope", "cri-o:4d8a1c0f9be2"},
	};

	(void)state;
	CHECK(rows);
}

static void test_podman(void **state)
{
	static const struct row rows[] = {
		{"/machine.slice/libpod-" ID ".scope", "podman:4d8a1c0f9be2"},
		{"/machine.slice/libpod-" ID ".scope/container", "podman:4d8a1c0f9be2"},
		{"/libpod_parent/libpod-" ID, "podman:4d8a1c0f9be2"}, /* cgroupfs */
		{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID
		 ".scope/container",
		 "podman:4d8a1c0f9be2"},
		{"/system.slice/web.service/libpod-payload-" ID, "podman:4d8a1c0f9be2"},
		/* its monitor is outside */
		{"/machine.slice/libpod-conmon-" ID ".scope", "libpod-conmon-" ID ".scope"},
	};

	(void)state;
	CHECK(rows);
}

static void test_units(void **state)
{
	static const struct row rows[] = {
		{"/system.slice/nginx.service", "nginx.service"},
		{"/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service"},
		{"/system.slice/postgresql@15-main.service/worker", "postgresql@15-main.service"},
		{"/user.slice/user-1000.slice/session-3.scope", "session-3.scope"},
		{"/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox-12.scope",
		 "app-firefox-12.scope"},
		{"/init.scope", "init.scope"},
		{"/system.slice/cron.service (deleted)", "cron.service"},
	};

	(void)state;
	CHECK(rows);
}

static void test_no_name(void **state)
{
	static const struct row rows[] = {
		{NULL, ""},
		{"", ""},
		{"/", ""},
		{"/system.slice", ""},
		{"/demo/worker", ""},
		{"/.service", ""}, /* no unit: nothing before the dot */
		{"/docker/4d8a1c0f9be2", ""}, /* an id has 64 digits */
		{"/docker/" ID "0", ""},
		{"/docker-" ID, "docker:4d8a1c0f9be2"},
		{"/mydocker-" ID ".scope", "mydocker-" ID ".scope"},
		{"/-" ID ".scope", "-" ID ".scope"},
		{"/:" ID, ""},
		{"/a:b:c:" ID, ""},
		{"no/slash/first/nginx.service", "nginx.service"},
		{"nginx.service", "nginx.service"},
		{"/docker/4D8A1C0F9BE27763A5D0E1F2C3B4A5968778695A4B3C2D1E0F00112233445566", ""},
	};

	(void)state;
	CHECK(rows);
}

static void test_short_buffer(void **state)
{
	char buf[8];

	(void)state;
	assert_string_equal(container_name("/docker/" ID, buf, sizeof(buf)), "docker:");
	assert_string_equal(container_name("/a/nginx.service", buf, sizeof(buf)), "nginx.s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_docker),	cmocka_unit_test(test_containerd),
		cmocka_unit_test(test_podman),	cmocka_unit_test(test_units),
		cmocka_unit_test(test_no_name), cmocka_unit_test(test_short_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
