/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the daemon says on stderr: one line a fact, with a "<N>" priority when
 * the journal reads it. A problem that repeats is said once and then counted.
 */
#ifndef FAULTLINE_LOG_H
#define FAULTLINE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <syslog.h>

#define LOG_MAX_PROBLEMS 64

struct log_problem {
	char key[48]; /* "" : free */
	uint64_t count; /* times seen */
	uint64_t said; /* of these, told in a line */
};

struct log {
	FILE *out;
	int level; /* LOG_ERR .. LOG_DEBUG: the least urgent that is said */
	bool journal; /* prefix lines with "<N>" */
	struct log_problem problems[LOG_MAX_PROBLEMS];
	uint64_t overflow; /* distinct problems that found no room, not said */
};

/* Level info, to stderr; journal when JOURNAL_STREAM names this very stderr. */
void log_init(struct log *log);
/* "err", "warning", "info" or "debug"; -EINVAL for another name. */
int log_level_from_name(const char *name, int *ret_level);
void log_say(struct log *log, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * A problem named by key: said at its first, 10th, 100th, ... time (with the
 * count), and silently counted in between.
 */
void log_problem(struct log *log, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* It works again: says so with the count, if the problem was seen. */
void log_solved(struct log *log, const char *key);
/* Times that the problem was seen since it was last solved. */
uint64_t log_count(const struct log *log, const char *key);

#endif
