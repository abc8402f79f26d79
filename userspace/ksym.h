/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names of kernel addresses, from /proc/kallsyms. The table (more than 100,000
 * symbols) is never held in memory: a batch of addresses costs one pass over
 * the file, and what was found is remembered in a cache of fixed size. Not
 * thread-safe.
 */
#ifndef FAULTLINE_KSYM_H
#define FAULTLINE_KSYM_H

#include <stddef.h>
#include <stdint.h>

struct ksym;

/*
 * /proc/kallsyms, or what FAULTLINE_KALLSYMS names: a service manager that
 * protects the kernel's settings hides the one and can offer it elsewhere.
 */
const char *ksym_path(void);
/* path: NULL for ksym_path(). NULL when out of memory; opens nothing yet. */
struct ksym *ksym_new(const char *path);
void ksym_free(struct ksym *ksym); /* NULL-safe */

/*
 * ret_names[i]: "symbol+0x1a", "symbol+0x1a [module]", or the raw address
 * "0xffffffff81000000" where no symbol is near; each to be freed by the
 * caller. 0, or -ENOMEM with ret_names untouched. A table that cannot be read
 * is no error: all are raw then, and ksym_reason() tells why.
 */
int ksym_resolve(struct ksym *ksym, const uint64_t *addrs, size_t n, char **ret_names);

/*
 * Many stacks at once: learn all their addresses in one pass, so that the
 * calls of ksym_resolve() that follow need none.
 */
void ksym_prefetch(struct ksym *ksym, const uint64_t *addrs, size_t n);

/* One line, valid until the next call; NULL: the last pass had symbols. */
const char *ksym_reason(const struct ksym *ksym);

#endif
