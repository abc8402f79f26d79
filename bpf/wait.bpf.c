// SPDX-License-Identifier: GPL-2.0
/*
 * Who waits for which process's mmap_lock, for how long, and who holds it?
 *
 * contention_begin and contention_end of the rwsem slow path: nothing runs
 * while the lock is free. A thread's wait is kept in its own element of
 * `waiters`, which outlives the wait, so that the map is written to once a
 * thread; what the wait adds to (its process, the holder, the stack) is looked
 * up at its end, when the lock is no longer waited for.
 *
 * A writer's contention_begin runs with the rwsem's wait_lock held and IRQs off.
 * The holder has to be read there all the same, since it is the holder only
 * then: a handful of probe reads, no update of any map but the thread's own
 * element. README.md has what that costs.
 *
 * Not seen: writers that win by optimistic spinning and readers that steal the
 * lock (exact.bpf.c), and waits that began before the programs were attached.
 */
#include "blame.bpf.h"
#include "stacks.bpf.h"

char LICENSE[] SEC("license")
= "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} hot SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 512 * 1024);
} events SEC(".maps");

static const struct fl_waiter no_waiter;

static __always_inline struct fl_waiter *waiter_of(__u32 tid)
{
	struct fl_waiter *waiter = bpf_map_lookup_elem(&waiters, &tid);

	if (waiter)
		return waiter;
	bpf_map_update_elem(&waiters, &tid, &no_waiter, BPF_NOEXIST);
	return bpf_map_lookup_elem(&waiters, &tid);
}

static __always_inline void note_self(struct fl_waiter *w, struct task_struct *cur)
{
	struct pt_regs *regs;

	w->self.tid = cur->pid;
	w->self.tgid = cur->tgid;
	w->self.flags = 0;
	if (cur->flags & PF_KTHREAD) {
		w->self.flags = FL_T_KTHREAD;
		w->self.nr = FL_NR_KTHREAD;
		return;
	}
	if (cur->flags & PF_EXITING)
		w->self.flags |= FL_T_EXITING;
	if (w->rel == FL_OWN)
		w->self.flags |= FL_T_SAME_MM;
	if (cur->flags & PF_WORKERS) {
		w->self.nr = worker_call(cur->flags);
		__builtin_memset(w->self.args, 0, sizeof(w->self.args));
		return;
	}
	regs = (void *)bpf_task_pt_regs(cur);
	w->self.nr = (__s64)regs->orig_ax < 0 ? FL_NR_FAULT : (__s32)regs->orig_ax;
	w->self.args[0] = regs->di;
	w->self.args[1] = regs->si;
	w->self.args[2] = regs->dx;
	w->self.args[3] = regs->r10;
	if (regs->cs == X86_USER32_CS)
		w->self.flags |= FL_T_COMPAT;
}

static __always_inline void note_holder(struct fl_waiter *w, __u64 lock, __u64 mm,
					struct task_struct *cur)
{
	struct rw_semaphore *sem = (void *)lock;

	w->conf = FL_CONF_NONE;
	w->holder.tid = 0;
	w->count = w->owner = 0;
	if (!kernel_has_rwsem_owner())
		return;
	w->count = BPF_PROBE_READ(sem, count.counter);
	w->owner = BPF_PROBE_READ(sem, owner.counter);
	w->conf = read_holder(&w->holder, w->count, w->owner, mm, cur);
}

SEC("tp_btf/contention_begin")
int BPF_PROG(who_starts_to_wait, void *lock, unsigned int flags)
{
	struct task_struct *cur;
	struct fl_config *cfg;
	struct target target;
	struct fl_waiter *w;
	__u32 tgid = 0;

	if (flags & (LCB_F_SPIN | LCB_F_MUTEX | LCB_F_PERCPU) ||
	    !(flags & (LCB_F_READ | LCB_F_WRITE)))
		return 0;

	cur = bpf_get_current_task_btf();
	cfg = settings();
	if (!cfg)
		return 0;
	if (!target_of((__u64)lock, flags & LCB_F_WRITE, cur, &target)) {
		count(FL_SEEN_OTHER_RWSEM);
		return 0;
	}
	if (target.rel == FL_OWN)
		tgid = cur->tgid;
	else if (target.leader)
		tgid = BPF_PROBE_READ(target.leader, tgid);
	if (!is_watched(cfg, tgid)) {
		count(FL_SEEN_FILTERED);
		return 0;
	}
	w = waiter_of(cur->pid);
	if (!w) {
		count(FL_LOST_WAITERS_FULL);
		return 0;
	}

	w->lock = (__u64)lock;
	w->tgid = tgid;
	/* not what the element says: its tid may have been another process's */
	if (target.rel == FL_OWN)
		w->start_ns = cur->group_leader->start_boottime;
	else
		w->start_ns = target.leader ? BPF_PROBE_READ(target.leader, start_boottime) : 0;
	w->mode = flags & LCB_F_WRITE ? FL_WRITE : FL_READ;
	w->cls = target.cls;
	w->rel = target.rel;
	note_self(w, cur);
	if (cfg->holders)
		note_holder(w, (__u64)lock, target.mm, cur);
	else
		w->conf = w->holder.tid = 0;
	if (!w->begin_ns) /* else the end of the last wait was not seen */
		waiting_add(cur->pid, 1);
	/* last: userspace takes an element with begin_ns for a wait */
	w->last_begin_ns = bpf_ktime_get_ns();
	barrier();
	w->begin_ns = w->last_begin_ns;
	return 0;
}

/*
 * A wakeup for each event would cost more than all the rest: an interrupt here and a
 * context switch there. Userspace looks by itself, four times a second.
 */
static __always_inline __u64 wakeup(const struct fl_config *cfg)
{
	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >= cfg->wake_bytes
		       ? BPF_RB_FORCE_WAKEUP
		       : BPF_RB_NO_WAKEUP;
}

static __always_inline void send_event(const struct fl_config *cfg, const struct fl_waiter *w,
				       const struct fl_stat *stat, const struct fl_stack_key *key,
				       __u64 begin, __u64 now, int ret, const char *holder_comm)
{
	struct fl_event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		count(FL_LOST_EVENTS_FULL);
		return;
	}
	e->wait = *w;
	e->wait.begin_ns = begin;
	e->end_ns = now;
	e->ret = ret;
	e->kstack = key->kstack;
	e->ustack = key->ustack;
	e->pad = 0;
	e->cgroup_id = stat ? stat->cgroup_id : 0;
	__builtin_memset(e->comm, 0, sizeof(e->comm));
	if (stat)
		__builtin_memcpy(e->comm, stat->comm, sizeof(e->comm));
	__builtin_memcpy(e->holder_comm, holder_comm, FL_COMM_LEN);
	bpf_get_current_comm(e->waiter_comm, sizeof(e->waiter_comm));
	bpf_ringbuf_submit(e, wakeup(cfg));
}

/* NULL: there is no room, which is counted. */
static __always_inline struct fl_stat *add_stat(const struct fl_waiter *w,
						const struct fl_config *cfg,
						struct task_struct *cur, __u64 now, __u64 ns)
{
	struct fl_stat_key key = {
		.start_ns = w->start_ns,
		.tgid = w->tgid,
		.mode = w->mode,
		.cls = w->cls,
		.rel = w->rel,
	};
	struct fl_stat *stat = bpf_map_lookup_elem(&stats, &key);
	struct target target;

	if (!stat)
		stat = stat_of(&key, target_of(w->lock, w->mode == FL_WRITE, cur, &target)
					     ? target.leader
					     : NULL);
	if (stat)
		stat_add(shard_of(stat, &key, cfg), now, ns);
	else
		count(FL_LOST_STATS_FULL);
	return stat;
}

SEC("tp_btf/contention_end")
int BPF_PROG(who_stops_to_wait, void *lock, int ret)
{
	struct fl_stack_key stack = {.kstack = -1, .ustack = -1};
	struct task_struct *cur = bpf_get_current_task_btf();
	__u32 tid = cur->pid;
	struct fl_config *cfg;
	struct fl_stat *stat;
	struct fl_waiter *w;
	__u64 begin, now, ns, hot_ns;
	char holder_comm[FL_COMM_LEN] = {};

	if (!may_wait(tid))
		return 0;
	w = bpf_map_lookup_elem(&waiters, &tid);
	if (!w || !w->begin_ns || w->lock != (__u64)lock)
		return 0;
	cfg = settings();
	if (!cfg)
		return 0;
	if (w->self.tid != tid) { /* swept and reused: it is another thread's now */
		count(FL_LOST_RACE);
		return 0;
	}
	waiting_add(tid, -1);
	now = bpf_ktime_get_ns();
	begin = w->begin_ns;
	ns = now - begin;
	if (ns < cfg->min_wait_ns) {
		w->begin_ns = 0;
		count(FL_SEEN_BELOW_MIN);
		return 0;
	}
	if (cfg->holders)
		settle_holder(w, cfg, now, ret, holder_comm);
	w->begin_ns = 0;

	stat = add_stat(w, cfg, cur, now, ns);
	if (cfg->holders)
		add_blame(w, now, ns, holder_comm);

	hot_ns = cfg->hot_min_ns;
	if (ns >= hot_ns && !bpf_map_lookup_elem(&hot, &w->tgid))
		hot_ns = ~0ULL;
	if (ns >= cfg->stack_min_ns || ns >= hot_ns)
		add_stacks(ctx, cfg, w, now, ns, &stack);
	if (ns >= cfg->event_min_ns || ns >= hot_ns)
		send_event(cfg, w, stat, &stack, begin, now, ret, holder_comm);
	return 0;
}
