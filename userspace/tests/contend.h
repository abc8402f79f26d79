/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the generator share: one control block in memory that all
 * of its processes map, and the tables of means to hold and of ways to wait.
 */
#ifndef CONTEND_H
#define CONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MAX_WAITERS 64
#define PAGE	    4096UL

enum mode { READ, WRITE, NR_MODES };

/*
 * What a thread saw of its own operations. How long one waited lies between the
 * time that it slept in it and the time that it took: the rest is its use of the
 * CPU, which includes spinning, and its waits for a CPU.
 */
struct sum {
	uint64_t count;
	uint64_t total_ns;
	uint64_t max_ns;
};
struct tally {
	struct sum least; /* slept for clearly more than the threshold: that was a wait */
	struct sum most; /* took nearly the threshold, or longer: may have been one */
};

struct waiter {
	const struct op *op; /* static table: same address in every child */
	pid_t pid;
	pid_t tid;
	struct tally tally[NR_MODES]; /* by the mode that was asked for */
	struct sum
		awake; /* long in a call without sleeping: preempted there, perhaps with the lock */
	uint64_t strays; /* page faults in a round, but outside its calls: each may have waited */
	uint64_t faults; /* of the thread, when its last call ended */
	uint64_t asleep_ns; /* when the controller saw that it slept for the hold */
	uint64_t long_t0; /* the long operation of this round; 0: none */
	uint64_t long_ns;
	uint64_t long_slept_ns;
	enum mode long_mode;
	char *page; /* three pages, the middle one is used */
	char *pool; /* of never touched mappings */
	size_t pool_used;
	unsigned int turn;
};

/* Words that end in _gate only grow; gate_set() wakes who waits for them. */
struct ctl {
	uint32_t ready_gate; /* roles that have started */
	uint32_t prepare_gate;
	uint32_t prepared_gate;
	uint32_t armed_gate; /* the hold of this round is about to begin, or held */
	uint32_t turn_gate; /* waiters that may begin, all rounds, where they queue in order */
	uint32_t held_gate; /* ... is over */
	uint32_t waited_gate; /* waiters that have finished, all rounds */
	uint32_t quit;
	uint32_t idle_round; /* calibration: waiters stand by */
	uint32_t round;
	pid_t target;
	pid_t holder_pid;
	pid_t holder_tid;
	uint64_t t0;
	uint64_t t1;
	uint64_t hold_cpu_ns; /* of that, the holder was on a CPU */
	struct sum holder_slept; /* holds; it may have had to wait for the lock itself */
	char *addr;
	size_t size;
	size_t mapped;
	char *readable; /* a page of the target, for remote readers */
	char *fuse_map;
	uint64_t hold_ns; /* of this round, where it is up to us */
	uint64_t released_ns; /* when such a hold, with all waiters asleep, was let go */
	uint32_t stall; /* server: keep the next request of the kind that is held */
	uint32_t tries; /* to hold by such a request, all rounds */
	uint32_t backs; /* the last try that is over */
	struct waiter waiters[MAX_WAITERS];
};

struct options {
	const struct means *means;
	const struct op *ops[8];
	size_t n_ops;
	size_t n_waiters;
	uint32_t rounds;
	uint32_t spoil; /* holds that end before anybody has come, as by the flusher */
	size_t size; /* 0: calibrate */
	uint64_t hold_ns;
	uint64_t threshold_ns;
	bool until_release;
	bool quiet;
	bool cold; /* no warm-up: the first round that counts is the first of all */
	pid_t pid; /* that the target shall have; 0: any */
	const char *comm; /* of the target */
	const char *holder_comm;
	const char *cgroup;
};

extern struct ctl *ctl;
extern struct options opts;

/* A way to hold. prepare runs in the target, hold in the holder. */
struct means {
	const char *name;
	bool remote; /* another process holds */
	bool fixed; /* nothing to calibrate */
	bool fuse; /* needs the server; armed by it, unless it is a storm */
	bool repeat; /* waiters go on after a wait */
	bool storm; /* waiters go on until it is over */
	const char *wait_by; /* operations that wait for this hold */
	uint64_t threshold_ns;
	void (*prepare)(void);
	void (*hold)(void);
};
/* Of the range, in bytes: no limit of memory, or a quarter of what is left of it. */
size_t range_max(void);
const struct means *means_find(const char *name);
void means_list(void);

/* A cheap operation that takes the target's mmap_lock in this mode. */
struct op {
	const char *name;
	enum mode mode;
	bool remote; /* run it in another process */
	void (*run)(struct waiter *w);
	void (*start)(struct waiter *w);
};
const struct op *op_find(const char *name);
/* Hold, and note for how long the holder was not on a CPU. */
void holder_hold(void);
/* Where the hold lasts until all wait, they queue up in the order of their numbers. */
static inline bool in_turn(const struct means *means)
{
	return means->fuse && !means->storm;
}
bool hold_is_over(uint32_t round);
/* One round of a waiter: until it has waited for the hold, or the hold is over. */
void waiter_round(struct waiter *w, uint32_t round);
void waiter_start(struct waiter *w);
/* Between two rounds, by the target's main thread: so that nobody waits for it. */
void pool_refill(struct waiter *w);

/* FUSE: a file system of one file whose answers can be kept back. */
#define FUSE_PAGES 1048576UL
#define FUSE_DIR   "/mnt"
#define FUSE_FILE  FUSE_DIR "/hold"
int fuse_mount(void); /* the fd, or -errno */
void fuse_serve(int fd, int release_fd); /* never returns */
void fuse_prepare(void);
void fuse_hold_write(void);
void fuse_hold_munmap(void);
void fuse_hold_read(void);
void fuse_hold_fault(void);
void fuse_hold_herd(void);

/* The kernel's own count of queued waits for one lock, by lock:contention_begin. */
int perf_open_counter(void); /* the fd, or -errno; counts for later children too */
int perf_learn_start(pid_t tid);
uint64_t perf_learn_lock(void); /* address that this thread queued for most often, or 0 */
int perf_count_lock(uint64_t lock);
uint64_t perf_read(void);

/* The processes of the generator, and its rounds. */
void run_all(void);

void gate_add(uint32_t *gate, uint32_t n);
void gate_set(uint32_t *gate, uint32_t value);
/* False when deadline_s (0: none) passed first. */
bool gate_wait(uint32_t *gate, uint32_t value, unsigned int deadline_s);
uint64_t now_ns(void);
/* Does it sleep, interruptibly or not? */
bool role_waits(pid_t pid, pid_t tid);
pid_t own_tid(void);
void die(const char *what) __attribute__((noreturn));

#endif
