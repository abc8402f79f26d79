/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Function names in one ELF file, 32 or 64 bits, of any byte order, by libelf.
 * The file belongs to whoever runs the watched process and may be hostile,
 * truncated or change while it is read: nothing of it is mapped (a truncated
 * mapping would raise SIGBUS), the symbol tables are streamed in pieces instead
 * of being loaded, and an Elf lives no longer than one call. What libelf
 * allocates for a header that lies is bounded by the caller only: usym calls
 * this in a child process with limits (usym_aside.h).
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
 * ELF file; -ENOMEM; -EIO.
 */
int elfsym_open(int fd, struct elfsym **ret_elf);
void elfsym_free(struct elfsym *elf); /* NULL-safe */

/* In lower-case hexadecimal; "" where there is none. */
const char *elfsym_build_id(const struct elfsym *elf);
/* Name and CRC-32 of the separate debug file; NULL where none is named. */
const char *elfsym_debuglink(const struct elfsym *elf, uint32_t *ret_crc);
/* CRC-32 of the whole file, as a debuglink has it; reads all of it. */
int elfsym_crc(const struct elfsym *elf, uint32_t *ret_crc);
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
