// SPDX-License-Identifier: GPL-2.0
/* The state of a measurement as a snapshot, and single waits as rows of one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "proc.h"
#include "session_internal.h"
#include "spf_probe.h"
#include "text.h"

static void fill_task(struct snap_task *task, const struct fl_task_ref *ref, const char *raw_comm)
{
	char comm[FL_COMM_LEN + 1] = "", detail[128];

	if (!ref->tid)
		return;
	task->tid = ref->tid;
	task->tgid = ref->tgid;
	task->kthread = ref->flags & FL_T_KTHREAD;
	if (raw_comm && *raw_comm)
		memcpy(comm, raw_comm, FL_COMM_LEN);
	else
		proc_comm(ref->tid, comm);
	text_clean(task->comm, sizeof(task->comm), comm, FL_COMM_LEN);
	task->cause = cause_of(ref, comm, NULL, 0);
	cause_detail(ref, detail, sizeof(detail));
	if (*detail)
		task->detail = strdup(detail);
}

/* A reader of /proc is still at it: its file descriptor tells which file. */
static void fill_procfs_detail(struct snap_task *task, const struct fl_task_ref *ref)
{
	char *path, *clean, *detail;

	if (task->cause != CAUSE_PROCFS || task->detail)
		return;
	path = proc_fd_path(ref->tgid, (int)ref->args[0]);
	clean = path && !strncmp(path, "/proc/", 6) ? text_clean_dup(path) : NULL;
	if (clean && asprintf(&detail, "read %s", clean) >= 0)
		task->detail = detail;
	free(clean);
	free(path);
}

static int fill_wait(struct session *session, struct snap_wait *row, const struct fl_waiter *w,
		     const char *waiter_comm, const char *holder_comm, const char *comm)
{
	const char *cgroup;

	row->begin_ns = w->begin_ns;
	row->tgid = w->tgid;
	row->start_ns = w->start_ns;
	row->mode = w->mode;
	row->cls = w->cls;
	row->rel = w->rel;
	row->conf = w->conf;
	/* a reader need not wait for readers, unless a writer is queued before it */
	row->queued_behind_writer = w->mode == FL_READ && !(w->count & 1) && w->count & 2;
	if (w->tgid) {
		snprintf(row->comm, sizeof(row->comm), "%s",
			 tally_comm(session->tally, w->tgid, w->start_ns, comm));
		cgroup = tally_cgroup(session->tally, w->tgid, w->start_ns);
		row->cgroup = cgroup ? strdup(cgroup) : NULL;
	}
	fill_task(&row->waiter, &w->self, waiter_comm);
	fill_task(&row->holder, &w->holder, holder_comm);
	return 0;
}

/* A stack can tell more than the system call did. */
static void refine(struct snapshot *snap, int stack, struct snap_task *task,
		   const struct fl_task_ref *ref)
{
	const char *frames[FL_STACK_DEPTH];
	char names[FL_STACK_DEPTH][64];
	size_t n;

	if (stack < 0)
		return;
	n = session_frame_names(&snap->stacks[stack], names, frames, FL_STACK_DEPTH);
	task->cause = cause_of(ref, task->comm, frames, n);
	snap->stacks[stack].cause = task->cause;
}

int session_add_event(struct session *session, struct snapshot *snap, const struct fl_event *event,
		      bool with_stacks)
{
	struct snap_wait *row = snapshot_add_wait(snap);
	__u64 ips[FL_STACK_DEPTH];
	size_t n;

	if (!row)
		return -ENOMEM;
	row->finished = true;
	row->dur_ns = event->end_ns - event->wait.begin_ns;
	row->ret = event->ret;
	fill_wait(session, row, &event->wait, event->waiter_comm, event->holder_comm, event->comm);
	fill_procfs_detail(&row->holder, &event->wait.holder);
	if (!with_stacks)
		return 0;
	n = probe_stack_ips(session->probe, false, event->kstack, ips);
	row->kstack = session_kernel_stack(session, snap, ips, n);
	refine(snap, row->kstack, &row->waiter, &event->wait.self);
	n = probe_stack_ips(session->probe, true, event->ustack, ips);
	row->ustack = session_user_stack(session, snap, row->waiter.tgid, row->waiter.tid, ips, n);
	return 0;
}

int session_add_stuck(struct session *session, struct snapshot *snap,
		      const struct tally_stuck *stuck, bool with_stacks)
{
	struct snap_wait *row = snapshot_add_wait(snap);
	struct fl_task_stack stack;

	if (!row)
		return -ENOMEM;
	row->dur_ns = session_now_ns() - stuck->wait.begin_ns;
	fill_wait(session, row, &stuck->wait, NULL, stuck->holder_comm, NULL);
	fill_procfs_detail(&row->holder, &stuck->wait.holder);
	if (!with_stacks)
		return 0;
	if (probe_task_stacks(session->probe, &stuck->tid, 1, &stack) == 1) {
		row->kstack = session_kernel_stack(session, snap, stack.ips, stack.depth);
		refine(snap, row->kstack, &row->waiter, &stuck->wait.self);
	}
	if (row->holder.tid &&
	    probe_task_stacks(session->probe, &row->holder.tid, 1, &stack) == 1) {
		row->holder_stack = session_kernel_stack(session, snap, stack.ips, stack.depth);
		if (row->holder_stack >= 0) {
			snap->stacks[row->holder_stack].role = SNAP_HOLDER;
			refine(snap, row->holder_stack, &row->holder, &stuck->wait.holder);
		}
	}
	return 0;
}

static int fill_waits(struct session *session, struct snapshot *snap, bool with_stacks)
{
	const struct fl_event *events[SESSION_SINGLE_WAITS];
	const struct tally_stuck *stuck;
	size_t n;
	int err;

	stuck = tally_stuck(session->tally, &n);
	for (size_t i = 0; i < n; i++) {
		/* it may have ended since the last look */
		if (!probe_still_waits(session->probe, stuck[i].tid, stuck[i].wait.begin_ns))
			continue;
		/* the stacks of the first ones tell what is to be told */
		err = session_add_stuck(session, snap, &stuck[i],
					with_stacks && i < SESSION_STUCK_STACKS);
		if (err)
			return err;
	}
	n = tally_events(session->tally, events, SESSION_SINGLE_WAITS);
	for (size_t i = 0; i < n; i++) {
		err = session_add_event(session, snap, events[i], with_stacks);
		if (err)
			return err;
	}
	return 0;
}

static char *read_line(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[128] = "";

	if (!file)
		return strdup("");
	if (!fgets(line, sizeof(line), file))
		*line = '\0';
	fclose(file);
	line[strcspn(line, "\n")] = '\0';
	return strdup(line);
}

static uint64_t rss_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long long size, resident = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%llu %llu", &size, &resident) != 2)
		resident = 0;
	fclose(file);
	return resident * sysconf(_SC_PAGESIZE);
}

static const char *blind_spot(const struct session *session)
{
	bool exact = probe_feature(session->probe, PROBE_EXACT)->state == FEATURE_ON;

	if (session->facts.per_vma_locks && !session->facts.vma_lock_rwsem)
		return exact ? "VMA lock waits"
			     : "spun writers, stolen reads, VMA lock waits (this kernel's faults "
			       "mostly take VMA locks)";
	return exact ? "nothing known" : "spun writers, stolen reads (see --exact)";
}

static int fill_features(struct session *session, struct snapshot *snap)
{
	for (int i = 0; i < PROBE_NR_FEATURES; i++) {
		const struct probe_feature *from = probe_feature(session->probe, i);
		struct snap_feature *to = snapshot_add_feature(snap);

		if (!to)
			return -ENOMEM;
		to->name = strdup(probe_feature_name(i));
		to->state = from->state;
		to->reason = *from->reason ? text_clean_dup(from->reason) : NULL;
	}
	return session->opts.user_stacks ? session_user_feature(session, snap) : 0;
}

void session_stamp(struct snap_meta *meta)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	meta->time_unix_ns = wall.tv_sec * 1000000000ULL + wall.tv_nsec;
	meta->mono_ns = session_now_ns();
}

/* Counts of the whole host; without them the snapshot is good all the same. */
static void fill_speculation(const struct session *session, struct snap_meta *meta)
{
	struct spf_counts now;

	meta->speculative = session->facts.speculative;
	if (!meta->speculative || spf_read_vmstat(SPF_VMSTAT, &now))
		return;
	spf_diff(&session->spf_start, &now, &meta->spf);
	spf_read_sysctl(SPF_SYSCTL, "spf_backoff_max", &meta->spf_backoff_max);
}

int session_fill_meta(struct session *session, struct snapshot *snap)
{
	struct snap_meta *meta = &snap->meta;
	struct timespec cpu;
	struct utsname host;
	uint64_t ns, calls;

	session_stamp(meta);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	uname(&host);
	meta->window_ns = meta->mono_ns - session->opened_ns;
	meta->host = text_clean_dup(host.nodename);
	meta->kernel = text_clean_dup(host.release);
	meta->boot_id = read_line("/proc/sys/kernel/random/boot_id");
	meta->version = strdup(FAULTLINE_VERSION);
	meta->source = strdup("direct");
	meta->blind = strdup(blind_spot(session));
	meta->per_vma_locks = session->facts.per_vma_locks;
	fill_speculation(session, meta);
	meta->attached = !session->detached_reason;
	if (session->detached_reason)
		meta->detached_reason = strdup(session->detached_reason);
	if (session->sampled_ns)
		meta->bpf_ns =
			(double)session->sampled_run_ns / session->sampled_ns * meta->window_ns;
	meta->cpu_ns = cpu.tv_sec * 1000000000ULL + cpu.tv_nsec - session->cpu_start_ns;
	meta->rss_bytes = rss_bytes();
	meta->map_bytes = probe_map_bytes(session->probe);
	probe_run_stats(session->probe, &ns, &calls, &meta->recursion_misses);
	return probe_counters(session->probe, meta->counters);
}

int session_snapshot(struct session *session, bool with_stacks, struct snapshot **ret_snap)
{
	struct snapshot *snap = snapshot_new();
	int err = -ENOMEM;

	if (!snap)
		return err;
	err = session_fill_meta(session, snap);
	if (!err)
		err = fill_features(session, snap);
	if (!err)
		err = tally_fill_procs(session->tally, session->probe, snap);
	if (!err)
		err = tally_fill_blames(session->tally, session->probe, snap);
	if (!err && with_stacks)
		session_learn_symbols(session);
	if (!err)
		err = fill_waits(session, snap, with_stacks);
	if (!err && with_stacks)
		err = session_fill_stacks(session, snap);
	if (!err && session->spf)
		err = spf_probe_fill(session->spf, snap);
	if (err) {
		snapshot_free(snap);
		return err;
	}
	*ret_snap = snap;
	return 0;
}
