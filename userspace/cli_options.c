// SPDX-License-Identifier: GPL-2.0
/*
 * Which options are there, and which does a verb take? One table for all of
 * them; getopt_long() gets the whole and each verb's mask decides, so that a
 * wrong option is told by name and not as unknown. Values are checked here:
 * a verb never sees a bad one.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "units.h"

#define HOUR_NS (3600ULL * 1000000000)

struct option_text {
	const char *name;
	char letter; /* 0: none */
	const char *value; /* NULL: a flag */
	const char *help;
};

static const struct option_text texts[CLI_NR_OPTIONS] = {
	[CLI_O_PID] = {"pid", 'p', "PID,...", "only these processes (whose lock it is)"},
	[CLI_O_CGROUP] = {"cgroup", 'G', "PATH", "only processes in this cgroup and below"},
	[CLI_O_COMM] = {"comm", 'c', "GLOB", "only processes whose name matches"},
	[CLI_O_MIN_WAIT] = {"min-wait", 'm', "TIME", "leave out what is shorter, as in 50ms"},
	[CLI_O_DURATION] = {"duration", 'd', "TIME", "measure for so long"},
	[CLI_O_INTERVAL] = {"interval", 'i', "TIME", "time between two outputs"},
	[CLI_O_ENTRIES] = {"entries", 'n', "N", "at most so many rows; 0: all"},
	[CLI_O_SORT] = {"sort", 'k', "FIELD", "order by this field"},
	[CLI_O_FIELDS] = {"fields", 'F', "A,B|+A,B", "columns, or more columns; 'help' lists them"},
	[CLI_O_BY] = {"by", 0, "WHAT", "what a row stands for"},
	[CLI_O_FORMAT] = {"format", 'O', "FORMAT", "how to print"},
	[CLI_O_OUTPUT] = {"output", 'o', "FILE", "write here and not on stdout"},
	[CLI_O_STRICT] = {"strict", 0, NULL, "exit with 6 when anything was lost"},
	[CLI_O_SOCKET] = {"socket", 0, "PATH", "the daemon's socket; fail when it does not answer"},
	[CLI_O_DIRECT] = {"direct", 0, NULL, "measure by itself, never ask the daemon"},
	[CLI_O_USER] = {"user", 0, NULL, "also user stacks (measures by itself)"},
	[CLI_O_EXACT] = {"exact", 0, NULL, "also waits that spin (measures by itself)"},
	[CLI_O_SVG] = {"svg", 0, "FILE", "write a flame graph for a browser"},
	[CLI_O_HTML] = {"html", 0, "FILE", "write a page for a browser, with pictures"},
	[CLI_O_MEASURE] = {"measure", 0, NULL, "measure the tool's own cost, for 3 s"},
	[CLI_O_WARNING] = {"warning", 'w', "TIME", "a wait from here on is a WARNING"},
	[CLI_O_CRITICAL] = {"critical", 'c', "TIME", "a wait from here on is CRITICAL"},
	[CLI_O_WAITS] = {"waits", 0, NULL, "single waits instead of totals"},
	[CLI_O_DIR] = {"dir", 0, "DIR", "the records' folder; else as configured"},
	[CLI_O_PHASE] = {"phase", 0, "NAME", "the kind of load, for 'policy simulate'"},
	[CLI_O_HELP] = {"help", 'h', NULL, "this text"},
};

/* getopt_long() returns LONG + option for long names, the letter otherwise. */
#define LONG 0x100

static const char *option_words(enum cli_option option)
{
	if (option == CLI_O_BY)
		return render_by_words();
	if (option == CLI_O_FORMAT)
		return render_format_words();
	return NULL;
}

void cli_help_options(FILE *out, uint32_t mask)
{
	for (int i = 0; i < CLI_NR_OPTIONS; i++) {
		const struct option_text *text = &texts[i];
		char left[40];

		if (!(mask & (1u << i)))
			continue;
		snprintf(left, sizeof(left), "%c%c%s --%s%s%s", text->letter ? '-' : ' ',
			 text->letter ? text->letter : ' ', text->letter ? "," : " ", text->name,
			 text->value ? " " : "", text->value ? text->value : "");
		fprintf(out, "  %-28s %s\n", left, text->help);
		if (option_words(i))
			fprintf(out, "  %-28s (%s)\n", "", option_words(i));
	}
}

bool cli_has(const struct cli *cli, enum cli_option option)
{
	return cli->given & (1u << option);
}

/* What went wrong with a value, and what would be right. */
static int bad_value(enum cli_option option, const char *value, const char *right)
{
	cli_say("--%s: '%s' is no %s", texts[option].name, value, right);
	return CLI_USAGE;
}

int cli_add_pids(struct cli *cli, const char *list)
{
	char *copy = strdup(list), *save = NULL;
	int ret = CLI_OK;

	if (!copy) {
		cli_say("out of memory");
		return CLI_ERROR;
	}
	if (!strtok_r(copy, ",", &save))
		ret = bad_value(CLI_O_PID, list, "process id, as in 1234 or 12,34");
	free(copy);
	copy = strdup(list);
	for (char *word = copy ? strtok_r(copy, ",", &save) : NULL; word && !ret;
	     word = strtok_r(NULL, ",", &save)) {
		uint32_t pid;

		if (units_parse_u32(word, 1, 1 << 22, &pid)) {
			ret = bad_value(CLI_O_PID, word, "process id, as in 1234 or 12,34");
		} else if (cli->n_pids == CLI_MAX_PIDS) {
			cli_say("--pid: at most %d processes", CLI_MAX_PIDS);
			ret = CLI_USAGE;
		} else {
			cli->pids[cli->n_pids++] = pid;
		}
	}
	free(copy);
	return ret;
}

static int set_duration(enum cli_option option, const char *value, uint64_t min_ns, uint64_t *ret)
{
	uint64_t ns;
	int err = units_parse_duration(value, &ns);

	if (err == -ERANGE || (!err && ns > 30ULL * 24 * HOUR_NS))
		return bad_value(option, value, "time up to 30 days");
	if (err)
		return bad_value(option, value, "time with a unit, as in 50ms, 1.5s or 2min");
	if (ns < min_ns) {
		cli_say("--%s: '%s' is too short", texts[option].name, value);
		return CLI_USAGE;
	}
	*ret = ns;
	return CLI_OK;
}

static int set_render(struct cli *cli, enum cli_option option, const char *value)
{
	uint32_t n;

	switch (option) {
	case CLI_O_ENTRIES:
		if (units_parse_u32(value, 0, UINT32_MAX, &n))
			return bad_value(option, value, "number of rows");
		cli->render.entries = n;
		return CLI_OK;
	case CLI_O_SORT:
		if (render_parse_sort(value, &cli->render.sort))
			return bad_value(option, value, "field to sort by; '-F help' lists them");
		return CLI_OK;
	case CLI_O_BY:
		if (render_parse_by(value, &cli->render.by)) {
			cli_say("--by: '%s' is none of: %s", value, render_by_words());
			return CLI_USAGE;
		}
		return CLI_OK;
	default:
		if (render_parse_format(value, &cli->render.format)) {
			cli_say("--format: '%s' is none of: %s", value, render_format_words());
			return CLI_USAGE;
		}
		return CLI_OK;
	}
}

static int set_text(const char **ret, enum cli_option option, const char *value)
{
	if (!*value)
		return bad_value(option, value, texts[option].value);
	*ret = value;
	return CLI_OK;
}

static int set_option(struct cli *cli, enum cli_option option, const char *value)
{
	switch (option) {
	case CLI_O_PID:
		return cli_add_pids(cli, value);
	case CLI_O_CGROUP:
		return set_text(&cli->cgroup, option, value);
	case CLI_O_COMM:
		return set_text(&cli->comm, option, value);
	case CLI_O_OUTPUT:
		return set_text(&cli->output, option, value);
	case CLI_O_SOCKET:
		return set_text(&cli->socket, option, value);
	case CLI_O_SVG:
		return set_text(&cli->svg, option, value);
	case CLI_O_HTML:
		return set_text(&cli->html, option, value);
	case CLI_O_DIR:
		return set_text(&cli->dir, option, value);
	case CLI_O_PHASE:
		return set_text(&cli->phase, option, value);
	case CLI_O_MIN_WAIT:
		return set_duration(option, value, 0, &cli->min_wait_ns);
	case CLI_O_DURATION:
		return set_duration(option, value, 1000000, &cli->duration_ns);
	case CLI_O_INTERVAL:
		/* faster than this, drawing costs more than measuring */
		return set_duration(option, value, 50000000, &cli->interval_ns);
	case CLI_O_WARNING:
		return set_duration(option, value, 0, &cli->warning_ns);
	case CLI_O_CRITICAL:
		return set_duration(option, value, 0, &cli->critical_ns);
	case CLI_O_ENTRIES:
	case CLI_O_SORT:
	case CLI_O_BY:
	case CLI_O_FORMAT:
		return set_render(cli, option, value);
	default: /* flags; fields are parsed when --by is known */
		return CLI_OK;
	}
}

/* The option that a letter means for this verb: -c is --comm, or --critical. */
static int option_of_letter(const struct cli_verb *verb, int letter)
{
	int found = -1;

	for (int i = 0; i < CLI_NR_OPTIONS; i++) {
		if (texts[i].letter != letter)
			continue;
		if (found < 0 || verb->options & (1u << i))
			found = i;
	}
	return found;
}

static int wrong_option(const struct cli_verb *verb, const char *arg)
{
	const char *words[CLI_NR_OPTIONS + 1], *nearest = NULL;
	int n = 0;

	for (int i = 0; i < CLI_NR_OPTIONS; i++)
		if (verb->options & (1u << i))
			words[n++] = texts[i].name;
	words[n] = NULL;
	if (!strncmp(arg, "--", 2))
		nearest = cli_nearest(arg + 2, words);
	cli_say("%s: no option '%s'%s%s; see 'faultline %s --help'", verb->name, arg,
		nearest ? "; did you mean --" : "", nearest ? nearest : "", verb->name);
	return CLI_USAGE;
}

/* What getopt_long() has found: an option to take, or an error that is told. */
static int take_option(struct cli *cli, int found, char **argv, const char **ret_fields)
{
	const char *arg = argv[optind - 1];
	char letter[3] = {'-', (char)optopt, '\0'};
	int option;

	if (found == '?' && optopt && optopt < LONG)
		return wrong_option(cli->verb, letter);
	if (found == '?' && optopt >= LONG) {
		cli_say("--%s takes no value", texts[optopt - LONG].name);
		return CLI_USAGE;
	}
	if (found == '?')
		return wrong_option(cli->verb, arg);
	if (found == ':') {
		option = optopt >= LONG ? optopt - LONG : option_of_letter(cli->verb, optopt);
		cli_say("--%s needs a value: %s", texts[option].name, texts[option].value);
		return CLI_USAGE;
	}
	option = found >= LONG ? found - LONG : option_of_letter(cli->verb, found);
	if (!((cli->verb->options | CLI_BIT(HELP)) & (1u << option))) {
		cli_say("%s does not take --%s; see 'faultline %s --help'", cli->verb->name,
			texts[option].name, cli->verb->name);
		return CLI_USAGE;
	}
	cli->given |= 1u << option;
	if (option == CLI_O_FIELDS)
		*ret_fields = optarg;
	return set_option(cli, option, optarg);
}

/* Fields depend on --by, which may come after them. */
static int take_fields(struct cli *cli, const char *fields)
{
	if (!fields || !strcmp(fields, "help"))
		return CLI_OK;
	if (render_parse_fields(fields, &cli->render)) {
		cli_say("--fields: '%s' has an unknown field; '--fields help' lists them", fields);
		return CLI_USAGE;
	}
	return CLI_OK;
}

static void make_getopt(struct option *options, char *letters)
{
	for (int i = 0; i < CLI_NR_OPTIONS; i++) {
		options[i] = (struct option){
			.name = texts[i].name,
			.has_arg = texts[i].value ? required_argument : no_argument,
			.val = LONG + i,
		};
		if (!texts[i].letter || strchr(letters, texts[i].letter))
			continue;
		sprintf(letters + strlen(letters), "%c%s", texts[i].letter,
			texts[i].value ? ":" : "");
	}
	options[CLI_NR_OPTIONS] = (struct option){0};
}

int cli_parse(struct cli *cli, const struct cli_verb *verb, int argc, char **argv)
{
	struct option options[CLI_NR_OPTIONS + 1];
	char letters[3 * CLI_NR_OPTIONS + 2] = ":";
	const char *fields = NULL;
	int found, ret;

	memset(cli, 0, sizeof(*cli));
	cli->verb = verb;
	render_default_opts(&cli->render);
	make_getopt(options, letters);
	opterr = 0;
	optind = 0; /* GNU: start afresh, also after an earlier parse */
	while ((found = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		ret = take_option(cli, found, argv, &fields);
		if (ret)
			return ret;
		if (cli_has(cli, CLI_O_HELP))
			return CLI_OK;
	}
	cli->args = argv + optind;
	cli->n_args = argc - optind;
	if (cli->n_args > verb->max_args) {
		cli_say("%s: unexpected '%s'; see 'faultline %s --help'", verb->name,
			cli->args[verb->max_args], verb->name);
		return CLI_USAGE;
	}
	if (fields && !strcmp(fields, "help")) {
		render_help_fields(stdout);
		cli->given |= CLI_BIT(HELP);
		cli->verb = NULL; /* the text is out already */
	}
	cli->render.min_wait_ns = cli->min_wait_ns;
	return take_fields(cli, fields);
}
