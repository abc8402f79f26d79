// SPDX-License-Identifier: GPL-2.0
/* Metrics over HTTP: what is served, to whom, and textfiles that are whole. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http.h"

#define DEADLINE_MS 5000
#define TEXT_LEN    300000

struct server {
	char dir[64];
	char path[96];
	pid_t pid;
};

static int text_of(void *arg, char **ret_text, size_t *ret_len)
{
	char *text = malloc(TEXT_LEN);

	(void)arg;
	memset(text, 'm', TEXT_LEN);
	memcpy(text + TEXT_LEN - 6, "# EOF\n", 6);
	*ret_text = text;
	*ret_len = TEXT_LEN;
	return 0;
}

static void on_tick(void *arg)
{
	http_tick(arg);
}

static pid_t spawn(const char *path)
{
	char listen_on[128], c, *why;
	struct loop *loop;
	struct http *http;
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		snprintf(listen_on, sizeof(listen_on), "unix:%s", path);
		if (loop_new(&loop) || http_open(loop, listen_on, text_of, NULL, &http, &why))
			_exit(2);
		loop_timer(loop, 50000000, 50000000, on_tick, http, NULL);
		if (write(fds[1], "r", 1) != 1)
			_exit(3);
		loop_run(loop);
		_exit(4);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	close(fds[0]);
	return pid;
}

static int setup(void **state)
{
	struct server *s = calloc(1, sizeof(*s));

	strcpy(s->dir, "/tmp/faultline-http-XXXXXX");
	if (!mkdtemp(s->dir))
		return -1;
	snprintf(s->path, sizeof(s->path), "%s/m.sock", s->dir);
	s->pid = spawn(s->path);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct server *s = *state;
	char command[128];
	int err;

	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf %s", s->dir);
	err = system(command);
	free(s);
	return err;
}

static int connect_to(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* The whole answer to one request; "" when the connection is closed or nothing comes. */
static char *ask(const char *path, const char *request, size_t *ret_len)
{
	struct pollfd pfd = {.fd = connect_to(path), .events = POLLIN};
	char *text = calloc(1, TEXT_LEN + 4096);
	size_t len = 0;
	ssize_t n;

	send(pfd.fd, request, strlen(request), MSG_NOSIGNAL);
	while (len < TEXT_LEN + 4095 && poll(&pfd, 1, DEADLINE_MS) == 1 &&
	       (n = recv(pfd.fd, text + len, TEXT_LEN + 4095 - len, 0)) > 0)
		len += n;
	close(pfd.fd);
	if (ret_len)
		*ret_len = len;
	return text;
}

static void expect(const char *path, const char *request, const char *part)
{
	char *answer = ask(path, request, NULL);

	if (!strstr(answer, part))
		fail_msg("%s -> %.200s", request, answer);
	free(answer);
}

static void test_requests(void **state)
{
	struct server *s = *state;
	char *answer;
	size_t len;

	answer =
		ask(s->path, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &len);
	assert_non_null(strstr(answer, "200 OK"));
	assert_non_null(strstr(answer, "application/openmetrics-text; version=1.0.0"));
	assert_memory_equal(answer + len - 6, "# EOF\n", 6);
	assert_true(len > TEXT_LEN);
	free(answer);
	expect(s->path, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", " 404 ");
	expect(s->path, "GET /../etc/passwd HTTP/1.0\r\n\r\n", " 404 ");
	expect(s->path,
	       "POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\n"
	       "hello",
	       " 405 ");
	free(ask(s->path, "nonsense\r\n\r\n", NULL)); /* and it serves the next one */
	expect(s->path, "HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", " 200 ");
}

static void test_many_connections(void **state)
{
	struct server *s = *state;
	int fds[HTTP_MAX_CONNECTIONS];

	/* as many as there may be, and none of them asks */
	for (int i = 0; i < HTTP_MAX_CONNECTIONS; i++)
		fds[i] = connect_to(s->path);
	close(fds[3]);
	expect(s->path, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200 OK");
	for (int i = 0; i < HTTP_MAX_CONNECTIONS; i++)
		if (i != 3)
			close(fds[i]);
	expect(s->path, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200 OK");
}

static int open_here(const char *listen_on, char **why)
{
	struct http *http = NULL;
	struct loop *loop;
	int err;

	assert_int_equal(loop_new(&loop), 0);
	err = http_open(loop, listen_on, text_of, NULL, &http, why);
	http_close(http);
	loop_free(loop);
	return err;
}

static void test_addresses(void **state)
{
	static const char *const refused[] = {"0.0.0.0:9946",
					      "[::]:9946",
					      "10.0.0.1:80",
					      ":9946",
					      "9946",
					      "localhost:9946",
					      "unix:relative",
					      "127.0.0.1:",
					      "127.0.0.1:x",
					      "127.0.0.1:70000",
					      ""};
	struct server *s = *state;
	char listen_on[128], *why;
	FILE *f;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(open_here(refused[i], &why), -EINVAL);
		assert_non_null(strstr(why, "only unix:/path, 127.0.0.1:PORT and [::1]:PORT"));
		free(why);
	}
	assert_int_equal(open_here("127.0.0.1:0", &why), 0); /* any free port */
	snprintf(listen_on, sizeof(listen_on), "unix:%s", s->path);
	assert_int_equal(open_here(listen_on, &why), -EADDRINUSE); /* it is served */
	free(why);
	snprintf(listen_on, sizeof(listen_on), "unix:%s/file", s->dir);
	f = fopen(listen_on + 5, "w");
	fclose(f);
	assert_int_equal(open_here(listen_on, &why), -EEXIST);
	free(why);
	assert_int_equal(access(listen_on + 5, F_OK), 0);
}

static void test_left_over_socket(void **state)
{
	struct server *s = *state;

	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	assert_int_equal(access(s->path, F_OK), 0);
	s->pid = spawn(s->path);
	expect(s->path, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200 OK");
}

static void test_textfile(void **state)
{
	struct server *s = *state;
	struct rlimit limit, small;
	char path[128], buf[64] = "";
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/f.prom", s->dir);
	umask(077);
	assert_int_equal(http_write_textfile(path, "one\n", 4), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	/* a write that fails in the middle leaves the old one and nothing else */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = (struct rlimit){.rlim_cur = 6, .rlim_max = limit.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(http_write_textfile(path, "two two two\n", 12), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, buf, sizeof(buf) - 1), 4);
	close(fd);
	assert_string_equal(buf, "one\n");
	snprintf(path, sizeof(path), "%s/f.prom.%d.tmp", s->dir, getpid());
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(http_write_textfile("/no/such/folder/f.prom", "x", 1), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_connections, setup, teardown),
		cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_left_over_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(test_textfile, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
