// SPDX-License-Identifier: GPL-2.0
/* flame: the tree of merged stacks, and that the SVG is well-formed XML whatever the names are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flame.h"
#include "flame_tree.h"
#include "text.h"

#define XMLLINT "/usr/bin/xmllint"

static const struct flame_opts by_time = {.role = SNAP_WAITER};

static int add_stack(struct snapshot *snap, bool user, int below, uint64_t count, uint64_t ns,
		     const char *const *frames)
{
	struct snap_stack *stack = snapshot_add_stack(snap);

	assert_non_null(stack);
	stack->user = user;
	stack->below = below;
	stack->count = count;
	stack->total_ns = ns;
	stack->tgid = 7;
	strcpy(stack->comm, "worker");
	for (; *frames; frames++)
		assert_int_equal(snapshot_add_frame(stack, *frames), 0);
	return snap->n_stacks - 1;
}

#define FRAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Two kernel stacks on one user stack, and one without. */
static struct snapshot *sample(void)
{
	struct snapshot *snap = snapshot_new();
	int user;

	assert_non_null(snap);
	user = add_stack(snap, true, -1, 1, 100, FRAMES("touch+0x12 [app]", "main+0x3 [app]"));
	add_stack(snap, false, user, 3, 300, FRAMES("down_read+0x1", "do_user_addr_fault+0x2"));
	add_stack(snap, false, user, 1, 100, FRAMES("down_read+0x9", "do_user_addr_fault+0x8"));
	add_stack(snap, false, -1, 4, 600, FRAMES("down_write+0x1", "__x64_sys_munmap+0x2"));
	return snap;
}

static const struct flame_node *child(const struct flame_tree *tree,
				      const struct flame_node *parent, const char *name)
{
	for (uint32_t at = parent->child; at; at = tree->nodes[at].next)
		if (!strcmp(tree->nodes[at].name, name))
			return &tree->nodes[at];
	fail_msg("no child '%s'", name);
	return NULL;
}

static void test_merge(void **state)
{
	struct snapshot *snap = sample();
	struct flame_tree tree;
	const struct flame_node *at;

	(void)state;
	assert_int_equal(flame_tree_build(&tree, snap, &by_time), 0);
	assert_int_equal(tree.nodes[0].weight, 1000); /* the user stack is not counted twice */
	assert_int_equal(tree.stacks, 3);
	assert_int_equal(tree.cut, 0);
	assert_int_equal(tree.depth, 5);
	at = child(&tree, &tree.nodes[0], "worker");
	assert_int_equal(at->weight, 1000);
	assert_int_equal(child(&tree, at, "__x64_sys_munmap")->weight, 600);
	at = child(&tree, at, "main [app]");
	assert_int_equal(at->kind, FLAME_USER);
	at = child(&tree, child(&tree, at, "touch [app]"), "do_user_addr_fault");
	assert_int_equal(at->kind, FLAME_KERNEL);
	at = child(&tree, at, "down_read");
	assert_int_equal(at->weight, 400);
	assert_int_equal(at->child, 0);
	flame_tree_free(&tree);
	snapshot_free(snap);
}

static void test_selection(void **state)
{
	struct snapshot *snap = sample();
	struct flame_opts opts = {.role = SNAP_WAITER, .by_count = true};
	struct flame_tree tree;

	(void)state;
	assert_int_equal(flame_tree_build(&tree, snap, &opts), 0);
	assert_int_equal(tree.nodes[0].weight, 8);
	assert_int_equal(tree.unit, FLAME_WAITS);
	flame_tree_free(&tree);
	opts.tgid = 8;
	assert_int_equal(flame_tree_build(&tree, snap, &opts), -ENODATA);
	flame_tree_free(&tree);
	opts = (struct flame_opts){.role = SNAP_HOLDER};
	assert_int_equal(flame_write(stdout, snap, &opts), -ENODATA);
	for (int i = 0; i < 2; i++) { /* stacks of single waits: one sample each */
		add_stack(snap, false, -1, 0, 5, FRAMES("unmap_page_range+0x1"));
		snap->stacks[snap->n_stacks - 1].role = SNAP_HOLDER;
	}
	assert_int_equal(flame_tree_build(&tree, snap, &opts), 0);
	assert_int_equal(tree.unit, FLAME_SAMPLES);
	assert_int_equal(tree.nodes[0].weight, 2);
	flame_tree_free(&tree);
	snapshot_free(snap);
}

static void test_bounds(void **state)
{
	struct snapshot *snap = snapshot_new();
	struct snap_stack *stack;
	struct flame_tree tree;

	(void)state;
	add_stack(snap, false, 12345, 1, 1, FRAMES("leaf"));
	stack = &snap->stacks[0];
	for (int i = 0; i < 2 * FLAME_MAX_DEPTH; i++)
		assert_int_equal(snapshot_add_frame(stack, "recursive+0x1"), 0);
	assert_int_equal(flame_tree_build(&tree, snap, &by_time), 0);
	assert_int_equal(tree.depth, FLAME_MAX_DEPTH);
	assert_int_equal(tree.cut, 1);
	flame_tree_free(&tree);
	snapshot_free(snap);
}

/* --- a strict look at the XML: tags nest, attributes are quoted, entities are known */

static const char *check_entity(const char *at)
{
	static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&apos;"};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strncmp(at, known[i], strlen(known[i])))
			return at + strlen(known[i]);
	fail_msg("bad entity: %.20s", at);
	return NULL;
}

static const char *check_attributes(const char *at)
{
	while (*at != '>' && strncmp(at, "/>", 2) && strncmp(at, "?>", 2)) {
		assert_true(isspace((unsigned char)*at));
		at += strspn(at, " \n");
		at += strcspn(at, "= >");
		assert_memory_equal(at, "=\"", 2);
		for (at += 2; *at != '"';) {
			assert_true(*at && *at != '<');
			at = *at == '&' ? check_entity(at) : at + 1;
		}
		at++;
	}
	return at;
}

static void check_xml(const char *text)
{
	char open[16][16];
	int depth = 0;
	const char *at = text;

	while (*at) {
		if (!strncmp(at, "<![CDATA[", 9)) {
			at = strstr(at, "]]>");
			assert_non_null(at);
			at += 3;
		} else if (at[0] == '<' && at[1] == '/') {
			size_t len = strlen(open[--depth]);

			assert_true(depth >= 0);
			assert_memory_equal(at + 2, open[depth], len);
			assert_int_equal(at[2 + len], '>');
			at += len + 3;
		} else if (at[0] == '<') {
			size_t len = strcspn(at + 1, " />");

			assert_true(depth < 16 && len > 0 && len < 16);
			snprintf(open[depth], sizeof(open[0]), "%.*s", (int)len, at + 1);
			at = check_attributes(at + 1 + len);
			if (*at == '>')
				depth++;
			at += *at == '>' ? 1 : 2;
		} else {
			assert_true((unsigned char)*at >= ' ' || *at == '\n');
			assert_int_not_equal(*at, '>');
			at = *at == '&' ? check_entity(at) : at + 1;
		}
	}
	assert_int_equal(depth, 0);
}

/* libxml2's opinion, where it is installed. */
static void check_by_xmllint(const char *text)
{
	char path[] = "/tmp/faultline-flame-XXXXXX", command[128];
	int fd = mkstemp(path), status;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	snprintf(command, sizeof(command), XMLLINT " --noout --nonet %s", path);
	status = access(XMLLINT, X_OK) ? 0 : system(command);
	unlink(path);
	assert_int_equal(status, 0);
}

static char *draw(const struct snapshot *snap, const struct flame_opts *opts)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(flame_write(out, snap, opts), 0);
	fclose(out);
	assert_int_equal(strlen(text), size);
	check_xml(text);
	check_by_xmllint(text);
	return text;
}

static void test_svg(void **state)
{
	struct snapshot *snap = sample();
	char *text;

	(void)state;
	snap->meta.counters[FL_LOST_WAITERS_FULL] = 17;
	text = draw(snap, &by_time);
	assert_non_null(strstr(text, "Waiting for mmap_lock"));
	assert_non_null(strstr(text, "lost: 17 waits"));
	assert_non_null(strstr(text, "__x64_sys_munmap (600ns, 60.00%)"));
	assert_null(strstr(text, "href"));
	assert_null(strstr(text, "http://www.w3.org/2000/svg\" onload"));
	free(text);
	snapshot_free(snap);
}

/* Of several graphs in one page none brings what the page has once. */
static void test_in_page(void **state)
{
	struct snapshot *snap = sample();
	struct flame_opts opts = by_time;
	char *text;

	(void)state;
	opts.in_page = true;
	text = draw(snap, &opts);
	assert_memory_equal(text, "<svg class=\"flame\"", 18);
	assert_null(strstr(text, "<style"));
	assert_null(strstr(text, "<script"));
	assert_null(strstr(text, "://"));
	assert_null(strstr(text, " id="));
	free(text);
	snapshot_free(snap);
}

/* Names as a process may choose them, after text_clean() as in every snapshot. */
static void test_hostile(void **state)
{
	static const char *const names[] = {
		"</title><script>alert(1)</script>",
		"]]>",
		"\" onload=\"alert(1)",
		"&amp;&#0;&bogus;",
		"'\\\n\r\t\x01\x1b[31m",
		"\xff\xfe\xc0\x80\xed\xa0\x80",
		"\xef\xbf\xbe\xef\xbf\xbf",
		"\xe2\x80\xae gnp.exe",
		"\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6",
		"+0x",
		"+",
		"[",
		"",
		" ",
	};
	struct snapshot *snap = snapshot_new();
	struct flame_opts opts = by_time;
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char *clean = text_clean_dup(names[i]);

		add_stack(snap, false, -1, 1, 1 + i % 3 * 100, FRAMES(clean, "below+0x1"));
		text_clean(snap->stacks[i].comm, sizeof(snap->stacks[i].comm), names[i],
			   strlen(names[i]));
		free(clean);
	}
	opts.title = names[0];
	text = draw(snap, &opts);
	assert_null(strstr(text, "<script>alert"));
	assert_null(strstr(text, "\x1b"));
	free(text);
	snapshot_free(snap);
}

static void test_write_error(void **state)
{
	struct snapshot *snap = sample();
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	assert_int_equal(flame_write(full, snap, &by_time), -EIO);
	fclose(full);
	snapshot_free(snap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge),	    cmocka_unit_test(test_selection),
		cmocka_unit_test(test_bounds),	    cmocka_unit_test(test_svg),
		cmocka_unit_test(test_in_page),	    cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_write_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
