/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Opens what a process has mapped, and the debug file that belongs to it.
 * Shared by usym.c and usym_open.c only; called in the child (usym_aside.h).
 */
#ifndef FAULTLINE_USYM_OPEN_H
#define FAULTLINE_USYM_OPEN_H

#include <stdbool.h>
#include <stdint.h>

#include "elfsym.h"
#include "vmas.h"

/*
 * The mapped file, and whether its device is another one than that of the mapping
 * (btrfs, overlay). -ESTALE: the file there is not the mapped one; -EOPNOTSUPP:
 * on a file system that we don't read from; or another negative errno.
 */
int usym_open_mapped(uint32_t pid, const struct vma_info *vma, struct elfsym **ret_elf,
		     bool *ret_dev_differs);
/* NULL: the file has all functions itself, or there is no debug file that fits. */
struct elfsym *usym_open_debug(const char *debug_dir, uint32_t pid, const struct vma_info *vma,
			       const struct elfsym *elf);

#endif
