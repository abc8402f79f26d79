// SPDX-License-Identifier: GPL-2.0
/*
 * faults: page faults by many, and a writer beside them, of which everything is
 * known. How many a second, how long did each take, what did the writer get done?
 *
 * Workers, threads of one process or processes, touch pages of their own in
 * rounds that all begin together; warm-up rounds are not counted. A round lasts
 * until every worker has done its touches and the writer as much as it shall, or
 * for a given time; who has touched all of its pages before that empties them
 * (MADV_DONTNEED, unless --unmap says otherwise) and goes on. The figures
 * come out as one JSON object, after they have been held against the kernel's
 * own count of minor faults. Markers around the measured rounds and the writer's
 * operations tell scripts/model what to look at (--unmarked: nothing). With --op, operations of a
 * single thread instead. This file reads the options.
 *
 * Exit status: 0 done, 1 something failed, 2 bad options, 3 the kernel's count
 * or the memory's content is not what it must be.
 */
#include "faults.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct ctl *ctl;
struct options opts = {.workers = 1,
		       .pages = 512,
		       .rounds = 1,
		       .warmup = 1,
		       .writer_bytes = 64UL << 20,
		       .count = 1000};

enum {
	O_WORKERS = 256,
	O_PROCESSES,
	O_LAYOUT,
	O_MEMORY,
	O_READ,
	O_UNMAP,
	O_PAGES,
	O_TOUCHES,
	O_THINK,
	O_ROUNDS,
	O_SECONDS,
	O_WARMUP,
	O_WRITER,
	O_WRITER_MIB,
	O_WRITER_OPS,
	O_WRITER_PAUSE,
	O_DIR,
	O_LINES,
	O_UNMARKED,
	O_OVERSUBSCRIBE,
	O_OP,
	O_COUNT,
	O_HELP,
};

static const struct option long_options[] = {
	{"workers", required_argument, NULL, O_WORKERS},
	{"processes", no_argument, NULL, O_PROCESSES},
	{"layout", required_argument, NULL, O_LAYOUT},
	{"memory", required_argument, NULL, O_MEMORY},
	{"read", no_argument, NULL, O_READ},
	{"unmap", required_argument, NULL, O_UNMAP},
	{"pages", required_argument, NULL, O_PAGES},
	{"touches", required_argument, NULL, O_TOUCHES},
	{"think", required_argument, NULL, O_THINK},
	{"rounds", required_argument, NULL, O_ROUNDS},
	{"seconds", required_argument, NULL, O_SECONDS},
	{"warmup", required_argument, NULL, O_WARMUP},
	{"writer", required_argument, NULL, O_WRITER},
	{"writer-mib", required_argument, NULL, O_WRITER_MIB},
	{"writer-ops", required_argument, NULL, O_WRITER_OPS},
	{"writer-pause", required_argument, NULL, O_WRITER_PAUSE},
	{"dir", required_argument, NULL, O_DIR},
	{"lines", no_argument, NULL, O_LINES},
	{"unmarked", no_argument, NULL, O_UNMARKED},
	{"oversubscribe", no_argument, NULL, O_OVERSUBSCRIBE},
	{"op", required_argument, NULL, O_OP},
	{"count", required_argument, NULL, O_COUNT},
	{"help", no_argument, NULL, O_HELP},
	{NULL, 0, NULL, 0},
};

const char *const layout_names[] = {"separate", "shared", NULL};
const char *const memory_names[] = {"anon", "private-file", "shared-file", NULL};
const char *const unmap_names[] = {"none", "pages", "vma", NULL};

static void usage(FILE *to)
{
	fputs("usage: faults [--workers N] [--processes] [--layout separate|shared]\n"
	      "              [--memory anon|private-file|shared-file] [--dir DIR] [--read]\n"
	      "              [--unmap none|pages|vma] [--pages N] [--touches N] [--think TURNS]\n"
	      "              [--rounds N] [--seconds S] [--warmup N] [--oversubscribe]\n"
	      "              [--lines|--unmarked] [--writer NAME] [--writer-mib N]\n"
	      "              [--writer-ops N] [--writer-pause TURNS]\n"
	      "       faults --op NAME [--count N]\n"
	      "writers: none",
	      to);
	writer_list(to);
	fputs("\noperations:", to);
	op_list(to);
	fputs("\n", to);
}

static uint64_t number(const char *option, const char *text, uint64_t min, uint64_t max)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || n < min || n > max)
		fail(EXIT_USAGE, "--%s: '%s' is no number from %llu to %llu", option, text,
		     (unsigned long long)min, (unsigned long long)max);
	return n;
}

static unsigned int choice(const char *option, const char *text, const char *const names[])
{
	unsigned int i;

	for (i = 0; names[i]; i++)
		if (!strcmp(names[i], text))
			return i;
	fail(EXIT_USAGE, "--%s: '%s' is none of %s, %s%s%s", option, text, names[0], names[1],
	     i > 2 ? ", " : "", i > 2 ? names[2] : "");
}

static void parse_writer(const char *name)
{
	opts.writer = writer_find(name);
	if (!opts.writer && strcmp(name, "none"))
		fail(EXIT_USAGE, "--writer: there is no writer '%s'; faults --help lists them",
		     name);
}

static void parse_op(const char *name)
{
	opts.op = op_find(name);
	if (!opts.op)
		fail(EXIT_USAGE, "--op: there is no operation '%s'; faults --help lists them",
		     name);
}

static void parse_seconds(const char *text)
{
	char *end;

	opts.seconds = strtod(text, &end);
	if (end == text || *end || !(opts.seconds > 0 && opts.seconds <= 3600))
		fail(EXIT_USAGE, "--seconds: '%s' is no number above 0, 3600 at most", text);
}

static void parse_flag(int c)
{
	switch (c) {
	case O_PROCESSES:
		opts.processes = true;
		break;
	case O_READ:
		opts.read = true;
		break;
	case O_LINES:
		opts.region = MARKER_LINES;
		break;
	case O_UNMARKED:
		opts.unmarked = true;
		break;
	case O_OVERSUBSCRIBE:
		opts.oversubscribe = true;
		break;
	case O_HELP:
		usage(stdout);
		exit(EXIT_OK);
	default:
		usage(stderr);
		exit(EXIT_USAGE);
	}
}

static void parse_one(int c, const char *name)
{
	switch (c) {
	case O_WORKERS:
		opts.workers = number(name, optarg, 1, MAX_WORKERS);
		break;
	case O_LAYOUT:
		opts.layout = choice(name, optarg, layout_names);
		break;
	case O_MEMORY:
		opts.memory = choice(name, optarg, memory_names);
		break;
	case O_UNMAP:
		opts.unmap = choice(name, optarg, unmap_names);
		break;
	case O_PAGES:
		opts.pages = number(name, optarg, 1, 1 << 22);
		break;
	case O_TOUCHES:
		opts.touches = number(name, optarg, 1, 1UL << 32);
		break;
	case O_THINK:
		opts.think = number(name, optarg, 0, 1U << 30);
		break;
	case O_ROUNDS:
		opts.rounds = number(name, optarg, 1, 1000000);
		break;
	case O_SECONDS:
		parse_seconds(optarg);
		break;
	case O_WARMUP:
		opts.warmup = number(name, optarg, 0, 1000);
		break;
	case O_WRITER:
		parse_writer(optarg);
		break;
	case O_WRITER_MIB:
		opts.writer_bytes = number(name, optarg, 1, 1 << 16) << 20;
		break;
	case O_WRITER_OPS:
		opts.writer_ops = number(name, optarg, 1, 1UL << 32);
		break;
	case O_WRITER_PAUSE:
		opts.writer_pause = number(name, optarg, 0, 1UL << 32);
		break;
	case O_DIR:
		opts.dir = optarg;
		break;
	case O_OP:
		parse_op(optarg);
		break;
	case O_COUNT:
		opts.count = number(name, optarg, 1, 1 << 20);
		break;
	default:
		parse_flag(c);
	}
}

/* What cannot be done together, and why. */
static void check_options(void)
{
	unsigned int parts = opts.workers + (opts.writer ? 1 : 0);

	if (opts.processes && opts.layout == SHARED)
		fail(EXIT_USAGE, "--layout shared: processes have no VMA in common");
	if (opts.processes && opts.writer)
		fail(EXIT_USAGE,
		     "--writer: its lock is that of one process; leave out --processes");
	if (opts.unmap == UNMAP_VMA && opts.layout == SHARED)
		fail(EXIT_USAGE, "--unmap vma: one worker would unmap the others' pages too; "
				 "take --unmap pages");
	if (opts.unmap == UNMAP_VMA && opts.writer && opts.writer->op == MARKER_OP_SPLIT)
		fail(EXIT_USAGE, "--writer split: --unmap vma takes away the VMA that it splits");
	if (opts.writer_ops && !opts.writer)
		fail(EXIT_USAGE, "--writer-ops: of which writer? take --writer");
	if (opts.writer_ops && opts.seconds > 0)
		fail(EXIT_USAGE, "--writer-ops: --seconds ends the round already");
	if (opts.dir && opts.memory == ANON)
		fail(EXIT_USAGE, "--dir: anonymous memory has no file; take --memory");
	if (!opts.oversubscribe && !opts.op && parts > (unsigned int)pin_cpus())
		fail(EXIT_USAGE,
		     "%u workers%s need as many CPUs, and there are %d (--oversubscribe "
		     "shares them)",
		     opts.workers, opts.writer ? " and a writer" : "", pin_cpus());
}

int main(int argc, char **argv)
{
	struct result result;
	int c, index = 0;

	while ((c = getopt_long(argc, argv, "", long_options, &index)) != -1)
		parse_one(c, long_options[index].name);
	if (optind != argc)
		fail(EXIT_USAGE, "'%s' is no option", argv[optind]);
	check_options();
	if (opts.op)
		op_pin(argv);
	if (!opts.touches)
		opts.touches = (opts.pages + area_stride() - 1) / area_stride();
	ctl = mmap(NULL, sizeof(*ctl), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ctl == MAP_FAILED)
		die("mmap");
	if (opts.op) {
		report_op(op_measure());
	} else {
		run_all(&result);
		report_faults(&result);
	}
	if (fflush(stdout) || ferror(stdout))
		die("write to stdout");
	return EXIT_OK;
}
