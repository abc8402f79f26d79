// SPDX-License-Identifier: GPL-2.0
/* Are numbers with units read strictly and written readably? */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "units.h"

static void durations_in(void **state)
{
	static const struct {
		const char *text;
		int err;
		uint64_t ns;
	} cases[] = {
		{"0", 0, 0},
		{"0s", 0, 0},
		{"10ns", 0, 10},
		{"250us", 0, 250000},
		{"50ms", 0, 50000000},
		{"1.5s", 0, 1500000000},
		{"0.1s", 0, 100000000},
		{"2min", 0, 120000000000},
		{"1h", 0, 3600000000000},
		{"7d", 0, 604800000000000},
		{"0.0000000001s", 0, 0},
		{"18446744073709551615ns", 0, UINT64_MAX},
		{"18446744073709551616ns", -ERANGE, 0},
		{"18446744074s", -ERANGE, 0},
		{"99999999999999999999999d", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"5", -EINVAL, 0},
		{"00", -EINVAL, 0},
		{"ms", -EINVAL, 0},
		{"-5ms", -EINVAL, 0},
		{"+5ms", -EINVAL, 0},
		{" 5ms", -EINVAL, 0},
		{"5 ms", -EINVAL, 0},
		{"5ms ", -EINVAL, 0},
		{"5m", -EINVAL, 0},
		{"5.ms", -EINVAL, 0},
		{".5ms", -EINVAL, 0},
		{"5MS", -EINVAL, 0},
		{"0x5ms", -EINVAL, 0},
		{"1e3ms", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t ns = 42;

		if (units_parse_duration(cases[i].text, &ns) != cases[i].err)
			fail_msg("'%s'", cases[i].text);
		assert_int_equal(ns, cases[i].err ? 42 : cases[i].ns);
	}
}

static void sizes_in(void **state)
{
	uint64_t n = 42;

	(void)state;
	assert_int_equal(units_parse_size("512", &n), 0);
	assert_int_equal(n, 512);
	assert_int_equal(units_parse_size("64K", &n), 0);
	assert_int_equal(n, 65536);
	assert_int_equal(units_parse_size("1.5M", &n), 0);
	assert_int_equal(n, 1572864);
	assert_int_equal(units_parse_size("1G", &n), 0);
	assert_int_equal(n, 1073741824);
	assert_int_equal(units_parse_size("1.5", &n), -EINVAL);
	assert_int_equal(units_parse_size("", &n), -EINVAL);
	assert_int_equal(units_parse_size("64KB", &n), -EINVAL);
	assert_int_equal(units_parse_size("17179869184G", &n), -ERANGE);
	assert_int_equal(n, 1073741824);
}

static void percents_bools_and_integers_in(void **state)
{
	uint32_t n = 42;
	int flag = 42;

	(void)state;
	assert_int_equal(units_parse_percent("0.5%", &n), 0);
	assert_int_equal(n, 500);
	assert_int_equal(units_parse_percent("100%", &n), 0);
	assert_int_equal(n, 100000);
	assert_int_equal(units_parse_percent("2", &n), -EINVAL);
	assert_int_equal(units_parse_percent("%", &n), -EINVAL);
	assert_int_equal(units_parse_percent("4294968%", &n), -ERANGE);
	assert_int_equal(units_parse_bool("Yes", &flag), 0);
	assert_int_equal(flag, 1);
	assert_int_equal(units_parse_bool("off", &flag), 0);
	assert_int_equal(flag, 0);
	assert_int_equal(units_parse_bool("2", &flag), -EINVAL);
	assert_int_equal(units_parse_u32("7", 1, 9, &n), 0);
	assert_int_equal(n, 7);
	assert_int_equal(units_parse_u32("0", 1, 9, &n), -ERANGE);
	assert_int_equal(units_parse_u32("10", 1, 9, &n), -ERANGE);
	assert_int_equal(units_parse_u32("4294967296", 0, UINT32_MAX, &n), -ERANGE);
	assert_int_equal(units_parse_u32("7x", 1, 9, &n), -EINVAL);
	assert_int_equal(units_parse_u32("7.0", 1, 9, &n), -EINVAL);
	assert_int_equal(units_parse_u32("-7", 1, 9, &n), -EINVAL);
	assert_int_equal(n, 7);
}

static void durations_out(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{0, "0ns"},
		{999, "999ns"},
		{1000, "1.00us"},
		{45000, "45.0us"},
		{999499, "999us"},
		{999500, "1.00ms"},
		{1234567, "1.23ms"},
		{9995000, "10.0ms"},
		{999999999, "1.00s"},
		{15200000000, "15.2s"},
		{59949999999, "59.9s"},
		{59950000000, "1m00s"},
		{60000000000, "1m00s"},
		{125700000000, "2m05s"},
		{3599999999999, "59m59s"},
		{11520000000000, "3h12m"},
		{266400000000000, "3d02h"},
		{UINT64_MAX, "213503d23h"},
	};
	char buf[UNITS_BUF];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(units_format_duration(buf, cases[i].ns), cases[i].text);
}

static void sizes_and_counts_out(void **state)
{
	char buf[UNITS_BUF];

	(void)state;
	assert_string_equal(units_format_size(buf, 0), "0 B");
	assert_string_equal(units_format_size(buf, 1023), "1023 B");
	assert_string_equal(units_format_size(buf, 1024), "1.0 KiB");
	assert_string_equal(units_format_size(buf, 1572864), "1.5 MiB");
	assert_string_equal(units_format_size(buf, 1048575), "1.0 MiB");
	assert_string_equal(units_format_size(buf, UINT64_MAX), "16.0 EiB");
	assert_string_equal(units_format_count(buf, 0), "0");
	assert_string_equal(units_format_count(buf, 999), "999");
	assert_string_equal(units_format_count(buf, 12345), "12,345");
	assert_string_equal(units_format_count(buf, 1000000), "1,000,000");
	assert_string_equal(units_format_count(buf, 999999999999999999), "999,999,999,999,999,999");
	assert_string_equal(units_format_count(buf, UINT64_MAX), "18446744073709551615");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_in),
		cmocka_unit_test(sizes_in),
		cmocka_unit_test(percents_bools_and_integers_in),
		cmocka_unit_test(durations_out),
		cmocka_unit_test(sizes_and_counts_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
