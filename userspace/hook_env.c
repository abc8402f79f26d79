// SPDX-License-Identifier: GPL-2.0
/*
 * What does an operator's script need to know to decide whom to wake, without
 * reading JSON? The rest is in the record, which it is given the name of.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "container.h"
#include "hook_env.h"
#include "text.h"

#define MAX_VARS 32

struct hook_env {
	char *vars[MAX_VARS + 1];
	size_t n;
	bool failed;
};

static void add(struct hook_env *env, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void add(struct hook_env *env, const char *name, const char *format, ...)
{
	char *value = NULL, *var = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&value, format, args) < 0)
		value = NULL;
	va_end(args);
	if (!value || env->n == MAX_VARS || asprintf(&var, "%s=%s", name, value) < 0)
		env->failed = true;
	else
		env->vars[env->n++] = var;
	free(value);
}

/* Text of unknown origin. */
static void add_word(struct hook_env *env, const char *name, const char *clean)
{
	char *word = text_word_dup(clean ? clean : "");

	if (word)
		add(env, name, "%s", word);
	else
		env->failed = true;
	free(word);
}

static void add_holder(struct hook_env *env, const struct verdict *v)
{
	const struct verdict_holder *top = v->n_holders ? &v->holders[0] : NULL;

	add(env, "FAULTLINE_INCIDENT_CAUSE", "%s",
	    cause_name(top ? top->task->cause : CAUSE_UNKNOWN));
	add(env, "FAULTLINE_INCIDENT_CONFIDENCE", "%s",
	    snapshot_conf_name(top ? top->conf : FL_CONF_NONE));
	add(env, "FAULTLINE_INCIDENT_HOLDER_PID", "%" PRIu32, top ? top->task->tgid : 0);
	add_word(env, "FAULTLINE_INCIDENT_HOLDER_COMM", top ? top->task->comm : NULL);
	add(env, "FAULTLINE_INCIDENT_ADVICE", "%s", v->advice ? v->advice->id : "");
}

static void add_time(struct hook_env *env, uint64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / 1000000000);
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	add(env, "FAULTLINE_INCIDENT_TIME", "%s", text);
}

struct hook_env *hook_env_new(const char *file, const struct incident *in, const struct verdict *v)
{
	struct hook_env *env = calloc(1, sizeof(*env));
	char host[65] = "", name[CONTAINER_NAME_LEN];

	if (!env)
		return NULL;
	gethostname(host, sizeof(host) - 1);
	add(env, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	add(env, "FAULTLINE_INCIDENT_FILE", "%s", file);
	add(env, "FAULTLINE_INCIDENT_ID", "%s", in->id);
	add(env, "FAULTLINE_INCIDENT_KIND", "%s", incident_kind_name(in->kind));
	add(env, "FAULTLINE_INCIDENT_FINISHED", "%s", in->finished ? "yes" : "no");
	add_time(env, in->time_unix_ns);
	add_word(env, "FAULTLINE_INCIDENT_HOST", host);
	add(env, "FAULTLINE_INCIDENT_PID", "%" PRIu32, in->tgid);
	add_word(env, "FAULTLINE_INCIDENT_COMM", in->comm);
	add_word(env, "FAULTLINE_INCIDENT_CGROUP", in->cgroup ? in->cgroup : v->cgroup);
	container_name(in->cgroup ? in->cgroup : v->cgroup, name, sizeof(name));
	add_word(env, "FAULTLINE_INCIDENT_CONTAINER", name);
	add(env, "FAULTLINE_INCIDENT_WAIT_NS", "%" PRIu64, in->wait_ns ? in->wait_ns : v->max_ns);
	add(env, "FAULTLINE_INCIDENT_RATIO_PCT", "%" PRIu64, in->ratio_millipct / 1000);
	add_holder(env, v);
	if (env->failed) {
		hook_env_free(env);
		return NULL;
	}
	return env;
}

void hook_env_free(struct hook_env *env)
{
	if (!env)
		return;
	for (size_t i = 0; i < env->n; i++)
		free(env->vars[i]);
	free(env);
}

char **hook_env_strings(const struct hook_env *env)
{
	return (char **)env->vars;
}
