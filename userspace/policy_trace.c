// SPDX-License-Identifier: GPL-2.0
/*
 * What was measured, and was the same decided? Windows go into the simulator; a
 * recording with decisions is also decided again, window for window.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "policy_json.h"
#include "policy_trace.h"
#include "snapshot.h"

struct reader {
	struct policy_sim *sim;
	struct policy_trace *trace;
	char phase[POLICY_SIM_NAME];
	struct policy_state state;
	struct policy_decision decision;
	bool has_header, decided; /* and its line has not come */
	uint64_t windows;
	unsigned long long line;
	char *why;
	size_t why_size;
};

static int bad(struct reader *r, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static int bad(struct reader *r, int err, const char *format, ...)
{
	int n = snprintf(r->why, r->why_size, "line %llu: ", r->line);
	va_list args;

	va_start(args, format);
	vsnprintf(r->why + n, r->why_size - n, format, args);
	va_end(args);
	return err;
}

static int take_header(struct reader *r, const json_t *header)
{
	json_int_t schema = json_integer_value(json_object_get(header, "schema"));
	const char *phase = json_string_value(json_object_get(header, "phase"));

	if (!json_is_object(header) || schema < 1 || schema > SNAPSHOT_SCHEMA)
		return bad(r, -EPROTO,
			   "this is no recording, or one of a newer version of faultline");
	r->has_header = true;
	if (!phase)
		return 0;
	if (strlen(phase) >= sizeof(r->phase))
		return bad(r, -EPROTO, "the phase's name is too long");
	strcpy(r->phase, phase);
	return 0;
}

static void differs(struct reader *r, const char *recorded, const char *now)
{
	if (!r->trace->different++)
		snprintf(r->trace->first_difference, sizeof(r->trace->first_difference),
			 "line %llu: recorded %s, decided %s", r->line, recorded, now);
}

/* A decision that the recording does not have. */
static void settle(struct reader *r)
{
	char id[POLICY_ID_LEN];

	if (r->decided)
		differs(r, "nothing", policy_id(&r->decision, id));
	r->decided = false;
}

static int take_limits(struct reader *r, const json_t *doc)
{
	const char *where;

	settle(r);
	if (policy_limits_from_json(doc, &r->trace->limits, &where))
		return bad(r, -EPROTO, "not understood at '%s'", where);
	r->trace->has_limits = true;
	return 0;
}

static int take_window(struct reader *r, const json_t *doc)
{
	struct policy_window window;
	const char *where;
	int err;

	settle(r);
	if (policy_window_from_json(doc, &window, &where))
		return bad(r, -EPROTO, "not understood at '%s'", where);
	err = policy_sim_add(r->sim, r->phase, &window);
	if (err)
		return bad(r, err,
			   err == -E2BIG ? "more phases or values than fit" : "out of memory");
	r->windows++;
	r->trace->windows++;
	if (r->trace->has_limits)
		r->decided = policy_step(&r->trace->limits, &window, &r->state, &r->decision);
	return 0;
}

static int take_decision(struct reader *r, const json_t *doc)
{
	const char *recorded = json_string_value(json_object_get(doc, "id"));
	char id[POLICY_ID_LEN];

	if (!recorded)
		return bad(r, -EPROTO, "a decision without its id");
	r->trace->decisions++;
	if (!r->decided || strcmp(recorded, policy_id(&r->decision, id)) != 0)
		differs(r, recorded, r->decided ? id : "nothing");
	r->decided = false;
	return 0;
}

static int take_line(struct reader *r, const char *text, size_t len)
{
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL), *member;
	int err = 0;

	if (!json_is_object(doc))
		err = bad(r, -EPROTO, "no JSON object");
	else if (!r->has_header)
		err = take_header(r, json_object_get(doc, "faultline_record"));
	else if ((member = json_object_get(doc, "policy_window")))
		err = take_window(r, member);
	else if ((member = json_object_get(doc, "policy_limits")))
		err = take_limits(r, member);
	else if ((member = json_object_get(doc, "policy_decision")))
		err = take_decision(r, member);
	json_decref(doc);
	return err;
}

int policy_trace_read(FILE *in, const char *phase, struct policy_sim *sim,
		      struct policy_trace *trace, char *why, size_t why_size)
{
	struct reader r = {.sim = sim, .trace = trace, .why = why, .why_size = why_size};
	char *text = NULL;
	size_t room = 0;
	ssize_t len;
	int err = 0;

	snprintf(r.phase, sizeof(r.phase), "%s", phase);
	trace->has_limits = false;
	/* a last line that a crash has cut off is no error */
	while (!err && (len = getline(&text, &room, in)) > 0 && text[len - 1] == '\n') {
		r.line++;
		err = take_line(&r, text, len);
	}
	free(text);
	if (!err && ferror(in))
		err = bad(&r, -EIO, "cannot be read");
	if (!err && !r.windows)
		err = bad(&r, -ENODATA,
			  "no window of the policy is in it; record on a kernel with vm.spf_*");
	/* no settle(): the end may have come between a window and its decision */
	return err;
}
