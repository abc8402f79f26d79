// SPDX-License-Identifier: GPL-2.0
/*
 * Which waits does the daemon see right now? One JSON object a line, cut out
 * of a byte stream; nothing is assumed about where a read ends. Lines have a
 * bound, so that a wrong peer cannot make this process grow.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "stream.h"

#define MAX_LINE (1 << 20)

struct stream {
	int fd;
	char *buf;
	size_t len;
	size_t size;
	uint64_t lost;
	bool accepted; /* the daemon's {"ok":true} was seen */
};

int stream_open(int fd, uint64_t min_wait_ns, struct stream **ret_stream)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	char request[CONTROL_MAX_REQUEST];
	int len;

	if (!stream) {
		close(fd);
		return -ENOMEM;
	}
	stream->fd = fd;
	len = snprintf(request, sizeof(request), "{\"cmd\":\"watch\",\"min_wait_ns\":%llu}\n",
		       (unsigned long long)min_wait_ns);
	if (send(fd, request, len, MSG_NOSIGNAL) != len) {
		stream_close(stream);
		return -EPIPE;
	}
	*ret_stream = stream;
	return 0;
}

void stream_close(struct stream *stream)
{
	if (!stream)
		return;
	close(stream->fd);
	free(stream->buf);
	free(stream);
}

int stream_fd(const struct stream *stream)
{
	return stream->fd;
}

uint64_t stream_lost(const struct stream *stream)
{
	return stream->lost;
}

static int take_wait(const json_t *object, session_wait_fn fn, void *arg)
{
	const json_t *doc = json_object_get(object, "wait");
	struct snapshot *snap = NULL;
	const char *where;
	int err = snapshot_from_json(doc, &snap, &where);

	if (!err && snap->n_waits)
		fn(arg, snap);
	snapshot_free(snap);
	return err;
}

static int take_line(struct stream *stream, const char *line, size_t len, session_wait_fn fn,
		     void *arg)
{
	json_t *object = json_loadb(line, len, 0, NULL);
	json_t *lost = json_object_get(object, "lost");
	int err = 0;

	if (!json_is_object(object))
		err = -EPROTO;
	else if (!stream->accepted)
		err = json_is_true(json_object_get(object, "ok")) ? 0 : -EPROTO;
	else if (json_is_integer(lost))
		stream->lost += (uint64_t)json_integer_value(lost);
	else
		err = take_wait(object, fn, arg);
	stream->accepted = true;
	json_decref(object);
	return err;
}

static int take_lines(struct stream *stream, session_wait_fn fn, void *arg)
{
	size_t start = 0;
	int err = 0;

	while (!err) {
		char *end = memchr(stream->buf + start, '\n', stream->len - start);

		if (!end)
			break;
		err = take_line(stream, stream->buf + start, end - stream->buf - start, fn, arg);
		start = end - stream->buf + 1;
	}
	memmove(stream->buf, stream->buf + start, stream->len - start);
	stream->len -= start;
	return err;
}

static int make_room(struct stream *stream)
{
	size_t size = stream->size ? 2 * stream->size : 16384;
	char *buf;

	if (stream->len < stream->size)
		return 0;
	if (size > MAX_LINE)
		return -EPROTO;
	buf = realloc(stream->buf, size);
	if (!buf)
		return -ENOMEM;
	stream->buf = buf;
	stream->size = size;
	return 0;
}

int stream_read(struct stream *stream, session_wait_fn fn, void *arg)
{
	for (;;) {
		int err = make_room(stream);
		ssize_t n;

		if (err)
			return err;
		n = recv(stream->fd, stream->buf + stream->len, stream->size - stream->len,
			 MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0)
			return -EPIPE;
		stream->len += n;
		err = take_lines(stream, fn, arg);
		if (err)
			return err;
	}
}
