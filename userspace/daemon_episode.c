// SPDX-License-Identifier: GPL-2.0
/*
 * Since when is a process in trouble, and what were its totals before? A record of
 * a freeze must cover the freeze, not the rest of a second, and a freeze must not
 * give one record as a wait and another as a ratio. Remembers few processes, and
 * of each only its own rows; who finds no room gets the last window as its base.
 */
#include <errno.h>

#include "daemon.h"

bool daemon_waits_unfinished(const struct snapshot *snap, uint32_t tgid, uint64_t start_ns)
{
	for (size_t i = 0; i < snap->n_waits; i++)
		if (!snap->waits[i].finished && snap->waits[i].tgid == tgid &&
		    snap->waits[i].start_ns == start_ns)
			return true;
	return false;
}

struct daemon_episode *daemon_episode_find(struct daemon *d, uint32_t tgid, uint64_t start_ns)
{
	for (size_t i = 0; i < d->n_episodes; i++)
		if (d->episodes[i].tgid == tgid && d->episodes[i].start_ns == start_ns)
			return &d->episodes[i];
	return NULL;
}

/* A copy of the process's rows. */
static int copy_of(const struct snapshot *snap, uint32_t tgid, struct snapshot **ret_copy)
{
	struct snap_filter filter = {.pids = &tgid, .n_pids = 1};
	struct snapshot *nothing = snapshot_new(), *copy = NULL;
	int err = -ENOMEM;

	if (nothing)
		err = snapshot_diff(nothing, snap, &copy);
	if (!err)
		err = snapshot_filter(copy, &filter);
	if (!err)
		*ret_copy = copy;
	else
		snapshot_free(copy);
	snapshot_free(nothing);
	return err;
}

/*
 * Rows as they were at the end of the last window, when the trouble was not yet to
 * be seen; stacks, which that snapshot does not have, as they are now.
 */
static void take_base(struct daemon *d, struct daemon_episode *episode)
{
	struct snap_filter filter = {.pids = &episode->tgid, .n_pids = 1};
	struct snapshot *base = NULL, *now = NULL;
	struct snap_stack *stacks;
	size_t n;

	if (!d->before || copy_of(d->before, episode->tgid, &base))
		return;
	if (!daemon_snapshot(d, true, &now) && !snapshot_filter(now, &filter)) {
		stacks = base->stacks;
		n = base->n_stacks;
		base->stacks = now->stacks;
		base->n_stacks = now->n_stacks;
		now->stacks = stacks;
		now->n_stacks = n;
	}
	snapshot_free(now);
	snapshot_free(episode->base);
	episode->base = base;
	episode->base_ns = base->meta.mono_ns;
}

struct daemon_episode *daemon_episode_note(struct daemon *d, uint32_t tgid, uint64_t start_ns)
{
	struct daemon_episode *episode = daemon_episode_find(d, tgid, start_ns);

	if (!episode && d->n_episodes < DAEMON_EPISODES) {
		episode = &d->episodes[d->n_episodes++];
		*episode = (struct daemon_episode){.tgid = tgid, .start_ns = start_ns};
		take_base(d, episode);
	}
	if (episode)
		episode->last_ns = daemon_now_ns();
	return episode;
}

void daemon_episode_window(struct daemon *d, const struct snapshot *diff)
{
	uint64_t now_ns;
	size_t kept = 0;

	for (size_t i = 0; i < d->hot.n; i++)
		daemon_episode_note(d, d->hot.procs[i].tgid, d->hot.procs[i].start_ns);
	now_ns = daemon_now_ns(); /* not before what was noted just now */
	for (size_t i = 0; i < d->n_episodes; i++) {
		struct daemon_episode *episode = &d->episodes[i];
		bool waits = daemon_waits_unfinished(diff, episode->tgid, episode->start_ns);

		/* while detached nobody knows */
		if (waits || !diff->meta.attached)
			episode->last_ns = now_ns;
		if (now_ns - episode->last_ns > DAEMON_CALM_NS) {
			snapshot_free(episode->base);
			continue;
		}
		if (!waits && diff->meta.attached && now_ns - episode->base_ns > DAEMON_BASE_NS)
			take_base(d, episode);
		d->episodes[kept++] = *episode;
	}
	d->n_episodes = kept;
}

void daemon_episode_free(struct daemon *d)
{
	for (size_t i = 0; i < d->n_episodes; i++)
		snapshot_free(d->episodes[i].base);
	d->n_episodes = 0;
}
