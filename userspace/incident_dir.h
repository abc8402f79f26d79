/* SPDX-License-Identifier: GPL-2.0 */
/* The folder of incident records: names, sizes, whole files. Only for incident*.c. */
#ifndef FAULTLINE_INCIDENT_DIR_H
#define FAULTLINE_INCIDENT_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct incident_entry {
	char *name; /* "ID.json" */
	uint64_t bytes;
};

struct incident_dir {
	struct incident_entry *entries; /* by name: oldest first */
	size_t n;
	size_t files; /* n at first */
	size_t removed;
	uint64_t bytes;
};

/* "20260102T030405Z-1234-1": also keeps paths out of what users type. */
bool incident_dir_is_id(const char *id);
/* When the trigger of a record was seen, by its name; UINT64_MAX: no name of one. */
uint64_t incident_dir_time_ns(const char *name);
/* All records; clear: also remove temporary files that a killed writer left. */
int incident_dir_scan(const char *path, bool clear, struct incident_dir *ret_dir);
void incident_dir_free(struct incident_dir *dir);
int incident_dir_remove(const char *path, struct incident_dir *dir, size_t i);
bool incident_dir_exists(const char *path, const char *id);
/* Whole or not at all, and on the disk when it returns 0. */
int incident_dir_write(const char *path, const char *id, const char *text, size_t len);
/* Called between the steps of a write; a test overrides it to kill the writer there. */
void incident_dir_step(const char *step);

#endif
