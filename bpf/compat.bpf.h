/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between kernels, probed by existence and never by version.
 *
 * - contention_begin's flags: include/trace/events/lock.h, 16edd9b511a1 (5.19);
 *   LCB_F_MUTEX: dc1f7893a70f (5.19).
 * - mm->owner is there with CONFIG_MEMCG only; without it a waiter of another
 *   process cannot be told from one of any other rwsem.
 * - the rwsem words: kernel/locking/rwsem.c. PREEMPT_RT has an rwbase_rt
 *   instead, without an owner: then no holder is known.
 * - struct vma_lock: c7f8f31c00d1 (6.4) to 75404e07663b (6.15).
 * - struct slab: d122019bf061 (5.17).
 */
#ifndef FAULTLINE_COMPAT_BPF_H
#define FAULTLINE_COMPAT_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define LCB_F_SPIN   (1U << 0)
#define LCB_F_READ   (1U << 1)
#define LCB_F_WRITE  (1U << 2)
#define LCB_F_PERCPU (1U << 4)
#define LCB_F_MUTEX  (1U << 5)

#define RWSEM_WRITER_LOCKED (1UL << 0)
#define RWSEM_FLAG_WAITERS  (1UL << 1)
#define RWSEM_READER_SHIFT  8
#define RWSEM_READER_OWNED  (1UL << 0)
#define RWSEM_OWNER_MASK    (~7UL)

#define PF_EXITING     0x00000004
#define PF_IO_WORKER   0x00000010
#define PF_USER_WORKER 0x00004000 /* 54e6842d0775 (6.4); before, of no use */
#define PF_KTHREAD     0x00200000

/*
 * Threads of a process that were never in user space: io_uring's and vhost's.
 * Their user registers are a copy of their creator's and tell nothing.
 */
#define PF_WORKERS	  (PF_IO_WORKER | PF_USER_WORKER)
#define NR_IO_URING_ENTER 426

#define X86_USER32_CS 0x23

/* Addresses of kernel variables, set by userspace where the kernel has them. */
const volatile __u64 vma_lock_cachep_addr;
const volatile __u64 page_offset_base_addr;
const volatile __u64 vmemmap_base_addr;

static __always_inline bool kernel_has_mm_owner(void)
{
	return bpf_core_field_exists(struct mm_struct, owner);
}

static __always_inline bool kernel_has_rwsem_owner(void)
{
	return bpf_core_field_exists(struct rw_semaphore, owner);
}

static __always_inline __u64 mmap_lock_offset(void)
{
	return bpf_core_field_offset(struct mm_struct, mmap_lock);
}

static __always_inline __u64 kernel_word(__u64 addr)
{
	__u64 word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), (void *)addr);
	return word;
}

/*
 * Is this address an object of the slab cache of VMA locks? The object has no
 * way back to its VMA, but its page tells which cache it came from. x86-64:
 * the direct map and vmemmap are linear from their (randomised) bases.
 */
static __always_inline bool is_vma_lock(__u64 lock)
{
	__u64 page, word;

	if (!vma_lock_cachep_addr || !bpf_core_type_exists(struct slab))
		return false;
	page = (lock - kernel_word(page_offset_base_addr)) >> 12;
	page = kernel_word(vmemmap_base_addr) + page * bpf_core_type_size(struct page);
	word = kernel_word(page + bpf_core_field_offset(struct slab, slab_cache));
	if (word & 1) /* tail page: the same word leads to the head */
		word = kernel_word(word - 1 + bpf_core_field_offset(struct slab, slab_cache));
	return word && word == kernel_word(vma_lock_cachep_addr);
}

#endif
