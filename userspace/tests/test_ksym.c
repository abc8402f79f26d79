// SPDX-License-Identifier: GPL-2.0
/* ksym, nearest and namecache: names for kernel addresses, from fixture files and, where visible, this kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ksym.h"
#include "namecache.h"
#include "nearest.h"

static char *write_table(const char *text)
{
	char *path = strdup("/tmp/faultline-ksym-XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

static void remove_table(char *path)
{
	unlink(path);
	free(path);
}

static void check(struct ksym *ksym, uint64_t addr, const char *want)
{
	char *name = NULL;

	assert_int_equal(ksym_resolve(ksym, &addr, 1, &name), 0);
	assert_string_equal(name, want);
	free(name);
}

static const char unsorted[] = "ffffffff81002000 T second\n"
			       "0000000000000000 A fixed_percpu_data\n"
			       "ffffffff81000000 T first\n"
			       "ffffffff81000000 T first_alias\n"
			       "ffffffff81000800 D data_between\n"
			       "ffffffff81003000 w weak_one\n"
			       "not a line\n"
			       "ffffffff81003000\n"
			       "ffffffffc0000000 t mod_fn\t[xfs]\n"
			       "ffffffffc0001000 t bpf_prog_1_x\t[bpf]\n"
			       "ffffffff81001000 t static_one.isra.0\n";

static void test_batch(void **state)
{
	char *path = write_table(unsorted);
	struct ksym *ksym = ksym_new(path);
	const uint64_t addrs[] = {0xffffffff81002010, 0xffffffff81000810, 0xffffffff81000000,
				  0xffffffffc0000fff, 0xffffffffc0001004, 0xffffffff81001001,
				  0xffffffff81002010, 0xffffffff80ffffff, 0xffffffff81ffffff,
				  0xffffffff81003001};
	const char *const want[] = {"second+0x10",
				    "first+0x810",
				    "first+0x0",
				    "mod_fn+0xfff [xfs]",
				    "bpf_prog_1_x+0x4 [bpf]",
				    "static_one.isra.0+0x1",
				    "second+0x10",
				    "0xffffffff80ffffff",
				    "0xffffffff81ffffff",
				    "weak_one+0x1"};
	char *names[10];

	(void)state;
	assert_int_equal(ksym_resolve(ksym, addrs, 10, names), 0);
	for (int i = 0; i < 10; i++) {
		assert_string_equal(names[i], want[i]);
		free(names[i]);
	}
	assert_null(ksym_reason(ksym));
	assert_int_equal(ksym_resolve(ksym, NULL, 0, NULL), 0);
	ksym_free(ksym);
	remove_table(path);
}

/* What was found once needs no file any more; a lost file is said. */
static void test_cache(void **state)
{
	const uint64_t addr = 0xffffffff81002010;
	char *path = write_table(unsorted);
	struct ksym *ksym = ksym_new(path);

	(void)state;
	check(ksym, 0xffffffff81000010, "first+0x10");
	ksym_prefetch(ksym, &addr, 1);
	unlink(path);
	check(ksym, addr, "second+0x10");
	check(ksym, 0xffffffff81000010, "first+0x10");
	assert_null(ksym_reason(ksym));
	check(ksym, 0xffffffff81000011, "0xffffffff81000011");
	assert_non_null(strstr(ksym_reason(ksym), "No such file"));
	ksym_free(ksym);
	free(path);
}

static void test_hidden(void **state)
{
	char *path = write_table("0000000000000000 T first\n0000000000000000 T second\n");
	struct ksym *ksym = ksym_new(path);

	(void)state;
	check(ksym, 0xffffffff81000010, "0xffffffff81000010");
	assert_non_null(strstr(ksym_reason(ksym), "kptr_restrict"));
	ksym_free(ksym);
	remove_table(path);
}

/* More addresses than the cache has slots, each function 16 bytes long. */
static void test_many(void **state)
{
	enum { NR = 5000 };
	char *path = strdup("/tmp/faultline-ksym-XXXXXX");
	FILE *file = fdopen(mkstemp(path), "w");
	uint64_t *addrs = calloc(NR, sizeof(*addrs));
	char **names = calloc(NR, sizeof(*names));
	struct ksym *ksym = ksym_new(path);

	(void)state;
	for (int i = NR - 1; i >= 0; i--)
		fprintf(file, "%016" PRIx64 " t fn%d\n", 0xffffffff81000000 + 16 * i, i);
	fclose(file);
	for (int i = 0; i < NR; i++)
		addrs[i] = 0xffffffff81000000 + 16 * ((i * 7) % NR) + 5;
	for (int round = 0; round < 2; round++) {
		assert_int_equal(ksym_resolve(ksym, addrs, NR, names), 0);
		for (int i = 0; i < NR; i++) {
			char want[32];

			snprintf(want, sizeof(want), "fn%d+0x5", (i * 7) % NR);
			assert_string_equal(names[i], want);
			free(names[i]);
		}
	}
	ksym_free(ksym);
	free(names);
	free(addrs);
	remove_table(path);
}

static void test_this_kernel(void **state)
{
	struct ksym *ksym = ksym_new(NULL);
	FILE *file = fopen("/proc/kallsyms", "r");
	unsigned long long addr = 0;
	char line[512], name[256] = "";
	char *got = NULL, want[300];
	uint64_t wanted;

	(void)state;
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%llx %*c %255s", &addr, name) == 2 && !strcmp(name, "vfs_read"))
			break;
	if (file)
		fclose(file);
	if (!addr || strcmp(name, "vfs_read")) {
		ksym_free(ksym);
		print_message("kernel addresses are hidden from this user\n");
		skip();
	}
	wanted = addr + 5;
	assert_int_equal(ksym_resolve(ksym, &wanted, 1, &got), 0);
	snprintf(want, sizeof(want), "%s+0x5", name);
	assert_string_equal(got, want);
	free(got);
	ksym_free(ksym);
}

static void test_namecache(void **state)
{
	struct namecache *cache = namecache_new();
	int kept = 0;

	(void)state;
	namecache_put(cache, 1, 16, "one", NAMECACHE_FOREVER);
	namecache_put(cache, 2, 16, "two", 100);
	assert_string_equal(namecache_get(cache, 1, 16, 1000), "one");
	assert_string_equal(namecache_get(cache, 2, 16, 100), "two");
	assert_null(namecache_get(cache, 2, 16, 101));
	assert_null(namecache_get(cache, 3, 16, 0));
	namecache_put(cache, 2, 16, "again", 200);
	assert_string_equal(namecache_get(cache, 2, 16, 200), "again");
	for (uint64_t addr = 0; addr < 100000; addr++) {
		namecache_put(cache, 4, addr, "x", NAMECACHE_FOREVER);
		assert_non_null(namecache_get(cache, 4, addr, 0));
		assert_non_null(namecache_get(cache, 1, 16, 0)); /* in use: never the victim */
	}
	for (uint64_t addr = 0; addr < 100000; addr++)
		kept += namecache_get(cache, 4, addr, 0) != NULL;
	assert_true(kept > 2000 && kept < 5000);
	namecache_free(cache);
}

static void test_nearest(void **state)
{
	uint64_t wanted[] = {30, 10, 20, 10, 30};
	size_t n = 5;

	(void)state;
	nearest_sort(wanted, &n);
	assert_int_equal(n, 3);
	assert_int_equal(wanted[0], 10);
	assert_int_equal(wanted[2], 30);
	assert_int_equal(nearest_slot(wanted, n, 0), 0);
	assert_int_equal(nearest_slot(wanted, n, 10), 0);
	assert_int_equal(nearest_slot(wanted, n, 11), 1);
	assert_int_equal(nearest_slot(wanted, n, 30), 2);
	assert_int_equal(nearest_slot(wanted, n, 31), 3);
	n = 0;
	nearest_sort(wanted, &n);
	assert_int_equal(n, 0);
	assert_int_equal(nearest_slot(wanted, 0, 5), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nearest),	    cmocka_unit_test(test_namecache),
		cmocka_unit_test(test_batch),	    cmocka_unit_test(test_cache),
		cmocka_unit_test(test_hidden),	    cmocka_unit_test(test_many),
		cmocka_unit_test(test_this_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
