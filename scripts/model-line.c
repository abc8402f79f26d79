// SPDX-License-Identifier: GPL-2.0
/*
 * Which CPU has which cache line? A directory as a coherence protocol keeps it: the
 * CPU that wrote a line last owns it, those that read it since share it. A transfer
 * is an access that cannot be served from the CPU's own copy and takes the line from
 * another one: a read without a copy of what another CPU wrote, or a write while
 * another CPU owns or shares it. The first touch of a line is none.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "model.h"

#define LINE	  64
#define LINES	  (1U << 20)
#define SITES	  (1U << 18)
#define LINES_LOG 8192 /* lines that one fault touches */

static struct {
	struct line *line;
	struct site *site;
	unsigned long lines, sites;
	uint64_t transfers;
	bool lost; /* no room */
	struct {
		unsigned int count;
		uint32_t line[LINES_LOG];
	} log[MODEL_CPUS];
} dir;

static void *room(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* Nobody has anything. */
int line_reset(void)
{
	if (!dir.line)
		dir.line = room(LINES * sizeof(*dir.line));
	if (!dir.site)
		dir.site = room(SITES * sizeof(*dir.site));
	if (!dir.line || !dir.site)
		return -ENOMEM;
	madvise(dir.line, LINES * sizeof(*dir.line), MADV_DONTNEED);
	madvise(dir.site, SITES * sizeof(*dir.site), MADV_DONTNEED);
	dir.lines = dir.sites = dir.transfers = 0;
	dir.lost = false;
	memset(dir.log, 0, sizeof(dir.log));
	return 0;
}

static uint32_t hash(uint64_t of)
{
	return (of * 0x9e3779b97f4a7c15ULL) >> 32;
}

/* Its place, taken now if it has none yet; NULL when there is no room. */
static struct line *find_line(uint64_t addr)
{
	uint32_t at = hash(addr) % LINES;

	while (dir.line[at].addr && dir.line[at].addr != addr)
		at = (at + 1) % LINES;
	if (!dir.line[at].addr) {
		if (dir.lines >= LINES / 4 * 3) {
			dir.lost = true;
			return NULL;
		}
		dir.lines++;
		dir.line[at].addr = addr;
		dir.line[at].owner = -1;
	}
	return &dir.line[at];
}

static void transfer(struct line *line, uint64_t addr, uint64_t code)
{
	uint32_t at = hash(line->addr ^ code << 20) % SITES;
	struct site *site;

	line->transfers++;
	dir.transfers++;
	while (dir.site[at].line && (dir.site[at].line != line || dir.site[at].code != code))
		at = (at + 1) % SITES;
	site = &dir.site[at];
	if (!site->line) {
		if (dir.sites >= SITES / 4 * 3) {
			dir.lost = true;
			return;
		}
		dir.sites++;
		*site = (struct site){.line = line, .code = code, .addr = addr};
	}
	site->transfers++;
}

/* The present fault of a CPU touches a line for the first time. */
static void touch(struct line *line, unsigned int cpu)
{
	if (line->touched >> cpu & 1)
		return;
	line->touched |= 1ULL << cpu;
	line->seen |= 1ULL << cpu;
	line->faults++;
	if (dir.log[cpu].count < LINES_LOG)
		dir.log[cpu].line[dir.log[cpu].count++] = line - dir.line;
}

void line_access(unsigned int cpu, uint64_t addr, bool write, uint64_t code)
{
	struct line *line = find_line(addr & ~(uint64_t)(LINE - 1));
	uint64_t self = 1ULL << cpu;

	if (!line)
		return;
	touch(line, cpu);
	if (write) {
		if (line->sharers & ~self)
			transfer(line, addr, code);
		line->sharers = self;
		line->owner = cpu;
		line->writers |= self;
	} else if (!(line->sharers & self)) {
		if (line->owner >= 0)
			transfer(line, addr, code);
		line->sharers |= self;
	}
}

void line_fault_ends(unsigned int cpu)
{
	for (unsigned int i = 0; i < dir.log[cpu].count; i++)
		dir.line[dir.log[cpu].line[i]].touched &= ~(1ULL << cpu);
	dir.log[cpu].count = 0;
}

uint64_t line_transfers(void)
{
	return dir.transfers;
}

bool line_lost(void)
{
	return dir.lost;
}

/* One after the other, in no order; NULL at the end. */
struct line *line_next(unsigned long *at)
{
	while (*at < LINES)
		if (dir.line[(*at)++].addr)
			return &dir.line[*at - 1];
	return NULL;
}

struct site *line_next_site(unsigned long *at)
{
	while (*at < SITES)
		if (dir.site[(*at)++].line)
			return &dir.site[*at - 1];
	return NULL;
}
