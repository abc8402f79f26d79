// SPDX-License-Identifier: GPL-2.0
/* Which start is the closest below each wanted address? See nearest.h. */
#include <stdlib.h>

#include "nearest.h"

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void nearest_sort(uint64_t *wanted, size_t *n)
{
	size_t kept = 0;

	if (!*n)
		return;
	qsort(wanted, *n, sizeof(*wanted), compare);
	for (size_t i = 1; i < *n; i++)
		if (wanted[i] != wanted[kept])
			wanted[++kept] = wanted[i];
	*n = kept + 1;
}

size_t nearest_slot(const uint64_t *wanted, size_t n, uint64_t start)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (wanted[middle] < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
