// SPDX-License-Identifier: GPL-2.0
/* Configuration: keys, messages, precedence, all or nothing, the sample file. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "config_table.h"

struct heard {
	size_t n;
	char text[16][1024];
};

static void hear(void *arg, const char *message)
{
	struct heard *heard = arg;

	if (heard->n < 16)
		snprintf(heard->text[heard->n], sizeof(heard->text[0]), "%s", message);
	heard->n++;
}

static int parse(const char *text, struct heard *heard, struct config **ret)
{
	heard->n = 0;
	*ret = NULL;
	return config_parse("x.conf", text, strlen(text), hear, heard, ret);
}

static void test_defaults(void **state)
{
	struct heard heard;
	struct config *c;

	(void)state;
	assert_int_equal(parse("", &heard, &c), 0);
	assert_int_equal(c->min_wait_ns, 0);
	assert_int_equal(c->event_min_ns, 1000000);
	assert_int_equal(c->unfinished_min_ns, 500000000);
	assert_true(c->holders);
	assert_false(c->user_stacks);
	assert_int_equal(c->max_waiters, 8192);
	assert_int_equal(c->ring_bytes, 512 << 10);
	assert_int_equal(c->hot_enter_millipct, 5000);
	assert_string_equal(c->incident_dir, "/var/lib/faultline/incidents");
	assert_int_equal(c->incident_max_bytes, 64 << 20);
	assert_int_equal(c->breaker_max_rate, 2000000);
	assert_string_equal(c->metrics_listen, "");
	config_free(c);
}

static void test_values(void **state)
{
	struct heard heard;
	struct config *c;

	(void)state;
	assert_int_equal(parse("\xef\xbb\xbf# comment\n[measure]\n  EventMin = 2.5ms\nHolders=no\n"
			       "RingSize=1M ; why\n[metrics]\nListen=unix:/run/m.sock\r\n"
			       "[breaker]\nMaxCost=0.25%\n",
			       &heard, &c),
			 0);
	assert_int_equal(c->event_min_ns, 2500000);
	assert_false(c->holders);
	assert_int_equal(c->ring_bytes, 1 << 20);
	assert_string_equal(c->metrics_listen, "unix:/run/m.sock");
	assert_int_equal(c->breaker_cost_millipct, 250);
	config_free(c);
}

static void test_bad_lines(void **state)
{
	static const struct {
		const char *text;
		const char *message; /* part of it */
	} rows[] = {
		{"[measure]\nMinWeit=1ms\n", "x.conf:2: [measure] MinWeit is no key"},
		{"[mesure]\nMinWait=1ms\n", "x.conf:1: [mesure] is no section"},
		{"MinWait=1ms\n", "x.conf:1: [] MinWait is no key"},
		{"[measure]\n\nMinWait=10\n", "x.conf:3: [measure] MinWait: '10' does not fit; "
					      "write a duration"},
		{"[measure]\nMinWait=5 parsecs\n", "a duration with a unit"},
		{"[measure]\nRingSize=500K\n", "a power of two"},
		{"[measure]\nMaxWaiters=0\n", "write a value from 1 to 1048576"},
		{"[measure]\nMaxWaiters=-1\n", "a whole number"},
		{"[hot]\nEnter=5\n", "a percentage"},
		{"[measure]\nHolders=maybe\n", "yes or no"},
		{"[incident]\nDirectory=var/x\n", "an absolute path"},
		{"[metrics]\nListen=0.0.0.0:9946\n", "other addresses are not served"},
		{"[metrics]\nListen=127.0.0.1:99460\n", "other addresses are not served"},
		{"[daemon]\nLogLevel=loud\n", "err, warning, info or debug"},
		{"[measure\nMinWait=1ms\n", "x.conf:1: '[measure': the section name does not end"},
		{"[measure] x\n", "text after [section]"},
		{"[measure]\nMinWait\n", "x.conf:2: 'MinWait' is neither [section] nor Key=value"},
		{"[measure]\nMinWait=1ms\nMinWait=2ms\n", "x.conf:3: [measure] MinWait is already "
							  "set in line 2"},
		{"[hot]\nEnter=1%\nLeave=2%\n", "[hot] Leave is above Enter"},
		{"[policy]\nMode=auto\n", "observe, advise or enforce"},
		{"[policy]\nOnExit=forget\n", "restore or keep"},
		{"[policy]\nMaxChanges=17\n", "from 2 to 16"},
		{"[policy]\nBackoffMin=9\nBackoffMax=8\n", "BackoffMin is above BackoffMax"},
		{"[policy]\nSpinsMin=65\n", "SpinsMin is above SpinsMax"},
	};
	struct heard heard;
	struct config *c;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int err = parse(rows[i].text, &heard, &c);

		if (err != -EINVAL || !heard.n || !strstr(heard.text[0], rows[i].message))
			fail_msg("%s -> %d, %zu: %s", rows[i].text, err, heard.n,
				 heard.n ? heard.text[0] : "");
		assert_null(c);
	}
}

static void test_all_problems_are_told(void **state)
{
	struct heard heard;
	struct config *c;

	(void)state;
	assert_int_equal(parse("[measure]\nA=1\nMinWait=x\n[b]\nC=1\n", &heard, &c), -EINVAL);
	assert_int_equal(heard.n, 3);
}

static void test_long_line_and_nul(void **state)
{
	char text[2000] = "[incident]\nDirectory=/";
	struct heard heard = {0};
	struct config *c = NULL;

	(void)state;
	memset(text + strlen(text), 'a', 400);
	assert_int_equal(parse(text, &heard, &c), -EINVAL);
	assert_int_equal(heard.n, 1);
	assert_non_null(strstr(heard.text[0], "x.conf:2: the line has 411 bytes; at most 196"));

	/* a long comment is no problem */
	memset(text, '#', 1000);
	strcpy(text + 1000, "\n[measure]\nMinWait=1us\n");
	assert_int_equal(parse(text, &heard, &c), 0);
	assert_int_equal(c->min_wait_ns, 1000);
	config_free(c);

	heard.n = 0;
	c = NULL;
	assert_int_equal(config_parse("x", "[mea\0sure]\n", 11, hear, &heard, &c), -EINVAL);
	assert_non_null(strstr(heard.text[0], "NUL byte"));

	/* the longest line that is taken arrives whole */
	strcpy(text, "[incident]\nDirectory=/");
	memset(text + 22, 'b', CONFIG_MAX_LINE - 11);
	text[11 + CONFIG_MAX_LINE] = '\0';
	assert_int_equal(parse(text, &heard, &c), 0);
	assert_int_equal(strlen(c->incident_dir), CONFIG_MAX_LINE - 10);
	config_free(c);
}

static char *temp_dir(void)
{
	char *dir = strdup("/tmp/faultline-config-XXXXXX");

	assert_non_null(mkdtemp(dir));
	return dir;
}

static void put(const char *root, const char *path, const char *text)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *c = full + strlen(root) + 1; (c = strchr(c, '/')); c++) {
		*c = '\0';
		mkdir(full, 0755);
		*c = '/';
	}
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void drop(char *root)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	assert_int_equal(system(command), 0);
	free(root);
}

static void test_precedence(void **state)
{
	struct heard heard = {0};
	char *root = temp_dir();
	struct config *c;

	(void)state;
	put(root, "/usr/lib/faultline/faultline.conf", "[measure]\nMinWait=1ns\nEventMin=9ms\n");
	put(root, "/etc/faultline/faultline.conf", "[measure]\nMinWait=2ns\nStackMin=7ms\n");
	put(root, "/usr/lib/faultline/faultline.conf.d/10-a.conf", "[measure]\nMinWait=3ns\n");
	put(root, "/run/faultline/faultline.conf.d/10-a.conf", "[measure]\nMinWait=4ns\n");
	put(root, "/run/faultline/faultline.conf.d/20-b.conf", "[measure]\nStackMin=\n");
	put(root, "/etc/faultline/faultline.conf.d/readme.txt", "not read\n");
	assert_int_equal(config_load(root, NULL, hear, &heard, &c), 0);
	assert_int_equal(c->min_wait_ns, 4);
	assert_int_equal(c->event_min_ns, 1000000); /* the file in /usr/lib is hidden */
	assert_int_equal(c->stack_min_ns, 10000000); /* an empty value: the default */
	assert_int_equal(c->n_files, 3);
	assert_non_null(strstr(c->files[0], "/etc/faultline/faultline.conf"));
	assert_non_null(strstr(c->files[1], "/run/faultline/faultline.conf.d/10-a.conf"));
	config_free(c);
	drop(root);
}

static void test_masked_dropin(void **state)
{
	struct heard heard = {0};
	char *root = temp_dir(), path[256];
	struct config *c;

	(void)state;
	put(root, "/usr/lib/faultline/faultline.conf.d/a.conf", "[measure]\nMinWait=3ns\n");
	put(root, "/etc/faultline/faultline.conf.d/z.conf", "");
	snprintf(path, sizeof(path), "%s/etc/faultline/faultline.conf.d/a.conf", root);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(config_load(root, NULL, hear, &heard, &c), 0);
	assert_int_equal(c->min_wait_ns, 0);
	config_free(c);
	drop(root);
}

static void test_files_that_cannot_be_read(void **state)
{
	char *root = temp_dir(), path[256];
	struct heard heard = {0};
	struct config *c = NULL;

	(void)state;
	assert_int_equal(config_load(root, NULL, hear, &heard, &c), 0); /* none: the defaults */
	config_free(c);
	c = NULL;
	snprintf(path, sizeof(path), "%s/missing.conf", root);
	assert_int_equal(config_load(root, path, hear, &heard, &c), -EINVAL);
	assert_non_null(strstr(heard.text[0], "missing.conf: cannot be read (No such file"));
	heard.n = 0;
	snprintf(path, sizeof(path), "%s/fifo.conf", root);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(config_load(root, path, hear, &heard, &c), -EINVAL);
	assert_non_null(strstr(heard.text[0], "not a regular file"));
	heard.n = 0;
	put(root, "/etc/faultline/faultline.conf/x", ""); /* a folder of that name */
	assert_int_equal(config_load(root, NULL, hear, &heard, &c), -EINVAL);
	assert_non_null(strstr(heard.text[0], "Is a directory"));
	assert_null(c);
	drop(root);
}

static char *written(int (*fn)(const struct config *, FILE *), const struct config *c)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(fn ? fn(c, out) : config_sample(out), 0);
	fclose(out);
	return text;
}

static void test_dump_is_a_config(void **state)
{
	struct heard heard;
	struct config *c, *again;
	char *first, *second, *at;

	(void)state;
	assert_int_equal(parse("[measure]\nEventMin=1500us\nUnfinishedMin=90s\n[hot]\nEnter=0.125%"
			       "\nLeave=0.1%\n"
			       "[incident]\nMaxDisk=3M\n[socket]\nGroup=adm\n",
			       &heard, &c),
			 0);
	first = written(config_dump, c);
	assert_non_null(strstr(first, "# x.conf:2\nEventMin=1500us\n"));
	assert_non_null(strstr(first, "# x.conf:5\nEnter=0.125%\n"));
	assert_non_null(strstr(first, "# default\nMinWait=0\n"));
	assert_int_equal(parse(first, &heard, &again), 0);
	second = written(config_dump, again);
	/* the same values; only the comments tell another origin */
	for (char *line = strtok_r(first, "\n", &at); line; line = strtok_r(NULL, "\n", &at))
		if (*line != '#')
			assert_non_null(strstr(second, line));
	free(first);
	free(second);
	config_free(c);
	config_free(again);
}

static void test_sample_file(void **state)
{
	char *want = written(NULL, NULL), path[512], have[16384];
	struct heard heard;
	struct config *c;
	FILE *f;
	size_t n;

	(void)state;
	snprintf(path, sizeof(path), "%.*s/../faultline.conf",
		 (int)(strrchr(__FILE__, '/') - __FILE__), __FILE__);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(have, 1, sizeof(have) - 1, f);
	fclose(f);
	have[n] = '\0';
	assert_string_equal(have, want);
	/* with every key uncommented it is what is compiled in */
	for (char *line = want; (line = strstr(line, "\n#")); line++)
		if (line[2] != ' ')
			line[1] = ' ';
	assert_int_equal(parse(want, &heard, &c), 0);
	assert_int_equal(c->event_min_ns, 1000000);
	for (size_t i = 0; i < config_n_keys; i++)
		assert_non_null(c->origins[i]);
	config_free(c);
	free(want);
}

static void name_of(void *arg, const char *name)
{
	strcat(arg, name);
}

static void test_needs_restart(void **state)
{
	char names[256] = "";
	struct heard heard;
	struct config *a, *b;

	(void)state;
	assert_int_equal(parse("", &heard, &a), 0);
	assert_int_equal(parse("[measure]\nMaxWaiters=9\nMinWait=1ns\n", &heard, &b), 0);
	assert_int_equal(config_needs_restart(a, b, name_of, names), 1);
	assert_string_equal(names, "[measure] MaxWaiters");
	config_free(a);
	config_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_all_problems_are_told),
		cmocka_unit_test(test_long_line_and_nul),
		cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_masked_dropin),
		cmocka_unit_test(test_files_that_cannot_be_read),
		cmocka_unit_test(test_dump_is_a_config),
		cmocka_unit_test(test_sample_file),
		cmocka_unit_test(test_needs_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
