/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What /proc tells of a process without taking its mmap_lock: stat, comm,
 * cgroup, fd links. cmdline, environ, maps, smaps, numa_maps and map_files are
 * never opened: they take the lock that is being measured. stat waits for an exec
 * that waits for that lock, so that it is opened only where status rules that out.
 */
#ifndef FAULTLINE_PROC_H
#define FAULTLINE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../bpf/faultline.h"

/* State letter of a thread ('R', 'D', 'S', ...), '\0' when it is gone, '?' when /proc failed. */
char proc_task_state(uint32_t tgid, uint32_t tid);
/*
 * Does this process, started then (boot clock; 0: any), still run? A reused pid
 * does not count; a process whose main thread alone has exited does. Where
 * /proc cannot tell (no file left to open) it counts as running.
 */
bool proc_alive(uint32_t tgid, uint64_t start_ns);
/* Raw comm of a thread, terminated; -ESRCH when it is gone. */
int proc_comm(uint32_t tid, char comm[FL_COMM_LEN + 1]);
/*
 * Path in the cgroup v2 hierarchy, or where that is empty in the memory
 * controller's v1 hierarchy; raw. NULL when the process is gone.
 */
char *proc_cgroup(uint32_t tgid);
/* Where a file descriptor leads ("/proc/12/smaps"), raw; NULL when not known. */
char *proc_fd_path(uint32_t tgid, int fd);

#endif
