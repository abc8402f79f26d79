// SPDX-License-Identifier: GPL-2.0
/*
 * May this value be written, and whose is the one that is there? A change is
 * three steps: the record says what will be, the kernel gets it, the record says
 * that it is. Whatever of it a killed process has left, the value is the one
 * before, which is recorded, or the one after, which is recorded too. Anything
 * else is somebody else's: it stays, and the knob is paused.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "knob.h"
#include "spf.h"

struct knob {
	struct knob_opts opts;
	struct knob_record records[POLICY_NR_KNOBS];
	int lock_fd;
};

static int fail(int err, char why[KNOB_WHY], const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static int fail(int err, char why[KNOB_WHY], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, KNOB_WHY, format, args);
	va_end(args);
	return err;
}

static void at_step(const struct knob *knob, enum knob_step step)
{
	if (knob->opts.at_step)
		knob->opts.at_step(knob->opts.arg, step);
}

static int save(const struct knob *knob, char why[KNOB_WHY])
{
	int err = knob_state_write(knob->opts.state_path, knob->opts.boot_id, knob->records);

	if (!err)
		return 0;
	return fail(err, why, "%s: not written (%s); no value is changed without it",
		    knob->opts.state_path, strerror(-err));
}

static int read_value(const struct knob *knob, enum policy_knob which, uint32_t *ret_value,
		      char why[KNOB_WHY])
{
	int err = spf_read_sysctl(knob->opts.sysctl_dir, policy_knob_file(which), ret_value);

	if (!err)
		return 0;
	return fail(err, why, "%s cannot be read (%s)", policy_knob_name(which), strerror(-err));
}

static int write_value(const struct knob *knob, enum policy_knob which, uint32_t value)
{
	char path[PATH_MAX], text[16];
	int fd, len, err = 0;

	snprintf(path, sizeof(path), "%s/%s", knob->opts.sysctl_dir, policy_knob_file(which));
	len = snprintf(text, sizeof(text), "%u\n", value);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != len)
		err = -errno;
	close(fd);
	return err;
}

/* --- whose value is it? */

static int pause_for(struct knob *knob, enum policy_knob which, uint32_t value, char why[KNOB_WHY])
{
	struct knob_record *r = &knob->records[which];
	char unsaved[KNOB_WHY];

	snprintf(r->why, sizeof(r->why),
		 "somebody else set %s to %u (it was %u, set by us); 'faultline policy resume' "
		 "takes it over from there",
		 policy_knob_name(which), value, r->ours);
	r->paused = true;
	r->pending = false;
	save(knob, unsaved); /* paused in any case */
	return fail(-EBUSY, why, "%s", r->why);
}

int knob_check(struct knob *knob, enum policy_knob which, char why[KNOB_WHY])
{
	struct knob_record *r = &knob->records[which];
	uint32_t value;
	int err;

	if (!r->present)
		return fail(-ENOTSUP, why, "this kernel has no %s", policy_knob_name(which));
	if (r->paused)
		return fail(-EBUSY, why, "%s", r->why);
	if (!r->recorded)
		return 0;
	err = read_value(knob, which, &value, why);
	if (err)
		return err;
	return value == r->ours ? 0 : pause_for(knob, which, value, why);
}

/* --- changes */

static int refused(struct knob *knob, enum policy_knob which, uint32_t value, int err,
		   char why[KNOB_WHY])
{
	char unsaved[KNOB_WHY];

	knob->records[which].pending = false;
	save(knob, unsaved); /* if not: the value before is recorded as well */
	if (err == -EINVAL)
		return fail(err, why, "the kernel refuses %s=%u: out of its range",
			    policy_knob_name(which), value);
	return fail(err, why, "%s=%u: not written (%s)", policy_knob_name(which), value,
		    strerror(-err));
}

/*
 * The value was looked at a moment ago. Who writes to it in between loses: the
 * kernel has no compare-and-exchange for settings.
 */
static int change(struct knob *knob, enum policy_knob which, uint32_t value, uint64_t now_ns,
		  char why[KNOB_WHY])
{
	struct knob_record *r = &knob->records[which], before = *r;
	int err;

	at_step(knob, KNOB_BEFORE);
	r->recorded = r->pending = true;
	r->next = value;
	err = save(knob, why);
	if (err) {
		*r = before;
		return err;
	}
	at_step(knob, KNOB_RECORDED);
	err = write_value(knob, which, value);
	if (err)
		return refused(knob, which, value, err, why);
	at_step(knob, KNOB_WRITTEN);
	r->ours = value;
	r->pending = false;
	r->changed_ns = now_ns;
	err = save(knob, why); /* if not: next is on disk, and is what the kernel has */
	at_step(knob, KNOB_CONFIRMED);
	return err;
}

static int check_set(const struct knob *knob, enum policy_knob which, uint32_t old, uint32_t new,
		     uint64_t now_ns, char why[KNOB_WHY])
{
	const struct knob_opts *o = &knob->opts;
	const struct knob_record *r = &knob->records[which];
	const char *name = policy_knob_name(which);
	uint64_t step = o->max_step;

	if (new < o->min[which] || new > o->max[which])
		return fail(-ERANGE, why, "%s=%u is outside the configured range, %u to %u", name,
			    new, o->min[which], o->max[which]);
	if (new > old * step || new < (old + step - 1) / step)
		return fail(-ERANGE, why, "%s from %u to %u is more than a factor of %u at a time",
			    name, old, new, o->max_step);
	if (r->changed_ns && now_ns - r->changed_ns < o->interval_ns)
		return fail(-EAGAIN, why, "%s was changed %llu ms ago, and may be every %llu ms",
			    name, (unsigned long long)((now_ns - r->changed_ns) / 1000000),
			    (unsigned long long)(o->interval_ns / 1000000));
	return 0;
}

int knob_set(struct knob *knob, enum policy_knob which, uint32_t old, uint32_t new, const char *id,
	     uint64_t now_ns, char why[KNOB_WHY])
{
	struct knob_record *r = &knob->records[which];
	uint32_t value;
	int err;

	err = knob_check(knob, which, why);
	if (!err)
		err = read_value(knob, which, &value, why);
	if (err)
		return err;
	if (value != old)
		return fail(-ESTALE, why, "%s is %u and not %u: decided on too old a value",
			    policy_knob_name(which), value, old);
	err = check_set(knob, which, old, new, now_ns, why);
	if (err)
		return err;
	if (!r->recorded)
		r->original = r->ours = value;
	snprintf(r->id, sizeof(r->id), "%s", id);
	return change(knob, which, new, now_ns, why);
}

int knob_restore(struct knob *knob, enum policy_knob which, uint64_t now_ns, char why[KNOB_WHY])
{
	struct knob_record *r = &knob->records[which];
	int err = knob_check(knob, which, why);

	if (err || !r->recorded)
		return err;
	if (r->ours != r->original)
		err = change(knob, which, r->original, now_ns, why);
	if (err)
		return err;
	r->recorded = false;
	return save(knob, why);
}

int knob_pause(struct knob *knob, enum policy_knob which, const char *reason, char why[KNOB_WHY])
{
	struct knob_record *r = &knob->records[which];
	int err = 0;

	if (!r->present)
		return fail(-ENOTSUP, why, "this kernel has no %s", policy_knob_name(which));
	if (!r->recorded)
		err = read_value(knob, which, &r->ours, why);
	if (err)
		return err;
	if (!r->recorded)
		r->original = r->ours;
	r->recorded = r->paused = true;
	snprintf(r->why, sizeof(r->why), "%s", reason);
	return save(knob, why);
}

int knob_resume(struct knob *knob, enum policy_knob which, char why[KNOB_WHY])
{
	struct knob_record *r = &knob->records[which];
	uint32_t value;
	int err;

	if (!r->present)
		return fail(-ENOTSUP, why, "this kernel has no %s", policy_knob_name(which));
	err = read_value(knob, which, &value, why);
	if (err)
		return err;
	if (!r->paused)
		return 0;
	if (value != r->ours) { /* what somebody else wants is what we go back to */
		r->original = r->ours = value;
		r->recorded = false;
	}
	r->paused = false;
	r->why[0] = '\0';
	return save(knob, why);
}

const struct knob_record *knob_record(const struct knob *knob, enum policy_knob which)
{
	return &knob->records[which];
}

/* --- what an earlier process has left */

static int adopt(struct knob *knob, enum policy_knob which, char why[KNOB_WHY])
{
	struct knob_record *r = &knob->records[which];
	uint32_t value;
	int err;

	err = read_value(knob, which, &value, why);
	if (err == -ENOTSUP) {
		*r = (struct knob_record){.present = false};
		return 0;
	}
	r->present = true;
	if (err || !r->recorded || r->paused)
		return err;
	if (r->pending && value == r->next)
		r->ours = value; /* killed after the write */
	r->pending = false;
	if (value != r->ours)
		pause_for(knob, which, value, why);
	return 0;
}

static int take_lock(struct knob *knob, char why[KNOB_WHY])
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s.lock", knob->opts.state_path);
	knob->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (knob->lock_fd < 0)
		return fail(-errno, why, "%s: cannot be opened (%s)", path, strerror(errno));
	if (!flock(knob->lock_fd, LOCK_EX | LOCK_NB))
		return 0;
	return fail(errno == EWOULDBLOCK ? -EADDRINUSE : -errno, why,
		    "%s: another process changes these settings already", knob->opts.state_path);
}

static int start(struct knob *knob, char why[KNOB_WHY])
{
	bool any = false;
	int err = take_lock(knob, why);

	if (err)
		return err;
	err = knob_state_read(knob->opts.state_path, knob->opts.boot_id, knob->records);
	if (err && err != -ENOENT)
		return fail(err, why,
			    "%s: not understood; look what it says about originals, then remove it",
			    knob->opts.state_path);
	for (int k = 0; k < POLICY_NR_KNOBS; k++) {
		err = adopt(knob, k, why);
		if (err)
			return err;
		any |= knob->records[k].present;
	}
	if (!any)
		return fail(-ENOTSUP, why, "this kernel has no vm.spf_*: there is nothing to set");
	for (int k = 0; k < POLICY_NR_KNOBS && knob->opts.restore_on_restart; k++)
		if (knob->records[k].present && !knob->records[k].paused)
			err = knob_restore(knob, k, 0, why);
	return err;
}

int knob_open(const struct knob_opts *opts, struct knob **ret_knob, char **ret_why)
{
	struct knob *knob = calloc(1, sizeof(*knob));
	char why[KNOB_WHY] = "";
	int err;

	*ret_why = NULL;
	if (!knob)
		return -ENOMEM;
	knob->opts = *opts;
	knob->lock_fd = -1;
	err = start(knob, why);
	if (err) {
		*ret_why = strdup(why);
		knob_close(knob);
		return err;
	}
	*ret_knob = knob;
	return 0;
}

void knob_close(struct knob *knob)
{
	if (!knob)
		return;
	if (knob->lock_fd >= 0)
		close(knob->lock_fd);
	free(knob);
}
