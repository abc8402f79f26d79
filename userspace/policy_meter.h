/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the policy is told: windows, made of the kernel's counters, its settings,
 * the waits that a snapshot has seen, and samples of what faults cost. Not
 * thread-safe.
 */
#ifndef FAULTLINE_POLICY_METER_H
#define FAULTLINE_POLICY_METER_H

#include "policy.h"
#include "snapshot.h"
#include "spf_probe.h"

struct policy_meter;

/*
 * proc: "/proc", or a folder that stands for it. with_bpf: measure costs, too;
 * without, no window has samples. -ENOTSUP: this kernel has no vm.spf_*.
 */
int policy_meter_open(const char *proc, bool with_bpf, struct policy_meter **ret_meter);
void policy_meter_close(struct policy_meter *meter); /* NULL-safe */

/*
 * Attach what samples, and detach it; keep the time between short. As long as the price
 * of a look is not known, attaching tries to measure it: up to 50 ms of two CPUs.
 */
void policy_meter_sample(struct policy_meter *meter, bool on);
/* Detach what has had enough samples since the last window. True: that was all. */
bool policy_meter_has_enough(struct policy_meter *meter);
/*
 * What came since the last call, or since it was opened: diff has the waits of the
 * same time. 0 or -errno.
 */
int policy_meter_window(struct policy_meter *meter, const struct snapshot *diff, uint64_t now_ns,
			struct policy_window *ret_window);
/* Counters since boot, as of the last window. */
const struct spf_counts *policy_meter_counts(const struct policy_meter *meter);
/* NULL without BPF. */
struct spf_probe *policy_meter_probe(struct policy_meter *meter);

#endif
