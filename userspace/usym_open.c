// SPDX-License-Identifier: GPL-2.0
/*
 * Which file is mapped here, and where are its functions?
 *
 * The process chooses its files, so: paths are resolved inside its root
 * (openat2, no magic links), only regular files are read, and only on file
 * systems that answer by themselves (a FUSE server that is the watched process
 * could stall its observer for ever). What is opened must have the inode that is
 * mapped. A debug file is looked for by build id, then by .gnu_debuglink, in the
 * places where gdb looks. libdwfl's search is not used: it maps files, opens
 * them in our root, and may ask a server in the network (debuginfod).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "usym_open.h"

/* virtiofs and 9p answer as the hypervisor does, which the whole machine depends on */
static bool answers_by_itself(const char *fs_type)
{
	static const char *const local[] = {
		"ext2",	   "ext3",  "ext4", "xfs",   "btrfs", "tmpfs",	  "ramfs",  "rootfs",
		"overlay", "f2fs",  "zfs",  "erofs", "vfat",  "bcachefs", "exfat",  "squashfs",
		"iso9660", "ntfs3", "9p",   "jfs",   "udf",   "virtiofs", "nilfs2", "reiserfs",
	};

	for (size_t i = 0; i < sizeof(local) / sizeof(*local); i++)
		if (!strcmp(local[i], fs_type))
			return true;
	return false;
}

/* The file as the process sees it; absolute links stay inside its root. */
static int open_in_root(uint32_t pid, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	char root[32];
	int root_fd, fd;

	snprintf(root, sizeof(root), "/proc/%" PRIu32 "/root", pid);
	root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return -errno;
	fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	if (fd < 0)
		fd = -errno;
	close(root_fd);
	return fd;
}

/* Also when the path is gone or now names another file, as after an upgrade. */
static int open_exe(uint32_t pid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/exe", pid);
	fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int usym_open_mapped(uint32_t pid, const struct vma_info *vma, struct elfsym **ret_elf,
		     bool *ret_dev_differs)
{
	struct stat st;
	int fd = -ENOENT;

	if (!answers_by_itself(vma->fs_type))
		return -EOPNOTSUPP;
	if (vma->flags & FL_VMA_EXE)
		fd = open_exe(pid);
	if (fd < 0 && vma->path && vma->path[0] == '/')
		fd = open_in_root(pid, vma->path);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) || st.st_ino != vma->ino) {
		close(fd);
		return -ESTALE;
	}
	*ret_dev_differs = st.st_dev != vma->dev;
	return elfsym_open(fd, ret_elf);
}

/* The same build id, or, where one of the two has none, the checksum of the link. */
static bool fits(const struct elfsym *elf, const struct elfsym *debug)
{
	const char *id = elfsym_build_id(elf), *debug_id = elfsym_build_id(debug);
	uint32_t want, crc;

	if (!elfsym_is_full(debug))
		return false;
	if (id[0] && debug_id[0])
		return !strcmp(id, debug_id);
	return elfsym_debuglink(elf, &want) && !elfsym_crc(debug, &crc) && crc == want;
}

/* Takes fd over, which may be an error. */
static struct elfsym *open_fitting(int fd, const struct elfsym *elf)
{
	struct elfsym *debug = NULL;

	if (fd < 0 || elfsym_open(fd, &debug))
		return NULL;
	if (!fits(elf, debug)) {
		elfsym_free(debug);
		return NULL;
	}
	return debug;
}

static struct elfsym *open_by_build_id(const char *debug_dir, const struct elfsym *elf)
{
	const char *id = elfsym_build_id(elf);
	char path[PATH_MAX];
	int len;

	if (strlen(id) < 4)
		return NULL;
	len = snprintf(path, sizeof(path), "%s/.build-id/%.2s/%s.debug", debug_dir, id, id + 2);
	if (len < 0 || (size_t)len >= sizeof(path))
		return NULL;
	return open_fitting(open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC), elf);
}

/* Beside the file, in the process's root, and below debug_dir, in ours. */
static struct elfsym *open_by_link(const char *debug_dir, uint32_t pid, const struct vma_info *vma,
				   const struct elfsym *elf)
{
	static const char *const beside[] = {"", ".debug/"};
	struct elfsym *debug = NULL;
	char path[PATH_MAX];
	const char *name;
	int dir_len, len;
	uint32_t crc;

	name = elfsym_debuglink(elf, &crc);
	if (!name || strchr(name, '/') || !vma->path || vma->path[0] != '/' ||
	    strstr(vma->path, "/../"))
		return NULL;
	dir_len = strrchr(vma->path, '/') + 1 - vma->path;
	for (size_t i = 0; !debug && i < sizeof(beside) / sizeof(*beside); i++) {
		len = snprintf(path, sizeof(path), "%.*s%s%s", dir_len, vma->path, beside[i], name);
		if (len > 0 && (size_t)len < sizeof(path))
			debug = open_fitting(open_in_root(pid, path), elf);
	}
	len = snprintf(path, sizeof(path), "%s%.*s%s", debug_dir, dir_len, vma->path, name);
	if (!debug && len > 0 && (size_t)len < sizeof(path))
		debug = open_fitting(open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC), elf);
	return debug;
}

struct elfsym *usym_open_debug(const char *debug_dir, uint32_t pid, const struct vma_info *vma,
			       const struct elfsym *elf)
{
	struct elfsym *debug;

	if (elfsym_is_full(elf))
		return NULL;
	debug = open_by_build_id(debug_dir, elf);
	return debug ? debug : open_by_link(debug_dir, pid, vma, elf);
}
