/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Configuration of faultlined: INI files with drop-ins, read whole or not at
 * all. Precedence as in systemd: of files named faultline.conf.d/NAME.conf the
 * one in /etc hides the one in /run, which hides the one in /usr/lib; what
 * remains is read in order of NAME after the main file
 * (/etc/faultline/faultline.conf, else /run/..., else /usr/lib/...). An empty
 * value restores the default. Every key has a compiled default.
 */
#ifndef FAULTLINE_CONFIG_H
#define FAULTLINE_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "session.h"

struct config {
	/* [measure] */
	uint64_t min_wait_ns; /* MinWait=0 */
	uint64_t event_min_ns; /* EventMin=1ms */
	uint64_t stack_min_ns; /* StackMin=10ms */
	uint64_t unfinished_min_ns; /* UnfinishedMin=500ms */
	bool holders; /* Holders=yes */
	bool user_stacks; /* UserStacks=no */
	bool exact; /* Exact=no */
	bool release; /* Release=yes */
	uint32_t max_waiters; /* MaxWaiters=8192 */
	uint32_t max_procs; /* MaxProcesses=4096 */
	uint32_t max_blames; /* MaxHolders=4096 */
	uint32_t max_stacks; /* MaxStacks=1024 */
	uint64_t ring_bytes; /* RingSize=512K */
	/* [hot]: escalation */
	uint64_t hot_min_ns; /* EventMin=100us */
	uint32_t hot_enter_millipct; /* Enter=5%: waiting time to window, one process */
	uint32_t hot_leave_millipct; /* Leave=1% */
	uint32_t hot_max; /* Max=16 processes at a time */
	/* [incident] */
	bool incidents; /* Enabled=yes */
	char *incident_dir; /* Directory=/var/lib/faultline/incidents */
	uint64_t incident_wait_ns; /* Wait=1s: a single wait */
	uint32_t incident_millipct; /* Ratio=100%: waiting time of all threads to window */
	uint64_t incident_max_bytes; /* MaxDisk=64M */
	uint32_t incident_max_files; /* MaxFiles=200 */
	uint64_t incident_max_age_ns; /* MaxAge=90d; 0: any */
	uint64_t incident_cooldown_ns; /* Cooldown=30s, one process */
	uint32_t incident_max_rate; /* MaxRate=60 new ones a minute, all processes */
	char *incident_hook; /* Hook= (empty: off): run for each record */
	uint64_t incident_hook_timeout_ns; /* HookTimeout=30s */
	/* [breaker] */
	bool breaker; /* Enabled=yes */
	uint32_t breaker_cost_millipct; /* MaxCost=1%: BPF run time to CPU time of the host */
	uint64_t breaker_max_rate; /* MaxRate=2000000: program runs a second */
	uint64_t breaker_cooldown_ns; /* Cooldown=60s */
	/* [policy] */
	char *policy_mode; /* Mode=observe, advise or enforce */
	uint32_t policy_backoff_min; /* BackoffMin=1: range of vm.spf_backoff_max */
	uint32_t policy_backoff_max; /* BackoffMax=4096 */
	uint32_t policy_spins_min; /* SpinsMin=1: range of vm.spf_ptl_spins */
	uint32_t policy_spins_max; /* SpinsMax=64 */
	uint32_t policy_max_step; /* MaxStep=8: factor at a time */
	uint32_t policy_max_changes; /* MaxChanges=6 an hour, while the load is of one kind */
	uint32_t policy_busy_rate; /* BusyRate=100 contended faults a second */
	uint32_t policy_hysteresis_millipct; /* Hysteresis=3% */
	uint64_t policy_cooldown_ns; /* Cooldown=10s */
	uint64_t policy_calm_ns; /* Calm=5min */
	char *policy_on_exit; /* OnExit=restore or keep */
	char *policy_on_restart; /* OnRestart=restore or keep */
	char *policy_writer; /* Writer= (empty: faultlined starts faultline-knob) */
	char *policy_state; /* State=/var/lib/faultline/knobs.json */
	char *policy_trace; /* Trace= (empty: off) */
	/* [socket] */
	char *socket_path; /* Path=/run/faultline/control.sock */
	char *socket_group; /* Group= (empty: root only) */
	uint32_t socket_max_clients; /* MaxClients=32 */
	/* [metrics] */
	char *metrics_listen; /* Listen= (empty: off); unix:/path or 127.0.0.1:9946 or [::1]:9946 */
	char *metrics_textfile; /* Textfile= (empty: off): path of a .prom file */
	uint64_t metrics_interval_ns; /* Interval=15s, of the textfile */
	uint32_t metrics_top; /* TopCgroups=20 */
	bool metrics_per_process; /* PerProcess=no: series of hot processes */
	/* [daemon] */
	uint64_t interval_ns; /* Interval=250ms */
	char *log_level; /* LogLevel=info: err warning info debug */

	/* where it comes from */
	char **files; /* read, in this order */
	size_t n_files;
	char **origins; /* "file:line" by key of the table; NULL: default */
};

/* Bytes in a line, without its end: the smallest that builds of libinih take. */
#define CONFIG_MAX_LINE 196
#define CONFIG_MAX_FILE (1 << 20)

/* One message a problem: "/etc/x.conf:12: [measure] MinWait: 'abc' is no duration; ..." */
typedef void (*config_problem_fn)(void *arg, const char *message);

/*
 * Read all files below root ("" for the host; tests give a directory), or only
 * `path` when not NULL (then it must exist). 0 with *ret_config; -EINVAL when
 * any problem was reported (all of them are, not only the first); other
 * negative errno: -ENOMEM. A missing main file is no problem, an unreadable
 * one is.
 */
int config_load(const char *root, const char *path, config_problem_fn problem, void *arg,
		struct config **ret_config);
void config_free(struct config *config); /* NULL-safe */
/* As a complete INI file: every key with its value, and where it comes from as a comment. */
int config_dump(const struct config *config, FILE *out);
/* The values alone, by section and key; NULL or less when out of memory. */
json_t *config_to_json(const struct config *config);
/* The sample file: every key with its help, its default in a comment. */
int config_sample(FILE *out);
/* Only the text of one file, as for config_load(): for tests and fuzzers. */
int config_parse(const char *name, const char *text, size_t len, config_problem_fn problem,
		 void *arg, struct config **ret_config);
/*
 * Calls fn with "[section] Key" of each key that differs and takes effect only
 * after a restart (sizes, paths, features). Returns their number.
 */
size_t config_needs_restart(const struct config *old, const struct config *now,
			    void (*fn)(void *arg, const char *name), void *arg);
void config_session_opts(const struct config *config, struct session_opts *ret_opts);

#endif
