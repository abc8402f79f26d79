/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel types that the programs depend on: exactly the fields that they
 * read, relocated by CO-RE at load time, so that order and offsets do not
 * matter here. Hand-written; a field that is not in this file is not used.
 */
#ifndef VMLINUX_H
#define VMLINUX_H

#include <linux/types.h>
#include <linux/bpf.h>

#ifndef __bpf__
#error "only for BPF programs"
#endif

typedef _Bool bool;
#define true 1
#define false 0

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next;
};

typedef struct {
	__s64 counter;
} atomic64_t;
typedef atomic64_t atomic_long_t;

struct rw_semaphore {
	atomic_long_t count;
	atomic_long_t owner;
	struct list_head wait_list;
};

enum rwsem_waiter_type {
	RWSEM_WAITING_FOR_WRITE,
	RWSEM_WAITING_FOR_READ,
};

struct rwsem_waiter {
	struct list_head list;
	struct task_struct *task;
	enum rwsem_waiter_type type;
	unsigned long timeout;
};

struct mm_struct {
	struct rw_semaphore mmap_lock;
	struct task_struct *owner; /* CONFIG_MEMCG */
};

struct kernfs_node {
	__u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct task_struct {
	void *stack;
	unsigned int flags;
	int on_cpu; /* CONFIG_SMP */
	int pid;
	int tgid;
	struct task_struct *group_leader;
	struct mm_struct *mm;
	__u64 start_boottime;
	char comm[16];
	struct css_set *cgroups;
};

/* x86-64; other architectures have other names (README.md, limits) */
struct pt_regs {
	unsigned long r10;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
	unsigned long ip;
	unsigned long cs;
};

/* a slab's page, to tell what kind of object an address is */
struct kmem_cache;

struct slab {
	struct kmem_cache *slab_cache;
};

struct page {
	unsigned long flags;
};

/* 6.4 to 6.14: the lock of a VMA is an object of its own */
struct vma_lock {
	struct rw_semaphore lock;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

enum rwsem_wake_type {
	RWSEM_WAKE_ANY,
};

/* vmas.bpf.c: the mappings of a process and the paths of their files (6.1) */
#define NR_RANGE_PIVOTS	 15 /* MAPLE_RANGE64_SLOTS - 1, of 64-bit kernels */
#define NR_ARANGE_PIVOTS 9 /* MAPLE_ARANGE64_SLOTS - 1 */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct maple_range_64 {
	void *parent;
	unsigned long pivot[NR_RANGE_PIVOTS];
	void *slot[NR_RANGE_PIVOTS + 1];
};

struct maple_arange_64 {
	void *parent;
	unsigned long pivot[NR_ARANGE_PIVOTS];
	void *slot[NR_ARANGE_PIVOTS + 1];
};

struct maple_tree {
	void *ma_root;
};

struct mm_struct___vmas {
	struct maple_tree mm_mt;
	struct file *exe_file;
};

struct qstr {
	const unsigned char *name;
};

struct file_system_type {
	const char *name;
};

struct super_block {
	__u32 s_dev;
	struct file_system_type *s_type;
};

struct inode {
	struct super_block *i_sb;
	unsigned long i_ino;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
};

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	struct mm_struct___vmas *vm_mm;
	unsigned long vm_pgoff;
	struct file *vm_file;
};

struct fs_struct {
	struct path root;
};

struct task_struct___vmas {
	struct mm_struct___vmas *mm;
	struct fs_struct *fs;
};

#pragma clang attribute pop

#endif
