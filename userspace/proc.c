// SPDX-License-Identifier: GPL-2.0
/* What does /proc tell of a process without touching its mmap_lock? */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc.h"

static ssize_t read_proc(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	else
		buf[n] = '\0';
	close(fd);
	return n;
}

/* The fields behind the comm, which may itself hold spaces and brackets. */
static const char *stat_fields(const char *stat)
{
	const char *end = strrchr(stat, ')');

	return end && end[1] == ' ' ? end + 2 : NULL;
}

char proc_task_state(uint32_t tgid, uint32_t tid)
{
	char path[64], stat[1024];
	const char *fields;

	snprintf(path, sizeof(path), "/proc/%u/task/%u/stat", tgid, tid);
	if (read_proc(path, stat, sizeof(stat)) <= 0)
		return '\0';
	fields = stat_fields(stat);
	return fields ? *fields : '\0';
}

bool proc_alive(uint32_t tgid, uint64_t start_ns)
{
	unsigned long long ticks, start_ticks;
	char path[32], stat[1024], state;
	const char *fields;

	snprintf(path, sizeof(path), "/proc/%u/stat", tgid);
	if (read_proc(path, stat, sizeof(stat)) <= 0)
		return false;
	fields = stat_fields(stat);
	/* state is field 3, starttime field 22 of proc(5) */
	if (!fields || sscanf(fields,
			      "%c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			      "%*s %*s %llu",
			      &state, &ticks) != 2)
		return false;
	if (state == 'Z' || state == 'X')
		return false;
	start_ticks = start_ns / (1000000000ULL / sysconf(_SC_CLK_TCK));
	return !start_ns || ticks == start_ticks;
}

int proc_comm(uint32_t tid, char comm[FL_COMM_LEN + 1])
{
	char path[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/comm", tid);
	n = read_proc(path, comm, FL_COMM_LEN + 1);
	if (n <= 0)
		return -ESRCH;
	if (comm[n - 1] == '\n')
		comm[n - 1] = '\0';
	return 0;
}

char *proc_cgroup(uint32_t tgid)
{
	char *buf = malloc(16384), *line, *save = NULL, *v1 = NULL, *v2 = NULL, *ret = NULL, *path;
	char name[32];

	snprintf(name, sizeof(name), "/proc/%u/cgroup", tgid);
	if (!buf || read_proc(name, buf, 16384) <= 0)
		goto out;
	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *controllers = strchr(line, ':');

		path = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!path)
			continue;
		*path++ = '\0';
		if (!strcmp(controllers, ":"))
			v2 = path;
		else if (strstr(controllers, "memory"))
			v1 = path;
	}
	path = v2 && strcmp(v2, "/") ? v2 : v1 ? v1 : v2;
	ret = path ? strdup(path) : NULL;
out:
	free(buf);
	return ret;
}

char *proc_fd_path(uint32_t tgid, int fd)
{
	char path[64], link[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/fd/%d", tgid, fd);
	n = readlink(path, link, sizeof(link) - 1);
	if (n <= 0)
		return NULL;
	link[n] = '\0';
	return strdup(link);
}
