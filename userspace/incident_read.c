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

static const char *check(const json_t *doc)
{
	const json_t *head = json_object_get(doc, "incident");
	const char *id;

	if (!json_is_object(doc))
		return "is no JSON object: truncated or not a record; remove it";
	if (!json_is_integer(json_object_get(doc, "schema")) || !json_is_object(head) ||
	    !json_is_object(json_object_get(doc, "snapshot")))
		return "is no incident record; remove it";
	if (json_integer_value(json_object_get(doc, "schema")) > INCIDENT_SCHEMA)
		return "was written by a newer faultline; read it with that one";
	id = json_string_value(json_object_get(head, "id"));
	if (!id || !incident_dir_is_id(id) || !json_is_string(json_object_get(head, "comm")) ||
	    !json_is_string(json_object_get(head, "kind")) ||
	    !json_is_integer(json_object_get(head, "tgid")) ||
	    !json_is_integer(json_object_get(head, "time_unix_ns")))
		return "has an incomplete head; remove it";
	return NULL;
}

/* NULL with the problem, or the record. */
static json_t *load(const char *dir, const char *name, const char **ret_problem)
{
	char path[4096];
	json_t *doc = NULL;
	struct stat st;
	int fd = -1;

	*ret_problem = "cannot be read";
	if (snprintf(path, sizeof(path), "%s/%s", dir, name) < (int)sizeof(path))
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode)) {
		if (st.st_size > INCIDENT_MAX_FILE)
			*ret_problem = "is larger than any record; remove it";
		else {
			doc = json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL);
			*ret_problem = check(doc);
		}
	}
	if (fd >= 0)
		close(fd);
	if (*ret_problem) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}

int incident_list(const char *path, incident_list_fn fn, void *arg)
{
	struct incident_dir dir;
	int err = incident_dir_scan(path, false, &dir);

	if (err)
		return err;
	for (size_t i = 0; i < dir.n; i++) {
		const char *problem;
		json_t *doc = load(path, dir.entries[i].name, &problem);

		fn(arg, dir.entries[i].name, json_object_get(doc, "incident"), problem);
		json_decref(doc);
	}
	incident_dir_free(&dir);
	return 0;
}

int incident_read(const char *dir, const char *id, json_t **ret_record, const char **ret_problem)
{
	char name[INCIDENT_ID_LEN + 8];
	json_t *doc;

	*ret_problem = NULL;
	if (!incident_dir_is_id(id))
		return -EINVAL;
	snprintf(name, sizeof(name), "%s.json", id);
	if (!incident_dir_exists(dir, id))
		return -ENOENT;
	doc = load(dir, name, ret_problem);
	if (!doc)
		return -EPROTO;
	*ret_record = doc;
	return 0;
}
