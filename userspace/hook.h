/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program of the operator's that the daemon runs for what it has stored: one
 * at a time, the others wait in a queue with an end, and whoever finds no room
 * there is counted and said. Nothing here waits for the program: its end and
 * its time limit are events of the loop.
 */
#ifndef FAULTLINE_HOOK_H
#define FAULTLINE_HOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "hook_env.h"
#include "log.h"
#include "loop.h"

#define HOOK_QUEUE  16 /* runs that wait for their turn */
#define HOOK_ID_LEN 64

struct hook;

/* The loop and the log outlive it. 0 or -errno. */
int hook_new(struct loop *loop, struct log *log, struct hook **ret_hook);
void hook_free(struct hook *hook); /* NULL-safe; kills what runs, drops what waits */

/*
 * From the next run on. path "": off, and what waits is dropped. It is run without
 * arguments and without a shell. 0 or -ENOMEM, with the old one kept.
 */
int hook_set(struct hook *hook, const char *path, uint64_t timeout_ns);
bool hook_on(const struct hook *hook);

/*
 * Run it with this environment and no other, now or when its turn comes; id is what
 * it is run for, as messages name it. Takes env, also when there is no room for it.
 * Only while it is on.
 */
void hook_run(struct hook *hook, const char *id, struct hook_env *env);

struct hook_stats {
	uint64_t run; /* started and ended */
	uint64_t failed; /* of these: status not 0, killed, out of time; and not startable */
	uint64_t timeouts; /* of the failed */
	uint64_t skipped; /* the queue was full */
	uint32_t queued;
	bool running;
};
void hook_stats(const struct hook *hook, struct hook_stats *ret_stats);

#endif
