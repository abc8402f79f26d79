// SPDX-License-Identifier: GPL-2.0
/*
 * What have we changed, and from what? A small JSON file, replaced as a whole: on
 * disk before the rename, and the rename on disk before anybody acts on it.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "knob.h"

#define SCHEMA 1

static int sync_folder(const char *path)
{
	char copy[PATH_MAX];
	int fd, err;

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		return -ENAMETOOLONG;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = fsync(fd) ? -errno : 0;
	close(fd);
	return err;
}

static json_t *to_json(const char *boot_id, const struct knob_record *records)
{
	json_t *knobs = json_object();

	for (int k = 0; k < POLICY_NR_KNOBS; k++) {
		const struct knob_record *r = &records[k];
		json_t *entry;

		if (!r->recorded)
			continue;
		entry = json_pack("{s:I, s:I, s:b, s:s, s:s, s:I}", "original",
				  (json_int_t)r->original, "ours", (json_int_t)r->ours, "paused",
				  r->paused, "why", r->why, "id", r->id, "changed_ns",
				  (json_int_t)r->changed_ns);
		if (entry && r->pending)
			json_object_set_new(entry, "next", json_integer(r->next));
		json_object_set_new(knobs, policy_knob_file(k), entry);
	}
	return json_pack("{s:i, s:s, s:o}", "faultline_knobs", SCHEMA, "boot_id", boot_id, "knobs",
			 knobs);
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			len -= n;
		}
	}
	return fsync(fd) ? -errno : 0;
}

int knob_state_write(const char *path, const char *boot_id, const struct knob_record *records)
{
	char tmp[PATH_MAX], *text;
	json_t *doc;
	int fd, err;

	if (snprintf(tmp, sizeof(tmp), "%s.new", path) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	doc = to_json(boot_id, records);
	text = doc ? json_dumps(doc, JSON_INDENT(1)) : NULL;
	json_decref(doc);
	if (!text)
		return -ENOMEM;
	/* we hold the lock: a left-over is a dead process's */
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	err = fd < 0 ? -errno : write_all(fd, text, strlen(text));
	if (fd >= 0)
		close(fd);
	if (!err && rename(tmp, path))
		err = -errno;
	if (!err)
		err = sync_folder(path);
	else if (fd >= 0)
		unlink(tmp);
	free(text);
	return err;
}

static bool take_number(const json_t *entry, const char *name, uint64_t max, uint64_t *ret)
{
	const json_t *value = json_object_get(entry, name);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > max)
		return false;
	*ret = json_integer_value(value);
	return true;
}

static bool take_text(const json_t *entry, const char *name, char *buf, size_t size)
{
	const char *text = json_string_value(json_object_get(entry, name));

	if (!text || strlen(text) >= size)
		return false;
	strcpy(buf, text);
	return true;
}

static bool take_record(const json_t *entry, struct knob_record *record)
{
	uint64_t original, ours, next = 0, changed_ns;
	const json_t *paused = json_object_get(entry, "paused");

	if (!take_number(entry, "original", UINT32_MAX, &original) ||
	    !take_number(entry, "ours", UINT32_MAX, &ours) ||
	    !take_number(entry, "changed_ns", INT64_MAX, &changed_ns) || !json_is_boolean(paused) ||
	    !take_text(entry, "why", record->why, sizeof(record->why)) ||
	    !take_text(entry, "id", record->id, sizeof(record->id)))
		return false;
	record->pending = json_object_get(entry, "next");
	if (record->pending && !take_number(entry, "next", UINT32_MAX, &next))
		return false;
	record->recorded = true;
	record->original = original;
	record->ours = ours;
	record->next = next;
	record->changed_ns = changed_ns;
	record->paused = json_is_true(paused);
	return true;
}

int knob_state_read(const char *path, const char *boot_id, struct knob_record *records)
{
	struct knob_record found[POLICY_NR_KNOBS] = {0};
	json_error_t error;
	json_t *doc, *knobs;
	const char *boot;
	int err = -EPROTO;

	if (access(path, F_OK) && errno == ENOENT)
		return -ENOENT;
	doc = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (json_integer_value(json_object_get(doc, "faultline_knobs")) != SCHEMA)
		goto out;
	boot = json_string_value(json_object_get(doc, "boot_id"));
	if (!boot)
		goto out;
	err = -ENOENT;
	if (strcmp(boot, boot_id))
		goto out;
	err = -EPROTO;
	knobs = json_object_get(doc, "knobs");
	if (!json_is_object(knobs))
		goto out;
	for (int k = 0; k < POLICY_NR_KNOBS; k++) {
		const json_t *entry = json_object_get(knobs, policy_knob_file(k));

		if (entry && !take_record(entry, &found[k]))
			goto out;
	}
	memcpy(records, found, sizeof(found));
	err = 0;
out:
	json_decref(doc);
	return err;
}
