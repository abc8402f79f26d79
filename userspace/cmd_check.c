// SPDX-License-Identifier: GPL-2.0
/*
 * For monitoring systems: is somebody waiting too long right now? One line
 * with performance data, exit codes 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
 * Looks at a fresh window, never at the daemon's whole life: an old freeze is
 * the matter of `incidents`.
 */
#include "cmd.h"
#include "source.h"
#include "units.h"
#include "verdict.h"

enum state { OK, WARNING, CRITICAL, UNKNOWN };

struct sums {
	uint64_t count, total_ns, max_ns;
	uint32_t worst; /* the process of the longest wait */
	size_t n_stuck;
};

static void note_max(struct sums *sums, uint64_t ns, uint32_t tgid)
{
	if (ns < sums->max_ns || !tgid)
		return;
	sums->max_ns = ns;
	sums->worst = tgid;
}

static void add_up(const struct snapshot *snap, struct sums *sums)
{
	for (size_t i = 0; i < snap->n_procs; i++) {
		const struct snap_proc *proc = &snap->procs[i];

		sums->count += proc->hist.count;
		sums->total_ns += proc->hist.total_ns;
		if (proc->hist.count)
			note_max(sums, proc->hist.max_ns, proc->tgid);
	}
	for (size_t i = 0; i < snap->n_waits; i++) {
		if (snap->waits[i].finished)
			continue;
		sums->n_stuck++;
		note_max(sums, snap->waits[i].dur_ns, snap->waits[i].tgid);
	}
}

static int unknown(const char *why)
{
	printf("MMAP_LOCK UNKNOWN - %s\n", why);
	return UNKNOWN;
}

static void print_perfdata(const struct cli *cli, const struct sums *sums)
{
	printf("longest=%.6fs;%.6f;%.6f;0 waits=%llu;;;0 waiting=%.6fs;;;0 unfinished=%zu;;;0\n",
	       (double)sums->max_ns / 1e9, (double)cli->warning_ns / 1e9,
	       (double)cli->critical_ns / 1e9, (unsigned long long)sums->count,
	       (double)sums->total_ns / 1e9, sums->n_stuck);
}

static int judge(const struct cli *cli, const struct snapshot *snap)
{
	static const char *const names[] = {"OK", "WARNING", "CRITICAL"};
	char line[VERDICT_LINE], window[UNITS_BUF], max[UNITS_BUF];
	struct sums sums = {0};
	enum state state = OK;

	if (!snap->meta.attached)
		return unknown("measuring is stopped (circuit breaker)");
	add_up(snap, &sums);
	if (sums.max_ns >= cli->critical_ns)
		state = CRITICAL;
	else if (sums.max_ns >= cli->warning_ns)
		state = WARNING;
	units_format_duration(window, snap->meta.window_ns);
	units_format_duration(max, sums.max_ns);
	if (state == OK)
		printf("MMAP_LOCK OK - longest wait %s in %s | ", max, window);
	else
		printf("MMAP_LOCK %s - %s | ", names[state],
		       verdict_line(line, sizeof(line), snap, sums.worst));
	print_perfdata(cli, &sums);
	return state;
}

int cmd_check(struct cli *cli)
{
	const struct source_opts opts = {.stacks = false};
	struct snapshot *snap = NULL;
	int state;

	if (!cli_has(cli, CLI_O_WARNING))
		cli->warning_ns = 50000000; /* a request that stalls so long is noticed */
	if (!cli_has(cli, CLI_O_CRITICAL))
		cli->critical_ns = 500000000;
	if (cli->warning_ns > cli->critical_ns)
		return unknown("--warning is above --critical");
	if (source_once(cli, &opts, true, &snap))
		return unknown("nothing was measured; the reason is on stderr");
	state = judge(cli, snap);
	snapshot_free(snap);
	return state;
}
