/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flame graph of a snapshot's stacks: one SVG file that opens in a browser by
 * itself, with zoom (click), search (Ctrl+F) and details, and asks nobody for
 * anything. Without scripts it is still a picture with tooltips.
 */
#ifndef FAULTLINE_FLAME_H
#define FAULTLINE_FLAME_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "snapshot.h"

struct flame_opts {
	enum snap_role role; /* stacks of the waiters or of the holders */
	bool by_count; /* width by number of waits, not by time */
	uint32_t tgid; /* only this locked process; 0: all */
	const char *title; /* NULL: "Waiting for mmap_lock" or the like */
	bool in_page; /* the <svg> alone: the page has flame_style and flame_script once */
};

/*
 * -ENODATA: no stack of that kind in the snapshot, nothing is written; -ENOMEM;
 * -EIO: the file took it not. Stacks of single waits (count 0) are drawn only
 * where there are no totals, each as one sample.
 */
int flame_write(FILE *out, const struct snapshot *snap, const struct flame_opts *opts);

#endif
