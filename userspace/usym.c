// SPDX-License-Identifier: GPL-2.0
/*
 * Which function of which file is at this address of that process?
 *
 * The process chooses its files, so: paths are resolved inside its root
 * (openat2, no magic links), only regular files are read, and only on file systems that
 * answer by themselves (a FUSE server that is the watched process could stall
 * its observer for ever). What is opened must have the inode that is mapped.
 * The function table is that of the separate debug file with its build id, if
 * installed, else its own. Names are as linked: not demangled, no inlined functions.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "elfsym.h"
#include "namecache.h"
#include "nearest.h"
#include "text.h"
#include "usym.h"

#define MAX_MODULES 32 /* open files, twice as many with debug files */
#define CLEAN_NAME  512

struct module {
	dev_t dev;
	uint64_t ino; /* 0: free */
	uint64_t used; /* usym->clock when last used */
	uint64_t serial; /* usym->clock when opened: its space in the cache */
	bool dev_differs;
	struct elfsym *elf;
	struct elfsym *debug; /* NULL: none */
};

struct usym {
	char *debug_dir;
	uint64_t clock;
	struct namecache *cache; /* names of functions, by offset in the file */
	struct module modules[MAX_MODULES];
};

struct usym *usym_new(const char *debug_dir)
{
	struct usym *usym = calloc(1, sizeof(*usym));

	if (!usym)
		return NULL;
	usym->debug_dir = strdup(debug_dir ? debug_dir : "/usr/lib/debug");
	usym->cache = namecache_new();
	if (!usym->debug_dir || !usym->cache) {
		usym_free(usym);
		return NULL;
	}
	return usym;
}

static void forget(struct module *module)
{
	elfsym_free(module->elf);
	elfsym_free(module->debug);
	*module = (struct module){};
}

void usym_free(struct usym *usym)
{
	if (!usym)
		return;
	for (size_t i = 0; i < MAX_MODULES; i++)
		forget(&usym->modules[i]);
	namecache_free(usym->cache);
	free(usym->debug_dir);
	free(usym);
}

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

/* *ret_elf, or -errno: -ESTALE when the file is not the one that is mapped. */
static int open_mapped(uint32_t pid, const struct vma_info *vma, struct elfsym **ret_elf,
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

static struct elfsym *open_debug(const struct usym *usym, const struct elfsym *elf)
{
	const char *id = elfsym_build_id(elf);
	struct elfsym *debug = NULL;
	char path[PATH_MAX];
	int fd, len;

	if (elfsym_is_full(elf) || strlen(id) < 4)
		return NULL;
	len = snprintf(path, sizeof(path), "%s/.build-id/%.2s/%s.debug", usym->debug_dir, id,
		       id + 2);
	if (len < 0 || (size_t)len >= sizeof(path))
		return NULL;
	fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || elfsym_open(fd, &debug))
		return NULL;
	if (strcmp(elfsym_build_id(debug), id)) {
		elfsym_free(debug);
		return NULL;
	}
	return debug;
}

/*
 * The module of a mapping, NULL if there is none that can be read. An open
 * file keeps its inode number from being reused, so (dev, ino) names it.
 */
static struct module *module_of(struct usym *usym, uint32_t pid, const struct vma_info *vma)
{
	struct module *victim = &usym->modules[0];
	struct module fresh = {.dev = vma->dev, .ino = vma->ino};

	usym->clock++;
	if (!vma->ino)
		return NULL;
	for (size_t i = 0; i < MAX_MODULES; i++) {
		struct module *module = &usym->modules[i];

		if (module->ino == vma->ino && module->dev == vma->dev) {
			module->used = usym->clock;
			return module;
		}
		if (module->used < victim->used)
			victim = module;
	}
	if (open_mapped(pid, vma, &fresh.elf, &fresh.dev_differs))
		return NULL;
	fresh.debug = open_debug(usym, fresh.elf);
	fresh.used = fresh.serial = usym->clock;
	forget(victim);
	*victim = fresh;
	return victim;
}

static uint64_t file_offset(const struct vma_info *vma, uint64_t addr)
{
	return addr - vma->start + vma->offset;
}

static const char *base_name(const struct vma_info *vma)
{
	const char *slash = vma->path ? strrchr(vma->path, '/') : NULL;

	return slash ? slash + 1 : vma->path ? vma->path : "?";
}

static char *raw_name(const struct vma_info *vma, const struct module *module, uint64_t addr)
{
	const char *file;
	const char *id = module ? elfsym_build_id(module->elf) : "";
	char clean[CLEAN_NAME];
	char *name = NULL;
	int len;

	if (!vma || !vma->path) {
		len = asprintf(&name, "0x%016" PRIx64, addr);
	} else {
		file = base_name(vma);
		text_clean(clean, sizeof(clean), file, strlen(file));
		len = asprintf(&name, "0x%016" PRIx64 " [%s%s+0x%" PRIx64 "%s%s]", addr, clean,
			       module && module->dev_differs ? "?" : "", file_offset(vma, addr),
			       id[0] ? " " : "", id);
	}
	return len < 0 ? NULL : name;
}

static char *function_name(const struct vma_info *vma, const struct module *module,
			   const struct elfsym_hit *hit)
{
	const char *file = base_name(vma);
	char clean_file[CLEAN_NAME], clean[CLEAN_NAME];
	char *name;

	text_clean(clean_file, sizeof(clean_file), file, strlen(file));
	text_clean(clean, sizeof(clean), hit->name, strlen(hit->name));
	if (asprintf(&name, "%s+0x%" PRIx64 " [%s%s]", clean, hit->offset, clean_file,
		     module->dev_differs ? "?" : "") < 0)
		return NULL;
	return name;
}

/* What one pass over a module needs: the addresses of a batch that lie in it. */
struct batch {
	uint64_t *vaddrs;
	struct elfsym_hit *hits;
	size_t n;
};

static bool same_file(const struct vma_info *a, const struct vma_info *b)
{
	return a->ino == b->ino && a->dev == b->dev && a->ino;
}

/* A name of its own for the caller; "" in the cache: no function is known there. */
static char *cached_name(struct usym *usym, const struct module *module, const struct vma_info *vma,
			 uint64_t addr)
{
	const char *name = namecache_get(usym->cache, module->serial, file_offset(vma, addr), 0);

	if (!name)
		return NULL;
	return name[0] ? strdup(name) : raw_name(vma, module, addr);
}

static char *fresh_name(struct usym *usym, const struct module *module, const struct vma_info *vma,
			uint64_t addr, const struct elfsym_hit *hit)
{
	char *name = hit ? function_name(vma, module, hit) : raw_name(vma, module, addr);

	if (name)
		namecache_put(usym->cache, module->serial, file_offset(vma, addr), hit ? name : "",
			      NAMECACHE_FOREVER);
	return name;
}

static int name_rest(struct usym *usym, const struct module *module, const struct batch *batch,
		     const struct vma_info *vmas, const uint64_t *addrs, size_t n, char **names)
{
	for (size_t i = 0; i < n; i++) {
		size_t slot = batch->n;
		uint64_t vaddr;

		if (names[i] || !same_file(&vmas[i], &vmas[0]))
			continue;
		if (!elfsym_vaddr(module->elf, file_offset(&vmas[i], addrs[i]), &vaddr))
			slot = nearest_slot(batch->vaddrs, batch->n, vaddr);
		names[i] = fresh_name(usym, module, &vmas[i], addrs[i],
				      slot < batch->n && batch->hits[slot].name ? &batch->hits[slot]
										: NULL);
		if (!names[i])
			return -ENOMEM;
	}
	return 0;
}

/* Name all addresses that lie in the same file as the first one. */
static int resolve_file(struct usym *usym, const struct module *module, const struct vma_info *vmas,
			const uint64_t *addrs, size_t n, char **names)
{
	struct batch batch = {
		.vaddrs = calloc(n, sizeof(*batch.vaddrs)),
		.hits = calloc(n, sizeof(*batch.hits)),
	};
	int err = -ENOMEM;

	if (!batch.vaddrs || !batch.hits)
		goto out;
	for (size_t i = 0; i < n; i++) {
		if (names[i] || !same_file(&vmas[i], &vmas[0]))
			continue;
		names[i] = cached_name(usym, module, &vmas[i], addrs[i]);
		if (!names[i] && !elfsym_vaddr(module->elf, file_offset(&vmas[i], addrs[i]),
					       &batch.vaddrs[batch.n]))
			batch.n++;
	}
	nearest_sort(batch.vaddrs, &batch.n);
	/* the separate file, if any, has all functions, not only the exported ones */
	err = batch.n ? elfsym_lookup(module->debug ? module->debug : module->elf, batch.vaddrs,
				      batch.n, batch.hits)
		      : 0;
	if (!err)
		err = name_rest(usym, module, &batch, vmas, addrs, n, names);
out:
	for (size_t i = 0; batch.hits && i < batch.n; i++)
		free(batch.hits[i].name);
	free(batch.hits);
	free(batch.vaddrs);
	return err;
}

int usym_resolve(struct usym *usym, uint32_t pid, const struct vma_info *vmas,
		 const uint64_t *addrs, size_t n, char **ret_names)
{
	char **names = calloc(n + 1, sizeof(*names));
	int err = names ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < n; i++) {
		const struct vma_info *vma = vmas ? &vmas[i] : NULL;
		struct module *module;

		if (names[i])
			continue;
		module = vma && vma->end ? module_of(usym, pid, vma) : NULL;
		if (module)
			err = resolve_file(usym, module, vma, &addrs[i], n - i, &names[i]);
		else
			names[i] = raw_name(vma, NULL, addrs[i]);
		if (!names[i])
			err = -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		if (!err)
			ret_names[i] = names[i];
		else if (names)
			free(names[i]);
	}
	free(names);
	return err;
}
