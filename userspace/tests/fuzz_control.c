// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: whatever a client sends as a line, it is a known request or it
 * is refused with a reason.
 */
#include <stdint.h>
#include <stdlib.h>

#include "control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_request request = {.cmd = CONTROL_NR_CMDS};
	const char *why = NULL;
	int err = control_parse((const char *)data, size, &request, &why);

	if (err ? !why || request.cmd != CONTROL_NR_CMDS : request.cmd >= CONTROL_NR_CMDS)
		abort();
	return 0;
}
