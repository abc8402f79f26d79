/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records of what was worth a record: one JSON file each, whole or not there,
 * bounded in number and space. Written by the daemon, read by anybody who may.
 *
 *   {"schema":1,"incident":{id,time_unix_ns,kind,tgid,start_ns,comm,cgroup,wait_ns,
 *    ratio_millipct,finished,host,verdict},"explained":{...},"snapshot":{...}}
 *
 * A record needs nothing of the host that it is of: stacks have their symbols, the
 * snapshot has kernel, losses and what was not to be seen. "explained" is the verdict
 * for programs (verdict_to_json); records of older versions do not have it.
 */
#ifndef FAULTLINE_INCIDENT_H
#define FAULTLINE_INCIDENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INCIDENT_SCHEMA	  1
#define INCIDENT_ID_LEN	  64 /* "20260102T030405Z-1234-1" */
#define INCIDENT_MAX_FILE (16 << 20)

enum incident_kind { INCIDENT_WAIT, INCIDENT_RATIO, INCIDENT_NR_KINDS };
const char *incident_kind_name(enum incident_kind kind); /* wait ratio */

struct incident {
	char id[INCIDENT_ID_LEN]; /* "" : a new one, else rewritten */
	uint64_t time_unix_ns; /* when the trigger was seen */
	enum incident_kind kind;
	uint32_t tgid; /* whose lock */
	uint64_t start_ns;
	const char *comm; /* clean; as in snapshots */
	const char *cgroup; /* may be NULL */
	uint64_t wait_ns; /* kind wait: its length, so far if not finished */
	uint64_t ratio_millipct; /* kind ratio: waiting time to window */
	bool finished;
	const char *verdict; /* one line; may be NULL */
	const json_t *explained; /* may be NULL */
};

struct incident_opts {
	const char *dir;
	uint64_t max_bytes;
	uint32_t max_files;
	uint64_t max_age_ns; /* 0: any */
	uint64_t cooldown_ns; /* one process, one kind */
	uint32_t max_rate; /* new records a minute, of all processes; 0: any */
};

struct incident_store;

/*
 * Make the folder if it is missing, clear what a killed writer left. 0, or -errno when
 * the folder cannot be used now: *ret_store is there all the same, and each write
 * tries again. Only -ENOMEM gives none.
 */
int incident_open(const struct incident_opts *opts, struct incident_store **ret_store);
void incident_close(struct incident_store *store); /* NULL-safe */
void incident_set_opts(struct incident_store *store, const struct incident_opts *opts);

/*
 * Do the cooldown and the rate let this process have a record now? If so, its cooldown
 * begins anew. now_ns: CLOCK_MONOTONIC or the like.
 */
bool incident_due(struct incident_store *store, uint32_t tgid, uint64_t start_ns,
		  enum incident_kind kind, uint64_t now_ns);
/*
 * Write the record: 0 with incident->id filled in, or -errno with nothing of it
 * on the disk (an older record of the same id stays as it was).
 */
int incident_write(struct incident_store *store, struct incident *incident, const json_t *snapshot);

/* The file of a record of this store, as in messages and for hooks; cut at size. */
void incident_path(const struct incident_store *store, const char *id, char *buf, size_t size);
/*
 * Remove what is over the bounds, oldest first: number and space, as for each new
 * record, and age, of the id by the wall clock. 0 or -errno; -ETIME: for a day after
 * that clock has jumped, age removes nothing. now_boot_ns: CLOCK_BOOTTIME.
 */
int incident_trim(struct incident_store *store, uint64_t now_unix_ns, uint64_t now_boot_ns);

struct incident_stats {
	uint64_t written; /* records, rewriting not counted */
	uint64_t failed;
	uint64_t suppressed; /* by the cooldown or the rate: a process and kind once in its time */
	uint64_t removed; /* by the bounds */
	uint32_t files; /* on disk now */
	uint64_t bytes;
	int last_error; /* negative errno of the last write, 0 if it went well */
};
void incident_stats(const struct incident_store *store, struct incident_stats *ret_stats);

/*
 * For the CLI. Calls fn for each record, oldest first, with the "incident" object,
 * or with NULL and what is wrong with the file. 0, or -errno of the folder.
 */
typedef void (*incident_list_fn)(void *arg, const char *name, const json_t *incident,
				 const char *problem);
int incident_list(const char *path, incident_list_fn fn, void *arg);
/* A record in any file, also one of another host: as incident_read(), or -errno of the file. */
int incident_load(const char *path, json_t **ret_record, const char **ret_problem);
/*
 * The whole record of this id. 0; -ENOENT; -EINVAL (no id); -EPROTO with *ret_problem
 * (static) for what is no record.
 */
int incident_read(const char *dir, const char *id, json_t **ret_record, const char **ret_problem);

#endif
