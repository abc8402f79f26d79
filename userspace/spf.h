/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does a kernel with speculative page faults tell about them? Its counters
 * in /proc/vmstat and its settings in /proc/sys/vm; absence is an answer. Reads
 * only. The names and their meanings: kernel-patches/README.md.
 */
#ifndef FAULTLINE_SPF_H
#define FAULTLINE_SPF_H

#include <stddef.h>
#include <stdint.h>

/* What has been counted since boot, or between two looks. */
enum spf_counter {
	SPF_FAULTS, /* pgfault: of every process, with the lock or without */
	SPF_ATTEMPT, /* went on without the lock */
	SPF_OK, /* and were handled; every kind */
	SPF_ABORT_VMA, /* and were not; reasons from here on */
	SPF_ABORT_TYPE,
	SPF_ABORT_PGTABLE,
	SPF_ABORT_PTL,
	SPF_ABORT_CHANGED,
	SPF_ABORT_BLOCKED,
	SPF_ABORT_ANON_VMA,
	SPF_ABORT_THP,
	SPF_ABORT_MT_BUSY,
	SPF_ABORT_OOM,
	SPF_ABORT_OTHER, /* and every reason that this program does not know */
	SPF_CONTENDED, /* a look at the lock found it in use */
	SPF_QUIET, /* a look after speculating found it free */
	SPF_TRYLOCK_RACE,
	SPF_ACTIVATE, /* processes whose faults may speculate */
	SPF_BLOCK, /* a writer kept speculation out */
	SPF_NR_COUNTERS
};

struct spf_counts {
	uint64_t n[SPF_NR_COUNTERS];
};

const char *spf_counter_name(enum spf_counter counter); /* "attempt", "abort_vma" */
/* Of the kernel's enum spf_reason, FL_SPF_REASONS of them: "ok", "abort_vma". */
const char *spf_reason_name(unsigned int reason);
uint64_t spf_aborts(const struct spf_counts *counts); /* of all reasons */
/* now - before; a counter that went backwards (another boot) counts as 0. */
void spf_diff(const struct spf_counts *before, const struct spf_counts *now,
	      struct spf_counts *ret_diff);

/*
 * From the text of /proc/vmstat. 0, or -ENOTSUP when it has no spf_attempt: the
 * kernel was built without. Pure.
 */
int spf_parse_vmstat(const char *text, struct spf_counts *ret_counts);
/* From a file, "/proc/vmstat"; also -errno of reading it. */
int spf_read_vmstat(const char *path, struct spf_counts *ret_counts);

#define SPF_VMSTAT "/proc/vmstat"
#define SPF_SYSCTL "/proc/sys/vm"

/*
 * A setting, by its name ("spf_backoff_max") in a folder (SPF_SYSCTL): 0,
 * -ENOTSUP when it is not there, -EPROTO when it is no number, other -errno.
 */
int spf_read_sysctl(const char *dir, const char *name, uint32_t *ret_value);

#endif
