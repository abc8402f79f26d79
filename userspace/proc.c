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

#define STATUS_LOOKS 4 /* for a status that is about to change */

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

/* What status tells; it waits for nothing that a process can hold up. */
struct status {
	char state;
	unsigned int threads;
};

static int read_status(const char *path, struct status *ret_status)
{
	struct status status = {};
	char buf[4096];
	const char *at;
	ssize_t n = read_proc(path, buf, sizeof(buf));

	if (n < 0)
		return n;
	/* the name comes first and has its line feeds escaped */
	at = strstr(buf, "\nState:\t");
	if (!at || sscanf(at, "\nState:\t%c", &status.state) != 1)
		return -ESRCH;
	at = strstr(at, "\nThreads:\t");
	if (at)
		sscanf(at, "\nThreads:\t%u", &status.threads);
	*ret_status = status;
	return 0;
}

char proc_task_state(uint32_t tgid, uint32_t tid)
{
	struct status status;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/task/%u/status", tgid, tid);
	switch (read_status(path, &status)) {
	case 0:
		return status.state;
	case -ENOENT:
	case -ESRCH:
		return '\0';
	default: /* out of files or memory: nothing is known */
		return '?';
	}
}

/* Field 22 of proc(5), of the main thread alone: of a whole process it is summed up. */
static int read_start_ticks(uint32_t tgid, unsigned long long *ret_ticks)
{
	char path[64], stat[1024];
	const char *fields;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/task/%u/stat", tgid, tgid);
	n = read_proc(path, stat, sizeof(stat));
	if (n < 0)
		return n;
	fields = stat_fields(stat);
	if (!fields || sscanf(fields,
			      "%*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			      "%*s %*s %llu",
			      ret_ticks) != 1)
		return -ESRCH;
	return 0;
}

static bool has_exited(const struct status *status)
{
	return status->state == 'Z' || status->state == 'X';
}

bool proc_alive(uint32_t tgid, uint64_t start_ns)
{
	unsigned long long ticks;
	struct status status;
	char path[32];
	int err;

	snprintf(path, sizeof(path), "/proc/%u/status", tgid);
	/* a main thread of no threads is being replaced by the one that called exec, or reaped */
	for (int i = 0; i < STATUS_LOOKS; i++) {
		err = read_status(path, &status);
		if (err || !has_exited(&status) || status.threads)
			break;
	}
	if (err)
		return err != -ENOENT && err != -ESRCH;
	/* a main thread that has exited is a zombie while others run */
	if (has_exited(&status) && status.threads < 2)
		return false;
	/*
	 * stat waits for exec_update_lock, which exec holds while it waits for the
	 * old mmap_lock: leave such a process alone, though its number may be reused.
	 */
	if (!start_ns || status.state == 'D')
		return true;
	err = read_start_ticks(tgid, &ticks);
	if (err)
		return err != -ENOENT && err != -ESRCH;
	return ticks == start_ns / (1000000000ULL / sysconf(_SC_CLK_TCK));
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
