/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What can be done about contention, by the cause of the hold. Ids are stable:
 * they are in incident records and in what people write to each other.
 */
#ifndef FAULTLINE_ADVICE_H
#define FAULTLINE_ADVICE_H

#include "cause.h"

struct advice {
	const char *id; /* "A-procfs-reader" */
	const char *text; /* one clause or two, no full stop at the end */
};

/* For a holder of this cause; NULL when there is nothing to say. */
const struct advice *advice_for(enum cause holder);

#endif
