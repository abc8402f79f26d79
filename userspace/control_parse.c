// SPDX-License-Identifier: GPL-2.0
/*
 * What does a client want? Strict: one JSON object a line, known members of the
 * known type only. Pure, and the target of a fuzzer.
 */
#include <errno.h>
#include <string.h>

#include "client.h"
#include "control.h"

static const char *const cmd_names[CONTROL_NR_CMDS] = {
	[CONTROL_PING] = "ping",	   [CONTROL_STATUS] = "status",
	[CONTROL_SNAPSHOT] = "snapshot",   [CONTROL_METRICS] = "metrics",
	[CONTROL_WATCH] = "watch",	   [CONTROL_POLICY] = "policy",
	[CONTROL_POLICY_DO] = "policy_do",
};

static const char *const action_names[CONTROL_NR_ACTIONS] = {
	[CONTROL_APPLY] = "apply",
	[CONTROL_PAUSE] = "pause",
	[CONTROL_RESUME] = "resume",
	[CONTROL_ROLLBACK] = "rollback",
};

static int find_cmd(const json_t *cmd, enum control_cmd *ret_cmd)
{
	for (int i = 0; i < CONTROL_NR_CMDS; i++) {
		if (strcmp(json_string_value(cmd), cmd_names[i]))
			continue;
		*ret_cmd = i;
		return 0;
	}
	return -EINVAL;
}

static int take_action(const json_t *value, struct control_request *request)
{
	for (int i = 0; i < CONTROL_NR_ACTIONS; i++) {
		if (!json_is_string(value) || strcmp(json_string_value(value), action_names[i]))
			continue;
		request->action = i;
		return 0;
	}
	return -EINVAL;
}

static int take_what(const json_t *value, struct control_request *request)
{
	if (!json_is_string(value) || json_string_length(value) >= sizeof(request->what))
		return -EINVAL;
	strcpy(request->what, json_string_value(value));
	return 0;
}

static int take_member(const char *name, json_t *value, struct control_request *request,
		       const char **ret_why)
{
	if (!strcmp(name, "cmd"))
		return 0;
	if (!strcmp(name, "stacks") && request->cmd == CONTROL_SNAPSHOT) {
		*ret_why = "\"stacks\" is no boolean";
		request->stacks = json_is_true(value);
		return json_is_boolean(value) ? 0 : -EINVAL;
	}
	if (!strcmp(name, "min_wait_ns") && request->cmd == CONTROL_WATCH) {
		*ret_why = "\"min_wait_ns\" is no number from 0 on";
		if (!json_is_integer(value) || json_integer_value(value) < 0)
			return -EINVAL;
		request->min_wait_ns = json_integer_value(value);
		return 0;
	}
	if (!strcmp(name, "action") && request->cmd == CONTROL_POLICY_DO) {
		*ret_why = "\"action\" is none of apply, pause, resume and rollback";
		return take_action(value, request);
	}
	if (!strcmp(name, "what") && request->cmd == CONTROL_POLICY_DO) {
		*ret_why = "\"what\" is no string of at most 63 bytes";
		return take_what(value, request);
	}
	*ret_why = "unknown member for this cmd";
	return -EINVAL;
}

int control_parse(const char *line, size_t len, struct control_request *ret_request,
		  const char **ret_why)
{
	struct control_request request = {.action = CONTROL_NR_ACTIONS};
	json_t *doc, *cmd, *value;
	const char *name;
	int err = -EINVAL;

	*ret_why = "the request is too long";
	if (len > CONTROL_MAX_REQUEST)
		return -EINVAL;
	doc = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	*ret_why = "the request is no JSON object";
	if (!json_is_object(doc))
		goto out;
	cmd = json_object_get(doc, "cmd");
	*ret_why = "\"cmd\" is missing or no string";
	if (!json_is_string(cmd))
		goto out;
	*ret_why = "unknown cmd; known are ping, status, snapshot, metrics, watch, "
		   "policy and policy_do";
	err = find_cmd(cmd, &request.cmd);
	if (err)
		goto out;
	json_object_foreach (doc, name, value) {
		err = take_member(name, value, &request, ret_why);
		if (err)
			goto out;
	}
	*ret_why = "\"action\" is missing";
	err = request.cmd == CONTROL_POLICY_DO && request.action == CONTROL_NR_ACTIONS ? -EINVAL
										       : 0;
	if (!err)
		*ret_request = request;
out:
	json_decref(doc);
	return err;
}
