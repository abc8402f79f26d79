// SPDX-License-Identifier: GPL-2.0
/*
 * elfsym: names in a small file of known contents, of 64 and of 32 bits and of the
 * other byte order; then the same file, and this program's own, damaged in
 * thousands of ways, which must never crash or hang.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elfsym.h"

#define NR_MUTANTS	3000
#define NR_REAL_MUTANTS 1500
#define NR_REAL_CUTS	400

/* A lying header may ask for much memory: as without ASan, it is not there. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void exercise(const unsigned char *bytes, size_t size)
{
	uint64_t vaddrs[] = {0, 0x1000, 0x2345, 0x400000, UINT64_MAX};
	struct elfsym_hit hits[5];
	struct elfsym *elf = NULL;
	int fd = memfd_create("mutant", MFD_CLOEXEC);
	uint64_t vaddr;
	uint32_t crc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	if (elfsym_open(fd, &elf)) {
		assert_null(elf);
		return;
	}
	if (!elfsym_vaddr(elf, 0x1234, &vaddr))
		vaddrs[2] = vaddr > 0x1000 && vaddr < 0x400000 ? vaddr : 0x2345;
	assert_true(strlen(elfsym_build_id(elf)) <= 64);
	elfsym_debuglink(elf, &crc);
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
	Elf64_Sym syms[4];
	char strings[16];
	Elf64_Shdr shdrs[4];
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
			 .e_shnum = 4},
		.phdrs = {{.p_type = PT_LOAD, .p_vaddr = 0x1000, .p_filesz = sizeof(*elf)},
			  {.p_type = PT_NOTE,
			   .p_offset = offsetof(struct small_elf, note),
			   .p_filesz = sizeof(elf->note)}},
		.note = {{4, 20, NT_GNU_BUILD_ID}, "GNU", {0xab, 0xcd}},
		.syms = {{},
			 {9, ELF64_ST_INFO(STB_LOCAL, STT_FUNC), 0, 1, 0x1000, 0x10},
			 {1, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1, 0x1000, 0x10},
			 {5, ELF64_ST_INFO(STB_LOCAL, STT_FUNC), 0, 1, 0x2000, 0x400}},
		.strings = "\0one\0two\0alias",
		.shdrs = {{},
			  {.sh_type = SHT_SYMTAB,
			   .sh_offset = offsetof(struct small_elf, syms),
			   .sh_size = sizeof(elf->syms),
			   .sh_entsize = sizeof(Elf64_Sym),
			   .sh_link = 2},
			  {.sh_type = SHT_STRTAB,
			   .sh_offset = offsetof(struct small_elf, strings),
			   .sh_size = sizeof(elf->strings)},
			  {.sh_type = SHT_NOTE,
			   .sh_flags = SHF_ALLOC,
			   .sh_offset = offsetof(struct small_elf, note),
			   .sh_size = sizeof(elf->note)}},
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

/* The other class, and big-endian: every field is converted. */
struct big_elf {
	Elf32_Ehdr ehdr;
	Elf32_Phdr phdr;
	Elf32_Sym syms[2];
	char strings[8];
	Elf32_Shdr shdrs[3];
};

static void test_big_endian_32(void **state)
{
	struct big_elf big = {
		.ehdr = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2MSB, 1},
			 .e_type = htobe16(ET_EXEC),
			 .e_phoff = htobe32(offsetof(struct big_elf, phdr)),
			 .e_phentsize = htobe16(sizeof(Elf32_Phdr)),
			 .e_phnum = htobe16(1),
			 .e_shoff = htobe32(offsetof(struct big_elf, shdrs)),
			 .e_shentsize = htobe16(sizeof(Elf32_Shdr)),
			 .e_shnum = htobe16(3)},
		.phdr = {.p_type = htobe32(PT_LOAD),
			 .p_vaddr = htobe32(0x8000),
			 .p_filesz = htobe32(sizeof(big))},
		.syms = {{},
			 {.st_name = htobe32(1),
			  .st_value = htobe32(0x8010),
			  .st_size = htobe32(16),
			  .st_info = ELF32_ST_INFO(STB_GLOBAL, STT_FUNC),
			  .st_shndx = htobe16(1)}},
		.strings = "\0big",
		.shdrs = {{},
			  {.sh_type = htobe32(SHT_DYNSYM),
			   .sh_offset = htobe32(offsetof(struct big_elf, syms)),
			   .sh_size = htobe32(sizeof(big.syms)),
			   .sh_entsize = htobe32(sizeof(Elf32_Sym)),
			   .sh_link = htobe32(2)},
			  {.sh_type = htobe32(SHT_STRTAB),
			   .sh_offset = htobe32(offsetof(struct big_elf, strings)),
			   .sh_size = htobe32(sizeof(big.strings))}},
	};
	int fd = memfd_create("big", MFD_CLOEXEC);
	struct elfsym_hit hit = {};
	struct elfsym *elf = NULL;
	uint64_t vaddr = 0;

	(void)state;
	assert_int_equal(write(fd, &big, sizeof(big)), sizeof(big));
	assert_int_equal(elfsym_open(fd, &elf), 0);
	assert_false(elfsym_is_full(elf));
	assert_int_equal(elfsym_vaddr(elf, 0x12, &vaddr), 0);
	assert_int_equal(vaddr, 0x8012);
	assert_int_equal(elfsym_lookup(elf, &vaddr, 1, &hit), 0);
	assert_string_equal(hit.name, "big");
	assert_int_equal(hit.offset, 2);
	free(hit.name);
	elfsym_free(elf);
}

static unsigned char *own_bytes(size_t *ret_size)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	unsigned char *bytes;
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	bytes = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_true(bytes != MAP_FAILED);
	close(fd);
	*ret_size = st.st_size;
	return bytes;
}

/* Where the headers are: damage elsewhere is not looked at. */
static size_t spot(const Elf64_Ehdr *ehdr, size_t size, unsigned int *seed)
{
	size_t sections = size - ehdr->e_shoff;

	switch (step(seed) % 4) {
	case 0:
		return step(seed) % sizeof(Elf64_Ehdr);
	case 1:
		return step(seed) % 1024; /* program headers and notes */
	default:
		return ehdr->e_shoff + step(seed) % sections;
	}
}

static void test_real_mutants(void **state)
{
	static const unsigned char nasty[] = {0, 1, 0x7f, 0x80, 0xff};
	unsigned char *bytes;
	unsigned int seed = 2;
	Elf64_Ehdr ehdr;
	size_t size;

	(void)state;
	bytes = own_bytes(&size);
	memcpy(&ehdr, bytes, sizeof(ehdr));
	for (int i = 0; i < NR_REAL_MUTANTS; i++) {
		unsigned char was[6];
		size_t at[6], n = step(&seed) % 6 + 1;

		for (size_t j = 0; j < n; j++) {
			at[j] = spot(&ehdr, size, &seed);
			was[j] = bytes[at[j]];
			bytes[at[j]] = nasty[step(&seed) % 5];
		}
		exercise(bytes, size);
		while (n-- > 0)
			bytes[at[n]] = was[n];
	}
	munmap(bytes, size);
}

static void test_real_truncated(void **state)
{
	unsigned char *bytes;
	unsigned int seed = 3;
	size_t size;

	(void)state;
	bytes = own_bytes(&size);
	for (size_t cut = 0; cut < 200; cut++)
		exercise(bytes, cut);
	for (int i = 0; i < NR_REAL_CUTS; i++)
		exercise(bytes, step(&seed) % size);
	munmap(bytes, size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small),	       cmocka_unit_test(test_big_endian_32),
		cmocka_unit_test(test_truncated),      cmocka_unit_test(test_mutants),
		cmocka_unit_test(test_real_truncated), cmocka_unit_test(test_real_mutants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
