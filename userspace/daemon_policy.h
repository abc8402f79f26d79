/* SPDX-License-Identifier: GPL-2.0 */
/* The closed loop, inside the daemon. Only for daemon_policy*.c. */
#ifndef FAULTLINE_DAEMON_POLICY_H
#define FAULTLINE_DAEMON_POLICY_H

#include "daemon.h"
#include "knob_client.h"
#include "policy.h"
#include "policy_meter.h"

#define POLICY_SAMPLE_NS   100000000ULL /* a sample of what faults cost takes so long, at most */
#define POLICY_ENOUGH_NS   20000000ULL /* as often it is seen whether it is enough */
#define POLICY_WATCHED_NS  5000000000ULL /* so long after somebody has looked */
#define POLICY_AGAIN_NS	   60000000000ULL /* what was refused is asked again */
#define POLICY_LOG_ENTRIES 100
#define POLICY_TRACE_BYTES (64L << 20) /* then the trace is begun anew */

enum policy_mode { MODE_OBSERVE, MODE_ADVISE, MODE_ENFORCE };

struct daemon_policy {
	struct daemon *daemon;
	enum policy_mode mode;
	struct policy_meter *meter; /* NULL: there is nothing to tune, see why */
	char why[KNOB_WHY];
	struct policy_limits limits;
	struct policy_state state;
	struct policy_window window; /* the last one */
	struct policy_decision decision; /* of it */
	bool decided; /* it is to be carried out */
	struct knob_client *client; /* NULL: nobody sets anything, see no_client */
	char no_client[KNOB_WHY];
	bool has_records; /* hello was said */
	struct knob_record records[POLICY_NR_KNOBS];
	struct policy_decision sent; /* asked for; its reason is POLICY_NOTHING once answered */
	char refused_id[POLICY_ID_LEN]; /* not to be asked again before */
	uint64_t again_ns;
	/* what operators have asked for: a number each, and how the last one ended */
	uint64_t asked, answered;
	int outcome;
	char outcome_why[KNOB_WHY];
	bool by_operator[2 * POLICY_NR_KNOBS + 8]; /* who asked, in the order of the questions */
	size_t n_by_operator;
	struct loop_source *sample_timer;
	bool sampling;
	uint64_t next_sample_ns, sample_end_ns;
	unsigned int in_vain; /* samples in a row after which a cost was still unknown */
	uint64_t watched_until_ns;
	char changed_why[POLICY_NR_KNOBS][POLICY_EVIDENCE]; /* of the last change by us */
	json_t *log;
	/* daemon_policy_trace.c */
	FILE *trace;
	struct policy_limits traced; /* the last ones in it */
	bool traced_limits;
};

/* daemon_policy_trace.c: what was measured and decided, for a replay. */
void daemon_policy_trace_open(struct daemon_policy *p);
void daemon_policy_trace(struct daemon_policy *p);

/* daemon_policy_reply.c */
void daemon_policy_note(struct daemon_policy *p, const char *what,
			const struct policy_decision *decision, const char *why);

/* daemon_policy_act.c: what is asked of the process that sets. */
void daemon_policy_start_client(struct daemon_policy *p);
void daemon_policy_carry_out(struct daemon_policy *p, uint64_t now_ns);
void daemon_policy_check(struct daemon_policy *p);
/* For an operator: 0, or -errno with one line in why. */
int daemon_policy_act(struct daemon_policy *p, const struct control_request *request,
		      char why[KNOB_WHY]);

#endif
