// SPDX-License-Identifier: GPL-2.0
/*
 * What is asked for, and is it a request at all? The asking side is trusted with
 * the choice of a value within the limits, and with nothing else.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "knob_wire.h"

static const char id_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

bool knob_wire_valid(const void *message, size_t len)
{
	struct knob_request request;
	size_t id_len;

	if (len != sizeof(request))
		return false;
	memcpy(&request, message, sizeof(request));
	if (request.magic != KNOB_WIRE_MAGIC || request.op >= KNOB_HELLO ||
	    request.which >= POLICY_NR_KNOBS)
		return false;
	id_len = strnlen(request.id, sizeof(request.id));
	return id_len < sizeof(request.id) && strspn(request.id, id_chars) == id_len &&
	       (id_len > 0) == (request.op == KNOB_SET);
}

static int carry_out(struct knob *knob, const struct knob_request *request, uint64_t now_ns,
		     char why[KNOB_WHY])
{
	switch (request->op) {
	case KNOB_SET:
		return knob_set(knob, request->which, request->old, request->new, request->id,
				now_ns, why);
	case KNOB_RESTORE:
		return knob_restore(knob, request->which, now_ns, why);
	case KNOB_PAUSE:
		return knob_pause(knob, request->which, "paused by hand", why);
	case KNOB_RESUME:
		return knob_resume(knob, request->which, why);
	default:
		return knob_check(knob, request->which, why);
	}
}

static void put_records(const struct knob *knob, struct knob_reply *reply)
{
	for (int k = 0; k < POLICY_NR_KNOBS; k++)
		reply->records[k] = *knob_record(knob, k);
}

void knob_wire_answer(struct knob *knob, const struct knob_request *request, uint64_t now_ns,
		      struct knob_reply *ret_reply)
{
	memset(ret_reply, 0, sizeof(*ret_reply));
	ret_reply->magic = KNOB_WIRE_MAGIC;
	ret_reply->op = request->op;
	ret_reply->which = request->which;
	ret_reply->pid = getpid();
	ret_reply->err = carry_out(knob, request, now_ns, ret_reply->why);
	put_records(knob, ret_reply);
}

static uint64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

int knob_wire_serve(struct knob *knob, int fd)
{
	struct knob_reply reply = {.magic = KNOB_WIRE_MAGIC, .op = KNOB_HELLO, .pid = getpid()};
	struct knob_request request;
	ssize_t n;

	put_records(knob, &reply);
	for (;;) {
		if (send(fd, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
			return errno == EPIPE ? 0 : -errno;
		n = recv(fd, &request, sizeof(request), MSG_TRUNC);
		if (n <= 0)
			return n && errno != ECONNRESET ? -errno : 0;
		if (!knob_wire_valid(&request, n))
			return -EPROTO;
		knob_wire_answer(knob, &request, monotonic_ns(), &reply);
	}
}
