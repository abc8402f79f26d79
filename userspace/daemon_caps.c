// SPDX-License-Identifier: GPL-2.0
/*
 * What may the daemon do, once everything is open? It keeps only what later steps
 * need:
 *   BPF, PERFMON     attach again after the circuit breaker, read and write maps
 *   SYS_ADMIN        BPF_ENABLE_STATS, the measurement of our own cost
 *   SYS_PTRACE       /proc/PID/{exe,root,ns} of other users' processes
 *   DAC_READ_SEARCH  binaries whose symbols are wanted
 *   SYSLOG           addresses in /proc/kallsyms
 *   DAC_OVERRIDE     only with a textfile: its folder may be another user's
 * It does not change user, and does not filter system calls: the unit does.
 */
#include <cap-ng.h>
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "daemon.h"

int daemon_caps_check(void)
{
	if (capng_get_caps_process())
		return -EINVAL;
	/* before 5.8 SYS_ADMIN stood for both */
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN))
		return 0;
	return -EPERM;
}

/*
 * root needs no capability to write settings: what keeps us from it is that we see
 * them read-only, as a unit with ProtectKernelTunables=yes would. In a mount
 * namespace of our own, into which what is mounted later still comes.
 */
int daemon_caps_settings_read_only(void)
{
	static const char settings[] = "/proc/sys";
	struct statvfs now;

	if (!statvfs(settings, &now) && now.f_flag & ST_RDONLY)
		return 0; /* the unit does it */
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) ||
	    mount(settings, settings, NULL, MS_BIND, NULL) ||
	    mount(NULL, settings, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV,
		  NULL))
		return -errno;
	return 0;
}

int daemon_caps_drop(const struct config *config)
{
	static const unsigned int keep[] = {CAP_BPF,	    CAP_PERFMON,	 CAP_SYS_ADMIN,
					    CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_SYSLOG};
	const capng_type_t both = CAPNG_EFFECTIVE | CAPNG_PERMITTED;
	unsigned int have[sizeof(keep) / sizeof(keep[0]) + 1];
	size_t n = 0;

	/* to ask for one that the service manager has not given would fail as a whole */
	capng_get_caps_process();
	for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
		if (capng_have_capability(CAPNG_PERMITTED, keep[i]))
			have[n++] = keep[i];
	if (*config->metrics_textfile && capng_have_capability(CAPNG_PERMITTED, CAP_DAC_OVERRIDE))
		have[n++] = CAP_DAC_OVERRIDE;
	capng_clear(CAPNG_SELECT_CAPS);
	for (size_t i = 0; i < n; i++)
		capng_update(CAPNG_ADD, both, have[i]);
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}
