// SPDX-License-Identifier: GPL-2.0
/*
 * Is the daemon up, and does it still turn round? One datagram a message to the
 * socket in NOTIFY_SOCKET, written by hand: the protocol is stable and small,
 * and libsystemd would cost more memory than the rest of the daemon.
 * Type=notify only; the reload protocol of systemd 253 is not spoken.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "notify.h"

/* Half of the period after which the manager would kill us. */
static uint64_t watchdog_ns(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	char *end;
	unsigned long long value;

	if (!usec || (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	errno = 0;
	value = strtoull(usec, &end, 10);
	if (errno || *end || end == usec || value > UINT64_MAX / 1000)
		return 0;
	return value * 1000 / 2;
}

static int connect_to(const char *path, int *ret_fd)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	int fd, err;

	if ((path[0] != '/' && path[0] != '@') || len < 2 || len >= sizeof(addr.sun_path))
		return -EINVAL;
	memcpy(addr.sun_path, path, len);
	if (path[0] == '@')
		addr.sun_path[0] = '\0'; /* abstract */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, offsetof(struct sockaddr_un, sun_path) + len)) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

int notify_open(struct notify *notify)
{
	const char *path = getenv("NOTIFY_SOCKET");
	int err = 0;

	notify->fd = -1;
	notify->watchdog_ns = 0;
	if (path)
		err = connect_to(path, &notify->fd);
	if (!err && path)
		notify->watchdog_ns = watchdog_ns();
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return err;
}

void notify_close(struct notify *notify)
{
	if (notify->fd >= 0)
		close(notify->fd);
	notify->fd = -1;
}

int notify_send(const struct notify *notify, const char *format, ...)
{
	char message[512];
	va_list ap;
	int len;

	if (notify->fd < 0)
		return 0;
	va_start(ap, format);
	len = vsnprintf(message, sizeof(message), format, ap);
	va_end(ap);
	if (len >= (int)sizeof(message))
		len = sizeof(message) - 1;
	if (send(notify->fd, message, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return -errno;
	return 0;
}
