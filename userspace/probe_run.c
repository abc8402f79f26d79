// SPDX-License-Identifier: GPL-2.0
/*
 * The programs at work: events, settings, stacks of tasks on demand, and what
 * the programs cost by the kernel's own account.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "probe_internal.h"

/* So long events are taken at once: a callback may write a file for each of them. */
#define DRAIN_NS 10000000
/* Of the ring: with a fourth of it filled there is time to wake up and empty it. */
#define WAKE_SHARE 4

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int take_event(void *arg, void *data, size_t size)
{
	struct probe *probe = arg;

	if (size >= sizeof(struct fl_event) && probe->on_event)
		probe->on_event(probe->on_event_arg, data);
	return now_ns() < probe->drain_until_ns ? 0 : -EAGAIN;
}

int probe_events_open(struct probe *probe)
{
	int n = libbpf_num_possible_cpus();

	if (n < 0)
		return n;
	probe->n_cpus = n;
	probe->ring =
		ring_buffer__new(bpf_map__fd(probe->core->maps.events), take_event, probe, NULL);
	return probe->ring ? 0 : -errno;
}

void probe_events_close(struct probe *probe)
{
	ring_buffer__free(probe->ring);
	probe->ring = NULL;
}

void probe_on_event(struct probe *probe, probe_event_fn fn, void *arg)
{
	probe->on_event = fn;
	probe->on_event_arg = arg;
}

int probe_fd(const struct probe *probe)
{
	return ring_buffer__epoll_fd(probe->ring);
}

int probe_drain(struct probe *probe)
{
	int n;

	probe->drain_until_ns = now_ns() + DRAIN_NS;
	n = ring_buffer__consume(probe->ring);
	if (n == -EAGAIN)
		return 1;
	return n < 0 ? n : 0;
}

int probe_configure(struct probe *probe, const struct session_opts *opts)
{
	struct fl_config cfg = {
		.min_wait_ns = opts->min_wait_ns,
		.event_min_ns = opts->event_min_ns,
		.stack_min_ns = opts->stack_min_ns,
		.hot_min_ns = opts->hot_min_ns,
		.watch_only = opts->n_pids > 0,
		.user_stacks = opts->user_stacks,
		.holders = opts->holders,
		.releases = probe->release != NULL,
		.nr_shards = probe->n_cpus < FL_NR_SHARDS ? probe->n_cpus : FL_NR_SHARDS,
		.wake_bytes = opts->ring_bytes / WAKE_SHARE,
	};
	uint32_t zero = 0;

	return bpf_map_update_elem(bpf_map__fd(probe->core->maps.config), &zero, &cfg, BPF_ANY);
}

static bool is_among(const uint32_t *set, size_t n, uint32_t one)
{
	for (size_t i = 0; i < n; i++) {
		if (set[i] == one)
			return true;
	}
	return false;
}

int probe_set_hot(struct probe *probe, const uint32_t *tgids, size_t n)
{
	int fd = bpf_map__fd(probe->core->maps.hot), err = 0;
	uint32_t one = 1;

	if (n > sizeof(probe->hot) / sizeof(probe->hot[0]))
		n = sizeof(probe->hot) / sizeof(probe->hot[0]);
	for (size_t i = 0; i < probe->n_hot; i++) {
		if (!is_among(tgids, n, probe->hot[i]))
			bpf_map_delete_elem(fd, &probe->hot[i]);
	}
	for (size_t i = 0; i < n; i++) {
		if (!is_among(probe->hot, probe->n_hot, tgids[i]))
			err = bpf_map_update_elem(fd, &tgids[i], &one, BPF_ANY) ?: err;
	}
	if (probe->attached && probe->release && probe->release_when_hot && !n != !probe->n_hot) {
		if (n)
			err = release_bpf__attach(probe->release) ?: err;
		else
			release_bpf__detach(probe->release);
	}
	memmove(probe->hot, tgids, n * sizeof(*tgids));
	probe->n_hot = n;
	return err;
}

uint64_t probe_map_bytes(const struct probe *probe)
{
	const struct bpf_object *objs[] = {
		probe->core->obj,
		probe->holder ? probe->holder->obj : NULL,
		probe->release ? probe->release->obj : NULL,
		probe->exact ? probe->exact->obj : NULL,
	};
	uint64_t bytes = 0, one;
	struct bpf_map *map;

	for (size_t i = 0; i < sizeof(objs) / sizeof(objs[0]); i++) {
		if (!objs[i])
			continue;
		bpf_object__for_each_map (map, objs[i]) {
			/* maps of the core that others share are counted once */
			if (i && bpf_object__find_map_by_name(objs[0], bpf_map__name(map)))
				continue;
			one = (uint64_t)bpf_map__max_entries(map) *
			      (bpf_map__key_size(map) + bpf_map__value_size(map));
			if (bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF)
				one = bpf_map__max_entries(map);
			if (bpf_map__type(map) == BPF_MAP_TYPE_HASH) /* struct htab_elem, bucket */
				one += (uint64_t)bpf_map__max_entries(map) * (48 + 16);
			if (bpf_map__type(map) == BPF_MAP_TYPE_PERCPU_ARRAY)
				one *= probe->n_cpus;
			bytes += one;
		}
	}
	return bytes;
}

/* One run of the iterator over one task; a kernel without the filter visits all. */
static int read_task_stack(const struct probe *probe, uint32_t tid, struct fl_task_stack *ret_stack)
{
	union bpf_iter_link_info info = {.task.tid = tid};
	DECLARE_LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info,
			    .link_info_len = sizeof(info));
	struct bpf_link *link;
	ssize_t n;
	int fd;

	link = bpf_program__attach_iter(probe->holder->progs.what_is_it_doing, &opts);
	if (!link)
		link = bpf_program__attach_iter(probe->holder->progs.what_is_it_doing, NULL);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	bpf_link__destroy(link);
	if (fd < 0)
		return fd;
	n = read(fd, ret_stack, sizeof(*ret_stack));
	close(fd);
	return n == sizeof(*ret_stack) ? 1 : 0;
}

int probe_task_stacks(struct probe *probe, const uint32_t *tids, size_t n,
		      struct fl_task_stack *ret_stacks)
{
	uint32_t one = 1;
	int wanted, err, found = 0;

	if (!probe->holder)
		return -ENOTSUP;
	wanted = bpf_map__fd(probe->holder->maps.wanted);
	for (size_t i = 0; i < n; i++) {
		if (bpf_map_update_elem(wanted, &tids[i], &one, BPF_ANY))
			continue;
		err = read_task_stack(probe, tids[i], &ret_stacks[found]);
		bpf_map_delete_elem(wanted, &tids[i]);
		if (err < 0)
			return err;
		found += err;
	}
	return found;
}

/* Reading the iterator runs it; it has no output, the map is where it writes to. */
int probe_find_earlier(struct probe *probe)
{
	struct bpf_link *link;
	char none[16];
	ssize_t n;
	int fd, err = 0;

	link = bpf_program__attach_iter(probe->earlier->progs.who_waits_already, NULL);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	bpf_link__destroy(link);
	if (fd < 0)
		return fd;
	do {
		n = read(fd, none, sizeof(none));
	} while (n > 0 || (n < 0 && errno == EAGAIN));
	if (n < 0)
		err = -errno;
	close(fd);
	return err;
}

int probe_run_stats(const struct probe *probe, uint64_t *ret_ns, uint64_t *ret_calls,
		    uint64_t *ret_misses)
{
	const struct bpf_object *objs[] = {
		probe->core->obj,
		probe->release ? probe->release->obj : NULL,
		probe->exact ? probe->exact->obj : NULL,
	};
	uint64_t ns = 0, calls = 0, misses = 0;
	struct bpf_program *prog;

	for (size_t i = 0; i < sizeof(objs) / sizeof(objs[0]); i++) {
		if (!objs[i])
			continue;
		bpf_object__for_each_program (prog, objs[i]) {
			struct bpf_prog_info info = {};
			uint32_t len = sizeof(info);
			int fd = bpf_program__fd(prog);

			if (fd < 0)
				continue;
			if (bpf_obj_get_info_by_fd(fd, &info, &len))
				return -errno;
			ns += info.run_time_ns;
			calls += info.run_cnt;
			/*
			 * The core runs with preemption off: what nests in it is an
			 * interrupt or a spinlock of its own, never a wait that sleeps.
			 * fentry programs can be preempted by one.
			 */
			if (probe->exact && objs[i] == probe->exact->obj)
				misses += info.recursion_misses;
		}
	}
	*ret_ns = ns;
	*ret_calls = calls;
	*ret_misses = misses;
	return 0;
}

int probe_program_stats(const struct probe *probe, const char *name, uint64_t *ret_ns,
			uint64_t *ret_calls)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(probe->core->obj, name);
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);

	if (!prog)
		return -ENOENT;
	if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
		return -errno;
	*ret_ns = info.run_time_ns;
	*ret_calls = info.run_cnt;
	return 0;
}
