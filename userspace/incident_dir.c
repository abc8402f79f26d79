// SPDX-License-Identifier: GPL-2.0
/*
 * Which records are there, and how does one get there whole? Temporary files
 * begin with a dot and end in .tmp; the daemon is the only writer (its lock on
 * the control socket sees to that), so each one that it finds is left over.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "incident.h"
#include "incident_dir.h"

__attribute__((weak)) void incident_dir_step(const char *step)
{
	(void)step;
}

static size_t digits(const char *text)
{
	return strspn(text, "0123456789");
}

bool incident_dir_is_id(const char *id)
{
	size_t n;

	if (digits(id) != 8 || id[8] != 'T' || digits(id + 9) != 6 || id[15] != 'Z' ||
	    id[16] != '-')
		return false;
	n = digits(id + 17);
	if (!n || id[17 + n] != '-' || strlen(id) >= INCIDENT_ID_LEN)
		return false;
	id += 18 + n;
	return *id && digits(id) == strlen(id);
}

static bool is_record(const char *name)
{
	size_t len = strlen(name);
	char id[INCIDENT_ID_LEN];

	if (len <= 5 || len - 5 >= sizeof(id) || strcmp(name + len - 5, ".json"))
		return false;
	memcpy(id, name, len - 5);
	id[len - 5] = '\0';
	return incident_dir_is_id(id);
}

static bool is_leftover(const char *name)
{
	size_t len = strlen(name);

	return name[0] == '.' && len > 5 && !strcmp(name + len - 4, ".tmp");
}

uint64_t incident_dir_time_ns(const char *name)
{
	struct tm tm = {0};
	uint64_t ns;
	time_t seconds;

	if (!is_record(name) || !strptime(name, "%Y%m%dT%H%M%SZ", &tm))
		return UINT64_MAX;
	seconds = timegm(&tm);
	return seconds < 0 || __builtin_mul_overflow(seconds, 1000000000ULL, &ns) ? UINT64_MAX : ns;
}

/* By time, then by the serial number, which "-10" and "-9" must not upset. */
static int by_age(const void *a, const void *b)
{
	return strverscmp(((const struct incident_entry *)a)->name,
			  ((const struct incident_entry *)b)->name);
}

static int add(struct incident_dir *dir, const char *name, uint64_t bytes)
{
	struct incident_entry *grown;

	grown = reallocarray(dir->entries, dir->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	dir->entries = grown;
	grown[dir->n].name = strdup(name);
	if (!grown[dir->n].name)
		return -ENOMEM;
	grown[dir->n++].bytes = bytes;
	dir->bytes += bytes;
	return 0;
}

int incident_dir_scan(const char *path, bool clear, struct incident_dir *ret_dir)
{
	struct incident_dir dir = {0};
	struct dirent *ent;
	struct stat st;
	int err = 0;
	DIR *d = opendir(path);

	if (!d)
		return -errno;
	while (!err && (ent = readdir(d))) {
		if (clear && is_leftover(ent->d_name))
			unlinkat(dirfd(d), ent->d_name, 0);
		else if (is_record(ent->d_name) &&
			 !fstatat(dirfd(d), ent->d_name, &st, AT_SYMLINK_NOFOLLOW))
			err = add(&dir, ent->d_name, st.st_size);
	}
	closedir(d);
	if (err) {
		incident_dir_free(&dir);
		return err;
	}
	if (dir.n)
		qsort(dir.entries, dir.n, sizeof(*dir.entries), by_age);
	dir.files = dir.n;
	*ret_dir = dir;
	return 0;
}

void incident_dir_free(struct incident_dir *dir)
{
	for (size_t i = 0; i < dir->n; i++)
		free(dir->entries[i].name);
	free(dir->entries);
	*dir = (struct incident_dir){0};
}

static int join(char *buf, size_t size, const char *path, const char *name, const char *suffix)
{
	return snprintf(buf, size, "%s/%s%s", path, name, suffix) < (int)size ? 0 : -ENAMETOOLONG;
}

int incident_dir_remove(const char *path, struct incident_dir *dir, size_t i)
{
	char file[4096];
	int err = join(file, sizeof(file), path, dir->entries[i].name, "");

	if (!err && unlink(file))
		err = -errno;
	if (err)
		return err;
	dir->bytes -= dir->entries[i].bytes;
	dir->removed++;
	return 0;
}

bool incident_dir_exists(const char *path, const char *id)
{
	char file[4096];

	return !join(file, sizeof(file), path, id, ".json") && !access(file, F_OK);
}

static int write_all(int fd, const char *text, size_t len)
{
	for (size_t done = 0; done < len;) {
		size_t part = len - done < 65536 ? len - done : 65536;
		ssize_t n = write(fd, text + done, part);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? n : 0;
		incident_dir_step("write");
	}
	return 0;
}

static int sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = fsync(fd) ? -errno : 0;
	close(fd);
	return err;
}

int incident_dir_write(const char *path, const char *id, const char *text, size_t len)
{
	char file[4096], tmp[4096], hidden[INCIDENT_ID_LEN + 1];
	int fd, err;

	snprintf(hidden, sizeof(hidden), ".%s", id);
	err = join(file, sizeof(file), path, id, ".json");
	if (!err)
		err = join(tmp, sizeof(tmp), path, hidden, ".tmp");
	if (err)
		return err;
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return -errno;
	incident_dir_step("open");
	err = write_all(fd, text, len);
	if (!err && fsync(fd))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	incident_dir_step("synced");
	if (!err && rename(tmp, file))
		err = -errno;
	if (err) {
		unlink(tmp);
		return err;
	}
	incident_dir_step("renamed");
	return sync_dir(path);
}
