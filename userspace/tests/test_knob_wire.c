// SPDX-License-Identifier: GPL-2.0
/* What the helper takes for a request, and the helper itself on a folder of its own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "knob_wire.h"
#include "spf.h"

#define B POLICY_BACKOFF_MAX

static struct knob_request good(void)
{
	struct knob_request r = {
		.magic = KNOB_WIRE_MAGIC, .op = KNOB_SET, .which = B, .old = 64, .new = 8};

	strcpy(r.id, "backoff_max-64-8-break-even");
	return r;
}

static void test_valid(void **state)
{
	struct knob_request r = good();

	(void)state;
	assert_true(knob_wire_valid(&r, sizeof(r)));
	assert_false(knob_wire_valid(&r, sizeof(r) - 1));
	assert_false(knob_wire_valid(&r, sizeof(r) + 1));
	r.magic++;
	assert_false(knob_wire_valid(&r, sizeof(r)));
	r = good();
	r.op = KNOB_HELLO;
	assert_false(knob_wire_valid(&r, sizeof(r)));
	r = good();
	r.which = POLICY_NR_KNOBS;
	assert_false(knob_wire_valid(&r, sizeof(r)));
	r = good();
	r.id[3] = '\n';
	assert_false(knob_wire_valid(&r, sizeof(r)));
	r = good();
	memset(r.id, 'a', sizeof(r.id));
	assert_false(knob_wire_valid(&r, sizeof(r)));
	r = good();
	r.id[0] = '\0'; /* a change without a decision */
	assert_false(knob_wire_valid(&r, sizeof(r)));
	r.op = KNOB_CHECK;
	assert_true(knob_wire_valid(&r, sizeof(r)));
	strcpy(r.id, "x");
	assert_false(knob_wire_valid(&r, sizeof(r)));
}

struct helper {
	char dir[40];
	pid_t pid;
	int fd;
};

static void put(const struct helper *h, const char *name, const char *text)
{
	char path[80];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", h->dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static uint32_t get(const struct helper *h)
{
	uint32_t value = 0;

	assert_int_equal(spf_read_sysctl(h->dir, "spf_backoff_max", &value), 0);
	return value;
}

/* The program stands beside the folder of the tests. */
static void program(char path[PATH_MAX])
{
	char self[PATH_MAX / 2] = "";

	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	snprintf(path, PATH_MAX, "%s/../faultline-knob", dirname(self));
}

/* args: its first five and more, from argv[5] on; room for the rest */
static void start_with(struct helper *h, char *args[16])
{
	char path[PATH_MAX], state[64];
	int fds[2];

	program(path);
	snprintf(state, sizeof(state), "%s/state", h->dir);
	args[0] = path;
	args[1] = "--state";
	args[2] = state;
	args[3] = "--sysctl-dir";
	args[4] = h->dir;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	h->pid = fork();
	if (!h->pid) {
		dup2(fds[1], STDIN_FILENO);
		execv(path, args);
		_exit(127);
	}
	close(fds[1]);
	h->fd = fds[0];
}

static void start(struct helper *h, const char *on_exit_what)
{
	char *args[16] = {[5] = "--interval",	   "0",		"--range",
			  "spf_backoff_max=2:256", "--on-exit", (char *)on_exit_what};

	start_with(h, args);
}

/* As a service manager does; its limits are those of the file. */
static void start_service(struct helper *h, const char *config)
{
	char path[80], *args[16] = {[5] = "--service", "--interval", "0", "--config", path};

	put(h, "config", config);
	snprintf(path, sizeof(path), "%s/config", h->dir);
	start_with(h, args);
}

static struct knob_reply receive(struct helper *h)
{
	struct knob_reply reply;

	assert_int_equal(recv(h->fd, &reply, sizeof(reply), 0), sizeof(reply));
	assert_int_equal(reply.magic, KNOB_WIRE_MAGIC);
	return reply;
}

static struct knob_reply ask(struct helper *h, enum knob_op op, uint32_t old, uint32_t new)
{
	struct knob_request r = good();

	r.op = op;
	r.old = old;
	r.new = new;
	if (op != KNOB_SET)
		r.id[0] = '\0';
	assert_int_equal(send(h->fd, &r, sizeof(r), 0), sizeof(r));
	return receive(h);
}

static int stop(struct helper *h)
{
	int status;

	close(h->fd);
	assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int set_up(void **state)
{
	struct helper *h = calloc(1, sizeof(*h));

	strcpy(h->dir, "/tmp/test_wire.XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	put(h, "spf_backoff_max", "64\n");
	put(h, "spf_ptl_spins", "8\n");
	*state = h;
	return 0;
}

static int tear_down(void **state)
{
	struct helper *h = *state;
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", h->dir);
	assert_int_equal(system(command), 0);
	free(h);
	return 0;
}

static void test_serve(void **state)
{
	struct helper *h = *state;
	struct knob_reply reply;

	start(h, "restore");
	reply = receive(h);
	assert_int_equal(reply.op, KNOB_HELLO);
	assert_int_equal(reply.err, 0);
	assert_true(reply.records[B].present);
	reply = ask(h, KNOB_SET, 64, 8);
	assert_int_equal(reply.err, 0);
	assert_int_equal(reply.records[B].ours, 8);
	assert_int_equal(get(h), 8);
	assert_int_equal(ask(h, KNOB_SET, 8, 1).err, -ERANGE); /* --range */
	assert_int_equal(ask(h, KNOB_PAUSE, 0, 0).err, 0);
	reply = ask(h, KNOB_SET, 8, 16);
	assert_int_equal(reply.err, -EBUSY);
	assert_string_equal(reply.why, "paused by hand");
	assert_int_equal(ask(h, KNOB_RESUME, 0, 0).err, 0);
	assert_int_equal(ask(h, KNOB_CHECK, 0, 0).err, 0);
	assert_int_equal(ask(h, KNOB_RESTORE, 0, 0).err, 0);
	assert_int_equal(get(h), 64);
	assert_int_equal(stop(h), 0);
}

/* However the daemon ended, it shows as the end of the socket. */
static void test_on_exit(void **state)
{
	struct helper *h = *state;

	start(h, "restore");
	receive(h);
	assert_int_equal(ask(h, KNOB_SET, 64, 8).err, 0);
	kill(h->pid, SIGTERM); /* as a service manager does to the whole group */
	assert_int_equal(ask(h, KNOB_SET, 8, 16).err, 0);
	assert_int_equal(stop(h), 0);
	assert_int_equal(get(h), 64);
	start(h, "keep");
	receive(h);
	assert_int_equal(ask(h, KNOB_SET, 64, 8).err, 0);
	assert_int_equal(stop(h), 0);
	assert_int_equal(get(h), 8);
	/* its successor takes back what it has left, unless told otherwise */
	start(h, "keep");
	assert_false(receive(h).records[B].recorded);
	assert_int_equal(get(h), 64);
	assert_int_equal(stop(h), 0);
}

static void test_administrator_on_exit(void **state)
{
	struct helper *h = *state;

	start(h, "restore");
	receive(h);
	assert_int_equal(ask(h, KNOB_SET, 64, 8).err, 0);
	put(h, "spf_backoff_max", "100\n");
	assert_int_equal(stop(h), 0);
	assert_int_equal(get(h), 100);
}

static void test_service(void **state)
{
	struct helper *h = *state;
	struct knob_reply reply;

	start_service(h, "[policy]\nBackoffMin=4\nBackoffMax=128\nMaxStep=16\n");
	reply = receive(h);
	assert_int_equal(reply.err, 0);
	assert_int_equal(reply.pid, h->pid);
	assert_int_equal(ask(h, KNOB_SET, 64, 2).err, -ERANGE);
	assert_int_equal(ask(h, KNOB_SET, 64, 256).err, -ERANGE);
	assert_int_equal(ask(h, KNOB_SET, 64, 4).err, 0); /* a factor of 16 */
	kill(h->pid, SIGTERM);
	assert_int_equal(recv(h->fd, &reply, sizeof(reply), 0), 0);
	assert_int_equal(stop(h), 0);
	assert_int_equal(get(h), 64);
	start_service(h, "[policy]\nOnExit=keep\n");
	assert_int_equal(receive(h).err, 0);
	assert_int_equal(ask(h, KNOB_SET, 64, 8).err, 0);
	assert_int_equal(stop(h), 0);
	assert_int_equal(get(h), 8);
}

static void test_service_with_a_bad_configuration(void **state)
{
	struct helper *h = *state;
	struct knob_reply reply;

	start_service(h, "[policy]\nMaxStep=1\n");
	reply = receive(h);
	assert_int_equal(reply.err, -EINVAL);
	assert_non_null(strstr(reply.why, "config:2: [policy] MaxStep"));
	assert_int_equal(stop(h), 1);
}

static void test_nonsense(void **state)
{
	struct helper *h = *state;

	start(h, "restore");
	receive(h);
	assert_int_equal(send(h->fd, "hello", 5, 0), 5);
	assert_int_equal(recv(h->fd, (char[8]){0}, 8, 0), 0);
	assert_int_equal(stop(h), 1);
}

static void test_refuses_to_start(void **state)
{
	struct helper *h = *state;
	struct knob_reply reply;

	put(h, "state", "{}");
	start(h, "restore");
	reply = receive(h);
	assert_int_equal(reply.err, -EPROTO);
	assert_non_null(strstr(reply.why, "not understood"));
	assert_int_equal(stop(h), 1);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid), TEST(test_serve),
		TEST(test_on_exit),	      TEST(test_administrator_on_exit),
		TEST(test_service),	      TEST(test_service_with_a_bad_configuration),
		TEST(test_nonsense),	      TEST(test_refuses_to_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
