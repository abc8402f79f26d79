// SPDX-License-Identifier: GPL-2.0
/*
 * What is asked of faultline-knob, by the policy or by an operator, and what has
 * become of it? It is the one to refuse; what it refuses is said once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon_policy.h"
#include "spf.h"

static void asked_by(struct daemon_policy *p, bool operator)
{
	if (p->n_by_operator < sizeof(p->by_operator))
		p->by_operator[p->n_by_operator++] = operator;
}

static bool answered_to(struct daemon_policy *p)
{
	bool operator= p->by_operator[0];

	if (!p->n_by_operator)
		return false;
	memmove(p->by_operator, p->by_operator + 1, --p->n_by_operator);
	return operator;
}

static int ask(struct daemon_policy *p, enum knob_op op, enum policy_knob which,
	       const struct policy_decision *decision, bool operator)
{
	char id[POLICY_ID_LEN] = "";
	int err;

	if (!p->client)
		return -EPIPE;
	if (op == KNOB_SET)
		policy_id(decision, id);
	err = knob_client_ask(p->client, op, which, decision ? decision->old : 0,
			      decision ? decision->new : 0, id);
	if (!err)
		asked_by(p, operator);
	return err;
}

/* The way home may be further than a step, and is always allowed. */
static int ask_for(struct daemon_policy *p, const struct policy_decision *decision, bool operator)
{
	enum knob_op op = decision->reason == POLICY_QUIET ? KNOB_RESTORE : KNOB_SET;
	int err = ask(p, op, decision->knob, decision, operator);

	if (!err)
		p->sent = *decision;
	return err;
}

void daemon_policy_carry_out(struct daemon_policy *p, uint64_t now_ns)
{
	char id[POLICY_ID_LEN];

	policy_id(&p->decision, id);
	if (p->mode == MODE_ADVISE) {
		if (strcmp(p->refused_id, id) != 0) /* said once, not every second */
			daemon_policy_note(p, "advised", &p->decision, "");
		snprintf(p->refused_id, sizeof(p->refused_id), "%s", id);
		return;
	}
	if (!p->client || !p->has_records || knob_client_busy(p->client) ||
	    p->records[p->decision.knob].paused)
		return;
	if (!strcmp(id, p->refused_id) && now_ns < p->again_ns)
		return;
	ask_for(p, &p->decision, false);
}

/* A value that is not the one we left: whose is it? */
void daemon_policy_check(struct daemon_policy *p)
{
	for (int k = 0; k < POLICY_NR_KNOBS && p->client; k++) {
		const struct knob_record *r = &p->records[k];

		if (r->recorded && !r->paused && p->window.value[k] != r->ours &&
		    !knob_client_busy(p->client))
			ask(p, KNOB_CHECK, k, NULL, false);
	}
}

static void say_paused(struct daemon_policy *p, const struct knob_reply *reply)
{
	const struct knob_record *now = &reply->records[reply->which];
	struct spf_probe *probe = policy_meter_probe(p->meter);
	char who[96] = "", why[KNOB_WHY + 128];

	if (!now->paused || p->records[reply->which].paused)
		return;
	if (reply->op != KNOB_PAUSE &&
	    spf_probe_writer(probe, policy_knob_file(reply->which), who, sizeof(who)))
		snprintf(who, sizeof(who), "not known");
	snprintf(why, sizeof(why), "%s%s%s", now->why, *who ? "; last written by: " : "", who);
	log_say(&p->daemon->log, LOG_WARNING, "policy: %s is paused: %s",
		policy_knob_name(reply->which), why);
	daemon_policy_note(p, "paused", NULL, why);
}

static void say_change(struct daemon_policy *p, const struct knob_reply *reply)
{
	char id[POLICY_ID_LEN], undo[POLICY_LINE_LEN];

	policy_id(&p->sent, id);
	if (!reply->err) {
		log_solved(&p->daemon->log, "knob");
		log_say(&p->daemon->log, LOG_NOTICE, "policy: %s %u -> %u, %s: %s; undo: %s",
			policy_knob_name(p->sent.knob), p->sent.old, p->sent.new,
			policy_reason_name(p->sent.reason), p->sent.evidence,
			policy_undo(&p->sent, undo));
		daemon_policy_note(p, "changed", &p->sent, "");
		memcpy(p->changed_why[p->sent.knob], p->sent.evidence, sizeof(p->sent.evidence));
		p->refused_id[0] = '\0';
		return;
	}
	log_problem(&p->daemon->log, "knob", "policy: %s: %s", id, reply->why);
	if (strcmp(p->refused_id, id) != 0)
		daemon_policy_note(p, "refused", &p->sent, reply->why);
	snprintf(p->refused_id, sizeof(p->refused_id), "%s", id);
	/* what the kernel refuses it will refuse again: not to be asked for any more */
	p->again_ns = reply->err == -EINVAL ? UINT64_MAX : daemon_now_ns() + POLICY_AGAIN_NS;
	if (reply->err == -EINVAL)
		policy_narrow(&p->limits, &p->sent);
}

static void say_hello(struct daemon_policy *p, const struct knob_reply *reply)
{
	spf_probe_own_writer(policy_meter_probe(p->meter), reply->pid);
	if (reply->err) {
		snprintf(p->no_client, sizeof(p->no_client), "%s", reply->why);
		log_say(&p->daemon->log, LOG_ERR, "policy: nothing will be changed: %s",
			reply->why);
		return;
	}
	p->has_records = true;
	for (int k = 0; k < POLICY_NR_KNOBS; k++)
		if (reply->records[k].paused)
			log_say(&p->daemon->log, LOG_WARNING, "policy: %s is paused: %s",
				policy_knob_name(k), reply->records[k].why);
}

static void on_gone(struct daemon_policy *p)
{
	if (!*p->no_client) {
		snprintf(p->no_client, sizeof(p->no_client),
			 "faultline-knob has ended; its messages say why; restart the daemon");
		log_say(&p->daemon->log, LOG_ERR, "policy: nothing will be changed: %s",
			p->no_client);
	}
	knob_client_close(p->client, 0);
	p->client = NULL;
	p->has_records = false;
	p->n_by_operator = 0;
	p->sent.reason = POLICY_NOTHING;
	p->answered = p->asked;
	p->outcome = -EPIPE;
	snprintf(p->outcome_why, sizeof(p->outcome_why), "%s", p->no_client);
}

static void on_knob(void *arg, const struct knob_reply *reply)
{
	struct daemon_policy *p = arg;

	if (!reply) {
		on_gone(p);
		return;
	}
	if (reply->op == KNOB_HELLO)
		say_hello(p, reply);
	else if (answered_to(p)) {
		p->answered++;
		if (!p->outcome) { /* of several, the first that went wrong */
			p->outcome = reply->err;
			memcpy(p->outcome_why, reply->why, sizeof(p->outcome_why));
		}
	}
	if (p->sent.reason && (reply->op == KNOB_SET || reply->op == KNOB_RESTORE)) {
		say_change(p, reply);
		p->sent.reason = POLICY_NOTHING;
	}
	if (reply->op < KNOB_HELLO)
		say_paused(p, reply);
	memcpy(p->records, reply->records, sizeof(p->records));
}

void daemon_policy_start_client(struct daemon_policy *p)
{
	const struct config *c = p->daemon->config;
	char ranges[POLICY_NR_KNOBS][64], step[16], dir[512];
	char *args[] = {"--state",
			c->policy_state,
			"--range",
			ranges[0],
			"--range",
			ranges[1],
			"--max-step",
			step,
			"--on-exit",
			c->policy_on_exit,
			"--on-restart",
			c->policy_on_restart,
			"--sysctl-dir",
			dir,
			NULL};
	struct knob_client_opts opts = {.socket = c->policy_writer,
					.args = args,
					.loop = p->daemon->loop,
					.fn = on_knob,
					.arg = p};
	int err;

	for (int k = 0; k < POLICY_NR_KNOBS; k++)
		snprintf(ranges[k], sizeof(ranges[k]), "%s=%u:%u", policy_knob_file(k),
			 p->limits.min[k], p->limits.max[k]);
	snprintf(step, sizeof(step), "%u", c->policy_max_step);
	snprintf(dir, sizeof(dir), "%s/sys/vm",
		 p->daemon->opts.proc ? p->daemon->opts.proc : "/proc");
	err = knob_client_open(&opts, &p->client);
	if (!err)
		return;
	if (*c->policy_writer)
		snprintf(p->no_client, sizeof(p->no_client),
			 "%s: no faultline-knob (%s); start faultline-knob.socket or leave Writer= "
			 "empty",
			 c->policy_writer, strerror(-err));
	else
		snprintf(p->no_client, sizeof(p->no_client),
			 "faultline-knob cannot be started (%s); install it beside faultlined",
			 strerror(-err));
	log_say(&p->daemon->log, LOG_ERR, "policy: nothing will be changed: %s", p->no_client);
}

/* --- for an operator */

static int refuse(int err, char why[KNOB_WHY], const char *text)
{
	snprintf(why, KNOB_WHY, "%s", text);
	return err;
}

static int apply(struct daemon_policy *p, const char *id, char why[KNOB_WHY])
{
	char now[POLICY_ID_LEN];
	int err;

	if (!p->decided)
		return refuse(-ESTALE, why,
			      "there is no decision now; 'faultline policy plan' shows why");
	if (strcmp(policy_id(&p->decision, now), id) != 0) {
		snprintf(why, KNOB_WHY, "the decision now is %s", now);
		return -ESTALE;
	}
	err = ask_for(p, &p->decision, true);
	return err ? refuse(err, why, strerror(-err)) : 0;
}

/* One knob by its name, with or without "vm.spf_"; all when there is none. */
static bool is_meant(enum policy_knob knob, const char *name)
{
	return !*name || !strcmp(name, policy_knob_name(knob)) ||
	       !strcmp(name, policy_knob_file(knob)) ||
	       !strcmp(name, policy_knob_file(knob) + strlen("spf_"));
}

int daemon_policy_act(struct daemon_policy *p, const struct control_request *request,
		      char why[KNOB_WHY])
{
	static const enum knob_op ops[] = {[CONTROL_PAUSE] = KNOB_PAUSE,
					   [CONTROL_RESUME] = KNOB_RESUME,
					   [CONTROL_ROLLBACK] = KNOB_RESTORE};
	bool any = false;
	int err = 0;

	if (p->mode == MODE_OBSERVE)
		return refuse(-EOPNOTSUPP, why,
			      "the mode is observe: nothing is changed; set Mode=advise or "
			      "Mode=enforce in [policy] and restart the daemon");
	if (!p->client)
		return refuse(-EPIPE, why, p->no_client);
	if (p->sent.reason)
		return refuse(-EAGAIN, why, "a change is being made just now; try again");
	p->outcome = 0;
	p->outcome_why[0] = '\0';
	if (request->action == CONTROL_APPLY) {
		err = apply(p, request->what, why);
		p->asked += !err;
		return err;
	}
	for (int k = 0; k < POLICY_NR_KNOBS && !err; k++) {
		if (!is_meant(k, request->what))
			continue;
		any = true;
		err = ask(p, ops[request->action], k, NULL, true);
		p->asked += !err;
		/* or enforcing would undo it at once */
		if (!err && request->action == CONTROL_ROLLBACK && !p->records[k].paused) {
			err = ask(p, KNOB_PAUSE, k, NULL, true);
			p->asked += !err;
		}
	}
	if (err)
		return refuse(err, why, strerror(-err));
	return any ? 0 : refuse(-EINVAL, why, "no such setting; known are backoff_max, ptl_spins");
}
