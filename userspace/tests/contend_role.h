/* SPDX-License-Identifier: GPL-2.0 */
/* Between the processes of the generator (contend_role.c) and its controller. */
#ifndef CONTEND_ROLE_H
#define CONTEND_ROLE_H

#include "contend.h"

#define MAX_PIDS (MAX_WAITERS + 3)

/* Start the server, the target and the remote ones; how many there are. */
size_t role_spawn_all(pid_t *pids, int fuse_fd, int release_fd);
/* Is it asleep in the kernel, uninterruptibly? */
bool role_sleeps(const struct waiter *w);

#endif
