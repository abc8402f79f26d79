// SPDX-License-Identifier: GPL-2.0
/*
 * What does the running kernel have that the programs need? Looked up in its
 * BTF by name; addresses of three variables in /proc/kallsyms, and only where
 * the kernel has VMA locks that are rwsems.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "kernel.h"
#include "ksym.h"

static bool has_typedef(const struct btf *btf, const char *name)
{
	return btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF) > 0;
}

static bool has_func(const struct btf *btf, const char *name)
{
	return btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) > 0;
}

/* Is there a member of this name, also inside anonymous structs and unions? */
static bool type_has_member(const struct btf *btf, int id, const char *member, int depth)
{
	const struct btf_type *type = btf__type_by_id(btf, id);
	const struct btf_member *m;
	const char *name;

	while (type && (btf_is_mod(type) || btf_is_typedef(type)))
		type = btf__type_by_id(btf, type->type);
	if (!type || !btf_is_composite(type) || depth > 4)
		return false;
	m = btf_members(type);
	for (int i = 0; i < btf_vlen(type); i++, m++) {
		name = btf__name_by_offset(btf, m->name_off);
		if (name && !strcmp(name, member))
			return true;
		if (name && !*name && type_has_member(btf, m->type, member, depth + 1))
			return true;
	}
	return false;
}

static bool has_member(const struct btf *btf, const char *type, const char *member)
{
	int id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);

	return id > 0 && type_has_member(btf, id, member, 0);
}

static void find_addresses(struct kernel_facts *facts)
{
	FILE *file = fopen(ksym_path(), "re");
	char line[512], name[256];
	unsigned long long addr;
	char type;

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%llx %c %255s", &addr, &type, name) != 3)
			continue;
		if (!strcmp(name, "vma_lock_cachep"))
			facts->vma_lock_cachep_addr = addr;
		else if (!strcmp(name, "page_offset_base"))
			facts->page_offset_base_addr = addr;
		else if (!strcmp(name, "vmemmap_base"))
			facts->vmemmap_base_addr = addr;
		if (facts->vma_lock_cachep_addr && facts->page_offset_base_addr &&
		    facts->vmemmap_base_addr)
			break;
	}
	fclose(file);
	if (!facts->page_offset_base_addr || !facts->vmemmap_base_addr)
		facts->vma_lock_cachep_addr = 0;
}

int kernel_probe(struct kernel_facts *ret_facts)
{
	struct kernel_facts facts = {};
	libbpf_print_fn_t print = libbpf_set_print(NULL); /* what is missing the caller says */
	struct btf *btf = btf__load_vmlinux_btf();
	int err = btf ? 0 : errno == ENOMEM ? -ENOMEM : -ENOENT;

	libbpf_set_print(print);
	facts.speculative = !access("/proc/sys/vm/spf_enabled", F_OK);
	if (!btf) {
		*ret_facts = facts;
		return err;
	}
	facts.btf = true;
	facts.contention = has_typedef(btf, "btf_trace_contention_begin") &&
			   has_typedef(btf, "btf_trace_contention_end");
	facts.contended_release = has_typedef(btf, "btf_trace_contended_release");
	facts.mark_wake = has_func(btf, "rwsem_mark_wake");
	facts.slowpaths = has_func(btf, "rwsem_down_read_slowpath") &&
			  has_func(btf, "rwsem_down_write_slowpath");
	facts.mm_owner = has_member(btf, "mm_struct", "owner");
	facts.per_vma_locks = has_member(btf, "vm_area_struct", "vm_lock_seq");
	facts.vma_lock_rwsem = has_member(btf, "vma_lock", "lock");
	facts.maple_tree = has_member(btf, "mm_struct", "mm_mt");
	facts.rt = !has_member(btf, "rw_semaphore", "owner");
	btf__free(btf);
	if (facts.vma_lock_rwsem)
		find_addresses(&facts);
	*ret_facts = facts;
	return 0;
}
