// SPDX-License-Identifier: GPL-2.0
/*
 * Which kernel symbol is this address? From the guest's /proc/kallsyms. Offsets of
 * per-CPU variables are symbols with small addresses there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

static struct {
	size_t count, room;
	struct symbol {
		uint64_t addr;
		char *name;
	} * symbol;
} symbols;

static int add(uint64_t addr, const char *name)
{
	if (symbols.count == symbols.room) {
		size_t room = symbols.room ? 2 * symbols.room : 1 << 16;
		struct symbol *more = realloc(symbols.symbol, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		symbols.symbol = more;
		symbols.room = room;
	}
	symbols.symbol[symbols.count].addr = addr;
	symbols.symbol[symbols.count].name = strdup(name);
	if (!symbols.symbol[symbols.count].name)
		return -ENOMEM;
	symbols.count++;
	return 0;
}

static int compare(const void *left, const void *right)
{
	const struct symbol *a = left, *b = right;

	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	return strcmp(a->name, b->name);
}

int symbol_load(const char *path)
{
	char line[1024], name[512];
	unsigned long long addr;
	FILE *file = fopen(path, "re");
	int err = 0;

	if (!file)
		return -errno;
	while (!err && fgets(line, sizeof(line), file))
		if (sscanf(line, "%llx %*c %511s", &addr, name) == 2)
			err = add(addr, name);
	fclose(file);
	if (!err && (!symbols.count || !symbols.symbol[symbols.count - 1].addr))
		err = -EPERM; /* all zero: not root's view */
	if (!err)
		qsort(symbols.symbol, symbols.count, sizeof(symbols.symbol[0]), compare);
	return err;
}

/* Address of the symbol with this name, or 0. */
uint64_t symbol_find(const char *name)
{
	for (size_t i = 0; i < symbols.count; i++)
		if (!strcmp(symbols.symbol[i].name, name))
			return symbols.symbol[i].addr;
	return 0;
}

void symbol_each(void (*tell)(const char *name, uint64_t addr, void *data), void *data)
{
	for (size_t i = 0; i < symbols.count; i++)
		tell(symbols.symbol[i].name, symbols.symbol[i].addr, data);
}

/* The last symbol that starts at or below an address, or NULL; the first by name if several start there. */
const char *symbol_at(uint64_t addr, uint64_t *ret_start)
{
	size_t from = 0, to = symbols.count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (symbols.symbol[middle].addr <= addr)
			from = middle + 1;
		else
			to = middle;
	}
	if (!from)
		return NULL;
	*ret_start = symbols.symbol[--from].addr;
	while (from && symbols.symbol[from - 1].addr == *ret_start)
		from--;
	return symbols.symbol[from].name;
}
