// SPDX-License-Identifier: GPL-2.0
/*
 * A core of the host for all threads of the emulator, while they run one at a time:
 * the turn goes from one to the next in half the time, or less. Outside of a region
 * they run where they may, each for itself. To be slow is no error: a thread that cannot
 * be bound stays where it is.
 */
#include <dirent.h>
#include <sched.h>
#include <stdlib.h>

#include "model.h"

static cpu_set_t before;
static bool taken;

static void bind_all(const cpu_set_t *set)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			sched_setaffinity((pid_t)strtol(entry->d_name, NULL, 10), sizeof(*set),
					  set);
	closedir(dir);
}

unsigned int core_count(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 0 : CPU_COUNT(&set);
}

void core_take(int core)
{
	cpu_set_t one;

	if (core < 0 || core >= CPU_SETSIZE || sched_getaffinity(0, sizeof(before), &before))
		return;
	CPU_ZERO(&one);
	CPU_SET(core, &one);
	bind_all(&one);
	taken = true;
}

void core_release(void)
{
	if (taken)
		bind_all(&before);
	taken = false;
}
