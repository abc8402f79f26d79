// SPDX-License-Identifier: GPL-2.0
/*
 * What did the policy see, and what did it decide? One line each, in the form of
 * a recording; 'policy simulate' replays it. Limits are written when they change.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon_policy.h"
#include "policy_json.h"

static void give_up(struct daemon_policy *p, int err)
{
	log_problem(&p->daemon->log, "trace", "%s: not written (%s); no trace from here on",
		    p->daemon->config->policy_trace, strerror(-err));
	if (p->trace)
		fclose(p->trace);
	p->trace = NULL;
}

static void put(struct daemon_policy *p, const char *name, json_t *value)
{
	json_t *line = value ? json_pack("{s:o}", name, value) : NULL;
	int err = line ? 0 : -ENOMEM;

	if (!p->trace) {
		json_decref(line);
		return;
	}
	if (!err && (json_dumpf(line, p->trace, JSON_COMPACT) || fputc('\n', p->trace) == EOF ||
		     fflush(p->trace)))
		err = errno ? -errno : -EIO;
	json_decref(line);
	if (err)
		give_up(p, err);
}

void daemon_policy_trace_open(struct daemon_policy *p)
{
	const char *path = p->daemon->config->policy_trace;

	if (!*path)
		return;
	p->trace = fopen(path, "we");
	if (!p->trace) {
		give_up(p, -errno);
		return;
	}
	fchmod(fileno(p->trace), 0600);
	p->traced_limits = false;
	put(p, "faultline_record",
	    json_pack("{s:i, s:s, s:s}", "schema", SNAPSHOT_SCHEMA, "version", FAULTLINE_VERSION,
		      "source", "policy"));
}

/* The disk is not ours: the older half goes. */
static void turn_over(struct daemon_policy *p)
{
	const char *path = p->daemon->config->policy_trace;
	char *old = NULL;

	if (ftell(p->trace) < POLICY_TRACE_BYTES)
		return;
	if (asprintf(&old, "%s.1", path) < 0 || rename(path, old)) {
		give_up(p, -errno);
	} else {
		fclose(p->trace);
		daemon_policy_trace_open(p);
	}
	free(old);
}

/* The rest of them stays for life. */
static bool same_limits(const struct policy_limits *a, const struct policy_limits *b)
{
	return !memcmp(a->min, b->min, sizeof(a->min)) && !memcmp(a->max, b->max, sizeof(a->max)) &&
	       !memcmp(a->home, b->home, sizeof(a->home));
}

void daemon_policy_trace(struct daemon_policy *p)
{
	if (!p->trace)
		return;
	turn_over(p);
	if (!p->traced_limits || !same_limits(&p->limits, &p->traced))
		put(p, "policy_limits", policy_limits_to_json(&p->limits));
	p->traced = p->limits;
	p->traced_limits = true;
	put(p, "policy_window", policy_window_to_json(&p->window));
	if (p->decided)
		put(p, "policy_decision", policy_decision_to_json(&p->decision));
}
