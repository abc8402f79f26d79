// SPDX-License-Identifier: GPL-2.0
/*
 * Which functions did the waiting (or holding) go through, and how much through
 * each? Stacks are merged from the task's name upwards: user frames, then the
 * kernel's. Frames are merged by function, so their offsets are dropped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flame_tree.h"

/* "func+0x1a [lib]" is "func [lib]"; "0x7f12 [lib+0x34 id]" is kept. */
static char *function_of(const char *frame)
{
	size_t func = strcspn(frame, " ["), len = strlen(frame);
	const char *plus = memchr(frame, '+', func);
	char *name = malloc(len + 1);
	size_t keep = plus ? (size_t)(plus - frame) : func;

	if (!name)
		return NULL;
	if (plus && strncmp(plus, "+0x", 3))
		keep = func;
	memcpy(name, frame, keep);
	memcpy(name + keep, frame + func, len - func + 1);
	return name;
}

/* The child of this name, made if need be; 0: no room or no memory. */
static uint32_t child_of(struct flame_tree *tree, uint32_t parent, const char *frame,
			 enum flame_kind kind)
{
	char *name = function_of(frame);
	uint32_t *link = &tree->nodes[parent].child;

	for (; name && *link; link = &tree->nodes[*link].next) {
		const struct flame_node *node = &tree->nodes[*link];

		if (node->kind == kind && !strcmp(node->name, name)) {
			free(name);
			return *link;
		}
	}
	if (!name || tree->n == tree->max) {
		free(name);
		return 0;
	}
	*link = tree->n;
	tree->nodes[tree->n] = (struct flame_node){.name = name, .kind = kind};
	return tree->n++;
}

/* Frames of one stack from the outermost in; the node that was reached, 0: cut. */
static uint32_t add_frames(struct flame_tree *tree, uint32_t at, const struct snap_stack *stack,
			   uint64_t weight, unsigned int *depth)
{
	enum flame_kind kind = stack->user ? FLAME_USER : FLAME_KERNEL;

	for (size_t i = stack->n; i-- > 0;) {
		if (*depth == FLAME_MAX_DEPTH)
			return 0;
		at = child_of(tree, at, stack->frames[i], kind);
		if (!at)
			return 0;
		tree->nodes[at].weight += weight;
		if (++*depth > tree->depth)
			tree->depth = *depth;
	}
	return at;
}

static const struct snap_stack *user_part(const struct snapshot *snap,
					  const struct snap_stack *stack)
{
	if (stack->below < 0 || (size_t)stack->below >= snap->n_stacks)
		return NULL;
	return &snap->stacks[stack->below];
}

static void add_stack(struct flame_tree *tree, const struct snapshot *snap,
		      const struct snap_stack *stack, uint64_t weight)
{
	const struct snap_stack *user = user_part(snap, stack);
	unsigned int depth = 1;
	uint32_t at;

	tree->stacks++;
	tree->nodes[0].weight += weight;
	at = child_of(tree, 0, stack->comm[0] ? stack->comm : "?", FLAME_TASK);
	if (at) {
		tree->nodes[at].weight += weight;
		if (tree->depth < depth)
			tree->depth = depth;
	}
	if (at && user && user->user)
		at = add_frames(tree, at, user, weight, &depth);
	if (at)
		at = add_frames(tree, at, stack, weight, &depth);
	if (!at)
		tree->cut++;
}

static bool selected(const struct snap_stack *stack, const struct flame_opts *opts)
{
	return stack->role == opts->role && (!opts->tgid || stack->tgid == opts->tgid);
}

/* User stacks that a kernel stack stands on are drawn with it, not alone. */
static int mark_drawn_below(const struct snapshot *snap, const struct flame_opts *opts,
			    bool **ret_drawn)
{
	bool *drawn = calloc(snap->n_stacks + 1, sizeof(*drawn));

	if (!drawn)
		return -ENOMEM;
	for (size_t i = 0; i < snap->n_stacks; i++) {
		const struct snap_stack *stack = &snap->stacks[i];

		if (selected(stack, opts) && user_part(snap, stack))
			drawn[stack->below] = true;
	}
	*ret_drawn = drawn;
	return 0;
}

static uint64_t weight_of(const struct snap_stack *stack, enum flame_unit unit)
{
	switch (unit) {
	case FLAME_NS:
		return stack->count ? stack->total_ns : 0;
	case FLAME_WAITS:
		return stack->count;
	default:
		return 1;
	}
}

static enum flame_unit unit_of(const struct snapshot *snap, const struct flame_opts *opts)
{
	for (size_t i = 0; i < snap->n_stacks; i++)
		if (selected(&snap->stacks[i], opts) && snap->stacks[i].count)
			return opts->by_count ? FLAME_WAITS : FLAME_NS;
	return FLAME_SAMPLES;
}

static size_t most_nodes(const struct snapshot *snap)
{
	size_t max = 1;

	for (size_t i = 0; i < snap->n_stacks; i++) {
		const struct snap_stack *user = user_part(snap, &snap->stacks[i]);

		max += 1 + snap->stacks[i].n + (user ? user->n : 0);
		if (max > FLAME_MAX_NODES)
			return FLAME_MAX_NODES;
	}
	return max;
}

int flame_tree_build(struct flame_tree *tree, const struct snapshot *snap,
		     const struct flame_opts *opts)
{
	bool *drawn = NULL;
	int err;

	*tree = (struct flame_tree){.n = 1, .unit = unit_of(snap, opts)};
	tree->max = most_nodes(snap);
	tree->nodes = calloc(tree->max, sizeof(*tree->nodes));
	if (!tree->nodes)
		return -ENOMEM;
	tree->nodes[0].kind = FLAME_ROOT;
	err = mark_drawn_below(snap, opts, &drawn);
	if (err)
		return err;
	for (size_t i = 0; i < snap->n_stacks; i++) {
		const struct snap_stack *stack = &snap->stacks[i];
		uint64_t weight = weight_of(stack, tree->unit);

		if (weight && stack->n && !drawn[i] && selected(stack, opts))
			add_stack(tree, snap, stack, weight);
	}
	free(drawn);
	return tree->nodes[0].weight ? 0 : -ENODATA;
}

void flame_tree_free(struct flame_tree *tree)
{
	for (size_t i = 0; tree->nodes && i < tree->n; i++)
		free(tree->nodes[i].name);
	free(tree->nodes);
	*tree = (struct flame_tree){};
}
