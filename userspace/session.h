/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A running measurement: the BPF programs (probe) and what they have told
 * (tally), behind one file descriptor. The daemon has one for its life, a CLI
 * verb without a daemon one for its window. Not thread-safe.
 */
#ifndef FAULTLINE_SESSION_H
#define FAULTLINE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "snapshot.h"

struct session;

struct session_opts {
	const uint32_t *pids; /* watch only these; n_pids 0: every process */
	size_t n_pids;
	uint64_t min_wait_ns; /* shorter waits are left out of the totals */
	uint64_t event_min_ns; /* single waits from here on */
	uint64_t stack_min_ns; /* waiters' kernel stacks from here on */
	uint64_t hot_min_ns; /* both, for hot processes */
	uint64_t unfinished_min_ns; /* waits that have not ended, from here on */
	bool user_stacks;
	bool holders;
	bool exact; /* try to load the exact mode */
	bool wakings_when_hot; /* where releases are seen by sched_waking, which is
					 * called often: only while a process is hot */
	bool release; /* try to load the release tracking */
	bool speculation; /* sample whose faults go without the lock, where they can */
	uint32_t max_waiters; /* map sizes, in entries */
	uint32_t max_procs;
	uint32_t max_blames;
	uint32_t max_stacks;
	uint32_t ring_bytes; /* power of two, multiple of the page size */
};

void session_default_opts(struct session_opts *opts);

/*
 * Load and attach. Optional features that fail are recorded with their reason
 * (session_snapshot: features); only the core failing is an error:
 * -EPERM (not privileged), -ENOTSUP (no BTF, or no contention tracepoints),
 * -ENOMEM, or another negative errno. On error *ret_why is one line for the
 * operator, to be freed by the caller.
 */
int session_open(const struct session_opts *opts, struct session **ret_session, char **ret_why);
void session_close(struct session *session); /* NULL-safe */

/*
 * Readable (epoll) when session_drain() has much to do. What little there is waits for
 * the caller, who drains four times a second: waking up for each wait costs too much.
 */
int session_fd(const struct session *session);
/*
 * Take some of what is in the ring buffer: single waits go to the callback. It
 * fills as fast as it is emptied when there is a storm, so not all. 0, 1 when
 * there may be more, or -errno.
 */
int session_drain(struct session *session);
/*
 * Called for each single wait as it is seen; finished ones from
 * session_drain(), unfinished ones once, from session_poll(), when they pass
 * unfinished_min_ns. The snapshot holds just this wait (waits[0]) with its
 * stacks, and is freed after the call.
 */
typedef void (*session_wait_fn)(void *arg, const struct snapshot *one);
/*
 * Naming a wait's stacks costs far more than the wait did: wants is asked first,
 * for finished waits, whether one of this length is of use. NULL: all are.
 */
typedef bool (*session_wants_fn)(void *arg, uint64_t dur_ns);
void session_on_wait(struct session *session, session_wait_fn fn, session_wants_fn wants,
		     void *arg);
/*
 * Look at what has no event: unfinished waits and the stacks of their
 * holders. Call about four times a second; costs a scan of map `waiters`.
 */
int session_poll(struct session *session);

/* Change thresholds (not pids, sizes or features) of a running session. */
int session_retune(struct session *session, const struct session_opts *opts);
/* The processes to escalate (hot_min_ns); replaces the set; at most 64. */
int session_set_hot(struct session *session, const uint32_t *tgids, size_t n);
/* Circuit breaker: stop and start all programs, with the state kept. */
int session_detach(struct session *session, const char *reason);
int session_attach(struct session *session);
/*
 * Own cost: starts (true) or ends a sample by the kernel's BPF statistics.
 * Ending one fills in the run time, calls and length of the sample.
 */
struct session_cost {
	uint64_t sample_ns;
	uint64_t run_ns;
	uint64_t calls;
	uint64_t misses;
};
int session_cost_sample(struct session *session, bool start, struct session_cost *ret_cost);

/* Run time and calls of one of our programs of the core, while sampling; -ENOENT. */
int session_program_cost(struct session *session, const char *program, uint64_t *ret_ns,
			 uint64_t *ret_calls);

/*
 * Everything since the session was opened. Process rows of exited processes
 * stay, marked gone, within bounds. with_stacks symbolises (slow: reads
 * /proc/kallsyms once, binaries for user stacks).
 */
int session_snapshot(struct session *session, bool with_stacks, struct snapshot **ret_snap);

#endif
