/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does a look at a lock cost that others use? A cache line goes from one CPU
 * to another and back: there for the look, back for the next who takes the lock.
 */
#ifndef FAULTLINE_TRANSFER_H
#define FAULTLINE_TRANSFER_H

#include <stdint.h>

/*
 * Nanoseconds there and back, the fastest of some batches, between two CPUs that
 * this thread may use; if it is bound to one, of its cpuset. 0: there is one CPU only,
 * or the machine was too busy for both to run at once. Takes 50 ms at most; the
 * affinity is as before then.
 */
uint64_t transfer_measure_ns(void);

#endif
