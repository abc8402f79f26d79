// SPDX-License-Identifier: GPL-2.0
/*
 * How is a program run that may fail, hang, fork, or print what it likes, by a
 * daemon that must not notice? In a session of its own, with no descriptor of ours
 * but stderr, with no capability and no way to gain one, and first in line when
 * memory runs out. All of its session's first process group dies with it, or at
 * the end of its time.
 */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hook.h"

#define KILLED_MS 100 /* for a killed program to be gone, when the daemon stops */

struct job {
	char id[HOOK_ID_LEN];
	struct hook_env *env;
};

struct hook {
	struct loop *loop;
	struct log *log;
	struct loop_source *timer;
	struct loop_source *end; /* of the one that runs */
	char *path;
	uint64_t timeout_ns;
	struct job queue[HOOK_QUEUE];
	size_t n;
	struct job running;
	int pidfd; /* -1: none runs */
	pid_t pid;
	bool timed_out;
	struct hook_stats stats;
};

static void on_timeout(void *arg);

int hook_new(struct loop *loop, struct log *log, struct hook **ret_hook)
{
	struct hook *hook = calloc(1, sizeof(*hook));
	int err = -ENOMEM;

	if (!hook)
		return err;
	hook->loop = loop;
	hook->log = log;
	hook->pidfd = -1;
	hook->path = strdup("");
	if (hook->path)
		err = loop_timer(loop, 0, 0, on_timeout, hook, &hook->timer);
	if (err) {
		hook_free(hook);
		return err;
	}
	*ret_hook = hook;
	return 0;
}

static void drop_job(struct job *job)
{
	hook_env_free(job->env);
	job->env = NULL;
}

static void drop_queue(struct hook *hook)
{
	for (size_t i = 0; i < hook->n; i++)
		drop_job(&hook->queue[i]);
	hook->n = 0;
}

int hook_set(struct hook *hook, const char *path, uint64_t timeout_ns)
{
	char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	free(hook->path);
	hook->path = copy;
	hook->timeout_ns = timeout_ns;
	if (!*path)
		drop_queue(hook);
	return 0;
}

bool hook_on(const struct hook *hook)
{
	return hook && *hook->path;
}

void hook_stats(const struct hook *hook, struct hook_stats *ret_stats)
{
	*ret_stats = hook->stats;
	ret_stats->queued = hook->n;
	ret_stats->running = hook->pidfd >= 0;
}

/* Whoever can write to it would run what they like as us. */
static const char *refusal(const char *path)
{
	struct stat st;

	if (stat(path, &st) || access(path, X_OK))
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "is no file";
	if (st.st_uid && st.st_uid != geteuid())
		return "belongs to neither root nor the daemon's user";
	return st.st_mode & (S_IWGRP | S_IWOTH) ? "others may write to it" : NULL;
}

/* It is to go before us when memory runs out; raising this is everybody's right. */
static void be_killed_first(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	dprintf(fd, "1000"); /* where that fails nothing is lost but the order */
	close(fd);
}

/*
 * Ours, and what we inherited: a shell ignores SIGINT for what it puts into the
 * background. Without glibc, which lets nobody touch the two signals that it keeps
 * for itself; whoever started us may have ignored these, too.
 */
static void default_signals(void)
{
	/* the kernel's struct sigaction: handler, flags, restorer, mask; all zero is SIG_DFL */
	static const unsigned long by_default[4];

	for (int signo = 1; signo < NSIG; signo++)
		syscall(SYS_rt_sigaction, signo, by_default, NULL, sizeof(by_default[3]));
}

/* In the child. Whoever runs us as root gives the program root's files, and no more. */
static void become(const struct hook *hook, const struct job *job, pid_t parent)
{
	char *argv[] = {hook->path, NULL};
	sigset_t none;
	int null;

	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	be_killed_first();
	capng_clear(CAPNG_SELECT_CAPS);
	null = open("/dev/null", O_RDONLY);
	if (capng_apply(CAPNG_SELECT_CAPS) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || null < 0 ||
	    chdir("/") || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(127);
	close_range(STDERR_FILENO + 1, ~0U, 0);
	default_signals();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(hook->path, argv, hook_env_strings(job->env));
	_exit(127);
}

static void kill_group(const struct hook *hook)
{
	kill(-hook->pid, SIGKILL);
	kill(hook->pid, SIGKILL); /* before it has a group of its own */
}

static void report(struct hook *hook, const siginfo_t *info)
{
	const char *path = hook->path, *id = hook->running.id;

	hook->stats.run++;
	if (info->si_code == CLD_EXITED && !info->si_status && !hook->timed_out) {
		log_solved(hook->log, "hook");
		return;
	}
	hook->stats.failed++;
	hook->stats.timeouts += hook->timed_out;
	if (hook->timed_out)
		log_problem(hook->log, "hook", "hook %s: incident %s: killed after %g s", path, id,
			    (double)hook->timeout_ns / 1e9);
	else if (info->si_code == CLD_EXITED)
		log_problem(hook->log, "hook", "hook %s: incident %s: exit status %d%s", path, id,
			    info->si_status,
			    info->si_status == 127 ? " (could it be executed?)" : "");
	else
		log_problem(hook->log, "hook", "hook %s: incident %s: killed by signal %d", path,
			    id, info->si_status);
}

static void start_next(struct hook *hook);

static void on_end(void *arg, uint32_t events)
{
	struct hook *hook = arg;
	siginfo_t info = {0};

	(void)events;
	/* what it left behind; its number is not given away before it is waited for */
	kill_group(hook);
	if (waitid(P_PIDFD, hook->pidfd, &info, WEXITED | WNOHANG) || !info.si_pid)
		return;
	loop_timer_set(hook->timer, 0, 0);
	loop_remove(hook->end);
	close(hook->pidfd);
	hook->pidfd = -1;
	report(hook, &info);
	drop_job(&hook->running);
	start_next(hook);
}

static void on_timeout(void *arg)
{
	struct hook *hook = arg;

	if (hook->pidfd < 0)
		return;
	hook->timed_out = true;
	kill_group(hook);
}

static int start(struct hook *hook, const struct job *job)
{
	pid_t parent = getpid();
	int err;

	hook->pid = fork();
	if (hook->pid < 0)
		return -errno;
	if (!hook->pid)
		become(hook, job, parent);
	hook->timed_out = false;
	hook->pidfd = syscall(SYS_pidfd_open, hook->pid, 0);
	err = hook->pidfd < 0 ? -errno : 0;
	if (!err)
		err = loop_add(hook->loop, hook->pidfd, EPOLLIN, on_end, hook, &hook->end);
	if (!err)
		return loop_timer_set(hook->timer, hook->timeout_ns, 0);
	/* nobody would see its end */
	kill_group(hook);
	waitpid(hook->pid, NULL, 0);
	if (hook->pidfd >= 0)
		close(hook->pidfd);
	hook->pidfd = -1;
	return err;
}

static void start_next(struct hook *hook)
{
	while (hook->n && hook->pidfd < 0) {
		const char *why = refusal(hook->path);
		struct job job = hook->queue[0];
		int err = 0;

		memmove(hook->queue, hook->queue + 1, --hook->n * sizeof(job));
		if (!why)
			err = start(hook, &job);
		if (!why && !err) {
			hook->running = job;
			break;
		}
		hook->stats.failed++;
		log_problem(hook->log, "hook", "hook %s: not run for incident %s: %s", hook->path,
			    job.id, why ? why : strerror(-err));
		drop_job(&job);
	}
	if (!hook->n)
		log_solved(hook->log, "hook-queue");
}

void hook_run(struct hook *hook, const char *id, struct hook_env *env)
{
	struct job job = {.env = env};

	if (hook->n == HOOK_QUEUE) {
		hook->stats.skipped++;
		log_problem(hook->log, "hook-queue",
			    "hook %s: skipped for incident %s: %d others wait for their turn",
			    hook->path, id, HOOK_QUEUE);
		drop_job(&job);
		return;
	}
	snprintf(job.id, sizeof(job.id), "%s", id);
	hook->queue[hook->n++] = job;
	start_next(hook);
}

void hook_free(struct hook *hook)
{
	struct pollfd end;

	if (!hook)
		return;
	drop_queue(hook);
	drop_job(&hook->running);
	loop_remove(hook->timer);
	if (hook->pidfd >= 0) {
		loop_remove(hook->end);
		kill_group(hook);
		end = (struct pollfd){.fd = hook->pidfd, .events = POLLIN};
		poll(&end, 1, KILLED_MS);
		waitpid(hook->pid, NULL, WNOHANG);
		close(hook->pidfd);
	}
	free(hook->path);
	free(hook);
}
