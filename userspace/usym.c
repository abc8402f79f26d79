// SPDX-License-Identifier: GPL-2.0
/*
 * Which function of which file is at this address of that process?
 *
 * Names are found in a child process (usym_aside), which opens the files
 * (usym_open), reads them (elfsym), answers in shared memory and is gone, and
 * with it all memory: the parent keeps only the names, for a while. A file that
 * crashes or stalls the child costs its names, and the process is not tried
 * again for a while. Names are as linked: not demangled, no inlined functions.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "elfsym.h"
#include "namecache.h"
#include "nearest.h"
#include "text.h"
#include "usym.h"
#include "usym_aside.h"
#include "usym_open.h"

#define CLEAN_NAME    512
#define MAX_FUNCTION  256
#define MAX_ID	      65
#define TIMEOUT_MS    800 /* in all for one stack: it must not delay the look at locks */
#define REMEMBER_NS   60000000000ULL /* an inode's number is used again some day */
#define NR_DISTRUSTED 16

/* What the child found out about one address. */
struct answer {
	uint64_t offset; /* of the address in the function */
	bool opened; /* the file was read */
	bool dev_differs;
	char function[MAX_FUNCTION]; /* raw bytes; "": none known */
	char build_id[MAX_ID];
};

struct question {
	const struct vma_info *vma;
	uint64_t addr;
};

/* All questions of one stack that the cache does not answer. */
struct job {
	const char *debug_dir;
	uint32_t pid;
	size_t n;
	struct question *questions;
	struct answer *answers; /* shared with the child */
};

struct usym {
	char *debug_dir;
	struct namecache *cache;
	pid_t lingering; /* killed, but not dead yet; 0: none */
	size_t next_distrusted;
	struct {
		uint32_t pid;
		uint64_t until_ns;
	} distrusted[NR_DISTRUSTED];
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

void usym_free(struct usym *usym)
{
	if (!usym)
		return;
	if (usym->lingering)
		waitpid(usym->lingering, NULL, WNOHANG);
	namecache_free(usym->cache);
	free(usym->debug_dir);
	free(usym);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static uint64_t file_offset(const struct vma_info *vma, uint64_t addr)
{
	return addr - vma->start + vma->offset;
}

static bool same_file(const struct vma_info *a, const struct vma_info *b)
{
	return a->ino == b->ino && a->dev == b->dev;
}

/* --- in the child */

/* Addresses of this file, as the file numbers them. */
static size_t collect(const struct job *job, size_t first, const struct elfsym *elf,
		      uint64_t *vaddrs)
{
	size_t n = 0;

	for (size_t i = first; i < job->n; i++) {
		const struct question *q = &job->questions[i];

		if (same_file(q->vma, job->questions[first].vma) &&
		    !elfsym_vaddr(elf, file_offset(q->vma, q->addr), &vaddrs[n]))
			n++;
	}
	nearest_sort(vaddrs, &n);
	return n;
}

static void answer_one(struct answer *answer, const struct question *q, const struct elfsym *elf,
		       const uint64_t *vaddrs, const struct elfsym_hit *hits, size_t n)
{
	uint64_t vaddr;
	size_t slot;

	snprintf(answer->build_id, sizeof(answer->build_id), "%s", elfsym_build_id(elf));
	if (elfsym_vaddr(elf, file_offset(q->vma, q->addr), &vaddr))
		return;
	slot = nearest_slot(vaddrs, n, vaddr);
	if (slot == n || !hits[slot].name)
		return;
	snprintf(answer->function, sizeof(answer->function), "%s", hits[slot].name);
	answer->offset = hits[slot].offset;
}

/* All questions about the file of the first one. */
static void answer_file(const struct job *job, size_t first)
{
	const struct vma_info *vma = job->questions[first].vma;
	uint64_t *vaddrs = calloc(job->n, sizeof(*vaddrs));
	struct elfsym_hit *hits = calloc(job->n, sizeof(*hits));
	struct elfsym *elf = NULL, *debug = NULL;
	bool dev_differs = false;
	size_t n = 0;

	if (!vaddrs || !hits || usym_open_mapped(job->pid, vma, &elf, &dev_differs))
		goto out;
	/* the separate file, if any, has all functions, not only the exported ones */
	debug = usym_open_debug(job->debug_dir, job->pid, vma, elf);
	n = collect(job, first, elf, vaddrs);
	if (elfsym_lookup(debug ? debug : elf, vaddrs, n, hits))
		goto out;
	for (size_t i = first; i < job->n; i++) {
		if (!same_file(job->questions[i].vma, vma))
			continue;
		answer_one(&job->answers[i], &job->questions[i], elf, vaddrs, hits, n);
		job->answers[i].dev_differs = dev_differs;
		job->answers[i].opened = true;
	}
out:
	elfsym_free(debug);
	elfsym_free(elf);
	for (size_t i = 0; hits && i < n; i++)
		free(hits[i].name);
	free(hits);
	free(vaddrs);
}

static void answer_all(void *arg)
{
	const struct job *job = arg;

	for (size_t i = 0; i < job->n; i++) {
		bool asked = false;

		for (size_t j = 0; j < i && !asked; j++)
			asked = same_file(job->questions[j].vma, job->questions[i].vma);
		if (!asked)
			answer_file(job, i);
	}
}

/* --- in the parent */

/* What follows the address where no function is known: " [file+0x12 BUILDID]". */
static char *place(const struct vma_info *vma, uint64_t addr, const struct answer *answer)
{
	const char *slash = strrchr(vma->path, '/'), *file = slash ? slash + 1 : vma->path;
	const char *id = answer ? answer->build_id : "";
	char clean[CLEAN_NAME];
	char *text;

	text_clean(clean, sizeof(clean), file, strlen(file));
	if (asprintf(&text, " [%s%s+0x%" PRIx64 "%s%s]", clean,
		     answer && answer->dev_differs ? "?" : "", file_offset(vma, addr),
		     id[0] ? " " : "", id) < 0)
		return NULL;
	return text;
}

static char *function_name(const struct vma_info *vma, const struct answer *answer)
{
	const char *slash = vma->path ? strrchr(vma->path, '/') : NULL;
	const char *file = slash ? slash + 1 : vma->path ? vma->path : "?";
	char clean_file[CLEAN_NAME], clean[CLEAN_NAME];
	char *name;

	text_clean(clean_file, sizeof(clean_file), file, strlen(file));
	text_clean(clean, sizeof(clean), answer->function, strlen(answer->function));
	if (asprintf(&name, "%s+0x%" PRIx64 " [%s%s]", clean, answer->offset, clean_file,
		     answer->dev_differs ? "?" : "") < 0)
		return NULL;
	return name;
}

/* The cache holds a name, or the place, which begins with a space. */
static char *with_address(const char *text, uint64_t addr)
{
	char *name;

	if (text[0] && text[0] != ' ')
		return strdup(text);
	return asprintf(&name, "0x%016" PRIx64 "%s", addr, text) < 0 ? NULL : name;
}

/* Files of one process only: FNV-1a over what tells them apart. */
static uint64_t space_of(uint32_t pid, const struct vma_info *vma)
{
	const uint64_t parts[] = {pid, vma->dev, vma->ino};
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < sizeof(parts); i++)
		hash = (hash ^ ((const unsigned char *)parts)[i]) * 0x100000001b3;
	return hash;
}

static bool is_distrusted(const struct usym *usym, uint32_t pid)
{
	uint64_t now = now_ns();

	for (size_t i = 0; i < NR_DISTRUSTED; i++)
		if (usym->distrusted[i].pid == pid && usym->distrusted[i].until_ns > now)
			return true;
	return false;
}

/* Answers stay empty where the child did not come to. */
static void ask(struct usym *usym, struct job *job)
{
	int err;

	if (usym->lingering && !waitpid(usym->lingering, NULL, WNOHANG))
		return;
	usym->lingering = 0;
	if (is_distrusted(usym, job->pid))
		return;
	err = usym_aside(answer_all, job, TIMEOUT_MS, &usym->lingering);
	if (err == -ETIMEDOUT || err == -EFAULT) {
		size_t i = usym->next_distrusted++ % NR_DISTRUSTED;

		usym->distrusted[i].pid = job->pid;
		usym->distrusted[i].until_ns = now_ns() + REMEMBER_NS;
	}
	for (size_t i = 0; i < job->n; i++) { /* whatever became of the child */
		job->answers[i].function[MAX_FUNCTION - 1] = '\0';
		job->answers[i].build_id[MAX_ID - 1] = '\0';
	}
}

/* One name for one question, and into the cache. */
static char *name_one(struct usym *usym, const struct job *job, size_t i)
{
	const struct question *q = &job->questions[i];
	const struct answer *answer = &job->answers[i];
	char *text, *name;

	if (answer->opened && answer->function[0])
		text = function_name(q->vma, answer);
	else
		text = q->vma->path ? place(q->vma, q->addr, answer) : strdup("");
	if (!text)
		return NULL;
	namecache_put(usym->cache, space_of(job->pid, q->vma), file_offset(q->vma, q->addr), text,
		      now_ns() + REMEMBER_NS);
	name = with_address(text, q->addr);
	free(text);
	return name;
}

/* Without the file: from the cache, or what needs no file. NULL: must be asked for. */
static int name_at_once(struct usym *usym, uint32_t pid, const struct vma_info *vma, uint64_t addr,
			char **ret_name)
{
	const char *known = NULL;
	char *text = NULL;

	if (vma && vma->end && vma->ino) {
		known = namecache_get(usym->cache, space_of(pid, vma), file_offset(vma, addr),
				      now_ns());
		if (!known)
			return 0;
	} else if (vma && vma->path) {
		known = text = place(vma, addr, NULL);
	} else {
		known = "";
	}
	*ret_name = known ? with_address(known, addr) : NULL;
	free(text);
	return *ret_name ? 0 : -ENOMEM;
}

/* Fill in the names that are still NULL. */
static int name_rest(struct usym *usym, uint32_t pid, const struct vma_info *vmas,
		     const uint64_t *addrs, size_t n, char **names)
{
	size_t bytes = n * sizeof(struct answer);
	struct job job = {.debug_dir = usym->debug_dir, .pid = pid};
	int err = 0;

	job.questions = calloc(n, sizeof(*job.questions));
	job.answers = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!job.questions || job.answers == MAP_FAILED) {
		err = -ENOMEM;
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		if (!names[i])
			job.questions[job.n++] = (struct question){&vmas[i], addrs[i]};
	ask(usym, &job);
	for (size_t i = 0, j = 0; i < n && !err; i++) {
		if (names[i])
			continue;
		names[i] = name_one(usym, &job, j++);
		err = names[i] ? 0 : -ENOMEM;
	}
out:
	if (job.answers != MAP_FAILED)
		munmap(job.answers, bytes);
	free(job.questions);
	return err;
}

int usym_resolve(struct usym *usym, uint32_t pid, const struct vma_info *vmas,
		 const uint64_t *addrs, size_t n, char **ret_names)
{
	char **names = calloc(n + 1, sizeof(*names));
	bool rest = false;
	int err = names ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < n; i++) {
		err = name_at_once(usym, pid, vmas ? &vmas[i] : NULL, addrs[i], &names[i]);
		rest |= !names[i];
	}
	if (!err && rest)
		err = name_rest(usym, pid, vmas, addrs, n, names);
	for (size_t i = 0; i < n; i++) {
		if (!err)
			ret_names[i] = names[i];
		else if (names)
			free(names[i]);
	}
	free(names);
	return err;
}
