/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is there to say of page faults that go without mmap_lock, of one process
 * and of the setting that rules them? Pure; only where snap_meta.speculative.
 */
#ifndef FAULTLINE_SPECULATION_H
#define FAULTLINE_SPECULATION_H

#include <stdio.h>

#include "render.h"
#include "snapshot.h"

#define SPECULATION_TEXT 256

uint64_t speculation_attempts(const struct snap_spec *spec); /* in the samples */
/* A second, while samples were taken; 0 when none was. */
uint64_t speculation_rate(const struct snap_meta *meta, const struct snap_spec *spec);
/* "changed 12, blocked 3", "" when none was aborted. Returns buf. */
const char *speculation_aborts(const struct snap_spec *spec, char buf[SPECULATION_TEXT]);
/* "8 to 64", "64"; "" when no thread looks away. Returns buf. */
const char *speculation_windows(const struct snap_spec *spec, char buf[SPECULATION_TEXT]);
/* "64, set by the daemon: readers: ..." Returns buf. */
const char *speculation_knob(const struct snap_meta *meta, char *buf, size_t size);

/* The process, or NULL. */
const struct snap_spec *speculation_of(const struct snapshot *snap, uint32_t tgid);

/* A table of the processes that try, below that of waits; nothing when there is none. */
void speculation_table(FILE *out, const struct snapshot *snap, const struct render_opts *opts);

#endif
