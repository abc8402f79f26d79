/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the fault generator share: the options, one control block
 * in memory that all of its threads and processes map, and the tables of
 * writers and of single operations.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "faults_hist.h"
#include "marker.h"

#define PAGE	    4096UL
#define PMD_SIZE    (2UL << 20)
#define MAX_WORKERS 128

enum exit_code { EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_WRONG_COUNT };

enum layout { SEPARATE, SHARED };
enum memory { ANON, PRIVATE_FILE, SHARED_FILE };
enum unmap { UNMAP_NONE, UNMAP_PAGES, UNMAP_VMA };

struct options {
	unsigned int workers;
	bool processes;
	bool oversubscribe;
	bool read; /* touch by reading */
	enum marker_region region; /* what the model shall do with a measured round */
	bool unmarked; /* it shall do nothing */
	enum layout layout;
	enum memory memory;
	enum unmap unmap;
	size_t pages; /* that each worker has */
	uint64_t touches; /* that each owes in a round */
	uint32_t think; /* turns of a loop between two touches, at most */
	uint32_t rounds;
	uint32_t warmup;
	double seconds; /* that a round lasts; 0: until the work is done */
	const struct writer *writer;
	size_t writer_bytes;
	uint64_t writer_ops; /* a round lasts until it has done as many */
	uint64_t writer_pause; /* turns of a loop between two operations */
	const char *dir; /* of the mapped files; NULL: in memory */
	const struct op *op;
	uint64_t count;
};

/* Each on lines of its own: what one worker writes, no other touches. */
struct worker {
	char *slice; /* what it faults in */
	int fd; /* of the file behind it, or -1 */
	size_t first_page; /* of the slice, in the file */
	uint32_t dice;
	size_t filled; /* pages that have been touched since the slice was last empty */
	pid_t pid;
	uint64_t faults; /* touches that had to fault */
	uint64_t minor_faults; /* by the kernel's own count, over the same time */
	uint64_t major_faults;
	uint64_t begin_ns;
	uint64_t end_ns;
	struct lat_hist ticks; /* of each touch */
} __attribute__((aligned(128)));

/* Words that end in _gate only grow; gate_add() wakes who waits for them. */
struct ctl {
	uint32_t ready_gate __attribute__((aligned(128))); /* parts that wait for the round */
	uint32_t go_gate __attribute__((aligned(128))); /* rounds that have begun */
	uint32_t done_gate __attribute__((aligned(128))); /* workers whose work is done */
	uint32_t end_gate __attribute__((aligned(128))); /* parts that are through with it */
	uint32_t next_gate __attribute__((aligned(128))); /* rounds that have ended */
	uint32_t enough_gate; /* rounds whose workers may stop once their own work is done */
	uint32_t last_round;
	char *split_page; /* three pages of the first worker's VMA, not faulted in */
	uint64_t writer_ops __attribute__((aligned(128)));
	uint64_t writer_alone_ns; /* of one operation, with nobody beside it */
	uint64_t writer_ns; /* time that the writer was on */
	struct lat_hist writer_ticks;
	struct worker workers[MAX_WORKERS];
};

extern struct ctl *ctl;
extern struct options opts;
extern const char *const layout_names[], *const memory_names[], *const unmap_names[];

/* A way to take mmap_lock for writing; one operation is one call of run. */
struct writer {
	const char *name;
	void (*start)(void);
	void (*run)(void);
	enum marker_op op;
	unsigned int extra_faults; /* that an operation may bring each worker, at most */
};
const struct writer *writer_find(const char *name);
void writer_list(FILE *to);
/* The writer's thread: takes part in the rounds until the last. */
void *writer_main(void *unused);

/* One operation of a single thread, for counts of instructions. */
struct op {
	const char *name;
	void (*start)(void);
	void (*again)(void); /* between warming up and measuring */
	void (*run)(void);
	enum marker_op marker;
	bool faults; /* one minor fault each */
};
const struct op *op_find(const char *name);
void op_list(FILE *to);
void op_pin(char **argv);
void op_fork(void); /* the child exits at once, and is waited for */
uint64_t op_measure(void); /* how long all of them took, in ns */

/* The memory that is faulted in. */
void area_map_shared(void); /* one VMA, a slice for each */
void area_map_own(struct worker *w);
void area_recycle(const struct worker *w); /* between rounds: none of its pages are mapped */
/* What is measured, touch by touch; returns how many touches. Each is one minor fault. */
uint64_t area_round(struct worker *w, uint32_t round);
size_t area_stride(void); /* pages from one touch to the next */
void area_check(const struct worker *w); /* is there what was written? */
char *area_anon(size_t bytes); /* aligned, small pages, nothing next to it */
void area_anon_at(char *at, size_t bytes);

/* What came of the measured rounds. */
struct result {
	uint64_t rounds;
	uint64_t elapsed_ns; /* from the first that began to the last that ended, all rounds */
	double ns_per_tick;
};
void run_all(struct result *ret_result);
/* A worker or the writer is ready; returns when the round begins. */
void run_meet(uint32_t round);
bool run_is_done(uint32_t round); /* all workers are */
bool run_is_enough(uint32_t round); /* who has done its own work may stop */
void run_set_enough(uint32_t round);
/* A worker or the writer is through with this round; is there another? */
bool run_next(uint32_t round);
void report_faults(const struct result *result);
void report_op(uint64_t ns);

/* The parts meet here. */
bool gate_come(uint32_t *gate, uint32_t parts); /* true for the last of all parts */
void gate_wake(uint32_t *gate);
void gate_add(uint32_t *gate, uint32_t parts); /* both */
void gate_wait(uint32_t *gate, uint32_t value, unsigned int spin_turns);
uint64_t now_ns(void);
void sleep_s(double seconds);
void pin(int nth); /* to the nth CPU that we may use */
int pin_cpus(void); /* how many we may use */
long minor_faults(long *ret_major); /* of this thread, as the kernel counts */
void die(const char *what) __attribute__((noreturn));
/* As die(), for what is wrong without an errno. */
void fail(int code, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

static inline uint64_t ticks_now(void)
{
	return __builtin_ia32_rdtsc();
}

#endif
