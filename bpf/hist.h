/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In which slot does a duration count? The programs' way to the slot, without
 * the instruction that BPF lacks; userspace/hist.c has another, and a test
 * includes both. No other file of userspace uses it.
 */
#ifndef FAULTLINE_BPF_HIST_H
#define FAULTLINE_BPF_HIST_H

#include "faultline.h"

static inline __attribute__((always_inline)) __u32 fl_hist_slot(__u64 ns)
{
	__u64 v = ns >> FL_HIST_MIN_LOG2;
	__u32 log = 0, slot;

	if (!v)
		return 0;
	if (v >> 32)
		return FL_HIST_SLOTS - 1;
	if (v >> 16) {
		log += 16;
		v >>= 16;
	}
	if (v >> 8) {
		log += 8;
		v >>= 8;
	}
	if (v >> 4) {
		log += 4;
		v >>= 4;
	}
	if (v >> 2) {
		log += 2;
		v >>= 2;
	}
	log += v >> 1;
	slot = ns >> (log + FL_HIST_MIN_LOG2 - FL_HIST_SUB_LOG2) & (FL_HIST_SUB - 1);
	slot += 1 + log * FL_HIST_SUB;
	return slot < FL_HIST_SLOTS ? slot : FL_HIST_SLOTS - 1;
}

#endif
