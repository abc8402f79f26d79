// SPDX-License-Identifier: GPL-2.0
/*
 * The life of the daemon: open everything, run one loop, take a new
 * configuration when told, close. Nothing that a client, a disk or a scraper
 * does keeps it from sampling. What it changes on the host, and only if told to,
 * a process of its own does: daemon_policy.c.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon.h"
#include "place.h"

enum { EXIT_RUNTIME = 1, EXIT_USAGE = 2, EXIT_PERMISSION = 3, EXIT_KERNEL = 4 };

uint64_t daemon_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

int daemon_snapshot(struct daemon *d, bool with_stacks, struct snapshot **ret_snap)
{
	struct snapshot *snap = NULL;
	char *source;
	int err = session_snapshot(d->session, with_stacks, &snap);

	if (err)
		return err;
	source = strdup("daemon");
	if (!source) {
		snapshot_free(snap);
		return -ENOMEM;
	}
	free(snap->meta.source);
	snap->meta.source = source;
	daemon_policy_fill_knob(d, &snap->meta);
	*ret_snap = snap;
	return 0;
}

struct problems {
	char first[600];
	size_t n;
	struct log *log; /* say all of them; NULL: keep the first */
};

static void on_problem(void *arg, const char *message)
{
	struct problems *p = arg;

	if (!p->n++)
		snprintf(p->first, sizeof(p->first), "%s", message);
	if (p->log)
		log_say(p->log, LOG_ERR, "%s", message);
}

const char *daemon_doing(const struct daemon *d)
{
	const char *mode = d->config->policy_mode;

	if (!strcmp(mode, "observe"))
		return "observing";
	return !strcmp(mode, "advise") ? "observing and advising" : "observing and tuning";
}

static void set_log_level(struct daemon *d)
{
	log_level_from_name(d->config->log_level, &d->log.level);
}

static void say_restart(void *arg, const char *name)
{
	log_say(arg, LOG_WARNING, "%s has changed: restart the daemon for it", name);
}

static void textfile_interval(struct daemon *d)
{
	bool on = *d->config->metrics_textfile;

	loop_timer_set(d->textfile_timer, on ? DAEMON_WINDOW_NS : 0,
		       d->config->metrics_interval_ns);
}

static void reload(struct daemon *d)
{
	struct problems problems = {.n = 0};
	struct config *now, *old = d->config;
	struct session_opts opts;
	int err;

	err = config_load("", d->opts.config_path, on_problem, &problems, &now);
	if (err) {
		log_say(&d->log, LOG_ERR, "reload refused, the old configuration stays: %s%s",
			problems.n ? problems.first : strerror(-err),
			problems.n > 1 ? " (and more: faultlined --check)" : "");
		notify_send(&d->notify,
			    "READY=1\nSTATUS=reload refused, the old configuration stays");
		return;
	}
	config_session_opts(now, &opts);
	opts.pids = d->opts.pids;
	opts.n_pids = d->opts.n_pids;
	err = session_retune(d->session, &opts);
	if (err) {
		log_say(&d->log, LOG_ERR, "reload refused, the old configuration stays: %s",
			strerror(-err));
		config_free(now);
		return;
	}
	config_needs_restart(old, now, say_restart, &d->log);
	d->config = now;
	set_log_level(d);
	daemon_record_reload(d);
	control_set_max_clients(d->control, now->socket_max_clients);
	loop_timer_set(d->poll_timer, now->interval_ns, now->interval_ns);
	textfile_interval(d);
	config_free(old);
	log_say(&d->log, LOG_INFO, "configuration reloaded");
	notify_send(&d->notify, "READY=1\nSTATUS=%s", daemon_doing(d));
}

static void on_signal(void *arg, int signo)
{
	struct daemon *d = arg;

	if (signo == SIGHUP) {
		reload(d);
		return;
	}
	notify_send(&d->notify, "STOPPING=1\nSTATUS=stopping");
	loop_stop(d->loop);
}

static void on_wait(void *arg, const struct snapshot *one)
{
	struct daemon *d = arg;
	json_t *object;

	if (!one->n_waits)
		return;
	if (control_wanted(d->control, one->waits[0].dur_ns)) {
		object = json_pack("{s:o}", "wait", snapshot_to_json(one));
		if (object)
			control_publish(d->control, object, one->waits[0].dur_ns);
		json_decref(object);
	}
	daemon_incident_wait(d, one);
}

/* Most waits are only counted: nobody watches and they make no incident. */
static bool wants_wait(void *arg, uint64_t dur_ns)
{
	const struct daemon *d = arg;

	return control_wanted(d->control, dur_ns) ||
	       (d->config->incidents && dur_ns >= d->config->incident_wait_ns);
}

/* What it does not get done it goes on with after the others' turn. */
static void on_drain(void *arg)
{
	struct daemon *d = arg;
	int err = session_drain(d->session);

	if (err < 0)
		log_problem(&d->log, "drain", "single waits cannot be read: %s", strerror(-err));
	else if (err > 0)
		loop_timer_set(d->drain_timer, 1, 0);
}

static void on_session(void *arg, uint32_t events)
{
	(void)events;
	on_drain(arg);
}

static void on_poll(void *arg)
{
	struct daemon *d = arg;
	int err;

	on_drain(d);
	err = session_poll(d->session);
	if (err < 0)
		log_problem(&d->log, "poll", "unfinished waits cannot be read: %s", strerror(-err));
	else
		daemon_incident_poll(d);
}

static void on_watchdog(void *arg)
{
	struct daemon *d = arg;

	notify_send(&d->notify, "WATCHDOG=1");
}

/* One line for the operator, and the exit code that goes with the error. */
static int give_up(struct daemon *d, int err, char *why)
{
	log_say(&d->log, LOG_ERR, "faultlined: %s", why ? why : strerror(-err));
	free(why);
	if (err == -EPERM)
		return EXIT_PERMISSION;
	return err == -ENOTSUP ? EXIT_KERNEL : EXIT_RUNTIME;
}

static int open_socket(struct daemon *d)
{
	struct control_opts opts = {.path = d->opts.socket_path ? d->opts.socket_path
								: d->config->socket_path,
				    .group = d->config->socket_group,
				    .max_clients = d->config->socket_max_clients,
				    .handle = daemon_reply,
				    .arg = d,
				    .loop = d->loop,
				    .log = &d->log};
	char *why = NULL;
	int err = control_open(&opts, &d->control, &why);

	if (!err)
		return 0;
	give_up(d, err, why);
	return EXIT_RUNTIME;
}

/*
 * libbpf parses the kernel's BTF, megabytes, for one object after the other: as long as
 * they load what is freed is kept, since pages that come anew each time were most of
 * the time it took to get ready. After that snapshots go back to the system.
 */
static void keep_memory(bool loading)
{
	mallopt(M_MMAP_THRESHOLD, loading ? 32 << 20 : 64 << 10);
	mallopt(M_TRIM_THRESHOLD, loading ? 64 << 20 : 128 << 10);
	if (!loading)
		malloc_trim(0);
}

static int open_session(struct daemon *d)
{
	struct session_opts opts;
	char *why = NULL;
	int err;

	config_session_opts(d->config, &opts);
	opts.pids = d->opts.pids;
	opts.n_pids = d->opts.n_pids;
	keep_memory(true);
	err = session_open(&opts, &d->session, &why);
	keep_memory(false);
	if (err)
		return give_up(d, err, why);
	session_on_wait(d->session, on_wait, wants_wait, d);
	err = loop_add(d->loop, session_fd(d->session), EPOLLIN, on_session, d, &d->session_source);
	return err ? give_up(d, err, NULL) : 0;
}

/* What it can do without: said, and the rest goes on. */
static int open_extras(struct daemon *d)
{
	char *why = NULL;
	int err;

	err = daemon_record_open(d);
	if (err)
		return give_up(d, err, NULL);
	d->metrics = render_metrics_new();
	if (!d->metrics)
		return give_up(d, -ENOMEM, NULL);
	if (!*d->config->metrics_listen)
		return 0;
	err = http_open(d->loop, d->config->metrics_listen, daemon_http_text, d, &d->http, &why);
	if (err)
		log_problem(&d->log, "http", "metrics are not served: %s",
			    why ? why : strerror(-err));
	free(why);
	return 0;
}

static int open_timers(struct daemon *d)
{
	uint64_t interval_ns = d->config->interval_ns;
	int err;

	err = loop_timer(d->loop, 0, 0, on_drain, d, &d->drain_timer);
	if (!err)
		err = loop_timer(d->loop, interval_ns, interval_ns, on_poll, d, &d->poll_timer);
	if (!err)
		err = loop_timer(d->loop, DAEMON_WINDOW_NS, DAEMON_WINDOW_NS, daemon_window, d,
				 NULL);
	if (!err)
		err = loop_timer(d->loop, DAEMON_WINDOW_NS, 0, daemon_cost, d, &d->cost_timer);
	if (!err)
		err = loop_timer(d->loop, 0, 0, daemon_textfile, d, &d->textfile_timer);
	if (!err && d->notify.watchdog_ns)
		err = loop_timer(d->loop, d->notify.watchdog_ns, d->notify.watchdog_ns, on_watchdog,
				 d, NULL);
	if (err)
		return give_up(d, err, NULL);
	textfile_interval(d);
	return 0;
}

/* In a container: what the operator would otherwise find out from what is not shown. */
static void say_place(struct daemon *d)
{
	struct place place;

	place_look("", &place);
	for (int i = 0; i < PLACE_NR; i++)
		if (!place.has[i] && place_is_warning(i))
			log_say(&d->log, LOG_WARNING, "%s: %s", place_name(i), place_advice(i));
}

/* The first sample: from here on nothing is missed, and windows have a base. */
static int first_sample(struct daemon *d)
{
	int err = session_poll(d->session);

	if (err >= 0)
		err = daemon_snapshot(d, false, &d->before);
	if (err)
		return give_up(d, err, NULL);
	d->ready_ns = daemon_now_ns() - d->start_ns;
	log_say(&d->log, LOG_INFO, "ready after %llu ms",
		(unsigned long long)(d->ready_ns / 1000000));
	err = notify_send(&d->notify, "READY=1\nSTATUS=%s", daemon_doing(d));
	if (err)
		log_problem(&d->log, "notify", "service manager not told: %s", strerror(-err));
	return 0;
}

static int start(struct daemon *d)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	struct problems problems = {.log = &d->log};
	int err, code;

	err = config_load("", d->opts.config_path, on_problem, &problems, &d->config);
	if (err)
		return problems.n ? EXIT_USAGE : give_up(d, err, NULL);
	set_log_level(d);
	if (daemon_caps_check()) {
		log_say(&d->log, LOG_ERR,
			"faultlined: not permitted to load BPF programs; run it as root");
		return EXIT_PERMISSION;
	}
	err = loop_new(&d->loop);
	if (!err)
		err = loop_signals(d->loop, signals, 3, on_signal, d);
	if (err)
		return give_up(d, err, NULL);
	code = open_socket(d);
	if (!code)
		code = open_session(d);
	if (!code)
		code = open_extras(d);
	if (!code)
		code = open_timers(d);
	if (code)
		return code;
	say_place(d);
	err = daemon_policy_open(d);
	if (err)
		return give_up(d, err, NULL);
	err = daemon_caps_drop(d->config);
	if (err)
		log_problem(&d->log, "caps", "capabilities not dropped: %s", strerror(-err));
	return first_sample(d);
}

static void stop(struct daemon *d)
{
	daemon_policy_close(d);
	http_close(d->http);
	session_close(d->session);
	daemon_record_close(d);
	render_metrics_free(d->metrics);
	control_close(d->control); /* last: it says that nobody is there */
	daemon_episode_free(d);
	snapshot_free(d->before);
	loop_free(d->loop);
	config_free(d->config);
	notify_close(&d->notify);
}

int daemon_run(const struct daemon_opts *opts)
{
	struct daemon *d = calloc(1, sizeof(*d));
	int err, code;

	if (!d)
		return EXIT_RUNTIME;
	mallopt(M_ARENA_MAX, 1);
	signal(SIGPIPE, SIG_IGN);
	d->opts = *opts;
	d->start_ns = daemon_now_ns();
	d->n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	log_init(&d->log);
	err = notify_open(&d->notify);
	if (err)
		log_problem(&d->log, "notify", "NOTIFY_SOCKET: %s; the service manager is not told",
			    strerror(-err));
	code = start(d);
	if (!code) {
		err = loop_run(d->loop);
		if (!err)
			on_drain(d); /* what came since the last look may make a record */
		code = err ? give_up(d, err, NULL) : 0;
	}
	stop(d);
	free(d);
	return code;
}
