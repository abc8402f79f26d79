// SPDX-License-Identifier: GPL-2.0
/*
 * What did the daemon record by itself? Lists the records, explains one, or copies
 * one out for somebody elsewhere. Reads files: it works without the daemon, and on
 * records of another host, of which it asks nothing of this one. A damaged record is
 * told and does not hide the others.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd.h"
#include "cmd_html.h"
#include "cmd_incidents_print.h"
#include "config.h"
#include "incident.h"
#include "incident_dir.h"
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

static void put_list(const struct cli *cli, FILE *out, const json_t *incidents)
{
	size_t n = json_array_size(incidents), first = 0;

	if (cli->render.entries && n > cli->render.entries)
		first = n - cli->render.entries;
	if (cli->render.format == RENDER_TABLE)
		cmd_incidents_print_header(out);
	for (size_t i = first; i < n; i++) {
		const json_t *incident = json_array_get(incidents, i);

		if (cli->render.format == RENDER_TABLE) {
			cmd_incidents_print_row(out, incident);
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

/* "show" takes the name of a file in place of an id; only an id needs to know the folder. */
static int read_record(const struct cli *cli, const char *name, json_t **ret_record)
{
	const char *problem = NULL;
	char *dir = NULL;
	int err, ret;

	if (incident_dir_is_id(name)) {
		ret = find_dir(cli, &dir);
		if (ret)
			return ret;
		err = incident_read(dir, name, ret_record, &problem);
		free(dir);
	} else {
		err = incident_load(name, ret_record, &problem);
	}
	if (!err)
		return CLI_OK;
	if (incident_dir_is_id(name))
		cli_say("incident %s: %s", name,
			problem		 ? problem
			: err == -ENOENT ? "there is none; 'faultline incidents' lists them"
					 : strerror(-err));
	else
		cli_say("%s: %s%s", name, problem ? problem : strerror(-err),
			err == -ENOENT ? "; nor is it an id, which 'faultline incidents' lists"
				       : "");
	return err == -EACCES || err == -EPERM ? CLI_PERM : CLI_ERROR;
}

/* A record whose head is right may still be damaged further down. */
static int take_snapshot(const char *name, const json_t *record, struct snapshot **ret_snap)
{
	const char *where = NULL;
	int err = snapshot_from_json(json_object_get(record, "snapshot"), ret_snap, &where);

	if (!err)
		return CLI_OK;
	if (where)
		cli_say("%s: damaged: its snapshot is not understood at '%s'; copy it again", name,
			where);
	else
		cli_say("%s: %s", name, strerror(-err));
	return CLI_ERROR;
}

static int put_record(const struct cli *cli, FILE *out, const json_t *record,
		      const struct snapshot *snap)
{
	bool lines = !strcmp(cli->args[0], "export") || cli->render.format == RENDER_JSONL;
	int err = 0;

	if (!lines && cli->render.format == RENDER_TABLE)
		err = cmd_incidents_print(out, record, snap, &cli->render);
	else if (json_dumpf(record, out, lines ? JSON_COMPACT : JSON_INDENT(2)) ||
		 fputc('\n', out) == EOF)
		err = -EIO;
	if (err)
		cli_say("cannot print: %s", strerror(-err));
	return err ? CLI_ERROR : CLI_OK;
}

/* Records of versions that did not explain: whoever gets it need not be able to. */
static void complete(json_t *record, const struct snapshot *snap)
{
	uint64_t tgid = number(json_object_get(record, "incident"), "tgid");

	if (!json_object_get(record, "explained"))
		json_object_set_new(record, "explained", verdict_to_json(snap, (uint32_t)tgid));
}

static int write_page(struct cli *cli, const struct snapshot *snap)
{
	struct cmd_html html;
	int ret = cmd_html_open(cli, &html);

	if (ret)
		return ret;
	cmd_html_add(&html, snap);
	return cmd_html_close(cli, &html, snap);
}

static int show_or_export(struct cli *cli)
{
	bool export = !strcmp(cli->args[0], "export");
	struct snapshot *snap = NULL;
	json_t *record = NULL;
	struct cli_out out;
	bool wants_text;
	int ret, closed;

	setenv("TZ", "UTC0", 1); /* that of the record is not known, and ours is of no use */
	ret = read_record(cli, cli->args[1], &record);
	if (!ret)
		ret = take_snapshot(cli->args[1], record, &snap);
	if (!ret && export) {
		complete(record, snap);
		umask(077); /* names and stacks of other users' processes */
	}
	if (!ret && cli->html)
		ret = write_page(cli, snap);
	wants_text = !cli->html || cmd_html_with_text(cli);
	if (!ret && wants_text)
		ret = cli_out_open(cli, cli->n_args == 3 ? cli->args[2] : NULL, &out);
	if (!ret && wants_text) {
		ret = put_record(cli, out.file, record, snap);
		closed = cli_out_close(&out, !ret);
		ret = ret ? ret : closed;
	}
	snapshot_free(snap);
	json_decref(record);
	return ret;
}

static int list_records(struct cli *cli)
{
	struct cli_out out;
	char *dir = NULL;
	int ret, closed;

	ret = find_dir(cli, &dir);
	if (!ret)
		ret = cli_out_open(cli, NULL, &out);
	if (!ret) {
		ret = list_all(cli, dir, out.file);
		closed = cli_out_close(&out, !ret);
		ret = ret ? ret : closed;
	}
	free(dir);
	return ret;
}

static int check_args(const struct cli *cli)
{
	const char *what = cli->n_args ? cli->args[0] : "list";
	bool export = !strcmp(what, "export");

	if (!((!strcmp(what, "list") && cli->n_args < 2) ||
	      (!strcmp(what, "show") && cli->n_args == 2) || (export && cli->n_args >= 2))) {
		cli_say("incidents: 'list', 'show RECORD', or 'export ID [FILE]'; see 'faultline "
			"incidents --help'");
		return CLI_USAGE;
	}
	if (cli->html && strcmp(what, "show")) {
		cli_say("incidents: --html is of one of them: 'show RECORD'");
		return CLI_USAGE;
	}
	if (export && cli_has(cli, CLI_O_FORMAT)) {
		cli_say("incidents export: it has one format; 'show' takes --format");
		return CLI_USAGE;
	}
	if (export && cli->n_args == 3 && cli_has(cli, CLI_O_OUTPUT)) {
		cli_say("incidents export: FILE, or --output, not both");
		return CLI_USAGE;
	}
	if (cli->render.format != RENDER_TABLE && cli->render.format != RENDER_JSON &&
	    cli->render.format != RENDER_JSONL) {
		cli_say("incidents: --format is table, json or jsonl");
		return CLI_USAGE;
	}
	return CLI_OK;
}

int cmd_incidents(struct cli *cli)
{
	int ret = check_args(cli);

	if (ret)
		return ret;
	return cli->n_args >= 2 ? show_or_export(cli) : list_records(cli);
}
