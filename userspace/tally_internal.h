/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by tally.c, tally_names.c, tally_sweep.c and tally_fill.c only. */
#ifndef FAULTLINE_TALLY_INTERNAL_H
#define FAULTLINE_TALLY_INTERNAL_H

#include "tally.h"

#define TALLY_NAMES 2048

struct tally_name {
	uint64_t used; /* 0: free */
	uint64_t look; /* + 1: when /proc was asked; 0: never */
	uint64_t start_ns;
	uint32_t tgid;
	bool alive; /* at that look */
	char comm[SNAPSHOT_COMM_LEN];
	char *cgroup;
};

/* Totals that are no longer in the map. */
struct tally_gone {
	struct fl_stat_key key;
	uint64_t last_ns;
	struct hist hist;
};

struct tally_gone_blame {
	struct fl_blame_key key;
	struct fl_blame blame;
};

struct tally {
	struct fl_event events[TALLY_WAITS];
	size_t next_event;
	size_t n_events;
	struct tally_stuck *stuck;
	size_t n_stuck;
	struct tally_holder *holders;
	size_t n_holders;
	struct tally_gone *gone;
	size_t n_gone;
	struct tally_gone_blame *gone_blames;
	size_t n_gone_blames;
	uint32_t hot[64];
	size_t n_hot;
	uint64_t use;
	uint64_t look; /* one for each snapshot */
	struct tally_name names[TALLY_NAMES];
};

/* Of the last look, see tally_names.c. */
bool tally_alive(struct tally *tally, uint32_t tgid, uint64_t start_ns);

#endif
