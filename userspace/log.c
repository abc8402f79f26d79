// SPDX-License-Identifier: GPL-2.0
/*
 * How does an operator learn what is wrong without a flood of lines? Each line
 * goes to stderr at once; a problem with a key is told at powers of ten only.
 * It does not talk to syslog: the service manager reads stderr.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

/* JOURNAL_STREAM is "device:inode" of the stream that the journal reads. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (!stream || sscanf(stream, "%llu:%llu", &dev, &ino) != 2)
		return false;
	return !fstat(STDERR_FILENO, &st) && st.st_dev == dev && st.st_ino == ino;
}

void log_init(struct log *log)
{
	memset(log, 0, sizeof(*log));
	log->out = stderr;
	log->level = LOG_INFO;
	log->journal = stderr_is_journal();
}

int log_level_from_name(const char *name, int *ret_level)
{
	static const struct {
		const char *name;
		int level;
	} levels[] = {{"err", LOG_ERR},
		      {"warning", LOG_WARNING},
		      {"info", LOG_INFO},
		      {"debug", LOG_DEBUG}};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(name, levels[i].name))
			continue;
		*ret_level = levels[i].level;
		return 0;
	}
	return -EINVAL;
}

static void say(struct log *log, int priority, uint64_t times, const char *format, va_list ap)
{
	char line[1024];

	if (priority > log->level)
		return;
	vsnprintf(line, sizeof(line), format, ap);
	/* one fact, one line: a name with a newline in it must not forge another */
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	if (log->journal)
		fprintf(log->out, "<%d>", priority);
	if (times > 1)
		fprintf(log->out, "%s (%" PRIu64 " times by now)\n", line, times);
	else
		fprintf(log->out, "%s\n", line);
	fflush(log->out);
}

void log_say(struct log *log, int priority, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(log, priority, 0, format, ap);
	va_end(ap);
}

static struct log_problem *find(struct log *log, const char *key)
{
	for (size_t i = 0; i < LOG_MAX_PROBLEMS; i++)
		if (!strncmp(log->problems[i].key, key, sizeof(log->problems[i].key) - 1))
			return &log->problems[i];
	return NULL;
}

static bool is_power_of_ten(uint64_t n)
{
	while (n && n % 10 == 0)
		n /= 10;
	return n == 1;
}

void log_problem(struct log *log, const char *key, const char *format, ...)
{
	struct log_problem *problem = find(log, key);
	va_list ap;

	if (!problem) {
		problem = find(log, "");
		if (!problem) {
			log->overflow++;
			return;
		}
		snprintf(problem->key, sizeof(problem->key), "%s", key);
	}
	if (!is_power_of_ten(++problem->count))
		return;
	problem->said++;
	va_start(ap, format);
	say(log, LOG_WARNING, problem->count, format, ap);
	va_end(ap);
}

void log_solved(struct log *log, const char *key)
{
	struct log_problem *problem = find(log, key);

	if (!problem)
		return;
	log_say(log, LOG_INFO, "%s: works again (the problem was seen %" PRIu64 " times)", key,
		problem->count);
	memset(problem, 0, sizeof(*problem));
}

uint64_t log_count(const struct log *log, const char *key)
{
	const struct log_problem *problem = find((struct log *)log, key);

	return problem ? problem->count : 0;
}
