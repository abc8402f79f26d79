/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Windows and decisions as JSON: what traces hold, and what the daemon tells.
 * Numbers come out as they went in, so that a replay decides the same.
 */
#ifndef FAULTLINE_POLICY_JSON_H
#define FAULTLINE_POLICY_JSON_H

#include <jansson.h>

#include "policy.h"

/* New references, or NULL when out of memory. */
json_t *policy_window_to_json(const struct policy_window *window);
json_t *policy_decision_to_json(const struct policy_decision *decision);
json_t *policy_counts_to_json(const struct spf_counts *counts);
json_t *policy_limits_to_json(const struct policy_limits *limits);
/* 0, or -EPROTO with the bad member's name in *ret_where (static). */
int policy_window_from_json(const json_t *doc, struct policy_window *ret_window,
			    const char **ret_where);
int policy_limits_from_json(const json_t *doc, struct policy_limits *ret_limits,
			    const char **ret_where);

#endif
