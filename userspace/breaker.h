/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Do the BPF programs cost too much? Pure: a sample of their cost and the time
 * in, a decision out. The daemon detaches and attaches.
 */
#ifndef FAULTLINE_BREAKER_H
#define FAULTLINE_BREAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BREAKER_MAX_COOLDOWN_NS (3600ULL * 1000000000)

struct breaker_limits {
	bool enabled;
	uint32_t cost_millipct; /* run time to the CPU time of the host */
	uint64_t max_rate; /* program runs a second */
	uint64_t cooldown_ns; /* the first one; doubles to BREAKER_MAX_COOLDOWN_NS */
};

struct breaker_sample {
	uint64_t sample_ns; /* length; 0: no sample was taken */
	uint64_t run_ns;
	uint64_t calls;
	uint32_t n_cpus;
};

struct breaker {
	bool open; /* programs are detached */
	bool suspect; /* the last sample was over a limit */
	uint64_t since_ns; /* of the last change */
	uint64_t cooldown_ns; /* of the opening now, or of the last one; 0: none yet */
	uint64_t times; /* opened so far */
	uint64_t cost_millipct; /* of the last sample, for status */
	uint64_t rate;
};

enum breaker_decision { BREAKER_KEEP, BREAKER_AGAIN, BREAKER_OPEN, BREAKER_CLOSE };

/*
 * Call with each sample, and with none (NULL) while it is open. A sample over a
 * limit asks for another at once (BREAKER_AGAIN), and only the second one in a row
 * opens: the time that a program was interrupted for counts as its own, so that
 * one sample of a busy or stolen CPU shows too much. Opening gives
 * the reason in one line. Closed for ten cooldowns in a row without trouble,
 * the cooldown is the first one again.
 */
enum breaker_decision breaker_decide(struct breaker *breaker, const struct breaker_limits *limits,
				     const struct breaker_sample *sample, uint64_t now_ns,
				     char *reason, size_t size);

#endif
