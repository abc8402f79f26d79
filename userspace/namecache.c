// SPDX-License-Identifier: GPL-2.0
/* Which name did we find for this address before? See namecache.h. */
#include <stdlib.h>
#include <string.h>

#include "namecache.h"

/* 4096 names: the stacks of lock waits have some hundred different frames */
#define SET_BITS 9
#define NR_SETS	 (1 << SET_BITS)
#define NR_WAYS	 8

struct entry {
	uint64_t space, addr;
	uint64_t until_ns;
	uint64_t used;
	char *name; /* NULL: free */
};

struct namecache {
	uint64_t clock;
	struct entry sets[NR_SETS][NR_WAYS];
};

struct namecache *namecache_new(void)
{
	return calloc(1, sizeof(struct namecache));
}

void namecache_free(struct namecache *cache)
{
	if (!cache)
		return;
	for (int i = 0; i < NR_SETS; i++)
		for (int way = 0; way < NR_WAYS; way++)
			free(cache->sets[i][way].name);
	free(cache);
}

/* Fibonacci hashing: return addresses differ in few bits */
static struct entry *set_of(struct namecache *cache, uint64_t space, uint64_t addr)
{
	return cache->sets[((addr + space * 31) * 0x9e3779b97f4a7c15ULL) >> (64 - SET_BITS)];
}

const char *namecache_get(struct namecache *cache, uint64_t space, uint64_t addr, uint64_t now_ns)
{
	struct entry *set = set_of(cache, space, addr);

	for (int way = 0; way < NR_WAYS; way++) {
		struct entry *entry = &set[way];

		if (!entry->name || entry->addr != addr || entry->space != space)
			continue;
		if (entry->until_ns < now_ns)
			return NULL;
		entry->used = ++cache->clock;
		return entry->name;
	}
	return NULL;
}

void namecache_put(struct namecache *cache, uint64_t space, uint64_t addr, const char *name,
		   uint64_t until_ns)
{
	struct entry *set = set_of(cache, space, addr), *victim = set;
	char *copy = strdup(name);

	if (!copy)
		return;
	for (int way = 0; way < NR_WAYS; way++) {
		if (set[way].name && set[way].addr == addr && set[way].space == space) {
			victim = &set[way];
			break;
		}
		if (set[way].used < victim->used)
			victim = &set[way];
	}
	free(victim->name);
	*victim = (struct entry){
		.space = space,
		.addr = addr,
		.until_ns = until_ns,
		.used = ++cache->clock,
		.name = copy,
	};
}
