// SPDX-License-Identifier: GPL-2.0
/*
 * What happened while nobody looked? A record goes to a temporary file, is
 * synced and then renamed, so that a reader sees all of it or nothing, whatever
 * kills the writer; what it left is cleared at the next start. The oldest
 * records make room. It decides nothing but the cooldown and the rate.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "incident.h"
#include "incident_dir.h"

#define HOUR_NS	 (3600 * 1000000000ULL)
#define JUMP_NS	 HOUR_NS /* a clock that is set by this much was wrong, or is now */
#define DOUBT_NS (24 * HOUR_NS) /* and is not believed for so long */

#define MINUTE_NS   (60 * 1000000000ULL)
#define N_COOLDOWNS 256 /* processes in cooldown at a time; the oldest gives way */

struct cooldown {
	uint32_t tgid;
	enum incident_kind kind;
	uint64_t start_ns;
	uint64_t since_ns; /* 0: free */
	bool refused; /* by the rate, in this minute: no record, and no cooldown after it */
	bool counted; /* as left out, once for this time */
};

struct incident_store {
	char *dir;
	struct incident_opts opts;
	struct incident_stats stats;
	struct cooldown cooldowns[N_COOLDOWNS];
	uint64_t minute_ns; /* since when; 0: it has not begun */
	uint32_t in_minute; /* records that were due since then */
	unsigned int serial;
	bool has_clock;
	uint64_t clock_ns; /* wall clock when the host booted, as it was told last */
	uint64_t jumped_ns; /* boot clock; 0: it has not */
};

const char *incident_kind_name(enum incident_kind kind)
{
	static const char *const names[] = {"wait", "ratio"};

	return kind < INCIDENT_NR_KINDS ? names[kind] : "?";
}

static int make_dir(const char *dir)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s", dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	for (char *c = path + 1; *c; c++) {
		if (*c != '/')
			continue;
		*c = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			return -errno;
		*c = '/';
	}
	/* stacks and command names of everybody: for root only */
	return mkdir(path, 0750) && errno != EEXIST ? -errno : 0;
}

/* Make the folder, clear left-overs, count what is there. */
static int prepare(struct incident_store *store, bool clear)
{
	struct incident_dir dir;
	int err = make_dir(store->dir);

	if (!err)
		err = incident_dir_scan(store->dir, clear, &dir);
	if (err)
		return err;
	store->stats.files = dir.n;
	store->stats.bytes = dir.bytes;
	incident_dir_free(&dir);
	return 0;
}

int incident_open(const struct incident_opts *opts, struct incident_store **ret_store)
{
	struct incident_store *store = calloc(1, sizeof(*store));

	if (!store)
		return -ENOMEM;
	store->opts = *opts;
	store->dir = strdup(opts->dir);
	if (!store->dir) {
		free(store);
		return -ENOMEM;
	}
	*ret_store = store;
	store->stats.last_error = prepare(store, true);
	return store->stats.last_error;
}

void incident_close(struct incident_store *store)
{
	if (!store)
		return;
	free(store->dir);
	free(store);
}

void incident_set_opts(struct incident_store *store, const struct incident_opts *opts)
{
	store->opts = *opts;
}

void incident_stats(const struct incident_store *store, struct incident_stats *ret_stats)
{
	*ret_stats = store->stats;
}

/*
 * When hundreds of processes freeze at once, the records of the first ones tell what
 * happened; the others would cost time, and push out what there is of other days.
 */
static bool is_too_many(const struct incident_store *store)
{
	return store->opts.max_rate && store->in_minute >= store->opts.max_rate;
}

static void begin_minute(struct incident_store *store, uint64_t now_ns)
{
	if (store->minute_ns && now_ns - store->minute_ns < MINUTE_NS)
		return;
	store->minute_ns = now_ns ? now_ns : 1;
	store->in_minute = 0;
	for (size_t i = 0; i < N_COOLDOWNS; i++)
		if (store->cooldowns[i].refused)
			store->cooldowns[i].since_ns = 0;
}

/* A process's, or one to take for it: a free one, or the oldest. */
static struct cooldown *find_slot(struct incident_store *store, uint32_t tgid, uint64_t start_ns,
				  enum incident_kind kind)
{
	struct cooldown *slot = &store->cooldowns[0];

	for (size_t i = 0; i < N_COOLDOWNS; i++) {
		struct cooldown *c = &store->cooldowns[i];

		if (c->since_ns && c->tgid == tgid && c->start_ns == start_ns && c->kind == kind)
			return c;
		if (c->since_ns < slot->since_ns)
			slot = c;
	}
	*slot = (struct cooldown){.tgid = tgid, .kind = kind, .start_ns = start_ns};
	return slot;
}

/* A wait that lasts asks again and again. */
static bool leave_out(struct incident_store *store, struct cooldown *slot)
{
	store->stats.suppressed += !slot->counted;
	slot->counted = true;
	return false;
}

bool incident_due(struct incident_store *store, uint32_t tgid, uint64_t start_ns,
		  enum incident_kind kind, uint64_t now_ns)
{
	struct cooldown *slot;

	begin_minute(store, now_ns);
	slot = find_slot(store, tgid, start_ns, kind);
	if (slot->refused || (slot->since_ns && now_ns - slot->since_ns < store->opts.cooldown_ns))
		return leave_out(store, slot);
	slot->since_ns = now_ns ? now_ns : 1;
	slot->counted = false;
	slot->refused = is_too_many(store);
	if (slot->refused)
		return leave_out(store, slot);
	store->in_minute++;
	return true;
}

static json_t *to_json(const struct incident *in, const json_t *snapshot)
{
	char host[65] = "";
	json_t *head;

	gethostname(host, sizeof(host) - 1);
	head = json_pack("{s:s, s:I, s:s, s:I, s:I, s:s, s:s*, s:I, s:I, s:b, s:s*, s:s*}", "id",
			 in->id, "time_unix_ns", (json_int_t)in->time_unix_ns, "kind",
			 incident_kind_name(in->kind), "tgid", (json_int_t)in->tgid, "start_ns",
			 (json_int_t)in->start_ns, "comm", in->comm, "cgroup", in->cgroup,
			 "wait_ns", (json_int_t)in->wait_ns, "ratio_millipct",
			 (json_int_t)in->ratio_millipct, "finished", in->finished, "host", host,
			 "verdict", in->verdict);
	if (!head)
		return NULL;
	return json_pack("{s:i, s:o, s:O*, s:O}", "schema", INCIDENT_SCHEMA, "incident", head,
			 "explained", (json_t *)in->explained, "snapshot", (json_t *)snapshot);
}

static bool too_old(const struct incident_store *store, const char *name, uint64_t now_ns)
{
	uint64_t time_ns = incident_dir_time_ns(name);

	return store->opts.max_age_ns && time_ns < now_ns &&
	       now_ns - time_ns > store->opts.max_age_ns;
}

static bool fits(const struct incident_store *store, const struct incident_dir *dir, uint64_t bytes,
		 uint32_t files)
{
	return dir->files - dir->removed + files <= store->opts.max_files &&
	       dir->bytes + bytes <= store->opts.max_bytes;
}

/*
 * Room for bytes and files more, and nothing older than MaxAge (now_ns 0: of any age).
 * 0, or -errno of the folder, or of a removal without which there is no room; with
 * files 0 that of any removal.
 */
static int make_room(struct incident_store *store, uint64_t bytes, uint32_t files, const char *keep,
		     uint64_t now_ns)
{
	struct incident_dir dir;
	int err = incident_dir_scan(store->dir, false, &dir), ret = 0;

	if (err)
		return err;
	for (size_t i = 0; i < dir.n; i++) { /* oldest first */
		if (fits(store, &dir, bytes, files) && !too_old(store, dir.entries[i].name, now_ns))
			break;
		if (!strncmp(dir.entries[i].name, keep, strlen(keep)) && *keep)
			continue; /* it is about to be replaced */
		err = incident_dir_remove(store->dir, &dir, i);
		if (err)
			ret = err;
		else
			store->stats.removed++;
	}
	store->stats.files = dir.files - dir.removed;
	store->stats.bytes = dir.bytes;
	if (files && fits(store, &dir, bytes, files))
		ret = 0;
	incident_dir_free(&dir);
	return ret;
}

/* A year that is off by mistake for a minute must not cost what happened in the others. */
static bool clock_is_steady(struct incident_store *store, uint64_t unix_ns, uint64_t boot_ns)
{
	uint64_t was_ns = store->clock_ns, is_ns = unix_ns - boot_ns;
	uint64_t step_ns = is_ns > was_ns ? is_ns - was_ns : was_ns - is_ns;

	if (store->has_clock && step_ns > JUMP_NS)
		store->jumped_ns = boot_ns;
	store->has_clock = true;
	store->clock_ns = is_ns;
	return !store->jumped_ns || boot_ns - store->jumped_ns > DOUBT_NS;
}

int incident_trim(struct incident_store *store, uint64_t now_unix_ns, uint64_t now_boot_ns)
{
	bool steady = clock_is_steady(store, now_unix_ns, now_boot_ns);
	int err = make_room(store, 0, 0, "", steady ? now_unix_ns : 0);

	if (err && err != -ENOENT) /* no folder yet */
		return err;
	return store->opts.max_age_ns && !steady ? -ETIME : 0;
}

void incident_path(const struct incident_store *store, const char *id, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%s.json", store->dir, id);
}

static void make_id(struct incident_store *store, struct incident *incident)
{
	time_t seconds = incident->time_unix_ns / 1000000000;
	struct tm tm;
	char stamp[32];

	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	do {
		snprintf(incident->id, sizeof(incident->id), "%s-%u-%u", stamp, incident->tgid,
			 ++store->serial);
	} while (incident_dir_exists(store->dir, incident->id));
}

static int write_record(struct incident_store *store, struct incident *incident,
			const json_t *snapshot)
{
	json_t *doc = to_json(incident, snapshot);
	char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;
	int err = text ? 0 : -ENOMEM;

	if (!err && (len + 1 > INCIDENT_MAX_FILE || len + 1 > store->opts.max_bytes))
		err = -EFBIG;
	json_decref(doc);
	if (!err)
		err = make_dir(store->dir);
	if (!err)
		err = make_room(store, len + 1, 1, incident->id, 0);
	if (!err) {
		text[len] = '\n'; /* in place of the terminator */
		err = incident_dir_write(store->dir, incident->id, text, len + 1);
	}
	free(text);
	return err;
}

int incident_write(struct incident_store *store, struct incident *incident, const json_t *snapshot)
{
	bool fresh = !incident->id[0];
	int err;

	if (fresh)
		make_id(store, incident);
	err = write_record(store, incident, snapshot);
	store->stats.last_error = err;
	if (err) {
		store->stats.failed++;
		if (fresh)
			incident->id[0] = '\0';
		/* a disk that was full until now does not leave this minute without a record */
		if (fresh && store->in_minute)
			store->in_minute--;
		return err;
	}
	store->stats.written += fresh;
	prepare(store, false);
	return 0;
}
