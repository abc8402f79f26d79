/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The BPF half as userspace sees it: owns the skeletons, knows which optional
 * object could be loaded and why another could not, reads the maps. No
 * aggregation (tally.h) and no symbols.
 */
#ifndef FAULTLINE_PROBE_H
#define FAULTLINE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session.h"

enum probe_feature_id {
	PROBE_WAIT, /* the core: everything else adds to it */
	PROBE_REMOTE, /* waiters of other processes: CONFIG_MEMCG */
	PROBE_VMA_LOCK, /* waits for a VMA's lock told apart: 6.4 to 6.14 */
	PROBE_STACKS, /* kernel stacks of holders: task iterator */
	PROBE_EARLIER, /* waits that began before we looked */
	PROBE_RELEASE, /* who released the lock */
	PROBE_EXACT, /* slow paths that are not queued */
	PROBE_NR_FEATURES
};

struct probe_feature {
	enum feature_state state;
	char reason[160]; /* empty when on */
};

struct probe;

/* See session_open(): same errors, same *ret_why. Loads; does not attach. */
int probe_open(const struct session_opts *opts, struct probe **ret_probe, char **ret_why);
void probe_close(struct probe *probe);
/* Attach all loaded programs; an optional one that fails only turns its feature off. */
int probe_attach(struct probe *probe);
void probe_detach(struct probe *probe);
const char *probe_feature_name(enum probe_feature_id id);
const struct probe_feature *probe_feature(const struct probe *probe, enum probe_feature_id id);
struct kernel_facts;
const struct kernel_facts *probe_facts(const struct probe *probe);
uint64_t probe_map_bytes(const struct probe *probe);

/* Thresholds and switches to the running programs. */
int probe_configure(struct probe *probe, const struct session_opts *opts);
int probe_set_hot(struct probe *probe, const uint32_t *tgids, size_t n);

/* Events. The callback gets a record that is valid during the call only. */
typedef void (*probe_event_fn)(void *arg, const struct fl_event *event);
void probe_on_event(struct probe *probe, probe_event_fn fn, void *arg);
int probe_fd(const struct probe *probe);
/* 0, 1 when it left some for the next call, or -errno. */
int probe_drain(struct probe *probe);

/*
 * Every element of a map, in no order; the callback returns true to have it
 * deleted. 0 or negative errno. The values are a copy that the programs may
 * have been writing to meanwhile: single words are whole, sets of them are not.
 */
typedef bool (*probe_waiter_fn)(void *arg, uint32_t tid, const struct fl_waiter *waiter);
typedef bool (*probe_stat_fn)(void *arg, const struct fl_stat_key *key, const struct fl_stat *stat);
typedef bool (*probe_blame_fn)(void *arg, const struct fl_blame_key *key,
			       const struct fl_blame *blame);
typedef bool (*probe_stack_fn)(void *arg, const struct fl_stack_key *key,
			       const struct fl_stack_total *total);
int probe_each_waiter(struct probe *probe, probe_waiter_fn fn, void *arg);
int probe_each_stat(struct probe *probe, probe_stat_fn fn, void *arg);
int probe_each_blame(struct probe *probe, probe_blame_fn fn, void *arg);
int probe_each_stack(struct probe *probe, probe_stack_fn fn, void *arg);
/* Does the thread still wait since then? */
bool probe_still_waits(struct probe *probe, uint32_t tid, uint64_t begin_ns);
/* Forget a wait that the map holds but the kernel does not. */
void probe_forget_waiter(struct probe *probe, uint32_t tid);
/* Drop what nobody will ask for: releases older than before_ns, slow path entries of dead threads. */
int probe_sweep(struct probe *probe, uint64_t before_ns);

/* Return addresses of a stack id, innermost first; 0 where there is none. */
size_t probe_stack_ips(struct probe *probe, bool user, int32_t id, __u64 ips[FL_STACK_DEPTH]);
void probe_stack_forget(struct probe *probe, bool user, int32_t id);
int probe_counters(struct probe *probe, uint64_t ret_counters[FL_NR_COUNTERS]);
/* Kernel stacks of the tasks now (at most 64), through the iterator. Returns how many, or -errno. */
int probe_task_stacks(struct probe *probe, const uint32_t *tids, size_t n,
		      struct fl_task_stack *ret_stacks);
/* Kernel's statistics of all our programs since load, and runs that were skipped. */
int probe_run_stats(const struct probe *probe, uint64_t *ret_ns, uint64_t *ret_calls,
		    uint64_t *ret_misses);
/* The same of one program of the core; -ENOENT when there is none of this name. */
int probe_program_stats(const struct probe *probe, const char *name, uint64_t *ret_ns,
			uint64_t *ret_calls);

#endif
