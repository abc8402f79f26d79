// SPDX-License-Identifier: GPL-2.0
/*
 * How long did waits take: counts in slots that are linear within an octave.
 * The slot numbers are those of the BPF side, so that what it counted is added
 * up without conversion. Knows nothing of processes or of concurrency.
 */
#include <math.h>

#include "hist.h"

unsigned int hist_slot(uint64_t ns)
{
	unsigned int log2, slot;

	if (ns < 1ULL << FL_HIST_MIN_LOG2)
		return 0;

	log2 = 63 - __builtin_clzll(ns);
	slot = 1 + (log2 - FL_HIST_MIN_LOG2) * FL_HIST_SUB +
	       ((ns >> (log2 - FL_HIST_SUB_LOG2)) & (FL_HIST_SUB - 1));
	return slot < FL_HIST_SLOTS ? slot : FL_HIST_SLOTS - 1;
}

uint64_t hist_slot_low_ns(unsigned int slot)
{
	unsigned int octave;

	if (!slot)
		return 0;
	if (slot >= FL_HIST_SLOTS)
		slot = FL_HIST_SLOTS - 1;

	octave = FL_HIST_MIN_LOG2 + (slot - 1) / FL_HIST_SUB;
	return (uint64_t)(FL_HIST_SUB + (slot - 1) % FL_HIST_SUB) << (octave - FL_HIST_SUB_LOG2);
}

uint64_t hist_slot_high_ns(unsigned int slot)
{
	return slot >= FL_HIST_SLOTS - 1 ? UINT64_MAX : hist_slot_low_ns(slot + 1);
}

uint64_t hist_percentile_ns(const struct hist *hist, double pct)
{
	uint64_t sum = 0, rank, seen = 0, low, mid;
	unsigned int i;

	/* Not hist->count: counts and slots are read while they are written. */
	for (i = 0; i < FL_HIST_SLOTS; i++)
		sum += hist->slots[i];
	if (!sum)
		return 0;

	rank = (uint64_t)ceil(pct / 100 * (double)sum);
	if (!rank)
		rank = 1;
	if (rank > sum)
		rank = sum;

	for (i = 0; i < FL_HIST_SLOTS; i++) {
		seen += hist->slots[i];
		if (seen >= rank)
			break;
	}
	if (i >= FL_HIST_SLOTS - 1)
		return hist->max_ns;

	low = hist_slot_low_ns(i);
	mid = low + (hist_slot_high_ns(i) - low) / 2;
	return mid < hist->max_ns ? mid : hist->max_ns;
}

uint64_t hist_mean_ns(const struct hist *hist)
{
	return hist->count ? hist->total_ns / hist->count : 0;
}

void hist_add(struct hist *hist, uint64_t ns)
{
	hist->count++;
	hist->total_ns += ns;
	if (ns > hist->max_ns)
		hist->max_ns = ns;
	hist->slots[hist_slot(ns)]++;
}

void hist_merge(struct hist *into, const struct hist *from)
{
	into->count += from->count;
	into->total_ns += from->total_ns;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
	for (unsigned int i = 0; i < FL_HIST_SLOTS; i++)
		into->slots[i] += from->slots[i];
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void hist_sub(struct hist *now, const struct hist *before)
{
	uint64_t bound = 0;

	now->count = minus(now->count, before->count);
	now->total_ns = minus(now->total_ns, before->total_ns);
	for (unsigned int i = 0; i < FL_HIST_SLOTS; i++) {
		now->slots[i] = minus(now->slots[i], before->slots[i]);
		if (now->slots[i])
			bound = hist_slot_high_ns(i) - 1;
	}
	/* A maximum above the old one is new; another may be of before. */
	if (now->max_ns <= before->max_ns && now->max_ns > bound)
		now->max_ns = bound;
}
