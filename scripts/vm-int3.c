// SPDX-License-Identifier: GPL-2.0
/*
 * Is the breakpoint that an emulated CPU is about to run still in memory?
 *
 * The kernel patches its text (tracepoints, fentry, static keys) by way of an
 * int3 that it takes back at the end. QEMU before 8.1 does not lock a page while
 * it translates code of it: a CPU that translates the int3 while another one
 * overwrites it keeps the translation for good. The trap handler then finds no
 * int3 in memory, backs up and runs the instruction again, for ever.
 *
 * A plugin of QEMU: looks at each int3 before it runs, and where memory has
 * something else by now, has all translations thrown away. Says so on stderr,
 * which is how often the guest would have hung. Changes nothing else: a stall
 * that is the guest's own goes on. scripts/vm builds and loads it; the test of
 * it is scripts/tests/emulator-int3. The interface is qemu-plugin.h's version 1,
 * which Debian does not package; tb_flush() is QEMU's own.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define INT3 0xcc

struct qemu_plugin_tb;
struct qemu_plugin_insn;

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*translated)(uint64_t id,
							      struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*runs)(unsigned int cpu, void *data), int flags,
					    void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);
void *qemu_get_cpu(int index);
void tb_flush(void *cpu);

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

static void int3_runs(unsigned int cpu, void *memory)
{
	if (*(const volatile uint8_t *)memory == INT3)
		return;
	fprintf(stderr, "vm-int3: CPU %u ran a breakpoint that is gone\n", cpu);
	tb_flush(qemu_get_cpu(cpu));
}

/* An int3 ends its block. */
static void block_translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, qemu_plugin_tb_n_insns(tb) - 1);
	void *memory = qemu_plugin_insn_haddr(last);

	(void)id;
	if (memory && *(const uint8_t *)qemu_plugin_insn_data(last) == INT3)
		qemu_plugin_register_vcpu_insn_exec_cb(last, int3_runs, 0, memory);
}

__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t id, const void *info,
							       int argc, char **argv)
{
	(void)info;
	(void)argc;
	(void)argv;
	qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
	return 0;
}
