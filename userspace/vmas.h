/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which files are mapped at these addresses of that process, learnt without its
 * mmap_lock (bpf/vmas.bpf.c). The answer is as good as an unlocked look can be:
 * who opens the path compares dev and ino. Not thread-safe.
 */
#ifndef FAULTLINE_VMAS_H
#define FAULTLINE_VMAS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../bpf/faultline.h"

struct vmas;

/* Of an address of which nothing is known, end is 0. */
struct vma_info {
	uint64_t start;
	uint64_t end;
	uint64_t offset; /* in the file, of start; bytes */
	uint64_t ino;
	/* of the file system; stat() may tell another one (btrfs, overlay) */
	dev_t dev;
	char fs_type[16]; /* "ext4" */
	uint32_t flags; /* FL_VMA_* */
	/*
	 * Raw bytes, seen from the process's root; a name without "/" where
	 * there is no path (memfd); NULL: no file, or path not known.
	 */
	char *path;
};

/*
 * Load the program. -ENOTSUP: kernel without maple trees (before 6.1); -EPERM;
 * or another negative errno, with *ret_why one line to be freed by the caller.
 */
int vmas_new(struct vmas **ret_vmas, char **ret_why);
void vmas_free(struct vmas *vmas); /* NULL-safe */

/*
 * Fill in ret[i] for each address of the process of thread tid (as seen from
 * this pid namespace). 0, also where nothing is mapped; -ESRCH when there is no
 * such thread, or -errno: ret is then untouched. Each mapping is asked for once.
 */
int vmas_lookup(struct vmas *vmas, uint32_t tid, const uint64_t *addrs, size_t n,
		struct vma_info *ret);
void vmas_release(struct vma_info *infos, size_t n); /* frees the paths */

#endif
