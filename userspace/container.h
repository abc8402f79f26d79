/* SPDX-License-Identifier: GPL-2.0 */
/* Whose cgroup is it, in the words of those who made it? Pure. */
#ifndef FAULTLINE_CONTAINER_H
#define FAULTLINE_CONTAINER_H

#include <stddef.h>

#define CONTAINER_NAME_LEN 256 /* as long as a component of a path */

/*
 * From a path in a cgroup hierarchy, v1 or v2: "docker:0123456789ab", the same with
 * containerd, cri-o or podman, else the innermost systemd unit, "nginx.service", else
 * "". The innermost container counts. cgroup may be NULL. Returns buf.
 */
const char *container_name(const char *cgroup, char *buf, size_t size);

#endif
