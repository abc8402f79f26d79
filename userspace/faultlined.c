// SPDX-License-Identifier: GPL-2.0
/*
 * faultlined: watches mmap_lock contention for as long as it runs. This file
 * reads the command line; daemon.c does the rest.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "units.h"

#define MAX_PIDS 64

static const char usage[] =
	"Usage: faultlined [OPTION]...\n"
	"Watch mmap_lock contention; ask it with the command faultline.\n"
	"\n"
	"  -c, --config FILE   read only FILE, not the usual places and drop-ins\n"
	"  -f, --foreground    stay in the foreground (always so)\n"
	"  -p, --pid PID       watch only this process; may be repeated\n"
	"      --socket PATH   control socket, instead of the configured one\n"
	"      --proc DIR      vmstat and sys/vm of the policy; for tests (/proc)\n"
	"      --check         check the configuration, print it, and exit\n"
	"      --sample        print the sample configuration and exit\n"
	"      --version       print the version and exit\n"
	"  -h, --help          print this and exit\n"
	"\n"
	"SIGHUP reads the configuration again, SIGTERM stops.\n"
	"Exit codes: 0 stopped or well, 1 error, 2 bad option or configuration,\n"
	"3 not permitted, 4 this kernel cannot.\n";

enum { OPT_SOCKET = 256, OPT_PROC, OPT_CHECK, OPT_SAMPLE, OPT_VERSION };

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},
	{"foreground", no_argument, NULL, 'f'},
	{"pid", required_argument, NULL, 'p'},
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"proc", required_argument, NULL, OPT_PROC},
	{"check", no_argument, NULL, OPT_CHECK},
	{"sample", no_argument, NULL, OPT_SAMPLE},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static void on_problem(void *arg, const char *message)
{
	(void)arg;
	fprintf(stderr, "faultlined: %s\n", message);
}

static int check(const char *path)
{
	struct config *config;
	int err = config_load("", path, on_problem, NULL, &config);

	if (err)
		return 2;
	err = config_dump(config, stdout);
	config_free(config);
	return err || fflush(stdout) ? 1 : 0;
}

static int add_pid(const char *text, uint32_t *pids, size_t *n)
{
	if (*n == MAX_PIDS) {
		fprintf(stderr, "faultlined: at most %d times --pid; leave some out\n", MAX_PIDS);
		return -1;
	}
	if (units_parse_u32(text, 1, 1 << 22, &pids[*n])) {
		fprintf(stderr,
			"faultlined: --pid '%s' is no process id; give a number from 1 on\n", text);
		return -1;
	}
	++*n;
	return 0;
}

int main(int argc, char **argv)
{
	uint32_t pids[MAX_PIDS];
	struct daemon_opts opts = {.pids = pids};
	bool only_check = false;
	int c;

	while ((c = getopt_long(argc, argv, "c:fp:h", options, NULL)) >= 0) {
		switch (c) {
		case 'c':
			opts.config_path = optarg;
			break;
		case 'f':
			break;
		case 'p':
			if (add_pid(optarg, pids, &opts.n_pids))
				return 2;
			break;
		case OPT_SOCKET:
			opts.socket_path = optarg;
			break;
		case OPT_PROC:
			opts.proc = optarg;
			break;
		case OPT_CHECK:
			only_check = true;
			break;
		case OPT_SAMPLE:
			return config_sample(stdout) || fflush(stdout) ? 1 : 0;
		case OPT_VERSION:
			return puts("faultlined " FAULTLINE_VERSION) < 0 || fflush(stdout);
		case 'h':
			return fputs(usage, stdout) < 0 || fflush(stdout);
		default:
			fprintf(stderr, "Try 'faultlined --help'.\n");
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "faultlined: unexpected '%s'; see --help\n", argv[optind]);
		return 2;
	}
	return only_check ? check(opts.config_path) : daemon_run(&opts);
}
