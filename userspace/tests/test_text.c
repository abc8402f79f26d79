// SPDX-License-Identifier: GPL-2.0
/* Is text from strangers harmless in every format? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "text.h"

static void assert_clean(const char *raw, const char *want)
{
	char *got = text_clean_dup(raw);

	assert_non_null(got);
	assert_string_equal(got, want);
	free(got);
}

static void dangerous_characters_are_escaped(void **state)
{
	(void)state;
	assert_clean("plain name", "plain name");
	assert_clean("\033[31mred\033[0m", "\\x1b[31mred\\x1b[0m");
	assert_clean("a\nb\tc\r\x7f", "a\\x0ab\\x09c\\x0d\\x7f");
	assert_clean("back\\slash", "back\\x5cslash");
	assert_clean("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80",
		     "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80");
	assert_clean("\xe2\x80\xaetxt.exe", "\\xe2\\x80\\xaetxt.exe"); /* right-to-left override */
	assert_clean("\xe2\x81\xa6x\xe2\x81\xa9", "\\xe2\\x81\\xa6x\\xe2\\x81\\xa9");
	assert_clean("\xe2\x80\xa8", "\\xe2\\x80\\xa8"); /* line separator */
	assert_clean("\xd8\x9c", "\\xd8\\x9c"); /* Arabic letter mark */
	assert_clean("\xc2\x9b"
		     "31m",
		     "\\xc2\\x9b31m"); /* C1: CSI */
	assert_null(text_clean_dup(NULL));
}

static void what_is_not_utf8_is_escaped(void **state)
{
	(void)state;
	assert_clean("\xff\xfe", "\\xff\\xfe");
	assert_clean("\xc3", "\\xc3");
	assert_clean("\xc0\xaf", "\\xc0\\xaf"); /* overlong / */
	assert_clean("\xe0\x80\xaf", "\\xe0\\x80\\xaf"); /* overlong / */
	assert_clean("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* surrogate */
	assert_clean("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
	assert_clean("a\x80z", "a\\x80z");
}

static void truncated_at_a_whole_character(void **state)
{
	char buf[8];

	(void)state;
	text_clean(buf, sizeof(buf), "abc\nxyz", 7);
	assert_string_equal(buf, "abc\\x0a");
	text_clean(buf, 7, "abc\nxyz", 7);
	assert_string_equal(buf, "abc");
	text_clean(buf, 3, "a\xe2\x82\xac", 4);
	assert_string_equal(buf, "a");
	text_clean(buf, sizeof(buf), "abcdef", 3);
	assert_string_equal(buf, "abc");
	text_clean(buf, 1, "abc", 3);
	assert_string_equal(buf, "");
}

static void clean_text_stays_as_it_is(void **state)
{
	char *once = text_clean_dup("a\\b\n"), *twice;

	(void)state;
	assert_non_null(once);
	twice = text_reclean_dup(once);
	assert_string_equal(twice, once);
	free(twice);
	twice = text_reclean_dup("\033[2J\\x41");
	assert_string_equal(twice, "\\x1b[2J\\x41");
	free(once);
	free(twice);
}

static void assert_put(void (*put)(FILE *out, const char *text), const char *text, const char *want)
{
	char *got = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&got, &size);

	assert_non_null(out);
	put(out, text);
	fclose(out);
	assert_string_equal(got, want);
	free(got);
}

static void quoted_for_each_format(void **state)
{
	(void)state;
	assert_put(text_put_csv, "", "");
	assert_put(text_put_csv, "plain", "plain");
	assert_put(text_put_csv, "a,b", "\"a,b\"");
	assert_put(text_put_csv, "say \"hi\"", "\"say \"\"hi\"\"\"");
	assert_put(text_put_csv, "two\r\nlines", "\"two\r\nlines\"");
	assert_put(text_put_csv, "=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\"");
	assert_put(text_put_csv, "+1", "\"'+1\"");
	assert_put(text_put_csv, "-1", "\"'-1\"");
	assert_put(text_put_csv, "@SUM(A1)", "\"'@SUM(A1)\"");
	assert_put(text_put_csv, " x ", "\" x \"");
	assert_put(text_put_label, "a\"b\\c\nd", "a\\\"b\\\\c\\nd");
	assert_put(text_put_xml, "<a href='x'>&\"\033", "&lt;a href=&#39;x&#39;&gt;&amp;&quot;?");
	assert_put(text_put_folded, "a;b c\td\ne", "a_b_c_d_e");
}

static void pad5(FILE *out, const char *text)
{
	text_put_padded(out, text, 5);
}

static void tail5(FILE *out, const char *text)
{
	text_put_tail(out, text, 5);
}

/* One word for a shell, and for the shell that it starts, whoever forgot the quotes. */
static void one_word(void **state)
{
	static const struct {
		const char *clean, *word;
	} rows[] = {
		{"nginx.service", "nginx.service"},
		{"kworker/0:1-events,x@y+z%_", "kworker/0:1-events,x@y+z%_"},
		{"Web Content", "Web\\x20Content"},
		{"a\\x0ab", "a\\x0ab"}, /* was a newline */
		{"-rf", "\\x2drf"},
		{"+x", "\\x2bx"},
		{"$(reboot)`x`", "\\x24\\x28reboot\\x29\\x60x\\x60"},
		{"a;b|c&d>e<f", "a\\x3bb\\x7cc\\x26d\\x3ee\\x3cf"},
		{"*?[]{}~#!^=\"'", "\\x2a\\x3f\\x5b\\x5d\\x7b\\x7d\\x7e\\x23\\x21"
				   "\\x5e\\x3d\\x22\\x27"},
		{"\xc3\xa4", "\\xc3\\xa4"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *word = text_word_dup(rows[i].clean), command[256];

		assert_string_equal(word, rows[i].word);
		snprintf(command, sizeof(command), "eval set -- %s; [ $# = %d ]", word, !!*word);
		assert_int_equal(system(command), 0);
		free(word);
	}
}

static void padded_to_columns(void **state)
{
	(void)state;
	assert_put(pad5, "ab", "ab   ");
	assert_put(pad5, "abcde", "abcde");
	assert_put(pad5, "abcdef", "abcd~");
	assert_put(pad5, "\xc3\xa4\xc3\xb6\xc3\xbc", "\xc3\xa4\xc3\xb6\xc3\xbc  ");
	assert_put(tail5, "ab", "ab   ");
	assert_put(tail5, "/system.slice/x", "~ce/x");
	assert_int_equal(text_width("\xc3\xa4\xc3\xb6"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dangerous_characters_are_escaped),
		cmocka_unit_test(what_is_not_utf8_is_escaped),
		cmocka_unit_test(truncated_at_a_whole_character),
		cmocka_unit_test(clean_text_stays_as_it_is),
		cmocka_unit_test(quoted_for_each_format),
		cmocka_unit_test(one_word),
		cmocka_unit_test(padded_to_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
