/* SPDX-License-Identifier: GPL-2.0 */
/* What the running kernel has, from its BTF and /sys; probed, never by version. */
#ifndef FAULTLINE_KERNEL_H
#define FAULTLINE_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

struct kernel_facts {
	bool btf;
	bool contention; /* lock:contention_begin and _end */
	bool contended_release; /* lock:contended_release */
	bool mark_wake; /* rwsem_mark_wake() in BTF */
	bool slowpaths; /* both rwsem slow paths in BTF */
	bool mm_owner; /* mm_struct.owner (CONFIG_MEMCG) */
	bool vma_lock_rwsem; /* struct vma_lock: 6.4 to 6.14 */
	bool per_vma_locks; /* vm_area_struct.vm_lock_seq */
	bool maple_tree; /* mm_struct.mm_mt */
	bool rt; /* no rwsem owner word */
	bool speculative; /* vm.spf_enabled is there */
	/* addresses of kernel variables; 0: not there or hidden */
	uint64_t vma_lock_cachep_addr;
	uint64_t page_offset_base_addr;
	uint64_t vmemmap_base_addr;
};

/* 0, -ENOENT when there is no BTF (facts are then zero), or another -errno. */
int kernel_probe(struct kernel_facts *ret_facts);

#endif
