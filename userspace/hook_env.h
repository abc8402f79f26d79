/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an incident hook is told: its whole environment. faultlined(8) documents
 * each variable. Reads nothing but its arguments and the name of the host.
 */
#ifndef FAULTLINE_HOOK_ENV_H
#define FAULTLINE_HOOK_ENV_H

#include "incident.h"
#include "verdict.h"

struct hook_env;

/*
 * Of the record in file. Names that processes chose become one word that no shell
 * takes for anything else, see text_word_dup(). NULL when out of memory.
 */
struct hook_env *hook_env_new(const char *file, const struct incident *incident,
			      const struct verdict *verdict);
void hook_env_free(struct hook_env *env); /* NULL-safe */
char **hook_env_strings(const struct hook_env *env); /* "NAME=value", NULL at the end */

#endif
