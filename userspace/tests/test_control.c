// SPDX-License-Identifier: GPL-2.0
/*
 * Control socket: requests, refusals, left-over sockets, slow clients. The server
 * runs in a child process, so that it is seen to block when it does.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "control.h"

#define DEADLINE_MS 5000
#define BIG	    (1 << 20) /* a snapshot reply; more than a socket takes */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* --- the request parser */

static void expect(const char *line, int err, const char *why_part)
{
	struct control_request request = {.cmd = CONTROL_NR_CMDS};
	const char *why;
	int got = control_parse(line, strlen(line), &request, &why);

	if (got != err || (err && !strstr(why, why_part)))
		fail_msg("%s -> %d %s", line, got, got ? why : "");
	assert_true((got == 0) == (request.cmd != CONTROL_NR_CMDS)); /* untouched on failure */
}

static void test_parse(void **state)
{
	struct control_request request;
	const char *why, *line = "{\"cmd\":\"watch\",\"min_wait_ns\":1500}";
	char nested[CONTROL_MAX_REQUEST + 1];

	(void)state;
	assert_int_equal(control_parse(line, strlen(line), &request, &why), 0);
	assert_int_equal(request.cmd, CONTROL_WATCH);
	assert_int_equal(request.min_wait_ns, 1500);
	line = "{\"stacks\":true,\"cmd\":\"snapshot\"}";
	assert_int_equal(control_parse(line, strlen(line), &request, &why), 0);
	assert_true(request.stacks);
	assert_false(request.root); /* no request can claim it */
	line = "{\"cmd\":\"policy_do\",\"action\":\"rollback\",\"what\":\"ptl_spins\"}";
	assert_int_equal(control_parse(line, strlen(line), &request, &why), 0);
	assert_int_equal(request.action, CONTROL_ROLLBACK);
	assert_string_equal(request.what, "ptl_spins");
	expect("{\"cmd\":\"policy\"}", 0, "");
	expect("{\"cmd\":\"policy\",\"action\":\"apply\"}", -EINVAL, "unknown member");
	expect("{\"cmd\":\"policy_do\"}", -EINVAL, "\"action\" is missing");
	expect("{\"cmd\":\"policy_do\",\"action\":\"reset\"}", -EINVAL, "none of apply");
	expect("{\"cmd\":\"policy_do\",\"action\":\"pause\",\"root\":true}", -EINVAL,
	       "unknown member");
	expect("{\"cmd\":\"policy_do\",\"action\":\"apply\",\"what\":\""
	       "0123456789012345678901234567890123456789012345678901234567890123\"}",
	       -EINVAL, "at most 63");
	expect("{\"cmd\":\"ping\"}", 0, "");
	expect("", -EINVAL, "no JSON object");
	expect("[]", -EINVAL, "no JSON object");
	expect("{\"cmd\":\"ping\"} x", -EINVAL, "no JSON object");
	expect("{\"cmd\":\"ping\",\"cmd\":\"ping\"}", -EINVAL, "no JSON object");
	expect("{}", -EINVAL, "\"cmd\" is missing");
	expect("{\"cmd\":1}", -EINVAL, "\"cmd\" is missing");
	expect("{\"cmd\":\"pong\"}", -EINVAL, "unknown cmd");
	expect("{\"cmd\":\"ping\",\"stacks\":true}", -EINVAL, "unknown member");
	expect("{\"cmd\":\"snapshot\",\"stacks\":1}", -EINVAL, "no boolean");
	expect("{\"cmd\":\"watch\",\"min_wait_ns\":-1}", -EINVAL, "no number");
	expect("{\"cmd\":\"watch\",\"min_wait_ns\":1.5}", -EINVAL, "no number");
	memset(nested, '[', sizeof(nested));
	assert_int_equal(control_parse(nested, CONTROL_MAX_REQUEST, &request, &why), -EINVAL);
	assert_int_equal(control_parse(nested, sizeof(nested), &request, &why), -EINVAL);
	assert_string_equal(why, "the request is too long");
}

/* --- a server in a child process */

struct server {
	char dir[64];
	char path[96];
	pid_t pid;
};

struct child {
	struct loop *loop;
	struct control *control;
	struct log log;
};

static json_t *handle(void *arg, const struct control_request *request, int *ret_err)
{
	struct child *child = arg;
	struct control_stats s;
	char *text;
	json_t *reply;

	*ret_err = 0;
	if (request->cmd == CONTROL_METRICS) {
		*ret_err = -EIO;
		return NULL;
	}
	if (request->cmd == CONTROL_SNAPSHOT) {
		text = malloc(BIG);
		memset(text, 'x', BIG);
		reply = json_pack("{s:s%}", "snapshot", text, (size_t)BIG);
		free(text);
		return reply;
	}
	control_stats(child->control, &s);
	return json_pack("{s:i, s:I, s:I, s:I, s:I}", "pid", getpid(), "clients",
			 (json_int_t)s.clients, "lost", (json_int_t)s.lost, "dropped",
			 (json_int_t)s.dropped, "pending", (json_int_t)s.pending);
}

static void on_publish(void *arg)
{
	struct child *child = arg;
	json_t *object;

	if (!control_wanted(child->control, 5000))
		return;
	object = json_pack("{s:s}", "wait",
			   "0123456789012345678901234567890123456789012345678901234");
	for (int i = 0; i < 1000; i++)
		control_publish(child->control, object, 5000);
	json_decref(object);
}

static void on_tick(void *arg)
{
	struct child *child = arg;
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	/* a clock that runs: a client has stalled after 0.5 s of a test */
	control_tick(child->control,
		     ts.tv_sec * 1000000000ULL + ts.tv_nsec + CONTROL_STALL_NS - 500000000);
}

static void serve(const char *path, int ready)
{
	struct child child;
	struct control_opts opts = {
		.path = path, .max_clients = 8, .handle = handle, .arg = &child, .log = &child.log};
	char *why;

	log_init(&child.log);
	if (loop_new(&child.loop))
		_exit(2);
	opts.loop = child.loop;
	if (control_open(&opts, &child.control, &why))
		_exit(3);
	loop_timer(child.loop, 1000000, 1000000, on_publish, &child, NULL);
	loop_timer(child.loop, 50000000, 50000000, on_tick, &child, NULL);
	if (write(ready, "r", 1) != 1)
		_exit(4);
	loop_run(child.loop);
	_exit(5);
}

static pid_t spawn(const char *path)
{
	int fds[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(fds[0]);
		serve(path, fds[1]);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	close(fds[0]);
	return pid;
}

static int setup(void **state)
{
	struct server *s = calloc(1, sizeof(*s));

	strcpy(s->dir, "/tmp/faultline-control-XXXXXX");
	if (!mkdtemp(s->dir))
		return -1;
	snprintf(s->path, sizeof(s->path), "%s/sub/control.sock", s->dir);
	s->pid = spawn(s->path);
	*state = s;
	return 0;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int teardown(void **state)
{
	struct server *s = *state;
	char command[128];
	int err;

	end(s->pid);
	snprintf(command, sizeof(command), "rm -rf %s", s->dir);
	err = system(command);
	free(s);
	return err;
}

static int64_t status_of(const char *path, const char *member)
{
	json_t *request = json_pack("{s:s}", "cmd", "status"), *reply = NULL;
	int64_t value;
	int fd = -1;

	assert_int_equal(client_connect(path, &fd), 0);
	assert_int_equal(client_call(fd, request, DEADLINE_MS, &reply), 0);
	assert_true(json_is_true(json_object_get(reply, "ok")));
	value = json_integer_value(json_object_get(reply, member));
	close(fd);
	json_decref(request);
	json_decref(reply);
	return value;
}

/* Poll for a condition of the server. */
static void wait_until(const char *path, const char *member, int64_t at_least)
{
	int64_t end_ms = now_ms() + DEADLINE_MS, value = -1;

	while (now_ms() < end_ms) {
		value = status_of(path, member);
		if (value >= at_least)
			return;
		poll(NULL, 0, 5);
	}
	fail_msg("%s is %lld, not %lld", member, (long long)value, (long long)at_least);
}

static void test_calls(void **state)
{
	struct server *s = *state;
	json_t *request, *reply;
	struct stat st;
	int fd;

	assert_int_equal(stat(s->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(client_connect(s->path, &fd), 0);
	/* several on one connection, the big one too */
	for (int i = 0; i < 3; i++) {
		request = json_pack("{s:s}", "cmd", "snapshot");
		assert_int_equal(client_call(fd, request, DEADLINE_MS, &reply), 0);
		assert_int_equal(json_string_length(json_object_get(reply, "snapshot")), BIG);
		json_decref(request);
		json_decref(reply);
	}
	request = json_pack("{s:s}", "cmd", "metrics");
	assert_int_equal(client_call(fd, request, DEADLINE_MS, &reply), 0);
	assert_true(json_is_false(json_object_get(reply, "ok")));
	assert_int_equal(json_integer_value(json_object_get(reply, "errno")), EIO);
	json_decref(request);
	json_decref(reply);
	request = json_pack("{s:s}", "cmd", "rm -rf");
	assert_int_equal(client_call(fd, request, DEADLINE_MS, &reply), 0);
	assert_int_equal(json_integer_value(json_object_get(reply, "errno")), EINVAL);
	json_decref(request);
	json_decref(reply);
	close(fd);
}

static void test_pipelined_and_half_closed(void **state)
{
	struct server *s = *state;
	const char *two = "{\"cmd\":\"snapshot\"}\n{\"cmd\":\"ping\"}\n";
	char buf[65536];
	size_t total = 0, lines = 0;
	struct pollfd pfd = {.events = POLLIN};
	ssize_t n;

	assert_int_equal(client_connect(s->path, &pfd.fd), 0);
	assert_int_equal(send(pfd.fd, two, strlen(two), 0), strlen(two));
	shutdown(pfd.fd, SHUT_WR); /* as a shell script does */
	while (poll(&pfd, 1, DEADLINE_MS) == 1 && (n = recv(pfd.fd, buf, sizeof(buf), 0)) > 0) {
		total += n;
		for (ssize_t i = 0; i < n; i++)
			lines += buf[i] == '\n';
	}
	close(pfd.fd);
	assert_true(total > BIG);
	assert_int_equal(lines, 2);
}

static void test_too_long(void **state)
{
	struct server *s = *state;
	char junk[CONTROL_MAX_REQUEST + 1], c;
	struct pollfd pfd = {.events = POLLIN};

	memset(junk, 'x', sizeof(junk));
	assert_int_equal(client_connect(s->path, &pfd.fd), 0);
	assert_int_equal(send(pfd.fd, junk, sizeof(junk), 0), sizeof(junk));
	assert_int_equal(poll(&pfd, 1, DEADLINE_MS), 1);
	assert_true(recv(pfd.fd, &c, 1, 0) <= 0);
	close(pfd.fd);
	assert_int_equal(status_of(s->path, "dropped"), 1);
}

static void test_never_reads(void **state)
{
	struct server *s = *state;
	const char *request = "{\"cmd\":\"snapshot\"}\n";
	int64_t start_ms = now_ms();
	int fd;

	assert_int_equal(client_connect(s->path, &fd), 0);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	wait_until(s->path, "dropped", 1); /* and it answers others meanwhile */
	assert_int_equal(status_of(s->path, "pending"), 0);
	assert_true(now_ms() - start_ms < DEADLINE_MS);
	close(fd);
}

static void test_slow_watcher(void **state)
{
	struct server *s = *state;
	const char *request = "{\"cmd\":\"watch\",\"min_wait_ns\":5000}\n";
	size_t waits = 0, lost = 0;
	char line[4096];
	FILE *in;
	int fd;

	assert_int_equal(client_connect(s->path, &fd), 0);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	wait_until(s->path, "lost", 500); /* it takes nothing for a while */
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	in = fdopen(fd, "r");
	assert_non_null(fgets(line, sizeof(line), in));
	assert_string_equal(line, "{\"ok\":true}\n");
	while (!lost && fgets(line, sizeof(line), in)) {
		json_t *object = json_loads(line, 0, NULL);

		assert_non_null(object); /* every line is whole */
		waits += json_object_get(object, "wait") != NULL;
		lost += json_integer_value(json_object_get(object, "lost"));
		json_decref(object);
	}
	assert_true(waits > 100);
	assert_true(lost > 0);
	fclose(in);
}

static void test_client_limit(void **state)
{
	struct server *s = *state;
	json_t *request = json_pack("{s:s}", "cmd", "ping"), *reply;
	int fds[9];

	for (int i = 0; i < 8; i++) {
		assert_int_equal(client_connect(s->path, &fds[i]), 0);
		assert_int_equal(client_call(fds[i], request, DEADLINE_MS, &reply), 0);
		json_decref(reply);
	}
	assert_int_equal(client_connect(s->path, &fds[8]), 0);
	assert_int_equal(client_call(fds[8], request, DEADLINE_MS, &reply), 0);
	assert_int_equal(json_integer_value(json_object_get(reply, "errno")), EAGAIN);
	json_decref(reply);
	for (int i = 0; i < 9; i++)
		close(fds[i]);
	json_decref(request);
	wait_until(s->path, "clients", 1); /* room again */
}

static int open_here(const char *path, const char *group, char **why)
{
	struct log log;
	struct control_opts opts = {.path = path, .group = group, .max_clients = 1, .log = &log};
	struct control *control = NULL;
	int err;

	log_init(&log);
	assert_int_equal(loop_new(&opts.loop), 0);
	err = control_open(&opts, &control, why);
	if (!err)
		control_close(control);
	loop_free(opts.loop);
	return err;
}

static void test_second_daemon(void **state)
{
	struct server *s = *state;
	char *why, want[64];

	assert_int_equal(open_here(s->path, NULL, &why), -EADDRINUSE);
	snprintf(want, sizeof(want), "another faultlined (pid %d)", s->pid);
	assert_non_null(strstr(why, want));
	free(why);
	assert_int_equal(status_of(s->path, "pid"), s->pid); /* undisturbed */
}

static void test_left_over(void **state)
{
	struct server *s = *state;
	int fd;

	end(s->pid);
	assert_int_equal(access(s->path, F_OK), 0); /* killed: the socket is still there */
	assert_int_equal(client_connect(s->path, &fd), -ECONNREFUSED);
	s->pid = spawn(s->path);
	assert_int_equal(status_of(s->path, "pid"), s->pid);
}

static void test_bad_places(void **state)
{
	struct server *s = *state;
	char path[256], *why;
	FILE *f;

	snprintf(path, sizeof(path), "%s/file", s->dir);
	f = fopen(path, "w");
	fputs("precious", f);
	fclose(f);
	assert_int_equal(open_here(path, NULL, &why), -EEXIST);
	assert_non_null(strstr(why, "is no socket"));
	free(why);
	assert_int_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/no/such/folder/sock", s->dir);
	assert_int_equal(open_here(path, NULL, &why), -ENOENT);
	assert_non_null(why);
	free(why);
	snprintf(path, sizeof(path), "%s/g.sock", s->dir);
	assert_int_equal(open_here(path, "no-such-group", &why), -EINVAL);
	assert_non_null(strstr(why, "no such group"));
	free(why);
	memset(path, 'a', 200);
	path[0] = '/';
	path[200] = '\0';
	assert_int_equal(open_here(path, NULL, &why), -ENAMETOOLONG);
	free(why);
}

/* Connects as another user; the exit code tells what came of it. */
static int call_as(const char *path, uid_t uid, gid_t gid, gid_t extra)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		json_t *request = json_pack("{s:s}", "cmd", "ping"), *reply;
		int fd, err;

		if (setgroups(extra ? 1 : 0, &extra) || setgid(gid) || setuid(uid))
			_exit(100);
		err = client_connect(path, &fd);
		if (!err)
			err = client_call(fd, request, DEADLINE_MS, &reply);
		if (!err && !json_is_true(json_object_get(reply, "ok")))
			err = -json_integer_value(json_object_get(reply, "errno"));
		_exit(-err);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_other_users(void **state)
{
	struct server *s = *state;
	char sub[96];

	if (getuid()) {
		print_message("skipped: not root, so nobody else can be played\n");
		skip();
	}
	snprintf(sub, sizeof(sub), "%s/sub", s->dir);
	assert_int_equal(chmod(s->dir, 0755) | chmod(sub, 0755), 0);
	assert_int_equal(call_as(s->path, 65534, 65534, 0), EACCES); /* by the mode */
	assert_int_equal(chmod(s->path, 0666), 0);
	assert_int_equal(call_as(s->path, 65534, 65534, 0), EACCES); /* by the credentials */
	assert_int_equal(call_as(s->path, 0, 0, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test_setup_teardown(test_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pipelined_and_half_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_never_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_watcher, setup, teardown),
		cmocka_unit_test_setup_teardown(test_client_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second_daemon, setup, teardown),
		cmocka_unit_test_setup_teardown(test_left_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_places, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_users, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
