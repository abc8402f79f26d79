// SPDX-License-Identifier: GPL-2.0
/*
 * faultline: see mmap_lock contention, whose it is and why. Picks the verb,
 * parses its options, runs it; the verbs are in cmd_*.c. It changes nothing on
 * the host itself, and never reads a file that takes the lock of the process
 * that it looks at.
 */
#include <string.h>

#include "cli.h"
#include "cmd.h"

static int version(void)
{
	puts("faultline " FAULTLINE_VERSION);
	return CLI_OK;
}

static int help(int argc, char **argv)
{
	const struct cli_verb *verb = argc > 1 ? cli_find_verb(argv[1]) : NULL;

	if (argc > 1 && !verb) {
		cli_say("help: no verb '%s'; see 'faultline help'", argv[1]);
		return CLI_USAGE;
	}
	if (verb)
		cli_help_verb(stdout, verb);
	else
		cli_help(stdout);
	return CLI_OK;
}

static int no_verb(const char *name)
{
	const char *words[32], *nearest;
	int n = 0;

	for (const struct cli_verb *verb = cli_verbs; verb->name && n < 29; verb++)
		words[n++] = verb->name;
	words[n++] = "help";
	words[n++] = "version";
	words[n] = NULL;
	nearest = cli_nearest(name, words);
	cli_say("no verb '%s'%s%s; see 'faultline help'", name, nearest ? "; did you mean " : "",
		nearest ? nearest : "");
	return CLI_USAGE;
}

static int run(int argc, char **argv)
{
	const struct cli_verb *verb;
	struct cli cli;
	int ret;

	if (argc < 2) {
		cli_help(stderr);
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help(argc - 1, argv + 1);
	if (!strcmp(argv[1], "version") || !strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		return version();
	verb = cli_find_verb(argv[1]);
	if (!verb)
		return no_verb(argv[1]);
	ret = cli_parse(&cli, verb, argc - 1, argv + 1);
	/* a monitoring system would take a typing error's 2 for CRITICAL */
	if (ret && verb->run == cmd_check) {
		puts("MMAP_LOCK UNKNOWN - wrong usage; see 'faultline check --help'");
		return CLI_PERM;
	}
	if (ret)
		return ret;
	if (!cli_has(&cli, CLI_O_HELP))
		return verb->run(&cli);
	if (cli.verb)
		cli_help_verb(stdout, verb);
	return CLI_OK;
}

int main(int argc, char **argv)
{
	int ret = run(argc, argv);

	if (fflush(stdout) || ferror(stdout)) {
		cli_say("cannot write the result: stdout is closed or full");
		ret = ret ? ret : CLI_ERROR;
	}
	return ret;
}
