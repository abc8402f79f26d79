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

/* What a kernel with speculative faults has besides. */
static void add_speculation(struct snapshot *snap)
{
	struct snap_spec *spec = snapshot_add_spec(snap);

	assert_non_null(spec);
	snap->meta.speculative = true;
	spec->tgid = 1200;
	strcpy(spec->comm, "postgres");
}

int main(int argc, char **argv)
{
	static const struct render_service service;
	struct snapshot *snap = sample_snapshot();
	struct render_opts opts;
	int err;

	add_speculation(snap);
	render_default_opts(&opts);
	opts.metrics_per_process = true;
	opts.metrics_service = &service;
	opts.metrics_textfile = argc > 1 && !strcmp(argv[1], "--textfile");
	err = render_metrics(stdout, snap, &opts, NULL);
	snapshot_free(snap);
	return err || fflush(stdout) ? 1 : 0;
}
