// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: whatever the record of changed settings holds, it is refused, or
 * it can be written and reads the same again.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "knob.h"

#define BOOT "00000000-0000-0000-0000-000000000000" /* of the seed */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_same(const struct knob_record *a, const struct knob_record *b)
{
	return a->recorded == b->recorded && a->original == b->original && a->ours == b->ours &&
	       a->pending == b->pending && a->next == b->next && a->paused == b->paused &&
	       a->changed_ns == b->changed_ns && !strcmp(a->why, b->why) && !strcmp(a->id, b->id);
}

static void write_and_read(const struct knob_record *records)
{
	struct knob_record again[POLICY_NR_KNOBS] = {0};
	char path[64];

	snprintf(path, sizeof(path), "/dev/shm/fuzz_state.%d", getpid());
	if (knob_state_write(path, BOOT, records) || knob_state_read(path, BOOT, again))
		abort();
	for (int k = 0; k < POLICY_NR_KNOBS; k++)
		if (!is_same(&records[k], &again[k]))
			abort();
	unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct knob_record records[POLICY_NR_KNOBS] = {0}, before[POLICY_NR_KNOBS] = {0};
	int fd = memfd_create("state", MFD_CLOEXEC), err;
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	err = knob_state_read(path, BOOT, records);
	if (!err)
		write_and_read(records);
	else if ((err != -ENOENT && err != -EPROTO) ||
		 memcmp(records, before, sizeof(records)) != 0)
		abort();
	close(fd);
	return 0;
}
