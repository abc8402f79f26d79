// SPDX-License-Identifier: GPL-2.0
/*
 * How often did anybody really queue for one lock? Asked of the kernel by
 * another way than the detector's: a perf counter on lock:contention_begin,
 * inherited by all threads and children, with the lock's address as filter.
 * The address is learnt from samples of a thread that waits for it. It does
 * not see waits that ended by spinning; neither does the detector.
 */
#include "contend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRACEFS	   "/sys/kernel/tracing"
#define EVENT	   TRACEFS "/events/lock/contention_begin"
#define RWSEM	   "(flags == 2 || flags == 4)" /* LCB_F_READ or LCB_F_WRITE alone */
#define RING_PAGES 16 /* without the first one; a power of two */

static int counter_fd = -1;
static int learn_fd = -1;
static char *ring;

/* One sample of PERF_SAMPLE_RAW; the trace entry starts with 8 common bytes. */
struct sample {
	struct perf_event_header header;
	uint32_t raw_size;
	uint16_t common_type;
	uint8_t common_flags;
	uint8_t common_preempt_count;
	int32_t common_pid;
	uint32_t lock[2]; /* a __u64, not aligned here */
};

static int event_id(uint64_t *ret_id)
{
	char text[32] = "";
	int fd, n;

	/* The caller is in a mount namespace of its own. */
	if (access(EVENT "/id", R_OK))
		mount("tracefs", TRACEFS, "tracefs", 0, NULL);
	fd = open(EVENT "/id", O_RDONLY);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -EIO;
	*ret_id = strtoull(text, NULL, 10);
	return 0;
}

static int open_event(pid_t tid, bool sample)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.sample_period = sample,
		.sample_type = sample ? PERF_SAMPLE_RAW : 0,
		.inherit = !sample,
		.disabled = 1,
	};
	uint64_t id = 0;
	int err, fd;

	err = event_id(&id);
	if (err)
		return err;
	attr.config = id;
	fd = syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* A filter can be set once: the counter's comes with the address. */
	if (sample && ioctl(fd, PERF_EVENT_IOC_SET_FILTER, RWSEM)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int perf_open_counter(void)
{
	counter_fd = open_event(0, false);
	return counter_fd;
}

int perf_learn_start(pid_t tid)
{
	learn_fd = open_event(tid, true);
	if (learn_fd < 0)
		return learn_fd;
	ring = mmap(NULL, (1 + RING_PAGES) * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, learn_fd, 0);
	if (ring == MAP_FAILED)
		return -errno;
	return ioctl(learn_fd, PERF_EVENT_IOC_ENABLE, 0) ? -errno : 0;
}

static uint64_t most_frequent(const uint64_t *values, size_t n)
{
	size_t best = 0, best_count = 0;

	for (size_t i = 0; i < n; i++) {
		size_t count = 0;

		for (size_t j = 0; j < n; j++)
			count += values[j] == values[i];
		if (count > best_count) {
			best_count = count;
			best = i;
		}
	}
	return n ? values[best] : 0;
}

uint64_t perf_learn_lock(void)
{
	struct perf_event_mmap_page *page = (void *)ring;
	uint64_t locks[1024], pos = 0, head;
	const char *data = ring + PAGE;
	size_t n = 0;

	if (!ring || ring == MAP_FAILED)
		return 0;
	ioctl(learn_fd, PERF_EVENT_IOC_DISABLE, 0);
	/* Pairs with the kernel's store-release of data_head; the ring has not wrapped:
	 * without a consumer the kernel stops when it is full.
	 */
	head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
	while (pos < head && n < 1024) {
		struct sample s;

		memcpy(&s, data + pos, sizeof(s));
		if (s.header.type == PERF_RECORD_SAMPLE) {
			memcpy(&locks[n], s.lock, sizeof(locks[n]));
			n++;
		}
		if (!s.header.size)
			break;
		pos += s.header.size;
	}
	munmap(ring, (1 + RING_PAGES) * PAGE);
	ring = NULL;
	close(learn_fd);
	return most_frequent(locks, n);
}

int perf_count_lock(uint64_t lock)
{
	char filter[96];

	/* Children are matched against the filter of the event that they inherit. */
	snprintf(filter, sizeof(filter), "lock_addr == 0x%llx && " RWSEM, (unsigned long long)lock);
	if (ioctl(counter_fd, PERF_EVENT_IOC_SET_FILTER, filter))
		return -errno;
	return ioctl(counter_fd, PERF_EVENT_IOC_ENABLE, 0) ? -errno : 0;
}

uint64_t perf_read(void)
{
	uint64_t count = 0;

	if (read(counter_fd, &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}
