// SPDX-License-Identifier: GPL-2.0
/*
 * faultline-knob: the process that may write vm.spf_*. faultlined starts it with
 * a socket as its standard input and asks; it holds no capability, opens nothing
 * but those settings and its record, and refuses what is out of range. When the
 * daemon is gone, however it ended, it does what --on-exit says.
 *
 * With --service a service manager starts it for a connection of the daemon, which
 * then needs no right to settings at all: what is in range is for the configuration
 * to say, and not for who connects.
 */
#include <cap-ng.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "knob_wire.h"
#include "spf.h"
#include "units.h"

enum { EXIT_RUNTIME = 1, EXIT_USAGE = 2, EXIT_PERMISSION = 3, EXIT_KERNEL = 4 };

static const char usage[] =
	"Usage: faultline-knob --state FILE [OPTION]...\n"
	"Set vm.spf_* for faultlined, which starts it, or with --service for the\n"
	"connection that is its standard input. Not to be run by hand.\n"
	"\n"
	"      --state FILE      record of what was changed\n"
	"      --range N=MIN:MAX range of a setting, as in spf_backoff_max=1:4096\n"
	"      --max-step N      at most this factor at a time (8)\n"
	"      --interval TIME   between changes of one setting (1s)\n"
	"      --on-exit WHAT    restore or keep, when the daemon is gone (restore)\n"
	"      --on-restart WHAT restore or keep what an earlier one left (restore)\n"
	"      --sysctl-dir DIR  settings (/proc/sys/vm)\n"
	"      --service         of a service manager, which may end it: ranges, step and\n"
	"                        what is restored are those of the configuration\n"
	"      --handover TIME   in an upgrade, how long a value outlasts its daemon (60s)\n"
	"  -c, --config FILE     that configuration (/etc/faultline/faultline.conf and more)\n"
	"  -h, --help            print this and exit\n"
	"\n"
	"Exit codes: 0 the daemon is gone, 1 error, 2 usage, 3 not permitted, 4 this\n"
	"kernel has no such setting.\n";

enum {
	OPT_STATE = 256,
	OPT_RANGE,
	OPT_STEP,
	OPT_INTERVAL,
	OPT_EXIT,
	OPT_RESTART,
	OPT_DIR,
	OPT_SERVICE,
	OPT_HANDOVER
};

static const struct option options[] = {
	{"state", required_argument, NULL, OPT_STATE},
	{"range", required_argument, NULL, OPT_RANGE},
	{"max-step", required_argument, NULL, OPT_STEP},
	{"interval", required_argument, NULL, OPT_INTERVAL},
	{"on-exit", required_argument, NULL, OPT_EXIT},
	{"on-restart", required_argument, NULL, OPT_RESTART},
	{"sysctl-dir", required_argument, NULL, OPT_DIR},
	{"service", no_argument, NULL, OPT_SERVICE},
	{"handover", required_argument, NULL, OPT_HANDOVER},
	{"config", required_argument, NULL, 'c'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct settings {
	struct knob_opts opts;
	bool restore_on_exit;
	bool service;
	bool enforce; /* of the service: the mode */
	uint64_t handover_ns;
	const char *config; /* of the service; NULL: the host's */
};

static volatile sig_atomic_t hung_up;

static bool parse_range(char *text, struct knob_opts *opts)
{
	char *min = strchr(text, '='), *max = min ? strchr(min, ':') : NULL;

	if (!max)
		return false;
	*min++ = *max++ = '\0';
	for (int k = 0; k < POLICY_NR_KNOBS; k++)
		if (!strcmp(text, policy_knob_file(k)))
			return !units_parse_u32(min, 1, UINT32_MAX, &opts->min[k]) &&
			       !units_parse_u32(max, opts->min[k], UINT32_MAX, &opts->max[k]);
	return false;
}

static bool parse_choice(const char *text, bool *ret_restore)
{
	*ret_restore = !strcmp(text, "restore");
	return *ret_restore || !strcmp(text, "keep");
}

/* 0, or the exit code, +1: --help was printed. */
static int parse(int argc, char **argv, struct settings *settings)
{
	struct knob_opts *opts = &settings->opts;
	bool good = true;
	int c;

	while (good && (c = getopt_long(argc, argv, "c:h", options, NULL)) >= 0) {
		switch (c) {
		case OPT_STATE:
			opts->state_path = optarg;
			break;
		case OPT_RANGE:
			good = parse_range(optarg, opts);
			break;
		case OPT_STEP:
			good = !units_parse_u32(optarg, 2, 1024, &opts->max_step);
			break;
		case OPT_INTERVAL:
			good = !units_parse_duration(optarg, &opts->interval_ns);
			break;
		case OPT_EXIT:
			good = parse_choice(optarg, &settings->restore_on_exit);
			break;
		case OPT_RESTART:
			good = parse_choice(optarg, &opts->restore_on_restart);
			break;
		case OPT_DIR:
			opts->sysctl_dir = optarg;
			break;
		case OPT_SERVICE:
			settings->service = true;
			break;
		case OPT_HANDOVER:
			good = !units_parse_duration(optarg, &settings->handover_ns);
			break;
		case 'c':
			settings->config = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return -1;
		default:
			return EXIT_USAGE;
		}
	}
	if (good && optind == argc && opts->state_path)
		return 0;
	fprintf(stderr, "faultline-knob: wrong usage%s%s; see --help\n", good ? "" : " at ",
		good ? "" : argv[optind - 1]);
	return EXIT_USAGE;
}

static void keep_first(void *arg, const char *message)
{
	char *why = arg;

	if (!*why)
		snprintf(why, KNOB_WHY, "%s", message);
}

/* What the daemon would say by options, from where only root can write. */
static int take_config(struct settings *settings, char why[KNOB_WHY])
{
	struct knob_opts *opts = &settings->opts;
	struct config *config;
	int err = config_load("", settings->config, keep_first, why, &config);

	if (err)
		return err;
	opts->min[POLICY_BACKOFF_MAX] = config->policy_backoff_min;
	opts->max[POLICY_BACKOFF_MAX] = config->policy_backoff_max;
	opts->min[POLICY_PTL_SPINS] = config->policy_spins_min;
	opts->max[POLICY_PTL_SPINS] = config->policy_spins_max;
	opts->max_step = config->policy_max_step;
	settings->restore_on_exit = !strcmp(config->policy_on_exit, "restore");
	opts->restore_on_restart = !strcmp(config->policy_on_restart, "restore");
	settings->enforce = !strcmp(config->policy_mode, "enforce");
	config_free(config);
	return 0;
}

static int read_boot_id(char *buf, size_t size)
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	bool read = file && fgets(buf, size, file);

	if (file)
		fclose(file);
	buf[read ? strcspn(buf, "\n") : 0] = '\0';
	return read ? 0 : -EIO;
}

/*
 * Root may write settings and its own files; it needs no capability for that. Where a
 * unit has left none there is nothing to give up, nor the system call for it.
 */
static int give_up_privileges(void)
{
	bool none = !capng_get_caps_process() &&
		    capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE;

	capng_clear(CAPNG_SELECT_BOTH);
	if ((!none && capng_apply(CAPNG_SELECT_CAPS)) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -EPERM;
	return 0;
}

static bool is_socket(int fd)
{
	int type;
	socklen_t len = sizeof(type);

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_SEQPACKET;
}

static void restore_all(struct knob *knob)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	for (int k = 0; k < POLICY_NR_KNOBS; k++) {
		char why[KNOB_WHY];
		int err;

		if (!knob_record(knob, k)->present)
			continue;
		err = knob_restore(knob, k, ts.tv_sec * 1000000000ULL + ts.tv_nsec, why);
		if (err)
			fprintf(stderr, "faultline-knob: not restored: %s\n", why);
	}
}

/* The other end reads why, if it is still there. */
static int refuse(int err, const char *why)
{
	struct knob_reply no = {.magic = KNOB_WIRE_MAGIC, .op = KNOB_HELLO, .err = err};

	snprintf(no.why, sizeof(no.why), "%s", why);
	send(STDIN_FILENO, &no, sizeof(no), MSG_NOSIGNAL);
	return err == -ENOTSUP ? EXIT_KERNEL : EXIT_RUNTIME;
}

/*
 * An upgrade restarts the daemon, and for that alone a value that was found under load
 * need not go back and be found again. Who upgrades makes the file STATE.handover
 * first: the writer of the daemon that ends leaves the values as they are, until that
 * of the next one has taken the file away, and has the record; else it restores them.
 */
static void handover_path(const struct settings *settings, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s.handover", settings->opts.state_path);
}

/* One that is older was left by an upgrade at which there was no writer. */
static bool is_handover(const struct settings *settings)
{
	char path[PATH_MAX];
	struct timespec now;
	struct stat st;
	int64_t age_ns;

	handover_path(settings, path);
	if (!settings->service || lstat(path, &st))
		return false;
	clock_gettime(CLOCK_REALTIME, &now);
	age_ns = (now.tv_sec - st.st_mtim.tv_sec) * 1000000000LL + now.tv_nsec - st.st_mtim.tv_nsec;
	return age_ns >= 0 && (uint64_t)age_ns < settings->handover_ns;
}

static void end_handover(const struct settings *settings)
{
	char path[PATH_MAX];

	handover_path(settings, path);
	if (settings->service && unlink(path) && errno != ENOENT)
		fprintf(stderr, "faultline-knob: %s: not removed (%s)\n", path, strerror(errno));
}

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
}

static void hand_over(struct settings *settings)
{
	struct knob *knob;
	char *why = NULL;
	int err;

	fprintf(stderr, "faultline-knob: an upgrade: values stay for the next daemon\n");
	while (!hung_up && is_handover(settings))
		nap();
	/* the file may be gone for another reason: only the record's lock tells of a writer */
	settings->opts.restore_on_restart = true;
	err = knob_open(&settings->opts, &knob, &why);
	if (!err) {
		fprintf(stderr, "faultline-knob: no daemon has taken the values over: restored\n");
		end_handover(settings);
		knob_close(knob);
	} else if (err != -EADDRINUSE) {
		fprintf(stderr, "faultline-knob: not restored: %s\n", why ? why : strerror(-err));
	}
	free(why);
}

/* The writer of the daemon before may be about to end. */
static int open_in_turn(const struct settings *settings, struct knob **ret_knob, char **ret_why)
{
	int err = knob_open(&settings->opts, ret_knob, ret_why);

	for (int i = 0; err == -EADDRINUSE && settings->service && !hung_up && i < 100; i++) {
		nap();
		free(*ret_why);
		err = knob_open(&settings->opts, ret_knob, ret_why);
	}
	return err;
}

static int serve(struct settings *settings)
{
	char config_why[KNOB_WHY] = "", *why = NULL;
	struct knob *knob;
	int err, code;
	bool keep;

	if (settings->service && take_config(settings, config_why)) {
		fprintf(stderr, "faultline-knob: %s\n", config_why);
		return refuse(-EINVAL, config_why);
	}
	/* advise sets nothing by itself, and so takes nothing back */
	if (settings->enforce && is_handover(settings))
		settings->opts.restore_on_restart = false;
	err = open_in_turn(settings, &knob, &why);
	if (err) {
		code = refuse(err, why ? why : strerror(-err));
		free(why);
		return code;
	}
	end_handover(settings);
	err = knob_wire_serve(knob, STDIN_FILENO);
	if (err)
		fprintf(stderr, "faultline-knob: the daemon's socket: %s\n", strerror(-err));
	keep = settings->restore_on_exit && is_handover(settings);
	if (settings->restore_on_exit && !keep)
		restore_all(knob);
	knob_close(knob);
	if (keep)
		hand_over(settings);
	return err ? EXIT_RUNTIME : 0;
}

/* As if the daemon were gone: what is to be restored then is restored. */
static void hang_up(int signo)
{
	(void)signo;
	hung_up = 1;
	shutdown(STDIN_FILENO, SHUT_RDWR);
}

static void set_signals(bool service)
{
	/* whatever ends the daemon's group must not come before what --on-exit says */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, service ? hang_up : SIG_IGN);
}

int main(int argc, char **argv)
{
	struct settings settings = {.opts = {.sysctl_dir = SPF_SYSCTL,
					     .min = {1, 1},
					     .max = {4096, 64},
					     .max_step = 8,
					     .interval_ns = 1000000000,
					     .restore_on_restart = true},
				    .restore_on_exit = true,
				    .handover_ns = 60 * 1000000000ULL};
	char boot_id[64];
	int code = parse(argc, argv, &settings);

	if (code)
		return code < 0 ? fflush(stdout) : code;
	if (!is_socket(STDIN_FILENO)) {
		fprintf(stderr, "faultline-knob: started by hand; faultlined starts it when "
				"[policy] Mode is advise or enforce\n");
		return EXIT_USAGE;
	}
	set_signals(settings.service);
	umask(077);
	if (read_boot_id(boot_id, sizeof(boot_id)) || give_up_privileges()) {
		fprintf(stderr, "faultline-knob: cannot read the boot id or drop privileges\n");
		return EXIT_PERMISSION;
	}
	settings.opts.boot_id = boot_id;
	return serve(&settings);
}
