// SPDX-License-Identifier: GPL-2.0
/*
 * While a process's mmap_lock is held for writing for good, its addresses must
 * get their names at once: contend holds it by a page of a FUSE file. What the
 * names are is learnt before, when nothing is held.
 * Needs root, BPF and /dev/fuse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "usym.h"
#include "vmas.h"

#define NR_ADDRS    32
#define GIVE_UP_S   60
#define AT_ONCE_SEC 1.0

struct contend {
	pid_t pid;
	FILE *out;
	FILE *in;
	int target;
};

static void start(struct contend *c)
{
	char path[PATH_MAX] = "";
	int out[2], in[2];

	assert_true(readlink("/proc/self/exe", path, sizeof(path) - 16) > 0);
	strcpy(strrchr(path, '/'), "/contend");
	assert_true(!pipe(out) && !pipe(in));
	c->pid = fork();
	assert_true(c->pid >= 0);
	if (!c->pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[0]);
		close(in[1]);
		close(out[0]);
		close(out[1]);
		execl(path, path, "--hold", "fuse-write", "--until-release", "--rounds", "1",
		      "--waiters", "1", "--wait-by", "mincore", NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	c->out = fdopen(out[0], "r");
	c->in = fdopen(in[1], "w");
	alarm(GIVE_UP_S); /* fgets() would wait for ever */
}

/* Its next line of this kind. */
static void expect(struct contend *c, const char *event, char *line, size_t size)
{
	char wanted[32];

	snprintf(wanted, sizeof(wanted), "\"ev\":\"%s\"", event);
	do {
		if (!fgets(line, size, c->out))
			fail_msg("contend ended before '%s'", event);
	} while (!strstr(line, wanted));
}

/* Addresses all over the code of the program itself; asked for while nothing is held. */
static void pick(int pid, uint64_t *addrs)
{
	unsigned long start = 0, end = 0;
	char path[32], line[4096];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	assert_non_null(maps);
	while (!end && fgets(line, sizeof(line), maps))
		if (!strstr(line, " r-xp ") || sscanf(line, "%lx-%lx", &start, &end) != 2)
			end = 0;
	fclose(maps);
	assert_true(end > start);
	for (int i = 0; i < NR_ADDRS; i++)
		addrs[i] = start + (end - start) / NR_ADDRS * i;
}

static int name_all(struct vmas *vmas, int pid, const uint64_t *addrs, char **names)
{
	struct vma_info infos[NR_ADDRS] = {};
	struct usym *usym = usym_new(NULL); /* a new one remembers nothing */
	int named = 0;

	assert_int_equal(vmas_lookup(vmas, pid, addrs, NR_ADDRS, infos), 0);
	assert_int_equal(usym_resolve(usym, pid, infos, addrs, NR_ADDRS, names), 0);
	vmas_release(infos, NR_ADDRS);
	usym_free(usym);
	for (int i = 0; i < NR_ADDRS; i++)
		named += strncmp(names[i], "0x", 2) != 0;
	return named;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_names_while_held(void **state)
{
	char line[65536], *before[NR_ADDRS], *during[NR_ADDRS], *why = NULL;
	struct contend c = {};
	uint64_t addrs[NR_ADDRS];
	struct vmas *vmas = NULL;
	double began;

	(void)state;
	if (geteuid() || access("/dev/fuse", R_OK | W_OK) || vmas_new(&vmas, &why)) {
		print_message("needs root, /dev/fuse and BPF%s%s\n", why ? ": " : "",
			      why ? why : "");
		free(why);
		skip();
	}
	start(&c);
	expect(&c, "ready", line, sizeof(line));
	assert_int_equal(sscanf(strstr(line, "\"pid\":"), "\"pid\":%d", &c.target), 1);
	pick(c.target, addrs);
	assert_true(name_all(vmas, c.target, addrs, before) > NR_ADDRS / 2);
	fputs("\n", c.in);
	fflush(c.in);
	expect(&c, "stuck", line, sizeof(line));
	began = now_s();
	assert_true(name_all(vmas, c.target, addrs, during) > NR_ADDRS / 2);
	assert_true(now_s() - began < AT_ONCE_SEC);
	for (int i = 0; i < NR_ADDRS; i++) {
		assert_string_equal(before[i], during[i]);
		free(before[i]);
		free(during[i]);
	}
	fputs("\n", c.in);
	fclose(c.in);
	while (fgets(line, sizeof(line), c.out))
		;
	fclose(c.out);
	assert_int_equal(waitpid(c.pid, NULL, 0), c.pid);
	vmas_free(vmas);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_while_held),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
