/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which processes suffer so much that more should be measured for them? Pure: a
 * snapshot difference in, a set of processes out.
 */
#ifndef FAULTLINE_HOT_H
#define FAULTLINE_HOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "snapshot.h"

#define HOT_MAX 64 /* session_set_hot() takes no more */

/* How much all threads together waited for one process's mmap_lock. */
struct hot_load {
	uint32_t tgid;
	uint64_t start_ns;
	char comm[SNAPSHOT_COMM_LEN];
	bool gone;
	uint64_t wait_ns; /* in the window */
	uint64_t millipct; /* of the window: 100000 is one thread all the time */
};

/*
 * One load a process, biggest first, from the difference of two snapshots. A
 * wait that has not ended counts with its part in the window; one that ended
 * counts with no more than the window a thread. 0 or -ENOMEM; free() it.
 */
int hot_loads(const struct snapshot *diff, struct hot_load **ret_loads, size_t *ret_n);

struct hot_limits {
	uint32_t enter_millipct;
	uint32_t leave_millipct;
	uint32_t max; /* bounded by HOT_MAX */
};

struct hot {
	struct {
		uint32_t tgid;
		uint64_t start_ns;
	} procs[HOT_MAX];
	size_t n;
};

/*
 * The new set: who is at or above enter, and who was in the set and is at or
 * above leave; biggest first when there are too many. True when it changed.
 */
bool hot_update(struct hot *hot, const struct hot_limits *limits, const struct hot_load *loads,
		size_t n);
bool hot_has(const struct hot *hot, uint32_t tgid, uint64_t start_ns);

#endif
