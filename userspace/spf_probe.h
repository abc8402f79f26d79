/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What speculative faults cost and whose they are, by BPF: one object a feature,
 * and one that the kernel does not take is named with its reason. Nothing of it
 * runs but between spf_probe_start() and spf_probe_stop().
 */
#ifndef FAULTLINE_SPF_PROBE_H
#define FAULTLINE_SPF_PROBE_H

#include <stdbool.h>

#include "policy.h"
#include "snapshot.h"

enum spf_feature {
	SPF_FEATURE_COST, /* tracepoint spf_fault */
	SPF_FEATURE_LOCKED, /* fentry and fexit of handle_mm_fault() */
	SPF_FEATURE_WINDOWS, /* task_struct.spf_window, task iterator */
	SPF_FEATURE_WRITER, /* who else has written a setting: cgroup/sysctl */
	SPF_NR_FEATURES
};

struct spf_feature_state {
	const char *name;
	bool on;
	char reason[128]; /* why not */
};

/* Totals since it was opened. */
struct spf_samples {
	struct policy_sample ok, aborted, locked;
};

struct spf_probe;

/*
 * For the policy every feature; for who only wants to show processes
 * SPF_FEATURE_COST and SPF_FEATURE_WINDOWS. 0 also when none works; -ENOMEM.
 */
int spf_probe_open(bool for_policy, struct spf_probe **ret_probe);
void spf_probe_close(struct spf_probe *probe); /* NULL-safe */
const struct spf_feature_state *spf_probe_feature(const struct spf_probe *probe,
						  enum spf_feature feature);
/* Attach what samples; a feature that fails is off from then on. */
void spf_probe_start(struct spf_probe *probe);
void spf_probe_stop(struct spf_probe *probe);
/* Detach but one of them, SPF_FEATURE_COST or SPF_FEATURE_LOCKED; again is no error. */
void spf_probe_stop_one(struct spf_probe *probe, enum spf_feature feature);
int spf_probe_read(struct spf_probe *probe, struct spf_samples *ret_samples);
/*
 * Adds the processes that were sampled since it was opened or look away now, those
 * with most attempts first, and for how long there were samples. 0 or -errno.
 */
int spf_probe_fill(struct spf_probe *probe, struct snapshot *snap);

/* Who has written to a setting last, other than own_tgid: "sysctl (pid 12, uid 0)". -ENOENT. */
void spf_probe_own_writer(struct spf_probe *probe, uint32_t own_tgid);
int spf_probe_writer(struct spf_probe *probe, const char *setting, char *buf, size_t size);

#endif
