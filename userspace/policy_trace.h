/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads recordings with windows of the policy in them, of 'faultline record' or of
 * the daemon ([policy] Trace), for the simulator.
 */
#ifndef FAULTLINE_POLICY_TRACE_H
#define FAULTLINE_POLICY_TRACE_H

#include <stdio.h>

#include "policy_sim.h"

struct policy_trace {
	uint64_t windows;
	uint64_t decisions; /* recorded, and decided again from the same windows */
	uint64_t different; /* not decided in the same way */
	char first_difference[2 * POLICY_ID_LEN + 64];
	struct policy_limits limits; /* the last of the recording */
	bool has_limits;
};

/*
 * phase NULL: as the recording says, else its name. Adds to *trace. 0; -EPROTO: not
 * a recording, -ENODATA: without a window, with one line in why; other -errno.
 */
int policy_trace_read(FILE *in, const char *phase, struct policy_sim *sim,
		      struct policy_trace *trace, char *why, size_t why_size);

#endif
