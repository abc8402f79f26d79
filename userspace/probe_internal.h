/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by probe.c, probe_load.c, probe_read.c and probe_run.c only. */
#ifndef FAULTLINE_PROBE_INTERNAL_H
#define FAULTLINE_PROBE_INTERNAL_H

#include "earlier.skel.h"
#include "exact.skel.h"
#include "holder.skel.h"
#include "kernel.h"
#include "probe.h"
#include "release.skel.h"
#include "wait.skel.h"

/* How release.bpf.c sees a lock being let go. */
enum probe_release { RELEASE_TRACEPOINT, RELEASE_FENTRY, RELEASE_WAKING };

struct probe {
	struct wait_bpf *core;
	struct holder_bpf *holder; /* the optional ones: NULL when off */
	struct earlier_bpf *earlier;
	struct release_bpf *release;
	struct exact_bpf *exact;
	enum probe_release release_by;
	bool attached;
	bool release_when_hot; /* attached only while a process is hot */
	struct kernel_facts facts;
	struct probe_feature features[PROBE_NR_FEATURES];
	struct ring_buffer *ring;
	probe_event_fn on_event;
	void *on_event_arg;
	uint64_t drain_until_ns; /* when this call of probe_drain() has to end */
	unsigned int n_cpus;
	uint32_t hot[64];
	size_t n_hot;
	uint32_t nr_shards;
};

/* probe.c, for probe_load.c */
void probe_feature_set(struct probe *probe, enum probe_feature_id id, enum feature_state state,
		       const char *reason);
void probe_feature_fail(struct probe *probe, enum probe_feature_id id, int err, const char *what);
void probe_forget_warning(void);
int probe_resize(struct bpf_object *obj, const char *map, uint32_t entries);
/* Every optional object that the kernel takes and the options ask for. */
void probe_load_optional(struct probe *probe, const struct session_opts *opts);

int probe_events_open(struct probe *probe);
int probe_find_earlier(struct probe *probe);
void probe_events_close(struct probe *probe);

#endif
