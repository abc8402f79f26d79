/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by session.c, session_stuck.c, session_snapshot.c and session_stacks.c only. */
#ifndef FAULTLINE_SESSION_INTERNAL_H
#define FAULTLINE_SESSION_INTERNAL_H

#include "kernel.h"
#include "ksym.h"
#include "session.h"
#include "tally.h"

struct spf_probe;
struct vmas;
struct usym;

#define SESSION_MAX_LOOKS    16 /* tasks whose stack is taken in one poll */
#define SESSION_SINGLE_WAITS 64 /* waits that have ended, in a snapshot */
#define SESSION_STUCK_STACKS 8 /* waits that have not, with their stacks and their holders' */

/* A wait that was not in the queue of its lock at the last look. */
struct suspect {
	uint32_t tid;
	uint64_t begin_ns;
};

struct session {
	struct session_opts opts;
	struct probe *probe;
	struct tally *tally;
	struct ksym *ksym;
	struct vmas *vmas; /* opened on first use, when user stacks are wanted */
	struct usym *usym;
	int vmas_err; /* of opening vmas, with the reason; 0: it is open */
	char *vmas_why;
	struct kernel_facts facts;
	session_wait_fn on_wait;
	session_wants_fn wants;
	void *on_wait_arg;
	char *detached_reason; /* NULL: attached */
	struct suspect suspects[SESSION_MAX_LOOKS];
	size_t n_suspects;
	uint64_t opened_ns;
	uint64_t last_poll_ns;
	uint64_t last_sweep_ns;
	uint64_t cpu_start_ns;
	struct spf_counts spf_start; /* if the kernel has speculative faults */
	struct spf_probe *spf; /* and opts.speculation; else NULL */
	unsigned int polls;
	/* own cost, from samples */
	int stats_fd;
	uint64_t sample_start_ns;
	struct session_cost sample_base;
	uint64_t sampled_ns;
	uint64_t sampled_run_ns;
};

uint64_t session_now_ns(void);

/* Look at the waits that have not ended and tell the tally. 0 or -errno. */
int session_find_stuck(struct session *session, uint64_t now_ns);

/* One single wait as a row; stacks are added when with_stacks. */
int session_add_event(struct session *session, struct snapshot *snap, const struct fl_event *event,
		      bool with_stacks);
int session_add_stuck(struct session *session, struct snapshot *snap,
		      const struct tally_stuck *stuck, bool with_stacks);
/* The moment of it alone, for a snapshot that holds one wait. */
void session_stamp(struct snap_meta *meta);
int session_fill_meta(struct session *session, struct snapshot *snap);

/*
 * Symbolised stacks. Returns the index in snap->stacks, or -1 where there is no
 * stack (or no memory for it, which is not worth losing a snapshot for).
 */
int session_kernel_stack(struct session *session, struct snapshot *snap, const __u64 *ips,
			 size_t n);
/* tid: one of its threads that probably still runs; 0: not known */
int session_user_stack(struct session *session, struct snapshot *snap, uint32_t tgid, uint32_t tid,
		       const __u64 *ips, size_t n);
/* Add the row "user_stacks" to the features; opens what user stacks need. */
int session_user_feature(struct session *session, struct snapshot *snap);
/*
 * One pass over the kernel's symbols for all stacks that a snapshot is to have: without
 * it, each that has something new costs one.
 */
void session_learn_symbols(struct session *session);
/* The same for the stacks that these threads have now; at most SESSION_MAX_LOOKS. */
void session_learn_tasks(struct session *session, const uint32_t *tids, size_t n);
/* The totals by stack, and the sampled stacks of holders. */
int session_fill_stacks(struct session *session, struct snapshot *snap);
/* Frame names without offset, for cause_of(); fills at most max. */
size_t session_frame_names(const struct snap_stack *stack, char (*names)[64], const char **ret,
			   size_t max);

#endif
