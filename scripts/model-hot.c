// SPDX-License-Identifier: GPL-2.0
/*
 * Which lines do faults fight for, and at which instructions? Lines are told by
 * address and, as one structure has many instances, added up by the member of the
 * structure that is there. Named after the address that most transfers wanted.
 */
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define TOP    24
#define TOP_AT 6 /* instructions of a line */
#define NAME   128

struct tally {
	char name[NAME];
	uint64_t transfers;
	unsigned int lines;
};

struct table {
	struct tally *tally;
	size_t count, room;
};

/* Adds to the entry of a name; false without memory. */
static bool tally_add(struct table *table, const char *name, uint64_t transfers)
{
	size_t at = 0;

	while (at < table->count && strcmp(table->tally[at].name, name))
		at++;
	if (at == table->room) {
		size_t room = table->room ? 2 * table->room : 256;
		struct tally *more = realloc(table->tally, room * sizeof(*more));

		if (!more)
			return false;
		table->tally = more;
		table->room = room;
	}
	if (at == table->count) {
		memset(&table->tally[at], 0, sizeof(table->tally[at]));
		strcpy(table->tally[at].name, name);
		table->count++;
	}
	table->tally[at].transfers += transfers;
	table->tally[at].lines++;
	return true;
}

static int by_transfers(const void *left, const void *right)
{
	const struct tally *a = left, *b = right;

	if (a->transfers != b->transfers)
		return a->transfers < b->transfers ? 1 : -1;
	return strcmp(a->name, b->name);
}

static int sites_by_line(const void *left, const void *right)
{
	const struct site *a = *(struct site *const *)left, *b = *(struct site *const *)right;

	if (a->line->transfers != b->line->transfers)
		return a->line->transfers < b->line->transfers ? 1 : -1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->transfers < b->transfers ? 1 : a->transfers > b->transfers ? -1 : 0;
}

static void name_code(uint64_t code, char *to, size_t size)
{
	uint64_t start = 0;
	const char *name = code >> 63 ? symbol_at(code, &start) : NULL;

	if (name)
		snprintf(to, size, "%s+0x%llx", name, (unsigned long long)(code - start));
	else
		snprintf(to, size, "user 0x%llx", (unsigned long long)code);
}

/* Touched by at least half of all faults, by several CPUs, and written. */
static bool is_every_fault(const struct line *line, uint64_t faults)
{
	return faults && 2 * (uint64_t)line->faults >= faults && line->seen & (line->seen - 1) &&
	       line->writers;
}

static void write_every_fault(FILE *to, uint64_t faults, double per)
{
	unsigned long at = 0;
	uint64_t transfers = 0;
	unsigned int lines = 0;
	struct line *line;

	while ((line = line_next(&at))) {
		if (!is_every_fault(line, faults))
			continue;
		lines++;
		transfers += line->transfers;
	}
	fprintf(to, ",\"every_fault\":{\"lines\":%u,\"transfers\":%.4f}", lines, transfers / per);
}

/* All with transfers, those of one line together, the busiest line first. */
static struct site **sorted_sites(size_t *ret_count)
{
	unsigned long at = 0;
	size_t count = 0;
	struct site **sites, *site;

	while (line_next_site(&at))
		count++;
	sites = malloc((count + 1) * sizeof(*sites));
	if (!sites)
		return NULL;
	*ret_count = count;
	for (at = count = 0; (site = line_next_site(&at));)
		sites[count++] = site;
	qsort(sites, count, sizeof(*sites), sites_by_line);
	return sites;
}

static void write_line(FILE *to, struct site **sites, size_t count, uint64_t faults, double per)
{
	const struct line *line = sites[0]->line;
	char name[NAME];

	object_name(sites[0]->addr, name, sizeof(name));
	fprintf(to,
		"{\"addr\":\"0x%llx\",\"name\":\"%s\",\"transfers\":%.4f,\"faults\":%u,\"every_"
		"fault\":%s,\"at\":[",
		(unsigned long long)line->addr, name, line->transfers / per, line->faults,
		is_every_fault(line, faults) ? "true" : "false");
	for (size_t i = 0; i < count && i < TOP_AT; i++) {
		name_code(sites[i]->code, name, sizeof(name));
		fprintf(to, "%s{\"code\":\"%s\",\"transfers\":%.4f,\"wants\":", i ? "," : "", name,
			sites[i]->transfers / per);
		object_name(sites[i]->addr, name, sizeof(name));
		fprintf(to, "\"%s\"}", name);
	}
	fputs("]}", to);
}

static void write_table(FILE *to, const char *title, struct table *table, double per)
{
	qsort(table->tally, table->count, sizeof(table->tally[0]), by_transfers);
	fprintf(to, ",\"%s\":[", title);
	for (size_t i = 0; i < table->count && i < TOP; i++)
		fprintf(to, "%s{\"name\":\"%s\",\"lines\":%u,\"transfers\":%.4f}", i ? "," : "",
			table->tally[i].name, table->tally[i].lines,
			table->tally[i].transfers / per);
	fputc(']', to);
}

/* Lines by address and by name, then instructions. */
static void write_sites(FILE *to, struct site **sites, size_t count, uint64_t faults, double per)
{
	struct table names = {0}, codes = {0};
	unsigned int lines = 0;
	char name[NAME];
	bool room = true;

	fputs(",\"lines\":[", to);
	for (size_t i = 0, next; i < count; i = next) {
		for (next = i; next < count && sites[next]->line == sites[i]->line; next++) {
			name_code(sites[next]->code, name, sizeof(name));
			room &= tally_add(&codes, name, sites[next]->transfers);
		}
		object_name(sites[i]->addr, name, sizeof(name));
		room &= tally_add(&names, name, sites[i]->line->transfers);
		if (lines == TOP)
			continue;
		fputs(lines++ ? "," : "", to);
		write_line(to, sites + i, next - i, faults, per);
	}
	fputc(']', to);
	write_table(to, "objects", &names, per);
	write_table(to, "code", &codes, per);
	fprintf(to, ",\"lost\":%s", line_lost() || !room ? "true" : "false");
	free(names.tally);
	free(codes.tally);
}

/* Transfers are per fault; without faults (lines of user code) they are counts. */
void hot_write(FILE *to, uint64_t faults)
{
	double per = faults ? faults : 1;
	size_t count = 0;
	struct site **sites = sorted_sites(&count);

	fprintf(to, ",\"transfers\":%.4f", line_transfers() / per);
	write_every_fault(to, faults, per);
	if (sites)
		write_sites(to, sites, count, faults, per);
	free(sites);
}
