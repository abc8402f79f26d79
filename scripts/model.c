// SPDX-License-Identifier: GPL-2.0
/*
 * What does a page fault cost on a machine with many cores, asked on one with two?
 *
 * A plugin of QEMU. Between two markers of a program in the guest (marker.h) it
 * makes of the emulated CPUs a machine of equal cores that run in step, one guest
 * instruction a tick (model-step.c), and takes down: how many instructions and
 * locked operations of the kernel each fault and each operation takes and how many
 * ticks it lasts (model-task.c); and for each cache line that faults touch which
 * CPU has it, and how often it has to come from another one (model-line.c).
 *
 * Outside of a region nothing is instrumented: both ends throw all translations
 * away. It is a count, not a time: every instruction takes one tick, a repeated one
 * too, whatever it misses; there are no TLB shootdowns' costs, prefetch, capacity
 * or NUMA. Page clearing and copying are no accesses here.
 *
 *	out=FILE	a record for each region, a line of JSON
 *	dir=DIR		has kallsyms and btf of the running kernel when a region begins
 *	lead=N		how many instructions a CPU may be ahead of the slowest one
 *	slow=N		nanoseconds of the guest's clocks in one tick; 1
 *	core=N		of the host, for all of QEMU while a region runs
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model.h"
#include "model-qemu.h"

#define LEAD	    200
#define KERNEL_HALF (1ULL << 63)

enum phase { OUTSIDE, BEGINNING, INSIDE, ENDING };

static struct {
	unsigned int lead;
	unsigned int tick_ns;
	int core; /* of the host; -1: any */
	const char *dir; /* of the guest's kallsyms and btf */
	bool named;
	enum phase phase;
	unsigned int cpu; /* that ran the marker */
	uint64_t begun_ns;
	struct measured measured;
} model = {.lead = LEAD, .tick_ns = 1, .core = -1};

__attribute__((visibility("default"))) int qemu_plugin_version = 1;
int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

/* --- while a region runs */

/* The kernel runs a block for a task. */
static void kernel_runs(unsigned int cpu, struct task *task, struct block *block)
{
	if (block->entry == CODE_FAULT || block->entry == CODE_IRQ)
		task_enter(cpu, task, block->entry == CODE_FAULT ? FRAME_FAULT : FRAME_IRQ);
	if (task->irqs) {
		model.measured.irq_insns += block->insns;
		return;
	}
	task->work->insns += block->insns;
	task->work->locked += block->locked;
	if (!task->measured)
		model.measured.other_insns += block->insns;
	else if (task->op >= 0 || task->work != &task->own)
		block->runs[BLOCK_OF_OP]++;
	else if (task->faults)
		block->runs[BLOCK_OF_FAULT]++;
}

static void block_runs(unsigned int cpu, void *data)
{
	struct block *block = data;
	struct vcpu *vcpu = &step_vcpus[cpu];

	vcpu->ticks += block->insns;
	if (step_turn != (int)cpu || vcpu->ticks > vcpu->limit)
		step_ask(cpu);
	if (model.phase != INSIDE)
		return;
	model.measured.all_insns += block->insns;
	if (block->entry == CODE_SWITCHED)
		vcpu->task = task_current(cpu);
	if (block->kernel)
		kernel_runs(cpu, vcpu->task, block);
	else if (vcpu->task->depth)
		task_in_user(vcpu->task);
}

static void iretq_runs(unsigned int cpu, void *data)
{
	(void)data;
	if (model.phase == INSIDE)
		task_leave(cpu, step_vcpus[cpu].task);
}

static void kernel_accesses(unsigned int cpu, uint32_t info, uint64_t addr, void *code)
{
	if (step_vcpus[cpu].task && step_vcpus[cpu].task->lines && addr >= KERNEL_HALF)
		line_access(cpu, addr, qemu_plugin_mem_is_store(info), (uintptr_t)code);
}

static void user_accesses(unsigned int cpu, uint32_t info, uint64_t addr, void *code)
{
	if (model.phase == INSIDE && step_vcpus[cpu].task && step_vcpus[cpu].task->measured)
		line_access(cpu, addr, qemu_plugin_mem_is_store(info), (uintptr_t)code);
}

/* --- the ends of a region: every CPU has left its code while translations are thrown away */

static uint64_t host_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void begins(void)
{
	model.begun_ns = host_ns();
	model.measured.host_cores[0] = core_count();
	core_take(model.core);
	model.measured.host_cores[1] = core_count();
	step_begin(model.cpu, model.lead, model.tick_ns);
	if (clock_take() < 0) {
		step_free();
		core_release();
		model.phase = OUTSIDE;
		report_broken(model.measured.number,
			      "this is not the QEMU 7.2 that the clock is for");
		return;
	}
	task_reset(model.cpu, &model.measured);
	for (unsigned int cpu = 0; cpu < MODEL_CPUS; cpu++)
		if (step_vcpus[cpu].present)
			step_vcpus[cpu].task = task_current(cpu);
	model.measured.begin = step_vcpus[model.cpu].ticks;
	model.phase = INSIDE;
}

static void ends(void)
{
	clock_release();
	core_release();
	model.measured.host_s = (host_ns() - model.begun_ns) / 1e9;
	model.phase = OUTSIDE;
	object_look(model.cpu);
	report_write(&model.measured, model.lead);
}

/* QEMU 7.2 keeps pointing to an instruction's callbacks when that instruction ends its block. */
static void forget_callbacks(void)
{
	for (unsigned int cpu = 0; cpu < MODEL_CPUS && step_vcpus[cpu].present; cpu++)
		qemu_plugin_disable_mem_helpers(qemu_get_cpu(cpu));
}

static void flushed(uint64_t id)
{
	(void)id;
	forget_callbacks();
	if (model.phase == BEGINNING)
		begins();
	else if (model.phase == ENDING)
		ends();
}

/* Names and offsets come from the guest, once: without address randomization they hold for all regions. */
static const char *load_names(void)
{
	char path[4096];

	if (model.named)
		return NULL;
	snprintf(path, sizeof(path), "%s/kallsyms", model.dir);
	if (symbol_load(path) < 0)
		return "no kallsyms of the guest's root in dir=";
	snprintf(path, sizeof(path), "%s/btf", model.dir);
	if (member_load(path) < 0)
		return "no btf of the guest in dir=";
	if (code_load() < 0)
		return "the kernel lacks the symbols of its entry points";
	if (object_load() < 0)
		return "the kernel lacks a symbol or a type that names are found by";
	model.named = true;
	return NULL;
}

static void region_begins(unsigned int cpu, enum marker_region kind)
{
	unsigned int number = model.measured.number + 1;

	const char *wrong;

	if (model.phase != OUTSIDE) {
		report_broken(number, "begins inside of another one");
		return;
	}
	memset(&model.measured, 0, sizeof(model.measured));
	model.measured.kind = kind;
	model.measured.number = number;
	wrong = load_names();
	if (!wrong && (line_reset() < 0 || block_reset() < 0))
		wrong = "no memory for what is measured";
	if (wrong) {
		report_broken(number, wrong);
		return;
	}
	model.cpu = cpu;
	model.phase = BEGINNING;
	tb_flush(qemu_get_cpu(cpu));
}

static void region_ends(unsigned int cpu)
{
	if (model.phase != INSIDE)
		return;
	model.measured.end = step_vcpus[cpu].ticks;
	model.cpu = cpu;
	model.phase = ENDING;
	step_free();
	tb_flush(qemu_get_cpu(cpu));
}

static void marker_runs(unsigned int cpu, void *data)
{
	uint32_t what = (uintptr_t)data & 0xff00, which = (uintptr_t)data & 0xff;
	struct task *task = step_vcpus[cpu].task;

	if (what == MARKER_BEGIN)
		region_begins(cpu, which);
	else if (what == MARKER_END)
		region_ends(cpu);
	else if (model.phase != INSIDE || which >= MARKER_OPS)
		return;
	else if (what == MARKER_OP_BEGIN)
		task_op_begin(cpu, task, which);
	else if (what == MARKER_OP_END)
		task_op_end(cpu, task, which);
}

/* --- translation */

static void instrument_insn(struct qemu_plugin_insn *insn, bool kernel, bool accesses)
{
	const uint8_t *bytes = qemu_plugin_insn_data(insn);
	size_t size = qemu_plugin_insn_size(insn);
	void *code = (void *)(uintptr_t)qemu_plugin_insn_vaddr(insn);

	if (kernel && code_is_iretq(bytes, size))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, iretq_runs, QEMU_PLUGIN_CB_NO_REGS,
						       NULL);
	if (accesses)
		qemu_plugin_register_vcpu_mem_cb(insn, kernel ? kernel_accesses : user_accesses,
						 QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, code);
}

/*
 * The emulator runs a repeated instruction as a block that jumps to itself. It counts
 * once, in the block that leads to it; the loop's own runs do not.
 */
static void instrument_block(struct qemu_plugin_tb *tb)
{
	uint64_t addr = qemu_plugin_tb_vaddr(tb);
	bool kernel = addr & KERNEL_HALF, loop, accesses;
	size_t insns = qemu_plugin_tb_n_insns(tb);
	struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, 0);
	struct block *block;

	loop = code_is_repeated(qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn));
	accesses = model.measured.kind == (kernel ? MARKER_LINES : MARKER_USER_LINES) &&
		   !(kernel && code_left_out(addr));
	block = block_new();
	block->addr = addr;
	block->insns = insns;
	block->kernel = kernel;
	block->entry = kernel ? code_entry(addr) : CODE_PLAIN;
	for (size_t i = 0; i < insns; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		instrument_insn(insn, kernel, accesses);
		block->locked +=
			code_is_locked(qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn));
	}
	if (!loop)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, block_runs, QEMU_PLUGIN_CB_NO_REGS, block);
}

/* Markers are in user code, and looked for at all times. */
static void find_markers(struct qemu_plugin_tb *tb)
{
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint32_t marker =
			code_marker(qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn));

		if (marker)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, marker_runs,
							       QEMU_PLUGIN_CB_NO_REGS,
							       (void *)(uintptr_t)marker);
	}
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	if (!(qemu_plugin_tb_vaddr(tb) & KERNEL_HALF))
		find_markers(tb);
	if (model.phase == INSIDE)
		instrument_block(tb);
}

static void present(uint64_t id, unsigned int cpu)
{
	(void)id;
	clock_find();
	step_present(cpu);
}

static void idles(uint64_t id, unsigned int cpu)
{
	(void)id;
	step_idle(cpu);
}

static void resumes(uint64_t id, unsigned int cpu)
{
	(void)id;
	step_resume(cpu);
}

static void exits(uint64_t id, void *data)
{
	(void)id;
	(void)data;
	if (model.phase != OUTSIDE)
		report_broken(model.measured.number, "has no end");
}

__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t id, const void *info,
							       int argc, char **argv)
{
	const char *out = NULL;

	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = argv[i] + 4;
		else if (!strncmp(argv[i], "dir=", 4))
			model.dir = argv[i] + 4;
		else if (!strncmp(argv[i], "lead=", 5))
			model.lead = strtoul(argv[i] + 5, NULL, 10);
		else if (!strncmp(argv[i], "slow=", 5))
			model.tick_ns = strtoul(argv[i] + 5, NULL, 10);
		else if (!strncmp(argv[i], "core=", 5))
			model.core = (int)strtoul(argv[i] + 5, NULL, 10);
		else
			fprintf(stderr, "model: %s: no such setting\n", argv[i]);
	}
	if (!out || !model.dir || !model.tick_ns || report_open(out) < 0) {
		fprintf(stderr, "model: out=FILE that can be written, dir=DIR and slow=N from 1 on "
				"are needed\n");
		return -1;
	}
	qemu_plugin_register_vcpu_init_cb(id, present);
	qemu_plugin_register_vcpu_idle_cb(id, idles);
	qemu_plugin_register_vcpu_resume_cb(id, resumes);
	qemu_plugin_register_flush_cb(id, flushed);
	qemu_plugin_register_atexit_cb(id, exits, NULL);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
