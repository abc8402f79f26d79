// SPDX-License-Identifier: GPL-2.0
/*
 * What does a contention event cost, by the kernel's own BPF statistics? Short
 * rounds of two loads in turn: threads that contend for a pipe's mutex (no
 * rwsem: the programs must let go at once), and threads that contend for their
 * mmap_lock. Beside our programs runs one that does nothing: what the statistics
 * show for it is what they cost themselves, which is in every figure. A round's
 * figure is the mean of its calls; printed is the median of the rounds and
 * their range. The load for mmap_lock contends for other locks, too: their calls
 * are taken out at the cost that the first load showed.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "session.h"

#define ROUNDS	 15
#define ROUND_MS 300
#define THREADS	 6
#define BLOCK	 32768

static int pipe_fds[2];

static void *pipe_writer(void *arg)
{
	static char block[BLOCK];

	while (write(pipe_fds[1], block, sizeof(block)) > 0)
		;
	return arg;
}

static void *pipe_reader(void *arg)
{
	char block[BLOCK];

	while (read(pipe_fds[0], block, sizeof(block)) > 0)
		;
	return arg;
}

static void *mapper(void *arg)
{
	for (;;) {
		char *at = mmap(NULL, 16 << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				-1, 0);

		for (int i = 0; i < 16; i++)
			at[i << 12] = 1;
		munmap(at, 16 << 12);
	}
	return arg;
}

/* A process of its own for each load, so that it ends when it is killed. */
static pid_t start_load(bool mmap_lock)
{
	pthread_t thread;
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pipe(pipe_fds))
		_exit(1);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread, NULL,
			       mmap_lock ? mapper
			       : i & 1	 ? pipe_reader
					 : pipe_writer,
			       NULL);
	for (;;)
		pause();
}

enum { BEGIN, END, EMPTY, PROGRAMS };

struct sample {
	uint64_t ns[PROGRAMS];
	uint64_t calls[PROGRAMS];
	uint64_t waits;
};

struct figures {
	double ns[PROGRAMS][ROUNDS];
	double pair[ROUNDS];
	uint64_t calls;
	size_t n;
};

static int empty_fd = -1;

/* A program on contention_begin that returns at once. */
static int attach_empty(void)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int link;

	empty_fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "empty", "GPL", insns, 2, NULL);
	if (empty_fd < 0)
		return -errno;
	link = bpf_raw_tracepoint_open("contention_begin", empty_fd);
	return link < 0 ? -errno : 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_row(const char *what, double *means, size_t n, uint64_t calls)
{
	qsort(means, n, sizeof(*means), by_value);
	printf("%-36s %5.0f ns  (%.0f to %.0f, %zu rounds, %llu calls)\n", what, means[n / 2],
	       means[0], means[n - 1], n, (unsigned long long)calls);
}

static void pass_time(struct session *session)
{
	struct pollfd none = {.fd = -1};

	poll(&none, 0, ROUND_MS);
	while (session_drain(session) > 0)
		;
}

static int take(struct session *session, struct sample *ret)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);
	struct snapshot *snap;
	int err;

	err = session_program_cost(session, "who_starts_to_wait", &ret->ns[BEGIN],
				   &ret->calls[BEGIN]) ?:
	      session_program_cost(session, "who_stops_to_wait", &ret->ns[END], &ret->calls[END]) ?:
	      session_snapshot(session, false, &snap);
	if (err)
		return err;
	ret->waits = 0;
	for (size_t i = 0; i < snap->n_procs; i++)
		ret->waits += snap->procs[i].hist.count;
	snapshot_free(snap);
	if (bpf_obj_get_info_by_fd(empty_fd, &info, &len))
		return -errno;
	ret->ns[EMPTY] = info.run_time_ns;
	ret->calls[EMPTY] = info.run_cnt;
	return 0;
}

/* Mean of a round, without the calls for other locks at what they cost. */
static double mean(const struct sample *from, const struct sample *to, int program, bool waits,
		   double other_ns)
{
	uint64_t calls = to->calls[program] - from->calls[program];
	uint64_t own = waits ? to->waits - from->waits : calls;
	double ns = to->ns[program] - from->ns[program];

	/* a wait that ends between the two readings is counted, its call is not yet: may be below 0 */
	return (ns - ((double)calls - own) * other_ns) / own;
}

static int measure(struct session *session, bool mmap_lock, const double *other_ns,
		   struct figures *figures)
{
	for (int i = 0; i < ROUNDS; i++) {
		pid_t load = start_load(mmap_lock);
		struct sample from, to;
		uint64_t own;
		int err;

		err = take(session, &from);
		pass_time(session);
		if (!err)
			err = take(session, &to);
		kill(load, SIGKILL);
		waitpid(load, NULL, 0);
		if (err)
			return err;
		own = mmap_lock ? to.waits - from.waits : to.calls[BEGIN] - from.calls[BEGIN];
		if (own < 100) /* too few for a mean */
			continue;
		for (int p = 0; p < PROGRAMS; p++)
			figures->ns[p][figures->n] =
				mean(&from, &to, p, mmap_lock && p != EMPTY, other_ns[p]);
		figures->pair[figures->n] =
			figures->ns[BEGIN][figures->n] + figures->ns[END][figures->n];
		figures->calls += own;
		figures->n++;
	}
	return 0;
}

/* The load for mmap_lock with these settings; other_ns from the first load. */
static int measure_waits(struct session *session, const struct session_opts *opts,
			 const double *other_ns, const char *what)
{
	struct figures f = {};
	int err;

	err = session_retune(session, opts);
	if (!err)
		err = measure(session, true, other_ns, &f);
	if (err || !f.n)
		return err;
	printf("mmap_lock wait, %s:\n", what);
	print_row("  contention_begin", f.ns[BEGIN], f.n, f.calls);
	print_row("  contention_end", f.ns[END], f.n, f.calls);
	print_row("  both", f.pair, f.n, f.calls);
	return 0;
}

static int measure_all(struct session *session, struct session_opts *opts)
{
	double other_ns[PROGRAMS] = {};
	struct figures f = {};
	int err;

	err = measure(session, false, other_ns, &f);
	if (err || !f.n)
		return err;
	print_row("a program that does nothing", f.ns[EMPTY], f.n, f.calls);
	print_row("not an rwsem: contention_begin", f.ns[BEGIN], f.n, f.calls);
	print_row("not an rwsem: contention_end", f.ns[END], f.n, f.calls);
	for (int p = 0; p < PROGRAMS; p++)
		other_ns[p] = f.ns[p][f.n / 2];

	err = measure_waits(session, opts, other_ns, "stack and event from 1 ms on");
	opts->event_min_ns = opts->stack_min_ns = opts->hot_min_ns = UINT64_MAX;
	if (!err)
		err = measure_waits(session, opts, other_ns, "totals and holder only");
	opts->holders = false;
	if (!err)
		err = measure_waits(session, opts, other_ns, "totals only");
	return err;
}

int main(void)
{
	struct session *session = NULL;
	struct session_opts opts;
	char *why = NULL;
	int err;

	session_default_opts(&opts);
	err = session_open(&opts, &session, &why);
	if (!err)
		err = attach_empty() ?: session_cost_sample(session, true, NULL);
	if (!err)
		err = measure_all(session, &opts);
	if (err)
		fprintf(stderr, "bench_cost: %s\n", why ? why : strerror(-err));
	free(why);
	session_close(session);
	return err ? 1 : 0;
}
