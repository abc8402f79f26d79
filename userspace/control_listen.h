/* SPDX-License-Identifier: GPL-2.0 */
/* The listening end of the control socket: who owns the path, who may connect. */
#ifndef FAULTLINE_CONTROL_LISTEN_H
#define FAULTLINE_CONTROL_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Take the lock PATH.lock and listen on PATH. gid: of those who may connect,
 * besides root and our own user; -1: nobody. 0 with both descriptors; on error
 * *ret_why as of control_open().
 */
int control_listen(const char *path, gid_t gid, int *ret_lock_fd, int *ret_fd, char **ret_why);
/* By the kernel's word on who is at the other end. */
bool control_peer_allowed(int fd, gid_t gid);

#endif
