/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs have told, kept across the life of map elements: names and
 * cgroups of processes, totals of processes that are gone, the last single
 * waits, sampled stacks of holders. Bounded in every part. No BPF calls but
 * through probe.h, no symbols.
 */
#ifndef FAULTLINE_TALLY_H
#define FAULTLINE_TALLY_H

#include "probe.h"
#include "snapshot.h"

#define TALLY_WAITS   128 /* single waits kept, the newest */
#define TALLY_GONE    512 /* processes kept after their exit, then one sum */
#define TALLY_HOLDERS 128 /* distinct sampled stacks */
#define TALLY_STUCK   256 /* unfinished waits kept, the longest */

/* A wait that has not ended, with what was seen of its holder. */
struct tally_stuck {
	uint32_t tid;
	struct fl_waiter wait;
	char holder_comm[FL_COMM_LEN];
	bool announced;
};

/* A stack of a holder, sampled while somebody waited for it. */
struct tally_holder {
	uint32_t tgid; /* locked process */
	uint64_t start_ns;
	struct fl_task_stack stack;
	uint64_t samples;
	uint64_t total_ns; /* of waiting time that the samples stand for */
};

struct tally;

struct tally *tally_new(void); /* NULL: out of memory */
void tally_free(struct tally *tally); /* NULL-safe */

void tally_add_event(struct tally *tally, const struct fl_event *event);
/* Replace the set of unfinished waits; announced is carried over. */
int tally_set_stuck(struct tally *tally, const struct tally_stuck *stuck, size_t n);
struct tally_stuck *tally_stuck(struct tally *tally, size_t *ret_n);
void tally_add_holder(struct tally *tally, uint32_t tgid, uint64_t start_ns,
		      const struct fl_task_stack *stack, uint64_t waited_ns);
const struct tally_holder *tally_holders(const struct tally *tally, size_t *ret_n);
void tally_set_hot(struct tally *tally, const uint32_t *tgids, size_t n);

/* Names: cleaned, kept when the process is gone. "" and NULL when not known. */
const char *tally_comm(struct tally *tally, uint32_t tgid, uint64_t start_ns, const char *raw);
const char *tally_cgroup(struct tally *tally, uint32_t tgid, uint64_t start_ns);

/*
 * Drop what belongs to processes and threads that are gone from the maps; their
 * totals stay here. Costs a scan of all maps: call every few seconds.
 */
int tally_sweep(struct tally *tally, struct probe *probe, uint64_t now_ns);

/* Add the rows to a snapshot. Stacks are added by the caller (symbols). 0 or -errno. */
int tally_fill_procs(struct tally *tally, struct probe *probe, struct snapshot *snap);
int tally_fill_blames(struct tally *tally, struct probe *probe, struct snapshot *snap);
/* The single waits: the unfinished ones, then the longest of the kept ones. */
size_t tally_events(const struct tally *tally, const struct fl_event **ret_events, size_t max);

#endif
