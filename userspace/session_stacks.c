// SPDX-License-Identifier: GPL-2.0
/*
 * Stacks with names. Kernel stacks through ksym; user stacks through the
 * mappings that vmas learns without the process's lock, and usym.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session_internal.h"
#include "text.h"
#include "usym.h"
#include "vmas.h"

#define MAX_THREADS 64 /* tried in place of a main thread that has exited */

/* Add a stack of these names, which it takes over. -1: no memory. */
static int add_stack(struct snapshot *snap, char **names, size_t n)
{
	struct snap_stack *stack = snapshot_add_stack(snap);

	for (size_t i = 0; i < n; i++) {
		if (stack && snapshot_add_frame(stack, names[i]))
			stack = NULL;
		free(names[i]);
	}
	return stack ? (int)(snap->n_stacks - 1) : -1;
}

/* How many innermost frames are our own: the program and the way into it. */
static size_t own_frames(char *const *names, size_t n)
{
	static const char *const prefixes[] = {"bpf_prog_", "bpf_trace_run", "__traceiter_",
					       "__bpf_trace_"};
	size_t own = 0;

	for (size_t i = 0; i < n && i < 8; i++) {
		for (size_t j = 0; j < sizeof(prefixes) / sizeof(prefixes[0]); j++) {
			if (!strncmp(names[i], prefixes[j], strlen(prefixes[j])))
				own = i + 1;
		}
	}
	return own < n ? own : 0;
}

int session_kernel_stack(struct session *session, struct snapshot *snap, const __u64 *ips, size_t n)
{
	uint64_t addrs[FL_STACK_DEPTH];
	char *names[FL_STACK_DEPTH];
	size_t own;

	for (size_t i = 0; i < n; i++)
		addrs[i] = ips[i];
	if (!n || ksym_resolve(session->ksym, addrs, n, names))
		return -1;
	own = own_frames(names, n);
	for (size_t i = 0; i < own; i++)
		free(names[i]);
	return add_stack(snap, names + own, n - own);
}

/* On first use only: without the mappings (see vmas.h) raw addresses are shown. */
static int open_user_symbols(struct session *session)
{
	if (session->usym)
		return 0;
	session->usym = usym_new(NULL);
	if (!session->usym)
		return -ENOMEM;
	session->vmas_err = vmas_new(&session->vmas, &session->vmas_why);
	return 0;
}

int session_user_feature(struct session *session, struct snapshot *snap)
{
	struct snap_feature *feature = snapshot_add_feature(snap);

	if (!feature || open_user_symbols(session))
		return -ENOMEM;
	feature->name = strdup("user_stacks");
	feature->state = !session->vmas_err		 ? FEATURE_ON
			 : session->vmas_err == -ENOTSUP ? FEATURE_OFF
							 : FEATURE_FAILED;
	if (session->vmas_err)
		feature->reason = text_clean_dup(session->vmas_why ? session->vmas_why
								   : strerror(-session->vmas_err));
	return 0;
}

/* A thread that has exited, as the main thread may have, has no mappings. */
static bool mapped_by(struct session *session, uint32_t tid, const uint64_t *addrs, size_t n,
		      struct vma_info *ret)
{
	if (!tid || vmas_lookup(session->vmas, tid, addrs, n, ret))
		return false;
	for (size_t i = 0; i < n; i++)
		if (ret[i].end)
			return true;
	vmas_release(ret, n);
	return false;
}

/* Any thread of the process that still has its mappings; 0: there is none. */
static uint32_t mapped_by_any(struct session *session, uint32_t tgid, const uint64_t *addrs,
			      size_t n, struct vma_info *ret)
{
	struct dirent *entry;
	uint32_t found = 0;
	char path[32];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task", tgid);
	tasks = opendir(path);
	for (int i = 0; tasks && !found && i < MAX_THREADS && (entry = readdir(tasks)); i++) {
		uint32_t tid = strtoul(entry->d_name, NULL, 10);

		if (tid != tgid && mapped_by(session, tid, addrs, n, ret))
			found = tid;
	}
	if (tasks)
		closedir(tasks);
	return found;
}

int session_user_stack(struct session *session, struct snapshot *snap, uint32_t tgid, uint32_t tid,
		       const __u64 *ips, size_t n)
{
	struct vma_info infos[FL_STACK_DEPTH] = {};
	uint64_t addrs[FL_STACK_DEPTH];
	char *names[FL_STACK_DEPTH];
	uint32_t thread = 0; /* whose mappings these are */
	int index;

	if (!n || open_user_symbols(session))
		return -1;
	for (size_t i = 0; i < n; i++)
		addrs[i] = ips[i];
	if (session->vmas) { /* the main thread first: names are remembered by thread */
		thread = mapped_by(session, tgid, addrs, n, infos) ? tgid
			 : mapped_by(session, tid, addrs, n, infos)
				 ? tid
				 : mapped_by_any(session, tgid, addrs, n, infos);
	}
	index = usym_resolve(session->usym, thread, thread ? infos : NULL, addrs, n, names);
	if (thread)
		vmas_release(infos, n);
	if (index)
		return -1;
	index = add_stack(snap, names, n);
	if (index >= 0)
		snap->stacks[index].user = true;
	return index;
}

size_t session_frame_names(const struct snap_stack *stack, char (*names)[64], const char **ret,
			   size_t max)
{
	size_t n = stack->n < max ? stack->n : max;

	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof(names[i]), "%s", stack->frames[i]);
		names[i][strcspn(names[i], "+ ")] = '\0';
		ret[i] = names[i];
	}
	return n;
}

/* Addresses of kernel stacks, to be named in one pass. */
struct wanted {
	struct session *session;
	uint64_t *addrs;
	size_t n;
	size_t max;
};

static void want(struct wanted *wanted, const __u64 *ips, size_t n)
{
	if (n > FL_STACK_DEPTH)
		n = FL_STACK_DEPTH;
	if (wanted->n + n > wanted->max) {
		size_t max = 2 * (wanted->n + n);
		uint64_t *addrs = realloc(wanted->addrs, max * sizeof(*addrs));

		if (!addrs)
			return; /* slower then, not wrong */
		wanted->addrs = addrs;
		wanted->max = max;
	}
	for (size_t i = 0; i < n; i++)
		wanted->addrs[wanted->n++] = ips[i];
}

static void want_stack(struct wanted *wanted, __s32 id)
{
	__u64 ips[FL_STACK_DEPTH];

	want(wanted, ips, probe_stack_ips(wanted->session->probe, false, id, ips));
}

static bool want_total(void *arg, const struct fl_stack_key *key,
		       const struct fl_stack_total *total)
{
	(void)total;
	want_stack(arg, key->kstack);
	return false;
}

/* As they are now: when their rows are made they have moved on, mostly not far. */
static void want_tasks(struct wanted *wanted, const uint32_t *tids, size_t n)
{
	struct fl_task_stack stacks[SESSION_MAX_LOOKS];
	int found = n ? probe_task_stacks(wanted->session->probe, tids, n, stacks) : 0;

	for (int i = 0; i < found; i++)
		want(wanted, stacks[i].ips, stacks[i].depth);
}

static void want_stuck(struct wanted *wanted)
{
	uint32_t tids[2 * SESSION_STUCK_STACKS];
	const struct tally_stuck *stuck;
	size_t n, n_tids = 0;

	stuck = tally_stuck(wanted->session->tally, &n);
	for (size_t i = 0; i < n && i < SESSION_STUCK_STACKS; i++) {
		tids[n_tids++] = stuck[i].tid;
		if (stuck[i].wait.holder.tid)
			tids[n_tids++] = stuck[i].wait.holder.tid;
	}
	want_tasks(wanted, tids, n_tids);
}

void session_learn_tasks(struct session *session, const uint32_t *tids, size_t n)
{
	struct wanted wanted = {.session = session};

	want_tasks(&wanted, tids, n);
	ksym_prefetch(session->ksym, wanted.addrs, wanted.n);
	free(wanted.addrs);
}

void session_learn_symbols(struct session *session)
{
	const struct fl_event *events[SESSION_SINGLE_WAITS];
	struct wanted wanted = {.session = session};
	const struct tally_holder *holders;
	size_t n;

	probe_each_stack(session->probe, want_total, &wanted);
	n = tally_events(session->tally, events, SESSION_SINGLE_WAITS);
	for (size_t i = 0; i < n; i++)
		want_stack(&wanted, events[i]->kstack);
	holders = tally_holders(session->tally, &n);
	for (size_t i = 0; i < n; i++)
		want(&wanted, holders[i].stack.ips, holders[i].stack.depth);
	want_stuck(&wanted);
	ksym_prefetch(session->ksym, wanted.addrs, wanted.n);
	free(wanted.addrs);
}

struct fill {
	struct session *session;
	struct snapshot *snap;
};

static enum cause stack_cause(const struct snap_stack *stack, const struct fl_task_ref *ref,
			      const char *comm)
{
	const char *frames[FL_STACK_DEPTH];
	char names[FL_STACK_DEPTH][64];

	return cause_of(ref, comm, frames,
			session_frame_names(stack, names, frames, FL_STACK_DEPTH));
}

static bool fill_total(void *arg, const struct fl_stack_key *key,
		       const struct fl_stack_total *total)
{
	const struct fl_task_ref ref = {
		.tid = 1,
		.nr = FL_NR_UNKNOWN,
		.flags = key->rel == FL_KTHREAD ? FL_T_KTHREAD
			 : key->rel == FL_OWN	? FL_T_SAME_MM
						: 0,
	};
	struct fill *fill = arg;
	__u64 ips[FL_STACK_DEPTH];
	struct snap_stack *stack;
	int kernel, user = -1;
	size_t n;

	n = probe_stack_ips(fill->session->probe, false, key->kstack, ips);
	kernel = session_kernel_stack(fill->session, fill->snap, ips, n);
	if (kernel < 0)
		return false;
	n = probe_stack_ips(fill->session->probe, true, key->ustack, ips);
	if (n)
		user = session_user_stack(fill->session, fill->snap, key->waiter_tgid, 0, ips, n);
	stack = &fill->snap->stacks[kernel];
	stack->below = user;
	stack->tgid = key->tgid;
	stack->task_tgid = key->waiter_tgid;
	stack->mode = key->mode;
	stack->count = total->count;
	stack->total_ns = total->total_ns;
	text_clean(stack->comm, sizeof(stack->comm), total->waiter_comm, FL_COMM_LEN);
	stack->cause = stack_cause(stack, &ref, total->waiter_comm);
	if (user >= 0) {
		fill->snap->stacks[user].tgid = key->tgid;
		fill->snap->stacks[user].task_tgid = key->waiter_tgid;
		memcpy(fill->snap->stacks[user].comm, stack->comm, sizeof(stack->comm));
	}
	return false;
}

static void fill_holder(struct fill *fill, const struct tally_holder *holder)
{
	char comm[FL_COMM_LEN + 1] = "";
	struct snap_stack *stack;
	int index;

	index = session_kernel_stack(fill->session, fill->snap, holder->stack.ips,
				     holder->stack.depth);
	if (index < 0)
		return;
	stack = &fill->snap->stacks[index];
	memcpy(comm, holder->stack.comm, FL_COMM_LEN);
	text_clean(stack->comm, sizeof(stack->comm), comm, FL_COMM_LEN);
	stack->role = SNAP_HOLDER;
	stack->tgid = holder->tgid;
	stack->task_tgid = holder->stack.task.tgid;
	stack->count = holder->samples;
	stack->total_ns = holder->total_ns;
	stack->cause = stack_cause(stack, &holder->stack.task, comm);
}

int session_fill_stacks(struct session *session, struct snapshot *snap)
{
	struct fill fill = {.session = session, .snap = snap};
	const struct tally_holder *holders;
	size_t n;
	int err;

	err = probe_each_stack(session->probe, fill_total, &fill);
	holders = tally_holders(session->tally, &n);
	for (size_t i = 0; i < n; i++)
		fill_holder(&fill, &holders[i]);
	return err;
}
