/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The daemon's end of faultline-knob: starts it, or connects to one that a service
 * manager starts; asks one thing after the other, and never waits for an answer:
 * it comes from the event loop.
 */
#ifndef FAULTLINE_KNOB_CLIENT_H
#define FAULTLINE_KNOB_CLIENT_H

#include <sys/types.h>

#include "knob_wire.h"
#include "loop.h"

struct knob_client;

/*
 * Each answer, the first one (KNOB_HELLO) unasked. NULL: the process is gone, and
 * nothing more will come.
 */
typedef void (*knob_client_fn)(void *arg, const struct knob_reply *reply);

struct knob_client_opts {
	const char *socket; /* "": start program; else connect to this, a SOCK_SEQPACKET */
	const char *program; /* NULL: faultline-knob beside this program */
	char *const *args; /* from argv[1] on, ended by NULL */
	struct loop *loop;
	knob_client_fn fn;
	void *arg;
};

int knob_client_open(const struct knob_client_opts *opts, struct knob_client **ret_client);
/*
 * -EAGAIN: too much is asked already; -EPIPE: the process is gone.
 */
int knob_client_ask(struct knob_client *client, enum knob_op op, enum policy_knob which,
		    uint32_t old, uint32_t new, const char *id);
bool knob_client_busy(const struct knob_client *client);
/* Closes the socket; waits timeout_ms at most for the process to do its last. NULL-safe. */
void knob_client_close(struct knob_client *client, int timeout_ms);

#endif
