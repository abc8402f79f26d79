/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names that were found lately, by address: of fixed size, the least recently
 * used of a set goes. A name may be known for a time only. Pure.
 */
#ifndef FAULTLINE_NAMECACHE_H
#define FAULTLINE_NAMECACHE_H

#include <stdint.h>

#define NAMECACHE_FOREVER UINT64_MAX

struct namecache;

struct namecache *namecache_new(void); /* NULL: out of memory */
void namecache_free(struct namecache *cache); /* NULL-safe */

/* space tells apart equal addresses of different files. Valid until the next put. */
const char *namecache_get(struct namecache *cache, uint64_t space, uint64_t addr, uint64_t now_ns);
/* Not remembered when out of memory: it is only a cache. */
void namecache_put(struct namecache *cache, uint64_t space, uint64_t addr, const char *name,
		   uint64_t until_ns);

#endif
