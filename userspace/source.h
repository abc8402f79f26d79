/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a verb's numbers come from: the daemon when it answers, else a session
 * of its own for as long as the verb runs. Functions return an exit code and
 * have said why when it is not CLI_OK.
 */
#ifndef FAULTLINE_SOURCE_H
#define FAULTLINE_SOURCE_H

#include "cli.h"
#include "session.h"

/* The window of a verb that measures by itself and was given no duration. */
#define SOURCE_WINDOW_NS 5000000000ULL

struct source;

struct source_opts {
	uint64_t event_min_ns; /* single waits from here on */
	uint64_t stream_min_ns; /* of a daemon only; 0: as event_min_ns */
	bool stacks; /* kernel stacks are wanted: of shorter waits too */
	bool no_speculation; /* by process; for who samples by himself */
};

/*
 * From --socket, --direct, --pid and the like. From now on SIGINT and SIGTERM
 * end source_wait() and nothing else.
 */
int source_open(const struct cli *cli, const struct source_opts *opts, struct source **ret_source);
void source_close(struct source *source); /* NULL-safe */
bool source_is_daemon(const struct source *source);
/* The session behind it; NULL for the daemon. */
struct session *source_session(struct source *source);

/*
 * Called for each single wait from here on, finished or stuck, of those that --pid,
 * --cgroup, --comm and --min-wait select; from source_wait().
 */
int source_on_wait(struct source *source, session_wait_fn fn, void *arg);
/* Let time pass; events are taken. CLI_OK, also when a signal came. CLI_ERROR: daemon gone. */
int source_wait(struct source *source, uint64_t ns);
/* A signal asked to stop. */
bool source_stopped(const struct source *source);

/* All since the source began, filtered by --pid, --cgroup, --comm, --min-wait. */
int source_snapshot(struct source *source, bool stacks, struct snapshot **ret_snap);

/*
 * One measurement for a verb that prints once: a window of -d; without it the
 * daemon's whole life, or SOURCE_WINDOW_NS by itself. fresh: always a window.
 */
int source_measure(struct source *source, bool stacks, bool fresh, struct snapshot **ret_snap);
/*
 * The same, and fn gets what it has seen so far: after each part_ns (without stacks),
 * and at the end. Of the daemon's whole life only the end is known.
 */
typedef void (*source_part_fn)(void *arg, const struct snapshot *so_far);
int source_measure_parts(struct source *source, bool stacks, uint64_t part_ns, source_part_fn fn,
			 void *arg, struct snapshot **ret_snap);
/* All of it: open, measure, close. */
int source_once(const struct cli *cli, const struct source_opts *opts, bool fresh,
		struct snapshot **ret_snap);

/* A request to the daemon and its reply; CLI_DAEMON when there is none. */
int source_ask(const struct cli *cli, const char *cmd, json_t **ret_reply);
/* The same with members of its own; takes the reference. */
int source_request(const struct cli *cli, json_t *request, json_t **ret_reply);
/* Says nothing. */
bool source_daemon_answers(const struct cli *cli);

#endif
