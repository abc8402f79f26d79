// SPDX-License-Identifier: GPL-2.0
/*
 * Is there a daemon already, and who may talk to this one? A lock file that is
 * held for life tells a living daemon from the socket of a dead one: the kernel
 * drops the lock however the holder ends. The lock file itself is never
 * removed, or two daemons could hold locks on two files of one name.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control_listen.h"

static int fail(int err, char **ret_why, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static int fail(int err, char **ret_why, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (vasprintf(ret_why, format, ap) < 0)
		*ret_why = NULL;
	va_end(ap);
	return err;
}

/* Without a service manager nobody else makes the folder in /run. */
static int make_parent(const char *path, char **ret_why)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)], *dir;

	if (strlen(path) >= sizeof(copy) - sizeof(".lock"))
		return fail(-ENAMETOOLONG, ret_why,
			    "%s: path too long for a socket; use a shorter one", path);
	strcpy(copy, path);
	dir = dirname(copy);
	if (!mkdir(dir, 0755) || errno == EEXIST)
		return 0;
	return fail(-errno, ret_why, "%s: cannot be made (%s); make it or choose another --socket",
		    dir, strerror(errno));
}

static int take_lock(const char *path, int *ret_fd, char **ret_why)
{
	char name[128], pid[24] = "";
	int fd, err;

	snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return fail(-errno, ret_why,
			    "%s: cannot be opened (%s); is it another user's daemon?", name,
			    strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		err = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
		if (pread(fd, pid, sizeof(pid) - 1, 0) < 0)
			pid[0] = '\0';
		pid[strspn(pid, "0123456789")] = '\0';
		close(fd);
		return fail(
			err, ret_why,
			"another faultlined (pid %s) serves %s; stop it or choose another --socket",
			*pid ? pid : "unknown", path);
	}
	snprintf(pid, sizeof(pid), "%d\n", getpid());
	if (ftruncate(fd, 0) || pwrite(fd, pid, strlen(pid), 0) < 0) {
		err = -errno;
		close(fd);
		return fail(err, ret_why, "%s: cannot be written (%s)", name, strerror(-err));
	}
	*ret_fd = fd;
	return 0;
}

/* Only a socket is removed: somebody's file of that name stays. */
static int clear_path(const char *path, char **ret_why)
{
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : fail(-errno, ret_why, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return fail(-EEXIST, ret_why,
			    "%s: is no socket; remove it or choose another --socket", path);
	if (unlink(path))
		return fail(-errno, ret_why, "%s: left-over socket cannot be removed (%s)", path,
			    strerror(errno));
	return 0;
}

static int listen_on(const char *path, gid_t gid, int *ret_fd, char **ret_why)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	mode_t mask;
	int fd, err = 0;

	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(-errno, ret_why, "socket: %s", strerror(errno));
	mask = umask(0177); /* never open to all, not even for a moment */
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		err = -errno;
	umask(mask);
	if (!err && gid != (gid_t)-1 && (chown(path, -1, gid) || chmod(path, 0660)))
		err = -errno;
	/* a burst of clients waits for us here, and the last of them is still told why not */
	if (!err && listen(fd, SOMAXCONN))
		err = -errno;
	if (err) {
		close(fd);
		return fail(err, ret_why, "%s: cannot listen (%s)", path, strerror(-err));
	}
	*ret_fd = fd;
	return 0;
}

int control_listen(const char *path, gid_t gid, int *ret_lock_fd, int *ret_fd, char **ret_why)
{
	int lock_fd = -1, err;

	err = make_parent(path, ret_why);
	if (!err)
		err = take_lock(path, &lock_fd, ret_why);
	if (!err)
		err = clear_path(path, ret_why);
	if (!err)
		err = listen_on(path, gid, ret_fd, ret_why);
	if (err && lock_fd >= 0)
		close(lock_fd);
	if (!err)
		*ret_lock_fd = lock_fd;
	return err;
}

/* SO_PEERGROUPS: the supplementary groups as they were at connect(). */
static bool peer_in_group(int fd, gid_t gid)
{
	socklen_t len = 0;
	bool found = false;
	gid_t *groups;

	getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len);
	if (!len)
		return false;
	groups = malloc(len);
	if (groups && !getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
		for (size_t i = 0; i < len / sizeof(*groups); i++)
			found |= groups[i] == gid;
	free(groups);
	return found;
}

bool control_peer_allowed(int fd, gid_t gid)
{
	socklen_t len = sizeof(struct ucred);
	struct ucred cred;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return false;
	if (cred.uid == 0 || cred.uid == geteuid())
		return true;
	return gid != (gid_t)-1 && (cred.gid == gid || peer_in_group(fd, gid));
}
