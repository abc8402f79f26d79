// SPDX-License-Identifier: GPL-2.0
/* What do operators see of the closed loop? */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon_policy.h"
#include "policy_json.h"

void daemon_policy_note(struct daemon_policy *p, const char *what,
			const struct policy_decision *decision, const char *why)
{
	struct timespec ts;
	json_t *entry;

	clock_gettime(CLOCK_REALTIME, &ts);
	entry = json_pack("{s:I, s:s, s:o?, s:s}", "time_unix_ns",
			  (json_int_t)ts.tv_sec * 1000000000 + ts.tv_nsec, "what", what, "decision",
			  decision ? policy_decision_to_json(decision) : NULL, "why", why);
	json_array_append_new(p->log, entry);
	while (json_array_size(p->log) > POLICY_LOG_ENTRIES)
		json_array_remove(p->log, 0);
}

static json_t *knob_json(const struct daemon_policy *p, enum policy_knob k)
{
	const struct knob_record *r = &p->records[k];

	return json_pack("{s:s, s:I, s:I, s:b, s:I, s:I, s:s, s:s}", "name", policy_knob_name(k),
			 "value", (json_int_t)p->window.value[k], "original",
			 (json_int_t)p->limits.home[k], "paused", r->paused, "min",
			 (json_int_t)p->limits.min[k], "max", (json_int_t)p->limits.max[k], "why",
			 r->paused ? r->why : "", "id", r->recorded ? r->id : "");
}

static json_t *features_json(const struct daemon_policy *p)
{
	struct spf_probe *probe = policy_meter_probe(p->meter);
	json_t *array = json_array();

	for (int i = 0; array && probe && i < SPF_NR_FEATURES; i++) {
		const struct spf_feature_state *feature = spf_probe_feature(probe, i);

		json_array_append_new(array,
				      json_pack("{s:s, s:b, s:s}", "name", feature->name, "on",
						feature->on, "reason", feature->reason));
	}
	return array;
}

static json_t *proc_json(const struct snap_spec *spec)
{
	json_t *reasons = json_array();

	for (int r = 0; reasons && r < FL_SPF_REASONS; r++)
		json_array_append_new(reasons, json_integer((json_int_t)spec->by_reason[r]));
	return json_pack("{s:I, s:s, s:o, s:I, s:I}", "tgid", (json_int_t)spec->tgid, "comm",
			 spec->comm, "sampled_by_reason", reasons, "backing_off",
			 (json_int_t)spec->threads, "max_window", (json_int_t)spec->max_window);
}

static json_t *procs_json(struct daemon_policy *p)
{
	struct spf_probe *probe = policy_meter_probe(p->meter);
	struct snapshot *snap = snapshot_new();
	json_t *array = json_array();

	if (snap && probe && spf_probe_fill(probe, snap))
		snap->n_specs = 0;
	for (size_t i = 0; array && snap && i < snap->n_specs && i < 20; i++)
		json_array_append_new(array, proc_json(&snap->specs[i]));
	snapshot_free(snap);
	return array;
}

static json_t *costs_json(const struct policy_state *s)
{
	return json_pack("{s:f, s:f, s:f, s:f}", "speculative_ns", s->ok_ns, "locked_ns",
			 s->locked_ns, "abort_ns", s->abort_ns, "look_ns", s->probe_ns);
}

static json_t *state_json(struct daemon_policy *p)
{
	json_t *knobs = json_array();

	for (int k = 0; knobs && k < POLICY_NR_KNOBS; k++)
		json_array_append_new(knobs, knob_json(p, k));
	return json_pack("{s:s, s:s, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:O, s:s, s:b, s:I, "
			 "s:I, s:i, s:s}",
			 "mode", p->daemon->config->policy_mode, "regime",
			 policy_regime_name(p->state.regime), "knobs", knobs, "decision",
			 policy_decision_to_json(&p->decision), "decided", p->decided, "costs",
			 costs_json(&p->state), "window", policy_window_to_json(&p->window),
			 "counts", policy_counts_to_json(policy_meter_counts(p->meter)), "features",
			 features_json(p), "processes", procs_json(p), "log", p->log, "no_writer",
			 p->no_client, "measuring", p->sampling, "asked", (json_int_t)p->asked,
			 "answered", (json_int_t)p->answered, "outcome", p->outcome, "outcome_why",
			 p->outcome_why);
}

static json_t *act_json(struct daemon_policy *p, const struct control_request *request)
{
	char why[KNOB_WHY] = "";
	int err;

	if (!request->root)
		return json_pack("{s:i, s:s}", "refused", EACCES, "why",
				 "only root may change settings");
	err = daemon_policy_act(p, request, why);
	if (err)
		return json_pack("{s:i, s:s}", "refused", -err, "why", why);
	return json_pack("{s:I}", "ticket", (json_int_t)p->asked);
}

json_t *daemon_policy_reply(struct daemon *d, const struct control_request *request)
{
	struct daemon_policy *p = d->policy;

	if (!p->meter)
		return json_pack("{s:s}", "nothing", p->why);
	if (request->cmd == CONTROL_POLICY_DO)
		return act_json(p, request);
	return state_json(p);
}

/* --- in every other output */

static enum snap_knob knob_is(const struct daemon_policy *p, enum policy_knob k)
{
	const struct knob_record *r = &p->records[k];

	if (r->paused)
		return SNAP_KNOB_PAUSED;
	if (p->mode == MODE_OBSERVE || !p->client)
		return SNAP_KNOB_UNTUNED;
	return r->recorded && r->ours != r->original ? SNAP_KNOB_TUNED : SNAP_KNOB_ORIGINAL;
}

static char *knob_why(const struct daemon_policy *p, enum policy_knob k, enum snap_knob is)
{
	const struct knob_record *r = &p->records[k];
	char id[POLICY_ID_LEN], *why = NULL;
	int len = -1;

	switch (is) {
	case SNAP_KNOB_PAUSED:
		return strdup(r->why);
	case SNAP_KNOB_TUNED:
		len = asprintf(&why, "%s%s%s", r->id, *p->changed_why[k] ? ": " : "",
			       p->changed_why[k]);
		break;
	case SNAP_KNOB_ORIGINAL:
		len = asprintf(&why, "%s%s", p->decided ? "next " : "",
			       p->decided ? policy_id(&p->decision, id) : p->decision.evidence);
		break;
	default:
		len = asprintf(&why, "mode %s%s%s", p->daemon->config->policy_mode,
			       *p->no_client ? ", " : "", p->no_client);
	}
	return len < 0 ? NULL : why;
}

void daemon_policy_fill_knob(const struct daemon *d, struct snap_meta *meta)
{
	const struct daemon_policy *p = d->policy;

	if (!p || !p->meter)
		return;
	meta->speculative = true;
	if (p->window.end_ns)
		meta->spf_backoff_max = p->window.value[POLICY_BACKOFF_MAX];
	meta->spf_knob = knob_is(p, POLICY_BACKOFF_MAX);
	free(meta->spf_why);
	meta->spf_why = knob_why(p, POLICY_BACKOFF_MAX, meta->spf_knob);
}

int daemon_policy_fill(struct daemon *d, struct snapshot *snap)
{
	struct daemon_policy *p = d->policy;

	return p && p->meter ? spf_probe_fill(policy_meter_probe(p->meter), snap) : 0;
}
