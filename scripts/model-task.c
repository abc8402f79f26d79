// SPDX-License-Identifier: GPL-2.0
/*
 * What is each task of the guest in the middle of? Exceptions nest on a task's
 * kernel stack and stay there while other tasks run, so the frames are kept by task.
 * A page fault counts while no interrupt is on top of it. What a child does belongs
 * to the operation in which it was forked.
 */
#include <string.h>

#include "model.h"
#include "model-qemu.h"

#define TASKS	     (1U << 14)
#define GENERATIONS  4 /* the program's children and theirs */
#define FRAMES_LIMIT 60 /* bits of a mask */

static struct {
	struct measured *measured;
	uint32_t tgid;
	uint64_t current; /* offset of the CPU's pointer to its task */
	uint64_t percpu; /* where the table of the CPUs' areas is */
	int pid, tgid_at, parent;
	struct task task[TASKS];
} tasks;

static uint64_t pointer_at(unsigned int cpu, uint64_t addr)
{
	uint64_t pointer = 0;

	cpu_memory_rw_debug(qemu_get_cpu(cpu), addr, &pointer, sizeof(pointer), false);
	return pointer;
}

static uint64_t task_on(unsigned int cpu)
{
	uint64_t area = pointer_at(cpu, tasks.percpu + 8UL * cpu);

	return pointer_at(cpu, area + tasks.current);
}

static uint32_t number_at(unsigned int cpu, uint64_t addr)
{
	uint32_t number = 0;

	cpu_memory_rw_debug(qemu_get_cpu(cpu), addr, &number, sizeof(number), false);
	return number;
}

/* A region begins; its program is the one that this CPU runs. */
void task_reset(unsigned int cpu, struct measured *to)
{
	memset(tasks.task, 0, sizeof(tasks.task));
	tasks.measured = to;
	tasks.percpu = symbol_find("__per_cpu_offset");
	tasks.current = symbol_find("current_task");
	if (!tasks.current) /* 6.2 put it first in a line of hot variables */
		tasks.current = symbol_find("pcpu_hot");
	tasks.pid = member_offset("task_struct", "pid");
	tasks.tgid_at = member_offset("task_struct", "tgid");
	tasks.parent = member_offset("task_struct", "real_parent");
	tasks.tgid = number_at(cpu, task_on(cpu) + tasks.tgid_at);
}

static struct task *lookup(uint64_t addr)
{
	unsigned int at = (addr >> 6) * 0x9e3779b1U % TASKS;

	while (tasks.task[at].addr && tasks.task[at].addr != addr)
		at = (at + 1) % TASKS;
	return &tasks.task[at];
}

/* Whose is it, and does it work for an operation of the one that forked it? */
static void become(unsigned int cpu, struct task *task, uint64_t addr, uint32_t pid)
{
	uint64_t relative = addr;
	struct task *parent;

	memset(task, 0, sizeof(*task));
	task->addr = addr;
	task->pid = pid;
	task->op = -1;
	task->work = &task->own;
	for (int i = 0; pid && !task->measured && i < GENERATIONS && relative; i++) {
		if (number_at(cpu, relative + tasks.tgid_at) == tasks.tgid)
			task->measured = true;
		else
			relative = pointer_at(cpu, relative + tasks.parent);
	}
	parent = lookup(relative);
	if (task->measured && parent->addr && parent->op >= 0)
		task->work = &parent->own;
}

/* The task that a CPU runs now. One that died may have left its place to another. */
struct task *task_current(unsigned int cpu)
{
	uint64_t addr = task_on(cpu);
	uint32_t pid = number_at(cpu, addr + tasks.pid);
	struct task *task = lookup(addr);

	if (!task->addr || task->pid != pid)
		become(cpu, task, addr, pid);
	return task;
}

static bool counts(const struct task *task)
{
	return task->measured && task->op < 0 && task->work == &task->own;
}

static struct moment now(unsigned int cpu, const struct task *task)
{
	return (struct moment){step_vcpus[cpu].ticks, *task->work};
}

static void add_up(unsigned int cpu, const struct task *task, const struct moment *since,
		   struct figure *figure)
{
	uint64_t insns = task->work->insns - since->work.insns;

	if (figure->ticks.count < SAMPLES)
		figure->insns[figure->ticks.count] = insns;
	histogram_add(&figure->ticks, step_vcpus[cpu].ticks - since->ticks);
	figure->work.insns += insns;
	figure->work.locked += task->work->locked - since->work.locked;
	if (!tasks.measured->first || since->ticks < tasks.measured->first)
		tasks.measured->first = since->ticks;
	tasks.measured->last = step_vcpus[cpu].ticks;
}

static void update_lines(struct task *task)
{
	task->lines = tasks.measured->kind == MARKER_LINES && task->faults && !task->irqs &&
		      counts(task);
}

void task_enter(unsigned int cpu, struct task *task, enum model_frame frame)
{
	if (task->depth == FRAMES_LIMIT) {
		tasks.measured->stray++;
		task->depth = task->faults = task->irqs = 0;
	}
	task->frames = task->frames << 1 | (frame == FRAME_FAULT);
	task->depth++;
	if (frame == FRAME_FAULT) {
		if (!task->faults++)
			task->fault_began = now(cpu, task);
	} else {
		task->irqs++;
	}
	update_lines(task);
}

/* An iretq; system calls may end with one as well, with no frame. */
void task_leave(unsigned int cpu, struct task *task)
{
	if (!task->depth)
		return;
	task->depth--;
	if (!(task->frames & 1))
		task->irqs--;
	else if (!--task->faults && counts(task)) {
		add_up(cpu, task, &task->fault_began, &tasks.measured->faults);
		line_fault_ends(cpu);
		if (tasks.measured->kind == MARKER_LINES)
			step_think(cpu);
	}
	task->frames >>= 1;
	update_lines(task);
}

/* User code runs, so every frame has ended, whatever way it took. */
void task_in_user(struct task *task)
{
	tasks.measured->stray += task->depth;
	task->depth = task->faults = task->irqs = 0;
	update_lines(task);
}

void task_op_begin(unsigned int cpu, struct task *task, unsigned int op)
{
	task->op = op;
	task->op_began = now(cpu, task);
}

void task_op_end(unsigned int cpu, struct task *task, unsigned int op)
{
	if (task->op != (int)op)
		return;
	task->op = -1;
	add_up(cpu, task, &task->op_began, &tasks.measured->ops[op]);
}
