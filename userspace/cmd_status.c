// SPDX-License-Identifier: GPL-2.0
/*
 * Is the daemon well: since when, what it watches closely, what it costs, and
 * what it could not do. Exit code 5 when there is none.
 */
#include <errno.h>
#include <string.h>

#include "cmd.h"
#include "source.h"
#include "units.h"

static uint64_t number(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

static const char *text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "";
}

static void put_files(FILE *out, const json_t *files)
{
	size_t i;
	json_t *file;

	fprintf(out, "config       ");
	json_array_foreach (files, i, file)
		fprintf(out, "%s%s", i ? ", " : "", json_string_value(file));
	fprintf(out, "%s\n", json_array_size(files) ? "" : "compiled defaults");
}

static void put_hot(FILE *out, const json_t *hot)
{
	size_t i;
	json_t *proc;

	fprintf(out, "hot          ");
	json_array_foreach (hot, i, proc)
		fprintf(out, "%s%llu", i ? ", " : "", (unsigned long long)number(proc, "tgid"));
	fprintf(out, "%s\n", json_array_size(hot) ? "" : "no process is looked at closely");
}

static void put_incidents(FILE *out, const json_t *incidents)
{
	char size[UNITS_BUF];

	if (!json_is_true(json_object_get(incidents, "enabled"))) {
		fputs("incidents    off\n", out);
		return;
	}
	fprintf(out,
		"incidents    %llu on disk (%s) in %s; %llu written, %llu left out, %llu "
		"failed%s%s\n",
		(unsigned long long)number(incidents, "files"),
		units_format_size(size, number(incidents, "bytes")), text(incidents, "directory"),
		(unsigned long long)number(incidents, "written"),
		(unsigned long long)number(incidents, "suppressed"),
		(unsigned long long)number(incidents, "failed"),
		*text(incidents, "error") ? ": " : "", text(incidents, "error"));
}

static void put_hook(FILE *out, const json_t *hook)
{
	if (!*text(hook, "path"))
		return;
	fprintf(out,
		"hook         %s: %llu run, %llu failed (%llu of them out of time), "
		"%llu skipped\n",
		text(hook, "path"), (unsigned long long)number(hook, "run"),
		(unsigned long long)number(hook, "failed"),
		(unsigned long long)number(hook, "timeouts"),
		(unsigned long long)number(hook, "skipped"));
}

static void put_problems(FILE *out, const json_t *problems)
{
	const char *name;
	json_t *count;

	json_object_foreach ((json_t *)problems, name, count)
		fprintf(out, "problem      %s: seen %llu times; the daemon's log says more\n", name,
			(unsigned long long)json_integer_value(count));
}

static int put_status(const struct cli *cli, FILE *out, const json_t *reply)
{
	const json_t *breaker = json_object_get(reply, "breaker");
	const json_t *clients = json_object_get(reply, "clients");
	struct snapshot *snap = NULL;
	const char *where = NULL;
	char uptime[UNITS_BUF];
	int err;

	err = snapshot_from_json(json_object_get(reply, "snapshot"), &snap, &where);
	if (err) {
		cli_say("the daemon's status is not understood at '%s': is it of another version?",
			where ? where : "snapshot");
		return CLI_ERROR;
	}
	fprintf(out, "faultlined   running, pid %llu, version %s, up %s, mode %s\n",
		(unsigned long long)number(reply, "pid"), text(reply, "version"),
		units_format_duration(uptime, number(reply, "uptime_ns")), text(reply, "mode"));
	put_files(out, json_object_get(reply, "config_files"));
	fprintf(out, "measuring    %s%s\n", snap->meta.attached ? "yes" : "STOPPED: ",
		snap->meta.attached ? "" : snap->meta.detached_reason ?: "no reason given");
	fprintf(out, "breaker      %s, opened %llu times\n",
		json_is_true(json_object_get(breaker, "open")) ? "OPEN" : "closed",
		(unsigned long long)number(breaker, "times"));
	put_hot(out, json_object_get(reply, "hot"));
	put_incidents(out, json_object_get(reply, "incidents"));
	put_hook(out, json_object_get(reply, "hook"));
	fprintf(out, "clients      %llu now, %llu watching, %llu refused, %llu lines lost\n",
		(unsigned long long)number(clients, "now"),
		(unsigned long long)number(clients, "watching"),
		(unsigned long long)number(clients, "refused"),
		(unsigned long long)number(clients, "lost"));
	put_problems(out, json_object_get(reply, "problems"));
	render_footer(out, snap, &cli->render);
	snapshot_free(snap);
	return CLI_OK;
}

int cmd_status(struct cli *cli)
{
	struct cli_out out;
	json_t *reply = NULL;
	int ret, closed;

	ret = source_ask(cli, "status", &reply);
	if (ret)
		return ret;
	ret = cli_out_open(cli, NULL, &out);
	if (!ret) {
		if (cli->render.format == RENDER_JSON || cli->render.format == RENDER_JSONL) {
			json_dumpf(reply, out.file,
				   cli->render.format == RENDER_JSON ? JSON_INDENT(2)
								     : JSON_COMPACT);
			fputc('\n', out.file);
		} else {
			ret = put_status(cli, out.file, reply);
		}
		closed = cli_out_close(&out, !ret);
		ret = ret ? ret : closed;
	}
	json_decref(reply);
	return ret;
}
