// SPDX-License-Identifier: GPL-2.0
/*
 * meter: a measurement with settings that no verb has, for the tests of what
 * is lost: maps and rings too small for what comes.
 *
 *	meter PID [NAME=VALUE]...	NAME: a number of struct session_opts
 *
 * Prints "ready" when it measures, and the snapshot as JSON when a line, or
 * the end, comes on stdin. With slow=1 it does not empty the ring meanwhile.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

static bool slow;

static int set(struct session_opts *opts, const char *text)
{
	uint64_t value;
	char name[32];

	if (sscanf(text, "%31[a-z_]=%" SCNu64, name, &value) != 2)
		return -EINVAL;
	if (!strcmp(name, "slow"))
		slow = value;
	else if (!strcmp(name, "min_wait_ns"))
		opts->min_wait_ns = value;
	else if (!strcmp(name, "event_min_ns"))
		opts->event_min_ns = value;
	else if (!strcmp(name, "stack_min_ns"))
		opts->stack_min_ns = value;
	else if (!strcmp(name, "max_waiters"))
		opts->max_waiters = value;
	else if (!strcmp(name, "max_procs"))
		opts->max_procs = value;
	else if (!strcmp(name, "max_blames"))
		opts->max_blames = value;
	else if (!strcmp(name, "max_stacks"))
		opts->max_stacks = value;
	else if (!strcmp(name, "ring_bytes"))
		opts->ring_bytes = value;
	else
		return -EINVAL;
	return 0;
}

/* All of it. */
static int drain(struct session *session)
{
	int err;

	do
		err = session_drain(session);
	while (err > 0);
	return err;
}

/* Until there is something on stdin. */
static int measure(struct session *session)
{
	struct pollfd fds[2] = {{.fd = 0, .events = POLLIN},
				{.fd = slow ? -1 : session_fd(session), .events = POLLIN}};
	int err;

	for (;;) {
		if (poll(fds, 2, 250) < 0 && errno != EINTR)
			return -errno;
		if (fds[0].revents)
			return slow ? 0 : drain(session);
		if (slow)
			continue;
		err = drain(session);
		if (!err)
			err = session_poll(session);
		if (err)
			return err;
	}
}

static int print(struct session *session)
{
	struct snapshot *snap = NULL;
	int err = session_snapshot(session, false, &snap);
	json_t *doc;

	if (err)
		return err;
	doc = snapshot_to_json(snap);
	snapshot_free(snap);
	if (!doc || json_dumpf(doc, stdout, JSON_COMPACT))
		err = -ENOMEM;
	json_decref(doc);
	putchar('\n');
	return err;
}

int main(int argc, char **argv)
{
	struct session *session = NULL;
	struct session_opts opts;
	char *why = NULL;
	uint32_t pid;
	int err = -EINVAL;

	session_default_opts(&opts);
	if (argc < 2)
		goto out;
	pid = strtoul(argv[1], NULL, 10);
	opts.pids = &pid;
	opts.n_pids = 1;
	for (int i = 2; i < argc; i++) {
		err = set(&opts, argv[i]);
		if (err)
			goto out;
	}
	err = session_open(&opts, &session, &why);
	if (err)
		goto out;
	puts("ready");
	fflush(stdout);
	err = measure(session);
	if (!err)
		err = print(session);
out:
	if (err)
		fprintf(stderr, "meter: %s\n", why ? why : strerror(-err));
	free(why);
	session_close(session);
	return err != 0;
}
