// SPDX-License-Identifier: GPL-2.0
/*
 * How many faults went without the lock, and how did they end? Counters by name,
 * so that a kernel with more kinds or reasons than this program knows is still
 * added up right.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spf.h"

#define MAX_VMSTAT (64 << 10) /* about 5 KiB on 6.1 */

static const char *const names[SPF_NR_COUNTERS] = {
	[SPF_FAULTS] = "faults",
	[SPF_ATTEMPT] = "attempt",
	[SPF_OK] = "ok",
	[SPF_ABORT_VMA] = "abort_vma",
	[SPF_ABORT_TYPE] = "abort_type",
	[SPF_ABORT_PGTABLE] = "abort_pgtable",
	[SPF_ABORT_PTL] = "abort_ptl",
	[SPF_ABORT_CHANGED] = "abort_changed",
	[SPF_ABORT_BLOCKED] = "abort_blocked",
	[SPF_ABORT_ANON_VMA] = "abort_anon_vma",
	[SPF_ABORT_THP] = "abort_thp",
	[SPF_ABORT_MT_BUSY] = "abort_mt_busy",
	[SPF_ABORT_OOM] = "abort_oom",
	[SPF_ABORT_OTHER] = "abort_other",
	[SPF_CONTENDED] = "contended",
	[SPF_QUIET] = "quiet",
	[SPF_TRYLOCK_RACE] = "trylock_race",
	[SPF_ACTIVATE] = "activate",
	[SPF_BLOCK] = "block",
};

const char *spf_counter_name(enum spf_counter counter)
{
	return counter < SPF_NR_COUNTERS ? names[counter] : "?";
}

/* The counters of vmstat are in its order. */
const char *spf_reason_name(unsigned int reason)
{
	return spf_counter_name(reason ? SPF_ABORT_VMA - 1 + reason : SPF_OK);
}

uint64_t spf_aborts(const struct spf_counts *counts)
{
	uint64_t sum = 0;

	for (int i = SPF_ABORT_VMA; i <= SPF_ABORT_OTHER; i++)
		sum += counts->n[i];
	return sum;
}

void spf_diff(const struct spf_counts *before, const struct spf_counts *now,
	      struct spf_counts *ret_diff)
{
	for (int i = 0; i < SPF_NR_COUNTERS; i++)
		ret_diff->n[i] = now->n[i] > before->n[i] ? now->n[i] - before->n[i] : 0;
}

/* Which counter does a line add to? SPF_NR_COUNTERS: none. */
static enum spf_counter counter_of(const char *name, size_t len)
{
	if (len == strlen("pgfault") && !strncmp(name, "pgfault", len))
		return SPF_FAULTS;
	if (len < 4 || strncmp(name, "spf_", 4))
		return SPF_NR_COUNTERS;
	name += 4;
	len -= 4;
	if (len > 3 && !strncmp(name, "ok_", 3))
		return SPF_OK;
	for (int i = SPF_ATTEMPT; i < SPF_NR_COUNTERS; i++)
		if (i != SPF_OK && strlen(names[i]) == len && !strncmp(names[i], name, len))
			return i;
	return len > 6 && !strncmp(name, "abort_", 6) ? SPF_ABORT_OTHER : SPF_NR_COUNTERS;
}

int spf_parse_vmstat(const char *text, struct spf_counts *ret_counts)
{
	struct spf_counts counts = {.n = {0}};
	bool found = false;

	while (*text) {
		size_t line = strcspn(text, "\n"), len = strcspn(text, " \n");
		enum spf_counter counter = counter_of(text, len);

		if (counter < SPF_NR_COUNTERS && len < line)
			counts.n[counter] += strtoull(text + len + 1, NULL, 10);
		found |= counter == SPF_ATTEMPT;
		text += line;
		text += *text == '\n';
	}
	if (!found)
		return -ENOTSUP;
	*ret_counts = counts;
	return 0;
}

/* The whole of a small file, with a terminator; the length or -errno. */
static ssize_t read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (n > 0 && len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n > 0)
			len += n;
		else if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			err = -errno;
	}
	close(fd);
	buf[len] = '\0';
	return err ? err : (ssize_t)len;
}

int spf_read_vmstat(const char *path, struct spf_counts *ret_counts)
{
	char *text = calloc(1, MAX_VMSTAT);
	ssize_t len;
	int err;

	if (!text)
		return -ENOMEM;
	len = read_file(path, text, MAX_VMSTAT);
	err = len < 0 ? (int)len : spf_parse_vmstat(text, ret_counts);
	free(text);
	return err;
}

int spf_read_sysctl(const char *dir, const char *name, uint32_t *ret_value)
{
	char path[PATH_MAX], text[32], *end;
	unsigned long value;
	ssize_t len;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	len = read_file(path, text, sizeof(text));
	if (len == -ENOENT)
		return -ENOTSUP;
	if (len < 0)
		return len;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || value > UINT32_MAX || end[strspn(end, " \t\n")])
		return -EPROTO;
	*ret_value = value;
	return 0;
}
