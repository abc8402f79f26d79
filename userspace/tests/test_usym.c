// SPDX-License-Identifier: GPL-2.0
/*
 * usym and elfsym: names of functions of this very program, by mappings that
 * the test describes itself; then the same file damaged in thousands of ways,
 * which must never crash or hang.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elfsym.h"
#include "usym.h"

#define NR_MUTANTS 3000

__attribute__((noinline)) int usym_test_global(int x);
__attribute__((noinline)) int usym_test_global(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 1;
}

static __attribute__((noinline)) int usym_test_static(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 2;
}

/* The mapping of an address of this process, as vmas_lookup() would tell it. */
static struct vma_info mapping_of(const void *at)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uintptr_t addr = (uintptr_t)at;
	struct vma_info info = {};
	unsigned long start, end, offset;
	char line[4096], path[4096];
	struct stat st;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		int got = sscanf(line, "%lx-%lx %*s %lx %*s %*u %4095[^\n]", &start, &end, &offset,
				 path);

		if (got < 3 || addr < start || addr >= end)
			continue;
		info = (struct vma_info){.start = start, .end = end, .offset = offset};
		if (got == 4 && path[0] == '/') {
			assert_int_equal(stat(path, &st), 0);
			info.ino = st.st_ino;
			info.dev = st.st_dev;
			strcpy(info.fs_type, "ext4"); /* whatever it is, it answers */
			info.flags = FL_VMA_FOUND | FL_VMA_FILE | FL_VMA_PATH;
			info.path = strdup(path);
		}
	}
	fclose(maps);
	return info;
}

static char *resolve(struct usym *usym, const struct vma_info *vma, uint64_t addr)
{
	char *name = NULL;

	assert_int_equal(usym_resolve(usym, getpid(), vma, &addr, 1, &name), 0);
	assert_non_null(name);
	return name;
}

static void expect_prefix(char *name, const char *prefix)
{
	if (strncmp(name, prefix, strlen(prefix)))
		fail_msg("'%s' does not begin with '%s'", name, prefix);
	free(name);
}

static void test_own_functions(void **state)
{
	struct vma_info vma = mapping_of(usym_test_global);
	struct usym *usym = usym_new("/nonexistent");
	uint64_t addrs[] = {(uintptr_t)usym_test_global, (uintptr_t)usym_test_static + 1,
			    (uintptr_t)usym_test_global + 1, 0x10};
	struct vma_info vmas[] = {vma, vma, vma, {}};
	char *names[4];

	(void)state;
	assert_int_equal(usym_test_global(1) + usym_test_static(1), 5);
	assert_int_equal(usym_resolve(usym, getpid(), vmas, addrs, 4, names), 0);
	expect_prefix(names[0], "usym_test_global+0x0 [test_usym");
	expect_prefix(names[1], "usym_test_static+0x1 [test_usym");
	expect_prefix(names[2], "usym_test_global+0x1 [test_usym");
	assert_string_equal(names[3], "0x0000000000000010");
	free(names[3]);
	for (int i = 0; i < 2; i++) /* from the cache */
		expect_prefix(resolve(usym, &vma, addrs[2]), "usym_test_global+0x1 [test_usym");
	free(vma.path);
	usym_free(usym);
}

/* An exported function of a stripped library: found in the dynamic table. */
static void test_library(void **state)
{
	const void *at = dlsym(RTLD_DEFAULT, "getppid");
	struct vma_info vma = mapping_of(at);
	struct usym *usym = usym_new("/nonexistent");

	(void)state;
	assert_non_null(vma.path);
	expect_prefix(resolve(usym, &vma, (uintptr_t)at + 2), "getppid+0x2 [libc");
	free(vma.path);
	usym_free(usym);
}

/* What cannot be trusted or read falls back to less, and says so. */
static void test_fallbacks(void **state)
{
	struct vma_info vma = mapping_of(usym_test_global), other = vma;
	uint64_t addr = (uintptr_t)usym_test_global, header = vma.start - vma.offset;
	struct usym *usym = usym_new(NULL);
	char *name;

	(void)state;
	other.ino++; /* another file by now */
	name = resolve(usym, &other, addr);
	assert_null(strstr(name, "usym_test_global"));
	assert_non_null(strstr(name, " [test_usym"));
	free(name);
	other = vma;
	strcpy(other.fs_type, "fuse"); /* must not be opened at all */
	name = resolve(usym, &other, addr);
	assert_null(strstr(name, "usym_test_global"));
	free(name);
	other = vma;
	other.dev++; /* as with btrfs and overlay */
	name = resolve(usym, &other, addr);
	assert_non_null(strstr(name, "usym_test_global+0x0 [test_usym"));
	assert_non_null(strstr(name, "?]"));
	free(name);
	other = vma;
	other.start = header; /* the ELF header: in the file, in no function */
	other.offset = 0;
	name = resolve(usym, &other, header + 16);
	assert_non_null(strstr(name, "+0x10 "));
	assert_true(strlen(strrchr(name, ' ')) >= 40); /* build id */
	free(name);
	other = (struct vma_info){.start = 4096, .end = 8192, .path = "memfd:\n\"x"};
	name = resolve(usym, &other, 4100);
	assert_string_equal(name, "0x0000000000001004 [memfd:\\x0a\"x+0x4]");
	free(name);
	free(vma.path);
	usym_free(usym);
}

/* A path that is a link out of the root, a pipe or a folder is not followed or read. */
static void test_not_regular(void **state)
{
	char dir[] = "/tmp/faultline-usym-XXXXXX", path[64];
	struct vma_info vma = {.start = 4096, .end = 8192, .flags = FL_VMA_FILE, .path = path};
	struct usym *usym = usym_new(NULL);
	struct stat st;
	char *name;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/pipe", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(stat(path, &st), 0);
	vma.ino = st.st_ino;
	vma.dev = st.st_dev;
	strcpy(vma.fs_type, "ext4");
	name = resolve(usym, &vma, 4100);
	assert_string_equal(name, "0x0000000000001004 [pipe+0x4]");
	free(name);
	unlink(path);
	rmdir(dir);
	usym_free(usym);
}

static void exercise(const unsigned char *bytes, size_t size)
{
	uint64_t vaddrs[] = {0, 0x1000, 0x2345, 0x400000, UINT64_MAX};
	struct elfsym_hit hits[5];
	struct elfsym *elf = NULL;
	int fd = memfd_create("mutant", MFD_CLOEXEC);
	uint64_t vaddr;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	if (elfsym_open(fd, &elf)) {
		assert_null(elf);
		return;
	}
	if (!elfsym_vaddr(elf, 0x1234, &vaddr))
		vaddrs[2] = vaddr > 0x1000 && vaddr < 0x400000 ? vaddr : 0x2345;
	assert_true(strlen(elfsym_build_id(elf)) <= 64);
	assert_int_equal(elfsym_lookup(elf, vaddrs, 5, hits), 0);
	for (int i = 0; i < 5; i++)
		free(hits[i].name);
	elfsym_free(elf);
}

static unsigned int step(unsigned int *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* A small ELF file of every part that is read. */
struct small_elf {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[2];
	struct {
		Elf64_Nhdr head;
		char name[4];
		unsigned char id[20];
	} note;
	Elf64_Sym syms[3];
	char strings[16];
	Elf64_Shdr shdrs[3];
};

static void make_small(struct small_elf *elf)
{
	*elf = (struct small_elf){
		.ehdr = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1},
			 .e_type = ET_DYN,
			 .e_phoff = offsetof(struct small_elf, phdrs),
			 .e_phentsize = sizeof(Elf64_Phdr),
			 .e_phnum = 2,
			 .e_shoff = offsetof(struct small_elf, shdrs),
			 .e_shentsize = sizeof(Elf64_Shdr),
			 .e_shnum = 3},
		.phdrs = {{.p_type = PT_LOAD, .p_vaddr = 0x1000, .p_filesz = sizeof(*elf)},
			  {.p_type = PT_NOTE,
			   .p_offset = offsetof(struct small_elf, note),
			   .p_filesz = sizeof(elf->note)}},
		.note = {{4, 20, NT_GNU_BUILD_ID}, "GNU", {0xab, 0xcd}},
		.syms = {{},
			 {1, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1, 0x1000, 0x10},
			 {5, ELF64_ST_INFO(STB_LOCAL, STT_FUNC), 0, 1, 0x2000, 0x400}},
		.strings = "\0one\0two",
		.shdrs = {{},
			  {.sh_type = SHT_SYMTAB,
			   .sh_offset = offsetof(struct small_elf, syms),
			   .sh_size = sizeof(elf->syms),
			   .sh_entsize = sizeof(Elf64_Sym),
			   .sh_link = 2},
			  {.sh_type = SHT_STRTAB,
			   .sh_offset = offsetof(struct small_elf, strings),
			   .sh_size = sizeof(elf->strings)}},
	};
}

static void test_small(void **state)
{
	const uint64_t vaddrs[] = {0xfff, 0x100f, 0x1010, 0x2345, 0x2400};
	struct elfsym_hit hits[5] = {};
	struct elfsym *elf = NULL;
	struct small_elf small;
	uint64_t vaddr = 0;
	int fd = memfd_create("small", MFD_CLOEXEC);

	(void)state;
	make_small(&small);
	assert_int_equal(write(fd, &small, sizeof(small)), sizeof(small));
	assert_int_equal(elfsym_open(fd, &elf), 0);
	assert_string_equal(elfsym_build_id(elf), "abcd000000000000000000000000000000000000");
	assert_true(elfsym_is_full(elf));
	assert_int_equal(elfsym_vaddr(elf, 16, &vaddr), 0);
	assert_int_equal(vaddr, 0x1010);
	assert_int_equal(elfsym_vaddr(elf, sizeof(small), &vaddr), -ENOENT);
	assert_int_equal(elfsym_lookup(elf, vaddrs, 5, hits), 0);
	assert_null(hits[0].name);
	assert_string_equal(hits[1].name, "one");
	assert_int_equal(hits[1].offset, 0xf);
	assert_null(hits[2].name);
	assert_string_equal(hits[3].name, "two");
	assert_int_equal(hits[3].offset, 0x345);
	assert_null(hits[4].name);
	free(hits[1].name);
	free(hits[3].name);
	elfsym_free(elf);
}

static void test_truncated(void **state)
{
	struct small_elf small;

	(void)state;
	make_small(&small);
	for (size_t size = 0; size <= sizeof(small); size++)
		exercise((unsigned char *)&small, size);
}

static void test_mutants(void **state)
{
	static const unsigned char nasty[] = {0, 1, 0x7f, 0x80, 0xff};
	struct small_elf small;
	unsigned char *bytes = (unsigned char *)&small;
	unsigned int seed = 1;

	(void)state;
	for (int i = 0; i < NR_MUTANTS; i++) {
		make_small(&small);
		for (unsigned int n = step(&seed) % 6 + 1; n > 0; n--)
			bytes[step(&seed) % sizeof(small)] = nasty[step(&seed) % 5];
		exercise(bytes, sizeof(small));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_functions), cmocka_unit_test(test_library),
		cmocka_unit_test(test_fallbacks),     cmocka_unit_test(test_not_regular),
		cmocka_unit_test(test_small),	      cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_mutants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
