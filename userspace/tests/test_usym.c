// SPDX-License-Identifier: GPL-2.0
/*
 * usym: names of functions of this very program, by mappings that the test
 * reads from maps; and of a helper program that is built in every way that
 * matters: position independent or not, static, stripped, with its debug
 * file elsewhere, or deleted while it runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

/* The mapping of an address of a process, as vmas_lookup() would tell it. */
static struct vma_info mapping_in(pid_t pid, uintptr_t addr)
{
	char maps_path[32];
	FILE *maps;
	struct vma_info info = {};
	unsigned long start, end, offset;
	char line[4096], path[4096];
	struct stat st;

	snprintf(maps_path, sizeof(maps_path), "/proc/%d/maps", pid);
	maps = fopen(maps_path, "re");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		int got = sscanf(line, "%lx-%lx %*s %lx %*s %*u %4095[^\n]", &start, &end, &offset,
				 path);

		if (got < 3 || addr < start || addr >= end)
			continue;
		info = (struct vma_info){.start = start, .end = end, .offset = offset};
		if (got == 4 && path[0] == '/') {
			char exe[32];

			snprintf(exe, sizeof(exe), "/proc/%d/exe", pid);
			if (strstr(path, " (deleted)")) {
				assert_int_equal(stat(exe, &st), 0);
				info.flags = FL_VMA_EXE;
				*strstr(path, " (deleted)") = '\0'; /* as vmas does */
			} else {
				assert_int_equal(stat(path, &st), 0);
			}
			info.ino = st.st_ino;
			info.dev = st.st_dev;
			strcpy(info.fs_type, "ext4"); /* whatever it is, it answers */
			info.flags |= FL_VMA_FOUND | FL_VMA_FILE | FL_VMA_PATH;
			info.path = strdup(path);
		}
	}
	fclose(maps);
	return info;
}

static struct vma_info mapping_of(const void *at)
{
	return mapping_in(getpid(), (uintptr_t)at);
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

/* --- a helper program, built when there is a compiler */

static const char helper_source[] =
	"#include <stdio.h>\n"
	"__attribute__((noinline)) void helper_function(void) { __asm__ volatile(\"\"); }\n"
	"int main(void) { helper_function(); printf(\"%p\\n\", (void *)helper_function);\n"
	"fflush(stdout); return getchar(); }\n";

struct helper {
	const char *build; /* shell, in a folder of its own where helper.c is: makes ./helper */
	const char *expect; /* "": no function is known, but the place is */
	bool deleted;
};

static char folder[] = "/tmp/faultline-usym-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void build(const struct helper *helper)
{
	char command[1024], path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/helper.c", folder);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(helper_source, file) >= 0);
	fclose(file);
	snprintf(command, sizeof(command), "cd %s && rm -rf debug .debug *.debug && %s", folder,
		 helper->build);
	assert_int_equal(system(command), 0);
}

/* Run ./helper; it prints the address of its function, and waits for its input to end. */
static pid_t run(int *ret_stop_fd, uintptr_t *ret_addr)
{
	int out[2], in[2];
	char text[32] = "", path[64];
	pid_t pid;

	assert_true(!pipe(out) && !pipe(in));
	snprintf(path, sizeof(path), "%s/helper", folder);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[0]);
		close(in[1]);
		execl(path, path, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	assert_true(read(out[0], text, sizeof(text) - 1) > 2);
	close(out[0]);
	*ret_addr = strtoull(text, NULL, 16);
	*ret_stop_fd = in[1];
	return pid;
}

static void test_helper(void **state)
{
	const struct helper *helper = *state;
	char debug_dir[64], *name = NULL;
	struct vma_info vma;
	struct usym *usym;
	uintptr_t addr;
	uint64_t at;
	int stop_fd;
	pid_t pid;

	if (system("command -v cc objcopy >/dev/null")) {
		print_message("needs cc and objcopy\n");
		skip();
	}
	build(helper);
	pid = run(&stop_fd, &addr);
	snprintf(debug_dir, sizeof(debug_dir), "%s/%s", folder, "helper");
	if (helper->deleted)
		assert_int_equal(unlink(debug_dir), 0);
	snprintf(debug_dir, sizeof(debug_dir), "%s/debug", folder);
	vma = mapping_in(pid, addr);
	usym = usym_new(debug_dir);
	at = addr;
	assert_int_equal(usym_resolve(usym, pid, &vma, &at, 1, &name), 0);
	close(stop_fd);
	waitpid(pid, NULL, 0);
	usym_free(usym);
	free(vma.path);
	if (helper->expect[0])
		expect_prefix(name, helper->expect);
	else {
		assert_null(strstr(name, "helper_function"));
		assert_non_null(strstr(name, " [helper+0x"));
		free(name);
	}
}

#define NAMED "helper_function+0x0 [helper]"
#define CC_G  "cc -g -O1 helper.c -o helper "

static struct helper pie = {CC_G "-fPIE -pie", NAMED, false};
static struct helper no_pie = {CC_G "-no-pie", NAMED, false};
static struct helper is_static = {CC_G "-static -no-pie", NAMED, false};
static struct helper deleted = {CC_G, NAMED, true};
static struct helper stripped = {CC_G "&& strip helper", "", false};
static struct helper dynamic_only = {CC_G "-rdynamic && strip helper", NAMED, false};
#define MAKE_DEBUG "&& objcopy --only-keep-debug helper helper.debug && objcopy --strip-all "
static struct helper by_build_id = {CC_G "-Wl,--build-id=0xabcdef0123456789 " MAKE_DEBUG
					 "helper && mkdir -p debug/.build-id/ab && "
					 "mv helper.debug debug/.build-id/ab/cdef0123456789.debug",
				    NAMED, false};
#define BY_LINK MAKE_DEBUG "--add-gnu-debuglink=helper.debug helper "
static struct helper by_link = {CC_G BY_LINK, NAMED, false};
static struct helper by_link_hidden = {CC_G BY_LINK "&& mkdir .debug && mv helper.debug .debug/",
				       NAMED, false};
static struct helper by_link_crc = {CC_G "-Wl,--build-id=none " BY_LINK, NAMED, false};
static struct helper by_link_wrong_crc = {
	CC_G "-Wl,--build-id=none " BY_LINK "&& echo >>helper.debug", "", false};
static struct helper by_link_wrong_id = {
	CC_G "-Wl,--build-id=0xabcdef01 " BY_LINK
	     "&& cc -g -O1 -Wl,--build-id=0x12345678 helper.c -o other && "
	     "objcopy --only-keep-debug other helper.debug",
	"", false};

#define HELPER_TEST(helper)                                              \
	{                                                                \
		"test_helper_" #helper, test_helper, NULL, NULL, &helper \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_functions),
		cmocka_unit_test(test_library),
		cmocka_unit_test(test_fallbacks),
		cmocka_unit_test(test_not_regular),
		HELPER_TEST(pie),
		HELPER_TEST(no_pie),
		HELPER_TEST(is_static),
		HELPER_TEST(deleted),
		HELPER_TEST(stripped),
		HELPER_TEST(dynamic_only),
		HELPER_TEST(by_build_id),
		HELPER_TEST(by_link),
		HELPER_TEST(by_link_hidden),
		HELPER_TEST(by_link_crc),
		HELPER_TEST(by_link_wrong_crc),
		HELPER_TEST(by_link_wrong_id),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
