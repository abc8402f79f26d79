/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whose lock is this rwsem, who holds it, and what is that task doing? All
 * reads are probe reads of kernel memory: no lock is taken, and what is gone
 * meanwhile reads as garbage or zero, which the checks here refuse.
 */
#ifndef FAULTLINE_LOCK_BPF_H
#define FAULTLINE_LOCK_BPF_H

#include "maps.bpf.h"
#include "hist.h"
#include "compat.bpf.h"
#include <bpf/bpf_tracing.h>

struct target {
	struct task_struct *leader; /* of the locked process; untrusted */
	__u64 mm;
	__u8 cls;
	__u8 rel;
};

/*
 * The waiter is a thread of the process, or the lock lies in an mm_struct whose
 * owner's mm is that very mm_struct, or it is a VMA's lock. False: an rwsem of
 * another kind, which is what most of them are.
 */
static __always_inline bool target_of(__u64 lock, bool write, struct task_struct *cur,
				      struct target *ret)
{
	struct mm_struct *mm = (void *)(lock - mmap_lock_offset());
	struct task_struct *owner;

	ret->cls = FL_MMAP_LOCK;
	ret->mm = (__u64)mm;
	if (!(cur->flags & PF_KTHREAD) && (__u64)cur->mm == (__u64)mm) {
		ret->rel = FL_OWN;
		ret->leader = cur->group_leader;
		return true;
	}

	ret->rel = cur->flags & PF_KTHREAD ? FL_KTHREAD : FL_REMOTE;
	if (kernel_has_mm_owner()) {
		owner = BPF_PROBE_READ(mm, owner);
		if (owner && BPF_PROBE_READ(owner, mm) == mm) {
			ret->leader = BPF_PROBE_READ(owner, group_leader);
			return true;
		}
	}

	/* Only writers wait for a VMA's lock, readers give up at once. */
	if (write && is_vma_lock(lock)) {
		ret->cls = FL_VMA_LOCK;
		ret->mm = (__u64)cur->mm;
		ret->leader = NULL;
		if (ret->rel == FL_REMOTE) {
			ret->rel = FL_OWN;
			ret->leader = BPF_PROBE_READ(cur, group_leader);
		}
		return true;
	}
	return false;
}

static __always_inline bool is_watched(const struct fl_config *cfg, __u32 tgid)
{
	return !cfg->watch_only || bpf_map_lookup_elem(&watched, &tgid);
}

/*
 * Distance of the saved user registers from a task's stack: the same for every
 * task. Learnt once from a task that the verifier lets us ask for; every CPU
 * that races here stores the same value.
 */
static __u64 regs_distance;

static __always_inline __u64 regs_distance_of(struct task_struct *cur)
{
	__u64 distance = regs_distance;
	struct {
		__u64 regs;
		__u64 stack;
	} at, copy;

	if (distance)
		return distance;
	at.regs = (__u64)bpf_task_pt_regs(cur);
	at.stack = (__u64)cur->stack;
	/* the copy holds plain numbers, which may be subtracted */
	if (bpf_probe_read_kernel(&copy, sizeof(copy), &at))
		return 0;
	regs_distance = copy.regs - copy.stack;
	return copy.regs - copy.stack;
}

/* The tail of struct pt_regs from r10 on; its layout is x86-64's ABI. */
struct regs_tail {
	__u64 r10;
	__u64 r9_r8_ax_cx[4];
	__u64 dx;
	__u64 si;
	__u64 di;
	__u64 orig_ax;
	__u64 ip;
	__u64 cs;
};

/*
 * The registers with which a task entered the kernel: its system call and the
 * arguments, or an exception (orig_ax is -1). Stale only if the task has left
 * the kernel, which a task that holds a lock cannot have.
 */
static __always_inline void read_call(struct fl_task_ref *ref, __u64 stack, struct task_struct *cur)
{
	struct regs_tail regs;
	__u64 at = stack + regs_distance_of(cur) + bpf_core_field_offset(struct pt_regs, r10);

	ref->nr = FL_NR_UNKNOWN;
	if (bpf_probe_read_kernel(&regs, sizeof(regs), (void *)at))
		return;
	ref->nr = (__s64)regs.orig_ax < 0 ? FL_NR_FAULT : (__s32)regs.orig_ax;
	ref->args[0] = regs.di;
	ref->args[1] = regs.si;
	ref->args[2] = regs.dx;
	ref->args[3] = regs.r10;
	if ((__u16)regs.cs == X86_USER32_CS) /* FRED keeps more above */
		ref->flags |= FL_T_COMPAT;
}

/* Adjacent in every kernel seen; then one read does. */
static __always_inline void read_ids(struct fl_task_ref *ref, struct task_struct *task)
{
	struct {
		__u32 pid;
		__u32 tgid;
	} ids = {};

	if (bpf_core_field_offset(struct task_struct, tgid) ==
	    bpf_core_field_offset(struct task_struct, pid) + sizeof(ids.pid)) {
		bpf_probe_read_kernel(&ids, sizeof(ids), &task->pid);
	} else {
		ids.pid = BPF_PROBE_READ(task, pid);
		ids.tgid = BPF_PROBE_READ(task, tgid);
	}
	ref->tid = ids.pid;
	ref->tgid = ids.tgid;
}

/* What a worker does on behalf of its process. */
static __always_inline __s32 worker_call(unsigned int flags)
{
	return flags & PF_IO_WORKER ? NR_IO_URING_ENTER : FL_NR_UNKNOWN;
}

/* False: no such task any more. */
static __always_inline bool read_task(struct fl_task_ref *ref, struct task_struct *task, __u64 mm,
				      struct task_struct *cur)
{
	unsigned int flags = BPF_PROBE_READ(task, flags);

	read_ids(ref, task);
	ref->flags = 0;
	ref->nr = FL_NR_KTHREAD;
	__builtin_memset(ref->args, 0, sizeof(ref->args));
	if (!ref->tid || !ref->tgid)
		return false;
	if (flags & PF_EXITING)
		ref->flags |= FL_T_EXITING;
	if (flags & PF_KTHREAD) {
		ref->flags |= FL_T_KTHREAD;
		return true;
	}
	if ((__u64)BPF_PROBE_READ(task, mm) == mm)
		ref->flags |= FL_T_SAME_MM;
	if (flags & PF_WORKERS) {
		ref->nr = worker_call(flags);
		return true;
	}
	read_call(ref, (__u64)BPF_PROBE_READ(task, stack), cur);
	return true;
}

/*
 * Who holds the lock now, and how sure that is. The owner word names the writer
 * while a writer holds the lock, and the last reader that came in otherwise.
 */
static __always_inline __u8 read_holder(struct fl_task_ref *ref, __u64 count, __u64 owner, __u64 mm,
					struct task_struct *cur)
{
	struct task_struct *task = (void *)(owner & RWSEM_OWNER_MASK);
	__u8 conf;

	ref->tid = 0;
	if (!task || task == cur)
		return FL_CONF_NONE;
	if (owner & RWSEM_READER_OWNED)
		conf = count & RWSEM_WRITER_LOCKED || !(count >> RWSEM_READER_SHIFT) ? FL_CONF_NONE
										     : FL_CONF_HINT;
	else
		conf = count & RWSEM_WRITER_LOCKED ? FL_CONF_EXACT : FL_CONF_NONE;
	if (conf == FL_CONF_NONE)
		return conf;
	if (!read_task(ref, task, mm, cur)) {
		ref->tid = 0;
		return FL_CONF_NONE;
	}
	return conf;
}

static const struct fl_lock no_lock;

static __always_inline struct fl_lock *lock_of(__u64 address)
{
	struct fl_lock *lock = bpf_map_lookup_elem(&locks, &address);

	if (lock)
		return lock;
	bpf_map_update_elem(&locks, &address, &no_lock, BPF_NOEXIST);
	lock = bpf_map_lookup_elem(&locks, &address);
	if (!lock)
		count(FL_LOST_RELEASES_FULL);
	return lock;
}

/* A writer that has got the lock holds it from now on. */
static __always_inline void note_writer(struct fl_lock *lock, const struct fl_task_ref *self,
					__u64 now)
{
	lock->writer = *self;
	bpf_get_current_comm(lock->writer_comm, sizeof(lock->writer_comm));
	lock->writer_until_ns = 0;
	lock->writer_ns = now;
}

static const struct fl_stat no_stat;

static __always_inline struct fl_stat *stat_of(const struct fl_stat_key *key,
					       struct task_struct *leader)
{
	struct fl_stat *stat = bpf_map_lookup_elem(&stats, key);

	if (stat)
		return stat;
	bpf_map_update_elem(&stats, key, &no_stat, BPF_NOEXIST);
	stat = bpf_map_lookup_elem(&stats, key);
	if (stat && leader) {
		bpf_probe_read_kernel(stat->comm, sizeof(stat->comm), &leader->comm);
		stat->cgroup_id = BPF_PROBE_READ(leader, cgroups, dfl_cgrp, kn, id);
	}
	return stat;
}

/*
 * Where this CPU adds. A process has one element, 0, until it has waited often
 * enough for CPUs to meet there; then each shard of CPUs gets one of its own. A
 * full map then costs nothing but that: element 0 goes on.
 */
#define SHARD_FROM 4096

static __always_inline struct fl_stat *shard_of(struct fl_stat *stat, struct fl_stat_key *key,
						const struct fl_config *cfg)
{
	struct fl_stat *own;

	if (stat->count < SHARD_FROM || cfg->nr_shards < 2)
		return stat;
	key->shard = 1 + bpf_get_smp_processor_id() % cfg->nr_shards;
	own = stat_of(key, NULL);
	if (!own)
		return stat;
	if (!own->count) { /* new: of the same process */
		__builtin_memcpy(own->comm, stat->comm, sizeof(own->comm));
		own->cgroup_id = stat->cgroup_id;
	}
	return own;
}

/* Several CPUs may share a shard, hence atomic. A racing maximum may be lost. */
static __always_inline void stat_add(struct fl_stat *stat, __u64 now, __u64 ns)
{
	__u32 slot = fl_hist_slot(ns);

	__sync_fetch_and_add(&stat->count, 1);
	__sync_fetch_and_add(&stat->total_ns, ns);
	if (ns > stat->max_ns)
		stat->max_ns = ns;
	stat->last_ns = now;
	if (slot < FL_HIST_SLOTS)
		__sync_fetch_and_add(&stat->slots[slot], 1);
}

#endif
