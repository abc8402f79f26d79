// SPDX-License-Identifier: GPL-2.0
/* cause: system calls, flags and stacks to causes, and arguments to words. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../advice.h"
#include "../cause.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static enum cause by_nr(int nr, uint32_t flags)
{
	struct fl_task_ref task = {.tid = 1, .tgid = 1, .nr = nr, .flags = flags};

	return cause_of(&task, "x", NULL, 0);
}

static void names_are_unique_and_read_back(void **state)
{
	(void)state;
	for (int i = 0; i < CAUSE_NR; i++) {
		assert_non_null(cause_name(i));
		assert_int_equal(cause_from_name(cause_name(i)), i);
	}
	assert_string_equal(cause_name(CAUSE_NR), "?");
	assert_string_equal(cause_name((enum cause) - 1), "?");
	assert_int_equal(cause_from_name("no such"), CAUSE_UNKNOWN);
	assert_int_equal(cause_from_name(NULL), CAUSE_UNKNOWN);
}

static void system_calls_on_the_own_mm(void **state)
{
	static const struct {
		int nr;
		enum cause cause;
	} calls[] = {
		{__NR_munmap, CAUSE_MUNMAP},
		{__NR_mmap, CAUSE_MMAP},
		{__NR_mremap, CAUSE_MREMAP},
		{__NR_mprotect, CAUSE_MPROTECT},
		{__NR_pkey_mprotect, CAUSE_MPROTECT},
		{__NR_madvise, CAUSE_MADVISE},
		{__NR_brk, CAUSE_BRK},
		{__NR_mlock2, CAUSE_MLOCK},
		{__NR_mbind, CAUSE_MEMPOLICY},
		{__NR_mincore, CAUSE_MINCORE},
		{__NR_shmdt, CAUSE_SHM},
		{__NR_fork, CAUSE_FORK},
		{__NR_clone3, CAUSE_FORK},
		{__NR_execve, CAUSE_EXEC},
		{__NR_exit_group, CAUSE_EXIT},
		{__NR_exit, CAUSE_EXIT},
		{__NR_process_vm_readv, CAUSE_PROCESS_VM},
		{__NR_process_madvise, CAUSE_PROCESS_VM},
		{__NR_process_mrelease, CAUSE_OOM},
		{__NR_ptrace, CAUSE_PTRACE},
		{__NR_io_uring_enter, CAUSE_GUP},
		{__NR_vmsplice, CAUSE_GUP},
		{__NR_read, CAUSE_PAGE_FAULT},
		{__NR_write, CAUSE_PAGE_FAULT},
		{__NR_recvfrom, CAUSE_PAGE_FAULT},
		{__NR_getpid, CAUSE_OTHER},
		{FL_NR_FAULT, CAUSE_PAGE_FAULT},
		{FL_NR_UNKNOWN, CAUSE_UNKNOWN},
		{-77, CAUSE_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < N(calls); i++)
		assert_int_equal(by_nr(calls[i].nr, FL_T_SAME_MM), calls[i].cause);
}

static void io_on_another_mm_is_procfs(void **state)
{
	(void)state;
	assert_int_equal(by_nr(__NR_read, 0), CAUSE_PROCFS);
	assert_int_equal(by_nr(__NR_pread64, 0), CAUSE_PROCFS);
	assert_int_equal(by_nr(__NR_preadv, 0), CAUSE_PROCFS);
	assert_int_equal(by_nr(__NR_getdents64, 0), CAUSE_PROCFS);
	assert_int_equal(by_nr(__NR_write, 0), CAUSE_PROCFS);
	/* 32-bit numbers are of another table */
	assert_int_equal(by_nr(__NR_read, FL_T_COMPAT), CAUSE_UNKNOWN);
}

static void ioctl_is_told_apart_by_its_request(void **state)
{
	struct fl_task_ref task = {.nr = __NR_ioctl, .flags = FL_T_SAME_MM};

	(void)state;
	task.args[1] = 0xc0686611; /* PROCMAP_QUERY */
	assert_int_equal(cause_of(&task, "x", NULL, 0), CAUSE_PROCFS);
	task.args[1] = 0xc020aa00; /* UFFDIO_REGISTER */
	assert_int_equal(cause_of(&task, "x", NULL, 0), CAUSE_USERFAULTFD);
	task.args[1] = 0xae80; /* KVM_RUN */
	assert_int_equal(cause_of(&task, "x", NULL, 0), CAUSE_GUP);
	task.args[1] = 0x5401; /* TCGETS */
	assert_int_equal(cause_of(&task, "x", NULL, 0), CAUSE_OTHER);
}

static void a_new_thread_is_no_fork(void **state)
{
	struct fl_task_ref task = {.nr = __NR_clone, .flags = FL_T_SAME_MM};

	(void)state;
	task.args[0] = 0x3d0f00; /* as pthread_create() */
	assert_int_equal(cause_of(&task, "x", NULL, 0), CAUSE_PAGE_FAULT);
	task.args[0] = 0x1200011; /* as fork() */
	assert_int_equal(cause_of(&task, "x", NULL, 0), CAUSE_FORK);
}

static void kernel_threads_by_name(void **state)
{
	struct fl_task_ref task = {.nr = FL_NR_KTHREAD, .flags = FL_T_KTHREAD};
	/* a comm that fills its field has no end */
	char full[FL_COMM_LEN];

	(void)state;
	memset(full, 'k', sizeof(full));
	assert_int_equal(cause_of(&task, "khugepaged", NULL, 0), CAUSE_KHUGEPAGED);
	assert_int_equal(cause_of(&task, "ksmd", NULL, 0), CAUSE_KSM);
	assert_int_equal(cause_of(&task, "oom_reaper", NULL, 0), CAUSE_OOM);
	assert_int_equal(cause_of(&task, "kworker/0:1", NULL, 0), CAUSE_KTHREAD);
	assert_int_equal(cause_of(&task, full, NULL, 0), CAUSE_KTHREAD);
	assert_int_equal(cause_of(&task, NULL, NULL, 0), CAUSE_KTHREAD);
	/* a process may call itself khugepaged: the flag decides, not the name */
	task = (struct fl_task_ref){.nr = __NR_munmap, .flags = FL_T_SAME_MM};
	assert_int_equal(cause_of(&task, "khugepaged", NULL, 0), CAUSE_MUNMAP);
	assert_int_equal(by_nr(__NR_futex, FL_T_EXITING), CAUSE_EXIT);
}

static enum cause by_stack(int nr, uint32_t flags, const char *const *frames, size_t n)
{
	struct fl_task_ref task = {.tid = 1, .tgid = 1, .nr = nr, .flags = flags};

	return cause_of(&task, "x", frames, n);
}

#define STACK(nr, flags, ...)                                   \
	by_stack(nr, flags, (const char *const[]){__VA_ARGS__}, \
		 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void the_innermost_decisive_frame_wins(void **state)
{
	(void)state;
	assert_int_equal(STACK(__NR_read, FL_T_SAME_MM, "rwsem_down_read_slowpath",
			       "down_read_killable", "m_start", "seq_read_iter", "vfs_read",
			       "__x64_sys_read"),
			 CAUSE_PROCFS);
	/* copy_to_user() of a smaps reader faults on its own memory */
	assert_int_equal(STACK(__NR_read, FL_T_SAME_MM, "down_read", "lock_mm_and_find_vma",
			       "do_user_addr_fault", "asm_exc_page_fault", "rep_movs_alternative",
			       "seq_read_iter"),
			 CAUSE_PAGE_FAULT);
	assert_int_equal(STACK(FL_NR_UNKNOWN, FL_T_COMPAT, "down_write_killable", "__vm_munmap",
			       "__ia32_sys_munmap", "do_int80_emulation"),
			 CAUSE_MUNMAP);
	assert_int_equal(STACK(__NR_nanosleep, FL_T_SAME_MM, "down_read_trylock", "task_numa_work",
			       "task_work_run"),
			 CAUSE_NUMA);
	assert_int_equal(STACK(__NR_clone, FL_T_SAME_MM, "down_write_killable", "dup_mmap",
			       "dup_mm.constprop.0", "copy_process", "__x64_sys_clone"),
			 CAUSE_FORK);
	assert_int_equal(STACK(__NR_execve, 0, "down_read", "exit_mmap", "mmput", "begin_new_exec",
			       "load_elf_binary"),
			 CAUSE_EXEC);
	assert_int_equal(STACK(FL_NR_KTHREAD, FL_T_KTHREAD, "down_write", "collapse_huge_page",
			       "hpage_collapse_scan_pmd", "khugepaged", "kthread"),
			 CAUSE_KHUGEPAGED);
	assert_int_equal(STACK(__NR_madvise, FL_T_SAME_MM, "collapse_huge_page",
			       "hpage_collapse_scan_pmd", "madvise_collapse", "__x64_sys_madvise"),
			 CAUSE_MADVISE);
}

static void shared_functions_decide_only_alone(void **state)
{
	(void)state;
	assert_int_equal(STACK(__NR_read, FL_T_SAME_MM, "down_read", "gup_fast_fallback",
			       "pin_user_pages_fast", "iov_iter_extract_pages", "bio_iov_iter"),
			 CAUSE_GUP);
	assert_int_equal(STACK(__NR_mmap, FL_T_SAME_MM, "__get_user_pages",
			       "populate_vma_page_range", "vm_mmap_pgoff", "__x64_sys_mmap"),
			 CAUSE_MMAP);
	assert_int_equal(STACK(__NR_process_vm_readv, 0, "pin_user_pages_remote",
			       "process_vm_rw_core.isra.0", "process_vm_rw"),
			 CAUSE_PROCESS_VM);
	assert_int_equal(STACK(__NR_read, 0, "__access_remote_vm", "vfs_read"), CAUSE_PROCFS);
	/* no decisive frame: as without a stack */
	assert_int_equal(STACK(__NR_munmap, FL_T_SAME_MM, "schedule", "entry_SYSCALL_64"),
			 CAUSE_MUNMAP);
}

static void frames_are_compared_as_whole_names(void **state)
{
	(void)state;
	assert_int_equal(STACK(FL_NR_UNKNOWN, 0, "show_map+0x1a/0x90"), CAUSE_PROCFS);
	assert_int_equal(STACK(FL_NR_UNKNOWN, 0, "do_exit.cold"), CAUSE_EXIT);
	assert_int_equal(STACK(FL_NR_UNKNOWN, 0, "show_mapping"), CAUSE_UNKNOWN);
	assert_int_equal(STACK(FL_NR_UNKNOWN, 0, "__x64_sys_munmapper"), CAUSE_UNKNOWN);
	assert_int_equal(STACK(FL_NR_UNKNOWN, 0, ""), CAUSE_UNKNOWN);
	assert_int_equal(STACK(FL_NR_UNKNOWN, 0, "map_files_d_revalidate"), CAUSE_PROCFS);
}

static void assert_detail(int nr, uint64_t a, uint64_t b, uint64_t c, const char *expected)
{
	struct fl_task_ref task = {.nr = nr, .flags = FL_T_SAME_MM, .args = {a, b, c}};
	char buf[128] = "stale";

	cause_detail(&task, buf, sizeof(buf));
	assert_string_equal(buf, expected);
}

static void assert_mmap(uint64_t flags, const char *expected)
{
	struct fl_task_ref task = {
		.nr = __NR_mmap, .flags = FL_T_SAME_MM, .args = {0x1000, 4096, 3, flags}};
	char buf[128];

	cause_detail(&task, buf, sizeof(buf));
	assert_string_equal(buf, expected);
}

static void details_tell_what_makes_mmap_long(void **state)
{
	(void)state;
	assert_mmap(MAP_PRIVATE | MAP_ANONYMOUS, "mmap(0x1000, 4.0 KiB, read+write)");
	assert_mmap(MAP_PRIVATE | MAP_FIXED, "mmap(0x1000, 4.0 KiB, read+write, MAP_FIXED)");
	assert_mmap(MAP_SHARED | MAP_POPULATE | MAP_LOCKED,
		    "mmap(0x1000, 4.0 KiB, read+write, MAP_LOCKED|MAP_POPULATE)");
	assert_mmap(~0UL, "mmap(0x1000, 4.0 KiB, read+write, "
			  "MAP_FIXED|MAP_LOCKED|MAP_POPULATE|MAP_HUGETLB)");
}

static void details_name_ranges_and_advice(void **state)
{
	(void)state;
	assert_detail(__NR_munmap, 0x7f0000000000, 1UL << 30, 0, "munmap(0x7f0000000000, 1.0 GiB)");
	assert_detail(__NR_mmap, 0, 8UL << 20, 3, "mmap(8.0 MiB, read+write)");
	assert_detail(__NR_mprotect, 0x1000, 4096, 0, "mprotect(0x1000, 4.0 KiB, none)");
	assert_detail(__NR_madvise, 0x1000, 1UL << 20, 4,
		      "madvise(0x1000, 1.0 MiB, MADV_DONTNEED)");
	assert_detail(__NR_madvise, 0x1000, 1UL << 20, 4242,
		      "madvise(0x1000, 1.0 MiB, advice 4242)");
	assert_detail(__NR_mremap, 0x1000, 1UL << 20, 2UL << 20,
		      "mremap(0x1000, 1.0 MiB to 2.0 MiB)");
	assert_detail(__NR_brk, 0x555500000000, 0, 0, "brk(0x555500000000)");
	assert_detail(__NR_process_vm_readv, 77, 0, 0, "process_vm_readv(pid 77)");
	assert_detail(__NR_getpid, 1, 2, 3, "");
	assert_detail(__NR_munmap, 0, 0, 0, "");
	assert_detail(FL_NR_FAULT, 1, 2, 3, "");
}

static void details_fit_the_buffer(void **state)
{
	struct fl_task_ref task = {.nr = __NR_munmap, .args = {0x7f0000000000, 4096, 0}};
	char buf[8];

	(void)state;
	memset(buf, '#', sizeof(buf));
	cause_detail(&task, buf, 7);
	assert_string_equal(buf, "munmap");
	assert_int_equal(buf[7], '#');
	cause_detail(&task, buf, 0);
	task.flags = FL_T_COMPAT;
	cause_detail(&task, buf, sizeof(buf));
	assert_string_equal(buf, "");
}

static void advice_ids_are_unique(void **state)
{
	size_t n = 0;

	(void)state;
	for (int i = 0; i < CAUSE_NR; i++) {
		const struct advice *advice = advice_for(i);

		assert_true((advice != NULL) == (cause_advice(i) != NULL));
		if (!advice)
			continue;
		n++;
		assert_memory_equal(advice->id, "A-", 2);
		for (int k = 0; k < i; k++)
			if (advice_for(k))
				assert_string_not_equal(advice->id, advice_for(k)->id);
	}
	assert_true(n >= 15);
	assert_null(advice_for(CAUSE_UNKNOWN));
	assert_null(advice_for(CAUSE_NR));
	assert_string_equal(advice_for(CAUSE_PROCFS)->id, "A-procfs-reader");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_unique_and_read_back),
		cmocka_unit_test(system_calls_on_the_own_mm),
		cmocka_unit_test(io_on_another_mm_is_procfs),
		cmocka_unit_test(ioctl_is_told_apart_by_its_request),
		cmocka_unit_test(a_new_thread_is_no_fork),
		cmocka_unit_test(kernel_threads_by_name),
		cmocka_unit_test(the_innermost_decisive_frame_wins),
		cmocka_unit_test(shared_functions_decide_only_alone),
		cmocka_unit_test(frames_are_compared_as_whole_names),
		cmocka_unit_test(details_name_ranges_and_advice),
		cmocka_unit_test(details_tell_what_makes_mmap_long),
		cmocka_unit_test(details_fit_the_buffer),
		cmocka_unit_test(advice_ids_are_unique),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
