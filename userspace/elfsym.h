/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Function names in one 64-bit ELF file of the host's byte order. The file
 * belongs to whoever runs the watched process and may be hostile, truncated or
 * change while it is read: nothing of it is mapped (a truncated mapping would
 * raise SIGBUS), all counts are bounded, and the symbol table is streamed
 * through a small buffer instead of being loaded.
 */
#ifndef FAULTLINE_ELFSYM_H
#define FAULTLINE_ELFSYM_H

#include <stddef.h>
#include <stdint.h>

struct elfsym;

struct elfsym_hit {
	char *name; /* raw bytes; NULL: no function covers the address */
	uint64_t offset; /* of the address in the function */
};

/*
 * Takes fd over, also on failure. -EINVAL: no regular file, too large, or no
 * ELF file of this kind; -ENOMEM; -EIO.
 */
int elfsym_open(int fd, struct elfsym **ret_elf);
void elfsym_free(struct elfsym *elf); /* NULL-safe */

/* In lower-case hexadecimal; "" where there is none. */
const char *elfsym_build_id(const struct elfsym *elf);
/* Nonzero: it has a full symbol table, not only that of the dynamic linker. */
int elfsym_is_full(const struct elfsym *elf);
/* Virtual address of what is at this offset of the file; -ENOENT. */
int elfsym_vaddr(const struct elfsym *elf, uint64_t file_offset, uint64_t *ret_vaddr);

/*
 * One pass over the symbol tables for all addresses; vaddrs ascending, each
 * once (nearest_sort). ret[i].name to be freed by the caller. 0, also for a
 * file that ends early; -ENOMEM with ret untouched.
 */
int elfsym_lookup(const struct elfsym *elf, const uint64_t *vaddrs, size_t n,
		  struct elfsym_hit *ret);

#endif
