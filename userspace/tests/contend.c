// SPDX-License-Identifier: GPL-2.0
/*
 * contend: makes contention for an mmap_lock of which everything is known.
 *
 * One task holds the lock by a given means while others wait for it by given
 * operations, in rounds; what each of them did and saw is printed as JSON
 * lines, to compare a detector with. It prints "ready" and waits for a line
 * on stdin, so that the detector can be started first, and after "totals" it
 * waits for the end of stdin, so that the processes are there to the end. No
 * step waits for time to pass: the parts meet on futexes, and a FUSE hold ends
 * when every waiter has been seen asleep. Processes:
 *
 *	controller	prints; shares no memory map with anybody
 *	target		whose lock it is: main thread prepares, threads hold and wait
 *	others		remote holder, remote waiters, FUSE server
 *
 * This file reads the options. Built from the contend*.c of this folder:
 *	$(O)/tests/contend: $(wildcard userspace/tests/contend*.c) userspace/tests/contend.h
 *		$(CC) $(CFLAGS) -D_GNU_SOURCE $(filter %.c,$^) -pthread -o $@
 */
#include "contend.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options opts = {.n_waiters = 3, .rounds = 5, .hold_ns = 30000000};

enum {
	O_SIZE = 256,
	O_HOLD_MS,
	O_THRESHOLD_US,
	O_UNTIL,
	O_PID,
	O_COMM,
	O_HOLDER_COMM,
	O_CGROUP,
	O_QUIET,
	O_COLD,
	O_SPOIL
};

static const struct option long_options[] = {
	{"hold", required_argument, NULL, 'H'},
	{"waiters", required_argument, NULL, 'n'},
	{"wait-by", required_argument, NULL, 'w'},
	{"rounds", required_argument, NULL, 'r'},
	{"size-mib", required_argument, NULL, O_SIZE},
	{"hold-ms", required_argument, NULL, O_HOLD_MS},
	{"threshold-us", required_argument, NULL, O_THRESHOLD_US},
	{"until-release", no_argument, NULL, O_UNTIL},
	{"pid", required_argument, NULL, O_PID},
	{"comm", required_argument, NULL, O_COMM},
	{"holder-comm", required_argument, NULL, O_HOLDER_COMM},
	{"cgroup", required_argument, NULL, O_CGROUP},
	{"quiet", no_argument, NULL, O_QUIET},
	{"cold", no_argument, NULL, O_COLD},
	{"spoil", required_argument, NULL, O_SPOIL},
	{NULL, 0, NULL, 0},
};

static void usage(void)
{
	fputs("usage: contend --hold MEANS [--waiters N] [--wait-by OP,...] [--rounds R]\n"
	      "               [--size-mib N] [--hold-ms N] [--threshold-us N] [--until-release]\n"
	      "               [--pid N] [--comm RAW] [--holder-comm RAW] [--cgroup DIR] [--quiet]\n"
	      "               [--cold] [--spoil N]\n"
	      "means:",
	      stderr);
	means_list();
	exit(2);
}

static uint64_t number(const char *text, uint64_t max)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || end == text || *end || !n || n > max) {
		fprintf(stderr, "contend: '%s' is no number from 1 to %llu\n", text,
			(unsigned long long)max);
		exit(2);
	}
	return n;
}

static void parse_ops(const char *list)
{
	char *copy = strdup(list), *save = NULL;

	opts.n_ops = 0;
	for (char *name = strtok_r(copy, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		const struct op *op = op_find(name);

		if (!op || opts.n_ops == sizeof(opts.ops) / sizeof(opts.ops[0])) {
			fprintf(stderr, "contend: '%s' is no operation, or one too many\n", name);
			exit(2);
		}
		opts.ops[opts.n_ops++] = op;
	}
	free(copy);
	if (!opts.n_ops)
		usage();
}

static void parse_one(int c, const char **wait_by)
{
	switch (c) {
	case 'H':
		opts.means = means_find(optarg);
		break;
	case 'n':
		opts.n_waiters = number(optarg, MAX_WAITERS);
		break;
	case 'w':
		*wait_by = optarg;
		break;
	case 'r':
		opts.rounds = number(optarg, 1000000);
		break;
	case O_SIZE:
		opts.size = number(optarg, 1 << 20) << 20;
		break;
	case O_HOLD_MS:
		opts.hold_ns = number(optarg, 3600000) * 1000000;
		break;
	case O_THRESHOLD_US:
		opts.threshold_ns = number(optarg, 3600000000UL) * 1000;
		break;
	case O_UNTIL:
		opts.until_release = true;
		break;
	case O_PID:
		opts.pid = number(optarg, 1 << 22);
		break;
	case O_COMM:
		opts.comm = optarg;
		break;
	case O_HOLDER_COMM:
		opts.holder_comm = optarg;
		break;
	case O_CGROUP:
		opts.cgroup = optarg;
		break;
	case O_QUIET:
		opts.quiet = true;
		break;
	case O_COLD:
		opts.cold = true;
		break;
	case O_SPOIL:
		opts.spoil = number(optarg, 1000000);
		break;
	default:
		usage();
	}
}

int main(int argc, char **argv)
{
	const char *wait_by = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "H:n:w:r:", long_options, NULL)) != -1)
		parse_one(c, &wait_by);
	if (!opts.means || optind != argc)
		usage();
	parse_ops(wait_by ? wait_by : opts.means->wait_by);
	if (!opts.threshold_ns)
		opts.threshold_ns = opts.means->threshold_ns ? opts.means->threshold_ns : 2000000;
	run_all();
	return 0;
}
