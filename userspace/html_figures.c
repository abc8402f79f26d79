// SPDX-License-Identifier: GPL-2.0
/* How bad is it, in six numbers? Waits that go on count as well: they may be the worst. */
#include "html_draw.h"
#include "units.h"

struct html_sums html_sum_up(const struct snapshot *snap)
{
	uint64_t window_ns = snap->meta.window_ns;
	struct html_sums sums = {0};

	for (size_t i = 0; i < snap->n_procs; i++)
		hist_merge(&sums.hist, &snap->procs[i].hist);
	for (size_t i = 0; i < snap->n_waits; i++) {
		uint64_t ns = snap->waits[i].dur_ns;

		if (snap->waits[i].finished)
			continue;
		sums.n_open++;
		sums.open_ns += ns < window_ns ? ns : window_ns;
		if (ns > sums.open_max_ns)
			sums.open_max_ns = ns;
	}
	return sums;
}

static void put_figure(FILE *out, bool bad, const char *number, const char *what)
{
	fprintf(out, "<div%s><b>%s</b>%s</div>\n", bad ? " class=\"bad\"" : "", number, what);
}

void html_put_figures(FILE *out, const struct html_sums *sums, const struct snap_meta *meta)
{
	uint64_t lost = snapshot_lost_waits(meta), ns = sums->hist.total_ns + sums->open_ns;
	const struct hist *hist = &sums->hist;
	bool open = sums->open_max_ns > hist->max_ns;
	char number[UNITS_BUF], what[64];

	fputs("<div class=\"figures\">\n", out);
	snprintf(number, sizeof(number), "%zu", sums->n_open);
	put_figure(out, sums->n_open, number, "threads waiting at the end");
	put_figure(out, false, units_format_count(number, hist->count), "waits ended");
	snprintf(what, sizeof(what), "of waiting; %.1f threads at a time",
		 meta->window_ns ? (double)ns / (double)meta->window_ns : 0);
	put_figure(out, false, units_format_duration(number, ns), what);
	put_figure(out, open,
		   units_format_duration(number, open ? sums->open_max_ns : hist->max_ns),
		   open ? "the longest, not over" : "the longest");
	units_format_duration(number, hist_percentile_ns(hist, 99));
	put_figure(out, false, hist->count ? number : "-", "99 of 100 were shorter");
	put_figure(out, lost, units_format_count(number, lost), "waits lost");
	fputs("</div>\n", out);
}
