/* SPDX-License-Identifier: GPL-2.0 */
/* Stacks of a snapshot merged from their roots: what a flame graph draws. Pure. */
#ifndef FAULTLINE_FLAME_TREE_H
#define FAULTLINE_FLAME_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "flame.h"

#define FLAME_MAX_DEPTH 128 /* frames over the root; the rest of a stack is cut */
#define FLAME_MAX_NODES 50000 /* a browser still zooms these */

enum flame_kind { FLAME_ROOT, FLAME_TASK, FLAME_USER, FLAME_KERNEL, FLAME_NR_KINDS };
enum flame_unit { FLAME_NS, FLAME_WAITS, FLAME_SAMPLES };

struct flame_node {
	char *name; /* function without its offset */
	uint64_t weight; /* its own and its children's */
	enum flame_kind kind;
	uint32_t child; /* index of the first; 0: none */
	uint32_t next; /* sibling; 0: none */
};

struct flame_tree {
	struct flame_node *nodes; /* [0] is the root */
	size_t n;
	size_t max;
	unsigned int depth; /* of the deepest node; the root has 0 */
	enum flame_unit unit;
	uint64_t stacks;
	uint64_t cut; /* stacks whose tops are missing: too deep, or too many nodes */
};

/* 0; -ENODATA: nothing selected; -ENOMEM. flame_tree_free() in any case. */
int flame_tree_build(struct flame_tree *tree, const struct snapshot *snap,
		     const struct flame_opts *opts);
void flame_tree_free(struct flame_tree *tree);

#endif
