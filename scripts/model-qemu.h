/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the model needs of QEMU 7.2: the plugin interface, version 1, which Debian
 * does not package as a header, and below it functions of QEMU's own that the
 * interface has no word for.
 */
#ifndef MODEL_QEMU_H
#define MODEL_QEMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;

enum { QEMU_PLUGIN_CB_NO_REGS };
enum { QEMU_PLUGIN_MEM_RW = 3 };

typedef void (*plugin_exec_fn)(unsigned int cpu, void *data);
typedef void (*plugin_vcpu_fn)(uint64_t id, unsigned int cpu);
typedef void (*plugin_mem_fn)(unsigned int cpu, uint32_t info, uint64_t addr, void *data);

void qemu_plugin_register_vcpu_init_cb(uint64_t id, plugin_vcpu_fn created);
void qemu_plugin_register_vcpu_idle_cb(uint64_t id, plugin_vcpu_fn idles);
void qemu_plugin_register_vcpu_resume_cb(uint64_t id, plugin_vcpu_fn resumes);
void qemu_plugin_register_flush_cb(uint64_t id, void (*flushed)(uint64_t id));
void qemu_plugin_register_atexit_cb(uint64_t id, void (*ends)(uint64_t id, void *data), void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*translated)(uint64_t id,
							      struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, plugin_exec_fn runs, int flags,
					  void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, plugin_exec_fn runs,
					    int flags, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, plugin_mem_fn accesses,
				      int flags, int directions, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
bool qemu_plugin_mem_is_store(uint32_t info);

/* QEMU's own. */
void *qemu_get_cpu(int index);
void tb_flush(void *cpu);
void qemu_plugin_disable_mem_helpers(void *cpu);
bool cpu_thread_is_idle(void *cpu);
int cpu_memory_rw_debug(void *cpu, uint64_t addr, void *to, size_t size, bool write);
int64_t cpu_get_clock(void);
void *object_class_by_name(const char *name);

#endif
