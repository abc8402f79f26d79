// SPDX-License-Identifier: GPL-2.0
/*
 * usym and elfsym: names of functions of this very program, by mappings that
 * the test describes itself; then the same file damaged in thousands of ways,
 * which must never crash or hang.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "usym.h"

__attribute__((noinline)) int usym_test_global(int x);
__attribute__((noinline)) int usym_test_global(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 1;
}

static __attribute__((noinline)) int usym_test_static(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 2;
}

/* The mapping of an address of this process, as vmas_lookup() would tell it. */
static struct vma_info mapping_of(const void *at)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uintptr_t addr = (uintptr_t)at;
	struct vma_info info = {};
	unsigned long start, end, offset;
	char line[4096], path[4096];
	struct stat st;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		int got = sscanf(line, "%lx-%lx %*s %lx %*s %*u %4095[^\n]", &start, &end, &offset,
				 path);

		if (got < 3 || addr < start || addr >= end)
			continue;
		info = (struct vma_info){.start = start, .end = end, .offset = offset};
		if (got == 4 && path[0] == '/') {
			assert_int_equal(stat(path, &st), 0);
			info.ino = st.st_ino;
			info.dev = st.st_dev;
			strcpy(info.fs_type, "ext4"); /* whatever it is, it answers */
			info.flags = FL_VMA_FOUND | FL_VMA_FILE | FL_VMA_PATH;
			info.path = strdup(path);
		}
	}
	fclose(maps);
	return info;
}

static char *resolve(struct usym *usym, const struct vma_info *vma, uint64_t addr)
{
	char *name = NULL;

	assert_int_equal(usym_resolve(usym, getpid(), vma, &addr, 1, &name), 0);
	assert_non_null(name);
	return name;
}

static void expect_prefix(char *name, const char *prefix)
{
	if (strncmp(name, prefix, strlen(prefix)))
		fail_msg("'%s' does not begin with '%s'", name, prefix);
	free(name);
}

static void test_own_functions(void **state)
{
	struct vma_info vma = mapping_of(usym_test_global);
	struct usym *usym = usym_new("/nonexistent");
	uint64_t addrs[] = {(uintptr_t)usym_test_global, (uintptr_t)usym_test_static + 1,
			    (uintptr_t)usym_test_global + 1, 0x10};
	struct vma_info vmas[] = {vma, vma, vma, {}};
	char *names[4];

	(void)state;
	assert_int_equal(usym_test_global(1) + usym_test_static(1), 5);
	assert_int_equal(usym_resolve(usym, getpid(), vmas, addrs, 4, names), 0);
	expect_prefix(names[0], "usym_test_global+0x0 [test_usym");
	expect_prefix(names[1], "usym_test_static+0x1 [test_usym");
	expect_prefix(names[2], "usym_test_global+0x1 [test_usym");
	assert_string_equal(names[3], "0x0000000000000010");
	free(names[3]);
	for (int i = 0; i < 2; i++) /* from the cache */
		expect_prefix(resolve(usym, &vma, addrs[2]), "usym_test_global+0x1 [test_usym");
	free(vma.path);
	usym_free(usym);
}

/* An exported function of a stripped library: found in the dynamic table. */
static void test_library(void **state)
{
	const void *at = dlsym(RTLD_DEFAULT, "getppid");
	struct vma_info vma = mapping_of(at);
	struct usym *usym = usym_new("/nonexistent");

	(void)state;
	assert_non_null(vma.path);
	expect_prefix(resolve(usym, &vma, (uintptr_t)at + 2), "getppid+0x2 [libc");
	free(vma.path);
	usym_free(usym);
}

/* What cannot be trusted or read falls back to less, and says so. */
static void test_fallbacks(void **state)
{
	struct vma_info vma = mapping_of(usym_test_global), other = vma;
	uint64_t addr = (uintptr_t)usym_test_global, header = vma.start - vma.offset;
	struct usym *usym = usym_new(NULL);
	char *name;

	(void)state;
	other.ino++; /* another file by now */
	name = resolve(usym, &other, addr);
	assert_null(strstr(name, "usym_test_global"));
	assert_non_null(strstr(name, " [test_usym"));
	free(name);
	other = vma;
	strcpy(other.fs_type, "fuse"); /* must not be opened at all */
	name = resolve(usym, &other, addr);
	assert_null(strstr(name, "usym_test_global"));
	free(name);
	other = vma;
	other.dev++; /* as with btrfs and overlay */
	name = resolve(usym, &other, addr);
	assert_non_null(strstr(name, "usym_test_global+0x0 [test_usym"));
	assert_non_null(strstr(name, "?]"));
	free(name);
	other = vma;
	other.start = header; /* the ELF header: in the file, in no function */
	other.offset = 0;
	name = resolve(usym, &other, header + 16);
	assert_non_null(strstr(name, "+0x10 "));
	assert_true(strlen(strrchr(name, ' ')) >= 40); /* build id */
	free(name);
	other = (struct vma_info){.start = 4096, .end = 8192, .path = "memfd:\n\"x"};
	name = resolve(usym, &other, 4100);
	assert_string_equal(name, "0x0000000000001004 [memfd:\\x0a\"x+0x4]");
	free(name);
	free(vma.path);
	usym_free(usym);
}

/* A path that is a link out of the root, a pipe or a folder is not followed or read. */
static void test_not_regular(void **state)
{
	char dir[] = "/tmp/faultline-usym-XXXXXX", path[64];
	struct vma_info vma = {.start = 4096, .end = 8192, .flags = FL_VMA_FILE, .path = path};
	struct usym *usym = usym_new(NULL);
	struct stat st;
	char *name;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/pipe", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(stat(path, &st), 0);
	vma.ino = st.st_ino;
	vma.dev = st.st_dev;
	strcpy(vma.fs_type, "ext4");
	name = resolve(usym, &vma, 4100);
	assert_string_equal(name, "0x0000000000001004 [pipe+0x4]");
	free(name);
	unlink(path);
	rmdir(dir);
	usym_free(usym);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_functions),
		cmocka_unit_test(test_library),
		cmocka_unit_test(test_fallbacks),
		cmocka_unit_test(test_not_regular),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
