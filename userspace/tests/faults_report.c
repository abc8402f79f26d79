// SPDX-License-Identifier: GPL-2.0
/*
 * What came of it, as one JSON object on stdout, and whether it is true: the
 * kernel must have counted one minor fault for each touch, and no major one.
 */
#include "faults.h"

#include <inttypes.h>
#include <stdio.h>

#define REPORT_VERSION 1

static void print_latency(const struct lat_hist *ticks, double ns_per_tick)
{
	const char *comma = "";

	printf("{\"count\":%" PRIu64 ",\"p50\":%.0f,\"p99\":%.0f,\"max\":%.0f,\"slots\":[",
	       ticks->count, (double)lat_percentile(ticks, 50) * ns_per_tick,
	       (double)lat_percentile(ticks, 99) * ns_per_tick, (double)ticks->max * ns_per_tick);
	for (unsigned int i = 0; i < LAT_SLOTS; i++) {
		if (!ticks->slots[i])
			continue;
		printf("%s[%.0f,%" PRIu64 "]", comma, (double)lat_slot_low(i) * ns_per_tick,
		       ticks->slots[i]);
		comma = ",";
	}
	fputs("]}", stdout);
}

static void print_config(void)
{
	printf("{\"version\":%d,\"workers\":%u,\"kind\":\"%s\",\"layout\":\"%s\","
	       "\"memory\":\"%s\",\"touch\":\"%s\",\"unmap\":\"%s\",\"pages\":%zu,\"touches\":"
	       "%" PRIu64 ",",
	       REPORT_VERSION, opts.workers, opts.processes ? "processes" : "threads",
	       layout_names[opts.layout], memory_names[opts.memory], opts.read ? "read" : "write",
	       unmap_names[opts.unmap], opts.pages, opts.touches);
}

static void print_writer(const struct result *result)
{
	if (!opts.writer) {
		fputs("\"writer\":null}\n", stdout);
		return;
	}
	printf("\"writer\":{\"name\":\"%s\",\"bytes\":%zu,\"pause\":%" PRIu64 ",\"ops\":%" PRIu64
	       ",\"ops_per_s\":%.1f,\"alone_ns\":%" PRIu64 ",\"latency_ns\":",
	       opts.writer->name, opts.writer_bytes, opts.writer_pause, ctl->writer_ops,
	       (double)ctl->writer_ops * 1e9 / (double)ctl->writer_ns, ctl->writer_alone_ns);
	print_latency(&ctl->writer_ticks, result->ns_per_tick);
	fputs("}}\n", stdout);
}

static void verify(const struct worker *sum)
{
	uint64_t spare = opts.writer ? opts.writer->extra_faults * ctl->writer_ops * opts.workers
				     : 0;

	if (sum->major_faults)
		fail(EXIT_WRONG_COUNT,
		     "%" PRIu64
		     " major faults: the memory was not in memory, give the machine more",
		     sum->major_faults);
	if (sum->minor_faults < sum->faults || sum->minor_faults > sum->faults + spare)
		fail(EXIT_WRONG_COUNT,
		     "touched %" PRIu64 " pages, but the kernel counted %" PRIu64
		     " minor faults: the figures are not those of the question",
		     sum->faults, sum->minor_faults);
}

void report_faults(const struct result *result)
{
	static struct worker sum;

	for (unsigned int i = 0; i < opts.workers; i++) {
		const struct worker *w = &ctl->workers[i];

		sum.faults += w->faults;
		sum.minor_faults += w->minor_faults;
		sum.major_faults += w->major_faults;
		lat_merge(&sum.ticks, &w->ticks);
	}
	verify(&sum);
	print_config();
	printf("\"rounds\":%" PRIu64 ",\"elapsed_ns\":%" PRIu64 ",\"faults\":%" PRIu64
	       ",\"minor_faults\":%" PRIu64 ",\"faults_per_s\":%.1f,\"latency_ns\":",
	       result->rounds, result->elapsed_ns, sum.faults, sum.minor_faults,
	       (double)sum.faults * 1e9 / (double)result->elapsed_ns);
	print_latency(&sum.ticks, result->ns_per_tick);
	putchar(',');
	print_writer(result);
}

void report_op(uint64_t ns)
{
	const struct worker *w = ctl->workers;

	if (opts.op->faults)
		verify(w);
	printf("{\"version\":%d,\"op\":\"%s\",\"count\":%" PRIu64 ",\"elapsed_ns\":%" PRIu64
	       ",\"minor_faults\":%" PRIu64 "}\n",
	       REPORT_VERSION, opts.op->name, opts.count, ns, w->minor_faults);
}
