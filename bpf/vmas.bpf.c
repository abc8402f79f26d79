// SPDX-License-Identifier: GPL-2.0
/*
 * Which file is mapped at this address of that process?
 *
 * Every interface that answers this takes (/proc/PID/maps, map_files,
 * PROCMAP_QUERY) or tries (bpf_find_vma, task_vma iterators) the mmap_lock that
 * is being watched. So a task iterator, limited to one thread, walks the maple
 * tree by probe reads, as an RCU reader of the kernel would, and accepts a VMA
 * only if it holds the address and belongs to the mm, before and after its
 * file was looked at. A wrong answer is still possible where a VMA is reused
 * in between: userspace compares the inode of the file that it opens.
 *
 * One address a run: userspace asks once for each mapping, not each address.
 * Needs the maple tree (6.1; commit d4af56c5c7c6).
 */
#include "faultline.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define MAX_HEIGHT	 12 /* 10 slots a node, at least half full: 5^12 mappings */
#define MAX_NAMES	 48
#define NAME_LEN	 256 /* NAME_MAX and a NUL */
#define NODE_MASK	 255UL
#define NODE_TYPE(enode) (((enode) >> 3) & 0xf)
#define NODE_LEAF_64	 1
#define NODE_RANGE_64	 2
#define NODE_ARANGE_64	 3
#define NR_RANGE_PIVOTS	 15
#define ROOT_IS_NODE	 2 /* else an entry, or nothing */

char LICENSE[] SEC("license")
= "GPL";

__u64 request; /* address; written by userspace before each run */
struct fl_vma reply;

/*
 * One level down: the entry for index in a node, 0 if the node is dead or not
 * of a type that address spaces use. Global, as are the next two, so that the
 * verifier looks at it once and not once for each way through the loop.
 */
__noinline __u64 vmas_descend(__u64 enode, __u64 index)
{
	struct maple_range_64 *range = (void *)(enode & ~NODE_MASK);
	struct maple_arange_64 *arange = (void *)range;
	bool is_arange = NODE_TYPE(enode) == NODE_ARANGE_64;
	unsigned long pivots[NR_RANGE_PIVOTS] = {};
	int slot = is_arange ? NR_ARANGE_PIVOTS : NR_RANGE_PIVOTS;
	void **slots = is_arange ? arange->slot : range->slot;
	void *next = NULL;

	if (is_arange)
		bpf_core_read(pivots, sizeof(arange->pivot), &arange->pivot);
	else
		bpf_core_read(pivots, sizeof(range->pivot), &range->pivot);
	for (int i = NR_RANGE_PIVOTS - 1; i >= 0; i--)
		if (i < slot && pivots[i] >= index)
			slot = i;
	bpf_probe_read_kernel(&next, sizeof(next), slots + slot);
	/* a dead node is its own parent; read after the slot, as ma_dead_node() is */
	if (BPF_CORE_READ(range, parent) == (void *)range)
		return 0;
	return (__u64)next;
}

__noinline int vmas_push_name(__u64 dentry)
{
	__u32 used = reply.names_len;
	long len;

	if (used > FL_VMA_NAMES_LEN - NAME_LEN)
		return -1;
	len = bpf_probe_read_kernel_str(&reply.names[used], NAME_LEN,
					BPF_CORE_READ((struct dentry *)dentry, d_name.name));
	if (len <= 1)
		return -1;
	reply.names_len = used + len;
	reply.nr_names++;
	return 0;
}

static struct vm_area_struct *find_vma(struct mm_struct___vmas *mm, __u64 addr)
{
	__u64 entry = (__u64)BPF_CORE_READ(mm, mm_mt.ma_root);

	if ((entry & 3) != ROOT_IS_NODE)
		return NULL;
	for (int i = 0; i < MAX_HEIGHT && entry; i++) {
		__u64 type = NODE_TYPE(entry);

		if (type < NODE_LEAF_64 || type > NODE_ARANGE_64)
			return NULL;
		entry = vmas_descend(entry, addr);
		if (type == NODE_LEAF_64)
			return (void *)entry;
	}
	return NULL;
}

static bool holds(struct vm_area_struct *vma, struct mm_struct___vmas *mm, __u64 addr)
{
	return vma && BPF_CORE_READ(vma, vm_start) <= addr && BPF_CORE_READ(vma, vm_end) > addr &&
	       BPF_CORE_READ(vma, vm_mm) == mm;
}

/* Names from the file up to the root of the process, across mounts. */
static __u32 walk_path(struct task_struct___vmas *task, struct file *file)
{
	struct dentry *root = BPF_CORE_READ(task, fs, root.dentry);
	struct vfsmount *root_mnt = BPF_CORE_READ(task, fs, root.mnt);
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct vfsmount *vfsmnt = BPF_CORE_READ(file, f_path.mnt);

	for (int i = 0; i < MAX_NAMES; i++) {
		struct mount *mount = (void *)vfsmnt - bpf_core_field_offset(struct mount, mnt);
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);

		if (dentry == root && vfsmnt == root_mnt)
			return FL_VMA_PATH;
		if (dentry == BPF_CORE_READ(vfsmnt, mnt_root)) {
			struct mount *above = BPF_CORE_READ(mount, mnt_parent);

			if (!above || above == mount)
				return FL_VMA_OTHER_ROOT;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			vfsmnt = (void *)above + bpf_core_field_offset(struct mount, mnt);
			continue;
		}
		if (vmas_push_name((__u64)dentry))
			return 0;
		if (parent == dentry)
			return FL_VMA_NO_DIR;
		dentry = parent;
	}
	return 0;
}

SEC("iter/task")
int what_is_mapped(struct bpf_iter__task *ctx)
{
	struct task_struct___vmas *task = (void *)ctx->task;
	struct vm_area_struct *vma;
	struct mm_struct___vmas *mm;
	struct file *file;

	if (!task)
		return 0;
	mm = BPF_CORE_READ(task, mm);
	reply.addr = request;
	reply.names_len = reply.nr_names = reply.flags = 0;
	vma = mm ? find_vma(mm, reply.addr) : NULL;
	if (!holds(vma, mm, reply.addr))
		return 0;
	reply.start = BPF_CORE_READ(vma, vm_start);
	reply.end = BPF_CORE_READ(vma, vm_end);
	reply.pgoff = BPF_CORE_READ(vma, vm_pgoff);
	file = BPF_CORE_READ(vma, vm_file);
	reply.flags = FL_VMA_FOUND;
	if (file) {
		reply.ino = BPF_CORE_READ(file, f_inode, i_ino);
		reply.dev = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
		bpf_probe_read_kernel_str(reply.fs_type, sizeof(reply.fs_type),
					  BPF_CORE_READ(file, f_inode, i_sb, s_type, name));
		if (file == BPF_CORE_READ(mm, exe_file))
			reply.flags |= FL_VMA_EXE;
		reply.flags |= FL_VMA_FILE | walk_path(task, file);
	}
	if (!holds(vma, mm, reply.addr) || BPF_CORE_READ(vma, vm_file) != file ||
	    BPF_CORE_READ(vma, vm_start) != reply.start)
		reply.flags = FL_VMA_CHANGED;
	return 0;
}
