// SPDX-License-Identifier: GPL-2.0
/*
 * Who scrapes? libmicrohttpd without a thread of its own: its epoll descriptor is
 * a source of the event loop, the sockets are made here, so that none can be
 * opened but a unix socket or loopback. No TLS, no other path, no POST.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "http.h"
#include "http_lib.h"

struct http {
	struct http_lib lib;
	struct MHD_Daemon *mhd;
	struct loop_source *source;
	char *unix_path; /* to be removed at the end */
	http_text_fn text;
	void *arg;
	uint64_t requests;
};

static int fail(char **ret_why, int err, const char *listen, const char *what)
{
	if (asprintf(ret_why, "[metrics] Listen=%s: %s", listen, what) < 0)
		*ret_why = NULL;
	return err;
}

static bool parse_port(const char *text, uint16_t *ret_port)
{
	char *end;
	long port;

	if (*text < '0' || *text > '9')
		return false;
	port = strtol(text, &end, 10);
	if (*end || port < 0 || port > 65535)
		return false;
	*ret_port = htons(port);
	return true;
}

union address {
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* Length of the address, 0 for one that is not served. */
static socklen_t parse_listen(const char *listen, union address *addr)
{
	memset(addr, 0, sizeof(*addr));
	if (!strncmp(listen, "unix:/", 6)) {
		addr->un.sun_family = AF_UNIX;
		if (strlen(listen + 5) >= sizeof(addr->un.sun_path))
			return 0;
		strcpy(addr->un.sun_path, listen + 5);
		return sizeof(addr->un);
	}
	if (!strncmp(listen, "127.0.0.1:", 10)) {
		addr->in.sin_family = AF_INET;
		addr->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return parse_port(listen + 10, &addr->in.sin_port) ? sizeof(addr->in) : 0;
	}
	if (!strncmp(listen, "[::1]:", 6)) {
		addr->in6.sin6_family = AF_INET6;
		addr->in6.sin6_addr = in6addr_loopback;
		return parse_port(listen + 6, &addr->in6.sin6_port) ? sizeof(addr->in6) : 0;
	}
	return 0;
}

/* Somebody's file of that name stays, and so does a socket that is served. */
static int clear_unix(const union address *addr)
{
	struct stat st;
	int fd, err;

	if (lstat(addr->un.sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = connect(fd, &addr->any, sizeof(addr->un)) ? -errno : -EADDRINUSE;
	close(fd);
	if (err != -ECONNREFUSED)
		return err;
	return unlink(addr->un.sun_path) ? -errno : 0;
}

static int open_socket(const union address *addr, socklen_t len, int *ret_fd)
{
	int one = 1, fd, err = 0;
	bool is_unix = addr->any.sa_family == AF_UNIX;
	mode_t mask;

	if (is_unix)
		err = clear_unix(addr);
	if (err)
		return err;
	fd = socket(addr->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (!is_unix)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	mask = umask(0117); /* a unix socket is for root and, after chgrp, for a group */
	if (bind(fd, &addr->any, len) || listen(fd, 16))
		err = -errno;
	umask(mask);
	if (err) {
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

static enum MHD_Result respond(const struct http_lib *lib, struct MHD_Connection *conn,
			       unsigned int status, const char *type, char *text, size_t len,
			       enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response = lib->create_response(len, text, mode);
	enum MHD_Result result;

	if (!response) {
		if (mode == MHD_RESPMEM_MUST_FREE)
			free(text);
		return MHD_NO;
	}
	lib->add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		lib->add_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = lib->queue_response(conn, status, response);
	lib->destroy_response(response);
	return result;
}

static enum MHD_Result respond_line(const struct http_lib *lib, struct MHD_Connection *conn,
				    unsigned int status, const char *line)
{
	return respond(lib, conn, status, "text/plain; charset=utf-8", (char *)line, strlen(line),
		       MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *conn, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **state)
{
	struct http *http = arg;
	char *text;
	size_t len;

	(void)version;
	(void)upload;
	if (!*state) { /* headers only: the answer comes with the second call */
		*state = http; /* any mark will do */
		return MHD_YES;
	}
	if (*upload_size) {
		*upload_size = 0; /* a body is read and thrown away */
		return MHD_YES;
	}
	http->requests++;
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return respond_line(&http->lib, conn, MHD_HTTP_METHOD_NOT_ALLOWED,
				    "only GET is served\n");
	if (strcmp(url, "/metrics"))
		return respond_line(&http->lib, conn, MHD_HTTP_NOT_FOUND,
				    "only /metrics is served\n");
	if (http->text(http->arg, &text, &len))
		return respond_line(&http->lib, conn, MHD_HTTP_SERVICE_UNAVAILABLE,
				    "no metrics at the moment\n");
	return respond(&http->lib, conn, MHD_HTTP_OK,
		       "application/openmetrics-text; version=1.0.0; charset=utf-8", text, len,
		       MHD_RESPMEM_MUST_FREE);
}

static void on_ready(void *arg, uint32_t events)
{
	(void)events;
	http_tick(arg);
}

void http_tick(struct http *http)
{
	http->lib.run(http->mhd);
}

static int start(struct http *http, struct loop *loop, int fd)
{
	const union MHD_DaemonInfo *info;

	http->mhd = http->lib.start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, on_request, http, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, HTTP_MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
		HTTP_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)8192, MHD_OPTION_END);
	if (!http->mhd)
		return -ENOMEM;
	info = http->lib.get_daemon_info(http->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return -ENOTSUP;
	return loop_add(loop, info->epoll_fd, EPOLLIN, on_ready, http, &http->source);
}

int http_open(struct loop *loop, const char *listen_on, http_text_fn text, void *arg,
	      struct http **ret_http, char **ret_why)
{
	union address addr;
	socklen_t len = parse_listen(listen_on, &addr);
	struct http *http = NULL;
	int fd = -1, err;

	*ret_why = NULL;
	if (!len)
		return fail(ret_why, -EINVAL, listen_on,
			    "only unix:/path, 127.0.0.1:PORT and [::1]:PORT are served; "
			    "use a proxy to reach further");
	err = open_socket(&addr, len, &fd);
	if (err)
		return fail(ret_why, err, listen_on, strerror(-err));
	http = calloc(1, sizeof(*http));
	if (http) {
		http->text = text;
		http->arg = arg;
		http->unix_path = addr.any.sa_family == AF_UNIX ? strdup(listen_on + 5) : NULL;
	}
	err = http ? http_lib_open(&http->lib) : -ENOMEM;
	if (err == -ENOENT) {
		close(fd);
		http_close(http);
		return fail(ret_why, err, listen_on,
			    "libmicrohttpd.so.12 cannot be loaded; install libmicrohttpd12");
	}
	if (!err)
		err = start(http, loop, fd);
	if (err) {
		if (!http || !http->mhd)
			close(fd); /* else MHD does */
		http_close(http);
		return fail(ret_why, err, listen_on, strerror(-err));
	}
	*ret_http = http;
	return 0;
}

void http_close(struct http *http)
{
	if (!http)
		return;
	loop_remove(http->source);
	if (http->mhd)
		http->lib.stop_daemon(http->mhd);
	if (http->unix_path)
		unlink(http->unix_path);
	http_lib_close(&http->lib);
	free(http->unix_path);
	free(http);
}

uint64_t http_requests(const struct http *http)
{
	return http->requests;
}

int http_write_textfile(const char *path, const char *text, size_t len)
{
	char tmp[4096];
	int fd, err = 0;

	/* not *.prom: node_exporter must not read it before it is whole */
	if (snprintf(tmp, sizeof(tmp), "%s.%d.tmp", path, getpid()) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < len && !err;) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0 && errno != EINTR)
			err = -errno;
		done += n > 0 ? n : 0;
	}
	if (!err && fchmod(fd, 0644)) /* whatever the umask is */
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(tmp, path))
		err = -errno;
	if (err)
		unlink(tmp);
	return err;
}
