// SPDX-License-Identifier: GPL-2.0
/*
 * How long did it take? Counts in slots that are linear within an octave; values
 * below 32 have a slot each. Knows nothing of units or of concurrency.
 */
#include <math.h>

#include "faults_hist.h"

unsigned int lat_slot(uint64_t value)
{
	unsigned int log2, slot;

	if (value < LAT_SUB)
		return value;
	log2 = 63 - __builtin_clzll(value);
	slot = (log2 - LAT_SUB_LOG2) * LAT_SUB + (value >> (log2 - LAT_SUB_LOG2));
	return slot < LAT_SLOTS ? slot : LAT_SLOTS - 1;
}

uint64_t lat_slot_low(unsigned int slot)
{
	unsigned int octave;

	if (slot < LAT_SUB)
		return slot;
	octave = slot / LAT_SUB - 1;
	return (uint64_t)(LAT_SUB + slot % LAT_SUB) << octave;
}

uint64_t lat_percentile(const struct lat_hist *hist, double pct)
{
	uint64_t rank = (uint64_t)ceil(pct / 100 * (double)hist->count), seen = 0, low, mid;
	unsigned int slot;

	if (!hist->count)
		return 0;
	if (!rank)
		rank = 1;
	for (slot = 0; slot < LAT_SLOTS - 1; slot++) {
		seen += hist->slots[slot];
		if (seen >= rank)
			break;
	}
	if (slot == LAT_SLOTS - 1)
		return hist->max;
	low = lat_slot_low(slot);
	mid = low + (lat_slot_low(slot + 1) - low) / 2;
	return mid < hist->max ? mid : hist->max;
}

void lat_add(struct lat_hist *hist, uint64_t value)
{
	hist->count++;
	if (value > hist->max)
		hist->max = value;
	hist->slots[lat_slot(value)]++;
}

void lat_merge(struct lat_hist *into, const struct lat_hist *from)
{
	into->count += from->count;
	if (from->max > into->max)
		into->max = from->max;
	for (unsigned int i = 0; i < LAT_SLOTS; i++)
		into->slots[i] += from->slots[i];
}
