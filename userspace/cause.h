/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why a task holds or wants mmap_lock, from the system call that it is in and,
 * where there is one, from its kernel stack. Pure.
 */
#ifndef FAULTLINE_CAUSE_H
#define FAULTLINE_CAUSE_H

#include <stddef.h>
#include <stdint.h>

#include "../bpf/faultline.h"

enum cause {
	CAUSE_UNKNOWN,
	CAUSE_PAGE_FAULT, /* also faults inside read(2) and the like */
	CAUSE_MMAP,
	CAUSE_MUNMAP,
	CAUSE_MREMAP,
	CAUSE_MPROTECT,
	CAUSE_MADVISE,
	CAUSE_BRK,
	CAUSE_MLOCK,
	CAUSE_MEMPOLICY, /* mbind, migrate_pages, move_pages */
	CAUSE_MINCORE,
	CAUSE_SHM, /* shmat, shmdt */
	CAUSE_FORK,
	CAUSE_EXEC,
	CAUSE_EXIT,
	CAUSE_PROCFS, /* /proc/PID/{maps,smaps,mem,environ,...} */
	CAUSE_PROCESS_VM, /* process_vm_readv, process_vm_writev, process_madvise */
	CAUSE_PTRACE,
	CAUSE_USERFAULTFD,
	CAUSE_GUP, /* O_DIRECT, vmsplice, io_uring, futex pins */
	CAUSE_KHUGEPAGED,
	CAUSE_KSM,
	CAUSE_NUMA, /* NUMA balancing scan */
	CAUSE_OOM, /* oom_reaper, process_mrelease */
	CAUSE_KTHREAD, /* another kernel thread */
	CAUSE_OTHER, /* a system call that is none of these */
	CAUSE_NR
};

/* Names as in every output: "page_fault", "munmap", ... */
const char *cause_name(enum cause cause);
/* CAUSE_UNKNOWN for an unknown name. */
enum cause cause_from_name(const char *name);

/*
 * From what BPF saw of the task. comm tells kernel threads apart; raw bytes,
 * FL_COMM_LEN. With a stack (symbol names without offset, innermost first;
 * n may be 0) the stack wins where it is decisive.
 */
enum cause cause_of(const struct fl_task_ref *task, const char *comm, const char *const *frames,
		    size_t n);

/*
 * "munmap(0x7f0000000000, 1.0 GiB)" for system calls whose arguments say how
 * much is at stake, else "" ; buf is always terminated. Source of numbers:
 * the x86-64 system call table (asm/unistd_64.h).
 */
void cause_detail(const struct fl_task_ref *task, char *buf, size_t size);

/* One clause of advice for a holder of this cause, or NULL. */
const char *cause_advice(enum cause cause);

#endif
