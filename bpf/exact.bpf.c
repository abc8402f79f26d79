// SPDX-License-Identifier: GPL-2.0
/*
 * Who takes the slow path for an mmap_lock without being queued? A writer that
 * wins by optimistic spinning and a reader that steals the lock never reach
 * contention_begin, though they spent the time.
 *
 * Entry and exit of both slow paths. What was queued in between is counted by
 * wait.bpf.c already and left out here: its element of `waiters` has begun
 * after the entry.
 */
#include "lock.bpf.h"

char LICENSE[] SEC("license")
= "GPL";

struct slow {
	__u64 begin_ns;
	__u64 lock;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct slow);
} slow SEC(".maps");

/* The verifier takes an argument for a pointer, with which it lets us do little. */
static __always_inline __u64 address(const struct rw_semaphore *sem)
{
	__u64 plain = 0;

	bpf_probe_read_kernel(&plain, sizeof(plain), &sem);
	return plain;
}

static __always_inline int enter(__u64 lock, bool write)
{
	struct task_struct *cur = bpf_get_current_task_btf();
	struct fl_config *cfg = settings();
	struct target target;
	struct slow now = {.lock = lock};
	__u32 tid = cur->pid;

	if (!cfg || !target_of(lock, write, cur, &target))
		return 0;
	if (cfg->watch_only && !is_watched(cfg, BPF_PROBE_READ(target.leader, tgid)))
		return 0;
	now.begin_ns = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&slow, &tid, &now, BPF_ANY))
		count(FL_LOST_SLOW_FULL);
	return 0;
}

static __always_inline int leave(__u64 lock, bool write)
{
	struct task_struct *cur = bpf_get_current_task_btf();
	struct fl_config *cfg = settings();
	struct fl_stat_key key = {.kind = FL_SPUN};
	struct fl_task_ref self = {};
	struct fl_waiter *waiter;
	struct target target;
	struct fl_stat *stat;
	struct fl_lock *past;
	struct slow *entry;
	__u32 tid = cur->pid;
	__u64 begin, now;

	entry = bpf_map_lookup_elem(&slow, &tid);
	if (!entry || entry->lock != lock)
		return 0;
	begin = entry->begin_ns;
	bpf_map_delete_elem(&slow, &tid);
	waiter = bpf_map_lookup_elem(&waiters, &tid);
	if (waiter && waiter->lock == lock && waiter->last_begin_ns >= begin)
		return 0;
	now = bpf_ktime_get_ns();
	if (!cfg || !target_of(lock, write, cur, &target))
		return 0;
	if (write && cfg->holders && read_task(&self, cur, target.mm, cur)) {
		past = lock_of(lock);
		if (past)
			note_writer(past, &self, now);
	}
	if (now - begin < cfg->min_wait_ns) {
		count(FL_SEEN_BELOW_MIN);
		return 0;
	}

	if (target.leader) {
		key.start_ns = BPF_PROBE_READ(target.leader, start_boottime);
		key.tgid = BPF_PROBE_READ(target.leader, tgid);
	}
	key.mode = write ? FL_WRITE : FL_READ;
	key.cls = target.cls;
	key.rel = target.rel;
	stat = stat_of(&key, target.leader);
	if (stat)
		stat_add(shard_of(stat, &key, cfg), now, now - begin);
	else
		count(FL_LOST_STATS_FULL);
	return 0;
}

SEC("fentry/rwsem_down_read_slowpath")
int BPF_PROG(who_enters_read, struct rw_semaphore *sem)
{
	return enter(address(sem), false);
}

SEC("fexit/rwsem_down_read_slowpath")
int BPF_PROG(who_leaves_read, struct rw_semaphore *sem)
{
	return leave(address(sem), false);
}

SEC("fentry/rwsem_down_write_slowpath")
int BPF_PROG(who_enters_write, struct rw_semaphore *sem)
{
	return enter(address(sem), true);
}

SEC("fexit/rwsem_down_write_slowpath")
int BPF_PROG(who_leaves_write, struct rw_semaphore *sem)
{
	return leave(address(sem), true);
}
