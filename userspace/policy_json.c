// SPDX-License-Identifier: GPL-2.0
/* Which member of a document is which number? One table for both directions. */
#include <errno.h>
#include <string.h>

#include "policy_json.h"

struct member {
	const char *name;
	size_t offset;
	bool narrow; /* uint32_t, else uint64_t */
};

#define W(field)       offsetof(struct policy_window, field)
#define L(field, knob) (offsetof(struct policy_limits, field) + (knob) * sizeof(uint32_t))

static const struct member window_members[] = {
	{"end_ns", W(end_ns), false},
	{"dur_ns", W(dur_ns), false},
	{"read_waits", W(read_waits), false},
	{"read_wait_ns", W(read_wait_ns), false},
	{"write_waits", W(write_waits), false},
	{"write_wait_ns", W(write_wait_ns), false},
	{"ok_n", W(ok.n), false},
	{"ok_ns", W(ok.ns), false},
	{"aborted_n", W(aborted.n), false},
	{"aborted_ns", W(aborted.ns), false},
	{"locked_n", W(locked.n), false},
	{"locked_ns", W(locked.ns), false},
	{"probe_ns", W(probe_ns), false},
	{"backoff_max", W(value[POLICY_BACKOFF_MAX]), true},
	{"ptl_spins", W(value[POLICY_PTL_SPINS]), true},
};
#define N_WINDOW (sizeof(window_members) / sizeof(window_members[0]))

static const struct member limit_members[] = {
	{"min_backoff_max", L(min, POLICY_BACKOFF_MAX), true},
	{"min_ptl_spins", L(min, POLICY_PTL_SPINS), true},
	{"max_backoff_max", L(max, POLICY_BACKOFF_MAX), true},
	{"max_ptl_spins", L(max, POLICY_PTL_SPINS), true},
	{"home_backoff_max", L(home, POLICY_BACKOFF_MAX), true},
	{"home_ptl_spins", L(home, POLICY_PTL_SPINS), true},
	{"max_step", offsetof(struct policy_limits, max_step), true},
	{"max_changes", offsetof(struct policy_limits, max_changes), true},
	{"busy_rate", offsetof(struct policy_limits, busy_rate), true},
	{"hysteresis_pct", offsetof(struct policy_limits, hysteresis_pct), true},
	{"epoch_windows", offsetof(struct policy_limits, epoch_windows), true},
	{"cooldown_ns", offsetof(struct policy_limits, cooldown_ns), false},
	{"calm_ns", offsetof(struct policy_limits, calm_ns), false},
};
#define N_LIMITS (sizeof(limit_members) / sizeof(limit_members[0]))

static json_t *put(const struct member *members, size_t n, const void *from)
{
	json_t *doc = json_object();

	for (size_t i = 0; doc && i < n; i++) {
		const char *at = (const char *)from + members[i].offset;
		uint64_t value;

		if (members[i].narrow)
			value = *(const uint32_t *)at;
		else
			value = *(const uint64_t *)at;
		if (json_object_set_new(doc, members[i].name, json_integer((json_int_t)value))) {
			json_decref(doc);
			doc = NULL;
		}
	}
	return doc;
}

static int take_number(const json_t *doc, const char *name, uint64_t max, uint64_t *ret,
		       const char **ret_where)
{
	const json_t *value = json_object_get(doc, name);

	*ret_where = name;
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > max)
		return -EPROTO;
	*ret = json_integer_value(value);
	return 0;
}

static int take(const struct member *members, size_t n, const json_t *doc, void *to,
		const char **ret_where)
{
	for (size_t i = 0; i < n; i++) {
		char *at = (char *)to + members[i].offset;
		uint64_t value;
		int err = take_number(doc, members[i].name,
				      members[i].narrow ? UINT32_MAX : INT64_MAX, &value,
				      ret_where);

		if (err)
			return err;
		if (members[i].narrow)
			*(uint32_t *)at = value;
		else
			*(uint64_t *)at = value;
	}
	return 0;
}

json_t *policy_counts_to_json(const struct spf_counts *counts)
{
	json_t *doc = json_object();

	for (int i = 0; doc && i < SPF_NR_COUNTERS; i++)
		json_object_set_new(doc, spf_counter_name(i),
				    json_integer((json_int_t)counts->n[i]));
	return doc;
}

json_t *policy_window_to_json(const struct policy_window *window)
{
	json_t *doc = put(window_members, N_WINDOW, window);

	if (doc && json_object_set_new(doc, "counts", policy_counts_to_json(&window->counts))) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}

json_t *policy_limits_to_json(const struct policy_limits *limits)
{
	return put(limit_members, N_LIMITS, limits);
}

int policy_limits_from_json(const json_t *doc, struct policy_limits *ret_limits,
			    const char **ret_where)
{
	struct policy_limits limits = {.max_step = 0};
	int err = take(limit_members, N_LIMITS, doc, &limits, ret_where);

	if (!err && (!limits.max_step || limits.max_changes > POLICY_MAX_STEPS)) {
		*ret_where = limits.max_step ? "max_changes" : "max_step";
		err = -EPROTO;
	}
	if (!err)
		*ret_limits = limits;
	return err;
}

int policy_window_from_json(const json_t *doc, struct policy_window *ret_window,
			    const char **ret_where)
{
	const json_t *counts = json_object_get(doc, "counts");
	struct policy_window window = {.end_ns = 0};
	int err = take(window_members, N_WINDOW, doc, &window, ret_where);

	for (int i = 0; !err && i < SPF_NR_COUNTERS; i++)
		err = take_number(counts, spf_counter_name(i), INT64_MAX, &window.counts.n[i],
				  ret_where);
	if (!err)
		*ret_window = window;
	return err;
}

json_t *policy_decision_to_json(const struct policy_decision *decision)
{
	char id[POLICY_ID_LEN], todo[POLICY_LINE_LEN], undo[POLICY_LINE_LEN];

	if (!decision->reason)
		return json_pack("{s:s, s:s, s:s}", "reason", policy_reason_name(POLICY_NOTHING),
				 "regime", policy_regime_name(decision->regime), "evidence",
				 decision->evidence);
	return json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:s}", "id",
			 policy_id(decision, id), "knob", policy_knob_name(decision->knob), "old",
			 (json_int_t)decision->old, "new", (json_int_t)decision->new, "reason",
			 policy_reason_name(decision->reason), "why",
			 policy_reason_text(decision->reason), "regime",
			 policy_regime_name(decision->regime), "evidence", decision->evidence, "do",
			 policy_do(decision, todo), "undo", policy_undo(decision, undo));
}
