/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Serves GET /metrics from the event loop, on a unix socket or on loopback and
 * nowhere else; and writes the same as a textfile for node_exporter.
 */
#ifndef FAULTLINE_HTTP_H
#define FAULTLINE_HTTP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "loop.h"

#define HTTP_MAX_CONNECTIONS 8
#define HTTP_TIMEOUT_S	     10

/* The text, malloc()ed, and its length; or -errno. textfile: in the older text format. */
typedef int (*http_text_fn)(void *arg, char **ret_text, size_t *ret_len);

struct http;

/*
 * listen: unix:/path, 127.0.0.1:PORT or [::1]:PORT. A left-over unix socket is
 * replaced. On error *ret_why is one line for the operator (to be freed), NULL when
 * out of memory: -EINVAL for any other address.
 */
int http_open(struct loop *loop, const char *listen, http_text_fn text, void *arg,
	      struct http **ret_http, char **ret_why);
void http_close(struct http *http); /* NULL-safe */
/* Call about once a second: connections time out by it. */
void http_tick(struct http *http);
uint64_t http_requests(const struct http *http);

/*
 * Replace the file as one: PATH.PID.tmp, then rename. Mode 0644: it holds no
 * addresses, and node_exporter runs as somebody else. 0 or -errno, the old
 * file then stays.
 */
int http_write_textfile(const char *path, const char *text, size_t len);

#endif
