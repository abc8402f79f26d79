/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names of user addresses. Opens the files that vmas found, as the process sees
 * them, and only if they are the ones that are mapped, in a child process with
 * limits: no file crashes, stalls or fattens the caller. Never touches the
 * process's mmap_lock. Forks. Not thread-safe.
 */
#ifndef FAULTLINE_USYM_H
#define FAULTLINE_USYM_H

#include <stddef.h>
#include <stdint.h>

#include "vmas.h"

struct usym;

/*
 * debug_dir: where separate debug files are (".build-id/ab/cdef.debug"); NULL for
 * /usr/lib/debug. NULL when out of memory.
 */
struct usym *usym_new(const char *debug_dir);
void usym_free(struct usym *usym); /* NULL-safe */

/*
 * vmas[i] is what vmas_lookup() said of addrs[i] (NULL: nothing is known). In
 * order of what is known, ret_names[i] is
 *	"function+0x12 [libfoo.so]"
 *	"0x00007f12... [libfoo.so+0x1234 BUILDID]", offset in the file
 *	"0x00007f12... [libfoo.so+0x1234]"
 *	"0x00007f12..."
 * with "?" after the file's name if its inode agrees with the mapping but its
 * device does not (btrfs, overlay). Safe to print (text_clean); each to be freed
 * by the caller. 0, or -ENOMEM with ret_names untouched.
 */
int usym_resolve(struct usym *usym, uint32_t pid, const struct vma_info *vmas,
		 const uint64_t *addrs, size_t n, char **ret_names);

#endif
