// SPDX-License-Identifier: GPL-2.0
/*
 * Owns the skeletons that measure speculative faults: loads, attaches for a
 * moment, reads sums. What the numbers mean is for policy.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "backoff.skel.h"
#include "locked.skel.h"
#include "setting.skel.h"
#include "speculation.h"
#include "spf.skel.h"
#include "spf_probe.h"
#include "text.h"

struct spf_probe {
	struct spf_bpf *cost; /* NULL: off */
	struct locked_bpf *locked;
	struct backoff_bpf *backoff;
	struct setting_bpf *setting;
	struct bpf_link *setting_link;
	struct spf_feature_state features[SPF_NR_FEATURES];
	uint64_t started_ns; /* of the sample that is being taken; 0: none is */
	uint64_t sampled_ns;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void turn_off(struct spf_probe *probe, enum spf_feature feature, const char *what, int err)
{
	struct spf_feature_state *state = &probe->features[feature];

	state->on = false;
	snprintf(state->reason, sizeof(state->reason), "%s: %s", what, strerror(-err));
}

/* Attached for good: the root of the hierarchy sees the sysctls of all. */
static void load_setting(struct spf_probe *probe)
{
	int fd = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;

	if (fd < 0)
		err = -errno;
	if (!err) {
		probe->setting = setting_bpf__open_and_load();
		err = probe->setting ? 0 : -errno;
	}
	if (!err) {
		probe->setting_link =
			bpf_program__attach_cgroup(probe->setting->progs.who_writes, fd);
		err = probe->setting_link ? 0 : -errno;
	}
	if (fd >= 0)
		close(fd);
	if (err)
		turn_off(probe, SPF_FEATURE_WRITER, "cgroup/sysctl at /sys/fs/cgroup", err);
}

/* The maps of the locked path are its own: one more element of three is no loss. */
static void load_for_policy(struct spf_probe *probe)
{
	probe->locked = locked_bpf__open_and_load();
	if (!probe->locked)
		turn_off(probe, SPF_FEATURE_LOCKED, "fentry on handle_mm_fault()", -errno);
	load_setting(probe);
}

static void load_for_all(struct spf_probe *probe)
{
	int err;

	probe->cost = spf_bpf__open_and_load();
	if (!probe->cost)
		turn_off(probe, SPF_FEATURE_COST, "tracepoint spf:spf_fault", -errno);
	probe->backoff = backoff_bpf__open_and_load();
	err = probe->backoff ? backoff_bpf__attach(probe->backoff) : -errno;
	if (!err)
		return;
	turn_off(probe, SPF_FEATURE_WINDOWS, "task iterator over spf_window", err);
	backoff_bpf__destroy(probe->backoff);
	probe->backoff = NULL;
}

int spf_probe_open(bool for_policy, struct spf_probe **ret_probe)
{
	static const char *const names[SPF_NR_FEATURES] = {
		[SPF_FEATURE_COST] = "cost",
		[SPF_FEATURE_LOCKED] = "locked",
		[SPF_FEATURE_WINDOWS] = "windows",
		[SPF_FEATURE_WRITER] = "writer",
	};
	struct spf_probe *probe = calloc(1, sizeof(*probe));

	if (!probe)
		return -ENOMEM;
	for (int i = 0; i < SPF_NR_FEATURES; i++)
		probe->features[i] = (struct spf_feature_state){.name = names[i], .on = true};
	load_for_all(probe);
	if (for_policy)
		load_for_policy(probe);
	*ret_probe = probe;
	return 0;
}

void spf_probe_close(struct spf_probe *probe)
{
	if (!probe)
		return;
	spf_bpf__destroy(probe->cost);
	locked_bpf__destroy(probe->locked);
	backoff_bpf__destroy(probe->backoff);
	bpf_link__destroy(probe->setting_link);
	setting_bpf__destroy(probe->setting);
	free(probe);
}

const struct spf_feature_state *spf_probe_feature(const struct spf_probe *probe,
						  enum spf_feature feature)
{
	return &probe->features[feature];
}

void spf_probe_start(struct spf_probe *probe)
{
	int err;

	err = probe->cost ? spf_bpf__attach(probe->cost) : 0;
	if (err) {
		turn_off(probe, SPF_FEATURE_COST, "attaching to spf:spf_fault", err);
		spf_bpf__destroy(probe->cost);
		probe->cost = NULL;
	}
	err = probe->locked ? locked_bpf__attach(probe->locked) : 0;
	if (err) {
		turn_off(probe, SPF_FEATURE_LOCKED, "attaching to handle_mm_fault()", err);
		locked_bpf__destroy(probe->locked);
		probe->locked = NULL;
	}
	probe->started_ns = probe->cost ? now_ns() : 0;
}

static uint64_t sampled_ns(const struct spf_probe *probe)
{
	return probe->sampled_ns + (probe->started_ns ? now_ns() - probe->started_ns : 0);
}

void spf_probe_stop_one(struct spf_probe *probe, enum spf_feature feature)
{
	if (feature == SPF_FEATURE_LOCKED) {
		if (probe->locked)
			locked_bpf__detach(probe->locked);
		return;
	}
	probe->sampled_ns = sampled_ns(probe);
	probe->started_ns = 0;
	if (probe->cost)
		spf_bpf__detach(probe->cost);
}

void spf_probe_stop(struct spf_probe *probe)
{
	spf_probe_stop_one(probe, SPF_FEATURE_COST);
	spf_probe_stop_one(probe, SPF_FEATURE_LOCKED);
}

static int read_sum(const struct bpf_map *map, uint32_t which, struct policy_sample *sum)
{
	int n_cpus = libbpf_num_possible_cpus(), err = 0;
	struct fl_sampled *cpus;

	if (n_cpus < 0)
		return n_cpus;
	cpus = calloc(n_cpus, sizeof(*cpus));
	if (!cpus)
		return -ENOMEM;
	if (bpf_map_lookup_elem(bpf_map__fd(map), &which, cpus))
		err = -errno;
	for (int i = 0; !err && i < n_cpus; i++) {
		sum->n += cpus[i].n;
		sum->ns += cpus[i].ns;
	}
	free(cpus);
	return err;
}

int spf_probe_read(struct spf_probe *probe, struct spf_samples *ret_samples)
{
	struct spf_samples samples = {.ok = {0}};
	int err = 0;

	if (probe->cost)
		err = read_sum(probe->cost->maps.samples, FL_SAMPLE_OK, &samples.ok);
	if (!err && probe->cost)
		err = read_sum(probe->cost->maps.samples, FL_SAMPLE_ABORTED, &samples.aborted);
	if (!err && probe->locked)
		err = read_sum(probe->locked->maps.samples, FL_SAMPLE_LOCKED, &samples.locked);
	if (!err)
		*ret_samples = samples;
	return err;
}

/* --- by process */

static struct snap_spec *spec_of(struct snapshot *snap, uint32_t tgid, const char *comm)
{
	struct snap_spec *spec;

	for (size_t i = 0; i < snap->n_specs; i++)
		if (snap->specs[i].tgid == tgid)
			return &snap->specs[i];
	spec = snapshot_add_spec(snap);
	if (!spec)
		return NULL;
	spec->tgid = tgid;
	text_clean(spec->comm, sizeof(spec->comm), comm, FL_COMM_LEN);
	return spec;
}

static int read_sampled(struct spf_probe *probe, struct snapshot *snap)
{
	int fd = bpf_map__fd(probe->cost->maps.procs);
	uint32_t key, *before = NULL;
	struct fl_spf_proc value;

	while (!bpf_map_get_next_key(fd, before, &key)) {
		struct snap_spec *spec;

		before = &key;
		if (bpf_map_lookup_elem(fd, &key, &value))
			continue;
		spec = spec_of(snap, key, value.comm);
		if (!spec)
			return -ENOMEM;
		memcpy(spec->by_reason, value.by_reason, sizeof(spec->by_reason));
	}
	/* who is gone was told of this once, and makes room */
	for (size_t i = 0; i < snap->n_specs; i++)
		if (kill(snap->specs[i].tgid, 0) && errno == ESRCH)
			bpf_map_delete_elem(fd, &snap->specs[i].tgid);
	return 0;
}

static int take_backoff(struct snapshot *snap, const struct fl_backoff *backoff)
{
	struct snap_spec *spec = spec_of(snap, backoff->tgid, backoff->comm);

	if (!spec)
		return -ENOMEM;
	if (!spec->threads++ || backoff->window < spec->min_window)
		spec->min_window = backoff->window;
	if (backoff->window > spec->max_window)
		spec->max_window = backoff->window;
	return 0;
}

static int read_windows(struct spf_probe *probe, struct snapshot *snap)
{
	struct fl_backoff found[64];
	int fd, err = 0;
	ssize_t n;

	fd = bpf_iter_create(bpf_link__fd(probe->backoff->links.who_looks_away));
	if (fd < 0)
		return -errno;
	/* the kernel hands out whole elements as long as one fits */
	while (!err && (n = read(fd, found, sizeof(found))) != 0) {
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			err = -errno;
		for (ssize_t i = 0; !err && i < n / (ssize_t)sizeof(found[0]); i++)
			err = take_backoff(snap, &found[i]);
	}
	close(fd);
	return err;
}

static int by_attempts(const void *a, const void *b)
{
	const struct snap_spec *x = a, *y = b;
	uint64_t n_x = speculation_attempts(x), n_y = speculation_attempts(y);

	if (n_x != n_y)
		return n_x < n_y ? 1 : -1;
	return x->tgid < y->tgid ? -1 : x->tgid > y->tgid;
}

int spf_probe_fill(struct spf_probe *probe, struct snapshot *snap)
{
	int err = 0;

	if (probe->cost)
		err = read_sampled(probe, snap);
	if (!err && probe->backoff)
		err = read_windows(probe, snap);
	if (snap->n_specs)
		qsort(snap->specs, snap->n_specs, sizeof(*snap->specs), by_attempts);
	snap->meta.spf_sampled_ns = sampled_ns(probe);
	return err;
}

/* --- settings */

void spf_probe_own_writer(struct spf_probe *probe, uint32_t own_tgid)
{
	if (probe->setting)
		probe->setting->bss->own_tgid = own_tgid;
}

int spf_probe_writer(struct spf_probe *probe, const char *setting, char *buf, size_t size)
{
	char key[FL_SETTING_LEN] = "", comm[SNAPSHOT_COMM_LEN];
	struct fl_writer writer;

	if (!probe->setting_link)
		return -ENOENT;
	snprintf(key, sizeof(key), "vm/%s", setting);
	if (bpf_map_lookup_elem(bpf_map__fd(probe->setting->maps.writers), key, &writer))
		return -errno;
	text_clean(comm, sizeof(comm), writer.comm, sizeof(writer.comm));
	snprintf(buf, size, "%s (pid %u, uid %u)", comm, writer.tgid, writer.uid);
	return 0;
}
