/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where do we run: does this place, which may be a container, let us see the host?
 */
#ifndef FAULTLINE_PLACE_H
#define FAULTLINE_PLACE_H

#include <stdbool.h>

enum place_part {
	PLACE_PROC, /* /proc, and of our own pid namespace */
	PLACE_PIDS, /* the host's pid namespace */
	PLACE_USERS, /* the host's user namespace */
	PLACE_CGROUPS, /* the host's cgroup namespace */
	PLACE_BTF, /* the kernel's type information */
	PLACE_TRACEFS,
	PLACE_NR
};

struct place {
	bool has[PLACE_NR];
};

/* root: "" on the host; tests give a folder with proc and sys. */
void place_look(const char *root, struct place *ret_place);

const char *place_name(enum place_part part); /* "host's processes" */
/* What is missing without it and what to do about it; tracefs: that nothing is. */
const char *place_advice(enum place_part part);
/* Without it something is wrong, though the daemon runs: the rest ends it, or is not needed. */
bool place_is_warning(enum place_part part);

#endif
