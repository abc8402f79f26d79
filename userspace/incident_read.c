// SPDX-License-Identifier: GPL-2.0
/*
 * Which incidents were there? Reads the records for the CLI; a file that is
 * broken is named, and the rest is read all the same. Writes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "incident.h"
#include "incident_dir.h"
#include "snapshot.h"

static const char *check(const json_t *doc)
{
	const json_t *head = json_object_get(doc, "incident");
	const json_t *snap = json_object_get(doc, "snapshot");
	const json_t *schema = json_object_get(doc, "schema");
	const char *id;

	if (!json_is_object(doc))
		return "damaged: cut off, or no record; copy it again, or remove it";
	if (!json_is_integer(schema) || !json_is_object(head) || !json_is_object(snap))
		return "is no incident record";
	if (json_integer_value(schema) > INCIDENT_SCHEMA ||
	    json_integer_value(json_object_get(snap, "schema")) > SNAPSHOT_SCHEMA)
		return "was written by a newer faultline; read it with that one";
	id = json_string_value(json_object_get(head, "id"));
	if (!id || !incident_dir_is_id(id) || !json_is_string(json_object_get(head, "comm")) ||
	    !json_is_string(json_object_get(head, "kind")) ||
	    !json_is_integer(json_object_get(head, "tgid")) ||
	    !json_is_integer(json_object_get(head, "time_unix_ns")))
		return "damaged: its head is incomplete; copy it again, or remove it";
	return NULL;
}

/* 0, -EPROTO with *ret_problem, or -errno. */
static int load(const char *path, int flags, json_t **ret_record, const char **ret_problem)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
	const char *problem;
	json_t *doc = NULL;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		problem = "is no file";
	} else if (st.st_size > INCIDENT_MAX_FILE) {
		problem = "is larger than any record";
	} else {
		doc = json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL);
		problem = check(doc);
	}
	close(fd);
	if (problem) {
		json_decref(doc);
		*ret_problem = problem;
		return -EPROTO;
	}
	*ret_record = doc;
	return 0;
}

int incident_load(const char *path, json_t **ret_record, const char **ret_problem)
{
	return load(path, 0, ret_record, ret_problem);
}

/* In the folder of records there are no links. */
static int load_in(const char *dir, const char *name, json_t **ret_record, const char **ret_problem)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return load(path, O_NOFOLLOW, ret_record, ret_problem);
}

int incident_list(const char *path, incident_list_fn fn, void *arg)
{
	struct incident_dir dir;
	int err = incident_dir_scan(path, false, &dir);

	if (err)
		return err;
	for (size_t i = 0; i < dir.n; i++) {
		const char *problem = NULL;
		json_t *doc = NULL;

		err = load_in(path, dir.entries[i].name, &doc, &problem);
		if (err && !problem)
			problem = strerror(-err);
		fn(arg, dir.entries[i].name, json_object_get(doc, "incident"), problem);
		json_decref(doc);
	}
	incident_dir_free(&dir);
	return 0;
}

int incident_read(const char *dir, const char *id, json_t **ret_record, const char **ret_problem)
{
	char name[INCIDENT_ID_LEN + 8];

	*ret_problem = NULL;
	if (!incident_dir_is_id(id))
		return -EINVAL;
	snprintf(name, sizeof(name), "%s.json", id);
	return load_in(dir, name, ret_record, ret_problem);
}
