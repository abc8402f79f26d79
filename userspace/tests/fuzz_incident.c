// SPDX-License-Identifier: GPL-2.0
/*
 * Can a record from elsewhere do harm to who shows it? What is refused has a reason;
 * what is shown has nothing in it that a terminal would obey.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd_incidents_print.h"
#include "incident.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show(const json_t *record, const struct snapshot *snap)
{
	struct render_opts opts;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	render_default_opts(&opts);
	if (!out || cmd_incidents_print(out, record, snap, &opts) || fclose(out))
		abort();
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] < ' ' && text[i] != '\n') || text[i] == 0x7f)
			abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("record", MFD_CLOEXEC);
	const char *problem = NULL, *where = NULL;
	struct snapshot *snap = NULL;
	json_t *record = NULL;
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (incident_load(path, &record, &problem)) {
		if (!problem)
			abort();
	} else if (!snapshot_from_json(json_object_get(record, "snapshot"), &snap, &where)) {
		show(record, snap);
	}
	snapshot_free(snap);
	json_decref(record);
	close(fd);
	return 0;
}
