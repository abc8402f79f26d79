// SPDX-License-Identifier: GPL-2.0
/*
 * Why does a task hold or want mmap_lock? Answered from two tables: system
 * calls by number (and by name, as "__x64_sys_NAME" in stacks) and symbols of
 * kernel functions. The innermost function that is decisive wins: a page fault
 * inside munmap() is a page fault. Functions that many callers share
 * (get_user_pages, exit_mmap) only count when nothing else says more.
 *
 * It reads nothing but its arguments; the symbols are those of 6.1 to 6.18.
 */
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>

#include "advice.h"
#include "cause.h"

#ifndef __NR_map_shadow_stack
#define __NR_map_shadow_stack 453
#endif
#ifndef __NR_mseal
#define __NR_mseal 462
#endif

static const char *const names[CAUSE_NR] = {
	[CAUSE_UNKNOWN] = "unknown",
	[CAUSE_PAGE_FAULT] = "page_fault",
	[CAUSE_MMAP] = "mmap",
	[CAUSE_MUNMAP] = "munmap",
	[CAUSE_MREMAP] = "mremap",
	[CAUSE_MPROTECT] = "mprotect",
	[CAUSE_MADVISE] = "madvise",
	[CAUSE_BRK] = "brk",
	[CAUSE_MLOCK] = "mlock",
	[CAUSE_MEMPOLICY] = "mempolicy",
	[CAUSE_MINCORE] = "mincore",
	[CAUSE_SHM] = "shm",
	[CAUSE_FORK] = "fork",
	[CAUSE_EXEC] = "exec",
	[CAUSE_EXIT] = "exit",
	[CAUSE_PROCFS] = "procfs",
	[CAUSE_PROCESS_VM] = "process_vm",
	[CAUSE_PTRACE] = "ptrace",
	[CAUSE_USERFAULTFD] = "userfaultfd",
	[CAUSE_GUP] = "gup",
	[CAUSE_KHUGEPAGED] = "khugepaged",
	[CAUSE_KSM] = "ksm",
	[CAUSE_NUMA] = "numa",
	[CAUSE_OOM] = "oom",
	[CAUSE_KTHREAD] = "kthread",
	[CAUSE_OTHER] = "other",
};

const char *cause_name(enum cause cause)
{
	return (unsigned int)cause < CAUSE_NR ? names[cause] : "?";
}

enum cause cause_from_name(const char *name)
{
	for (int i = 0; name && i < CAUSE_NR; i++)
		if (!strcmp(name, names[i]))
			return i;
	return CAUSE_UNKNOWN;
}

const char *cause_advice(enum cause cause)
{
	const struct advice *advice = advice_for(cause);

	return advice ? advice->text : NULL;
}

/*
 * System calls. IO marks those that take mmap_lock only on the way: by a fault
 * in the caller's buffer when it is their own process's lock, through a file
 * of /proc/PID when it is another's.
 */
struct syscall_rule {
	int nr;
	const char *name;
	enum cause cause;
	bool io;
};

#define MM(call, why)                                                  \
	{                                                              \
		.nr = __NR_##call, .name = #call, .cause = CAUSE_##why \
	}
#define IO(call)                                                                   \
	{                                                                          \
		.nr = __NR_##call, .name = #call, .cause = CAUSE_OTHER, .io = true \
	}

static const struct syscall_rule syscalls[] = {
	MM(mmap, MMAP),
	MM(remap_file_pages, MMAP),
	MM(map_shadow_stack, MMAP),
	MM(munmap, MUNMAP),
	MM(mremap, MREMAP),
	MM(mprotect, MPROTECT),
	MM(pkey_mprotect, MPROTECT),
	MM(mseal, MPROTECT),
	MM(madvise, MADVISE),
	MM(msync, MADVISE),
	MM(brk, BRK),
	MM(mlock, MLOCK),
	MM(mlock2, MLOCK),
	MM(mlockall, MLOCK),
	MM(munlock, MLOCK),
	MM(munlockall, MLOCK),
	MM(mbind, MEMPOLICY),
	MM(migrate_pages, MEMPOLICY),
	MM(move_pages, MEMPOLICY),
	MM(set_mempolicy, MEMPOLICY),
	MM(get_mempolicy, MEMPOLICY),
	MM(set_mempolicy_home_node, MEMPOLICY),
	MM(mincore, MINCORE),
	MM(shmat, SHM),
	MM(shmdt, SHM),
	MM(clone, FORK),
	MM(clone3, FORK),
	MM(fork, FORK),
	MM(vfork, FORK),
	MM(execve, EXEC),
	MM(execveat, EXEC),
	MM(exit, EXIT),
	MM(exit_group, EXIT),
	MM(process_vm_readv, PROCESS_VM),
	MM(process_vm_writev, PROCESS_VM),
	MM(process_madvise, PROCESS_VM),
	MM(process_mrelease, OOM),
	MM(ptrace, PTRACE),
	MM(userfaultfd, USERFAULTFD),
	MM(vmsplice, GUP),
	MM(io_submit, GUP),
	MM(io_uring_enter, GUP),
	MM(io_uring_register, GUP),
	MM(futex, GUP),
	IO(read),
	IO(pread64),
	IO(readv),
	IO(preadv),
	IO(preadv2),
	IO(write),
	IO(pwrite64),
	IO(writev),
	IO(pwritev),
	IO(pwritev2),
	IO(sendfile),
	IO(splice),
	IO(copy_file_range),
	IO(open),
	IO(openat),
	IO(readlink),
	IO(readlinkat),
	IO(stat),
	IO(lstat),
	IO(newfstatat),
	IO(statx),
	IO(getdents),
	IO(getdents64),
	IO(recvfrom),
	IO(recvmsg),
	IO(recvmmsg),
	IO(sendto),
	IO(sendmsg),
	IO(sendmmsg),
	IO(poll),
	IO(ppoll),
	IO(select),
	IO(pselect6),
	IO(epoll_wait),
	IO(epoll_pwait),
};

static const struct syscall_rule *rule_of_nr(int nr)
{
	for (size_t i = 0; i < sizeof(syscalls) / sizeof(syscalls[0]); i++)
		if (syscalls[i].nr == nr)
			return &syscalls[i];
	return NULL;
}

/* Other processes are reached only through /proc/PID, whatever the call. */
static enum cause cause_of_io(uint32_t flags)
{
	return flags & FL_T_SAME_MM ? CAUSE_PAGE_FAULT : CAUSE_PROCFS;
}

static enum cause cause_of_ioctl(const struct fl_task_ref *task)
{
	unsigned int type = (task->args[1] >> 8) & 0xff;
	unsigned int nr = task->args[1] & 0xff;

	if (type == 0xaa) /* UFFDIO_* */
		return CAUSE_USERFAULTFD;
	if (type == 0xae) /* KVM_*: guest memory is pinned */
		return CAUSE_GUP;
	if (type == 'f' && (nr == 16 || nr == 17)) /* PAGEMAP_SCAN, PROCMAP_QUERY */
		return CAUSE_PROCFS;
	return task->flags & FL_T_SAME_MM ? CAUSE_OTHER : CAUSE_PROCFS;
}

static enum cause cause_of_syscall(const struct fl_task_ref *task)
{
	const struct syscall_rule *rule;

	if (task->flags & FL_T_COMPAT)
		return CAUSE_UNKNOWN;
	if (task->nr == __NR_ioctl)
		return cause_of_ioctl(task);
	/* A new thread (CLONE_VM) copies no address space: a fault in its tid word. */
	if (task->nr == __NR_clone && task->args[0] & 0x100)
		return CAUSE_PAGE_FAULT;
	rule = rule_of_nr(task->nr);
	if (!rule)
		return CAUSE_OTHER;
	return rule->io ? cause_of_io(task->flags) : rule->cause;
}

static enum cause cause_of_kthread(const char *comm)
{
	static const struct {
		const char *comm;
		enum cause cause;
	} kthreads[] = {
		{"khugepaged", CAUSE_KHUGEPAGED},
		{"ksmd", CAUSE_KSM},
		{"oom_reaper", CAUSE_OOM},
	};

	for (size_t i = 0; comm && i < sizeof(kthreads) / sizeof(kthreads[0]); i++)
		if (!strncmp(comm, kthreads[i].comm, FL_COMM_LEN))
			return kthreads[i].cause;
	return CAUSE_KTHREAD;
}

static enum cause cause_of_task(const struct fl_task_ref *task, const char *comm)
{
	if (task->flags & FL_T_KTHREAD)
		return cause_of_kthread(comm);
	if (task->flags & FL_T_EXITING)
		return CAUSE_EXIT;
	if (task->nr == FL_NR_FAULT)
		return CAUSE_PAGE_FAULT;
	if (task->nr == FL_NR_KTHREAD)
		return cause_of_kthread(comm);
	if (task->nr < 0)
		return CAUSE_UNKNOWN;
	return cause_of_syscall(task);
}

/* Kernel functions; a name that ends in '*' is a prefix. */
struct symbol_rule {
	const char *name;
	enum cause cause;
	bool weak; /* shared by many callers: only if nothing else decides */
};

static const struct symbol_rule symbols[] = {
	/* faults, from wherever they come */
	{"exc_page_fault", CAUSE_PAGE_FAULT, false},
	{"asm_exc_page_fault", CAUSE_PAGE_FAULT, false},
	{"do_user_addr_fault", CAUSE_PAGE_FAULT, false},
	{"lock_mm_and_find_vma", CAUSE_PAGE_FAULT, false},
	/* /proc/PID: the m_* and show_* are those of fs/proc/task_mmu.c */
	{"m_start", CAUSE_PROCFS, false},
	{"m_next", CAUSE_PROCFS, false},
	{"show_smap", CAUSE_PROCFS, false},
	{"show_smaps_rollup", CAUSE_PROCFS, false},
	{"show_map", CAUSE_PROCFS, false},
	{"show_map_vma", CAUSE_PROCFS, false},
	{"show_numa_map", CAUSE_PROCFS, false},
	{"smap_gather_stats", CAUSE_PROCFS, false},
	{"smaps_pte_range", CAUSE_PROCFS, false},
	{"proc_pid_cmdline_read", CAUSE_PROCFS, false},
	{"get_mm_cmdline", CAUSE_PROCFS, false},
	{"environ_read", CAUSE_PROCFS, false},
	{"mem_rw", CAUSE_PROCFS, false},
	{"mem_read", CAUSE_PROCFS, false},
	{"mem_write", CAUSE_PROCFS, false},
	{"pagemap_read", CAUSE_PROCFS, false},
	{"do_pagemap_scan", CAUSE_PROCFS, false},
	{"do_pagemap_cmd", CAUSE_PROCFS, false},
	{"clear_refs_write", CAUSE_PROCFS, false},
	{"do_procmap_query", CAUSE_PROCFS, false},
	{"procfs_procmap_ioctl", CAUSE_PROCFS, false},
	{"map_files_*", CAUSE_PROCFS, false},
	{"proc_map_files_*", CAUSE_PROCFS, false},
	/* kernel threads, and their work done elsewhere */
	{"khugepaged", CAUSE_KHUGEPAGED, false},
	{"khugepaged_do_scan", CAUSE_KHUGEPAGED, false},
	{"khugepaged_scan_mm_slot*", CAUSE_KHUGEPAGED, false},
	{"ksm_scan_thread", CAUSE_KSM, false},
	{"ksm_do_scan", CAUSE_KSM, false},
	{"oom_reaper", CAUSE_OOM, false},
	{"oom_reap_task*", CAUSE_OOM, false},
	{"task_numa_work", CAUSE_NUMA, false},
	/* life and death of an address space */
	{"dup_mmap", CAUSE_FORK, false},
	{"dup_mm", CAUSE_FORK, false},
	{"copy_process", CAUSE_FORK, false},
	{"kernel_clone", CAUSE_FORK, false},
	{"begin_new_exec", CAUSE_EXEC, false},
	{"bprm_execve", CAUSE_EXEC, false},
	{"do_execveat_common", CAUSE_EXEC, false},
	{"setup_arg_pages", CAUSE_EXEC, false},
	{"exit_mm", CAUSE_EXIT, false},
	{"do_exit", CAUSE_EXIT, false},
	{"do_coredump", CAUSE_EXIT, false},
	{"exit_mmap", CAUSE_EXIT, true}, /* also of exec and of a late mmput() */
	/* access to memory of others, or on behalf of a device */
	{"process_vm_rw*", CAUSE_PROCESS_VM, false},
	{"ptrace_access_vm", CAUSE_PTRACE, false},
	{"ptrace_request", CAUSE_PTRACE, false},
	{"arch_ptrace", CAUSE_PTRACE, false},
	{"userfaultfd_ioctl", CAUSE_USERFAULTFD, false},
	{"userfaultfd_register*", CAUSE_USERFAULTFD, false},
	{"userfaultfd_unregister*", CAUSE_USERFAULTFD, false},
	{"userfaultfd_release*", CAUSE_USERFAULTFD, false},
	{"mfill_atomic*", CAUSE_USERFAULTFD, false},
	{"mwriteprotect_range", CAUSE_USERFAULTFD, false},
	{"get_user_pages*", CAUSE_GUP, true},
	{"__get_user_pages*", CAUSE_GUP, true},
	{"pin_user_pages*", CAUSE_GUP, true},
	{"internal_get_user_pages_fast", CAUSE_GUP, true},
	{"gup_fast_fallback", CAUSE_GUP, true},
	{"__gup_longterm_locked", CAUSE_GUP, true},
	{"fixup_user_fault", CAUSE_GUP, true},
	{"access_remote_vm", CAUSE_GUP, true},
	{"__access_remote_vm", CAUSE_GUP, true},
	{"io_wq_worker", CAUSE_GUP, true},
	{"io_issue_sqe", CAUSE_GUP, true},
};

/* "name", "name.isra.0", "name+0x1a/0x90" and "name [module]" are all name. */
static bool symbol_is(const char *frame, const char *name)
{
	size_t n = strlen(name);
	bool prefix = name[n - 1] == '*';

	if (strncmp(frame, name, prefix ? n - 1 : n))
		return false;
	return prefix || !frame[n] || strchr(".+ ", frame[n]);
}

/* Entry points: "__x64_sys_munmap", "__do_sys_brk"; calls that say nothing are no match. */
static enum cause cause_of_entry(const char *frame)
{
	static const char *const prefixes[] = {"__x64_sys_", "__ia32_sys_", "__do_sys_",
					       "__se_sys_"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t n = strlen(prefixes[i]);

		if (strncmp(frame, prefixes[i], n))
			continue;
		for (size_t k = 0; k < sizeof(syscalls) / sizeof(syscalls[0]); k++)
			if (!syscalls[k].io && symbol_is(frame + n, syscalls[k].name))
				return syscalls[k].cause;
	}
	return CAUSE_UNKNOWN;
}

static enum cause cause_of_stack(const char *const *frames, size_t n, enum cause *ret_weak)
{
	for (size_t i = 0; i < n; i++) {
		enum cause cause = cause_of_entry(frames[i]);

		if (cause != CAUSE_UNKNOWN)
			return cause;
		for (size_t k = 0; k < sizeof(symbols) / sizeof(symbols[0]); k++) {
			if (!symbol_is(frames[i], symbols[k].name))
				continue;
			if (!symbols[k].weak)
				return symbols[k].cause;
			if (*ret_weak == CAUSE_UNKNOWN)
				*ret_weak = symbols[k].cause;
		}
	}
	return CAUSE_UNKNOWN;
}

enum cause cause_of(const struct fl_task_ref *task, const char *comm, const char *const *frames,
		    size_t n)
{
	enum cause weak = CAUSE_UNKNOWN;
	enum cause cause = cause_of_stack(frames, n, &weak);

	if (cause != CAUSE_UNKNOWN)
		return cause;
	cause = cause_of_task(task, comm);
	if (weak != CAUSE_UNKNOWN && (cause == CAUSE_UNKNOWN || cause == CAUSE_OTHER ||
				      cause == CAUSE_PAGE_FAULT || cause == CAUSE_KTHREAD))
		return weak;
	return cause;
}
