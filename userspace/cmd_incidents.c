// SPDX-License-Identifier: GPL-2.0
/*
 * What did the daemon record by itself? Lists the records, or explains one.
 * Reads the folder: it works without the daemon, and on records of another
 * host. A damaged record is told and does not hide the others.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd.h"
#include "cmd_html.h"
#include "config.h"
#include "incident.h"
#include "text.h"
#include "units.h"
#include "verdict.h"

struct list {
	const struct cli *cli;
	json_t *incidents;
	bool bad;
};

static uint64_t number(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

/* Records are files that somebody may have changed: clean again before a terminal sees it. */
static const char *text(const json_t *object, const char *name, char *buf, size_t size)
{
	const char *value = json_string_value(json_object_get(object, name));

	text_clean(buf, size, value ? value : "", value ? strlen(value) : 0);
	return buf;
}

static bool selected(const struct cli *cli, const json_t *incident)
{
	for (size_t i = 0; i < cli->n_pids; i++)
		if (cli->pids[i] == number(incident, "tgid"))
			return true;
	return !cli->n_pids;
}

static void on_incident(void *arg, const char *name, const json_t *incident, const char *problem)
{
	struct list *list = arg;

	if (!incident) {
		cli_say("%s: %s", name, problem ? problem : "unreadable");
		list->bad = true;
	} else if (selected(list->cli, incident)) {
		json_array_append_new(list->incidents, json_deep_copy(incident));
	}
}

static void put_row(FILE *out, const json_t *incident)
{
	time_t seconds = (time_t)(number(incident, "time_unix_ns") / 1000000000);
	char when[32] = "?", id[4 * INCIDENT_ID_LEN], comm[SNAPSHOT_COMM_LEN], kind[16];
	char wait[UNITS_BUF], verdict[2 * VERDICT_LINE];
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	fprintf(out, "%-26s %-20s %-5s %8llu ", text(incident, "id", id, sizeof(id)), when,
		text(incident, "kind", kind, sizeof(kind)),
		(unsigned long long)number(incident, "tgid"));
	text_put_padded(out, text(incident, "comm", comm, sizeof(comm)), 16);
	fprintf(out, " %8s  %s\n", units_format_duration(wait, number(incident, "wait_ns")),
		text(incident, "verdict", verdict, sizeof(verdict)));
}

static void put_list(const struct cli *cli, FILE *out, const json_t *incidents)
{
	size_t n = json_array_size(incidents), first = 0;

	if (cli->render.entries && n > cli->render.entries)
		first = n - cli->render.entries;
	if (cli->render.format == RENDER_TABLE)
		fprintf(out, "%-26s %-20s %-5s %8s %-16s %8s  %s\n", "ID", "TIME", "KIND", "PID",
			"COMM", "WAIT", "VERDICT");
	for (size_t i = first; i < n; i++) {
		const json_t *incident = json_array_get(incidents, i);

		if (cli->render.format == RENDER_TABLE) {
			put_row(out, incident);
		} else {
			json_dumpf(incident, out, JSON_COMPACT);
			fputc('\n', out);
		}
	}
	if (cli->render.format == RENDER_TABLE)
		fprintf(out, "%zu of %zu records\n", n - first, n);
}

static int list_all(struct cli *cli, const char *dir, FILE *out)
{
	struct list list = {.cli = cli, .incidents = json_array()};
	int err;

	if (!list.incidents)
		return CLI_ERROR;
	err = incident_list(dir, on_incident, &list);
	/* no folder yet: no incident yet */
	if (err && err != -ENOENT)
		cli_say("%s: %s", dir, strerror(-err));
	else
		put_list(cli, out, list.incidents);
	json_decref(list.incidents);
	if (err == -EACCES || err == -EPERM)
		return CLI_PERM;
	return (err && err != -ENOENT) || list.bad ? CLI_ERROR : CLI_OK;
}

static int take_snapshot(const json_t *record, struct snapshot **ret_snap)
{
	const char *where = NULL;

	if (!snapshot_from_json(json_object_get(record, "snapshot"), ret_snap, &where))
		return CLI_OK;
	cli_say("the snapshot in the record is not understood at '%s'", where ? where : "?");
	return CLI_ERROR;
}

static int write_page(struct cli *cli, const json_t *record)
{
	struct snapshot *snap = NULL;
	struct cmd_html html;
	int ret = take_snapshot(record, &snap);

	if (!ret)
		ret = cmd_html_open(cli, &html);
	if (!ret) {
		cmd_html_add(&html, snap);
		ret = cmd_html_close(cli, &html, snap);
	}
	snapshot_free(snap);
	return ret;
}

static int explain(struct cli *cli, FILE *out, const json_t *record)
{
	const json_t *incident = json_object_get(record, "incident");
	struct snapshot *snap = NULL;
	int err = take_snapshot(record, &snap);

	if (err)
		return err;
	put_row(out, incident);
	fputc('\n', out);
	err = verdict_explain(out, snap, (uint32_t)number(incident, "tgid"));
	if (!err) {
		fputc('\n', out);
		cli->render.by = RENDER_BY_HOLDER;
		err = render_report(out, snap, &cli->render);
	}
	snapshot_free(snap);
	return err ? CLI_ERROR : CLI_OK;
}

static int show_one(struct cli *cli, const char *dir, const char *id, FILE *out)
{
	const char *problem = NULL;
	json_t *record = NULL;
	int ret = CLI_OK, err = incident_read(dir, id, &record, &problem);

	if (err) {
		cli_say("incident '%s': %s", id,
			problem		 ? problem
			: err == -ENOENT ? "there is none; 'faultline incidents' lists them"
			: err == -EINVAL ? "this is no id; 'faultline incidents' lists them"
					 : strerror(-err));
		return err == -EACCES ? CLI_PERM : CLI_ERROR;
	}
	if (cli->html)
		ret = write_page(cli, record);
	if (ret || (cli->html && !cmd_html_with_text(cli))) {
		/* nothing to print */
	} else if (cli->render.format == RENDER_TABLE) {
		ret = explain(cli, out, record);
	} else {
		json_dumpf(record, out,
			   cli->render.format == RENDER_JSON ? JSON_INDENT(2) : JSON_COMPACT);
		fputc('\n', out);
	}
	json_decref(record);
	return ret;
}

static void on_problem(void *arg, const char *message)
{
	(void)arg;
	cli_say("%s", message);
}

/* Where the daemon writes them, by its configuration. */
static int find_dir(const struct cli *cli, char **ret_dir)
{
	struct config *config = NULL;
	int ret = CLI_OK;

	if (cli->dir) {
		*ret_dir = strdup(cli->dir);
	} else if (config_load("", NULL, on_problem, NULL, &config)) {
		cli_say("give --dir, or mend the configuration");
		ret = CLI_ERROR;
	} else {
		*ret_dir = strdup(config->incident_dir);
	}
	config_free(config);
	return ret || *ret_dir ? ret : CLI_ERROR;
}

static int check_args(const struct cli *cli)
{
	bool list = !cli->n_args || (cli->n_args == 1 && !strcmp(cli->args[0], "list"));

	if (cli->render.format != RENDER_TABLE && cli->render.format != RENDER_JSON &&
	    cli->render.format != RENDER_JSONL) {
		cli_say("incidents: --format is table, json or jsonl");
		return CLI_USAGE;
	}
	if (list && cli->html) {
		cli_say("incidents: --html is of one of them: 'show ID'");
		return CLI_USAGE;
	}
	if (list || (cli->n_args == 2 && !strcmp(cli->args[0], "show")))
		return CLI_OK;
	cli_say("incidents: 'list', or 'show ID'; see 'faultline incidents --help'");
	return CLI_USAGE;
}

int cmd_incidents(struct cli *cli)
{
	struct cli_out out;
	char *dir = NULL;
	int ret, closed;

	ret = check_args(cli);
	if (!ret)
		ret = find_dir(cli, &dir);
	if (!ret)
		ret = cli_out_open(cli, NULL, &out);
	if (!ret) {
		ret = cli->n_args == 2 ? show_one(cli, dir, cli->args[1], out.file)
				       : list_all(cli, dir, out.file);
		closed = cli_out_close(&out, !ret);
		ret = ret ? ret : closed;
	}
	free(dir);
	return ret;
}
