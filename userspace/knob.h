/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only writer of vm.spf_* in this program. Each change is recorded before it
 * is made, so that whenever this process is killed its successor knows whose a
 * value is; what is not ours is never overwritten. Reads and writes files below
 * sysctl_dir and state_path and nothing else. One thread.
 */
#ifndef FAULTLINE_KNOB_H
#define FAULTLINE_KNOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy.h"

#define KNOB_WHY 192

/* Where a change stands: for tests that kill the process there. */
enum knob_step {
	KNOB_BEFORE, /* nothing has happened */
	KNOB_RECORDED, /* what is about to be done is on disk */
	KNOB_WRITTEN, /* the kernel has the value */
	KNOB_CONFIRMED, /* and the record says so */
	KNOB_NR_STEPS
};

struct knob_opts {
	const char *sysctl_dir; /* SPF_SYSCTL */
	const char *state_path;
	const char *boot_id; /* of this boot: a record of another one is void */
	uint32_t min[POLICY_NR_KNOBS];
	uint32_t max[POLICY_NR_KNOBS];
	uint32_t max_step; /* factor at a time; taking back is exempt */
	uint64_t interval_ns; /* between changes of one knob; taking back is exempt */
	bool restore_on_restart; /* what an earlier process left; else it is kept */
	void (*at_step)(void *arg, enum knob_step step); /* NULL except in tests */
	void *arg;
};

struct knob_record {
	bool present; /* this kernel has it */
	bool recorded; /* original and ours are on disk */
	uint32_t original; /* before we changed it */
	uint32_t ours; /* what we made of it */
	bool pending; /* next is recorded, not confirmed */
	uint32_t next;
	bool paused;
	char why[KNOB_WHY]; /* it is paused */
	char id[POLICY_ID_LEN]; /* of the last decision carried out */
	uint64_t changed_ns; /* CLOCK_MONOTONIC, of the last change */
};

struct knob;

/*
 * Reads the record, tells whose the values are, and takes ours back if
 * restore_on_restart. -ENOTSUP: no knob on this kernel. -EADDRINUSE: another
 * process has the record. -EPROTO: the record is not understood. *ret_why is one
 * line for the operator, to be freed. opts' strings must live as long.
 */
int knob_open(const struct knob_opts *opts, struct knob **ret_knob, char **ret_why);
void knob_close(struct knob *knob); /* NULL-safe; changes nothing */

/*
 * From old to new. 0; -EBUSY: the knob is paused, or is found now to have a value
 * that is not ours, and is paused for it; -ESTALE: old is not its value;
 * -ERANGE: out of range or too far a step; -EAGAIN: too soon; -EINVAL: the kernel
 * refuses the value; other -errno: nothing has changed. why is filled in.
 */
int knob_set(struct knob *knob, enum policy_knob which, uint32_t old, uint32_t new, const char *id,
	     uint64_t now_ns, char why[KNOB_WHY]);
/* Back to the original, if the value is still ours: 0, -EBUSY as above. */
int knob_restore(struct knob *knob, enum policy_knob which, uint64_t now_ns, char why[KNOB_WHY]);
/* Whose is the value now? Pauses the knob when it is somebody else's: -EBUSY. */
int knob_check(struct knob *knob, enum policy_knob which, char why[KNOB_WHY]);
int knob_pause(struct knob *knob, enum policy_knob which, const char *reason, char why[KNOB_WHY]);
/* What it has now counts as its original. */
int knob_resume(struct knob *knob, enum policy_knob which, char why[KNOB_WHY]);
const struct knob_record *knob_record(const struct knob *knob, enum policy_knob which);

/*
 * knob_state.c: the record on disk, whole or not at all; an array of
 * POLICY_NR_KNOBS. -ENOENT: none of this boot.
 */
int knob_state_read(const char *path, const char *boot_id, struct knob_record *records);
int knob_state_write(const char *path, const char *boot_id, const struct knob_record *records);

#endif
