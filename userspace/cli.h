/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The command line of faultline: what every verb gets, and what it returns.
 * Verbs return an exit code (enum cli_exit) and have said why on stderr when it
 * is not 0; everything below them returns negative errno.
 */
#ifndef FAULTLINE_CLI_H
#define FAULTLINE_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "render.h"

enum cli_exit {
	CLI_OK,
	CLI_ERROR, /* run-time error */
	CLI_USAGE,
	CLI_PERM, /* not permitted */
	CLI_KERNEL, /* this kernel cannot */
	CLI_DAEMON, /* daemon not reachable */
	CLI_INCOMPLETE, /* with --strict: something was lost */
	CLI_POLICY, /* policy conflict */
	CLI_INTERRUPTED, /* before the first sample */
};

/* Bits of the options that a verb takes; --help and nothing else is for all. */
enum cli_option {
	CLI_O_PID,
	CLI_O_CGROUP,
	CLI_O_COMM,
	CLI_O_MIN_WAIT,
	CLI_O_DURATION,
	CLI_O_INTERVAL,
	CLI_O_ENTRIES,
	CLI_O_SORT,
	CLI_O_FIELDS,
	CLI_O_BY,
	CLI_O_FORMAT,
	CLI_O_OUTPUT,
	CLI_O_STRICT,
	CLI_O_SOCKET,
	CLI_O_DIRECT,
	CLI_O_USER,
	CLI_O_EXACT,
	CLI_O_SVG,
	CLI_O_HTML,
	CLI_O_MEASURE,
	CLI_O_WARNING,
	CLI_O_CRITICAL,
	CLI_O_WAITS,
	CLI_O_DIR,
	CLI_O_PHASE,
	CLI_O_HELP,
	CLI_NR_OPTIONS
};
#define CLI_BIT(option) (1u << CLI_O_##option)

struct cli;

struct cli_verb {
	const char *name;
	const char *args; /* "[PID]", or NULL: takes none */
	int max_args;
	const char *summary;
	int (*run)(struct cli *cli);
	uint32_t options;
};

#define CLI_MAX_PIDS 64
#define CLI_MAX_ARGS 1024

struct cli {
	const struct cli_verb *verb;
	uint32_t given; /* options on the command line, by bit */
	uint32_t pids[CLI_MAX_PIDS];
	size_t n_pids;
	const char *cgroup;
	const char *comm;
	const char *output; /* NULL: stdout */
	const char *socket;
	const char *svg;
	const char *html;
	const char *dir;
	const char *phase;
	uint64_t min_wait_ns;
	uint64_t duration_ns;
	uint64_t interval_ns;
	uint64_t warning_ns;
	uint64_t critical_ns;
	struct render_opts render;
	char **args;
	int n_args;
};

/*
 * argv[0] is the verb. CLI_OK, or CLI_USAGE with one line on stderr. --help
 * sets its bit in `given` and ends the parsing.
 */
int cli_parse(struct cli *cli, const struct cli_verb *verb, int argc, char **argv);
bool cli_has(const struct cli *cli, enum cli_option option);
/* A pid as in -p: 0, or CLI_USAGE with one line on stderr. */
int cli_add_pids(struct cli *cli, const char *list);

/* All verbs; ends with one without a name. */
extern const struct cli_verb cli_verbs[];
/* NULL when there is none of this name. */
const struct cli_verb *cli_find_verb(const char *name);
void cli_help(FILE *out);
void cli_help_verb(FILE *out, const struct cli_verb *verb);
void cli_help_options(FILE *out, uint32_t mask);
/* The closest of the words, or NULL when none is close. Each ends at a NUL; the list at NULL. */
const char *cli_nearest(const char *word, const char *const *words);

/* "faultline: ..." and a newline on stderr. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Where results go: -o FILE, written aside and renamed when complete, else stdout. */
struct cli_out {
	FILE *file;
	const char *path; /* NULL: stdout */
	char *tmp;
};
int cli_out_open(const struct cli *cli, const char *path, struct cli_out *ret_out);
/* keep false: throw away. Returns CLI_OK or CLI_ERROR (said: disk full, ...). */
int cli_out_close(struct cli_out *out, bool keep);

/* CLI_INCOMPLETE (said why) when --strict is given and the snapshot lacks something. */
int cli_strict(const struct cli *cli, const struct snapshot *snap);

#endif
