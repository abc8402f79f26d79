// SPDX-License-Identifier: GPL-2.0
/*
 * BPF programs see the whole host wherever they are loaded from, with the host's
 * process ids. What they do not tell, names, cgroups and binaries, comes from /proc,
 * and is found there only by whoever shares the host's namespaces. A session does not
 * open in another pid namespace; what is told here is all that is missing, at once.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "place.h"

static bool there(const char *root, const char *path)
{
	char full[PATH_MAX];

	return snprintf(full, sizeof(full), "%s%s", root, path) < (int)sizeof(full) &&
	       !access(full, F_OK);
}

static const char *link_of(const char *root, const char *path, char *buf, size_t size)
{
	char full[PATH_MAX];
	ssize_t n = -1;

	if (snprintf(full, sizeof(full), "%s%s", root, path) < (int)sizeof(full))
		n = readlink(full, buf, size - 1);
	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

/* The host's namespaces have fixed numbers: proc_ns.h, PROC_*_INIT_INO. */
static bool is_initial(const char *root, const char *path, const char *name)
{
	char buf[64];

	return !strcmp(link_of(root, path, buf, sizeof(buf)), name);
}

void place_look(const char *root, struct place *ret_place)
{
	char self[32];
	struct place place = {{
		[PLACE_PROC] = atoi(link_of(root, "/proc/self", self, sizeof(self))) == getpid(),
		[PLACE_PIDS] = is_initial(root, "/proc/self/ns/pid", "pid:[4026531836]"),
		[PLACE_USERS] = is_initial(root, "/proc/self/ns/user", "user:[4026531837]"),
		[PLACE_CGROUPS] = is_initial(root, "/proc/self/ns/cgroup", "cgroup:[4026531835]"),
		[PLACE_BTF] = there(root, "/sys/kernel/btf/vmlinux"),
		[PLACE_TRACEFS] = there(root, "/sys/kernel/tracing/events") ||
				  there(root, "/sys/kernel/debug/tracing/events"),
	}};

	*ret_place = place;
}

const char *place_name(enum place_part part)
{
	static const char *const names[PLACE_NR] = {
		[PLACE_PROC] = "/proc",		 [PLACE_PIDS] = "host's processes",
		[PLACE_USERS] = "host's users",	 [PLACE_CGROUPS] = "host's cgroups",
		[PLACE_BTF] = "/sys/kernel/btf", [PLACE_TRACEFS] = "tracefs",
	};

	return (unsigned int)part < PLACE_NR ? names[part] : "?";
}

const char *place_advice(enum place_part part)
{
	static const char *const texts[PLACE_NR] = {
		[PLACE_PROC] = "there is none of this pid namespace: mount one",
		[PLACE_PIDS] = "the kernel tells the host's process ids, which mean nothing here: "
			       "nothing is measured; run the container with --pid=host",
		[PLACE_USERS] = "BPF needs the host's user namespace: run a privileged container "
				"that is not rootless",
		[PLACE_CGROUPS] = "paths of cgroups begin at this container's: run it with "
				  "--cgroupns=host",
		[PLACE_BTF] = "the programs cannot be fitted to this kernel: mount the host's "
			      "/sys, if the kernel has it (CONFIG_DEBUG_INFO_BTF)",
		[PLACE_TRACEFS] = "not needed: programs attach by the kernel's type information",
	};

	return (unsigned int)part < PLACE_NR ? texts[part] : "?";
}

bool place_is_warning(enum place_part part)
{
	return part == PLACE_PROC || part == PLACE_CGROUPS;
}
