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
#include <cap-ng.h>

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

void probe_forget_warning(void)
{
	*last_warning = '\0';
}

void probe_feature_set(struct probe *probe, enum probe_feature_id id, enum feature_state state,
		       const char *reason)
{
	struct probe_feature *feature = &probe->features[id];

	feature->state = state;
	snprintf(feature->reason, sizeof(feature->reason), "%s", reason ? reason : "");
}

void probe_feature_fail(struct probe *probe, enum probe_feature_id id, int err, const char *what)
{
	char reason[160];

	if (err == -EPERM || err == -EACCES)
		snprintf(reason, sizeof(reason), "the kernel does not permit %s here (%s)", what,
			 strerror(-err));
	else
		snprintf(reason, sizeof(reason), "%s: %s", strerror(-err),
			 *last_warning ? last_warning : what);
	probe_feature_set(probe, id, FEATURE_FAILED, reason);
}

const char *probe_feature_name(enum probe_feature_id id)
{
	return id < PROBE_NR_FEATURES ? feature_names[id] : "?";
}

const struct probe_feature *probe_feature(const struct probe *probe, enum probe_feature_id id)
{
	return &probe->features[id];
}

int probe_resize(struct bpf_object *obj, const char *map, uint32_t entries)
{
	struct bpf_map *m = bpf_object__find_map_by_name(obj, map);

	return m && entries ? bpf_map__set_max_entries(m, entries) : 0;
}

static int size_core(struct bpf_object *obj, const struct session_opts *opts)
{
	int err;

	if ((err = probe_resize(obj, "waiters", opts->max_waiters)) ||
	    (err = probe_resize(obj, "stats", opts->max_procs)) ||
	    (err = probe_resize(obj, "blame", opts->max_blames)) ||
	    (err = probe_resize(obj, "stack_totals", opts->max_stacks)) ||
	    (err = probe_resize(obj, "kstacks", opts->max_stacks)) ||
	    (err = probe_resize(obj, "ustacks", opts->user_stacks ? opts->max_stacks : 1)) ||
	    (err = probe_resize(obj, "watched", opts->n_pids ? opts->n_pids : 1)) ||
	    (err = probe_resize(obj, "events", opts->ring_bytes)))
		return err;
	return probe_resize(obj, "releases", opts->release ? 1024 : 1);
}

static void set_addresses(struct wait_bpf *core, const struct kernel_facts *facts)
{
	core->rodata->vma_lock_cachep_addr = facts->vma_lock_cachep_addr;
	core->rodata->page_offset_base_addr = facts->page_offset_base_addr;
	core->rodata->vmemmap_base_addr = facts->vmemmap_base_addr;
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

/* A service manager may give a user of its own what it takes, and no more. */
static bool may_load(void)
{
	capng_get_caps_process();
	return !geteuid() || (capng_have_capability(CAPNG_EFFECTIVE, CAP_BPF) &&
			      capng_have_capability(CAPNG_EFFECTIVE, CAP_PERFMON));
}

int probe_open(const struct session_opts *opts, struct probe **ret_probe, char **ret_why)
{
	struct probe *probe;
	int err;

	*ret_why = NULL;
	if (!may_load())
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
	probe_feature_set(probe, PROBE_WAIT, FEATURE_ON, NULL);
	probe_load_optional(probe, opts);
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
		probe_feature_fail(probe, PROBE_RELEASE, err, "following releases");
	}
	if (probe->exact && (err = exact_bpf__attach(probe->exact))) {
		exact_bpf__detach(probe->exact);
		probe_feature_fail(probe, PROBE_EXACT, err, "fentry on the rwsem slow paths");
	}
	if (probe->earlier && (err = probe_find_earlier(probe)))
		probe_feature_fail(probe, PROBE_EARLIER, err, "task iterators");
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
