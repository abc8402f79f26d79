// SPDX-License-Identifier: GPL-2.0
/*
 * Is each format what its readers expect, whatever names processes give
 * themselves, and do tables say what is wrong with their numbers?
 */
#include <errno.h>
#include <stdio.h>

#include "render.h"
#include "sample.h"

enum view { REPORT, TOP, WAITS, STACKS };

static char *show(const struct snapshot *snap, enum view view, const struct render_opts *opts)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int err = 0;

	assert_non_null(out);
	switch (view) {
	case REPORT:
		err = render_report(out, snap, opts);
		break;
	case TOP:
		err = render_top(out, snap, opts);
		break;
	case WAITS:
		err = render_waits_header(out, opts);
		assert_int_equal(err, 0);
		err = render_waits(out, snap, opts);
		break;
	case STACKS:
		err = render_stacks(out, snap, SNAP_WAITER, opts);
		break;
	}
	assert_int_equal(err, 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

static char *show_as(const struct snapshot *snap, enum view view, enum render_format format,
		     enum render_by by)
{
	struct render_opts opts;

	render_default_opts(&opts);
	opts.format = format;
	opts.by = by;
	return show(snap, view, &opts);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no '%s' in:\n%s", part, text);
}

static void assert_hasnt(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("'%s' in:\n%s", part, text);
}

/* The names that somebody gives a process to break what reads our output. */
static const char *const hostile[] = {
	/* the second is the one-character form of ESC [ */
	"\033[2J\033[31m",     "\302\2331m",  "a\nb\r\nc", "a\tb",   "\xff\xfe\x80",
	"\xe2\x80\xaegnp.exe", "=1+1,\"x\"",  "-2",	   "@x;y z", "\"quoted\"",
	"back\\slash",	       "{x=\"y\"} 1", "</svg><b>", "%s%n%d",
};
#define N_HOSTILE (sizeof(hostile) / sizeof(hostile[0]))

static struct snapshot *hostile_snapshot(void)
{
	struct snapshot *snap = snapshot_new();
	char *huge = malloc(8192);

	assert_non_null(huge);
	sample_meta(snap);
	memset(huge, '\033', 8191);
	huge[8191] = '\0';
	for (size_t i = 0; i <= N_HOSTILE; i++) {
		const char *name = i < N_HOSTILE ? hostile[i] : "huge";
		const char *cgroup = i < N_HOSTILE ? hostile[i] : huge;
		uint32_t pid = 100 + (uint32_t)i;
		struct snap_stack *stack = snapshot_add_stack(snap);
		char *frame = text_clean_dup(name);

		hist_add(&sample_proc(snap, pid, name, cgroup, FL_READ, FL_OWN)->hist, MS);
		sample_blame(snap, pid, pid, name, CAUSE_MMAP, FL_CONF_EXACT, MS)->holder.detail =
			sample_dup(name);
		text_clean(sample_wait(snap, pid, name, S, false)->waiter.comm, SNAPSHOT_COMM_LEN,
			   name, strlen(name));
		text_clean(stack->comm, sizeof(stack->comm), name, strlen(name));
		stack->tgid = pid;
		stack->count = 1;
		stack->total_ns = MS;
		assert_int_equal(snapshot_add_frame(stack, frame), 0);
		free(frame);
	}
	free(huge);
	return snap;
}

static void nothing_unprintable(const char *text)
{
	for (const char *p = text; *p; p++)
		if (((unsigned char)*p < 0x20 && *p != '\n' && *p != '\r') || *p == 0x7f)
			fail_msg("byte %02x", (unsigned char)*p);
	assert_hasnt(text, "\xe2\x80\xae");
	assert_hasnt(text, "\xc2\x9b");
}

static void hostile_names_break_no_format(void **state)
{
	struct snapshot *snap = hostile_snapshot();

	(void)state;
	for (int view = REPORT; view <= STACKS; view++)
		for (int format = 0; format < RENDER_NR_FORMATS; format++)
			for (int by = 0; by < RENDER_NR_BYS; by++) {
				char *text = show_as(snap, (enum view)view,
						     (enum render_format)format,
						     (enum render_by)by);

				nothing_unprintable(text);
				free(text);
			}
	snapshot_free(snap);
}

static void table_lines_are_one_per_row(void **state)
{
	struct snapshot *snap = hostile_snapshot();
	char *text = show_as(snap, REPORT, RENDER_TABLE, RENDER_BY_PROCESS);
	size_t lines = 0;

	(void)state;
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	/* heading, rows, still waiting, window, not seen */
	assert_int_equal(lines, 1 + N_HOSTILE + 1 + 3);
	free(text);
	snapshot_free(snap);
}

static void json_loads_and_is_a_snapshot(void **state)
{
	struct snapshot *snap = hostile_snapshot(), *back = NULL;

	(void)state;
	for (int by = 0; by < RENDER_NR_BYS; by++) {
		char *text = show_as(snap, REPORT, RENDER_JSON, (enum render_by)by);
		json_t *doc = json_loads(text, 0, NULL);

		assert_non_null(doc);
		assert_int_equal(snapshot_from_json(doc, &back, NULL), 0);
		assert_int_equal(back->n_procs, snap->n_procs);
		assert_true(json_array_size(json_object_get(doc, "rows")) > 0);
		snapshot_free(back);
		json_decref(doc);
		free(text);
	}
	snapshot_free(snap);
}

static size_t count_jsonl(const char *text, bool *ret_meta)
{
	size_t n = 0, pos = 0;

	*ret_meta = false;
	while (text[pos]) {
		json_error_t error;
		json_t *object = json_loads(text + pos, JSON_DISABLE_EOF_CHECK, &error);

		assert_non_null(object);
		assert_int_equal(json_integer_value(json_object_get(object, "schema")), 1);
		*ret_meta = json_is_object(json_object_get(object, "meta"));
		json_decref(object);
		pos += (size_t)error.position;
		assert_int_equal(text[pos], '\n');
		pos++;
		n++;
	}
	return n;
}

static void jsonl_is_an_object_a_line(void **state)
{
	struct snapshot *snap = hostile_snapshot();
	char *text = show_as(snap, REPORT, RENDER_JSONL, RENDER_BY_HOLDER);
	bool meta;

	(void)state;
	assert_int_equal(count_jsonl(text, &meta), N_HOSTILE + 2);
	assert_true(meta); /* the last one */
	free(text);
	text = show_as(snap, WAITS, RENDER_JSONL, RENDER_BY_ROWS);
	assert_int_equal(count_jsonl(text, &meta), N_HOSTILE + 1);
	assert_false(meta);
	free(text);
	snapshot_free(snap);
}

/* RFC 4180, strictly: returns the fields of a record, or fails. */
static size_t csv_record(const char **pos)
{
	const char *p = *pos;
	size_t fields = 1;

	while (true) {
		if (*p == '"') {
			for (p++; *p != '"' || p[1] == '"'; p++) {
				assert_int_not_equal(*p, '\0');
				if (*p == '"')
					p++;
			}
			p++;
		} else {
			for (; *p != ',' && *p != '\r'; p++) {
				assert_int_not_equal(*p, '\0');
				assert_int_not_equal(*p, '\n');
				assert_int_not_equal(*p, '"');
			}
		}
		if (*p != ',')
			break;
		fields++;
		p++;
		assert_null(strchr("=+@", *p) && *p ? p : NULL);
	}
	assert_int_equal(p[0], '\r');
	assert_int_equal(p[1], '\n');
	*pos = p + 2;
	return fields;
}

static void csv_is_rfc_4180(void **state)
{
	struct snapshot *snap = hostile_snapshot();

	(void)state;
	for (int by = 0; by < RENDER_NR_BYS; by++) {
		char *text = show_as(snap, REPORT, RENDER_CSV, (enum render_by)by);
		const char *pos = text;
		size_t fields = csv_record(&pos), records = 0;

		for (; *pos; records++)
			assert_int_equal(csv_record(&pos), fields);
		assert_true(records > 0);
		free(text);
	}
	snapshot_free(snap);
}

static void csv_of_known_rows(void **state)
{
	struct snapshot *snap = sample_snapshot();
	struct render_opts opts;
	char *text;

	(void)state;
	render_default_opts(&opts);
	opts.format = RENDER_CSV;
	opts.entries = 1;
	assert_int_equal(render_parse_fields("pid,total_ns,P99,waited-for,detail", &opts), 0);
	text = show(snap, REPORT, &opts);
	assert_string_equal(text, "pid,total_ns,p99_ns,waited_for,detail\r\n"
				  "1200,4198000000,1966080,process-exporte/4711?,\r\n");
	free(text);
	snapshot_free(snap);
}

static void folded_is_root_first(void **state)
{
	struct snapshot *snap = sample_snapshot();
	char *text = show_as(snap, STACKS, RENDER_FOLDED, RENDER_BY_ROWS);

	(void)state;
	assert_string_equal(text, "my_app_x;main;operator_new__[libc.so.6];exc_page_fault+0x7_[k];"
				  "rwsem_down_read_slowpath+0x1a_[k] 1501\n");
	free(text);
	snap->stacks[0].role = SNAP_HOLDER;
	text = show_as(snap, STACKS, RENDER_FOLDED, RENDER_BY_ROWS);
	assert_string_equal(text, "");
	free(text);
	snapshot_free(snap);
}

static void tables_fit_the_terminal(void **state)
{
	static const size_t widths[] = {80, 100, 120, 160};
	struct snapshot *snap = sample_snapshot();
	struct render_opts opts;

	(void)state;
	render_default_opts(&opts);
	for (int view = REPORT; view <= STACKS; view++)
		for (size_t w = 0; w < sizeof(widths) / sizeof(widths[0]); w++)
			for (int by = 0; by < RENDER_NR_BYS; by++) {
				char *text, *line, *save = NULL;

				opts.by = (enum render_by)by;
				opts.width = widths[w];
				text = show(snap, (enum view)view, &opts);
				for (line = strtok_r(text, "\n", &save); line;
				     line = strtok_r(NULL, "\n", &save))
					if (text_width(line) > widths[w])
						fail_msg("%zu: %s", widths[w], line);
				free(text);
			}
	snapshot_free(snap);
}

static void narrow_tables_say_what_is_missing(void **state)
{
	struct snapshot *snap = sample_snapshot();
	struct render_opts opts;
	char *text;

	(void)state;
	render_default_opts(&opts);
	opts.width = 80;
	text = show(snap, REPORT, &opts);
	assert_has(text, "every row: CLASS mmap_lock");
	free(text);
	snap->procs[2].cls = FL_VMA_LOCK; /* now it tells rows apart: it must stay */
	text = show(snap, REPORT, &opts);
	assert_has(text, "vma_lock");
	assert_has(text, "80 columns are too few for");
	free(text);
	opts.entries = 1;
	text = show(snap, REPORT, &opts);
	assert_has(text, "2 more rows are not shown");
	free(text);
	opts.by = RENDER_BY_HOLDER;
	opts.entries = 0;
	text = show(snap, REPORT, &opts);
	assert_has(text, "~/4711? "); /* the number and the doubt are never cut */
	free(text);
	snapshot_free(snap);
}

static void what_is_wrong_is_said_twice(void **state)
{
	struct snapshot *snap = sample_snapshot();
	char *text = show_as(snap, REPORT, RENDER_TABLE, RENDER_BY_ROWS), *first;

	(void)state;
	assert_has(text, "; no waits lost; own cost: BPF 0.03% of one CPU");
	assert_has(text, "!! 1 THREAD IS STILL WAITING, the longest for 15.2s");
	assert_has(text, "-- not seen: writers that win by spinning");
	assert_hasnt(text, "LOST");
	free(text);

	snap->meta.attached = false;
	snap->meta.detached_reason = sample_dup("too dear");
	snap->meta.counters[FL_LOST_STATS_FULL] = 12345;
	snap->meta.counters[FL_LOST_KSTACK] = 3;
	text = show_as(snap, REPORT, RENDER_TABLE, RENDER_BY_ROWS);
	first = strstr(text, "!! NOT MEASURING: circuit breaker open (too dear)");
	assert_ptr_equal(first, text);
	assert_has(first + 1, "!! NOT MEASURING");
	first = strstr(text, "!! 12,345 WAITS LOST (stats_full 12,345)");
	assert_non_null(first);
	assert_has(first + 1, "!! 12,345 WAITS LOST");
	assert_has(text, "details lost: kstack 3");
	assert_hasnt(text, "no waits lost");
	free(text);
	snapshot_free(snap);
}

static void speculation_is_told_where_there_is_any(void **state)
{
	struct snapshot *snap = sample_snapshot();
	char *text = show_as(snap, REPORT, RENDER_TABLE, RENDER_BY_ROWS);

	(void)state;
	assert_hasnt(text, "without the lock");
	free(text);
	snap->meta.speculative = true;
	snap->meta.spf.n[SPF_FAULTS] = 12000;
	snap->meta.spf.n[SPF_ATTEMPT] = 1000;
	snap->meta.spf.n[SPF_OK] = 985;
	snap->meta.spf.n[SPF_ABORT_PTL] = 15;
	snap->meta.spf_backoff_max = 16;
	text = show_as(snap, REPORT, RENDER_TABLE, RENDER_BY_ROWS);
	assert_has(text, "-- without the lock, host: 1,000 of 12,000 faults tried, 98.5% handled, "
			 "abort_ptl 15; vm.spf_backoff_max 16, nobody tunes it");
	free(text);
	snapshot_free(snap);
}

static void top_shows_unfinished_first(void **state)
{
	struct snapshot *snap = sample_snapshot();
	char *text = show_as(snap, TOP, RENDER_TABLE, RENDER_BY_ROWS);
	const char *waiting = strstr(text, "waiting 15.2s..."), *row = strstr(text, "WAIT%");

	(void)state;
	assert_non_null(waiting);
	assert_non_null(row);
	assert_true(waiting < row);
	assert_has(text, "14.4%"); /* 4.348 s of 30 s */
	assert_hasnt(text, "2.50s"); /* ended */
	free(text);
	text = show_as(snap, WAITS, RENDER_TABLE, RENDER_BY_ROWS);
	assert_has(text, "2.50s");
	free(text);
	snapshot_free(snap);
}

static void grouping_adds_up(void **state)
{
	struct snapshot *snap = sample_snapshot();
	json_t *doc, *row;
	char *text;

	(void)state;
	text = show_as(snap, REPORT, RENDER_JSON, RENDER_BY_PROCESS);
	doc = json_loads(text, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(doc, "rows")), 2);
	row = json_array_get(json_object_get(doc, "rows"), 0);
	assert_int_equal(json_integer_value(json_object_get(row, "count")), 101);
	assert_int_equal(json_integer_value(json_object_get(row, "total_ns")), 4348 * MS);
	json_decref(doc);
	free(text);

	text = show_as(snap, REPORT, RENDER_JSON, RENDER_BY_CAUSE);
	doc = json_loads(text, 0, NULL);
	row = json_array_get(json_object_get(doc, "rows"), 0);
	assert_string_equal(json_string_value(json_object_get(row, "cause")), "procfs");
	assert_string_equal(json_string_value(json_object_get(row, "confidence")), "hint");
	json_decref(doc);
	free(text);
	snapshot_free(snap);
}

static void sorted_as_asked(void **state)
{
	struct snapshot *snap = sample_snapshot();
	struct render_opts opts;
	char *text;

	(void)state;
	render_default_opts(&opts);
	opts.format = RENDER_CSV;
	opts.no_header = true;
	assert_int_equal(render_parse_fields("pid,mode", &opts), 0);
	text = show(snap, REPORT, &opts);
	assert_string_equal(text, "1200,read\r\n1200,write\r\n77,write\r\n");
	free(text);
	assert_int_equal(render_parse_sort("pid", &opts.sort), 0);
	text = show(snap, REPORT, &opts);
	assert_string_equal(text, "77,write\r\n1200,read\r\n1200,write\r\n");
	free(text);
	opts.min_wait_ns = 100 * MS;
	text = show(snap, REPORT, &opts);
	assert_string_equal(text, "1200,read\r\n1200,write\r\n");
	free(text);
	snapshot_free(snap);
}

static void gone_processes_are_marked(void **state)
{
	struct snapshot *snap = sample_snapshot();
	char *text;

	(void)state;
	snap->procs[2].gone = true;
	text = show_as(snap, REPORT, RENDER_TABLE, RENDER_BY_ROWS);
	assert_has(text, "feed (gone)");
	assert_hasnt(text, "postgres (gone)");
	free(text);
	snapshot_free(snap);
}

static void words_are_parsed(void **state)
{
	enum render_format format = RENDER_CSV;
	enum render_by by = RENDER_BY_MODE;
	struct render_opts opts;
	uint8_t sort = 3;

	(void)state;
	render_default_opts(&opts);
	assert_int_equal(render_parse_format("openmetrics", &format), 0);
	assert_int_equal(format, RENDER_OPENMETRICS);
	assert_int_equal(render_parse_format("xml", &format), -EINVAL);
	assert_int_equal(render_parse_by("holder", &by), 0);
	assert_int_equal(by, RENDER_BY_HOLDER);
	assert_int_equal(render_parse_by("", &by), -EINVAL);
	assert_int_equal(render_parse_sort("nonsense", &sort), -EINVAL);
	assert_int_equal(render_parse_sort("stack", &sort), -EINVAL);
	assert_int_equal(sort, 3);
	assert_int_equal(render_parse_fields("pid,,comm", &opts), -EINVAL);
	assert_int_equal(render_parse_fields("", &opts), -EINVAL);
	assert_int_equal(render_parse_fields("pid,", &opts), -EINVAL);
	assert_int_equal(opts.n_fields, 0);
	assert_int_equal(render_parse_fields("+spun,WAITED-FOR", &opts), 0);
	assert_int_equal(opts.n_fields, 14);
}

static void write_errors_are_told(void **state)
{
	struct snapshot *snap = sample_snapshot();
	FILE *full = fopen("/dev/full", "w");
	struct render_opts opts;

	(void)state;
	assert_non_null(full);
	setvbuf(full, NULL, _IONBF, 0);
	render_default_opts(&opts);
	for (int format = 0; format < RENDER_NR_FORMATS; format++) {
		opts.format = (enum render_format)format;
		clearerr(full);
		assert_int_equal(render_report(full, snap, &opts), -EIO);
	}
	fclose(full);
	snapshot_free(snap);
}

#define ID "4d8a1c0f9be27763a5d0e1f2c3b4a5968778695a4b3c2d1e0f00112233445566"

static void containers_have_short_names(void **state)
{
	struct snapshot *snap = snapshot_new();
	char *text;

	(void)state;
	hist_add(&sample_proc(snap, 1, "a", "/system.slice/docker-" ID ".scope", FL_READ, FL_OWN)
			  ->hist,
		 MS);
	hist_add(&sample_proc(snap, 2, "b", "/demo", FL_READ, FL_OWN)->hist, MS);
	text = show_as(snap, REPORT, RENDER_TABLE, RENDER_BY_CGROUP);
	assert_has(text, " CONTAINER");
	assert_has(text, "docker:4d8a1c0f9be2\n");
	free(text);
	text = show_as(snap, REPORT, RENDER_JSON, RENDER_BY_ROWS);
	assert_has(text, "\"container\":\"docker:4d8a1c0f9be2\"");
	assert_has(text, "\"container\":null");
	free(text);
	text = show_as(snap, REPORT, RENDER_CSV, RENDER_BY_PROCESS);
	assert_has(text, ",docker:4d8a1c0f9be2\r\n");
	free(text);
	snapshot_free(snap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_names_break_no_format),
		cmocka_unit_test(table_lines_are_one_per_row),
		cmocka_unit_test(json_loads_and_is_a_snapshot),
		cmocka_unit_test(jsonl_is_an_object_a_line),
		cmocka_unit_test(csv_is_rfc_4180),
		cmocka_unit_test(csv_of_known_rows),
		cmocka_unit_test(folded_is_root_first),
		cmocka_unit_test(tables_fit_the_terminal),
		cmocka_unit_test(narrow_tables_say_what_is_missing),
		cmocka_unit_test(what_is_wrong_is_said_twice),
		cmocka_unit_test(speculation_is_told_where_there_is_any),
		cmocka_unit_test(top_shows_unfinished_first),
		cmocka_unit_test(grouping_adds_up),
		cmocka_unit_test(sorted_as_asked),
		cmocka_unit_test(gone_processes_are_marked),
		cmocka_unit_test(words_are_parsed),
		cmocka_unit_test(write_errors_are_told),
		cmocka_unit_test(containers_have_short_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
