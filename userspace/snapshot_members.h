/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The members of a snapshot in JSON: one table a struct, which the writer
 * (snapshot_json.c) and the reader (snapshot_parse.c) share, so that they
 * cannot disagree. Nothing else includes this.
 */
#ifndef FAULTLINE_SNAPSHOT_MEMBERS_H
#define FAULTLINE_SNAPSHOT_MEMBERS_H

#include <stddef.h>

enum member_type {
	MEMBER_U64,
	MEMBER_U32,
	MEMBER_INT,
	MEMBER_BOOL,
	MEMBER_STRING,
	MEMBER_COMM,
	MEMBER_ENUM
};

struct snapshot_member {
	const char *name; /* NULL: end of the table */
	enum member_type type;
	size_t offset;
	const char *(*enum_name)(int value);
	int enum_nr;
};

extern const struct snapshot_member snapshot_task_members[];
extern const struct snapshot_member snapshot_proc_members[];
extern const struct snapshot_member snapshot_blame_members[];
extern const struct snapshot_member snapshot_wait_members[];
extern const struct snapshot_member snapshot_stack_members[];
extern const struct snapshot_member snapshot_feature_members[];
extern const struct snapshot_member snapshot_meta_members[];
extern const struct snapshot_member snapshot_wait_indices[]; /* into stacks */
extern const struct snapshot_member snapshot_spec_members[];
extern const struct snapshot_member snapshot_knob_members[]; /* in meta.speculation */

#endif
