// SPDX-License-Identifier: GPL-2.0
/*
 * Is the configuration right, and what is in force? Reads the same files as
 * the daemon, in the same way; needs no daemon and changes nothing.
 */
#include <errno.h>
#include <string.h>

#include "cmd.h"
#include "config.h"

static void on_problem(void *arg, const char *message)
{
	unsigned int *problems = arg;

	(*problems)++;
	fprintf(stderr, "%s\n", message);
}

static int load(const char *path, struct config **ret_config)
{
	unsigned int problems = 0;
	int err = config_load("", path, on_problem, &problems, ret_config);

	if (!err)
		return CLI_OK;
	if (problems)
		cli_say("config: %u problem%s; the daemon would keep its old configuration",
			problems, problems == 1 ? "" : "s");
	else
		cli_say("config: %s: %s", path ? path : "the configuration", strerror(-err));
	return CLI_ERROR;
}

int cmd_config(struct cli *cli)
{
	const char *path = cli->n_args == 2 ? cli->args[1] : NULL;
	struct config *config = NULL;
	struct cli_out out;
	int ret, err;
	bool show;

	if (!cli->n_args || (strcmp(cli->args[0], "check") && strcmp(cli->args[0], "show"))) {
		cli_say("config: 'check [FILE]' or 'show [FILE]'");
		return CLI_USAGE;
	}
	show = !strcmp(cli->args[0], "show");
	ret = load(path, &config);
	if (!ret)
		ret = cli_out_open(cli, NULL, &out);
	if (!ret) {
		err = show ? config_dump(config, out.file)
			   : (fputs("configuration: good\n", out.file) < 0 ? -EIO : 0);
		if (err)
			cli_say("cannot print: %s", strerror(-err));
		ret = cli_out_close(&out, !err);
		ret = err ? CLI_ERROR : ret;
	}
	config_free(config);
	return ret;
}
