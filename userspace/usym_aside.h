/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Work on files that a watched process chose, done aside: in a child process of
 * which a crash, a loop, a file system that never answers or a header that
 * makes a library allocate too much ends the child only. Not thread-safe.
 */
#ifndef FAULTLINE_USYM_ASIDE_H
#define FAULTLINE_USYM_ASIDE_H

#include <sys/types.h>

/*
 * Call fn(arg) in a child; what it is to tell must go to shared memory. 0 when it
 * returned; -EFAULT when the child died; -ETIMEDOUT when it was killed after
 * timeout_ms, with *ret_lingering its pid if it is not dead yet (else 0), to be
 * waited for by the caller; or another negative errno.
 */
int usym_aside(void (*fn)(void *arg), void *arg, int timeout_ms, pid_t *ret_lingering);

#endif
