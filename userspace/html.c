// SPDX-License-Identifier: GPL-2.0
/*
 * What does a page about a measurement say, and in which order? What is wrong
 * now, who is to blame, when it happened, then the tables, and at the end how far
 * all of it can be trusted. Words and numbers are those of the other outputs;
 * every name passes text_put_xml().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "flame_script.h"
#include "hot.h"
#include "html_draw.h"
#include "render_html.h"
#include "text.h"
#include "units.h"
#include "verdict.h"

#define MAX_VERDICTS 8
#define MAX_ROWS     100 /* of each table besides the one that was asked for */

struct page {
	FILE *out;
	const struct snapshot *snap;
	const struct timeline *timeline;
	const struct html_opts *opts;
	struct render_opts plain; /* of what nobody asked for in particular */
	struct html_sums sums;
	int err;
};

int html_new_nonce(struct html_opts *opts)
{
	unsigned char bytes[(HTML_NONCE - 1) / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -errno;
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(opts->nonce + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static void note_error(struct page *page, int err)
{
	if (err && !page->err)
		page->err = err;
}

/* What a function of the text outputs writes, in a <pre>. */
static void put_text(struct page *page, const char *class,
		     int (*print)(struct page *page, FILE *out, uint32_t arg), uint32_t arg)
{
	char *text = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&text, &size);

	if (!memory) {
		note_error(page, -ENOMEM);
		return;
	}
	note_error(page, print(page, memory, arg));
	if (fclose(memory))
		note_error(page, -ENOMEM);
	while (size && text[size - 1] == '\n')
		text[--size] = '\0';
	if (size) {
		fprintf(page->out, "<div class=\"box %s\"><pre class=\"%s\">", class,
			*class ? "wrap" : "");
		text_put_xml(page->out, text);
		fputs("</pre></div>\n", page->out);
	}
	free(text);
}

static int print_warnings(struct page *page, FILE *out, uint32_t arg)
{
	(void)arg;
	render_warnings(out, page->snap, &page->plain);
	return 0;
}

static int print_footer(struct page *page, FILE *out, uint32_t arg)
{
	(void)arg;
	render_footer(out, page->snap, &page->plain);
	return 0;
}

static int print_verdict(struct page *page, FILE *out, uint32_t tgid)
{
	return verdict_explain(out, page->snap, tgid);
}

static void put_when(FILE *out, uint64_t unix_ns, const char *format)
{
	time_t seconds = (time_t)(unix_ns / 1000000000);
	char text[64] = "?";
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || !strftime(text, sizeof(text), format, &tm))
		strcpy(text, "?");
	text_put_xml(out, text);
}

static void put_head(const struct page *page)
{
	const struct snap_meta *meta = &page->snap->meta;
	const char *nonce = page->opts->nonce;
	FILE *out = page->out;

	fprintf(out,
		"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"style-src 'nonce-%s'; script-src 'nonce-%s'; base-uri 'none'; form-action "
		"'none'\"/>\n"
		"<meta name=\"viewport\" content=\"width=device-width, "
		"initial-scale=1\"/>\n<title>",
		nonce, nonce);
	text_put_xml(out, meta->host ? meta->host : "?");
	fputs(" mmap_lock ", out);
	put_when(out, meta->time_unix_ns, "%Y-%m-%d %H:%M");
	fprintf(out, "</title>\n<style nonce=\"%s\">\n%s%s</style></head>\n<body>\n", nonce,
		html_style, flame_style);
}

static void put_title(const struct page *page)
{
	const struct snap_meta *meta = &page->snap->meta;
	char window[UNITS_BUF];
	FILE *out = page->out;

	fputs("<header><h1>mmap_lock on ", out);
	text_put_xml(out, meta->host ? meta->host : "?");
	fputs("</h1>\n<p class=\"sub\">", out);
	put_when(out, meta->time_unix_ns - meta->window_ns, "%Y-%m-%d %H:%M:%S");
	fputs(" to ", out);
	put_when(out, meta->time_unix_ns, "%Y-%m-%d %H:%M:%S %Z");
	fprintf(out, " (%s) &middot; kernel ", units_format_duration(window, meta->window_ns));
	text_put_xml(out, meta->kernel ? meta->kernel : "?");
	fputs(" &middot; faultline ", out);
	text_put_xml(out, meta->version ? meta->version : "?");
	fputs(meta->source && !strcmp(meta->source, "daemon") ? ", by its daemon"
							      : ", without a daemon",
	      out);
	fputs("</p></header>\n"
	      "<nav><a href=\"#verdict\">Verdict</a><a href=\"#when\">When</a>"
	      "<a href=\"#holders\">Who held it</a><a href=\"#waiters\">Who waited</a>"
	      "<a href=\"#trust\">How far to trust it</a></nav>\n",
	      out);
}

static bool is_stuck(const struct page *page, uint32_t tgid)
{
	for (size_t i = 0; i < page->snap->n_waits; i++)
		if (!page->snap->waits[i].finished && page->snap->waits[i].tgid == tgid)
			return true;
	return false;
}

static void put_verdict(struct page *page, uint32_t tgid, bool open)
{
	char line[VERDICT_LINE];

	fprintf(page->out, "<details%s><summary>", open ? " open=\"\"" : "");
	text_put_xml(page->out, verdict_line(line, sizeof(line), page->snap, tgid));
	fputs("</summary>\n", page->out);
	put_text(page, "", print_verdict, tgid);
	fputs("</details>\n", page->out);
}

/* Who waits still comes first and is open; then by waiting time. */
static size_t put_loads(struct page *page, const struct hot_load *loads, size_t n)
{
	size_t shown = 0;

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < n && shown < MAX_VERDICTS; i++) {
			uint32_t tgid = loads[i].tgid;
			bool stuck = is_stuck(page, tgid);
			bool again = false; /* a pid that was reused has one verdict */

			for (size_t k = 0; k < i; k++)
				again |= loads[k].tgid == tgid;
			if (again || stuck != !pass)
				continue;
			put_verdict(page, tgid, stuck || !shown);
			shown++;
		}
	}
	return shown;
}

static void put_verdicts(struct page *page)
{
	struct hot_load *loads = NULL;
	size_t n = 0, shown;
	int err = hot_loads(page->snap, &loads, &n);

	note_error(page, err);
	fputs("<h2 id=\"verdict\">Verdict</h2>\n", page->out);
	if (!err && !n)
		fputs("<div class=\"box good\">Nobody waited for an mmap_lock in this "
		      "window.</div>\n",
		      page->out);
	shown = put_loads(page, loads, n);
	if (n > shown && shown == MAX_VERDICTS)
		fprintf(page->out,
			"<p class=\"note\">%zu more processes have waits; these waited most.</p>\n",
			n - shown);
	free(loads);
}

static void put_times(struct page *page)
{
	struct html_axis axis = html_axis_of(&page->snap->meta, page->timeline);
	FILE *out = page->out;

	fputs("<h2 id=\"when\">When</h2>\n", out);
	if (!page->sums.hist.count && !page->timeline->waits->n_waits) {
		fputs("<p class=\"note\">No wait in this window.</p>\n", out);
		return;
	}
	fputs("<div id=\"pictures\">\n", out);
	if (page->timeline->waits->n_waits) {
		fputs("<h3>Single waits, by the process whose lock it was</h3>\n"
		      "<p class=\"key\">to<i class=\"read\"></i>read<i class=\"write\"></i>write"
		      "<i class=\"open\"></i>not over; a mouse on one shows all that waited for "
		      "the same holder. Short waits are in the heat map alone.</p>\n"
		      "<div class=\"box\">\n",
		      out);
		note_error(page, html_put_waits(out, page->timeline, &axis));
		fputs("</div>\n", out);
	}
	if (page->sums.hist.count && page->timeline->n_columns) {
		fputs("<h3>How long waits took, by the time of their end</h3>\n<p "
		      "class=\"key\">few "
		      "<span class=\"scale\">",
		      out);
		for (int i = 0; i < 8; i++)
			fprintf(out, "<i class=\"q%d\"></i>", i);
		fputs("</span> many waits (logarithmic)</p>\n", out);
		if (page->timeline->n_columns == 1)
			fputs("<p class=\"note\">One column: only the sum is known. Give -d for a "
			      "window with time in it, or make a recording.</p>\n",
			      out);
		fputs("<div class=\"box\">\n", out);
		html_put_heat(out, page->timeline, &axis);
		fputs("</div>\n", out);
	}
	fputs("</div>\n", out);
}

/* A table besides the one that was asked for, folded away unless it is open. */
static void put_table(struct page *page, enum render_by by, const char *title, bool open)
{
	struct render_opts opts = page->plain;

	opts.by = by;
	fprintf(page->out, "<details%s><summary>%s</summary>\n", open ? " open=\"\"" : "", title);
	note_error(page, render_html_report(page->out, page->snap, &opts, NULL));
	fputs("</details>\n", page->out);
}

static void put_holders(struct page *page)
{
	fputs("<h2 id=\"holders\">Who held it</h2>\n", page->out);
	if (!page->snap->n_blames && !page->sums.n_open) {
		fputs("<p class=\"note\">No holder was seen.</p>\n", page->out);
		return;
	}
	fputs("<p class=\"note\">Width is the waiting time that the holder stands for. Click "
	      "to zoom, Esc to return.</p>\n",
	      page->out);
	note_error(page,
		   html_put_flame(page->out, page->snap, SNAP_HOLDER,
				  "Held by: kernel stacks, sampled while somebody waited long"));
	note_error(page, html_put_blamed(page->out, page->snap));
	if (!page->snap->n_blames)
		return; /* all that waited still do: they stand below, with their holder */
	put_table(page, RENDER_BY_HOLDER, "By holder", true);
	put_table(page, RENDER_BY_CAUSE, "By cause", true);
}

/* The table that `report` prints, with the columns and the order that were asked for. */
static void put_asked(struct page *page)
{
	size_t rows = 0;

	note_error(page, render_html_report(page->out, page->snap, page->opts->render, &rows));
	if (!rows)
		fputs("<p class=\"note\">No wait has ended.</p>\n", page->out);
}

static void put_single(struct page *page, bool unfinished, const char *title)
{
	fprintf(page->out, "<details%s><summary>%s</summary>\n", unfinished ? " open=\"\"" : "",
		title);
	note_error(page, render_html_waits(page->out, page->snap, &page->plain, unfinished, NULL));
	fputs("</details>\n", page->out);
}

static void put_waiters(struct page *page)
{
	fputs("<h2 id=\"waiters\">Who waited</h2>\n", page->out);
	if (page->sums.n_open)
		put_single(page, true, "Waits that have not ended");
	put_asked(page);
	if (page->sums.hist.count) {
		put_table(page, RENDER_BY_PROCESS, "By process", false);
		put_table(page, RENDER_BY_CGROUP, "By cgroup", false);
	}
	if (page->snap->n_waits)
		put_single(page, false, "The longest single waits");
	note_error(page,
		   html_put_flame(page->out, page->snap, SNAP_WAITER, "Waited in: kernel stacks"));
}

static void put_trust(struct page *page)
{
	const struct snapshot *snap = page->snap;

	fputs("<h2 id=\"trust\">How far to trust it</h2>\n", page->out);
	put_text(page, snapshot_lost_any(&snap->meta) ? "bad" : "good", print_footer, 0);
	if (!snap->n_features)
		return;
	fputs("<details><summary>What this kernel lets us see</summary>\n"
	      "<div class=\"scroll\"><table><tbody>\n",
	      page->out);
	for (size_t i = 0; i < snap->n_features; i++) {
		const struct snap_feature *feature = &snap->features[i];
		const char *state = snapshot_state_name(feature->state);

		fputs("<tr><td>", page->out);
		text_put_xml(page->out, feature->name ? feature->name : "?");
		fprintf(page->out, "</td><td class=\"%s\">%s</td><td>", state, state);
		text_put_xml(page->out, feature->reason ? feature->reason : "");
		fputs("</td></tr>\n", page->out);
	}
	fputs("</tbody></table></div></details>\n", page->out);
}

int html_write(FILE *out, const struct snapshot *snap, const struct timeline *timeline,
	       const struct html_opts *opts)
{
	struct page page = {.out = out, .snap = snap, .timeline = timeline, .opts = opts};

	render_default_opts(&page.plain);
	page.plain.entries = MAX_ROWS;
	page.plain.min_wait_ns = opts->render->min_wait_ns;
	page.sums = html_sum_up(snap);
	put_head(&page);
	put_title(&page);
	put_text(&page, "bad", print_warnings, 0);
	html_put_figures(out, &page.sums, &snap->meta);
	put_verdicts(&page);
	put_times(&page);
	put_holders(&page);
	put_waiters(&page);
	put_trust(&page);
	fprintf(out, "<script nonce=\"%s\">\n%s%s</script>\n</body></html>\n", opts->nonce,
		html_script, flame_script);
	if (fflush(out) || ferror(out))
		note_error(&page, -EIO);
	return page.err;
}
