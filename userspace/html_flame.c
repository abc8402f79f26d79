// SPDX-License-Identifier: GPL-2.0
/*
 * Which stacks are worth a graph? Those of waiters and of holders, where there are
 * any; and for all holders, also those that were too quick to be sampled, a graph
 * of what they were about.
 */
#include <errno.h>
#include <string.h>

#include "flame.h"
#include "html_draw.h"

static bool has_stacks(const struct snapshot *snap, enum snap_role role)
{
	for (size_t i = 0; i < snap->n_stacks; i++)
		if (snap->stacks[i].role == role && snap->stacks[i].n)
			return true;
	return false;
}

int html_put_flame(FILE *out, const struct snapshot *snap, enum snap_role role, const char *title)
{
	const struct flame_opts opts = {.role = role, .title = title, .in_page = true};
	int err;

	if (!has_stacks(snap, role))
		return 0;
	fputs("<div class=\"box\">\n", out);
	err = flame_write(out, snap, &opts);
	fputs("</div>\n", out);
	return err == -ENODATA ? 0 : err;
}

/* A holder as a stack of what it was about: program, cause, details. */
static int add_holder(struct snapshot *blamed, const struct snap_task *holder, uint64_t count,
		      uint64_t ns)
{
	struct snap_stack *stack;
	int err = 0;

	if (!holder->tid || !ns)
		return 0;
	stack = snapshot_add_stack(blamed);
	if (!stack)
		return -ENOMEM;
	stack->role = SNAP_HOLDER;
	memcpy(stack->comm, holder->comm, sizeof(stack->comm));
	stack->count = count;
	stack->total_ns = ns;
	if (holder->detail && *holder->detail)
		err = snapshot_add_frame(stack, holder->detail);
	return err ? err : snapshot_add_frame(stack, cause_name(holder->cause));
}

/* Of waits that ended, and of those that have not: they are in no total. */
static int add_holders(struct snapshot *blamed, const struct snapshot *snap)
{
	int err = 0;

	for (size_t i = 0; !err && i < snap->n_blames; i++)
		err = add_holder(blamed, &snap->blames[i].holder, snap->blames[i].count,
				 snap->blames[i].total_ns);
	for (size_t i = 0; !err && i < snap->n_waits; i++)
		if (!snap->waits[i].finished)
			err = add_holder(blamed, &snap->waits[i].holder, 1, snap->waits[i].dur_ns);
	return err;
}

int html_put_blamed(FILE *out, const struct snapshot *snap)
{
	struct snapshot *blamed = snapshot_new();
	struct snap_meta own;
	int err;

	if (!blamed)
		return -ENOMEM;
	err = add_holders(blamed, snap);
	own = blamed->meta;
	blamed->meta = snap->meta; /* lent: its strings belong to snap */
	if (!err)
		err = html_put_flame(out, blamed, SNAP_HOLDER,
				     "Held by: program, then what it did");
	blamed->meta = own;
	snapshot_free(blamed);
	return err;
}
