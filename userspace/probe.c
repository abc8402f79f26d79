// SPDX-License-Identifier: GPL-2.0
/*
 * Which BPF objects does this kernel take, and why not the others? One object
 * an optional feature, so that one failure costs one feature. The core is
 * loaded first; the others get its maps.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "probe_internal.h"

static const char *const feature_names[PROBE_NR_FEATURES] = {
	[PROBE_WAIT] = "wait",	   [PROBE_REMOTE] = "remote",	[PROBE_VMA_LOCK] = "vma_lock",
	[PROBE_STACKS] = "stacks", [PROBE_EARLIER] = "earlier", [PROBE_RELEASE] = "release",
	[PROBE_EXACT] = "exact",
};

/* libbpf tells why by printing; its last warning is the reason we show. */
static char last_warning[100];

static int keep_warning(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char line[sizeof(last_warning)];

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), fmt, args);
	line[strcspn(line, "\n")] = '\0';
	/* the first one is the cause, the rest are consequences */
	if (!*last_warning && !strstr(line, "elf: skipping"))
		snprintf(last_warning, sizeof(last_warning), "%s", line);
	return 0;
}

static void feature_set(struct probe *probe, enum probe_feature_id id, enum feature_state state,
			const char *reason)
{
	struct probe_feature *feature = &probe->features[id];

	feature->state = state;
	snprintf(feature->reason, sizeof(feature->reason), "%s", reason ? reason : "");
}

static void feature_fail(struct probe *probe, enum probe_feature_id id, int err, const char *what)
{
	char reason[160];

	if (err == -EPERM || err == -EACCES)
		snprintf(reason, sizeof(reason), "the kernel does not permit %s here (%s)", what,
			 strerror(-err));
	else
		snprintf(reason, sizeof(reason), "%s: %s", strerror(-err),
			 *last_warning ? last_warning : what);
	feature_set(probe, id, FEATURE_FAILED, reason);
}

const char *probe_feature_name(enum probe_feature_id id)
{
	return id < PROBE_NR_FEATURES ? feature_names[id] : "?";
}

const struct probe_feature *probe_feature(const struct probe *probe, enum probe_feature_id id)
{
	return &probe->features[id];
}

static int resize(struct bpf_object *obj, const char *map, uint32_t entries)
{
	struct bpf_map *m = bpf_object__find_map_by_name(obj, map);

	return m && entries ? bpf_map__set_max_entries(m, entries) : 0;
}

static int size_core(struct bpf_object *obj, const struct session_opts *opts)
{
	int err;

	if ((err = resize(obj, "waiters", opts->max_waiters)) ||
	    (err = resize(obj, "stats", opts->max_procs)) ||
	    (err = resize(obj, "blame", opts->max_blames)) ||
	    (err = resize(obj, "stack_totals", opts->max_stacks)) ||
	    (err = resize(obj, "kstacks", opts->max_stacks)) ||
	    (err = resize(obj, "ustacks", opts->user_stacks ? opts->max_stacks : 1)) ||
	    (err = resize(obj, "watched", opts->n_pids ? opts->n_pids : 1)) ||
	    (err = resize(obj, "events", opts->ring_bytes)))
		return err;
	return resize(obj, "releases", opts->release ? 1024 : 1);
}

static void set_addresses(struct wait_bpf *core, const struct kernel_facts *facts)
{
	core->rodata->vma_lock_cachep_addr = facts->vma_lock_cachep_addr;
	core->rodata->page_offset_base_addr = facts->page_offset_base_addr;
	core->rodata->vmemmap_base_addr = facts->vmemmap_base_addr;
}

/* The optional objects work on the core's maps: those of the same name. */
static int share_maps(struct bpf_object *obj, struct bpf_object *core)
{
	struct bpf_map *map, *shared;
	int err;

	bpf_object__for_each_map (map, obj) {
		if (bpf_map__is_internal(map))
			continue;
		shared = bpf_object__find_map_by_name(core, bpf_map__name(map));
		if (!shared)
			continue;
		err = bpf_map__reuse_fd(map, bpf_map__fd(shared));
		if (err)
			return err;
	}
	return 0;
}

static int load_core(struct probe *probe, const struct session_opts *opts)
{
	uint32_t tgid, one = 1;
	int err;

	probe->core = wait_bpf__open();
	if (!probe->core)
		return -errno;
	err = size_core(probe->core->obj, opts);
	if (err)
		return err;
	set_addresses(probe->core, &probe->facts);
	err = wait_bpf__load(probe->core);
	if (err)
		return err;
	for (size_t i = 0; i < opts->n_pids; i++) {
		tgid = opts->pids[i];
		if (bpf_map_update_elem(bpf_map__fd(probe->core->maps.watched), &tgid, &one,
					BPF_ANY))
			return -errno;
	}
	return 0;
}

/* The part that all optional objects share; open them before, set them up between. */
static bool load_optional(struct probe *probe, enum probe_feature_id id,
			  struct bpf_object_skeleton *skeleton, struct bpf_object *obj,
			  const char *what)
{
	int err = share_maps(obj, probe->core->obj);

	*last_warning = '\0';
	if (!err)
		err = bpf_object__load_skeleton(skeleton);
	if (err)
		feature_fail(probe, id, err, what);
	else
		feature_set(probe, id, FEATURE_ON, NULL);
	return !err;
}

static void load_stacks(struct probe *probe)
{
	struct holder_bpf *skel = holder_bpf__open();

	if (!skel) {
		feature_fail(probe, PROBE_STACKS, -errno, "task iterators");
	} else if (load_optional(probe, PROBE_STACKS, skel->skeleton, skel->obj,
				 "task iterators")) {
		probe->holder = skel;
		return;
	}
	holder_bpf__destroy(skel);
}

static void load_earlier(struct probe *probe)
{
	struct earlier_bpf *skel = earlier_bpf__open();
	struct timespec tick;

	if (!skel) {
		feature_fail(probe, PROBE_EARLIER, -errno, "task iterators");
		return;
	}
	/* the resolution of the coarse clock is a jiffy */
	if (!clock_getres(CLOCK_MONOTONIC_COARSE, &tick) && tick.tv_nsec)
		skel->rodata->tick_ns = tick.tv_nsec;
	if (load_optional(probe, PROBE_EARLIER, skel->skeleton, skel->obj, "task iterators"))
		probe->earlier = skel;
	else
		earlier_bpf__destroy(skel);
}

/* One way to see who lets go of a lock; the programs are the ways. */
static bool load_release_by(struct probe *probe, enum probe_release by, const char *what)
{
	struct release_bpf *skel = release_bpf__open();
	char how[64];

	if (!skel) {
		feature_fail(probe, PROBE_RELEASE, -errno, what);
		return false;
	}
	bpf_program__set_autoload(skel->progs.who_releases, by == RELEASE_TRACEPOINT);
	bpf_program__set_autoload(skel->progs.who_wakes, by == RELEASE_FENTRY);
	bpf_program__set_autoload(skel->progs.who_wakes_a_waiter, by == RELEASE_WAKING);
	if (!load_optional(probe, PROBE_RELEASE, skel->skeleton, skel->obj, what)) {
		release_bpf__destroy(skel);
		return false;
	}
	probe->release = skel;
	probe->release_by = by;
	snprintf(how, sizeof(how), "by %s", what);
	feature_set(probe, PROBE_RELEASE, FEATURE_ON, how);
	return true;
}

static void load_release(struct probe *probe)
{
	if (probe->facts.contended_release) {
		load_release_by(probe, RELEASE_TRACEPOINT, "lock:contended_release");
		return;
	}
	if (probe->facts.mark_wake &&
	    load_release_by(probe, RELEASE_FENTRY, "fentry on rwsem_mark_wake()"))
		return;
	load_release_by(probe, RELEASE_WAKING, "sched:sched_waking");
}

static void load_exact(struct probe *probe, const struct session_opts *opts)
{
	struct exact_bpf *skel;

	if (!probe->facts.slowpaths) {
		feature_set(probe, PROBE_EXACT, FEATURE_OFF,
			    "the rwsem slow paths are not in the kernel's BTF");
		return;
	}
	skel = exact_bpf__open();
	if (!skel) {
		feature_fail(probe, PROBE_EXACT, -errno, "fentry on the rwsem slow paths");
		return;
	}
	skel->rodata->vma_lock_cachep_addr = probe->facts.vma_lock_cachep_addr;
	skel->rodata->page_offset_base_addr = probe->facts.page_offset_base_addr;
	skel->rodata->vmemmap_base_addr = probe->facts.vmemmap_base_addr;
	resize(skel->obj, "slow", opts->max_waiters);
	if (load_optional(probe, PROBE_EXACT, skel->skeleton, skel->obj,
			  "fentry on the rwsem slow paths"))
		probe->exact = skel;
	else
		exact_bpf__destroy(skel);
}

static void note_kernel(struct probe *probe)
{
	const struct kernel_facts *facts = &probe->facts;

	if (facts->mm_owner)
		feature_set(probe, PROBE_REMOTE, FEATURE_ON, NULL);
	else
		feature_set(
			probe, PROBE_REMOTE, FEATURE_OFF,
			"no mm_struct.owner (CONFIG_MEMCG): other processes' waits not attributed");
	if (!facts->vma_lock_rwsem)
		feature_set(probe, PROBE_VMA_LOCK, FEATURE_OFF,
			    facts->per_vma_locks ? "this kernel's VMA locks are no rwsems: unseen"
						 : "this kernel has no VMA locks");
	else if (!facts->vma_lock_cachep_addr)
		feature_set(probe, PROBE_VMA_LOCK, FEATURE_OFF,
			    "vma_lock_cachep is not in /proc/kallsyms");
	else
		feature_set(probe, PROBE_VMA_LOCK, FEATURE_ON, NULL);
}

static int refuse(char **ret_why, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (vasprintf(ret_why, fmt, args) < 0)
		*ret_why = NULL;
	va_end(args);
	return err;
}

static int explain_core(char **ret_why, int err)
{
	if (err == -EPERM || err == -EACCES)
		return refuse(
			ret_why, -EPERM,
			"loading BPF programs is not permitted: run as root (CAP_BPF, "
			"CAP_PERFMON and CAP_SYS_ADMIN), and not in a container without them");
	if (err == -ENOMEM)
		return refuse(
			ret_why, -ENOMEM,
			"no memory for the BPF maps: lower MaxWaiters, MaxProcesses or MaxHolders");
	return refuse(ret_why, err, "the kernel refused the BPF programs: %s%s%s", strerror(-err),
		      *last_warning ? ": " : "", last_warning);
}

/* The kernel's number of the first pid namespace: PROC_PID_INIT_INO. */
#define FIRST_PID_NAMESPACE 0xeffffffcU

static bool in_first_pid_namespace(void)
{
	struct stat ns;

	return stat("/proc/self/ns/pid", &ns) || ns.st_ino == FIRST_PID_NAMESPACE;
}

int probe_open(const struct session_opts *opts, struct probe **ret_probe, char **ret_why)
{
	struct probe *probe;
	int err;

	*ret_why = NULL;
	if (geteuid())
		return refuse(ret_why, -EPERM, "needs root to load BPF programs (you are uid %u)",
			      geteuid());
	if (!in_first_pid_namespace())
		return refuse(ret_why, -EPERM,
			      "runs in a pid namespace of its own, where the pids that the kernel "
			      "tells mean nothing: run it in the host's (docker run --pid=host)");
	libbpf_set_print(keep_warning);
	*last_warning = '\0';
	probe = calloc(1, sizeof(*probe));
	if (!probe)
		return -ENOMEM;
	err = kernel_probe(&probe->facts);
	if (err) {
		err = refuse(
			ret_why, err == -ENOENT ? -ENOTSUP : err,
			"the kernel has no BTF: /sys/kernel/btf/vmlinux is missing or unreadable; "
			"a kernel with CONFIG_DEBUG_INFO_BTF=y is needed");
		goto out;
	}
	if (!probe->facts.contention) {
		err = refuse(
			ret_why, -ENOTSUP,
			"the kernel has no lock:contention_begin and contention_end tracepoints "
			"(they came with Linux 5.19)");
		goto out;
	}
	err = load_core(probe, opts);
	if (err) {
		err = explain_core(ret_why, err);
		goto out;
	}
	feature_set(probe, PROBE_WAIT, FEATURE_ON, NULL);
	note_kernel(probe);
	load_stacks(probe);
	load_earlier(probe);
	if (opts->release && opts->holders)
		load_release(probe);
	else
		feature_set(probe, PROBE_RELEASE, FEATURE_OFF, "not asked for");
	if (opts->exact)
		load_exact(probe, opts);
	else
		feature_set(probe, PROBE_EXACT, FEATURE_OFF, "not asked for (--exact, Exact=yes)");
	probe->release_when_hot = opts->wakings_when_hot && probe->release_by == RELEASE_WAKING;
	err = probe_events_open(probe);
	if (!err)
		err = probe_configure(probe, opts);
	if (err) {
		err = refuse(ret_why, err, "cannot set the programs up: %s", strerror(-err));
		goto out;
	}
	*ret_probe = probe;
	probe = NULL;
out:
	probe_close(probe);
	return err;
}

void probe_close(struct probe *probe)
{
	if (!probe)
		return;
	probe_events_close(probe);
	exact_bpf__destroy(probe->exact);
	release_bpf__destroy(probe->release);
	earlier_bpf__destroy(probe->earlier);
	holder_bpf__destroy(probe->holder);
	wait_bpf__destroy(probe->core);
	free(probe);
}

int probe_attach(struct probe *probe)
{
	int err;

	*last_warning = '\0';
	err = wait_bpf__attach(probe->core);
	if (err) {
		wait_bpf__detach(probe->core);
		return err;
	}
	probe->attached = true;
	if (probe->release && (!probe->release_when_hot || probe->n_hot) &&
	    (err = release_bpf__attach(probe->release))) {
		release_bpf__detach(probe->release);
		feature_fail(probe, PROBE_RELEASE, err, "following releases");
	}
	if (probe->exact && (err = exact_bpf__attach(probe->exact))) {
		exact_bpf__detach(probe->exact);
		feature_fail(probe, PROBE_EXACT, err, "fentry on the rwsem slow paths");
	}
	if (probe->earlier && (err = probe_find_earlier(probe)))
		feature_fail(probe, PROBE_EARLIER, err, "task iterators");
	return 0;
}

void probe_detach(struct probe *probe)
{
	probe->attached = false;
	if (probe->exact)
		exact_bpf__detach(probe->exact);
	if (probe->release)
		release_bpf__detach(probe->release);
	wait_bpf__detach(probe->core);
}

const struct kernel_facts *probe_facts(const struct probe *probe)
{
	return &probe->facts;
}
