// SPDX-License-Identifier: GPL-2.0
/*
 * The memory that is faulted in. Every slice has page tables of its own (it
 * starts on a border of 2 MiB), so that what the workers share is what the
 * question is about: the locks of the address space and of the VMA. Huge pages
 * are off always: whether khugepaged comes by would decide the figures.
 *
 * Behind the slices of a VMA is a tail that is not measured: a page touched
 * before the first round, since the first fault of a VMA is another path, and
 * the pages that the splitting writer works on.
 */
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define TAIL PMD_SIZE
/* A read fault of a file maps the pages around it too (fault_around_bytes). */
#define FAULT_AROUND_PAGES 16UL

static size_t slice_bytes(void)
{
	return (opts.pages * PAGE + PMD_SIZE - 1) & ~(PMD_SIZE - 1);
}

size_t area_stride(void)
{
	return opts.read && opts.memory != ANON ? FAULT_AROUND_PAGES : 1;
}

/* What the file holds in the first byte of each page: never 0, as new memory is. */
static char file_byte(size_t page)
{
	return (char)(1 + page % 127);
}

static char written_byte(size_t page)
{
	return (char)(1 + (page + 64) % 127);
}

static int make_file(size_t bytes)
{
	int fd = opts.dir ? open(opts.dir, O_TMPFILE | O_RDWR, 0600) : memfd_create("faults", 0);
	char page[PAGE] = {0};

	if (fd < 0)
		die(opts.dir ? opts.dir : "memfd_create");
	for (size_t i = 0; i < bytes / PAGE; i++) {
		page[0] = file_byte(i);
		if (pwrite(fd, page, PAGE, (off_t)(i * PAGE)) != (ssize_t)PAGE)
			die("write of the mapped file");
	}
	return fd;
}

/* An address range that nothing is next to. */
static char *reserve(size_t bytes)
{
	char *at = mmap(NULL, bytes + 3 * PMD_SIZE, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		die("mmap of address space");
	at += PMD_SIZE;
	return (char *)(((uintptr_t)at + PMD_SIZE - 1) & ~(PMD_SIZE - 1));
}

static void small_pages(char *at, size_t bytes)
{
	/* EINVAL: a kernel that has no huge pages. */
	if (madvise(at, bytes, MADV_NOHUGEPAGE) && errno != EINVAL)
		die("madvise(MADV_NOHUGEPAGE)");
}

static void map_at(char *at, size_t bytes, int fd)
{
	int flags = MAP_FIXED | (opts.memory == SHARED_FILE ? MAP_SHARED : MAP_PRIVATE) |
		    (fd < 0 ? MAP_ANONYMOUS : 0);

	if (mmap(at, bytes, PROT_READ | PROT_WRITE, flags, fd, 0) == MAP_FAILED)
		die("mmap of the area");
	small_pages(at, bytes);
}

void area_anon_at(char *at, size_t bytes)
{
	if (mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1,
		 0) == MAP_FAILED)
		die("mmap");
	small_pages(at, bytes);
}

char *area_anon(size_t bytes)
{
	char *at = reserve(bytes);

	area_anon_at(at, bytes);
	return at;
}

static char *map_area(size_t slices, int *ret_fd)
{
	size_t bytes = slices * slice_bytes() + TAIL;
	char *at = reserve(bytes);

	*ret_fd = opts.memory == ANON ? -1 : make_file(bytes);
	map_at(at, bytes, *ret_fd);
	*(volatile char *)(at + bytes - TAIL) = 1;
	return at;
}

void area_map_shared(void)
{
	int fd;
	char *at = map_area(opts.workers, &fd);

	for (unsigned int i = 0; i < opts.workers; i++) {
		ctl->workers[i].slice = at + i * slice_bytes();
		ctl->workers[i].first_page = i * slice_bytes() / PAGE;
		ctl->workers[i].fd = fd;
	}
	ctl->split_page = at + opts.workers * slice_bytes() + 2 * PAGE;
}

void area_map_own(struct worker *w)
{
	w->slice = map_area(1, &w->fd);
	if (w == ctl->workers)
		ctl->split_page = w->slice + slice_bytes() + 2 * PAGE;
}

void area_recycle(const struct worker *w)
{
	if (madvise(w->slice, slice_bytes(), MADV_DONTNEED))
		die("madvise(MADV_DONTNEED)");
}

/* Something has to go when a round is not over with all pages touched. */
static void unmap(const struct worker *w)
{
	if (opts.unmap != UNMAP_VMA) {
		area_recycle(w);
		return;
	}
	if (munmap(w->slice, slice_bytes() + TAIL))
		die("munmap of the area");
	map_at(w->slice, slice_bytes() + TAIL, w->fd);
}

static void touch(volatile char *at, size_t page)
{
	if (opts.read)
		(void)*at;
	else
		*at = written_byte(page);
}

/* How many touches a worker owes; a warm-up round is all of them, and nothing else. */
static uint64_t own_work(uint32_t round)
{
	return opts.seconds > 0 && round >= opts.warmup ? 0 : opts.touches;
}

/*
 * What a program does between two faults is never twice the same. Without it,
 * threads fall into step, and one that takes a lock in the same rhythm as another
 * gives it back can win for ever, or never.
 */
static void think(struct worker *w)
{
	uint32_t turns;

	if (!opts.think)
		return;
	w->dice = w->dice * 1664525 + 1013904223; /* the same in every run */
	turns = (uint32_t)((uint64_t)w->dice * (opts.think + 1) >> 32);
	while (turns--)
		__asm__ volatile("" ::: "memory");
}

uint64_t area_round(struct worker *w, uint32_t round)
{
	uint64_t touches = 0, own = own_work(round);

	w->filled = 0;
	w->dice = (uint32_t)(w - ctl->workers) * 2654435761 + round;
	while (touches < own || !run_is_enough(round)) {
		uint64_t begin;

		if (w->filled == opts.pages) {
			unmap(w);
			w->filled = 0;
		}
		think(w);
		begin = ticks_now();
		touch(w->slice + w->filled * PAGE, w->filled);
		lat_add(&w->ticks, ticks_now() - begin);
		w->filled += area_stride();
		if (w->filled > opts.pages)
			w->filled = opts.pages;
		touches++;
	}
	/* Emptying is part of the work then: as often as filling. */
	if (opts.unmap != UNMAP_NONE) {
		unmap(w);
		w->filled = 0;
	}
	return touches;
}

static char expected_byte(const struct worker *w, size_t page)
{
	if (!opts.read)
		return written_byte(page);
	return opts.memory == ANON ? 0 : file_byte(w->first_page + page);
}

void area_check(const struct worker *w)
{
	for (size_t page = 0; page < w->filled; page += area_stride()) {
		char is = *(volatile char *)(w->slice + page * PAGE);

		if (is != expected_byte(w, page))
			fail(EXIT_WRONG_COUNT, "page %zu of a worker holds %d, not %d", page, is,
			     expected_byte(w, page));
	}
}
