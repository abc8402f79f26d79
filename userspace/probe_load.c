// SPDX-License-Identifier: GPL-2.0
/*
 * The optional objects: each is loaded on the core's maps, and where the kernel
 * does not take it, its feature says why.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include <bpf/libbpf.h>

#include "probe_internal.h"

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

/* The part that all optional objects share; open them before, set them up between. */
static bool load_optional(struct probe *probe, enum probe_feature_id id,
			  struct bpf_object_skeleton *skeleton, struct bpf_object *obj,
			  const char *what)
{
	int err = share_maps(obj, probe->core->obj);

	probe_forget_warning();
	if (!err)
		err = bpf_object__load_skeleton(skeleton);
	if (err)
		probe_feature_fail(probe, id, err, what);
	else
		probe_feature_set(probe, id, FEATURE_ON, NULL);
	return !err;
}

static void load_stacks(struct probe *probe)
{
	struct holder_bpf *skel = holder_bpf__open();

	if (!skel) {
		probe_feature_fail(probe, PROBE_STACKS, -errno, "task iterators");
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
		probe_feature_fail(probe, PROBE_EARLIER, -errno, "task iterators");
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
		probe_feature_fail(probe, PROBE_RELEASE, -errno, what);
		return false;
	}
	skel->rodata->vma_lock_cachep_addr = probe->facts.vma_lock_cachep_addr;
	skel->rodata->page_offset_base_addr = probe->facts.page_offset_base_addr;
	skel->rodata->vmemmap_base_addr = probe->facts.vmemmap_base_addr;
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
	probe_feature_set(probe, PROBE_RELEASE, FEATURE_ON, how);
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
		probe_feature_set(probe, PROBE_EXACT, FEATURE_OFF,
				  "the rwsem slow paths are not in the kernel's BTF");
		return;
	}
	skel = exact_bpf__open();
	if (!skel) {
		probe_feature_fail(probe, PROBE_EXACT, -errno, "fentry on the rwsem slow paths");
		return;
	}
	skel->rodata->vma_lock_cachep_addr = probe->facts.vma_lock_cachep_addr;
	skel->rodata->page_offset_base_addr = probe->facts.page_offset_base_addr;
	skel->rodata->vmemmap_base_addr = probe->facts.vmemmap_base_addr;
	probe_resize(skel->obj, "slow", opts->max_waiters);
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
		probe_feature_set(probe, PROBE_REMOTE, FEATURE_ON, NULL);
	else
		probe_feature_set(
			probe, PROBE_REMOTE, FEATURE_OFF,
			"no mm_struct.owner (CONFIG_MEMCG): other processes' waits not attributed");
	if (!facts->vma_lock_rwsem)
		probe_feature_set(probe, PROBE_VMA_LOCK, FEATURE_OFF,
				  facts->per_vma_locks
					  ? "this kernel's VMA locks are no rwsems: unseen"
					  : "this kernel has no VMA locks");
	else if (!facts->vma_lock_cachep_addr)
		probe_feature_set(probe, PROBE_VMA_LOCK, FEATURE_OFF,
				  "vma_lock_cachep is not in /proc/kallsyms");
	else
		probe_feature_set(probe, PROBE_VMA_LOCK, FEATURE_ON, NULL);
}

void probe_load_optional(struct probe *probe, const struct session_opts *opts)
{
	note_kernel(probe);
	load_stacks(probe);
	load_earlier(probe);
	if (opts->release && opts->holders)
		load_release(probe);
	else
		probe_feature_set(probe, PROBE_RELEASE, FEATURE_OFF, "not asked for");
	if (opts->exact)
		load_exact(probe, opts);
	else
		probe_feature_set(probe, PROBE_EXACT, FEATURE_OFF,
				  "not asked for (--exact, Exact=yes)");
}
