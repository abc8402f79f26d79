// SPDX-License-Identifier: GPL-2.0
/*
 * html: the page has only the elements and attributes that it is made of, whatever
 * the names are; it names no other place, and everything of a snapshot is in it.
 */
#include "sample.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "html.h"

static const char *const elements[] = {
	"html", "head", "meta",	 "title", "style", "body",   "header",	"h1",
	"h2",	"h3",	"p",	 "nav",	  "a",	   "div",    "b",	"i",
	"span", "pre",	"table", "thead", "tbody", "tr",     "th",	"td",
	"svg",	"g",	"rect",	 "text",  "line",  "script", "details", "summary",
};
static const char *const attributes[] = {
	"lang",	  "charset", "http-equiv", "content",	  "name",	 "nonce",
	"class",  "id",	     "title",	   "open",	  "role",	 "x",
	"y",	  "x1",	     "x2",	   "y1",	  "y2",		 "width",
	"height", "viewBox", "fill",	   "aria-label",  "data-x",	 "data-w",
	"data-d", "href",    "transform",  "text-anchor", "data-holder",
};

static void known(const char *const *list, size_t n, const char *word, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(list[i]) == len && !strncmp(list[i], word, len))
			return;
	fail_msg("not ours: %.60s", word);
}
#define KNOWN(list, word, len) known(list, sizeof(list) / sizeof(*(list)), word, len)

static const char *check_entity(const char *at)
{
	static const char *const entities[] = {"&amp;",	 "&lt;",  "&gt;",
					       "&quot;", "&#39;", "&middot;"};

	for (size_t i = 0; i < sizeof(entities) / sizeof(*entities); i++)
		if (!strncmp(at, entities[i], strlen(entities[i])))
			return at + strlen(entities[i]);
	fail_msg("bad entity: %.20s", at);
	return NULL;
}

static const char *check_attributes(const char *at)
{
	while (*at != '>' && strncmp(at, "/>", 2)) {
		const char *name = at += strspn(at, " \n");

		at += strcspn(at, "= >");
		KNOWN(attributes, name, (size_t)(at - name));
		assert_memory_equal(at, "=\"", 2);
		if (!strncmp(name, "href", 4))
			assert_int_equal(at[2], '#');
		for (at += 2; *at != '"';) {
			assert_true(*at && *at != '<');
			at = *at == '&' ? check_entity(at) : at + 1;
		}
		at++;
	}
	return at;
}

/* An element that begins; what stands in a style or script is its own language. */
static const char *check_begin(const char *at, char (*open)[16], int *depth)
{
	size_t len = strcspn(at + 1, " />\n");
	char *name = open[*depth];

	assert_true(*depth < 31 && len < 16);
	KNOWN(elements, at + 1, len);
	snprintf(name, sizeof(open[0]), "%.*s", (int)len, at + 1);
	at = check_attributes(at + 1 + len);
	if (*at != '>')
		return at + 2;
	(*depth)++;
	if (!strcmp(name, "style") || !strcmp(name, "script")) {
		at = strstr(at, "</");
		assert_non_null(at);
		assert_memory_equal(at + 2, name, strlen(name));
		return at;
	}
	return at + 1;
}

static void check_page(const char *text)
{
	static const char doctype[] = "<!DOCTYPE html>";
	char open[32][16];
	int depth = 0;

	assert_memory_equal(text, doctype, strlen(doctype));
	for (const char *at = text + strlen(doctype); *at;) {
		if (at[0] == '<' && at[1] == '/') {
			size_t len;

			assert_true(--depth >= 0);
			len = strlen(open[depth]);
			assert_memory_equal(at + 2, open[depth], len);
			assert_int_equal(at[2 + len], '>');
			at += len + 3;
		} else if (at[0] == '<') {
			at = check_begin(at, open, &depth);
		} else {
			assert_true((unsigned char)*at >= ' ' || *at == '\n');
			at = *at == '&' ? check_entity(at) : at + 1;
		}
	}
	assert_int_equal(depth, 0);
}

static char *page_of(const struct snapshot *snap)
{
	struct timeline *timeline = timeline_new();
	struct html_opts opts = {.nonce = "0123456789abcdef0123456789abcdef"};
	struct render_opts render;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	render_default_opts(&render);
	opts.render = &render;
	timeline_add_totals(timeline, snap);
	assert_int_equal(timeline_add_waits(timeline, snap, true), 0);
	timeline_finish(timeline);
	assert_int_equal(html_write(out, snap, timeline, &opts), 0);
	fclose(out);
	timeline_free(timeline);
	assert_int_equal(strlen(text), size);
	check_page(text);
	return text;
}

static size_t count(const char *text, const char *word)
{
	size_t n = 0;

	for (; (text = strstr(text, word)); text++)
		n++;
	return n;
}

static void has(const char *text, const char *word)
{
	if (!strstr(text, word))
		fail_msg("'%s' is not in the page", word);
}

static void everything_is_in_it(void **state)
{
	struct snapshot *snap = sample_snapshot();
	char *text;

	(void)state;
	snap->meta.counters[FL_LOST_WAITERS_FULL] = 17;
	text = page_of(snap);
	has(text, "<h1>mmap_lock on db-17</h1>");
	has(text, "kernel 6.1.0-56-amd64");
	has(text, "17 WAITS LOST");
	has(text, "<div class=\"bad\"><b>1</b>threads waiting at the end</div>");
	has(text, "<div class=\"bad\"><b>17</b>waits lost</div>");
	has(text, "postgres (pid 1200): 1 waiting now, "); /* the verdict, and its text */
	has(text, "blocked by   another process, process-exporte");
	has(text, "<g class=\"wait read open\" data-holder=\"4711\">"); /* time line */
	has(text, "NOT OVER: has been waiting 15.2s to read");
	has(text, "99 waits of 1.05ms to 2.10ms"); /* heat map */
	has(text, "17 waits LOST between");
	has(text, "Held by: program, then what it did"); /* flame graphs */
	has(text, "munmap(0x7f0000000000, 1.0 GiB) (100ms");
	has(text, "rwsem_down_read_slowpath");
	has(text, "<td class=\"t\">/system.slice/postgresql@15-main.service</td>"); /* tables */
	has(text, "fentry: Operation not permitted"); /* how far to trust it */
	has(text, "!! 1 THREAD IS STILL WAITING, the longest for 15.2s");
	free(text);
	snapshot_free(snap);
}

static void nobody_waited(void **state)
{
	struct snapshot *snap = snapshot_new();
	char *text;

	(void)state;
	sample_meta(snap);
	text = page_of(snap);
	has(text, "Nobody waited for an mmap_lock in this window.");
	has(text, "No holder was seen.");
	assert_null(strstr(text, "<svg"));
	free(text);
	snapshot_free(snap);
}

/* Nothing has ended: what goes on is all there is to tell. */
static void all_are_stuck(void **state)
{
	struct snapshot *snap = snapshot_new();
	char *text;

	(void)state;
	sample_meta(snap);
	sample_wait(snap, 1200, "postgres", 40 * S, false);
	sample_wait(snap, 1200, "postgres", 15 * S, false);
	text = page_of(snap);
	has(text, "<b>2</b>threads waiting at the end");
	has(text, "<b>45.0s</b>of waiting; 1.5 threads at a time"); /* in a window of 30 s */
	has(text, "<div class=\"bad\"><b>40.0s</b>the longest, not over</div>");
	has(text, "<b>-</b>99 of 100 were shorter");
	has(text, "read /proc/1200/smaps (55.0s, 100.00%)");
	has(text, "No wait has ended.");
	assert_null(strstr(text, "No holder was seen."));
	assert_null(strstr(text, "Nobody waited"));
	free(text);
	snapshot_free(snap);
}

static void it_asks_nobody(void **state)
{
	struct snapshot *snap = sample_snapshot();
	char *text = page_of(snap);

	(void)state;
	has(text, "content=\"default-src 'none'; "
		  "style-src 'nonce-0123456789abcdef0123456789abcdef'; "
		  "script-src 'nonce-0123456789abcdef0123456789abcdef'; "
		  "base-uri 'none'; form-action 'none'\"");
	assert_int_equal(count(text, "nonce=\"0123456789abcdef0123456789abcdef\""), 2);
	assert_int_equal(count(text, "<style"), 1);
	assert_int_equal(count(text, "<script"), 1);
	assert_null(strstr(text, "//www"));
	assert_null(strstr(text, "://"));
	assert_null(strstr(text, "url("));
	assert_null(strstr(text, "@import"));
	free(text);
	snapshot_free(snap);
}

static void nobody_knows_the_nonce(void **state)
{
	struct html_opts one, other;

	(void)state;
	assert_int_equal(html_new_nonce(&one), 0);
	assert_int_equal(html_new_nonce(&other), 0);
	assert_int_equal(strlen(one.nonce), HTML_NONCE - 1);
	assert_int_equal(strspn(one.nonce, "0123456789abcdef"), HTML_NONCE - 1);
	assert_string_not_equal(one.nonce, other.nonce);
}

/* What a process may choose, or an edited recording say; in every place for a string. */
static void fill(struct snapshot *snap, const char *name)
{
	char *clean = text_clean_dup(name);
	struct snap_feature *feature = snapshot_add_feature(snap);
	struct snap_proc *proc = sample_proc(snap, 1200, name, name, FL_READ, FL_OWN);
	struct snap_blame *blame =
		sample_blame(snap, 1200, 4711, name, CAUSE_PROCFS, FL_CONF_RELEASE, S);
	struct snap_wait *wait = sample_wait(snap, 1200, name, 2 * S, false);
	struct snap_stack *stack;

	sample_meta(snap);
	free(snap->meta.host);
	free(snap->meta.kernel);
	free(snap->meta.version);
	free(snap->meta.blind);
	snap->meta.host = sample_dup(name);
	snap->meta.kernel = sample_dup(name);
	snap->meta.version = sample_dup(name);
	snap->meta.blind = sample_dup(name);
	snap->meta.attached = false;
	snap->meta.detached_reason = sample_dup(name);
	feature->name = sample_dup(name);
	feature->reason = sample_dup(name);
	hist_add(&proc->hist, S);
	blame->holder.detail = sample_dup(name);
	wait->cgroup = sample_dup(name);
	wait->waiter.detail = sample_dup(name);
	text_clean(wait->waiter.comm, sizeof(wait->waiter.comm), name, strlen(name));
	text_clean(wait->holder.comm, sizeof(wait->holder.comm), name, strlen(name));
	free(wait->holder.detail);
	wait->holder.detail = sample_dup(name);
	for (int role = 0; role < SNAP_NR_ROLES; role++) {
		stack = snapshot_add_stack(snap);
		stack->role = (enum snap_role)role;
		stack->count = 1;
		stack->total_ns = S;
		text_clean(stack->comm, sizeof(stack->comm), name, strlen(name));
		assert_int_equal(snapshot_add_frame(stack, clean), 0);
	}
	free(clean);
}

/* Letters of two bytes: twice this is more than a name may have. */
#define LONG_WORD "\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6"

static void hostile_names_stay_names(void **state)
{
	static const char *const names[] = {
		"</title><script>alert(1)</script>",
		"</style><img src=x onerror=alert(1)>",
		"</script><script>alert(1)</script>",
		"</pre><iframe src=//example.org>",
		"<!--",
		"]]>",
		"\" onmouseover=\"alert(1)",
		"' onmouseover='alert(1)",
		"&amp;&#0;&bogus;&lt;b&gt;",
		"'\\\n\r\t\x01\x1b[31m",
		"\xff\xfe\xc0\x80\xed\xa0\x80",
		"\xef\xbf\xbe\xef\xbf\xbf",
		"\xe2\x80\xae gnp.exe",
		LONG_WORD LONG_WORD,
		"",
		" ",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct snapshot *snap = snapshot_new();
		char *text;

		fill(snap, names[i]);
		text = page_of(snap);
		assert_int_equal(count(text, "<script"), 1);
		assert_null(strstr(text, "<img"));
		free(text);
		snapshot_free(snap);
	}
}

static void a_full_disk_is_told(void **state)
{
	struct snapshot *snap = sample_snapshot();
	struct timeline *timeline = timeline_new();
	struct render_opts render;
	struct html_opts opts = {.render = &render};
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	render_default_opts(&render);
	assert_int_equal(html_write(full, snap, timeline, &opts), -EIO);
	fclose(full);
	timeline_free(timeline);
	snapshot_free(snap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_in_it),
		cmocka_unit_test(nobody_waited),
		cmocka_unit_test(all_are_stuck),
		cmocka_unit_test(it_asks_nobody),
		cmocka_unit_test(nobody_knows_the_nonce),
		cmocka_unit_test(hostile_names_stay_names),
		cmocka_unit_test(a_full_disk_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
