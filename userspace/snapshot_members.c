// SPDX-License-Identifier: GPL-2.0
/*
 * What is each member of a snapshot called in JSON, and of which type is it?
 * Histograms, tasks, frames and counters have forms of their own, in the
 * writer and the reader.
 */
#include "snapshot.h"
#include "snapshot_members.h"

#define ENUM_NAMES(what, type)                              \
	static const char *what##_name(int value)           \
	{                                                   \
		return snapshot_##what##_name((type)value); \
	}

ENUM_NAMES(mode, enum fl_mode)
ENUM_NAMES(class, enum fl_class)
ENUM_NAMES(relation, enum fl_relation)
ENUM_NAMES(kind, enum fl_kind)
ENUM_NAMES(conf, enum fl_confidence)
ENUM_NAMES(role, enum snap_role)
ENUM_NAMES(state, enum feature_state)
ENUM_NAMES(knob, enum snap_knob)

static const char *cause_word(int value)
{
	return cause_name((enum cause)value);
}

#define END                  \
	{                    \
		.name = NULL \
	}
#define M(type_, struct_, field)                                                           \
	{                                                                                  \
		.name = #field, .type = (type_), .offset = offsetof(struct struct_, field) \
	}
#define E(struct_, field, name_, fn, nr)                                                         \
	{                                                                                        \
		.name = (name_), .type = MEMBER_ENUM, .offset = offsetof(struct struct_, field), \
		.enum_name = (fn), .enum_nr = (nr)                                               \
	}

#define LOCK_MEMBERS(struct_)                                           \
	M(MEMBER_U32, struct_, tgid), M(MEMBER_U64, struct_, start_ns), \
		E(struct_, mode, "mode", mode_name, FL_NR_MODES),       \
		E(struct_, cls, "class", class_name, FL_NR_CLASSES),    \
		E(struct_, rel, "relation", relation_name, FL_NR_RELATIONS)

const struct snapshot_member snapshot_task_members[] = {
	M(MEMBER_U32, snap_task, tid),
	M(MEMBER_U32, snap_task, tgid),
	M(MEMBER_COMM, snap_task, comm),
	E(snap_task, cause, "cause", cause_word, CAUSE_NR),
	M(MEMBER_BOOL, snap_task, kthread),
	M(MEMBER_STRING, snap_task, detail),
	END,
};

const struct snapshot_member snapshot_proc_members[] = {
	LOCK_MEMBERS(snap_proc),
	E(snap_proc, kind, "kind", kind_name, FL_NR_KINDS),
	M(MEMBER_COMM, snap_proc, comm),
	M(MEMBER_STRING, snap_proc, cgroup),
	M(MEMBER_BOOL, snap_proc, gone),
	M(MEMBER_BOOL, snap_proc, hot),
	END,
};

const struct snapshot_member snapshot_blame_members[] = {
	LOCK_MEMBERS(snap_blame),
	E(snap_blame, waiter_cause, "waiter_cause", cause_word, CAUSE_NR),
	E(snap_blame, conf, "confidence", conf_name, FL_NR_CONFIDENCES),
	M(MEMBER_U64, snap_blame, count),
	M(MEMBER_U64, snap_blame, total_ns),
	M(MEMBER_U64, snap_blame, max_ns),
	END,
};

const struct snapshot_member snapshot_wait_members[] = {
	LOCK_MEMBERS(snap_wait),
	M(MEMBER_U64, snap_wait, begin_ns),
	M(MEMBER_U64, snap_wait, dur_ns),
	M(MEMBER_BOOL, snap_wait, finished),
	M(MEMBER_INT, snap_wait, ret),
	M(MEMBER_COMM, snap_wait, comm),
	M(MEMBER_STRING, snap_wait, cgroup),
	M(MEMBER_BOOL, snap_wait, queued_behind_writer),
	E(snap_wait, conf, "confidence", conf_name, FL_NR_CONFIDENCES),
	END,
};

const struct snapshot_member snapshot_wait_indices[] = {
	M(MEMBER_INT, snap_wait, kstack),
	M(MEMBER_INT, snap_wait, ustack),
	M(MEMBER_INT, snap_wait, holder_stack),
	END,
};

const struct snapshot_member snapshot_stack_members[] = {
	E(snap_stack, role, "role", role_name, SNAP_NR_ROLES),
	M(MEMBER_BOOL, snap_stack, user),
	M(MEMBER_U32, snap_stack, tgid),
	M(MEMBER_U32, snap_stack, task_tgid),
	M(MEMBER_COMM, snap_stack, comm),
	E(snap_stack, mode, "mode", mode_name, FL_NR_MODES),
	E(snap_stack, cause, "cause", cause_word, CAUSE_NR),
	M(MEMBER_U64, snap_stack, count),
	M(MEMBER_U64, snap_stack, total_ns),
	M(MEMBER_INT, snap_stack, below),
	END,
};

const struct snapshot_member snapshot_feature_members[] = {
	M(MEMBER_STRING, snap_feature, name),
	E(snap_feature, state, "state", state_name, FEATURE_NR_STATES),
	M(MEMBER_STRING, snap_feature, reason),
	END,
};

const struct snapshot_member snapshot_meta_members[] = {
	M(MEMBER_U64, snap_meta, time_unix_ns),
	M(MEMBER_U64, snap_meta, mono_ns),
	M(MEMBER_U64, snap_meta, window_ns),
	M(MEMBER_STRING, snap_meta, host),
	M(MEMBER_STRING, snap_meta, kernel),
	M(MEMBER_STRING, snap_meta, boot_id),
	M(MEMBER_STRING, snap_meta, version),
	M(MEMBER_STRING, snap_meta, source),
	M(MEMBER_STRING, snap_meta, blind),
	M(MEMBER_BOOL, snap_meta, per_vma_locks),
	M(MEMBER_BOOL, snap_meta, speculative),
	M(MEMBER_BOOL, snap_meta, attached),
	M(MEMBER_STRING, snap_meta, detached_reason),
	M(MEMBER_U64, snap_meta, recursion_misses),
	M(MEMBER_U64, snap_meta, bpf_ns),
	M(MEMBER_U64, snap_meta, cpu_ns),
	M(MEMBER_U64, snap_meta, rss_bytes),
	M(MEMBER_U64, snap_meta, map_bytes),
	END,
};

const struct snapshot_member snapshot_spec_members[] = {
	M(MEMBER_U32, snap_spec, tgid),	      M(MEMBER_COMM, snap_spec, comm),
	M(MEMBER_U32, snap_spec, threads),    M(MEMBER_U32, snap_spec, min_window),
	M(MEMBER_U32, snap_spec, max_window), END,
};

#define N(type_, field, name_)                                                                \
	{                                                                                     \
		.name = (name_), .type = (type_), .offset = offsetof(struct snap_meta, field) \
	}

const struct snapshot_member snapshot_knob_members[] = {
	N(MEMBER_U32, spf_backoff_max, "backoff_max"),
	E(snap_meta, spf_knob, "backoff_max_is", knob_name, SNAP_NR_KNOBS),
	N(MEMBER_STRING, spf_why, "backoff_max_why"),
	N(MEMBER_U64, spf_sampled_ns, "sampled_ns"),
	END,
};
