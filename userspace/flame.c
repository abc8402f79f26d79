// SPDX-License-Identifier: GPL-2.0
/*
 * How does one draw where the waiting comes from? Writes the tree of
 * flame_tree.c as SVG: the width of a frame is its share of the total, callers
 * are below. All names pass text_put_xml(); the script reads them as text only.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "flame.h"
#include "flame_script.h"
#include "flame_tree.h"
#include "text.h"
#include "units.h"

#define WIDTH	     1200.0
#define MARGIN	     10.0
#define FRAME_HEIGHT 17
#define HEAD_HEIGHT  72 /* title, totals, losses */
#define FOOT_HEIGHT  36 /* details */
#define CHAR_WIDTH   7.0 /* of 12 px monospace, rounded up */
#define MIN_WIDTH    0.3 /* narrower frames are left out: nobody can see them */
#define SPAN	     (WIDTH - 2 * MARGIN)

struct drawing {
	FILE *out;
	const struct flame_tree *tree;
	int height;
	uint64_t narrow; /* frames left out */
};

/* XML has no U+FFFE and U+FFFF, which are valid UTF-8 and may be in a name. */
static void put_xml(FILE *out, const char *text)
{
	while (*text) {
		char one[2] = {*text};

		if (!strncmp(text, "\xef\xbf\xbe", 3) || !strncmp(text, "\xef\xbf\xbf", 3)) {
			putc('?', out);
			text += 3;
			continue;
		}
		text_put_xml(out, one);
		text++;
	}
}

static const char *format_weight(char buf[UNITS_BUF], const struct flame_tree *tree,
				 uint64_t weight)
{
	return tree->unit == FLAME_NS ? units_format_duration(buf, weight)
				      : units_format_count(buf, weight);
}

static const char *unit_word(enum flame_unit unit)
{
	return unit == FLAME_NS ? "" : unit == FLAME_WAITS ? " waits" : " samples";
}

static const char *title_of(const struct flame_opts *opts)
{
	if (opts->title)
		return opts->title;
	return opts->role == SNAP_HOLDER ? "Holding mmap_lock" : "Waiting for mmap_lock";
}

/* FNV-1a: the same function has the same shade in every picture */
static unsigned int shade(const char *name)
{
	uint32_t hash = 2166136261U;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619U;
	return hash >> 16;
}

static void put_colour(FILE *out, const struct flame_node *node)
{
	static const struct {
		int hue, range, saturation, light;
	} colours[FLAME_NR_KINDS] = {
		[FLAME_ROOT] = {210, 1, 8, 80},
		[FLAME_TASK] = {210, 1, 16, 72},
		[FLAME_USER] = {150, 60, 45, 70},
		[FLAME_KERNEL] = {15, 35, 88, 68},
	};
	unsigned int by_name = shade(node->name ? node->name : "");

	fprintf(out, "hsl(%d,%d%%,%d%%)",
		colours[node->kind].hue + by_name % colours[node->kind].range,
		colours[node->kind].saturation, colours[node->kind].light + (by_name >> 8) % 8);
}

/* At most max_chars characters of the name, with ".." for the rest. */
static void put_label(FILE *out, const char *name, size_t max_chars)
{
	char buf[256];
	size_t len = strlen(name);

	if (max_chars < 3)
		return;
	if (max_chars > sizeof(buf) - 3)
		max_chars = sizeof(buf) - 3;
	if (len > max_chars) {
		len = max_chars - 2;
		while (len && ((unsigned char)name[len] & 0xc0) == 0x80)
			len--; /* not in the middle of a character */
		snprintf(buf, sizeof(buf), "%.*s..", (int)len, name);
		name = buf;
	}
	put_xml(out, name);
}

static void put_frame(struct drawing *draw, const struct flame_node *node, unsigned int depth,
		      double x, double width)
{
	int y = draw->height - FOOT_HEIGHT - (int)(depth + 1) * FRAME_HEIGHT;
	const char *name = node->name ? node->name : "all";
	char weight[UNITS_BUF];
	FILE *out = draw->out;

	fprintf(out, "<g class=\"f\" data-x=\"%.3f\" data-w=\"%.3f\" data-d=\"%u\"><title>", x,
		width, depth);
	put_xml(out, name);
	fprintf(out, " (%s%s, %.2f%%)</title>", format_weight(weight, draw->tree, node->weight),
		unit_word(draw->tree->unit), 100.0 * node->weight / draw->tree->nodes[0].weight);
	fprintf(out, "<rect x=\"%.3f\" y=\"%d\" width=\"%.3f\" height=\"%d\" fill=\"", MARGIN + x,
		y, width, FRAME_HEIGHT - 1);
	put_colour(out, node);
	fprintf(out, "\"/><text x=\"%.3f\" y=\"%d\">", MARGIN + x + 3, y + 12);
	put_label(out, name, (size_t)((width - 6 > 0 ? width - 6 : 0) / CHAR_WIDTH));
	fputs("</text></g>\n", out);
}

/* Depth is at most FLAME_MAX_DEPTH. */
static void put_subtree(struct drawing *draw, uint32_t at, unsigned int depth, double x)
{
	const struct flame_node *node = &draw->tree->nodes[at];
	double width = SPAN * node->weight / draw->tree->nodes[0].weight;

	if (width < MIN_WIDTH) {
		draw->narrow++;
		return;
	}
	put_frame(draw, node, depth, x, width);
	for (uint32_t child = node->child; child; child = draw->tree->nodes[child].next) {
		put_subtree(draw, child, depth + 1, x);
		x += SPAN * draw->tree->nodes[child].weight / draw->tree->nodes[0].weight;
	}
}

static void put_meta(struct drawing *draw, const struct snap_meta *meta)
{
	uint64_t lost_waits = snapshot_lost_waits(meta), lost = snapshot_lost_any(meta);
	char window[UNITS_BUF], total[UNITS_BUF], stacks[UNITS_BUF], count[UNITS_BUF];
	FILE *out = draw->out;

	fprintf(out, "<text x=\"%g\" y=\"44\">total %s%s in %s stacks", MARGIN,
		format_weight(total, draw->tree, draw->tree->nodes[0].weight),
		unit_word(draw->tree->unit), units_format_count(stacks, draw->tree->stacks));
	fprintf(out, ", window %s, host ", units_format_duration(window, meta->window_ns));
	put_xml(out, meta->host ? meta->host : "?");
	fputs(", kernel ", out);
	put_xml(out, meta->kernel ? meta->kernel : "?");
	fprintf(out, "</text>\n<text x=\"%g\" y=\"62\" class=\"%s\">", MARGIN,
		lost || draw->tree->cut ? "loss" : "none");
	fprintf(out, "lost: %s waits, ", units_format_count(count, lost_waits));
	fprintf(out, "%s details; ", units_format_count(count, lost - lost_waits));
	fprintf(out, "%s stacks cut short</text>\n", units_format_count(count, draw->tree->cut));
}

static void put_head(struct drawing *draw, const struct snapshot *snap,
		     const struct flame_opts *opts)
{
	FILE *out = draw->out;

	if (!opts->in_page)
		fputs("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n", out);
	fprintf(out, "<svg class=\"flame\"%s width=\"%g\" height=\"%d\" viewBox=\"0 0 %g %d\">\n",
		opts->in_page ? "" : " xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\"", WIDTH,
		draw->height, WIDTH, draw->height);
	if (!opts->in_page) {
		fputs("<title>", out);
		put_xml(out, title_of(opts));
		fprintf(out, "</title>\n<style>%s</style>\n", flame_style);
	}
	fputs("<rect class=\"back\" width=\"100%\" height=\"100%\"/>\n", out);
	fprintf(out, "<text x=\"%g\" y=\"24\" class=\"title\">", MARGIN);
	put_xml(out, title_of(opts));
	fputs("</text>\n", out);
	put_meta(draw, &snap->meta);
	fprintf(out,
		"<text class=\"button reset\" x=\"%g\" y=\"24\">Reset zoom</text>\n"
		"<text class=\"button search\" x=\"%g\" y=\"24\">Search</text>\n"
		"<text class=\"found\" x=\"%g\" y=\"44\" text-anchor=\"end\"></text>\n",
		WIDTH - 170, WIDTH - MARGIN - 50, WIDTH - MARGIN);
}

static void put_foot(struct drawing *draw, const struct flame_opts *opts)
{
	char count[UNITS_BUF];

	fprintf(draw->out, "<text class=\"details\" x=\"%g\" y=\"%d\">", MARGIN, draw->height - 20);
	if (draw->narrow)
		fprintf(draw->out, "too narrow to draw (and all above them): %s frames",
			units_format_count(count, draw->narrow));
	fputs("</text>\n", draw->out);
	fprintf(draw->out,
		"<g transform=\"translate(%g,%d)\"><rect width=\"10\" height=\"10\" "
		"fill=\"hsl(30,88%%,70%%)\"/><text x=\"14\" y=\"10\">kernel</text><rect x=\"70\" "
		"width=\"10\" height=\"10\" fill=\"hsl(180,45%%,72%%)\"/>"
		"<text x=\"84\" y=\"10\">user</text></g>\n",
		WIDTH - 140, draw->height - 30);
	if (!opts->in_page)
		fprintf(draw->out, "<script>//<![CDATA[\n%s//]]></script>\n", flame_script);
	fputs("</svg>\n", draw->out);
}

int flame_write(FILE *out, const struct snapshot *snap, const struct flame_opts *opts)
{
	struct flame_tree tree;
	struct drawing draw = {.out = out, .tree = &tree};
	int err = flame_tree_build(&tree, snap, opts);

	if (err)
		goto out;
	draw.height = HEAD_HEIGHT + FOOT_HEIGHT + (int)(tree.depth + 1) * FRAME_HEIGHT;
	put_head(&draw, snap, opts);
	put_subtree(&draw, 0, 0, 0);
	put_foot(&draw, opts);
	if (fflush(out) || ferror(out))
		err = -EIO;
out:
	flame_tree_free(&tree);
	return err;
}
