// SPDX-License-Identifier: GPL-2.0
/*
 * What was asked of a system call that takes mmap_lock, in words:
 * "munmap(0x7f0000000000, 1.0 GiB)". Of mmap()'s flags only those that make it
 * hold the lock for longer are told. Pure.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "cause.h"
#include "units.h"

static const char *advice_word(uint64_t advice)
{
	static const struct {
		uint64_t value;
		const char *word;
	} words[] = {
		{0, "MADV_NORMAL"},	     {1, "MADV_RANDOM"},
		{2, "MADV_SEQUENTIAL"},	     {3, "MADV_WILLNEED"},
		{4, "MADV_DONTNEED"},	     {8, "MADV_FREE"},
		{9, "MADV_REMOVE"},	     {10, "MADV_DONTFORK"},
		{11, "MADV_DOFORK"},	     {12, "MADV_MERGEABLE"},
		{13, "MADV_UNMERGEABLE"},    {14, "MADV_HUGEPAGE"},
		{15, "MADV_NOHUGEPAGE"},     {16, "MADV_DONTDUMP"},
		{17, "MADV_DODUMP"},	     {18, "MADV_WIPEONFORK"},
		{19, "MADV_KEEPONFORK"},     {20, "MADV_COLD"},
		{21, "MADV_PAGEOUT"},	     {22, "MADV_POPULATE_READ"},
		{23, "MADV_POPULATE_WRITE"}, {24, "MADV_DONTNEED_LOCKED"},
		{25, "MADV_COLLAPSE"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].value == advice)
			return words[i].word;
	return NULL;
}

static const char *prot_word(uint64_t prot)
{
	static const char *const words[] = {
		"none", "read",	     "write",	   "read+write",
		"exec", "read+exec", "write+exec", "read+write+exec",
	};

	return words[prot & 7];
}

static void detail_range(const char *call, const uint64_t *args, const char *more, char *buf,
			 size_t size)
{
	char len[UNITS_BUF];

	units_format_size(len, args[1]);
	if (args[0])
		snprintf(buf, size, "%s(0x%" PRIx64 ", %s%s%s)", call, args[0], len,
			 more ? ", " : "", more ? more : "");
	else
		snprintf(buf, size, "%s(%s%s%s)", call, len, more ? ", " : "", more ? more : "");
}

static void detail_mremap(const uint64_t *args, char *buf, size_t size)
{
	char from[UNITS_BUF], to[UNITS_BUF];

	snprintf(buf, size, "mremap(0x%" PRIx64 ", %s to %s)", args[0],
		 units_format_size(from, args[1]), units_format_size(to, args[2]));
}

/*
 * MAP_FIXED unmaps first what was there; the others fill the range before mmap
 * returns, a part of it with the lock.
 */
static void detail_mmap(const uint64_t *args, char *buf, size_t size)
{
	static const struct {
		uint64_t flag;
		const char *word;
	} words[] = {
		{MAP_FIXED, "MAP_FIXED"},
		{MAP_LOCKED, "MAP_LOCKED"},
		{MAP_POPULATE, "MAP_POPULATE"},
		{MAP_HUGETLB, "MAP_HUGETLB"},
	};
	char more[96];
	size_t n = snprintf(more, sizeof(more), "%s", prot_word(args[2]));
	const char *sep = ", ";

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!(args[3] & words[i].flag))
			continue;
		n += snprintf(more + n, sizeof(more) - n, "%s%s", sep, words[i].word);
		sep = "|";
	}
	detail_range("mmap", args, more, buf, size);
}

static void detail_madvise(const uint64_t *args, char *buf, size_t size)
{
	char number[32];
	const char *word = advice_word(args[2]);

	snprintf(number, sizeof(number), "advice %" PRIu64, args[2]);
	detail_range("madvise", args, word ? word : number, buf, size);
}

/* Calls whose arguments are (address, length, ...) and nothing else of interest. */
static const char *range_call(int nr)
{
	switch (nr) {
	case __NR_munmap:
		return "munmap";
	case __NR_mlock:
		return "mlock";
	case __NR_mlock2:
		return "mlock2";
	case __NR_munlock:
		return "munlock";
	case __NR_mbind:
		return "mbind";
	case __NR_mincore:
		return "mincore";
	case __NR_msync:
		return "msync";
	default:
		return NULL;
	}
}

void cause_detail(const struct fl_task_ref *task, char *buf, size_t size)
{
	uint64_t args[FL_NR_ARGS];

	if (!size)
		return;
	buf[0] = '\0';
	for (int i = 0; i < FL_NR_ARGS; i++)
		args[i] = task->args[i];
	if (task->nr < 0 || task->flags & (FL_T_COMPAT | FL_T_KTHREAD | FL_T_EXITING) ||
	    !(args[0] | args[1] | args[2]))
		return;
	if (range_call(task->nr))
		detail_range(range_call(task->nr), args, NULL, buf, size);
	else if (task->nr == __NR_mmap)
		detail_mmap(args, buf, size);
	else if (task->nr == __NR_mprotect)
		detail_range("mprotect", args, prot_word(args[2]), buf, size);
	else if (task->nr == __NR_pkey_mprotect)
		detail_range("pkey_mprotect", args, prot_word(args[2]), buf, size);
	else if (task->nr == __NR_madvise)
		detail_madvise(args, buf, size);
	else if (task->nr == __NR_mremap)
		detail_mremap(args, buf, size);
	else if (task->nr == __NR_brk)
		snprintf(buf, size, "brk(0x%" PRIx64 ")", args[0]);
	else if (task->nr == __NR_process_vm_readv)
		snprintf(buf, size, "process_vm_readv(pid %" PRId32 ")", (int32_t)args[0]);
	else if (task->nr == __NR_process_vm_writev)
		snprintf(buf, size, "process_vm_writev(pid %" PRId32 ")", (int32_t)args[0]);
}
