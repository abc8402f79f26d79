// SPDX-License-Identifier: GPL-2.0
/*
 * Which files are mapped at these addresses of that process?
 *
 * Runs the task iterator of vmas.bpf.c on one thread for each mapping that is
 * asked for; request and reply are in the memory that it shares with the
 * program. Does not open the files (usym does).
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "vmas.h"
#include "vmas.skel.h"

/* Not found may mean that the tree changed under the walk. */
#define MAX_TRIES 3

/* dev_t inside the kernel: include/linux/kdev_t.h */
#define KERNEL_MINOR_BITS 20

struct vmas {
	struct vmas_bpf *skel;
};

static char *why_not(int err)
{
	struct btf *btf = btf__load_vmlinux_btf();
	char *why = NULL;

	if (libbpf_get_error(btf))
		why = strdup("needs the kernel's BTF (/sys/kernel/btf/vmlinux)");
	else if (btf__find_by_name_kind(btf, "maple_range_64", BTF_KIND_STRUCT) < 0)
		why = strdup("needs 6.1: this kernel keeps no maple tree of mappings");
	else if (asprintf(&why, "cannot load the task iterator: %s", strerror(-err)) < 0)
		why = NULL;
	btf__free(btf);
	return why;
}

int vmas_new(struct vmas **ret_vmas, char **ret_why)
{
	struct vmas *vmas = calloc(1, sizeof(*vmas));
	int err;

	if (!vmas)
		return -ENOMEM;
	vmas->skel = vmas_bpf__open();
	err = vmas->skel ? vmas_bpf__load(vmas->skel) : -errno;
	if (err) {
		char *why = why_not(err);

		*ret_why = why;
		vmas_free(vmas);
		return why && !strncmp(why, "needs", 5) ? -ENOTSUP : err;
	}
	*ret_vmas = vmas;
	return 0;
}

void vmas_free(struct vmas *vmas)
{
	if (!vmas)
		return;
	vmas_bpf__destroy(vmas->skel);
	free(vmas);
}

/* names: from the file up to the root, each ended by a NUL */
static char *build_path(const struct fl_vma *reply)
{
	size_t len = reply->names_len;
	char *path, *to;

	if (!len || len > sizeof(reply->names) || reply->names[len - 1])
		return NULL;
	path = malloc(len + 1);
	if (!path)
		return NULL;
	if (reply->flags & FL_VMA_NO_DIR)
		return strcpy(path, reply->names);
	to = path;
	for (size_t end = len - 1; end > 0;) {
		size_t start = end;

		while (start > 0 && reply->names[start - 1])
			start--;
		*to++ = '/';
		memcpy(to, &reply->names[start], end - start);
		to += end - start;
		end = start ? start - 1 : 0;
	}
	*to = '\0';
	return path;
}

static int fill_in(const struct fl_vma *reply, struct vma_info *ret_info)
{
	const uint32_t with_path = FL_VMA_PATH | FL_VMA_OTHER_ROOT | FL_VMA_NO_DIR;
	struct vma_info info = {
		.start = reply->start,
		.end = reply->end,
		.offset = reply->pgoff * (uint64_t)sysconf(_SC_PAGESIZE),
		.flags = reply->flags,
	};

	if (reply->flags & FL_VMA_FILE) {
		info.ino = reply->ino;
		memcpy(info.fs_type, reply->fs_type, sizeof(info.fs_type));
		info.fs_type[sizeof(info.fs_type) - 1] = '\0';
		info.dev = makedev(reply->dev >> KERNEL_MINOR_BITS,
				   reply->dev & ((1U << KERNEL_MINOR_BITS) - 1));
	}
	if (reply->flags & with_path) {
		info.path = build_path(reply);
		if (!info.path)
			return -ENOMEM;
	}
	*ret_info = info;
	return 0;
}

/* Run the program once. -ESRCH: it saw no task. */
static int run_once(struct fl_vma *reply, int link_fd)
{
	int fd = bpf_iter_create(link_fd);
	char unused[64]; /* the program writes nothing; reading runs it */
	ssize_t len;
	int err;

	if (fd < 0)
		return -errno;
	reply->addr = 0;
	do {
		len = read(fd, unused, sizeof(unused));
	} while (len > 0 || (len < 0 && errno == EINTR));
	err = len < 0 ? -errno : 0;
	close(fd);
	if (err)
		return err;
	return reply->addr ? 0 : -ESRCH;
}

static int ask(struct vmas *vmas, int link_fd, uint64_t addr, struct vma_info *ret_info)
{
	struct fl_vma *reply = &vmas->skel->bss->reply;
	int err = 0;

	for (int try = 0; try < MAX_TRIES; try++) {
		vmas->skel->bss->request = addr;
		err = run_once(reply, link_fd);
		if (err)
			return err;
		if (reply->flags & FL_VMA_FOUND)
			return fill_in(reply, ret_info);
	}
	*ret_info = (struct vma_info){.flags = reply->flags};
	return 0;
}

/* An earlier answer that holds the address too. */
static const struct vma_info *known(const struct vma_info *infos, size_t n, uint64_t addr)
{
	for (size_t i = n; i-- > 0;)
		if (infos[i].start <= addr && addr < infos[i].end)
			return &infos[i];
	return NULL;
}

static int lookup_all(struct vmas *vmas, int link_fd, const uint64_t *addrs, size_t n,
		      struct vma_info *infos)
{
	for (size_t i = 0; i < n; i++) {
		const struct vma_info *same = known(infos, i, addrs[i]);
		int err;

		if (!addrs[i])
			continue;
		if (same) {
			infos[i] = *same;
			infos[i].path = same->path ? strdup(same->path) : NULL;
			if (same->path && !infos[i].path)
				return -ENOMEM;
			continue;
		}
		err = ask(vmas, link_fd, addrs[i], &infos[i]);
		if (err)
			return err;
	}
	return 0;
}

int vmas_lookup(struct vmas *vmas, uint32_t tid, const uint64_t *addrs, size_t n,
		struct vma_info *ret)
{
	union bpf_iter_link_info only = {.task.tid = tid};
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &only, .link_info_len = sizeof(only));
	struct vma_info *infos = NULL;
	struct bpf_link *link = NULL;
	int err;

	if (!tid)
		return -ESRCH;
	link = bpf_program__attach_iter(vmas->skel->progs.what_is_mapped, &opts);
	if (!link)
		return -errno;
	infos = calloc(n ? n : 1, sizeof(*infos));
	err = infos ? lookup_all(vmas, bpf_link__fd(link), addrs, n, infos) : -ENOMEM;
	if (err)
		goto out;
	memcpy(ret, infos, n * sizeof(*infos));
	n = 0; /* the paths are the caller's now */
out:
	if (infos)
		vmas_release(infos, n);
	free(infos);
	bpf_link__destroy(link);
	return err;
}

void vmas_release(struct vma_info *infos, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(infos[i].path);
		infos[i].path = NULL;
	}
}
