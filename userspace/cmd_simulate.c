// SPDX-License-Identifier: GPL-2.0
/*
 * How good is the policy on what was recorded, compared with every fixed value of
 * the threshold? Needs neither the kernel nor the daemon.
 */
#include <errno.h>
#include <jansson.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "policy_sim.h"
#include "policy_trace.h"
#include "units.h"

#define WINDOW_NS	1000000000ULL
#define DEFAULT_WINDOWS 600 /* of a phase, a second each */

/* "reader.64.jsonl" says reader if its header says nothing. */
static void name_of(const char *path, char *buf, size_t size)
{
	char copy[4096];

	snprintf(copy, sizeof(copy), "%s", path);
	snprintf(buf, size, "%s", basename(copy));
	buf[strcspn(buf, ".")] = '\0';
}

static int read_one(const char *path, struct policy_sim *sim, struct policy_trace *trace)
{
	char why[200] = "", phase[POLICY_SIM_NAME];
	FILE *in = fopen(path, "re");
	int err;

	if (!in) {
		cli_say("simulate: %s: %s", path, strerror(errno));
		return CLI_ERROR;
	}
	name_of(path, phase, sizeof(phase));
	err = policy_trace_read(in, phase, sim, trace, why, sizeof(why));
	fclose(in);
	if (err)
		cli_say("simulate: %s: %s", path, *why ? why : strerror(-err));
	return err ? CLI_ERROR : CLI_OK;
}

static void put_phases(FILE *out, const struct policy_sim_result *r)
{
	char best[UNITS_BUF], ours[UNITS_BUF];

	fprintf(out, "%-16s %6s %12s %12s %7s %8s %8s %6s\n", "PHASE", "BEST", "COST THERE",
		"POLICY", "REGRET", "CHANGES", "AN HOUR", "END");
	for (size_t i = 0; i < r->n_phases; i++) {
		const struct policy_sim_phase *p = &r->phases[i];

		fprintf(out, "%-16s ", p->name);
		if (p->best_ns > 0)
			fprintf(out, "%6u %12s %12s %6.1f%%", p->best,
				units_format_duration(best, (uint64_t)p->best_ns),
				units_format_duration(ours, (uint64_t)p->policy_ns),
				100.0 * (p->policy_ns / p->best_ns - 1));
		else
			fprintf(out, "%6s %12s %12s %7s", "-", "not measured", "", "");
		fprintf(out, " %8u %8u %6u\n", p->changes, p->hourly, p->end);
	}
}

static void put_values(FILE *out, const struct policy_sim_result *r, uint32_t home)
{
	fprintf(out, "\n%-16s %s\n", "THRESHOLD", "SHARE OF THE BEST OF EACH PHASE");
	for (size_t i = 0; i < r->n_values; i++)
		fprintf(out, "%-16u %.3f%s\n", r->values[i], r->fixed_share[i],
			r->values[i] == home ? "  the original" : "");
	fprintf(out, "%-16s %.3f\n", "policy", r->policy_share);
}

static json_t *to_json(const struct policy_sim_result *r, const struct policy_trace *trace)
{
	json_t *phases = json_array(), *values = json_array();

	for (size_t i = 0; i < r->n_phases; i++) {
		const struct policy_sim_phase *p = &r->phases[i];

		json_array_append_new(phases,
				      json_pack("{s:s, s:I, s:f, s:f, s:I, s:I, s:I}", "phase",
						p->name, "best", (json_int_t)p->best, "best_ns",
						p->best_ns, "policy_ns", p->policy_ns, "changes",
						(json_int_t)p->changes, "changes_an_hour",
						(json_int_t)p->hourly, "end", (json_int_t)p->end));
	}
	for (size_t i = 0; i < r->n_values; i++)
		json_array_append_new(values,
				      json_pack("{s:I, s:f}", "threshold", (json_int_t)r->values[i],
						"share", r->fixed_share[i]));
	return json_pack("{s:o, s:o, s:f, s:I, s:I, s:I, s:I}", "phases", phases, "fixed", values,
			 "policy_share", r->policy_share, "unrecorded", (json_int_t)r->unrecorded,
			 "windows", (json_int_t)trace->windows, "decisions",
			 (json_int_t)trace->decisions, "different", (json_int_t)trace->different);
}

static void put_notes(FILE *out, const struct policy_trace *trace, uint64_t unrecorded)
{
	fprintf(out,
		"-- %llu windows recorded; %llu decisions in them, decided again from the same "
		"windows: %llu differ\n",
		(unsigned long long)trace->windows, (unsigned long long)trace->decisions,
		(unsigned long long)trace->different);
	if (unrecorded)
		fprintf(out,
			"-- %llu windows at values that were not recorded: the nearest that "
			"was has answered\n",
			(unsigned long long)unrecorded);
}

static int print(struct cli *cli, const struct policy_sim_result *r,
		 const struct policy_trace *trace, uint32_t home)
{
	struct cli_out out;
	int ret = cli_out_open(cli, NULL, &out);

	if (ret)
		return ret;
	if (cli->render.format == RENDER_JSON || cli->render.format == RENDER_JSONL) {
		json_t *doc = to_json(r, trace);

		json_dumpf(doc, out.file,
			   cli->render.format == RENDER_JSON ? JSON_INDENT(2) : JSON_COMPACT);
		fputc('\n', out.file);
		json_decref(doc);
	} else {
		if (r->n_phases) {
			put_phases(out.file, r);
			put_values(out.file, r, home);
		}
		put_notes(out.file, trace, r->unrecorded);
	}
	return cli_out_close(&out, true);
}

static int run(struct cli *cli, struct policy_sim *sim, struct policy_trace *trace)
{
	uint32_t windows = cli->duration_ns ? cli->duration_ns / WINDOW_NS : DEFAULT_WINDOWS;
	static const uint32_t home[POLICY_NR_KNOBS] = {64, 8}; /* the kernel's defaults */
	struct policy_sim_result *result = calloc(1, sizeof(*result));
	int err = -ENOMEM, ret = CLI_ERROR;

	if (!trace->has_limits)
		policy_default_limits(home, &trace->limits);
	if (result)
		err = policy_sim_run(sim, &trace->limits, windows ? windows : 1, result);
	/* decided again they are in any case */
	if (err && (err != -ENODATA || !trace->decisions)) {
		cli_say("simulate: %s",
			err == -ENODATA ? "nothing to compare: record each kind of load at two "
					  "values of vm.spf_backoff_max at least, as root"
					: strerror(-err));
	} else {
		ret = print(cli, result, trace, trace->limits.home[POLICY_BACKOFF_MAX]);
	}
	if (!ret && trace->different) {
		cli_say("simulate: not decided as recorded: %s", trace->first_difference);
		ret = CLI_ERROR;
	}
	free(result);
	return ret;
}

int cmd_simulate(struct cli *cli)
{
	struct policy_sim *sim = policy_sim_new();
	struct policy_trace trace = {.windows = 0};
	int ret = sim ? CLI_OK : CLI_ERROR;

	for (int i = 1; !ret && i < cli->n_args; i++)
		ret = read_one(cli->args[i], sim, &trace);
	if (!ret)
		ret = run(cli, sim, &trace);
	policy_sim_free(sim);
	return ret;
}
