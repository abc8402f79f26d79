// SPDX-License-Identifier: GPL-2.0
/*
 * Is the output OpenMetrics, by a strict reading of the text format, and do
 * counters never go down while processes and cgroups come and go?
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "render.h"
#include "sample.h"

static char *metrics(const struct snapshot *snap, const struct render_opts *opts,
		     struct render_metrics_state *state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(render_metrics(out, snap, opts, state), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

/* The value of a sample given by its name and labels; -1: it is not there. */
static double value(const char *text, const char *sample)
{
	size_t n = strlen(sample);

	for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
		if (!strncmp(p, sample, n) && p[n] == ' ')
			return strtod(p + n, NULL);
	return -1;
}

struct strict {
	char family[128];
	char type[512];
	char unit[32];
	char seen[64][128]; /* families so far */
	int n_seen;
	bool old;
};

static const char *name_end(const char *p)
{
	assert_true(isalpha((unsigned char)*p) || *p == '_');
	while (isalnum((unsigned char)*p) || *p == '_' || *p == ':')
		p++;
	return p;
}

static void metadata(struct strict *s, const char *line)
{
	char kind[8], name[128], rest[512];

	assert_int_equal(sscanf(line, "# %7s %127s %511[^\n]", kind, name, rest), 3);
	if (!strcmp(kind, "TYPE")) {
		for (int i = 0; i < s->n_seen; i++) /* a family is in one piece */
			assert_string_not_equal(s->seen[i], name);
		snprintf(s->seen[s->n_seen++], sizeof(s->seen[0]), "%s", name);
		snprintf(s->family, sizeof(s->family), "%s", name);
		snprintf(s->type, sizeof(s->type), "%s", rest);
	} else if (!strcmp(kind, "UNIT")) {
		assert_false(s->old);
		assert_string_equal(s->family, name);
		assert_true(strlen(name) > strlen(rest) + 1);
		assert_string_equal(name + strlen(name) - strlen(rest), rest);
	} else {
		assert_string_equal(kind, "HELP");
		assert_string_equal(s->family, name);
		assert_null(strchr(rest, '\\'));
	}
}

static const char *labels_end(const char *p)
{
	assert_int_equal(*p, '{');
	do {
		p = name_end(p + 1);
		assert_int_equal(p[0], '=');
		assert_int_equal(p[1], '"');
		for (p += 2; *p != '"'; p++) {
			assert_int_not_equal(*p, '\0');
			assert_int_not_equal(*p, '\n');
			if (*p == '\\') {
				p++;
				assert_non_null(strchr("\\\"n", *p));
			}
		}
		p++;
	} while (*p == ',');
	assert_int_equal(*p, '}');
	return p + 1;
}

static void sample_line(const struct strict *s, const char *line)
{
	const char *p = name_end(line);
	size_t family = strlen(s->family), name = (size_t)(p - line);
	char suffix[32], *end;

	assert_true(name >= family && !strncmp(line, s->family, family));
	snprintf(suffix, sizeof(suffix), "%.*s", (int)(name - family), line + family);
	if (!strcmp(s->type, "counter"))
		assert_string_equal(suffix, s->old ? "" : "_total");
	else if (!strcmp(s->type, "info"))
		assert_string_equal(suffix, "_info");
	else if (!strcmp(s->type, "gauge"))
		assert_string_equal(suffix, "");
	else
		assert_true(!strcmp(suffix, "_bucket") || !strcmp(suffix, "_count") ||
			    !strcmp(suffix, "_sum"));
	if (*p == '{')
		p = labels_end(p);
	assert_int_equal(*p, ' ');
	assert_true(strtod(p + 1, &end) >= 0);
	assert_int_equal(*end, '\n');
}

static void assert_strict(const char *text, bool old)
{
	struct strict *s = calloc(1, sizeof(*s));
	const char *p = text;

	assert_non_null(s);
	s->old = old;
	while (*p && strcmp(p, "# EOF\n")) {
		const char *newline = strchr(p, '\n');

		assert_non_null(newline);
		if (*p == '#')
			metadata(s, p);
		else
			sample_line(s, p);
		p = newline + 1;
	}
	assert_string_equal(p, old ? "" : "# EOF\n");
	assert_true(s->n_seen > 10);
	free(s);
}

static void output_is_strict(void **state)
{
	struct snapshot *snap = sample_snapshot();
	struct render_opts opts;
	char *text;

	(void)state;
	/* A cgroup and a feature that try to break out of their label. */
	hist_add(&sample_proc(snap, 9, "x\"} 1\n", "/a\"} 7\n\\", FL_READ, FL_OWN)->hist, S);
	snap->procs[snap->n_procs - 1].hot = true;
	render_default_opts(&opts);
	opts.metrics_per_process = true;
	text = metrics(snap, &opts, NULL);
	assert_strict(text, false);
	assert_non_null(strstr(text, "cgroup=\"/a\\\"} 7\\\\x0a\\\\x5c\"} 1\n"));
	assert_non_null(strstr(text, "pid=\"1200\",comm=\"postgres\""));
	free(text);
	opts.metrics_textfile = true;
	opts.metrics_per_process = false;
	text = metrics(snap, &opts, NULL);
	assert_strict(text, true);
	assert_null(strstr(text, "pid="));
	free(text);
	snapshot_free(snap);
}

static void service_has_series_of_its_own(void **state)
{
	const struct render_service service = {.incidents_written = 5,
					       .incidents_failed = 1,
					       .incidents_suppressed = 7,
					       .records = 4,
					       .record_bytes = 4096,
					       .hook_run = 3,
					       .hook_failed = 2,
					       .hook_skipped = 6,
					       .breaker_opened = 8};
	struct snapshot *snap = sample_snapshot();
	struct render_opts opts;
	char *text;

	(void)state;
	render_default_opts(&opts);
	text = metrics(snap, &opts, NULL);
	assert_null(strstr(text, "incident"));
	free(text);
	opts.metrics_service = &service;
	text = metrics(snap, &opts, NULL);
	assert_strict(text, false);
	assert_true(value(text, "faultline_incidents_total{result=\"written\"}") == 5);
	assert_true(value(text, "faultline_incidents_total{result=\"failed\"}") == 1);
	assert_true(value(text, "faultline_incidents_total{result=\"suppressed\"}") == 7);
	assert_true(value(text, "faultline_incident_records") == 4);
	assert_true(value(text, "faultline_incident_records_bytes") == 4096);
	assert_true(value(text, "faultline_hook_runs_total") == 3);
	assert_true(value(text, "faultline_hook_failures_total") == 2);
	assert_true(value(text, "faultline_hook_skips_total") == 6);
	assert_true(value(text, "faultline_breaker_openings_total") == 8);
	free(text);
	opts.metrics_textfile = true;
	text = metrics(snap, &opts, NULL);
	assert_strict(text, true);
	free(text);
	snapshot_free(snap);
}

static void speculation_has_series_where_there_is_any(void **state)
{
	struct snapshot *snap = sample_snapshot();
	struct render_opts opts;
	char *text;

	(void)state;
	render_default_opts(&opts);
	text = metrics(snap, &opts, NULL);
	assert_null(strstr(text, "speculative"));
	assert_null(strstr(text, "spf_"));
	free(text);
	snap->meta.speculative = true;
	snap->meta.spf.n[SPF_OK] = 98;
	snap->meta.spf.n[SPF_ABORT_BLOCKED] = 2;
	snap->meta.spf.n[SPF_CONTENDED] = 40;
	snap->meta.spf.n[SPF_QUIET] = 3;
	snap->meta.spf_backoff_max = 16;
	text = metrics(snap, &opts, NULL);
	assert_strict(text, false);
	assert_true(value(text, "faultline_speculative_faults_total{result=\"ok\"}") == 98);
	assert_true(value(text, "faultline_speculative_faults_total{result=\"abort_blocked\"}") ==
		    2);
	assert_true(value(text, "faultline_lock_looks_total{found=\"in_use\"}") == 40);
	assert_true(value(text, "faultline_lock_looks_total{found=\"free\"}") == 3);
	assert_true(value(text, "faultline_spf_backoff_max") == 16);
	free(text);
	snapshot_free(snap);
}

static void numbers_are_in_base_units(void **state)
{
	struct snapshot *snap = sample_snapshot();
	struct render_opts opts;
	char *text;

	(void)state;
	render_default_opts(&opts);
	snap->meta.attached = false;
	snap->meta.counters[FL_LOST_RACE] = 7;
	text = metrics(snap, &opts, NULL);
#define OWN_READ "{mode=\"read\",class=\"mmap_lock\",relation=\"own\""
	assert_true(value(text, "faultline_wait_seconds_sum" OWN_READ "}") == 4.198);
	assert_true(value(text, "faultline_wait_seconds_count" OWN_READ "}") == 100);
	/* 99 of 2 ms, one of 4 s */
	assert_true(value(text, "faultline_wait_seconds_bucket" OWN_READ ",le=\"0.001048576\"}") ==
		    0);
	assert_true(value(text, "faultline_wait_seconds_bucket" OWN_READ ",le=\"0.004194304\"}") ==
		    99);
	assert_true(value(text, "faultline_wait_seconds_bucket" OWN_READ ",le=\"4.294967296\"}") ==
		    100);
	assert_true(value(text, "faultline_wait_seconds_bucket" OWN_READ ",le=\"+Inf\"}") == 100);
	assert_true(value(text, "faultline_unfinished_waits") == 1);
	assert_true(value(text, "faultline_unfinished_wait_max_seconds") == 15.2);
	assert_true(value(text, "faultline_attached") == 0);
	assert_true(value(text, "faultline_lost_waits_total{reason=\"race\"}") == 7);
	assert_true(value(text, "faultline_bpf_cpu_seconds_total") == 0.009);
	assert_true(value(text, "faultline_feature_info{name=\"exact\",state=\"failed\"}") == 1);
	assert_true(value(text,
			  "faultline_cgroup_waits_total{cgroup=\"/user.slice/feed.scope\"}") == 1);
	free(text);
	snapshot_free(snap);
}

/* A row of `waits` waits of 1 ms each. */
static void row(struct snapshot *snap, uint32_t pid, const char *cgroup, int waits, bool gone)
{
	struct snap_proc *proc = sample_proc(snap, pid, "p", cgroup, FL_READ, FL_OWN);

	proc->gone = gone;
	while (waits--)
		hist_add(&proc->hist, MS);
}

#define WAITS(cgroup) "faultline_cgroup_waits_total{cgroup=\"" cgroup "\"}"

static void places_are_sticky_and_amounts_stay(void **state)
{
	struct render_metrics_state *series = render_metrics_new();
	struct snapshot *snap = snapshot_new();
	struct render_opts opts;
	char *text;

	(void)state;
	render_default_opts(&opts);
	opts.metrics_top = 1;
	row(snap, 1, "/a", 10, false);
	row(snap, 2, "/b", 4, false);
	row(snap, 3, NULL, 2, true);
	text = metrics(snap, &opts, series);
	assert_true(value(text, WAITS("/a")) == 10);
	assert_true(value(text, WAITS("/b")) == -1);
	assert_true(value(text, WAITS("other")) == 4);
	assert_true(value(text, WAITS("gone")) == 2);
	free(text);
	snapshot_free(snap);

	/* b leads a little: a keeps its place. c exits before anybody saw it. */
	snap = snapshot_new();
	row(snap, 1, "/a", 10, false);
	row(snap, 2, "/b", 16, false);
	row(snap, 4, "/c", 1, true);
	text = metrics(snap, &opts, series);
	assert_true(value(text, WAITS("/a")) == 10);
	assert_true(value(text, WAITS("other")) == 16);
	assert_true(value(text, WAITS("gone")) == 3);
	free(text);
	snapshot_free(snap);

	/* b leads by far: it takes the place, with what is new alone. */
	snap = snapshot_new();
	row(snap, 1, "/a", 10, false);
	row(snap, 2, "/b", 116, false);
	text = metrics(snap, &opts, series);
	assert_true(value(text, WAITS("/a")) == -1);
	assert_true(value(text, WAITS("/b")) == 100);
	assert_true(value(text, WAITS("other")) == 16);
	assert_true(value(text, WAITS("gone")) == 3);
	free(text);
	snapshot_free(snap);
	render_metrics_free(series);
}

static void sums_stay_when_rows_go(void **state)
{
	struct render_metrics_state *series = render_metrics_new();
	struct snapshot *snap = snapshot_new();
	struct render_opts opts;
	double before = 0, now;
	char *text;

	(void)state;
	render_default_opts(&opts);
	row(snap, 1, "/a", 10, false);
	text = metrics(snap, &opts, series);
	free(text);
	snapshot_free(snap);
	for (int i = 0; i < 30; i++) { /* longer than a series lingers */
		snap = snapshot_new();
		if (i == 29) /* the pid again, another process */
			row(snap, 1, "/a", 3, false);
		text = metrics(snap, &opts, series);
		now = value(text, "faultline_wait_seconds_count" OWN_READ "}");
		assert_true(now >= before);
		before = now;
		if (i == 10)
			assert_true(value(text, WAITS("/a")) == 10);
		if (i == 25)
			assert_true(value(text, WAITS("/a")) == -1);
		free(text);
		snapshot_free(snap);
	}
	assert_true(before == 13);
	render_metrics_free(series);
}

/* Random comings and goings: every series that stays never goes down. */
static void counters_are_monotonic(void **state)
{
	static const char *const cgroups[] = {"/a", "/b", "/c", "/d", "/e", "/f"};
	static const char *const samples[] = {WAITS("/a"),    WAITS("/b"),  WAITS("/c"),
					      WAITS("/d"),    WAITS("/e"),  WAITS("/f"),
					      WAITS("other"), WAITS("gone")};
	struct render_metrics_state *series = render_metrics_new();
	double last[8] = {0}, value_now;
	int waits[20] = {0};
	struct render_opts opts;
	unsigned int seed = 7;

	(void)state;
	render_default_opts(&opts);
	opts.metrics_top = 2;
	for (int round = 0; round < 300; round++) {
		struct snapshot *snap = snapshot_new();
		char *text;

		for (int i = 0; i < 20; i++) {
			waits[i] += rand_r(&seed) % 4 ? 0 : rand_r(&seed) % 40;
			if (rand_r(&seed) % 50 == 0)
				waits[i] = 0; /* restarted */
			row(snap, (uint32_t)i + 1, cgroups[i % 6], waits[i],
			    rand_r(&seed) % 10 == 0);
		}
		text = metrics(snap, &opts, series);
		for (int i = 0; i < 8; i++) {
			value_now = value(text, samples[i]);
			if (value_now < 0) /* lost its place; it may start at 0 again */
				continue;
			assert_true(value_now >= last[i]);
			last[i] = value_now;
		}
		free(text);
		snapshot_free(snap);
	}
	assert_true(last[6] > 0);
	render_metrics_free(series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_is_strict),
		cmocka_unit_test(service_has_series_of_its_own),
		cmocka_unit_test(speculation_has_series_where_there_is_any),
		cmocka_unit_test(numbers_are_in_base_units),
		cmocka_unit_test(places_are_sticky_and_amounts_stay),
		cmocka_unit_test(sums_stay_when_rows_go),
		cmocka_unit_test(counters_are_monotonic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
