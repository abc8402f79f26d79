/* SPDX-License-Identifier: GPL-2.0 */
/* Histogram of durations, with the slots of bpf/faultline.h. Pure. */
#ifndef FAULTLINE_HIST_H
#define FAULTLINE_HIST_H

#include <stdint.h>

#include "../bpf/faultline.h"

struct hist {
	uint64_t count;
	uint64_t total_ns;
	uint64_t max_ns;
	uint64_t slots[FL_HIST_SLOTS];
};

/* Slot of a duration; the BPF side computes the same (a test compares). */
unsigned int hist_slot(uint64_t ns);
/* Lower and upper bound of a slot; the last slot's upper bound is UINT64_MAX. */
uint64_t hist_slot_low_ns(unsigned int slot);
uint64_t hist_slot_high_ns(unsigned int slot);
/*
 * Percentile in nanoseconds, 0 < pct <= 100: middle of the slot that holds
 * it, never above max_ns; 0 when empty. Wrong by at most 12.5 %.
 */
uint64_t hist_percentile_ns(const struct hist *hist, double pct);
uint64_t hist_mean_ns(const struct hist *hist);
void hist_add(struct hist *hist, uint64_t ns);
void hist_merge(struct hist *into, const struct hist *from);
/* now - before, slot by slot; max_ns is bounded by the highest new slot. */
void hist_sub(struct hist *now, const struct hist *before);

#endif
