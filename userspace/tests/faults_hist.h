/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Histogram of latencies, in slots fine enough to compare two kernels by: 32 in
 * an octave, so a percentile is wrong by 1.6 % at most. (The detector's own, in
 * userspace/hist.h, has four: it is also kept by the BPF side.) Pure.
 */
#ifndef FAULTS_HIST_H
#define FAULTS_HIST_H

#include <stdint.h>

#define LAT_SUB_LOG2 5
#define LAT_SUB	     (1U << LAT_SUB_LOG2)
#define LAT_MAX_LOG2 44 /* beyond: the last slot */
#define LAT_SLOTS    ((LAT_MAX_LOG2 - LAT_SUB_LOG2 + 1) * LAT_SUB)

struct lat_hist {
	uint64_t count;
	uint64_t max;
	uint64_t slots[LAT_SLOTS];
};

unsigned int lat_slot(uint64_t value);
uint64_t lat_slot_low(unsigned int slot);
/* Middle of the slot that holds it, never above the maximum; 0 when empty. */
uint64_t lat_percentile(const struct lat_hist *hist, double pct);
void lat_add(struct lat_hist *hist, uint64_t value);
void lat_merge(struct lat_hist *into, const struct lat_hist *from);

#endif
