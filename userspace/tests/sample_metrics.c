// SPDX-License-Identifier: GPL-2.0
/*
 * sample_metrics: every metric there is, as the daemon would serve it, without a
 * daemon, root or a kernel. For what is checked against the list of metrics: the
 * manual, rules and dashboard.
 *
 *	sample_metrics			OpenMetrics
 *	sample_metrics --textfile	the older text format
 */
#include "render.h"
#include "sample.h"

int main(int argc, char **argv)
{
	struct snapshot *snap = sample_snapshot();
	struct render_opts opts;
	int err;

	render_default_opts(&opts);
	opts.metrics_per_process = true;
	opts.metrics_textfile = argc > 1 && !strcmp(argv[1], "--textfile");
	err = render_metrics(stdout, snap, &opts, NULL);
	snapshot_free(snap);
	return err || fflush(stdout) ? 1 : 0;
}
