/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the daemon, which cannot write settings, asks the process that can. One
 * message each way over a SOCK_SEQPACKET pair: structs of a fixed size, since
 * both ends are of one build. What does not fit exactly is refused.
 */
#ifndef FAULTLINE_KNOB_WIRE_H
#define FAULTLINE_KNOB_WIRE_H

#include "knob.h"

#define KNOB_WIRE_MAGIC 0x666c6b31 /* "flk1" */

enum knob_op {
	KNOB_SET,
	KNOB_RESTORE,
	KNOB_CHECK,
	KNOB_PAUSE,
	KNOB_RESUME,
	KNOB_HELLO, /* the first reply, which nobody asked for; no knob of its own */
	KNOB_NR_OPS
};

struct knob_request {
	uint32_t magic;
	uint32_t op;
	uint32_t which;
	uint32_t old, new; /* of KNOB_SET */
	char id[POLICY_ID_LEN]; /* of KNOB_SET; else "" */
};

struct knob_reply {
	uint32_t magic;
	uint32_t op; /* what it answers */
	uint32_t which;
	uint32_t pid; /* of who answers */
	int32_t err; /* 0 or negative errno */
	char why[KNOB_WHY]; /* of err */
	struct knob_record records[POLICY_NR_KNOBS]; /* as they are now */
};

/* Is it a request, in all its parts? Pure. */
bool knob_wire_valid(const void *message, size_t len);
/* Carry out one request. */
void knob_wire_answer(struct knob *knob, const struct knob_request *request, uint64_t now_ns,
		      struct knob_reply *ret_reply);
/*
 * Say hello on fd and serve until the other end closes: 0, or -errno of the
 * socket. -EPROTO: what came was no request; nothing more is taken.
 */
int knob_wire_serve(struct knob *knob, int fd);

#endif
