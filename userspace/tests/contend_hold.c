// SPDX-License-Identifier: GPL-2.0
/*
 * By what means is the lock held? One small pair of functions a means:
 * prepare() makes the range that is at stake, in the target, before the round
 * is armed; hold() is the one system call that holds. The range is made of
 * the zero page (touched by reading), so that its size is bounded by page
 * tables and not by memory, and without huge pages, so that it takes long.
 * Where a kernel gives a page to each that reads, memory bounds it after all.
 */
#include "contend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#define MAX_SIZE    (64UL << 30)
#define SHARED_SIZE (64UL << 20)
#define HUGE_SIZE   (2UL << 20)
#define KHUGEPAGED  "/sys/kernel/mm/transparent_hugepage/khugepaged"
#define LOCAL_SIZE  (1UL << 20)
/* of an entry in pagemap: nobody else has this page mapped (admin-guide/mm/pagemap.rst) */
#define PM_EXCLUSIVE (1UL << 56)

/* Some kernels have the zero page switched off (hosts of virtual machines, s390 guests). */
static bool reads_cost_memory(void)
{
	volatile char *page =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry;

	if (page == MAP_FAILED || fd < 0)
		die("a page to try and its pagemap");
	(void)*page;
	if (pread(fd, &entry, sizeof(entry), (uintptr_t)page / PAGE * sizeof(entry)) !=
	    sizeof(entry))
		die("read of /proc/self/pagemap");
	close(fd);
	munmap((void *)page, PAGE);
	return entry & PM_EXCLUSIVE;
}

static size_t memory_available(void)
{
	size_t kib = 0;
	char line[128];
	FILE *file = fopen("/proc/meminfo", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %zu", &kib) == 1)
			break;
	if (!kib)
		die("MemAvailable of /proc/meminfo");
	fclose(file);
	return kib << 10;
}

size_t range_max(void)
{
	size_t memory;

	if (!reads_cost_memory())
		return MAX_SIZE;
	memory = memory_available() / 4;
	return memory < MAX_SIZE ? memory & -HUGE_SIZE : MAX_SIZE;
}

static void populate(char *addr, size_t size)
{
	if (madvise(addr, size, MADV_POPULATE_READ))
		die("madvise(MADV_POPULATE_READ)");
}

static void map_range(bool populated)
{
	if (ctl->addr)
		munmap(ctl->addr, ctl->mapped);
	ctl->addr = mmap(NULL, ctl->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ctl->addr == MAP_FAILED)
		die("mmap of the range");
	ctl->mapped = ctl->size;
	madvise(ctl->addr, ctl->size, MADV_NOHUGEPAGE);
	*(volatile char *)ctl->addr = 1; /* an anon_vma, or fork would not copy it */
	if (populated)
		populate(ctl->addr, ctl->size);
}

static void prepare_new(void)
{
	map_range(true);
}

static void prepare_kept(void)
{
	if (!ctl->addr || ctl->mapped != ctl->size)
		map_range(true);
}

static void prepare_writable(void)
{
	prepare_kept();
	if (mprotect(ctl->addr, ctl->size, PROT_READ | PROT_WRITE))
		die("mprotect back");
}

static void prepare_empty(void)
{
	map_range(false);
}

static void prepare_brk(void)
{
	char *end = (char *)syscall(SYS_brk, 0);
	struct sysinfo info;

	/* The heap is accounted for, though it is the zero page alone. */
	if (!sysinfo(&info) && ctl->size > info.totalram / 2)
		ctl->size = info.totalram / 2 & -HUGE_SIZE;
	ctl->addr = end;
	if ((char *)syscall(SYS_brk, end + ctl->size) != end + ctl->size)
		die("brk");
	madvise((char *)((uintptr_t)(end + PAGE - 1) & -PAGE), ctl->size - PAGE, MADV_NOHUGEPAGE);
	populate((char *)((uintptr_t)(end + PAGE - 1) & -PAGE), ctl->size - PAGE);
}

static void prepare_shared(void)
{
	if (!ctl->addr) {
		ctl->size = SHARED_SIZE;
		ctl->addr = mmap(NULL, ctl->size, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (ctl->addr == MAP_FAILED)
			die("mmap of the shared range");
	}
	/* Every page must be made anew by the reader, under the lock. */
	if (madvise(ctl->addr, ctl->size, MADV_REMOVE))
		die("madvise(MADV_REMOVE)");
}

static void hold_munmap(void)
{
	munmap(ctl->addr, ctl->size);
	ctl->addr = NULL;
}

static void hold_mmap(void)
{
	mmap(ctl->addr, ctl->size, PROT_NONE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
}

static void hold_mprotect(void)
{
	mprotect(ctl->addr, ctl->size, PROT_READ);
}

static void hold_madvise(void)
{
	madvise(ctl->addr, ctl->size, MADV_POPULATE_READ);
}

static void hold_brk(void)
{
	syscall(SYS_brk, ctl->addr);
}

static void hold_fork(void)
{
	pid_t pid = _Fork();

	if (!pid)
		_exit(0);
	/* Reaped by prepare_fork(): the hold is the fork alone. */
	if (pid < 0)
		die("fork");
}

static void prepare_fork(void)
{
	while (waitpid(-1, NULL, 0) > 0)
		;
	prepare_kept();
}

static void hold_smaps(void)
{
	char path[64], buf[4096];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/smaps", ctl->target);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		die("open of the target's smaps");
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	close(fd);
}

static void hold_pvm(void)
{
	static char local_buf[LOCAL_SIZE];
	struct iovec local[SHARED_SIZE / LOCAL_SIZE];
	struct iovec remote = {ctl->addr, SHARED_SIZE};

	for (size_t i = 0; i < SHARED_SIZE / LOCAL_SIZE; i++)
		local[i] = (struct iovec){local_buf, LOCAL_SIZE};
	if (process_vm_readv(ctl->target, local, SHARED_SIZE / LOCAL_SIZE, &remote, 1, 0) < 0)
		die("process_vm_readv");
}

/* A storm has no holder: the waiters are on for a time. */
static void hold_storm(void)
{
	struct timespec ts = {ctl->hold_ns / 1000000000, ctl->hold_ns % 1000000000};

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

static uint64_t pages_collapsed(void)
{
	unsigned long long n = 0;
	FILE *file = fopen(KHUGEPAGED "/pages_collapsed", "re");

	if (!file || fscanf(file, "%llu", &n) != 1)
		die("read of " KHUGEPAGED "/pages_collapsed");
	fclose(file);
	return n;
}

static void prepare_huge(void)
{
	if (ctl->addr)
		munmap(ctl->addr, SHARED_SIZE);
	ctl->addr =
		mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ctl->addr == MAP_FAILED)
		die("mmap of the range");
	madvise(ctl->addr, SHARED_SIZE, MADV_NOHUGEPAGE);
	memset(ctl->addr, 1, SHARED_SIZE);
}

/* The holder is khugepaged: it works as fast as the test has set it to. */
static void hold_khugepaged(void)
{
	uint64_t goal = pages_collapsed() + SHARED_SIZE / HUGE_SIZE / 2;
	uint64_t deadline_ns = now_ns() + 20000000000UL;
	struct timespec tick = {.tv_nsec = 10000000};

	if (madvise(ctl->addr, SHARED_SIZE, MADV_HUGEPAGE))
		die("madvise(MADV_HUGEPAGE)");
	while (pages_collapsed() < goal) {
		if (now_ns() > deadline_ns)
			die("khugepaged does not collapse the range");
		nanosleep(&tick, NULL);
	}
}

static void prepare_nothing(void)
{
}

#define MS 1000000UL

static const struct means means_table[] = {
	{.name = "munmap", .wait_by = "mprotect", .prepare = prepare_new, .hold = hold_munmap},
	{.name = "mmap", .wait_by = "mincore", .prepare = prepare_new, .hold = hold_mmap},
	{.name = "mprotect",
	 .wait_by = "mincore",
	 .prepare = prepare_writable,
	 .hold = hold_mprotect},
	{.name = "madvise", .wait_by = "mprotect", .prepare = prepare_empty, .hold = hold_madvise},
	{.name = "brk", .wait_by = "mprotect", .prepare = prepare_brk, .hold = hold_brk},
	{.name = "fork", .wait_by = "mincore", .prepare = prepare_fork, .hold = hold_fork},
	{.name = "smaps",
	 .remote = true,
	 .wait_by = "mprotect",
	 .prepare = prepare_kept,
	 .hold = hold_smaps},
	{.name = "process_vm_readv",
	 .remote = true,
	 .fixed = true,
	 .threshold_ns = MS / 5, /* it drops the lock every 1024 pages */
	 .wait_by = "mprotect",
	 .prepare = prepare_shared,
	 .hold = hold_pvm},
	{.name = "khugepaged",
	 .fixed = true,
	 .repeat = true,
	 .threshold_ns = MS / 20,
	 .wait_by = "mprotect",
	 .prepare = prepare_huge,
	 .hold = hold_khugepaged},
	{.name = "fuse-write",
	 .fixed = true,
	 .fuse = true,
	 .wait_by = "mincore",
	 .prepare = fuse_prepare,
	 .hold = fuse_hold_write},
	{.name = "fuse-munmap",
	 .fixed = true,
	 .fuse = true,
	 .wait_by = "mprotect",
	 .prepare = fuse_prepare,
	 .hold = fuse_hold_munmap},
	{.name = "fuse-read",
	 .remote = true,
	 .fixed = true,
	 .fuse = true,
	 .wait_by = "mprotect",
	 .prepare = fuse_prepare,
	 .hold = fuse_hold_read},
	{.name = "fuse-fault",
	 .fixed = true,
	 .fuse = true,
	 .wait_by = "madvise",
	 .prepare = fuse_prepare,
	 .hold = fuse_hold_fault},
	{.name = "herd",
	 .fixed = true,
	 .fuse = true,
	 .storm = true,
	 .wait_by = "mincore",
	 .prepare = fuse_prepare,
	 .hold = fuse_hold_herd},
	{.name = "storm",
	 .fixed = true,
	 .storm = true,
	 .wait_by = "churn,mincore",
	 .prepare = prepare_nothing,
	 .hold = hold_storm},
};
#define N_MEANS (sizeof(means_table) / sizeof(means_table[0]))

const struct means *means_find(const char *name)
{
	for (size_t i = 0; i < N_MEANS; i++)
		if (!strcmp(means_table[i].name, name))
			return &means_table[i];
	return NULL;
}

void means_list(void)
{
	for (size_t i = 0; i < N_MEANS; i++)
		fprintf(stderr, " %s", means_table[i].name);
	fputc('\n', stderr);
}
