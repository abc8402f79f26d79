// SPDX-License-Identifier: GPL-2.0
/*
 * The blocks of code that a region runs, and how many instructions of each were run
 * by faults and by operations: where the work is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "model.h"

#define BLOCKS (1U << 20)
#define TOP    250

static struct {
	struct block *block;
	size_t count;
	bool lost;
} blocks;

/* All translations are gone, so is what they point to. */
int block_reset(void)
{
	if (!blocks.block)
		blocks.block = mmap(NULL, BLOCKS * sizeof(*blocks.block), PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (blocks.block == MAP_FAILED) {
		blocks.block = NULL;
		return -ENOMEM;
	}
	madvise(blocks.block, BLOCKS * sizeof(*blocks.block), MADV_DONTNEED);
	blocks.count = 0;
	blocks.lost = false;
	return 0;
}

/* CPUs translate side by side. The last place is for all that find no room. */
struct block *block_new(void)
{
	size_t at = __atomic_fetch_add(&blocks.count, 1, __ATOMIC_RELAXED);

	if (at < BLOCKS - 1)
		return &blocks.block[at];
	blocks.lost = true;
	return &blocks.block[BLOCKS - 1];
}

struct function {
	uint64_t start;
	const char *name;
	uint64_t insns[BLOCK_PARTS];
};

static int by_start(const void *left, const void *right)
{
	const struct function *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

static uint64_t all_of(const struct function *function)
{
	uint64_t sum = 0;

	for (int part = 0; part < BLOCK_PARTS; part++)
		sum += function->insns[part];
	return sum;
}

static int by_insns(const void *left, const void *right)
{
	uint64_t a = all_of(left), b = all_of(right);

	return a < b ? 1 : a > b ? -1 : by_start(left, right);
}

/* One entry for each function that did any of it; how many there are. */
static size_t add_up(struct function *function, size_t used)
{
	size_t count = 0;

	for (size_t i = 0; i < used; i++) {
		const struct block *block = &blocks.block[i];

		function[i].name = symbol_at(block->addr, &function[i].start);
		for (int part = 0; part < BLOCK_PARTS; part++)
			function[i].insns[part] = block->runs[part] * block->insns;
	}
	qsort(function, used, sizeof(*function), by_start);
	for (size_t i = 0; i < used; i++) {
		if (count && function[count - 1].start == function[i].start) {
			for (int part = 0; part < BLOCK_PARTS; part++)
				function[count - 1].insns[part] += function[i].insns[part];
		} else {
			function[count++] = function[i];
		}
	}
	qsort(function, count, sizeof(*function), by_insns);
	return count;
}

/* Means of one fault, one operation. */
void block_write(FILE *to, uint64_t faults, uint64_t ops)
{
	size_t used = blocks.count < BLOCKS ? blocks.count : BLOCKS, count;
	struct function *function = calloc(used + 1, sizeof(*function));
	const char *comma = "";

	if (!function)
		return;
	count = add_up(function, used);
	fputs(",\"functions\":[", to);
	for (size_t i = 0; i < count && i < TOP && all_of(&function[i]); i++) {
		fprintf(to, "%s{\"name\":\"%s\",\"fault\":%.3f,\"op\":%.3f}", comma,
			function[i].name ? function[i].name : "",
			faults ? (double)function[i].insns[BLOCK_OF_FAULT] / faults : 0,
			ops ? (double)function[i].insns[BLOCK_OF_OP] / ops : 0);
		comma = ",";
	}
	fputc(']', to);
	free(function);
}
