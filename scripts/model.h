/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of the model (see model.c) and what they ask of each other. All of it
 * runs inside of QEMU; in a region only the CPU that has the turn (model-step.c)
 * touches anything here but its own turn, so the rest needs no locks.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../userspace/tests/marker.h"

#define MODEL_CPUS 64 /* a bit each in a 64-bit mask */

/* --- counts and latencies */

/* 64 steps a power of two: a percentile is within 1.6 % of the truth. */
#define HISTOGRAM_STEPS	  64
#define HISTOGRAM_BUCKETS (HISTOGRAM_STEPS * 59)

struct histogram {
	uint64_t count, sum, max;
	uint32_t bucket[HISTOGRAM_BUCKETS];
};

struct work {
	uint64_t insns; /* the kernel's, interrupts left out */
	uint64_t locked; /* of them with a locked bus */
};

#define SAMPLES (1U << 16)

/* One kind of operation, or faults. */
struct figure {
	struct histogram ticks;
	struct work work; /* of all together */
	uint32_t insns[SAMPLES]; /* of each of the first ones, for the median */
};

struct measured {
	enum marker_region kind;
	unsigned int number;
	uint64_t begin, end; /* virtual time of the markers, */
	uint64_t first, last; /* of the first fault's or operation's begin, the last one's end */
	double host_s;
	unsigned int host_cores[2]; /* for the emulator: before the region, and in it */
	uint64_t irq_insns, other_insns; /* the kernel's, in interrupts, for other programs */
	uint64_t all_insns; /* the kernel's and those of all programs */
	unsigned long stray; /* frames that never ended, as seen by user code that runs */
	struct figure faults, ops[MARKER_OPS];
};

/* --- a task of the guest and what it is in the middle of (model-task.c) */

struct moment {
	uint64_t ticks;
	struct work work;
};

struct task {
	uint64_t addr; /* of its task_struct, 0: a free place */
	uint32_t pid;
	bool measured; /* one of the program's */
	bool lines; /* what it accesses now is counted */
	uint8_t depth, faults, irqs; /* frames on its kernel stack */
	int8_t op; /* that it is in, or -1 */
	uint64_t frames; /* a bit each, innermost lowest: 1 is a page fault */
	struct work own, *work; /* where its work is added up: its own or its parent's */
	struct moment fault_began, op_began;
};

enum model_frame { FRAME_IRQ, FRAME_FAULT };

void task_reset(unsigned int cpu, struct measured *to);
struct task *task_current(unsigned int cpu);
void task_enter(unsigned int cpu, struct task *task, enum model_frame frame);
void task_leave(unsigned int cpu, struct task *task);
void task_in_user(struct task *task);
void task_op_begin(unsigned int cpu, struct task *task, unsigned int op);
void task_op_end(unsigned int cpu, struct task *task, unsigned int op);

/* --- the CPUs in step (model-step.c), the guest's clock (model-clock.c) */

struct vcpu {
	_Alignas(64) uint64_t ticks;
	uint64_t limit; /* it may run up to here before it asks again */
	struct task *task;
	uint32_t gate; /* it waits here for its turn */
	int thread; /* of the host, 0: not known yet */
	bool present, idle;
};

extern struct vcpu step_vcpus[MODEL_CPUS];
extern int step_turn; /* whose it is, or -1 */

void step_present(unsigned int cpu);
void step_idle(unsigned int cpu);
void step_resume(unsigned int cpu);
void step_begin(unsigned int cpu, unsigned int lead, unsigned int tick_ns);
void step_think(unsigned int cpu);
void step_free(void);
void step_ask(unsigned int cpu);
uint64_t step_clock(void);
unsigned long step_stolen(void);

void clock_find(void);
int clock_take(void);
void clock_release(void);

/* --- a core of the host (model-core.c); the number of those that this thread may run on */

void core_take(int core);
void core_release(void);
unsigned int core_count(void);

/* --- code of the guest (model-code.c) */

enum code_entry { CODE_PLAIN, CODE_FAULT, CODE_IRQ, CODE_SWITCHED, CODE_ENTRIES };

int code_load(void);
enum code_entry code_entry(uint64_t addr);
bool code_left_out(uint64_t addr);
uint32_t code_marker(const uint8_t *insn, size_t size);
bool code_is_iretq(const uint8_t *insn, size_t size);
bool code_is_locked(const uint8_t *insn, size_t size);
bool code_is_repeated(const uint8_t *insn, size_t size);

/* --- blocks of code that run (model-block.c) */

enum block_part { BLOCK_OF_FAULT, BLOCK_OF_OP, BLOCK_PARTS };

struct block {
	uint64_t addr;
	uint16_t insns;
	uint16_t locked;
	bool kernel;
	uint8_t entry; /* enum code_entry */
	uint32_t runs[BLOCK_PARTS];
};

int block_reset(void);
struct block *block_new(void);
void block_write(FILE *to, uint64_t faults, uint64_t ops);

/* --- who has which line (model-line.c) */

struct line {
	uint64_t addr; /* of its first byte; 0: a free place */
	uint64_t sharers; /* CPUs that have a copy */
	uint64_t writers, seen; /* CPUs that ever wrote, touched it */
	uint64_t touched; /* CPUs whose present fault touched it */
	uint32_t faults, transfers;
	int16_t owner; /* who wrote it last, or -1 */
};

/* Transfers of one line at one instruction. */
struct site {
	uint64_t code, addr;
	struct line *line;
	uint32_t transfers;
};

int line_reset(void);
void line_access(unsigned int cpu, uint64_t addr, bool write, uint64_t code);
void line_fault_ends(unsigned int cpu);
struct line *line_next(unsigned long *at);
struct site *line_next_site(unsigned long *at);
uint64_t line_transfers(void);
bool line_lost(void);

/* --- names (model-symbol.c, model-member.c, model-object.c) */

int symbol_load(const char *path);
uint64_t symbol_find(const char *name);
void symbol_each(void (*tell)(const char *name, uint64_t addr, void *data), void *data);
const char *symbol_at(uint64_t addr, uint64_t *ret_start);

int member_load(const char *path);
int member_offset(const char *type, const char *member);
int member_size(const char *type);
int member_value(const char *name);
void member_name(const char *type, uint64_t offset, char *to, size_t size);

int object_load(void);
void object_look(unsigned int cpu);
int object_read(uint64_t addr, void *to, size_t size);
uint64_t object_pointer(uint64_t addr);
void object_name(uint64_t addr, char *to, size_t size);

/* --- the record (model-report.c, model-hot.c) */

void histogram_add(struct histogram *histogram, uint64_t value);
int report_open(const char *path);
void report_write(struct measured *measured, unsigned int lead);
void report_broken(unsigned int number, const char *why);
void hot_write(FILE *to, uint64_t faults);

#endif
