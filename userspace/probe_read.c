// SPDX-License-Identifier: GPL-2.0
/*
 * What is in the maps? Batched reads, so that a scan of thousands of elements
 * is a few dozen system calls. Elements that the callback does not want any
 * more are deleted after the batch.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "probe_internal.h"

#define BATCH 128

typedef bool (*element_fn)(void *arg, const void *key, const void *value);

struct scan {
	int fd;
	size_t key_size;
	size_t value_size;
	char *keys;
	char *values;
};

static void scan_batch(const struct scan *scan, uint32_t n, element_fn fn, void *arg)
{
	for (uint32_t i = 0; i < n; i++) {
		const char *key = scan->keys + i * scan->key_size;

		if (fn(arg, key, scan->values + i * scan->value_size))
			bpf_map_delete_elem(scan->fd, key);
	}
}

static int scan_map(const struct bpf_map *map, element_fn fn, void *arg)
{
	struct scan scan = {
		.fd = bpf_map__fd(map),
		.key_size = bpf_map__key_size(map),
		.value_size = bpf_map__value_size(map),
	};
	uint32_t in, next, n, batch = BATCH;
	bool first = true;
	int err = 0;

	for (;;) {
		char *keys = realloc(scan.keys, batch * scan.key_size);
		char *values;

		if (keys)
			scan.keys = keys;
		values = realloc(scan.values, batch * scan.value_size);
		if (values)
			scan.values = values;
		if (!keys || !values) {
			err = -ENOMEM;
			break;
		}
		n = batch;
		err = bpf_map_lookup_batch(scan.fd, first ? NULL : &in, &next, scan.keys,
					   scan.values, &n, NULL);
		if (err == -ENOSPC) { /* a bucket with more than a batch */
			batch *= 2;
			continue;
		}
		if (err && err != -ENOENT)
			break;
		scan_batch(&scan, n, fn, arg);
		if (err == -ENOENT) { /* that was all */
			err = 0;
			break;
		}
		in = next;
		first = false;
	}
	free(scan.keys);
	free(scan.values);
	return err;
}

/* One typed callback behind the untyped one. */
struct typed {
	union {
		probe_waiter_fn waiter;
		probe_stat_fn stat;
		probe_blame_fn blame;
		probe_stack_fn stack;
	};
	void *arg;
};

static bool each_waiter(void *arg, const void *key, const void *value)
{
	const struct typed *typed = arg;

	return typed->waiter(typed->arg, *(const uint32_t *)key, value);
}

static bool each_stat(void *arg, const void *key, const void *value)
{
	const struct typed *typed = arg;

	return typed->stat(typed->arg, key, value);
}

static bool each_blame(void *arg, const void *key, const void *value)
{
	const struct typed *typed = arg;

	return typed->blame(typed->arg, key, value);
}

static bool each_stack(void *arg, const void *key, const void *value)
{
	const struct typed *typed = arg;

	return typed->stack(typed->arg, key, value);
}

int probe_each_waiter(struct probe *probe, probe_waiter_fn fn, void *arg)
{
	struct typed typed = {.waiter = fn, .arg = arg};

	return scan_map(probe->core->maps.waiters, each_waiter, &typed);
}

int probe_each_stat(struct probe *probe, probe_stat_fn fn, void *arg)
{
	struct typed typed = {.stat = fn, .arg = arg};

	return scan_map(probe->core->maps.stats, each_stat, &typed);
}

int probe_each_blame(struct probe *probe, probe_blame_fn fn, void *arg)
{
	struct typed typed = {.blame = fn, .arg = arg};

	return scan_map(probe->core->maps.blame, each_blame, &typed);
}

int probe_each_stack(struct probe *probe, probe_stack_fn fn, void *arg)
{
	struct typed typed = {.stack = fn, .arg = arg};

	return scan_map(probe->core->maps.stack_totals, each_stack, &typed);
}

static bool old_release(void *arg, const void *key, const void *value)
{
	const struct fl_release *release = value;

	(void)key;
	return release->ts_ns < *(const uint64_t *)arg;
}

static bool old_lock(void *arg, const void *key, const void *value)
{
	const struct fl_lock *lock = value;
	uint64_t before_ns = *(const uint64_t *)arg;

	(void)key;
	return lock->writer_ns < before_ns && lock->waited_until_ns < before_ns;
}

static bool dead_thread(void *arg, const void *key, const void *value)
{
	(void)arg;
	(void)value;
	/* 0 is no signal; the only answer that matters is "no such thread" */
	return syscall(SYS_tkill, *(const uint32_t *)key, 0) && errno == ESRCH;
}

bool probe_still_waits(struct probe *probe, uint32_t tid, uint64_t begin_ns)
{
	struct fl_waiter waiter;

	return !bpf_map_lookup_elem(bpf_map__fd(probe->core->maps.waiters), &tid, &waiter) &&
	       waiter.begin_ns == begin_ns;
}

void probe_forget_waiter(struct probe *probe, uint32_t tid)
{
	bpf_map_delete_elem(bpf_map__fd(probe->core->maps.waiters), &tid);
}

int probe_sweep(struct probe *probe, uint64_t before_ns)
{
	int err;

	err = scan_map(probe->core->maps.locks, old_lock, &before_ns);
	if (!err && probe->release)
		err = scan_map(probe->core->maps.releases, old_release, &before_ns);
	if (!err && probe->exact)
		err = scan_map(probe->exact->maps.slow, dead_thread, NULL);
	return err;
}

size_t probe_stack_ips(struct probe *probe, bool user, int32_t id, __u64 ips[FL_STACK_DEPTH])
{
	const struct bpf_map *map = user ? probe->core->maps.ustacks : probe->core->maps.kstacks;
	uint32_t key = id;
	size_t n = 0;

	memset(ips, 0, FL_STACK_DEPTH * sizeof(*ips));
	if (id < 0 || bpf_map_lookup_elem(bpf_map__fd(map), &key, ips))
		return 0;
	while (n < FL_STACK_DEPTH && ips[n])
		n++;
	return n;
}

void probe_stack_forget(struct probe *probe, bool user, int32_t id)
{
	const struct bpf_map *map = user ? probe->core->maps.ustacks : probe->core->maps.kstacks;
	uint32_t key = id;

	if (id >= 0)
		bpf_map_delete_elem(bpf_map__fd(map), &key);
}

int probe_counters(struct probe *probe, uint64_t ret_counters[FL_NR_COUNTERS])
{
	uint64_t *per_cpu = calloc(probe->n_cpus, sizeof(*per_cpu));
	int err = 0;

	if (!per_cpu)
		return -ENOMEM;
	for (uint32_t i = 0; i < FL_NR_COUNTERS; i++) {
		uint64_t sum = 0;

		if (bpf_map_lookup_elem(bpf_map__fd(probe->core->maps.counters), &i, per_cpu)) {
			err = -errno;
			break;
		}
		for (unsigned int cpu = 0; cpu < probe->n_cpus; cpu++)
			sum += per_cpu[cpu];
		ret_counters[i] = sum;
	}
	free(per_cpu);
	return err;
}
