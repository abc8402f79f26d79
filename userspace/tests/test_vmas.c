// SPDX-License-Identifier: GPL-2.0
/*
 * vmas: a child process reads its own /proc/self/maps and prints it; every line of
 * it must be what the BPF program says of the same addresses, and a function of
 * the child must get its name through usym.
 * Needs root and BPF.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc.h"
#include "usym.h"
#include "vmas.h"

#define NR_EXTRA 300 /* mappings of alternating protection: a tree of three levels */

struct fixture {
	struct vmas *vmas;
	pid_t child;
	FILE *maps;
	int stop_fd;
};

static __attribute__((noinline)) void child_main(int out, int stop)
{
	char *base = mmap(NULL, NR_EXTRA * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int memfd = memfd_create("fl memfd", 0);
	char buf[4096];
	FILE *maps;
	size_t len;

	for (int i = 0; i < NR_EXTRA; i += 2)
		mprotect(base + i * 4096, 4096, PROT_READ | PROT_WRITE);
	if (ftruncate(memfd, 8192) ||
	    mmap(NULL, 4096, PROT_READ, MAP_SHARED, memfd, 4096) == MAP_FAILED)
		_exit(2);
	maps = fopen("/proc/self/maps", "r");
	while (maps && (len = fread(buf, 1, sizeof(buf), maps)) > 0)
		if (write(out, buf, len) != (ssize_t)len)
			_exit(2);
	close(out);
	_exit(read(stop, buf, 1) < 0);
}

static int setup(void **state)
{
	struct fixture *fix = calloc(1, sizeof(*fix));
	int out[2], stop[2], err;
	char *why = NULL;

	assert_non_null(fix);
	*state = fix;
	if (geteuid()) {
		print_message("needs root\n");
		return 0;
	}
	err = vmas_new(&fix->vmas, &why);
	if (err)
		print_message("vmas_new: %s (%d)\n", why ? why : "?", err);
	assert_true(!err || why);
	free(why);
	assert_true(!pipe(out) && !pipe(stop));
	fix->child = fork();
	assert_true(fix->child >= 0);
	if (!fix->child) {
		close(out[0]);
		close(stop[1]);
		child_main(out[1], stop[0]);
	}
	close(out[1]);
	close(stop[0]);
	fix->maps = fdopen(out[0], "r");
	fix->stop_fd = stop[1];
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fix = *state;

	if (fix->maps) {
		close(fix->stop_fd);
		fclose(fix->maps);
		waitpid(fix->child, NULL, 0);
	}
	vmas_free(fix->vmas);
	free(fix);
	return 0;
}

struct line {
	unsigned long start, end, offset, ino;
	unsigned int major, minor;
	char path[256];
};

static bool on_overlay(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == OVERLAYFS_SUPER_MAGIC;
}

static void check_line(struct vmas *vmas, pid_t pid, const struct line *line)
{
	uint64_t addrs[] = {line->start, line->end - 1};
	struct vma_info infos[2];

	assert_int_equal(vmas_lookup(vmas, pid, addrs, 2, infos), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(infos[i].start, line->start);
		assert_int_equal(infos[i].end, line->end);
		if (!line->ino)
			continue;
		assert_int_equal(infos[i].offset, line->offset);
		assert_int_equal(infos[i].ino, line->ino);
		if (!on_overlay(line->path)) /* whose files are mapped from a layer */
			assert_int_equal(infos[i].dev, makedev(line->major, line->minor));
		assert_non_null(infos[i].path);
		if (strstr(line->path, "memfd:"))
			assert_string_equal(infos[i].path, "memfd:fl memfd");
		else if (infos[i].flags & FL_VMA_NO_DIR) /* "anon_inode:bpf-map" */
			assert_non_null(strstr(line->path, infos[i].path));
		else
			assert_string_equal(infos[i].path, line->path);
	}
	vmas_release(infos, 2);
}

static void test_same_as_maps(void **state)
{
	struct fixture *fix = *state;
	int nr_lines = 0, nr_files = 0;
	char *text = NULL;
	size_t size = 0;

	if (!fix->vmas)
		skip();
	while (getline(&text, &size, fix->maps) > 0) {
		struct line line = {};
		int got = sscanf(text, "%lx-%lx %*s %lx %x:%x %lu %255[^\n]", &line.start,
				 &line.end, &line.offset, &line.major, &line.minor, &line.ino,
				 line.path);

		assert_true(got >= 6);
		if (strstr(line.path, "[vsyscall]")) /* not a VMA of the process */
			continue;
		check_line(fix->vmas, fix->child, &line);
		nr_lines++;
		nr_files += line.ino != 0;
	}
	free(text);
	assert_true(nr_lines > NR_EXTRA);
	assert_true(nr_files > 5);
}

/* All the way: an address in another process becomes the name of its function. */
static void test_name(void **state)
{
	struct fixture *fix = *state;
	uint64_t addr = (uintptr_t)child_main + 1; /* a fork has the same addresses */
	struct usym *usym = usym_new(NULL);
	struct vma_info info = {};
	char *name = NULL;

	if (!fix->vmas) {
		usym_free(usym);
		skip();
	}
	assert_int_equal(vmas_lookup(fix->vmas, fix->child, &addr, 1, &info), 0);
	assert_true(info.flags & FL_VMA_EXE || on_overlay("/proc/self/exe"));
	assert_int_equal(usym_resolve(usym, fix->child, &info, &addr, 1, &name), 0);
	if (strncmp(name, "child_main+0x1 [test_vmas", 25))
		fail_msg("got '%s'", name);
	free(name);
	vmas_release(&info, 1);
	usym_free(usym);
}

static void *tell_and_stay(void *arg)
{
	const int *fds = arg;
	pid_t tid = gettid();
	char unused;

	if (write(fds[0], &tid, sizeof(tid)) != sizeof(tid))
		_exit(2);
	_exit(read(fds[1], &unused, 1) < 0);
}

static _Noreturn void main_thread_exits(int out, int stop)
{
	static int fds[2];
	pthread_t thread;

	fds[0] = out;
	fds[1] = stop;
	if (pthread_create(&thread, NULL, tell_and_stay, fds))
		_exit(2);
	pthread_exit(NULL);
}

/* The main thread is gone, and its mappings with it; another thread has them still. */
static void test_main_thread_gone(void **state)
{
	struct fixture *fix = *state;
	uint64_t addr = (uintptr_t)child_main + 1;
	struct usym *usym = usym_new(NULL);
	struct vma_info info = {};
	char *name = NULL;
	int out[2], stop[2];
	pid_t child, tid = 0;

	if (!fix->vmas) {
		usym_free(usym);
		skip();
	}
	assert_true(!pipe(out) && !pipe(stop));
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		close(stop[1]);
		main_thread_exits(out[1], stop[0]);
	}
	close(out[1]);
	close(stop[0]);
	assert_int_equal(read(out[0], &tid, sizeof(tid)), sizeof(tid));
	for (int i = 0; i < 5000 && proc_task_state(child, child) != 'Z'; i++)
		usleep(1000);
	assert_int_equal(proc_task_state(child, child), 'Z');
	if (!vmas_lookup(fix->vmas, child, &addr, 1, &info))
		assert_int_equal(info.end, 0);
	assert_int_equal(vmas_lookup(fix->vmas, tid, &addr, 1, &info), 0);
	assert_int_equal(usym_resolve(usym, tid, &info, &addr, 1, &name), 0);
	if (strncmp(name, "child_main+0x1 [test_vmas", 25))
		fail_msg("got '%s'", name);
	free(name);
	vmas_release(&info, 1);
	close(stop[1]);
	close(out[0]);
	waitpid(child, NULL, 0);
	usym_free(usym);
}

static void test_nothing_there(void **state)
{
	struct fixture *fix = *state;
	uint64_t addrs[] = {0, 1, 0xffffffff81000000, 0x7ffffffff000};
	struct vma_info infos[4];

	if (!fix->vmas)
		skip();
	memset(infos, 0xff, sizeof(infos));
	assert_int_equal(vmas_lookup(fix->vmas, fix->child, addrs, 4, infos), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(infos[i].end, 0);
		assert_null(infos[i].path);
	}
}

static void test_no_such_thread(void **state)
{
	struct fixture *fix = *state;
	struct vma_info info = {.start = 7};
	uint64_t addr = 4096;
	pid_t gone = fork();

	if (!gone)
		_exit(0);
	assert_int_equal(waitpid(gone, NULL, 0), gone);
	if (!fix->vmas)
		skip();
	assert_int_equal(vmas_lookup(fix->vmas, gone, &addr, 1, &info), -ESRCH);
	assert_int_equal(vmas_lookup(fix->vmas, 0, &addr, 1, &info), -ESRCH);
	assert_int_equal(info.start, 7);
}

static void test_kernel_thread(void **state)
{
	struct fixture *fix = *state;
	struct vma_info info = {.end = 7};
	uint64_t addr = 4096;

	if (!fix->vmas || access("/proc/2", F_OK))
		skip();
	assert_int_equal(vmas_lookup(fix->vmas, 2, &addr, 1, &info), 0);
	assert_int_equal(info.end, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_maps),  cmocka_unit_test(test_name),
		cmocka_unit_test(test_nothing_there), cmocka_unit_test(test_no_such_thread),
		cmocka_unit_test(test_kernel_thread), cmocka_unit_test(test_main_thread_gone),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
