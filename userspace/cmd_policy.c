// SPDX-License-Identifier: GPL-2.0
/*
 * What are the settings of speculative faults, what should they be, and what has
 * been changed? Asks the daemon, which alone decides. Exit code 4 where the kernel
 * has no such settings, 7 where something stands against what was asked for.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "cmd_policy.h"
#include "source.h"
#include "spf.h"

#define ANSWER_MS 5000
#define LOOK_MS	  20

static int exit_code(int err)
{
	switch (err) {
	case 0:
		return CLI_OK;
	case EACCES:
		return CLI_PERM;
	case EBUSY:
	case ESTALE:
	case EAGAIN:
	case ERANGE:
	case EINVAL:
	case EOPNOTSUPP:
		return CLI_POLICY;
	default:
		return CLI_ERROR;
	}
}

/* The daemon's answer; or why there is nothing to tune, in one line. */
static int ask(const struct cli *cli, json_t *request, json_t **ret_reply)
{
	const char *nothing;
	json_t *reply;
	int ret;

	if (!source_daemon_answers(cli) && access(SPF_SYSCTL "/spf_enabled", F_OK)) {
		json_decref(request);
		cli_say("policy: nothing to tune: this kernel has no speculative page faults "
			"(vm.spf_*)");
		return CLI_KERNEL;
	}
	ret = source_request(cli, request, &reply);
	if (ret)
		return ret;
	nothing = json_string_value(json_object_get(reply, "nothing"));
	if (nothing) {
		cli_say("policy: %s", nothing);
		json_decref(reply);
		return CLI_KERNEL;
	}
	*ret_reply = reply;
	return CLI_OK;
}

/* What the daemon has passed on has been answered: how? */
static int wait_for_outcome(const struct cli *cli, json_int_t ticket, const char *action)
{
	const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
	json_t *reply;
	int ret;

	for (int ms = 0; ms < ANSWER_MS; ms += LOOK_MS) {
		ret = ask(cli, json_pack("{s:s}", "cmd", "policy"), &reply);
		if (ret)
			return ret;
		if (json_integer_value(json_object_get(reply, "answered")) >= ticket) {
			int err = -(int)json_integer_value(json_object_get(reply, "outcome"));
			const char *why = json_string_value(json_object_get(reply, "outcome_why"));

			if (err)
				cli_say("policy %s: %s", action, why && *why ? why : strerror(err));
			json_decref(reply);
			return exit_code(err);
		}
		json_decref(reply);
		nanosleep(&look, NULL);
	}
	cli_say("policy %s: no answer from faultline-knob within %d s; see the daemon's log",
		action, ANSWER_MS / 1000);
	return CLI_ERROR;
}

static int act(const struct cli *cli, const char *action)
{
	const char *what = cli->n_args > 1 ? cli->args[1] : "";
	json_t *reply = NULL;
	json_int_t ticket;
	int ret, err;

	ret = ask(cli,
		  json_pack("{s:s, s:s, s:s}", "cmd", "policy_do", "action", action, "what", what),
		  &reply);
	if (ret)
		return ret;
	err = json_integer_value(json_object_get(reply, "refused"));
	ticket = json_integer_value(json_object_get(reply, "ticket"));
	if (err)
		cli_say("policy %s: %s", action,
			json_string_value(json_object_get(reply, "why")) ?: strerror(err));
	json_decref(reply);
	return err ? exit_code(err) : wait_for_outcome(cli, ticket, action);
}

static int show(const struct cli *cli, void (*print)(FILE *out, const json_t *reply),
		const char *member)
{
	json_t *reply = NULL;
	struct cli_out out;
	int ret, closed;

	ret = ask(cli, json_pack("{s:s}", "cmd", "policy"), &reply);
	if (ret)
		return ret;
	ret = cli_out_open(cli, NULL, &out);
	if (!ret) {
		const json_t *doc = member ? json_object_get(reply, member) : reply;

		if (cli->render.format == RENDER_JSON || cli->render.format == RENDER_JSONL) {
			json_dumpf(doc, out.file,
				   cli->render.format == RENDER_JSON ? JSON_INDENT(2)
								     : JSON_COMPACT);
			fputc('\n', out.file);
		} else {
			print(out.file, reply);
		}
		closed = cli_out_close(&out, true);
		ret = closed;
	}
	json_decref(reply);
	return ret;
}

static int usage(void)
{
	cli_say("policy: one of show, plan, log, apply ID, pause [SETTING], resume [SETTING], "
		"rollback [SETTING], simulate TRACE...");
	return CLI_USAGE;
}

int cmd_policy(struct cli *cli)
{
	const char *what = cli->n_args ? cli->args[0] : "show";
	int args = cli->n_args ? cli->n_args - 1 : 0;

	if (!strcmp(what, "simulate"))
		return args ? cmd_simulate(cli) : usage();
	if (!strcmp(what, "show") && !args)
		return show(cli, cmd_policy_show, NULL);
	if (!strcmp(what, "plan") && !args)
		return show(cli, cmd_policy_plan, "decision");
	if (!strcmp(what, "log") && !args)
		return show(cli, cmd_policy_log, "log");
	if (!strcmp(what, "apply") && args == 1)
		return act(cli, what);
	if ((!strcmp(what, "pause") || !strcmp(what, "resume") || !strcmp(what, "rollback")) &&
	    args <= 1)
		return act(cli, what);
	return usage();
}
