// SPDX-License-Identifier: GPL-2.0
/*
 * The snapshot as OpenMetrics text. Base units, no raw ids as labels unless
 * asked for; which cgroup gets a series is decided by render_series.c.
 * node_exporter's textfiles know only the older format: there a counter's name
 * carries its _total in the metadata, info is a gauge and there is no UNIT.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "render_series.h"
#include "text.h"

struct writer {
	FILE *out;
	bool old; /* the older text format */
};

static void family(const struct writer *w, const char *name, const char *type, const char *unit,
		   const char *help)
{
	const char *suffix = "";

	if (w->old) {
		suffix = !strcmp(type, "counter") ? "_total" : !strcmp(type, "info") ? "_info" : "";
		if (!strcmp(type, "info"))
			type = "gauge";
	}
	fprintf(w->out, "# TYPE faultline_%s%s %s\n", name, suffix, type);
	if (unit && !w->old)
		fprintf(w->out, "# UNIT faultline_%s %s\n", name, unit);
	fprintf(w->out, "# HELP faultline_%s%s %s\n", name, suffix, help);
}

static void put_seconds(const struct writer *w, uint64_t ns)
{
	fprintf(w->out, " %" PRIu64 ".%09" PRIu64 "\n", ns / 1000000000, ns % 1000000000);
}

static void put_number(const struct writer *w, uint64_t value)
{
	fprintf(w->out, " %" PRIu64 "\n", value);
}

/* name{label="value" without the closing brace. */
static void open_labels(const struct writer *w, const char *name, const char *label,
			const char *value)
{
	fprintf(w->out, "faultline_%s{%s=\"", name, label);
	text_put_label(w->out, value);
	putc('"', w->out);
}

static void more_labels(const struct writer *w, const char *label, const char *value)
{
	fprintf(w->out, ",%s=\"", label);
	text_put_label(w->out, value);
	putc('"', w->out);
}

static void put_gauge(const struct writer *w, const char *name, const char *unit, uint64_t value,
		      const char *help)
{
	family(w, name, "gauge", unit, help);
	fprintf(w->out, "faultline_%s", name);
	put_number(w, value);
}

static void put_seconds_total(const struct writer *w, const char *name, uint64_t ns,
			      const char *help)
{
	family(w, name, "counter", "seconds", help);
	fprintf(w->out, "faultline_%s_total", name);
	put_seconds(w, ns);
}

static void put_counter(const struct writer *w, const char *name, uint64_t value, const char *help)
{
	family(w, name, "counter", NULL, help);
	fprintf(w->out, "faultline_%s_total", name);
	put_number(w, value);
}

static void put_histogram(const struct writer *w, const char *labels, const struct series_sum *sum)
{
	uint64_t below = 0;

	for (unsigned int i = 0; i < SERIES_BOUNDS; i++) {
		uint64_t bound_ns = 1ULL << (SERIES_BOUND_LOG2 + SERIES_STEP_LOG2 * i);

		below += sum->buckets[i];
		fprintf(w->out, "faultline_wait_seconds_bucket{%s,le=\"%.12g\"} %" PRIu64 "\n",
			labels, (double)bound_ns / 1e9, below);
	}
	/* Count is that of the buckets: the row's own is read at another moment. */
	below += sum->buckets[SERIES_BOUNDS];
	fprintf(w->out, "faultline_wait_seconds_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", labels,
		below);
	fprintf(w->out, "faultline_wait_seconds_count{%s} %" PRIu64 "\n", labels, below);
	fprintf(w->out, "faultline_wait_seconds_sum{%s}", labels);
	put_seconds(w, sum->total_ns);
}

/* All combinations from the start: a counter that appears late loses its first rise. */
static void put_waits(const struct writer *w, const struct render_metrics_state *state)
{
	char labels[128];

	family(w, "wait_seconds", "histogram", "seconds",
	       "Ended waits for mmap_lock and its kin, over all processes.");
	for (int mode = 0; mode < FL_NR_MODES; mode++)
		for (int cls = 0; cls < FL_NR_CLASSES; cls++)
			for (int rel = 0; rel < FL_NR_RELATIONS; rel++) {
				snprintf(labels, sizeof(labels),
					 "mode=\"%s\",class=\"%s\",relation=\"%s\"",
					 snapshot_mode_name((enum fl_mode)mode),
					 snapshot_class_name((enum fl_class)cls),
					 snapshot_relation_name((enum fl_relation)rel));
				put_histogram(w, labels, &state->sums[mode][cls][rel]);
			}
}

static void put_cgroups(const struct writer *w, const struct render_metrics_state *state)
{
	family(w, "cgroup_waits", "counter", NULL,
	       "Ended waits by cgroup of the locked process; the cgroups that wait most have a "
	       "series, other has the rest, gone those of exited processes of the rest.");
	for (size_t i = 0; i < state->n_cgroups; i++)
		if (state->cgroups[i].selected) {
			open_labels(w, "cgroup_waits_total", "cgroup", state->cgroups[i].cgroup);
			putc('}', w->out);
			put_number(w, state->cgroups[i].count);
		}
	fprintf(w->out, "faultline_cgroup_waits_total{cgroup=\"other\"} %" PRIu64 "\n",
		state->other.count);
	fprintf(w->out, "faultline_cgroup_waits_total{cgroup=\"gone\"} %" PRIu64 "\n",
		state->gone.count);

	family(w, "cgroup_wait_seconds", "counter", "seconds",
	       "Time of these waits, of all threads together.");
	for (size_t i = 0; i < state->n_cgroups; i++)
		if (state->cgroups[i].selected) {
			open_labels(w, "cgroup_wait_seconds_total", "cgroup",
				    state->cgroups[i].cgroup);
			putc('}', w->out);
			put_seconds(w, state->cgroups[i].total_ns);
		}
	fputs("faultline_cgroup_wait_seconds_total{cgroup=\"other\"}", w->out);
	put_seconds(w, state->other.total_ns);
	fputs("faultline_cgroup_wait_seconds_total{cgroup=\"gone\"}", w->out);
	put_seconds(w, state->gone.total_ns);
}

/* A hot process, all its rows together. */
struct hot {
	const struct snap_proc *proc;
	uint64_t count;
	uint64_t total_ns;
};

static struct hot *find_hot(const struct snapshot *snap, size_t *ret_n)
{
	struct hot *hot = calloc(snap->n_procs + 1, sizeof(*hot));
	size_t n = 0, j;

	for (size_t i = 0; hot && i < snap->n_procs; i++) {
		const struct snap_proc *proc = &snap->procs[i];

		if (!proc->hot || proc->gone)
			continue;
		for (j = 0; j < n && hot[j].proc->tgid != proc->tgid; j++)
			;
		if (j == n)
			hot[n++].proc = proc;
		hot[j].count += proc->hist.count;
		hot[j].total_ns += proc->hist.total_ns;
	}
	*ret_n = n;
	return hot;
}

static void open_hot(const struct writer *w, const char *name, const struct snap_proc *proc)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%" PRIu32, proc->tgid);
	open_labels(w, name, "pid", pid);
	more_labels(w, "comm", proc->comm);
	more_labels(w, "cgroup", proc->cgroup ? proc->cgroup : "");
	putc('}', w->out);
}

static int put_hot(const struct writer *w, const struct snapshot *snap)
{
	size_t n = 0;
	struct hot *hot = find_hot(snap, &n);

	if (!hot)
		return -ENOMEM;
	family(w, "process_waits", "counter", NULL, "Ended waits for the lock of a hot process.");
	for (size_t i = 0; i < n; i++) {
		open_hot(w, "process_waits_total", hot[i].proc);
		put_number(w, hot[i].count);
	}
	family(w, "process_wait_seconds", "counter", "seconds",
	       "Time of these waits, of all threads together.");
	for (size_t i = 0; i < n; i++) {
		open_hot(w, "process_wait_seconds_total", hot[i].proc);
		put_seconds(w, hot[i].total_ns);
	}
	free(hot);
	return 0;
}

static void put_unfinished(const struct writer *w, const struct snapshot *snap)
{
	uint64_t n = 0, longest_ns = 0;

	for (size_t i = 0; i < snap->n_waits; i++) {
		if (snap->waits[i].finished)
			continue;
		n++;
		if (snap->waits[i].dur_ns > longest_ns)
			longest_ns = snap->waits[i].dur_ns;
	}
	put_gauge(w, "unfinished_waits", NULL, n, "Threads that wait now, beyond the threshold.");
	family(w, "unfinished_wait_max_seconds", "gauge", "seconds",
	       "The longest of these, so far.");
	fputs("faultline_unfinished_wait_max_seconds", w->out);
	put_seconds(w, longest_ns);
}

static void put_counters(const struct writer *w, const char *name, const char *help,
			 const struct snap_meta *meta, int from, int to)
{
	char sample[64];

	snprintf(sample, sizeof(sample), "%s_total", name);
	family(w, name, "counter", NULL, help);
	for (int i = from; i < to; i++) {
		open_labels(w, sample, "reason", snapshot_counter_name((enum fl_counter)i));
		putc('}', w->out);
		put_number(w, meta->counters[i]);
	}
}

static void put_losses(const struct writer *w, const struct snap_meta *meta)
{
	put_counters(w, "lost_waits", "Waits that are in no other number here.", meta, 0,
		     FL_NR_WAIT_LOSSES);
	put_counters(w, "lost_details", "Waits that are counted, with a detail missing.", meta,
		     FL_NR_WAIT_LOSSES, FL_NR_LOSSES);
	put_counters(w, "left_out_waits", "Waits left out on purpose.", meta, FL_NR_LOSSES,
		     FL_NR_COUNTERS);
	put_counter(w, "skipped_runs", meta->recursion_misses,
		    "Program runs that the kernel skipped.");
}

/* Of the whole host; no series where the kernel has no speculative faults. */
static void put_speculation(const struct writer *w, const struct snap_meta *meta)
{
	if (!meta->speculative)
		return;
	family(w, "speculative_faults", "counter", NULL,
	       "Page faults that went on without mmap_lock, by how that ended.");
	for (int i = SPF_OK; i <= SPF_ABORT_OTHER; i++) {
		open_labels(w, "speculative_faults_total", "result",
			    spf_counter_name((enum spf_counter)i));
		putc('}', w->out);
		put_number(w, meta->spf.n[i]);
	}
	family(w, "lock_looks", "counter", NULL, "Looks of page faults at mmap_lock, by result.");
	fputs("faultline_lock_looks_total{found=\"in_use\"}", w->out);
	put_number(w, meta->spf.n[SPF_CONTENDED]);
	fputs("faultline_lock_looks_total{found=\"free\"}", w->out);
	put_number(w, meta->spf.n[SPF_QUIET]);
	put_gauge(w, "spf_backoff_max", NULL, meta->spf_backoff_max,
		  "vm.spf_backoff_max: faults without a look at mmap_lock, at most.");
	family(w, "spf_backoff_max_is", "info", NULL, "Why it has this value.");
	open_labels(w, "spf_backoff_max_is_info", "why", snapshot_knob_name(meta->spf_knob));
	fputs("} 1\n", w->out);
	put_seconds_total(w, "speculation_sampled_seconds", meta->spf_sampled_ns,
			  "How long attempts were counted by process.");
}

static void open_spec(const struct writer *w, const char *name, const struct snap_spec *spec)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%" PRIu32, spec->tgid);
	open_labels(w, name, "pid", pid);
	more_labels(w, "comm", spec->comm);
}

/* Those that try most come first. */
static void put_spec_procs(const struct writer *w, const struct snapshot *snap, size_t top)
{
	size_t n = snap->n_specs < top ? snap->n_specs : top;

	if (!snap->meta.speculative)
		return;
	family(w, "process_speculative_faults_sampled", "counter", NULL,
	       "Page faults of a process that went on without mmap_lock, while sampled.");
	for (size_t i = 0; i < n; i++)
		for (unsigned int r = 0; r < FL_SPF_REASONS; r++) {
			open_spec(w, "process_speculative_faults_sampled_total", &snap->specs[i]);
			more_labels(w, "result", spf_reason_name(r));
			putc('}', w->out);
			put_number(w, snap->specs[i].by_reason[r]);
		}
	family(w, "process_backing_off_threads", "gauge", NULL,
	       "Threads of a process that do not look at mmap_lock now.");
	for (size_t i = 0; i < n; i++) {
		open_spec(w, "process_backing_off_threads", &snap->specs[i]);
		putc('}', w->out);
		put_number(w, snap->specs[i].threads);
	}
	family(w, "process_backing_off_faults_max", "gauge", NULL,
	       "Faults until one of these threads looks again, at most.");
	for (size_t i = 0; i < n; i++) {
		open_spec(w, "process_backing_off_faults_max", &snap->specs[i]);
		putc('}', w->out);
		put_number(w, snap->specs[i].max_window);
	}
}

static void put_self(const struct writer *w, const struct snapshot *snap,
		     const struct render_metrics_state *state)
{
	const struct snap_meta *meta = &snap->meta;

	put_gauge(w, "attached", NULL, meta->attached,
		  "1 while measuring, 0 while the circuit breaker is open.");
	put_seconds_total(w, "bpf_cpu_seconds", state->bpf_ns,
			  "Own cost: time in BPF programs, estimated from samples.");
	put_seconds_total(w, "cpu_seconds", meta->cpu_ns, "Own cost: CPU time of this process.");
	put_gauge(w, "resident_memory_bytes", "bytes", meta->rss_bytes,
		  "Own cost: resident memory of this process.");
	put_gauge(w, "map_memory_bytes", "bytes", meta->map_bytes, "Own cost: memory of BPF maps.");

	family(w, "feature", "info", NULL, "Parts of the measurement and their state.");
	for (size_t i = 0; i < snap->n_features; i++) {
		const struct snap_feature *feature = &snap->features[i];

		open_labels(w, "feature_info", "name", feature->name ? feature->name : "");
		more_labels(w, "state", snapshot_state_name(feature->state));
		fputs("} 1\n", w->out);
	}
	family(w, "build", "info", NULL, "Version of faultline and of the kernel.");
	open_labels(w, "build_info", "version", meta->version ? meta->version : "");
	more_labels(w, "kernel", meta->kernel ? meta->kernel : "");
	fputs("} 1\n", w->out);
}

static void put_result(const struct writer *w, const char *name, const char *result, uint64_t value)
{
	open_labels(w, name, "result", result);
	putc('}', w->out);
	put_number(w, value);
}

static void put_service(const struct writer *w, const struct render_service *service)
{
	family(w, "incidents", "counter", NULL,
	       "Incidents: recorded, not recorded for an error, or left out by the cooldown or the "
	       "rate.");
	put_result(w, "incidents_total", "written", service->incidents_written);
	put_result(w, "incidents_total", "failed", service->incidents_failed);
	put_result(w, "incidents_total", "suppressed", service->incidents_suppressed);
	put_gauge(w, "incident_records", NULL, service->records, "Incident records on disk.");
	put_gauge(w, "incident_records_bytes", "bytes", service->record_bytes,
		  "Space that they take.");
	put_counter(w, "hook_runs", service->hook_run, "Runs of the program in Hook= that ended.");
	put_counter(w, "hook_failures", service->hook_failed,
		    "Of these, and of those that could not begin: failed or killed.");
	put_counter(w, "hook_skips", service->hook_skipped,
		    "Incidents that it was not run for: too many waited.");
	put_counter(w, "breaker_openings", service->breaker_opened,
		    "Times that measuring stopped, since it cost too much.");
}

int render_metrics(FILE *out, const struct snapshot *snap, const struct render_opts *opts,
		   struct render_metrics_state *state)
{
	const struct writer w = {.out = out, .old = opts->metrics_textfile};
	struct render_metrics_state *own = state ? NULL : render_metrics_new();
	int err;

	if (!state)
		state = own;
	err = state ? render_series_update(state, snap, opts->metrics_top) : -ENOMEM;
	if (err)
		goto out;
	put_waits(&w, state);
	put_cgroups(&w, state);
	if (opts->metrics_per_process) {
		err = put_hot(&w, snap);
		put_spec_procs(&w, snap, opts->metrics_top);
	}
	put_unfinished(&w, snap);
	put_losses(&w, &snap->meta);
	put_speculation(&w, &snap->meta);
	put_self(&w, snap, state);
	if (opts->metrics_service)
		put_service(&w, opts->metrics_service);
	if (!w.old)
		fputs("# EOF\n", out);
	if (!err && ferror(out))
		err = -EIO;
out:
	render_metrics_free(own);
	return err;
}
