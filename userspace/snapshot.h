/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What was measured, at one moment: the one model that every verb renders,
 * that the daemon sends over its socket and that incident records hold.
 *
 * All strings are owned by the snapshot and are safe to print: text_clean()
 * has replaced control characters, invalid UTF-8 and backslashes by \xNN.
 * Times are CLOCK_MONOTONIC nanoseconds unless the name says otherwise.
 */
#ifndef FAULTLINE_SNAPSHOT_H
#define FAULTLINE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "../bpf/faultline.h"
#include "cause.h"
#include "hist.h"
#include "spf.h"

#define SNAPSHOT_SCHEMA	  1
#define SNAPSHOT_COMM_LEN (4UL * FL_COMM_LEN) /* each byte may become \xNN */

struct snap_task {
	uint32_t tid; /* 0: not known */
	uint32_t tgid;
	char comm[SNAPSHOT_COMM_LEN];
	enum cause cause; /* what it did in the kernel */
	bool kthread;
	/* "munmap(0x7f0000000000, 1.0 GiB)", "read /proc/12/smaps"; may be NULL */
	char *detail;
};

/* All waits for one process's lock of one mode, class, relation and kind. */
struct snap_proc {
	uint32_t tgid; /* 0: target not known */
	uint64_t start_ns; /* boot clock; tells a reused pid */
	char comm[SNAPSHOT_COMM_LEN];
	char *cgroup; /* "/system.slice/x.service"; may be NULL */
	bool gone; /* the process has exited */
	bool hot; /* escalated by the daemon */
	enum fl_mode mode;
	enum fl_class cls;
	enum fl_relation rel;
	enum fl_kind kind;
	struct hist hist;
};

/* Waits for one process's lock by who held it when they began. */
struct snap_blame {
	uint32_t tgid;
	uint64_t start_ns;
	enum fl_mode mode; /* of the waiters */
	enum fl_class cls;
	enum fl_relation rel;
	enum cause waiter_cause;
	enum fl_confidence conf;
	struct snap_task holder;
	uint64_t count;
	uint64_t total_ns;
	uint64_t max_ns;
};

/* A single wait: finished (from the ring buffer) or not yet. */
struct snap_wait {
	uint64_t begin_ns;
	uint64_t dur_ns; /* so far, if not finished */
	bool finished;
	int ret; /* finished: 0, or negative errno */
	uint32_t tgid; /* whose lock */
	uint64_t start_ns;
	char comm[SNAPSHOT_COMM_LEN];
	char *cgroup; /* may be NULL */
	enum fl_mode mode;
	enum fl_class cls;
	enum fl_relation rel;
	bool queued_behind_writer; /* reader held up by a queued writer */
	struct snap_task waiter;
	struct snap_task holder;
	enum fl_confidence conf;
	int kstack; /* index in stacks, -1: none */
	int ustack;
	int holder_stack;
};

enum snap_role { SNAP_WAITER, SNAP_HOLDER, SNAP_NR_ROLES };

/* A symbolised stack, innermost frame first; weighted where it is a total. */
struct snap_stack {
	enum snap_role role;
	bool user;
	uint32_t tgid; /* whose lock */
	uint32_t task_tgid; /* whose stack */
	char comm[SNAPSHOT_COMM_LEN]; /* of the task */
	enum fl_mode mode;
	enum cause cause;
	uint64_t count; /* 0: belongs to a single wait */
	uint64_t total_ns;
	int below; /* user stack to this kernel stack: index, or -1 */
	size_t n;
	char **frames; /* "do_user_addr_fault+0x1a", "0x7f.. [libc.so.6]" */
};

enum feature_state { FEATURE_ON, FEATURE_OFF, FEATURE_FAILED, FEATURE_NR_STATES };

struct snap_feature {
	char *name; /* "wait", "exact", "release", ... */
	enum feature_state state;
	char *reason; /* why not on; NULL when on */
};

/* Why has vm.spf_backoff_max the value that it has? */
enum snap_knob {
	SNAP_KNOB_UNTUNED, /* nobody tunes it: no daemon, or its mode is observe */
	SNAP_KNOB_ORIGINAL, /* as it was before the daemon, which may change it */
	SNAP_KNOB_TUNED, /* set by the daemon */
	SNAP_KNOB_PAUSED, /* somebody else's, or an operator has said so */
	SNAP_NR_KNOBS
};

/* A process whose faults try to go without mmap_lock. */
struct snap_spec {
	uint32_t tgid;
	char comm[SNAPSHOT_COMM_LEN];
	uint64_t by_reason[FL_SPF_REASONS]; /* attempts in the samples; 0: handled */
	uint32_t threads; /* that look away from the lock now */
	uint32_t min_window, max_window; /* of these: faults until they look again */
};

struct snap_meta {
	uint64_t time_unix_ns; /* wall clock of the snapshot */
	uint64_t mono_ns;
	uint64_t window_ns; /* what the totals cover */
	char *host;
	char *kernel; /* uname -r */
	char *boot_id;
	char *version; /* of faultline */
	char *source; /* "daemon" or "direct" */
	char *blind; /* one line: what this kernel cannot show */
	bool per_vma_locks; /* most faults do not take mmap_lock */
	bool speculative; /* kernel has vm.spf_* */
	struct spf_counts spf; /* of the whole host, in the window; if speculative */
	uint32_t spf_backoff_max; /* the threshold now; if speculative */
	enum snap_knob spf_knob;
	char *spf_why; /* of that value, one line; may be NULL */
	uint64_t spf_sampled_ns; /* of the window, for snap_spec.by_reason */
	bool attached; /* false: circuit breaker open */
	char *detached_reason; /* NULL when attached */
	uint64_t counters[FL_NR_COUNTERS];
	uint64_t recursion_misses; /* runs of exact mode that the kernel skipped */
	/* own cost in the window: BPF programs, estimated from samples; 0: not measured */
	uint64_t bpf_ns;
	uint64_t cpu_ns; /* own cost in the window: this process */
	uint64_t rss_bytes;
	uint64_t map_bytes;
};

struct snapshot {
	struct snap_meta meta;
	struct snap_feature *features;
	size_t n_features;
	struct snap_proc *procs;
	size_t n_procs;
	struct snap_blame *blames;
	size_t n_blames;
	struct snap_wait *waits; /* unfinished first, then the longest recent */
	size_t n_waits;
	struct snap_stack *stacks;
	size_t n_stacks;
	struct snap_spec *specs; /* if speculative */
	size_t n_specs;
};

/*
 * Adders: grow the array, zero the element and return it (index fields -1,
 * features OFF), or NULL when out of memory. The pointer is valid until the
 * next call of the same adder.
 */
struct snap_feature *snapshot_add_feature(struct snapshot *snap);
struct snap_proc *snapshot_add_proc(struct snapshot *snap);
struct snap_blame *snapshot_add_blame(struct snapshot *snap);
struct snap_wait *snapshot_add_wait(struct snapshot *snap);
struct snap_stack *snapshot_add_stack(struct snapshot *snap);
struct snap_spec *snapshot_add_spec(struct snapshot *snap);
/* The same wait, with strings of its own; its stack indices are those of the other snapshot. */
struct snap_wait *snapshot_copy_wait(struct snapshot *snap, const struct snap_wait *from);
int snapshot_add_frame(struct snap_stack *stack, const char *frame);

struct snapshot *snapshot_new(void); /* empty, attached */
void snapshot_free(struct snapshot *snap); /* NULL-safe */
/* What one element owns, for those that drop elements. */
void snapshot_free_wait(struct snap_wait *wait);
void snapshot_free_stack(struct snap_stack *stack);

/* Sum of the losses that left waits out of the totals; and of all losses. */
uint64_t snapshot_lost_waits(const struct snap_meta *meta);
uint64_t snapshot_lost_any(const struct snap_meta *meta);

/*
 * What came between two snapshots of one source: totals of now minus those of
 * before (a process that is new counts whole; one with a smaller count than
 * before was restarted and counts whole). Waits and stacks that are not
 * totals are those of now. Returns 0 and *ret_diff, or -ENOMEM.
 */
int snapshot_diff(const struct snapshot *before, const struct snapshot *now,
		  struct snapshot **ret_diff);

/* Keep only what belongs to the selection; NULL or 0 selects all. 0 or -ENOMEM. */
struct snap_filter {
	const uint32_t *pids; /* locked process */
	size_t n_pids;
	const char *cgroup; /* path prefix, whole components */
	const char *comm; /* glob, of the locked process */
	uint64_t min_wait_ns; /* of single waits */
};
int snapshot_filter(struct snapshot *snap, const struct snap_filter *filter);

/*
 * JSON, schema SNAPSHOT_SCHEMA. to_json: new reference or NULL when out of
 * memory. from_json: 0, -ENOMEM, -EPROTO for a document that is not a
 * snapshot or of a newer schema; ret_where then names the bad member (static
 * or member name, valid while the document lives).
 */
json_t *snapshot_to_json(const struct snapshot *snap);
int snapshot_from_json(const json_t *doc, struct snapshot **ret_snap, const char **ret_where);
/* One wait, with the frames of its stacks in place of their indices. */
json_t *snapshot_wait_to_json(const struct snapshot *snap, const struct snap_wait *wait);
json_t *snapshot_meta_to_json(const struct snap_meta *meta);

/* Names used in every output and in JSON; "?" outside the range. */
const char *snapshot_mode_name(enum fl_mode mode); /* read write */
const char *snapshot_class_name(enum fl_class cls); /* mmap_lock vma_lock */
const char *snapshot_relation_name(enum fl_relation rel); /* own remote kthread */
const char *snapshot_kind_name(enum fl_kind kind); /* queued spun */
const char *snapshot_conf_name(enum fl_confidence conf); /* none hint release exact */
const char *snapshot_counter_name(enum fl_counter counter); /* waiters_full ... */
const char *snapshot_role_name(enum snap_role role); /* waiter holder */
const char *snapshot_state_name(enum feature_state state); /* on off failed */
const char *snapshot_knob_name(enum snap_knob knob); /* untuned original tuned paused */

#endif
