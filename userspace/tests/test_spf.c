// SPDX-License-Identifier: GPL-2.0
/* Counters of speculative faults: by name, added up, absent; settings. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spf.h"

/* In the form of 6.1's /proc/vmstat; the numbers are this test's. */
static const char vmstat[] = "nr_free_pages 371\n"
			     "pgfault 9000\n"
			     "pgfault_more 5\n"
			     "spf_attempt 100\n"
			     "spf_ok_zero 20\n"
			     "spf_ok_anon 50\n"
			     "spf_ok_cow 7\n" /* of a later series */
			     "spf_abort_vma 1\n"
			     "spf_abort_blocked 15\n"
			     "spf_abort_other 2\n"
			     "spf_abort_swap 5\n" /* of a later series */
			     "spf_contended 40\n"
			     "spf_quiet 9\n"
			     "spf_trylock_race 3\n"
			     "spf_activate 2\n"
			     "spf_vma_rcu_free 8\n"
			     "spf_block 11\n";

static void test_parse(void **state)
{
	struct spf_counts counts;

	(void)state;
	assert_int_equal(spf_parse_vmstat(vmstat, &counts), 0);
	assert_int_equal(counts.n[SPF_FAULTS], 9000);
	assert_int_equal(counts.n[SPF_ATTEMPT], 100);
	assert_int_equal(counts.n[SPF_OK], 77);
	assert_int_equal(counts.n[SPF_ABORT_VMA], 1);
	assert_int_equal(counts.n[SPF_ABORT_BLOCKED], 15);
	assert_int_equal(counts.n[SPF_ABORT_OTHER], 7);
	assert_int_equal(counts.n[SPF_CONTENDED], 40);
	assert_int_equal(counts.n[SPF_QUIET], 9);
	assert_int_equal(counts.n[SPF_BLOCK], 11);
	assert_int_equal(spf_aborts(&counts), 23);
	/* attempts are ok and aborts, exactly: nothing was left out */
	assert_int_equal(counts.n[SPF_OK] + spf_aborts(&counts), 100);
}

static void test_absent(void **state)
{
	struct spf_counts counts = {.n = {[SPF_OK] = 3}};

	(void)state;
	assert_int_equal(spf_parse_vmstat("", &counts), -ENOTSUP);
	assert_int_equal(spf_parse_vmstat("pgfault 1\nspf_attempts 4\n", &counts), -ENOTSUP);
	assert_int_equal(counts.n[SPF_OK], 3); /* untouched */
	assert_int_equal(spf_read_vmstat("/nonexistent", &counts), -ENOENT);
	assert_int_equal(spf_parse_vmstat("spf_attempt", &counts), 0); /* cut short */
	assert_int_equal(counts.n[SPF_ATTEMPT], 0);
}

static void test_diff(void **state)
{
	struct spf_counts before = {.n = {[SPF_OK] = 5, [SPF_QUIET] = 9}};
	struct spf_counts now = {.n = {[SPF_OK] = 8, [SPF_QUIET] = 2}}, diff;

	(void)state;
	spf_diff(&before, &now, &diff);
	assert_int_equal(diff.n[SPF_OK], 3);
	assert_int_equal(diff.n[SPF_QUIET], 0);
	assert_int_equal(diff.n[SPF_BLOCK], 0);
}

static void put(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void test_sysctl(void **state)
{
	char dir[] = "/tmp/test_spf.XXXXXX", command[64];
	uint32_t value = 7;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(spf_read_sysctl(dir, "spf_backoff_max", &value), -ENOTSUP);
	put(dir, "spf_backoff_max", "64\n");
	assert_int_equal(spf_read_sysctl(dir, "spf_backoff_max", &value), 0);
	assert_int_equal(value, 64);
	put(dir, "spf_backoff_max", "many\n");
	assert_int_equal(spf_read_sysctl(dir, "spf_backoff_max", &value), -EPROTO);
	put(dir, "spf_backoff_max", "64 65\n");
	assert_int_equal(spf_read_sysctl(dir, "spf_backoff_max", &value), -EPROTO);
	put(dir, "spf_backoff_max", "");
	assert_int_equal(spf_read_sysctl(dir, "spf_backoff_max", &value), -EPROTO);
	assert_int_equal(value, 64); /* untouched */
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < SPF_NR_COUNTERS; i++)
		assert_non_null(spf_counter_name(i));
	assert_string_equal(spf_counter_name(SPF_ABORT_MT_BUSY), "abort_mt_busy");
	assert_string_equal(spf_counter_name(SPF_NR_COUNTERS), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse), cmocka_unit_test(test_absent),
		cmocka_unit_test(test_diff),  cmocka_unit_test(test_sysctl),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
