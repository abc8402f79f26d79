/* SPDX-License-Identifier: GPL-2.0 */
/* The verbs of faultline, one file a topic; each returns an exit code. */
#ifndef FAULTLINE_CMD_H
#define FAULTLINE_CMD_H

#include "cli.h"

int cmd_doctor(struct cli *cli);
int cmd_status(struct cli *cli);
int cmd_top(struct cli *cli);
int cmd_report(struct cli *cli);
int cmd_watch(struct cli *cli);
int cmd_record(struct cli *cli);
int cmd_show(struct cli *cli);
int cmd_stacks(struct cli *cli);
int cmd_explain(struct cli *cli);
int cmd_incidents(struct cli *cli);
int cmd_config(struct cli *cli);
int cmd_check(struct cli *cli);
int cmd_policy(struct cli *cli);
int cmd_simulate(struct cli *cli); /* policy simulate: args[1] on are traces */
int cmd_metrics(struct cli *cli);

#endif
