// SPDX-License-Identifier: GPL-2.0
/*
 * Which kernel object is at this address? What the allocator knows says which one
 * it is in (a slab's cache has the name of its structure), BTF says which member is
 * there (model-member.c). All read from the guest's memory.
 */
#include <errno.h>
#include <string.h>

#include "model.h"
#include "model-qemu.h"

#define DIRECT_MAP   0xffff888000000000ULL
#define VMALLOC	     0xffffc90000000000ULL
#define VMEMMAP	     0xffffea0000000000ULL
#define VMEMMAP_SIZE 0x10000000000ULL
#define TEXT	     0xffffffff80000000ULL
#define PAGE_BITS    12
#define TYPE_SHIFT   24 /* of a page's type since 6.11 */
#define TYPE_BASE    0xf0000000 /* before: bits are cleared, these only with another one */
#define TYPE_TABLE   0x200
#define ANCHORS	     4
#define NAME_ROOM    64

static struct {
	unsigned int cpu; /* through whose page tables */
	uint64_t percpu, percpu_end;
	int page_size, head, flags, type; /* of struct page */
	int slab_bit, slab_type, table_type; /* how a page says what it is; -1: not that way */
	int cache, name, size, left; /* of struct slab and kmem_cache */
	struct anchor {
		uint64_t addr;
		int size;
		const char *type;
	} anchor[ANCHORS];
} objects;

/* Caches whose name is not that of their structure. */
static const struct {
	const char *cache, *type;
} known[] = {
	{"signal_cache", "signal_struct"},
	{"sighand_cache", "sighand_struct"},
	{"files_cache", "files_struct"},
	{"filp", "file"},
	{"inode_cache", "inode"},
	{"shmem_inode_cache", "shmem_inode_info"},
	{"ext4_inode_cache", "ext4_inode_info"},
};

int object_read(uint64_t addr, void *to, size_t size)
{
	return cpu_memory_rw_debug(qemu_get_cpu(objects.cpu), addr, to, size, false) < 0 ? -EFAULT
											 : 0;
}

uint64_t object_pointer(uint64_t addr)
{
	uint64_t pointer = 0;

	object_read(addr, &pointer, sizeof(pointer));
	return pointer;
}

/* --- what is known of a kernel before anything is asked */

/* Offsets; -ENOENT when the kernel's BTF lacks one that all kernels have. */
int object_load(void)
{
	objects.percpu = symbol_find("__per_cpu_offset");
	objects.percpu_end = symbol_find("__per_cpu_end");
	objects.page_size = member_size("page");
	objects.head = member_offset("page", "compound_head");
	objects.flags = member_offset("page", "flags");
	objects.type = member_offset("page", "page_type");
	objects.slab_bit = member_value("PG_slab");
	objects.slab_type = member_value("PGTY_slab");
	objects.table_type = member_value("PGTY_table");
	objects.cache = member_offset("slab", "slab_cache");
	objects.name = member_offset("kmem_cache", "name");
	objects.size = member_offset("kmem_cache", "size");
	objects.left = member_offset("kmem_cache", "red_left_pad");
	return !objects.percpu || objects.page_size <= 0 || objects.head < 0 || objects.flags < 0 ||
			       objects.cache < 0 || objects.name < 0 || objects.size < 0
		       ? -ENOENT
		       : 0;
}

/* Large objects that are there once, by the pointers to them. */
static void find_anchors(void)
{
	uint64_t node = symbol_find("node_data"), group = symbol_find("root_mem_cgroup");
	int per_node = member_offset("mem_cgroup", "nodeinfo");

	memset(objects.anchor, 0, sizeof(objects.anchor));
	if (node)
		objects.anchor[0] = (struct anchor){object_pointer(node),
						    member_size("pglist_data"), "pglist_data"};
	if (!group)
		return;
	group = object_pointer(group);
	objects.anchor[1] = (struct anchor){group, member_size("mem_cgroup"), "mem_cgroup"};
	if (per_node > 0)
		objects.anchor[2] = (struct anchor){object_pointer(group + per_node),
						    member_size("mem_cgroup_per_node"),
						    "mem_cgroup_per_node"};
}

/* A new look at the guest's memory. */
void object_look(unsigned int cpu)
{
	objects.cpu = cpu;
	find_anchors();
}

/* --- kinds of memory */

static bool name_anchor(uint64_t addr, char *to, size_t size)
{
	for (int i = 0; i < ANCHORS; i++) {
		const struct anchor *anchor = &objects.anchor[i];

		if (!anchor->type || addr < anchor->addr || addr >= anchor->addr + anchor->size)
			continue;
		member_name(anchor->type, addr - anchor->addr, to, size);
		return true;
	}
	return false;
}

static bool name_percpu(uint64_t addr, char *to, size_t size)
{
	uint64_t start;
	const char *name;

	for (unsigned int cpu = 0; cpu < MODEL_CPUS && step_vcpus[cpu].present; cpu++) {
		uint64_t offset = addr - object_pointer(objects.percpu + 8UL * cpu);

		if (offset >= objects.percpu_end)
			continue;
		name = symbol_at(offset, &start);
		if (!name)
			return false;
		snprintf(to, size, "per-CPU %s+0x%llx", name, (unsigned long long)(offset - start));
		return true;
	}
	return false;
}

static void name_in_cache(uint64_t cache, uint64_t offset, char *to, size_t size)
{
	char name[NAME_ROOM] = "";
	uint32_t each = 0, left = 0;

	object_read(object_pointer(cache + objects.name), name, sizeof(name) - 1);
	object_read(cache + objects.size, &each, sizeof(each));
	if (objects.left >= 0)
		object_read(cache + objects.left, &left, sizeof(left));
	if (!each) {
		snprintf(to, size, "slab");
		return;
	}
	offset = (offset - left) % each;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].cache, name))
			strcpy(name, known[i].type);
	member_name(name, offset, to, size);
}

static void name_page(uint64_t addr, char *to, size_t size)
{
	uint64_t page = VMEMMAP + ((addr - DIRECT_MAP) >> PAGE_BITS) * objects.page_size;
	uint64_t head = object_pointer(page + objects.head), flags;
	uint32_t type = 0;
	bool slab;

	if (head & 1)
		page = head - 1;
	flags = object_pointer(page + objects.flags);
	if (objects.type >= 0)
		object_read(page + objects.type, &type, sizeof(type));
	slab = objects.slab_type >= 0 ? type >> TYPE_SHIFT == (uint32_t)objects.slab_type
				      : objects.slab_bit >= 0 && flags >> objects.slab_bit & 1;
	addr -= DIRECT_MAP + ((page - VMEMMAP) / objects.page_size << PAGE_BITS);
	if (slab)
		name_in_cache(object_pointer(page + objects.cache), addr, to, size);
	else if (objects.table_type >= 0 ? type >> TYPE_SHIFT == (uint32_t)objects.table_type
					 : (type & (TYPE_BASE | TYPE_TABLE)) == TYPE_BASE)
		snprintf(to, size, "page table");
	else
		snprintf(to, size, "page");
}

/* structure.member, or what else is known of an address. */
void object_name(uint64_t addr, char *to, size_t size)
{
	uint64_t start;
	const char *name;

	if (addr >= TEXT && (name = symbol_at(addr, &start)))
		snprintf(to, size, addr == start ? "%s" : "%s+0x%llx", name,
			 (unsigned long long)(addr - start));
	else if (name_anchor(addr, to, size) || name_percpu(addr, to, size))
		return;
	else if (addr >= VMEMMAP && addr < VMEMMAP + VMEMMAP_SIZE)
		member_name("page", (addr - VMEMMAP) % objects.page_size, to, size);
	else if (addr >= VMALLOC)
		snprintf(to, size, "vmalloc area");
	else if (addr >= DIRECT_MAP)
		name_page(addr, to, size);
	else
		snprintf(to, size, "user 0x%llx", (unsigned long long)addr);
}
