/* SPDX-License-Identifier: GPL-2.0 */
/* Tells the service manager how the daemon is (sd_notify(3)), where there is one. */
#ifndef FAULTLINE_NOTIFY_H
#define FAULTLINE_NOTIFY_H

#include <stdint.h>

struct notify {
	int fd; /* -1: no service manager */
	uint64_t watchdog_ns; /* say WATCHDOG=1 this often; 0: not asked for */
};

/*
 * From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which are then removed from
 * the environment. Without them it succeeds and the rest does nothing.
 */
int notify_open(struct notify *notify);
void notify_close(struct notify *notify);
/* "READY=1\nSTATUS=...": 0, or -errno (also when nobody listens: 0). Never blocks. */
int notify_send(const struct notify *notify, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
