// SPDX-License-Identifier: GPL-2.0
/*
 * What can this kernel show, what is fallen back to, what can nobody see here,
 * and (--measure) what does looking cost? Facts are probed from BTF and by
 * loading, never guessed from a version.
 */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "cmd.h"
#include "kernel.h"
#include "place.h"
#include "source.h"
#include "units.h"

#define MEASURE_NS 3000000000ULL

struct checkup {
	struct utsname uts;
	struct kernel_facts facts;
	struct place place;
	int probe_err;
	int source_ret; /* exit code of opening it */
	struct snapshot *snap; /* NULL: not measured */
	bool measured;
	struct session_cost cost;
};

static void put_fact(FILE *out, const char *name, bool yes, const char *if_yes, const char *if_no)
{
	fprintf(out, "  %-20s %-4s %s\n", name, yes ? "yes" : "no", yes ? if_yes : if_no);
}

/* A host needs no more than a line; in a container each thing that is missing has one. */
static void put_place(FILE *out, const struct checkup *c)
{
	bool all = true;

	for (int i = 0; i < PLACE_NR; i++) {
		if (c->place.has[i])
			continue;
		fprintf(out, "%s  %-20s no   %s\n", all ? "place\n" : "", place_name(i),
			place_advice(i));
		all = false;
	}
	if (all)
		fputs("place: sees all of the host\n", out);
	fputc('\n', out);
}

static void put_facts(FILE *out, const struct checkup *c)
{
	const struct kernel_facts *f = &c->facts;

	fprintf(out, "kernel %s\n", c->uts.release);
	put_fact(out, "BTF", f->btf, "",
		 "programs cannot be fitted to this kernel (CONFIG_DEBUG_INFO_BTF)");
	if (!f->btf)
		return;
	put_fact(out, "contention points", f->contention, "queued waits are seen",
		 "lock:contention_begin is missing (5.19 and later have it)");
	put_fact(out, "mm->owner", f->mm_owner, "waits of other processes are attributed",
		 "only waits for the own lock are attributed (CONFIG_MEMCG)");
	put_fact(out, "per-VMA locks", f->per_vma_locks, "most page faults do not take mmap_lock",
		 "every page fault takes mmap_lock for reading");
	put_fact(out, "VMA rwsem", f->vma_lock_rwsem, "waits for single VMAs are class vma_lock",
		 "no class vma_lock");
	put_fact(out, "speculative faults", f->speculative, "vm.spf_* is there", "no vm.spf_*");
	put_fact(out, "rwsem slow paths", f->slowpaths, "exact mode may load (--exact)",
		 "no exact mode: waits that spin are not seen");
	put_fact(out, "release tracking", true,
		 f->contended_release ? "by lock:contended_release"
		 : f->mark_wake ? "by fentry on rwsem_mark_wake(), or else by sched:sched_waking"
				: "by sched:sched_waking",
		 "");
	if (f->rt)
		fputs("  PREEMPT_RT: rwsems have no owner word, holders are not known\n", out);
}

static void put_features(FILE *out, const struct checkup *c)
{
	const struct snapshot *snap = c->snap;

	fprintf(out, "\nfeatures (%s)\n", snap->meta.source ? snap->meta.source : "?");
	for (size_t i = 0; i < snap->n_features; i++)
		fprintf(out, "  %-20s %-7s %s\n", snap->features[i].name,
			snapshot_state_name(snap->features[i].state),
			snap->features[i].reason ? snap->features[i].reason : "");
}

static void put_blind(FILE *out, const struct checkup *c)
{
	fputs("\nwhat cannot be seen\n"
	      "  Waits of a writer that wins by spinning and of a reader that steals the lock are\n"
	      "  not queued: only exact mode counts them.\n"
	      "  A reader that holds the lock leaves no reliable trace: its confidence is 'hint',\n"
	      "  or 'release' where the kernel tells who woke the waiter.\n",
	      out);
	if (c->snap->meta.blind && *c->snap->meta.blind)
		fprintf(out, "  Here: %s.\n", c->snap->meta.blind);
}

static void put_cost(FILE *out, const struct checkup *c)
{
	const struct session_cost *cost = &c->cost;
	char window[UNITS_BUF], run[UNITS_BUF], calls[UNITS_BUF];

	fprintf(out, "\nown cost in %s: %s in BPF programs, %s runs, %llu skipped by the kernel\n",
		units_format_duration(window, cost->sample_ns),
		units_format_duration(run, cost->run_ns), units_format_count(calls, cost->calls),
		(unsigned long long)cost->misses);
	if (cost->calls && cost->sample_ns)
		fprintf(out, "  %.0f ns a run, %.4f %% of one CPU\n",
			(double)cost->run_ns / (double)cost->calls,
			100.0 * (double)cost->run_ns / (double)cost->sample_ns);
}

static int measure_cost(struct checkup *c, struct source *source)
{
	struct session *session = source_session(source);
	int err, ret;

	err = session_cost_sample(session, true, NULL);
	if (err) {
		cli_say("the kernel does not tell what BPF programs cost: %s", strerror(-err));
		return CLI_OK;
	}
	ret = source_wait(source, MEASURE_NS);
	err = session_cost_sample(session, false, &c->cost);
	c->measured = !err;
	return ret;
}

static void examine(struct checkup *c, struct cli *cli)
{
	const struct source_opts opts = {.stacks = false};
	struct source *source = NULL;

	uname(&c->uts);
	place_look("", &c->place);
	c->probe_err = kernel_probe(&c->facts);
	/* the daemon's programs cannot be sampled from here */
	if (cli_has(cli, CLI_O_MEASURE))
		cli->given |= CLI_BIT(DIRECT);
	c->source_ret = source_open(cli, &opts, &source);
	if (!c->source_ret && cli_has(cli, CLI_O_MEASURE))
		c->source_ret = measure_cost(c, source);
	if (!c->source_ret)
		c->source_ret = source_snapshot(source, false, &c->snap);
	source_close(source);
}

static int put_json(FILE *out, const struct checkup *c)
{
	const struct kernel_facts *f = &c->facts;
	json_t *doc;
	int err;

	doc = json_pack(
		"{s:i, s:s, s:{s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b}, s:i, s:o}",
		"schema", SNAPSHOT_SCHEMA, "kernel", c->uts.release, "facts", "btf", f->btf,
		"contention", f->contention, "contended_release", f->contended_release, "mark_wake",
		f->mark_wake, "slowpaths", f->slowpaths, "mm_owner", f->mm_owner, "vma_lock_rwsem",
		f->vma_lock_rwsem, "per_vma_locks", f->per_vma_locks, "speculative", f->speculative,
		"rt", f->rt, "exit", c->source_ret, "snapshot",
		c->snap ? snapshot_to_json(c->snap) : json_null());
	if (!doc)
		return -ENOMEM;
	json_object_set_new(
		doc, "place",
		json_pack("{s:b, s:b, s:b, s:b, s:b, s:b}", "proc", c->place.has[PLACE_PROC],
			  "host_pids", c->place.has[PLACE_PIDS], "host_users",
			  c->place.has[PLACE_USERS], "host_cgroups", c->place.has[PLACE_CGROUPS],
			  "btf", c->place.has[PLACE_BTF], "tracefs", c->place.has[PLACE_TRACEFS]));
	if (c->measured)
		json_object_set_new(doc, "cost",
				    json_pack("{s:I, s:I, s:I, s:I}", "sample_ns",
					      (json_int_t)c->cost.sample_ns, "run_ns",
					      (json_int_t)c->cost.run_ns, "calls",
					      (json_int_t)c->cost.calls, "misses",
					      (json_int_t)c->cost.misses));
	err = json_dumpf(doc, out, JSON_INDENT(2)) || fputc('\n', out) == EOF ? -EIO : 0;
	json_decref(doc);
	return err;
}

static int put_all(FILE *out, const struct checkup *c, const struct render_opts *opts)
{
	put_place(out, c);
	put_facts(out, c);
	if (c->snap) {
		put_features(out, c);
		put_blind(out, c);
	}
	if (c->measured)
		put_cost(out, c);
	if (c->snap) {
		fputc('\n', out);
		render_footer(out, c->snap, opts);
	}
	return ferror(out) ? -EIO : 0;
}

int cmd_doctor(struct cli *cli)
{
	struct checkup c = {0};
	struct cli_out out;
	int ret, err, closed;

	ret = cli_out_open(cli, NULL, &out);
	if (ret)
		return ret;
	examine(&c, cli);
	if (cli->render.format == RENDER_JSON || cli->render.format == RENDER_JSONL)
		err = put_json(out.file, &c);
	else
		err = put_all(out.file, &c, &cli->render);
	if (err)
		cli_say("cannot print: %s", strerror(-err));
	closed = cli_out_close(&out, !err);
	snapshot_free(c.snap);
	if (c.source_ret)
		return c.source_ret;
	return err ? CLI_ERROR : closed;
}
