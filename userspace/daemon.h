/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The daemon: what it holds for its life, and its parts. daemon.c opens, runs
 * and closes; the other daemon_*.c each answer one question.
 */
#ifndef FAULTLINE_DAEMON_H
#define FAULTLINE_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "breaker.h"
#include "config.h"
#include "control.h"
#include "hook.h"
#include "hot.h"
#include "http.h"
#include "incident.h"
#include "log.h"
#include "loop.h"
#include "notify.h"
#include "render.h"
#include "session.h"
#include "spf.h"

#define DAEMON_WINDOW_NS   1000000000ULL /* escalation, ratio, unfinished waits */
#define DAEMON_COST_NS	   10000000000ULL /* a cost sample so often */
#define DAEMON_SAMPLE_NS   100000000ULL /* of this length */
#define DAEMON_OPEN_WAITS  64 /* incidents whose wait has not ended */
#define DAEMON_EPISODES	   16 /* processes in trouble that are remembered */
#define DAEMON_CALM_NS	   2000000000ULL /* an episode ends so long after the last trouble */
#define DAEMON_CATCH_UP_NS 100000000ULL /* for single waits, before a record is written */
#define DAEMON_BASE_NS	   10000000000ULL /* records of lasting trouble cover at least this */
#define DAEMON_TRIM_NS	   600000000000ULL /* records that grew too old are removed so often */
#define DAEMON_STOP_NS	   900000000ULL /* SIGTERM to exit, at most */

struct daemon_opts {
	const char *config_path; /* NULL: the usual places */
	const char *socket_path; /* NULL: of the configuration */
	const uint32_t *pids; /* watch only these; 0: every process */
	size_t n_pids;
	const char *proc; /* NULL: /proc; tests: a folder with vmstat and sys/vm */
};

/* An incident that is on disk while its wait still lasts. */
struct daemon_open_wait {
	uint32_t tid;
	uint64_t begin_ns;
	uint64_t seen_ns; /* when it was waiting for certain */
	bool over; /* as the last look found it */
	struct incident incident; /* comm and cgroup point into this struct */
	char comm[SNAPSHOT_COMM_LEN];
	char cgroup[512];
};

/* A process in trouble: hot, or somebody has waited long for its lock. */
struct daemon_episode {
	uint32_t tgid;
	uint64_t start_ns;
	uint64_t last_ns; /* when it was in trouble last */
	struct snapshot *base; /* of it alone, before the trouble; NULL: none was to be had */
	uint64_t base_ns;
	uint64_t wait_record_ns; /* when its last record was written, by kind; 0: none */
	uint64_t ratio_record_ns;
	uint64_t wait_end_ns; /* when the wait of that record was over; 0: it lasts */
	char ratio_id[INCIDENT_ID_LEN];
};

struct daemon_policy;

struct daemon {
	struct daemon_opts opts;
	struct log log;
	struct config *config;
	struct loop *loop;
	struct notify notify;
	struct session *session;
	struct control *control;
	struct http *http;
	struct incident_store *incidents;
	struct hook *hook;
	uint64_t next_trim_ns; /* 0: at the next window */
	struct render_metrics_state *metrics;
	struct loop_source *session_source, *drain_timer, *poll_timer, *cost_timer, *textfile_timer;
	struct snapshot *before; /* at the end of the last window */
	struct hot hot;
	struct breaker breaker;
	bool sampling; /* a cost sample is being taken */
	uint64_t start_ns, ready_ns; /* monotonic; time from start to first sample */
	uint32_t n_cpus;
	struct daemon_open_wait open_waits[DAEMON_OPEN_WAITS];
	size_t n_open_waits;
	uint64_t next_limit_ns; /* when a wait that lasts becomes an incident; 0: none does */
	struct daemon_episode episodes[DAEMON_EPISODES];
	size_t n_episodes;
	struct daemon_policy *policy;
};

/* Until a signal ends it; returns the exit code. */
int daemon_run(const struct daemon_opts *opts);

uint64_t daemon_now_ns(void);
const char *daemon_doing(const struct daemon *d); /* "observing": for the service manager */
/* session_snapshot(), with the daemon as its source. */
int daemon_snapshot(struct daemon *d, bool with_stacks, struct snapshot **ret_snap);

/* daemon_window.c: once a window, and the cost samples. */
void daemon_window(void *daemon);
void daemon_cost(void *daemon);

/* daemon_episode.c: since when is a process in trouble, and what was before? */
struct daemon_episode *daemon_episode_find(struct daemon *d, uint32_t tgid, uint64_t start_ns);
/* It is in trouble now. NULL when there is no room for one more. */
struct daemon_episode *daemon_episode_note(struct daemon *d, uint32_t tgid, uint64_t start_ns);
/* At the end of a window, after the incidents. */
void daemon_episode_window(struct daemon *d, const struct snapshot *diff);
void daemon_episode_free(struct daemon *d);
bool daemon_waits_unfinished(const struct snapshot *snap, uint32_t tgid, uint64_t start_ns);

/* daemon_incident.c */
/* After each look at unfinished waits: has one passed the limit? */
void daemon_incident_poll(struct daemon *d);
void daemon_incident_wait(struct daemon *d, const struct snapshot *one);
void daemon_incident_window(struct daemon *d, const struct snapshot *diff,
			    const struct hot_load *loads, size_t n);

/* daemon_record.c: 0 or -errno. Open also when the folder cannot be used now: it is said. */
int daemon_record_open(struct daemon *d);
void daemon_record_reload(struct daemon *d); /* with d->config */
void daemon_record_close(struct daemon *d);
/* Write it, or write it again, and run the hook for it; failures are said. */
int daemon_record_write(struct daemon *d, struct incident *incident);
/* Remove what is too old, or too much since the last reload; every ten minutes. */
void daemon_record_trim(struct daemon *d);
uint64_t daemon_record_time(void); /* wall clock, ns */

/* daemon_reply.c: what clients and scrapers get. */
json_t *daemon_reply(void *daemon, const struct control_request *request, int *ret_err);
int daemon_metrics(struct daemon *d, bool textfile, char **ret_text, size_t *ret_len);
int daemon_http_text(void *daemon, char **ret_text, size_t *ret_len);
void daemon_textfile(void *daemon);

/* daemon_policy.c: the closed loop. Open before capabilities are dropped. 0 or -errno. */
int daemon_policy_open(struct daemon *d);
void daemon_policy_window(struct daemon *d, const struct snapshot *diff);
void daemon_policy_close(struct daemon *d);
json_t *daemon_policy_reply(struct daemon *d, const struct control_request *request);
/* Adds why the threshold is what it is. */
void daemon_policy_fill_knob(const struct daemon *d, struct snap_meta *meta);
/* Adds speculation by process, for which it looks at every task. 0 or -errno. */
int daemon_policy_fill(struct daemon *d, struct snapshot *snap);
/* Somebody looks: processes are sampled as often as while a value is tried. */
void daemon_policy_watched(struct daemon *d);

/* daemon_caps.c: 0, or -errno; -EPERM when what is needed is not there. */
int daemon_caps_check(void);
/* No setting can be written by this process from here on. */
int daemon_caps_settings_read_only(void);
int daemon_caps_drop(const struct config *config);

#endif
