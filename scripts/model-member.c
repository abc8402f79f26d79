// SPDX-License-Identifier: GPL-2.0
/*
 * Where is a member of a kernel structure, and which one is at an offset? From the
 * BTF of the guest's kernel.
 */
#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

#include "model.h"

#define NESTING 4 /* how deep a member's name goes */

static struct btf *kernel;

/* What the guest's /sys/kernel/btf/vmlinux has. */
int member_load(const char *path)
{
	if (!kernel)
		kernel = btf__parse_raw(path);
	return kernel ? 0 : -errno;
}

static const struct btf_type *plain(__u32 id, __u32 *ret_id)
{
	const struct btf_type *type = btf__type_by_id(kernel, id);

	while (type && (btf_is_mod(type) || btf_is_typedef(type))) {
		id = type->type;
		type = btf__type_by_id(kernel, id);
	}
	if (ret_id)
		*ret_id = id;
	return type;
}

static const char *name_of(__u32 offset)
{
	return btf__name_by_offset(kernel, offset);
}

/* Bytes from the start of a structure to a member; those of unnamed members count as its own. */
static int find_member(const struct btf_type *type, const char *member)
{
	for (__u32 i = 0; i < btf_vlen(type); i++) {
		const struct btf_member *at = &btf_members(type)[i];
		const struct btf_type *inner = plain(at->type, NULL);
		int offset = btf_member_bit_offset(type, i) / 8, below;

		if (!strcmp(name_of(at->name_off), member))
			return offset;
		if (*name_of(at->name_off) || !inner || !btf_is_composite(inner))
			continue;
		below = find_member(inner, member);
		if (below >= 0)
			return offset + below;
	}
	return -ENOENT;
}

int member_offset(const char *type, const char *member)
{
	__s32 id = btf__find_by_name_kind(kernel, type, BTF_KIND_STRUCT);

	return id < 0 ? -ENOENT : find_member(btf__type_by_id(kernel, id), member);
}

/* Of an enumerator, or -1. */
int member_value(const char *name)
{
	for (__u32 id = 1; id < btf__type_cnt(kernel); id++) {
		const struct btf_type *type = btf__type_by_id(kernel, id);

		for (__u32 i = 0; btf_is_enum(type) && i < btf_vlen(type); i++)
			if (!strcmp(name_of(btf_enum(type)[i].name_off), name))
				return btf_enum(type)[i].val;
	}
	return -1;
}

int member_size(const char *type)
{
	__s32 id = btf__find_by_name_kind(kernel, type, BTF_KIND_STRUCT);

	return id < 0 ? id : (int)btf__resolve_size(kernel, id);
}

/* The member of a structure that covers an offset, or -1. */
static int member_at(const struct btf_type *type, size_t offset)
{
	for (int i = 0; i < btf_vlen(type); i++) {
		size_t begin = btf_member_bit_offset(type, i) / 8;
		__s64 size = btf__resolve_size(kernel, btf_members(type)[i].type);

		if (begin <= offset && size > 0 && offset < begin + size)
			return i;
	}
	return -1;
}

/* Appends ".member.member" for as deep as it is of use. */
static void append_members(__u32 id, size_t offset, char *to, size_t size)
{
	const struct btf_type *type = plain(id, &id);

	for (int depth = 0; depth < NESTING && type; depth++) {
		size_t used = strlen(to);
		int member;

		if (btf_is_array(type)) {
			__s64 each = btf__resolve_size(kernel, btf_array(type)->type);

			if (each <= 0)
				return;
			offset %= each;
			type = plain(btf_array(type)->type, &id);
			continue;
		}
		member = btf_is_composite(type) ? member_at(type, offset) : -1;
		if (member < 0)
			return;
		if (*name_of(btf_members(type)[member].name_off))
			snprintf(to + used, size - used, ".%s",
				 name_of(btf_members(type)[member].name_off));
		offset -= btf_member_bit_offset(type, member) / 8;
		type = plain(btf_members(type)[member].type, &id);
	}
}

/* "type.member.member" for an offset in a structure. */
void member_name(const char *type, uint64_t offset, char *to, size_t size)
{
	__s32 id = btf__find_by_name_kind(kernel, type, BTF_KIND_STRUCT);

	if (id < 0) {
		snprintf(to, size, "%s+0x%llx", type, (unsigned long long)offset);
		return;
	}
	snprintf(to, size, "%s", type);
	append_members(id, offset, to, size);
}
