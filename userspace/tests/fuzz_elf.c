// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: whatever a mapped file holds, reading its headers and looking
 * for names ends, and what is found is within bounds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elfsym.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);

/* A lying header may ask for much memory: as in the child that limits it, it is not there. */
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1:max_allocation_size_mb=64";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t vaddrs[] = {0x10, 0x1000, 0x1234, 0x400000, UINT64_MAX};
	int fd = memfd_create("elf", MFD_CLOEXEC);
	struct elfsym_hit hits[5];
	struct elfsym *elf = NULL;
	uint32_t crc;
	const char *link;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (elfsym_open(fd, &elf))
		return 0;
	link = elfsym_debuglink(elf, &crc);
	if (strlen(elfsym_build_id(elf)) > 64 || (link && strlen(link) > 255))
		abort();
	if (!elfsym_lookup(elf, vaddrs, 5, hits)) {
		for (int i = 0; i < 5; i++)
			free(hits[i].name);
	}
	elfsym_free(elf);
	return 0;
}
