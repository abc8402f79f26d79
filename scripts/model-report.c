// SPDX-License-Identifier: GPL-2.0
/*
 * A record for each region, one line of JSON. Rates are per million ticks, of all
 * CPUs together; instructions and locked operations are means of one fault or
 * operation.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

static FILE *out;

static const char *const kinds[] = {"time", "lines", "user lines"};
static const char *const ops[MARKER_OPS] = {"mmap",  "brk",  "mprotect", "mlock",
					    "split", "fork", "other"};

static unsigned int bucket_of(uint64_t value)
{
	unsigned int shift = 0;

	while (value >> shift >= 2 * HISTOGRAM_STEPS)
		shift++;
	return shift * HISTOGRAM_STEPS + (value >> shift);
}

/* The middle of what falls into a bucket. */
static double value_of(unsigned int bucket)
{
	unsigned int shift = bucket < 2 * HISTOGRAM_STEPS ? 0 : bucket / HISTOGRAM_STEPS - 1;
	uint64_t low = (uint64_t)(bucket - shift * HISTOGRAM_STEPS) << shift;

	return low + ((1ULL << shift) - 1) / 2.0;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->count++;
	histogram->sum += value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->bucket[bucket_of(value)]++;
}

/* A quantile by nearest rank. */
static double quantile(const struct histogram *histogram, double share)
{
	uint64_t rank = share * histogram->count, seen = 0;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->bucket[i];
		if (seen > rank)
			return value_of(i) < histogram->max ? value_of(i) : histogram->max;
	}
	return histogram->max;
}

static int compare(const void *left, const void *right)
{
	const uint32_t *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

static double median(uint32_t *sample, size_t count)
{
	qsort(sample, count, sizeof(*sample), compare);
	return (sample[(count - 1) / 2] + (double)sample[count / 2]) / 2;
}

static void write_figure(const char *name, struct figure *figure, uint64_t ticks)
{
	const struct histogram *all = &figure->ticks;
	double count = all->count;

	fprintf(out,
		"\"%s\":{\"count\":%llu,\"per_mtick\":%.3f,\"insns\":%.2f,\"insns_median\":%.1f,"
		"\"locked\":%.3f,"
		"\"ticks\":{\"mean\":%.1f,\"p50\":%.0f,\"p99\":%.0f,\"max\":%llu}}",
		name, (unsigned long long)all->count, count * 1e6 / ticks,
		figure->work.insns / count,
		median(figure->insns, all->count < SAMPLES ? all->count : SAMPLES),
		figure->work.locked / count, all->sum / count, quantile(all, 0.5),
		quantile(all, 0.99), (unsigned long long)all->max);
}

static unsigned int cpus(void)
{
	unsigned int count = 0;

	while (count < MODEL_CPUS && step_vcpus[count].present)
		count++;
	return count;
}

int report_open(const char *path)
{
	out = fopen(path, "we");
	return out ? 0 : -errno;
}

void report_write(struct measured *measured, unsigned int lead)
{
	uint64_t ticks = measured->last ? measured->last - measured->first
					: measured->end - measured->begin;
	const char *comma = "";
	uint64_t operations = 0;

	fprintf(out,
		"{\"region\":%u,\"kind\":\"%s\",\"cpus\":%u,\"lead\":%u,\"ticks\":%llu,"
		"\"host_s\":%.3f,\"host_cores\":[%u,%u],\"stolen\":%lu,\"stray\":%lu,\"irq_insns\":"
		"%llu,\"other_insns\":%"
		"llu,\"all_insns\":%llu,",
		measured->number, kinds[measured->kind], cpus(), lead, (unsigned long long)ticks,
		measured->host_s, measured->host_cores[0], measured->host_cores[1], step_stolen(),
		measured->stray, (unsigned long long)measured->irq_insns,
		(unsigned long long)measured->other_insns, (unsigned long long)measured->all_insns);
	if (!ticks)
		ticks = 1;
	if (measured->faults.ticks.count) {
		write_figure("faults", &measured->faults, ticks);
		fputc(',', out);
	}
	fputs("\"ops\":{", out);
	for (int op = 0; op < MARKER_OPS; op++) {
		if (!measured->ops[op].ticks.count)
			continue;
		fputs(comma, out);
		operations += measured->ops[op].ticks.count;
		write_figure(ops[op], &measured->ops[op], ticks);
		comma = ",";
	}
	fputc('}', out);
	block_write(out, measured->faults.ticks.count, operations);
	if (measured->kind != MARKER_TIME)
		hot_write(out, measured->kind == MARKER_LINES ? measured->faults.ticks.count : 0);
	fputs("}\n", out);
	fflush(out);
}

/* The region is void. */
void report_broken(unsigned int number, const char *why)
{
	fprintf(stderr, "model: region %u: %s\n", number, why);
	fprintf(out, "{\"region\":%u,\"error\":\"%s\"}\n", number, why);
	fflush(out);
}
