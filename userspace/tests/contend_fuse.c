// SPDX-License-Identifier: GPL-2.0
/*
 * How to hold mmap_lock for an exactly known time? By a file system that
 * answers late. Its only file is mapped MAP_SHARED, and:
 *
 *  write-held	a dirty page, and a private mmap of the file opened for direct
 *		I/O: that writes all pages back first, under the write lock;
 *  read-held	a file whose times are dirty, and munmap: closing the mapping
 *		sends them (fuse_vma_close), and the lock is downgraded by then;
 *  read-held	by another process: /proc/PID/mem of a page that is not there
 *		faults without the leave to drop the lock;
 *  fault	a write to a page that is being written back: it waits for that
 *		with the VMA's lock where there is one, else with mmap_lock.
 *
 * The request that reaches the server proves that the lock is held, and it
 * stays held until the server answers; but a fault begins only then. The kernel's
 * own flusher sends the same requests, with no lock held: hence the holder's tries.
 * Speaks the raw protocol of /dev/fuse, and no more of it than these need.
 */
#include "contend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NODE_FILE    2
#define REQUEST_SIZE (FUSE_MIN_READ_BUFFER + 64 * 1024)
#define STEP_PAGES   256 /* tries of a round; beside three who sync 16 do not do on a quick machine */
#define HERD_NS	     100000

#define FOR_DIRECT_IO O_NONBLOCK /* says the client to the server */

static int dev_fd;
static int direct_fd;

int fuse_mount(void)
{
	char data[128];
	int fd, err;

	fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf(data, sizeof(data), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount("contend", FUSE_DIR, "fuse", MS_NOSUID | MS_NODEV, data)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static void reply(uint64_t unique, int error, const void *body, size_t size)
{
	struct fuse_out_header out = {.len = sizeof(out) + size, .error = error, .unique = unique};
	struct iovec iov[2] = {{&out, sizeof(out)}, {(void *)body, size}};

	/* ENOENT: the request was interrupted meanwhile. */
	if (writev(dev_fd, iov, 2) < 0 && errno != ENOENT)
		die("reply of the file system");
}

static void reply_init(uint64_t unique)
{
	/* No readahead: one page a request. */
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION > 31 ? 31 : FUSE_KERNEL_MINOR_VERSION,
		.flags = FUSE_WRITEBACK_CACHE, /* or its times would never be dirty */
		.max_background = 16,
		.congestion_threshold = 12,
		.max_write = PAGE,
		.time_gran = 1,
	};

	reply(unique, 0, &out, sizeof(out));
}

static struct fuse_attr attr_of(uint64_t node)
{
	struct fuse_attr attr = {
		.ino = node,
		.size = node == NODE_FILE ? FUSE_PAGES * PAGE : 0,
		.mode = node == NODE_FILE ? S_IFREG | 0600 : S_IFDIR | 0700,
		.nlink = 1,
		.blksize = PAGE,
	};

	return attr;
}

static void reply_lookup(uint64_t unique, const char *name)
{
	struct fuse_entry_out out = {.nodeid = NODE_FILE,
				     .entry_valid = 3600,
				     .attr_valid = 3600,
				     .attr = attr_of(NODE_FILE)};

	if (strcmp(name, "hold"))
		reply(unique, -ENOENT, NULL, 0);
	else
		reply(unique, 0, &out, sizeof(out));
}

/*
 * Did the holder send this? Then it sleeps in the call until we answer. Was it the flusher,
 * the holder is back from the call without having waited for us.
 */
static bool is_of_holder(void)
{
	uint32_t try = __atomic_load_n(&ctl->tries, __ATOMIC_ACQUIRE);
	bool sleeps = !try; /* another means, which the flusher cannot take for it */

	while (!sleeps) {
		sleeps = role_waits(ctl->holder_pid, ctl->holder_tid);
		/* After that look, or it may have been the next try that sleeps. Pairs with try_to_hold(). */
		if (__atomic_load_n(&ctl->backs, __ATOMIC_ACQUIRE) == try)
			return false;
		sched_yield();
	}
	return true;
}

/* The lock is held now, by the task that sent this: wait for leave to answer. */
static void keep_back(int release_fd)
{
	uint64_t n;

	__atomic_store_n(&ctl->stall, 0, __ATOMIC_RELEASE);
	if (!is_of_holder())
		return;
	ctl->t0 = now_ns();
	gate_set(&ctl->armed_gate, ctl->round);
	if (read(release_fd, &n, sizeof(n)) != sizeof(n))
		die("release of the hold");
}

static void reply_read(const struct fuse_in_header *in, const struct fuse_read_in *arg,
		       int release_fd)
{
	static const char zeros[256 * 1024];

	if (__atomic_load_n(&ctl->stall, __ATOMIC_ACQUIRE) == FUSE_READ)
		keep_back(release_fd);
	reply(in->unique, 0, zeros, arg->size < sizeof(zeros) ? arg->size : sizeof(zeros));
}

/* A herd: hold long enough for many to queue up, short enough for many rounds. */
static void keep_briefly(void)
{
	struct timespec ts = {.tv_nsec = HERD_NS};

	nanosleep(&ts, NULL);
}

static void reply_write(const struct fuse_in_header *in, const struct fuse_write_in *arg,
			int release_fd)
{
	struct fuse_write_out out = {.size = arg->size};

	if (__atomic_load_n(&ctl->stall, __ATOMIC_ACQUIRE) == FUSE_WRITE)
		keep_back(release_fd);
	else if (opts.means->storm)
		keep_briefly();
	reply(in->unique, 0, &out, sizeof(out));
}

static void reply_setattr(const struct fuse_in_header *in, int release_fd)
{
	struct fuse_attr_out attr = {.attr_valid = 3600, .attr = attr_of(in->nodeid)};

	if (__atomic_load_n(&ctl->stall, __ATOMIC_ACQUIRE) == FUSE_SETATTR)
		keep_back(release_fd);
	reply(in->unique, 0, &attr, sizeof(attr));
}

static void reply_open(const struct fuse_in_header *in, const struct fuse_open_in *arg)
{
	struct fuse_open_out out = {.fh = 1};

	if (arg->flags & FOR_DIRECT_IO)
		out.open_flags = FOPEN_DIRECT_IO;
	reply(in->unique, 0, &out, sizeof(out));
}

static void serve_one(const struct fuse_in_header *in, int release_fd)
{
	const void *arg = in + 1;
	struct fuse_attr_out attr = {.attr_valid = 3600, .attr = attr_of(in->nodeid)};

	switch (in->opcode) {
	case FUSE_INIT:
		return reply_init(in->unique);
	case FUSE_LOOKUP:
		return reply_lookup(in->unique, arg);
	case FUSE_SETATTR:
		return reply_setattr(in, release_fd);
	case FUSE_GETATTR:
		return reply(in->unique, 0, &attr, sizeof(attr));
	case FUSE_OPEN:
		return reply_open(in, arg);
	case FUSE_READ:
		return reply_read(in, arg, release_fd);
	case FUSE_WRITE:
		return reply_write(in, arg, release_fd);
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_RELEASE:
		return reply(in->unique, 0, NULL, 0);
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return; /* have no answer */
	default:
		return reply(in->unique, -ENOSYS, NULL, 0);
	}
}

/* Among a herd, it must not be the waiters that decide when the next hold comes. */
static void go_first(void)
{
	struct sched_param param = {.sched_priority = 1};

	if (sched_setscheduler(0, SCHED_FIFO, &param))
		die("sched_setscheduler");
}

void fuse_serve(int fd, int release_fd)
{
	char *request = malloc(REQUEST_SIZE);

	if (!request)
		die("memory of the file system");
	dev_fd = fd;
	if (opts.means->storm)
		go_first();
	for (;;) {
		ssize_t n = read(fd, request, REQUEST_SIZE);

		if (n < 0 && errno == ENODEV) /* unmounted */
			_exit(0);
		if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
			continue;
		if (n < (ssize_t)sizeof(struct fuse_in_header))
			die("request to the file system");
		serve_one((const void *)request, release_fd);
	}
}

static char *page_of_round(void)
{
	return ctl->fuse_map + (ctl->round * STEP_PAGES) % FUSE_PAGES * PAGE;
}

/*
 * The kernel lets such a file system have next to nothing dirty: past the first pages, a
 * store waits until the flusher has written them, which leaves no page to hold by. With a
 * hundredth of the limit of all for its own the flusher comes when it is time, and else not.
 * Where /sys is not to be written, the holder's tries have to do.
 */
static void keep_flusher_away(int fd)
{
	struct stat st;
	char path[64];

	if (fstat(fd, &st))
		die("stat of " FUSE_FILE);
	snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/min_ratio", major(st.st_dev),
		 minor(st.st_dev));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "1", 1) != 1)
		fprintf(stderr, "contend: %s: %s\n", path, strerror(errno));
	close(fd);
}

void fuse_prepare(void)
{
	int fd;

	if (!ctl->fuse_map) {
		fd = open(FUSE_FILE, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			die("open of " FUSE_FILE);
		ctl->fuse_map =
			mmap(NULL, FUSE_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (ctl->fuse_map == MAP_FAILED)
			die("mmap of " FUSE_FILE);
		keep_flusher_away(fd);
		close(fd);
		madvise(ctl->fuse_map, FUSE_PAGES * PAGE, MADV_RANDOM);
		direct_fd = open(FUSE_FILE, O_RDWR | O_CLOEXEC | FOR_DIRECT_IO);
		if (direct_fd < 0)
			die("open of " FUSE_FILE " for direct I/O");
	}
}

static void stall_next(uint32_t opcode)
{
	__atomic_store_n(&ctl->stall, opcode, __ATOMIC_RELEASE);
}

/* Dirty at the last moment: the kernel's own flusher is quick on FUSE. */
static void stall_and_dirty(uint32_t opcode)
{
	stall_next(opcode);
	*(volatile char *)page_of_round() = 1;
}

static void map_and_write_back(char *page)
{
	static char *at;
	int fixed = at ? MAP_FIXED : 0;

	(void)page; /* it is dirty, which is all that is needed */
	at = mmap(at, PAGE, PROT_READ, MAP_PRIVATE | fixed, direct_fd, 0);
	if (at == MAP_FAILED)
		die("private mmap of " FUSE_FILE);
}

static void unmap_and_send_times(char *page)
{
	if (munmap(page, PAGE))
		die("munmap of a FUSE page");
}

/* Until it was held: the flusher may have left nothing to send, or have sent it itself. */
static void try_to_hold(uint32_t opcode, void (*call)(char *page))
{
	char *page = page_of_round();

	for (int i = 0; i < STEP_PAGES; i++, page += PAGE) {
		__atomic_store_n(&ctl->stall, 0, __ATOMIC_RELEASE);
		*(volatile char *)page = 1;
		__atomic_add_fetch(&ctl->tries, 1, __ATOMIC_RELEASE); /* before it is kept back */
		stall_next(opcode);
		call(page);
		__atomic_store_n(&ctl->backs, ctl->tries, __ATOMIC_RELEASE);
		if (__atomic_load_n(&ctl->armed_gate, __ATOMIC_ACQUIRE) == ctl->round)
			return;
	}
	errno = EBUSY;
	die("hold by a FUSE request (the kernel's flusher was quicker)");
}

void fuse_hold_write(void)
{
	try_to_hold(FUSE_WRITE, map_and_write_back);
}

void fuse_hold_munmap(void)
{
	try_to_hold(FUSE_SETATTR, unmap_and_send_times);
}

void fuse_hold_read(void)
{
	char path[64], byte;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", ctl->target);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		die("open of the target's memory");
	stall_next(FUSE_READ);
	if (pread(fd, &byte, 1, (off_t)(uintptr_t)page_of_round()) != 1)
		die("read of the target's FUSE page");
	close(fd);
}

static uint32_t write_back_gate;

/* One thread for all rounds: the end of a thread wants mmap_lock, too. */
static void *write_back(void *arg)
{
	for (uint32_t n = 1;; n++) {
		gate_wait(&write_back_gate, n, 0);
		if (msync(page_of_round(), PAGE, MS_SYNC))
			die("write-back of a FUSE page");
	}
	return arg;
}

void fuse_hold_fault(void)
{
	static pthread_t thread;

	if (!thread) {
		errno = pthread_create(&thread, NULL, write_back, NULL);
		if (errno)
			die("pthread_create");
	}
	/* Nothing else may be dirty: the kernel's flusher would write that, and it would be kept back. */
	if (msync(ctl->fuse_map, FUSE_PAGES * PAGE, MS_SYNC))
		die("write-back of what is dirty");
	stall_and_dirty(FUSE_WRITE);
	gate_add(&write_back_gate, 1);
	gate_wait(&ctl->armed_gate, ctl->round, 0);
	*(volatile char *)page_of_round() = 2;
}

void fuse_hold_herd(void)
{
	uint64_t end_ns = now_ns() + ctl->hold_ns;

	go_first();
	while (now_ns() < end_ns) {
		*(volatile char *)ctl->fuse_map = 1;
		map_and_write_back(ctl->fuse_map);
	}
}
