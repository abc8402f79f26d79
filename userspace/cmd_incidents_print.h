/* SPDX-License-Identifier: GPL-2.0 */
/* Incident records for people. Only for cmd_incidents*.c. */
#ifndef FAULTLINE_CMD_INCIDENTS_PRINT_H
#define FAULTLINE_CMD_INCIDENTS_PRINT_H

#include <jansson.h>

#include "cli.h"
#include "snapshot.h"

void cmd_incidents_print_header(FILE *out);
void cmd_incidents_print_row(FILE *out, const json_t *incident);
/*
 * All that a record tells, from the record alone: whose, where, explained, waits,
 * holders, stacks, losses. 0 or -errno.
 */
int cmd_incidents_print(FILE *out, const json_t *record, const struct snapshot *snap,
			const struct render_opts *opts);

#endif
