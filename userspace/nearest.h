/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For each of a few wanted addresses: the closest start at or below it, in a
 * stream of very many starts in any order. Each start costs one binary search;
 * nothing of the stream is kept but the best of each wanted address. Pure.
 *
 *	nearest_sort(wanted, &n);
 *	for each start: slot = nearest_slot(wanted, n, start);
 *		if slot < n and start > best[slot]: best[slot] = start, note its name
 *	for each wanted i: the highest best of the slots 0 to i is its answer
 */
#ifndef FAULTLINE_NEAREST_H
#define FAULTLINE_NEAREST_H

#include <stddef.h>
#include <stdint.h>

/* Ascending, each value once; n becomes the number of values left. */
void nearest_sort(uint64_t *wanted, size_t *n);
/* Index of the lowest wanted value that is at least start; n: there is none. */
size_t nearest_slot(const uint64_t *wanted, size_t n, uint64_t start);

#endif
