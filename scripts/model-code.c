// SPDX-License-Identifier: GPL-2.0
/*
 * What is this code? Bytes of x86 instructions, and the kernel's entry points.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define ENTRIES_MAX 512
#define LONG_NOP    7 /* bytes: 0f 1f, how to address, a 32-bit operand */

static struct {
	unsigned int count;
	struct entry {
		uint64_t addr;
		enum code_entry kind;
	} entry[ENTRIES_MAX];
} entries;

/* Entry points by name. Ends in '*': any with this beginning; the first that fits counts. */
static const struct {
	const char *name;
	enum code_entry kind;
} known[] = {
	{"asm_exc_page_fault", CODE_FAULT},   {"asm_exc_*", CODE_IRQ},
	{"asm_sysvec_*", CODE_IRQ},	      {"asm_common_interrupt", CODE_IRQ},
	{"asm_spurious_interrupt", CODE_IRQ}, {"finish_task_switch*", CODE_SWITCHED},
};

/* What fills or copies whole pages. */
static const char *const left_out[] = {"clear_page_*", "copy_page*", "copy_mc_*"};

static bool fits(const char *name, const char *pattern)
{
	size_t size = strlen(pattern) - 1;

	return pattern[size] == '*' ? !strncmp(name, pattern, size) : !strcmp(name, pattern);
}

static int compare(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	return a->addr < b->addr ? -1 : a->addr > b->addr;
}

static void consider(const char *name, uint64_t addr, void *data)
{
	int *err = data;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!fits(name, known[i].name))
			continue;
		if (entries.count == ENTRIES_MAX)
			*err = -E2BIG;
		else
			entries.entry[entries.count++] = (struct entry){addr, known[i].kind};
		return;
	}
}

/* The kernel's entry points; -ENOENT when what must be there is not. */
int code_load(void)
{
	unsigned int have[CODE_ENTRIES] = {0};
	int err = 0;

	entries.count = 0;
	symbol_each(consider, &err);
	qsort(entries.entry, entries.count, sizeof(entries.entry[0]), compare);
	for (unsigned int i = 0; i < entries.count; i++)
		have[entries.entry[i].kind]++;
	if (have[CODE_FAULT] != 1 || !have[CODE_IRQ] || !have[CODE_SWITCHED])
		err = -ENOENT;
	return err;
}

enum code_entry code_entry(uint64_t addr)
{
	const struct entry wanted = {.addr = addr};
	const struct entry *found =
		bsearch(&wanted, entries.entry, entries.count, sizeof(entries.entry[0]), compare);

	return found ? found->kind : CODE_PLAIN;
}

bool code_left_out(uint64_t addr)
{
	uint64_t start;
	const char *name = symbol_at(addr, &start);

	for (size_t i = 0; name && i < sizeof(left_out) / sizeof(left_out[0]); i++)
		if (fits(name, left_out[i]))
			return true;
	return false;
}

/* The operand of a marker, or 0. */
uint32_t code_marker(const uint8_t *insn, size_t size)
{
	uint32_t operand;

	if (size != LONG_NOP || insn[0] != 0x0f || insn[1] != 0x1f || insn[2] != 0x80)
		return 0;
	memcpy(&operand, insn + 3, sizeof(operand));
	return (operand & 0xffff0000) == MARKER_MAGIC ? operand & 0xffff : 0;
}

bool code_is_iretq(const uint8_t *insn, size_t size)
{
	return size == 2 && insn[0] == 0x48 && insn[1] == 0xcf;
}

/* Skips prefixes; tells which there were. */
static size_t opcode_at(const uint8_t *insn, size_t size, bool *ret_lock, bool *ret_repeat)
{
	size_t at = 0;

	*ret_lock = *ret_repeat = false;
	for (; at < size; at++) {
		if (insn[at] == 0xf0)
			*ret_lock = true;
		else if (insn[at] == 0xf2 || insn[at] == 0xf3)
			*ret_repeat = true;
		else if (!memchr("\x26\x2e\x36\x3e\x64\x65\x66\x67", insn[at], 8))
			break;
	}
	if (at < size && (insn[at] & 0xf0) == 0x40)
		at++; /* REX comes last */
	return at;
}

/* A lock prefix, or an exchange with memory, which has it built in. */
bool code_is_locked(const uint8_t *insn, size_t size)
{
	bool lock, repeat;
	size_t at = opcode_at(insn, size, &lock, &repeat);

	return lock ||
	       (at + 1 < size && (insn[at] == 0x86 || insn[at] == 0x87) && insn[at + 1] >> 6 != 3);
}

/* A string instruction with a repeat prefix: the emulator runs it as a loop of its own. */
bool code_is_repeated(const uint8_t *insn, size_t size)
{
	bool lock, repeat;
	size_t at = opcode_at(insn, size, &lock, &repeat);

	return repeat && at < size &&
	       ((insn[at] >= 0xa4 && insn[at] <= 0xa7) || (insn[at] >= 0xaa && insn[at] <= 0xaf));
}
