/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The contract between bpf/ and userspace/: map keys and values, events,
 * enums and limits. Types only, no implicit padding, sizes asserted; both
 * sides include it. Times are CLOCK_MONOTONIC nanoseconds.
 */
#ifndef FAULTLINE_H
#define FAULTLINE_H

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

#define FL_COMM_LEN    16
#define FL_STACK_DEPTH 48 /* deepest fault path seen is below 40 frames */
#define FL_NR_SHARDS   8 /* CPUs that may add to one process at a time */
#define FL_NR_ARGS     4 /* of a system call: mmap's flags are the fourth */

/*
 * Histogram of nanoseconds: FL_HIST_SUB linear slots an octave from
 * 2^FL_HIST_MIN_LOG2 on. A slot is at most 25 % wide, its middle at most
 * 12.5 % wrong. Slot 0 takes all below, the last one all above (68 s).
 */
#define FL_HIST_MIN_LOG2 9
#define FL_HIST_SUB_LOG2 2
#define FL_HIST_SUB	 (1 << FL_HIST_SUB_LOG2)
#define FL_HIST_OCTAVES	 27
#define FL_HIST_SLOTS	 (FL_HIST_OCTAVES * FL_HIST_SUB + 2) /* 110 */

enum fl_mode { FL_READ, FL_WRITE, FL_NR_MODES };

/* Which lock: mm->mmap_lock, or the rwsem of a single VMA (6.4 to 6.14). */
enum fl_class { FL_MMAP_LOCK, FL_VMA_LOCK, FL_NR_CLASSES };

/* Who waits: a thread of the process, another process, a kernel thread. */
enum fl_relation { FL_OWN, FL_REMOTE, FL_KTHREAD, FL_NR_RELATIONS };

/*
 * How the wait was seen: queued waits come from contention_begin; spun ones
 * (a writer that won by optimistic spinning, a reader that stole the lock)
 * only from exact mode.
 */
enum fl_kind { FL_QUEUED, FL_SPUN, FL_NR_KINDS };

/*
 * How sure the holder is, weakest first. NONE: not known. HINT: the owner
 * word named a reader, which may have left. RELEASE: the task that released
 * the lock and woke the waiter. EXACT: a writer, read while it held the lock.
 */
enum fl_confidence {
	FL_CONF_NONE,
	FL_CONF_HINT,
	FL_CONF_RELEASE,
	FL_CONF_EXACT,
	FL_NR_CONFIDENCES
};

/* fl_task_ref.nr where the task is not inside a system call */
#define FL_NR_FAULT   (-1) /* exception: a page fault */
#define FL_NR_KTHREAD (-2) /* kernel thread: the comm tells which */
#define FL_NR_UNKNOWN (-3)

/* fl_task_ref.flags */
#define FL_T_KTHREAD (1 << 0)
#define FL_T_EXITING (1 << 1)
#define FL_T_COMPAT  (1 << 2) /* nr is of the 32-bit table */
#define FL_T_SAME_MM (1 << 3) /* its mm is the one that is locked */
#define FL_T_WAITER  (1 << 4) /* it was itself queued for the lock */

/* What is lost or left out, one counter each; all of them monotonic. */
enum fl_counter {
	/* waits that are in no per-process total */
	FL_LOST_WAITERS_FULL, /* begin: no room for the waiting thread */
	FL_LOST_STATS_FULL, /* end: no room for its process */
	FL_LOST_RACE, /* the thread's record was reused under it */
	/* waits that are in the totals, but with a detail missing */
	FL_LOST_BLAME_FULL, /* holder not recorded */
	FL_LOST_STACKS_FULL, /* stack total not recorded */
	FL_LOST_KSTACK, /* kernel stack not captured */
	FL_LOST_USTACK, /* user stack not captured */
	FL_LOST_EVENTS_FULL, /* ring buffer full: single wait not reported */
	FL_LOST_RELEASES_FULL, /* releasing task not recorded */
	FL_LOST_SLOW_FULL, /* exact mode: slow path entry not recorded */
	/* not losses: what was seen and left out on purpose */
	FL_SEEN_BELOW_MIN, /* waits shorter than min_wait_ns */
	FL_SEEN_FILTERED, /* waits for a process that is not watched */
	FL_SEEN_OTHER_RWSEM, /* waits for rwsems that are no mmap_lock */
	FL_NR_COUNTERS
};
#define FL_NR_WAIT_LOSSES (FL_LOST_RACE + 1)
#define FL_NR_LOSSES	  (FL_LOST_SLOW_FULL + 1)

/* Run-time settings: the one element of map `config`, written by userspace. */
struct fl_config {
	__u64 min_wait_ns; /* shorter waits are only counted */
	__u64 event_min_ns; /* from here on: one event a wait */
	__u64 stack_min_ns; /* from here on: the waiter's kernel stack */
	__u64 hot_min_ns; /* both of these, for processes in map `hot` */
	__u32 watch_only; /* count only processes in map `watched` */
	__u32 user_stacks; /* also the waiter's user stack */
	__u32 holders; /* look at the holder */
	__u32 releases; /* release.bpf.c is attached */
	__u32 nr_shards; /* 1..FL_NR_SHARDS */
	__u32 wake_bytes; /* with so much in the ring userspace is woken */
};
_Static_assert(sizeof(struct fl_config) == 56, "fl_config");

/* A task as it was when it was looked at. */
struct fl_task_ref {
	__u32 tid; /* 0: not known */
	__u32 tgid;
	__s32 nr; /* system call, or FL_NR_* */
	__u32 flags; /* FL_T_* */
	__u64 args[FL_NR_ARGS]; /* of the system call */
};
_Static_assert(sizeof(struct fl_task_ref) == 48, "fl_task_ref");

/*
 * Map `waiters`, key: __u32 tid. Written by the waiting thread alone; kept
 * between its waits, swept by userspace when the thread is gone.
 */
struct fl_waiter {
	__u64 begin_ns; /* 0: not waiting */
	__u64 last_begin_ns; /* of the last wait; exact mode compares it */
	__u64 lock; /* address of the rwsem */
	__u64 start_ns; /* start time (boot clock) of the locked process */
	__u64 count; /* rwsem count word at the beginning */
	__u64 owner; /* rwsem owner word at the beginning */
	struct fl_task_ref self;
	struct fl_task_ref holder;
	__u32 tgid; /* of the process whose lock it is; 0: not known */
	__u8 mode;
	__u8 cls;
	__u8 rel;
	__u8 conf;
};
_Static_assert(sizeof(struct fl_waiter) == 152, "fl_waiter");

/* Map `stats`: every counted wait, by locked process. */
struct fl_stat_key {
	__u64 start_ns;
	__u32 tgid;
	__u8 mode;
	__u8 cls;
	__u8 rel;
	__u8 kind;
	__u32 shard; /* userspace adds the shards up */
	__u32 pad;
};
_Static_assert(sizeof(struct fl_stat_key) == 24, "fl_stat_key");

struct fl_stat {
	__u64 count;
	__u64 total_ns;
	__u64 max_ns;
	__u64 last_ns; /* when the last of them ended */
	__u64 cgroup_id; /* cgroup v2 id of the locked process */
	char comm[FL_COMM_LEN]; /* of the locked process; any bytes */
	__u32 slots[FL_HIST_SLOTS];
};
_Static_assert(sizeof(struct fl_stat) == 496, "fl_stat");

/* Map `blame`: waits by who held the lock when they began. */
struct fl_blame_key {
	__u64 start_ns;
	__u32 tgid; /* locked process */
	__u32 holder_tid;
	__u32 holder_tgid;
	__s32 holder_nr;
	__u32 holder_flags;
	__s32 waiter_nr;
	__u8 mode;
	__u8 cls;
	__u8 rel;
	__u8 conf;
	__u32 pad;
};
_Static_assert(sizeof(struct fl_blame_key) == 40, "fl_blame_key");

struct fl_blame {
	__u64 count;
	__u64 total_ns;
	__u64 max_ns;
	__u64 last_ns;
	__u64 args[FL_NR_ARGS]; /* of the holder's system call, longest wait */
	char holder_comm[FL_COMM_LEN];
};
_Static_assert(sizeof(struct fl_blame) == 80, "fl_blame");

/* Map `stack_totals`: waits of at least stack_min_ns by the waiter's stacks. */
struct fl_stack_key {
	__u64 start_ns;
	__u32 tgid; /* locked process */
	__u32 waiter_tgid; /* whose user stack it is */
	__s32 kstack; /* ids in `kstacks`, `ustacks`; negative: none */
	__s32 ustack;
	__u8 mode;
	__u8 cls;
	__u8 rel;
	__u8 pad[5];
};
_Static_assert(sizeof(struct fl_stack_key) == 32, "fl_stack_key");

struct fl_stack_total {
	__u64 count;
	__u64 total_ns;
	__u64 max_ns;
	__u64 last_ns;
	char waiter_comm[FL_COMM_LEN];
};
_Static_assert(sizeof(struct fl_stack_total) == 48, "fl_stack_total");

/* Map `releases`, key: __u64 lock. Who released a contended lock last. */
struct fl_release {
	__u64 ts_ns;
	__u64 before_ns; /* the release before that one, by another task */
	struct fl_task_ref task;
	char comm[FL_COMM_LEN];
};
_Static_assert(sizeof(struct fl_release) == 80, "fl_release");

/*
 * Map `locks`, key: __u64 lock. What became known of a contended lock, for those
 * that wait for it still: the last writer that got it in the slow path, and the
 * longest wait for it of which the holder is known at first hand.
 */
struct fl_lock {
	__u64 writer_ns; /* the writer got it; 0: none yet */
	__u64 writer_until_ns; /* a reader that was queued has it since then; 0: none */
	struct fl_task_ref writer;
	__u64 waited_ns; /* somebody waited from here */
	__u64 waited_until_ns; /* to here */
	struct fl_task_ref waited_for;
	__u32 waited_conf; /* FL_CONF_NONE: nobody yet */
	__u32 pad;
	char writer_comm[FL_COMM_LEN];
	char waited_comm[FL_COMM_LEN];
};
_Static_assert(sizeof(struct fl_lock) == 168, "fl_lock");

/* Ring buffer `events`: a single finished wait. */
struct fl_event {
	struct fl_waiter wait; /* holder and conf as finally known */
	__u64 end_ns;
	__u64 cgroup_id; /* of the locked process */
	__s32 ret; /* 0: got the lock; negative errno: gave up */
	__s32 kstack;
	__s32 ustack;
	__u32 pad;
	char waiter_comm[FL_COMM_LEN];
	char holder_comm[FL_COMM_LEN];
	char comm[FL_COMM_LEN]; /* of the locked process */
};
_Static_assert(sizeof(struct fl_event) == 232, "fl_event");

#define FL_QUEUE_NO    0 /* what the map says is stale */
#define FL_QUEUE_YES   1
#define FL_QUEUE_DEEP  2 /* not among the first FL_QUEUE_DEPTH */
#define FL_QUEUE_DEPTH 256 /* queued waiters that are looked at */

/*
 * Output of the task iterator of holder.bpf.c: what a task does now, and if it
 * waits, who holds that lock now.
 */
struct fl_task_stack {
	struct fl_task_ref task;
	struct fl_task_ref holder;
	__u64 begin_ns; /* of its wait; 0: it does not wait */
	__u32 holder_conf;
	__u32 depth; /* entries of ips; 0: running, cannot be unwound */
	__u32 on_cpu;
	__u32 queued; /* FL_QUEUE_*: is it in the queue of the lock? */
	char comm[FL_COMM_LEN];
	char holder_comm[FL_COMM_LEN];
	__u64 ips[FL_STACK_DEPTH];
};
_Static_assert(sizeof(struct fl_task_stack) == 152 + 8 * FL_STACK_DEPTH, "fl_task_stack");

/*
 * vmas.bpf.c: `request` in, `reply` out. names is the path from the file up to
 * the root directory, each name ended by a NUL.
 */
#define FL_VMA_NAMES_LEN  2048
#define FL_VMA_FOUND	  (1 << 0) /* a mapping was found */
#define FL_VMA_FILE	  (1 << 1) /* it maps a file */
#define FL_VMA_PATH	  (1 << 2) /* names reaches the process's root */
#define FL_VMA_OTHER_ROOT (1 << 3) /* names ends at the root of another mount tree */
#define FL_VMA_NO_DIR	  (1 << 4) /* no path at all: memfd, SysV memory */
#define FL_VMA_EXE	  (1 << 5) /* the file is /proc/PID/exe */
#define FL_VMA_CHANGED	  (1 << 6) /* the mapping changed under the walk: ask again */

struct fl_vma {
	__u64 addr;
	__u64 start;
	__u64 end;
	__u64 pgoff; /* pages */
	__u64 ino;
	__u32 dev; /* the kernel's dev_t of the file system */
	__u32 flags; /* FL_VMA_* */
	__u32 names_len;
	__u32 nr_names;
	char fs_type[16]; /* "ext4" */
	char names[FL_VMA_NAMES_LEN];
};
_Static_assert(sizeof(struct fl_vma) == 72 + FL_VMA_NAMES_LEN, "fl_vma");

/*
 * spf.bpf.c, locked.bpf.c: samples of how long a fault takes, by FL_SAMPLE_*.
 * Map `samples`, one element a CPU.
 */
enum fl_sample { FL_SAMPLE_OK, FL_SAMPLE_ABORTED, FL_SAMPLE_LOCKED, FL_NR_SAMPLES };

struct fl_sampled {
	__u64 n;
	__u64 ns;
};
_Static_assert(sizeof(struct fl_sampled) == 16, "fl_sampled");

/* Map `procs` of spf.bpf.c, key: __u32 tgid. Attempts seen while sampling. */
#define FL_SPF_REASONS 12 /* enum spf_reason of the kernel; 0: handled */

struct fl_spf_proc {
	__u64 by_reason[FL_SPF_REASONS];
	char comm[FL_COMM_LEN];
};
_Static_assert(sizeof(struct fl_spf_proc) == 8 * FL_SPF_REASONS + FL_COMM_LEN, "fl_spf_proc");

/* Output of the task iterator of backoff.bpf.c: a thread that looks away from the lock. */
struct fl_backoff {
	__u32 tid;
	__u32 tgid;
	__u32 window; /* faults until it looks again, when it last decided */
	__u32 skip; /* of these, still to come */
	char comm[FL_COMM_LEN];
};
_Static_assert(sizeof(struct fl_backoff) == 16 + FL_COMM_LEN, "fl_backoff");

/* Map `writers` of setting.bpf.c, key: the name as in "vm/spf_backoff_max". */
#define FL_SETTING_LEN 32

struct fl_writer {
	__u64 ts_ns;
	__u32 tgid;
	__u32 uid;
	char comm[FL_COMM_LEN];
};
_Static_assert(sizeof(struct fl_writer) == 16 + FL_COMM_LEN, "fl_writer");

#endif
