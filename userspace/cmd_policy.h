/* SPDX-License-Identifier: GPL-2.0 */
/* How the daemon's answer about its policy is printed. Only for cmd_policy*.c. */
#ifndef FAULTLINE_CMD_POLICY_H
#define FAULTLINE_CMD_POLICY_H

#include <jansson.h>
#include <stdio.h>

void cmd_policy_show(FILE *out, const json_t *reply);
void cmd_policy_plan(FILE *out, const json_t *reply);
void cmd_policy_log(FILE *out, const json_t *reply);

#endif
