// SPDX-License-Identifier: GPL-2.0
/*
 * What has happened in this window? Differences of what the kernel counts, and
 * what it shows now. Decides nothing.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy_meter.h"
#include "transfer.h"

struct policy_meter {
	char vmstat[PATH_MAX], sysctl[PATH_MAX];
	struct spf_counts counts;
	struct spf_samples samples;
	struct spf_probe *probe;
	uint64_t probe_ns; /* the price of a look */
	uint64_t end_ns; /* of the last window; 0: none yet */
};

static int read_values(const struct policy_meter *meter, uint32_t *values)
{
	int err = 0;

	for (int k = 0; !err && k < POLICY_NR_KNOBS; k++)
		err = spf_read_sysctl(meter->sysctl, policy_knob_file(k), &values[k]);
	return err;
}

int policy_meter_open(const char *proc, bool with_bpf, struct policy_meter **ret_meter)
{
	struct policy_meter *meter = calloc(1, sizeof(*meter));
	uint32_t values[POLICY_NR_KNOBS];
	int err = -ENOMEM;

	if (!meter)
		return err;
	snprintf(meter->vmstat, sizeof(meter->vmstat), "%s/vmstat", proc);
	snprintf(meter->sysctl, sizeof(meter->sysctl), "%s/sys/vm", proc);
	err = read_values(meter, values);
	if (!err)
		err = spf_read_vmstat(meter->vmstat, &meter->counts);
	if (!err && with_bpf) {
		meter->probe_ns = transfer_measure_ns();
		err = spf_probe_open(true, &meter->probe);
	}
	if (err)
		policy_meter_close(meter);
	else
		*ret_meter = meter;
	return err;
}

void policy_meter_close(struct policy_meter *meter)
{
	if (!meter)
		return;
	spf_probe_close(meter->probe);
	free(meter);
}

void policy_meter_sample(struct policy_meter *meter, bool on)
{
	if (!meter->probe)
		return;
	if (!on) {
		spf_probe_stop(meter->probe);
		return;
	}
	if (!meter->probe_ns) /* the machine was too busy the last time */
		meter->probe_ns = transfer_measure_ns();
	spf_probe_start(meter->probe);
}

static struct policy_sample since(const struct policy_sample *before,
				  const struct policy_sample *now)
{
	return (struct policy_sample){now->n - before->n, now->ns - before->ns};
}

bool policy_meter_has_enough(struct policy_meter *meter)
{
	struct policy_sample ok, aborted, locked;
	bool tried_enough, locked_enough;
	struct spf_samples now;

	if (!meter->probe || spf_probe_read(meter->probe, &now))
		return false;
	ok = since(&meter->samples.ok, &now.ok);
	aborted = since(&meter->samples.aborted, &now.aborted);
	locked = since(&meter->samples.locked, &now.locked);
	tried_enough = policy_enough_tried(&ok, &aborted);
	locked_enough = policy_enough_locked(&locked);
	if (tried_enough)
		spf_probe_stop_one(meter->probe, SPF_FEATURE_COST);
	if (locked_enough)
		spf_probe_stop_one(meter->probe, SPF_FEATURE_LOCKED);
	return tried_enough && locked_enough;
}

static int take_samples(struct policy_meter *meter, struct policy_window *window)
{
	struct spf_samples now;
	int err;

	if (!meter->probe)
		return 0;
	err = spf_probe_read(meter->probe, &now);
	if (err)
		return err;
	window->ok = since(&meter->samples.ok, &now.ok);
	window->aborted = since(&meter->samples.aborted, &now.aborted);
	window->locked = since(&meter->samples.locked, &now.locked);
	window->probe_ns = meter->probe_ns;
	meter->samples = now;
	return 0;
}

static void take_waits(const struct snapshot *diff, struct policy_window *window)
{
	for (size_t i = 0; i < diff->n_procs; i++) {
		const struct snap_proc *proc = &diff->procs[i];

		if (proc->cls != FL_MMAP_LOCK)
			continue;
		if (proc->mode == FL_WRITE) {
			window->write_waits += proc->hist.count;
			window->write_wait_ns += proc->hist.total_ns;
		} else {
			window->read_waits += proc->hist.count;
			window->read_wait_ns += proc->hist.total_ns;
		}
	}
}

int policy_meter_window(struct policy_meter *meter, const struct snapshot *diff, uint64_t now_ns,
			struct policy_window *ret_window)
{
	struct policy_window window = {.end_ns = now_ns};
	struct spf_counts counts;
	int err;

	err = read_values(meter, window.value);
	if (!err)
		err = spf_read_vmstat(meter->vmstat, &counts);
	if (!err)
		err = take_samples(meter, &window);
	if (err)
		return err;
	window.dur_ns = meter->end_ns ? now_ns - meter->end_ns : diff->meta.window_ns;
	spf_diff(&meter->counts, &counts, &window.counts);
	take_waits(diff, &window);
	meter->counts = counts;
	meter->end_ns = now_ns;
	*ret_window = window;
	return 0;
}

const struct spf_counts *policy_meter_counts(const struct policy_meter *meter)
{
	return &meter->counts;
}

struct spf_probe *policy_meter_probe(struct policy_meter *meter)
{
	return meter->probe;
}
