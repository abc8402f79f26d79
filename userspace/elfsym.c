// SPDX-License-Identifier: GPL-2.0
/*
 * Which function of this ELF file is at this address?
 *
 * By pread() alone: headers once, then one pass over the symbol tables for a
 * batch of addresses. libelf would load whole tables (a browser's has 100 MB,
 * the daemon may use 16 MiB) and size its own by counts that the file claims.
 * Does not read DWARF, 32-bit files, or follow .gnu_debuglink (usym looks for
 * the separate debug file by build id).
 */
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elfsym.h"
#include "nearest.h"

#define MAX_FILE_BYTES (8ULL << 30)
#define MAX_LOADS      32 /* linkers make 4 or 5 */
#define MAX_PHDRS      256
#define MAX_SHDRS      4096
#define MAX_NOTE_BYTES 4096
#define MAX_BUILD_ID   32 /* SHA-1 has 20 */
#define MAX_SYMBOLS    (4ULL << 20) /* a pass takes about 0.1 s then */
#define MAX_NAME       256
#define MAX_UNSIZED    4096 /* reach of a function without a size (assembler) */
#define CHUNK_SYMBOLS  512
#define NR_TABLES      2 /* .symtab and .dynsym */

struct table {
	uint64_t offset, nr; /* nr 0: not there */
	uint64_t str_offset, str_size;
};

struct elfsym {
	int fd;
	uint64_t size;
	size_t n_loads;
	Elf64_Phdr loads[MAX_LOADS];
	struct table tables[NR_TABLES];
	char build_id[2 * MAX_BUILD_ID + 1];
};

/* The best symbol so far below a wanted address. */
struct best {
	uint64_t start, size;
	uint64_t name_at; /* offset in the file; 0: none yet */
	uint64_t name_max;
	bool global;
};

/* All or nothing, within the size that the file had when it was opened. */
static int read_at(const struct elfsym *elf, void *buf, size_t len, uint64_t offset)
{
	if (offset > elf->size || len > elf->size - offset)
		return -EINVAL;
	return pread(elf->fd, buf, len, offset) == (ssize_t)len ? 0 : -EIO;
}

static void take_build_id(struct elfsym *elf, const unsigned char *id, size_t len)
{
	static const char hex[] = "0123456789abcdef";

	if (len > MAX_BUILD_ID)
		return;
	for (size_t i = 0; i < len; i++) {
		elf->build_id[2 * i] = hex[id[i] >> 4];
		elf->build_id[2 * i + 1] = hex[id[i] & 15];
	}
	elf->build_id[2 * len] = '\0';
}

static void read_notes(struct elfsym *elf, const Elf64_Phdr *phdr)
{
	unsigned char buf[MAX_NOTE_BYTES];
	size_t size = phdr->p_filesz, at = 0;
	Elf64_Nhdr note;

	if (size > sizeof(buf) || read_at(elf, buf, size, phdr->p_offset))
		return;
	while (size - at >= sizeof(note)) {
		size_t name_len, desc_len;

		memcpy(&note, buf + at, sizeof(note));
		at += sizeof(note);
		name_len = ((size_t)note.n_namesz + 3) & ~(size_t)3;
		desc_len = ((size_t)note.n_descsz + 3) & ~(size_t)3;
		if (name_len > size - at || desc_len > size - at - name_len)
			return;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
		    !memcmp(buf + at, "GNU", 4))
			take_build_id(elf, buf + at + name_len, note.n_descsz);
		at += name_len + desc_len;
	}
}

static int read_segments(struct elfsym *elf, const Elf64_Ehdr *ehdr)
{
	if (ehdr->e_phnum > MAX_PHDRS || (ehdr->e_phnum && ehdr->e_phentsize != sizeof(Elf64_Phdr)))
		return -EINVAL;
	for (size_t i = 0; i < ehdr->e_phnum; i++) {
		Elf64_Phdr phdr;
		int err = read_at(elf, &phdr, sizeof(phdr), ehdr->e_phoff + i * sizeof(phdr));

		if (err)
			return err;
		if (phdr.p_type == PT_LOAD && elf->n_loads < MAX_LOADS)
			elf->loads[elf->n_loads++] = phdr;
		if (phdr.p_type == PT_NOTE)
			read_notes(elf, &phdr);
	}
	return 0;
}

static int read_section(const struct elfsym *elf, const Elf64_Ehdr *ehdr, size_t i,
			Elf64_Shdr *ret_shdr)
{
	if (i >= ehdr->e_shnum)
		return -EINVAL;
	return read_at(elf, ret_shdr, sizeof(*ret_shdr), ehdr->e_shoff + i * sizeof(*ret_shdr));
}

static void take_table(struct elfsym *elf, const Elf64_Ehdr *ehdr, const Elf64_Shdr *shdr)
{
	struct table *table = &elf->tables[shdr->sh_type == SHT_DYNSYM];
	Elf64_Shdr names;

	if (shdr->sh_entsize != sizeof(Elf64_Sym) || read_section(elf, ehdr, shdr->sh_link, &names))
		return;
	if (names.sh_type != SHT_STRTAB || names.sh_offset > elf->size ||
	    names.sh_size > elf->size - names.sh_offset)
		return;
	*table = (struct table){
		.offset = shdr->sh_offset,
		.nr = shdr->sh_size / sizeof(Elf64_Sym),
		.str_offset = names.sh_offset,
		.str_size = names.sh_size,
	};
	if (table->nr > MAX_SYMBOLS)
		table->nr = 0;
}

/* A file without, or with broken, section headers still has its segments. */
static void read_sections(struct elfsym *elf, const Elf64_Ehdr *ehdr)
{
	if (ehdr->e_shnum > MAX_SHDRS || ehdr->e_shentsize != sizeof(Elf64_Shdr))
		return;
	for (size_t i = 0; i < ehdr->e_shnum; i++) {
		Elf64_Shdr shdr;

		if (read_section(elf, ehdr, i, &shdr))
			return;
		if (shdr.sh_type == SHT_SYMTAB || shdr.sh_type == SHT_DYNSYM)
			take_table(elf, ehdr, &shdr);
	}
}

static int read_headers(struct elfsym *elf)
{
	struct stat st;
	Elf64_Ehdr ehdr;
	int err;

	if (fstat(elf->fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > MAX_FILE_BYTES)
		return -EINVAL;
	elf->size = st.st_size;
	err = read_at(elf, &ehdr, sizeof(ehdr), 0);
	if (err)
		return err;
	if (memcmp(ehdr.e_ident, ELFMAG, SELFMAG) || ehdr.e_ident[EI_CLASS] != ELFCLASS64 ||
	    ehdr.e_ident[EI_DATA] != (__BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB))
		return -EINVAL;
	err = read_segments(elf, &ehdr);
	if (!err)
		read_sections(elf, &ehdr);
	return err;
}

int elfsym_open(int fd, struct elfsym **ret_elf)
{
	struct elfsym *elf = calloc(1, sizeof(*elf));
	int err;

	if (!elf) {
		close(fd);
		return -ENOMEM;
	}
	elf->fd = fd;
	err = read_headers(elf);
	if (err) {
		elfsym_free(elf);
		return err;
	}
	*ret_elf = elf;
	return 0;
}

void elfsym_free(struct elfsym *elf)
{
	if (!elf)
		return;
	close(elf->fd);
	free(elf);
}

const char *elfsym_build_id(const struct elfsym *elf)
{
	return elf->build_id;
}

int elfsym_is_full(const struct elfsym *elf)
{
	return elf->tables[0].nr != 0;
}

int elfsym_vaddr(const struct elfsym *elf, uint64_t file_offset, uint64_t *ret_vaddr)
{
	for (size_t i = 0; i < elf->n_loads; i++) {
		const Elf64_Phdr *load = &elf->loads[i];

		if (file_offset >= load->p_offset &&
		    file_offset - load->p_offset < load->p_filesz) {
			*ret_vaddr = load->p_vaddr + (file_offset - load->p_offset);
			return 0;
		}
	}
	return -ENOENT;
}

static void take_symbol(const struct table *table, const Elf64_Sym *sym, const uint64_t *vaddrs,
			size_t n, struct best *bests)
{
	int type = ELF64_ST_TYPE(sym->st_info);
	bool global = ELF64_ST_BIND(sym->st_info) != STB_LOCAL;
	struct best *best;
	size_t slot;

	if ((type != STT_FUNC && type != STT_GNU_IFUNC) || sym->st_shndx == SHN_UNDEF ||
	    !sym->st_name || sym->st_name >= table->str_size)
		return;
	slot = nearest_slot(vaddrs, n, sym->st_value);
	if (slot == n)
		return;
	best = &bests[slot];
	if (best->name_at && (sym->st_value < best->start ||
			      (sym->st_value == best->start && (best->global || !global))))
		return;
	*best = (struct best){
		.start = sym->st_value,
		.size = sym->st_size,
		.name_at = table->str_offset + sym->st_name,
		.name_max = table->str_size - sym->st_name,
		.global = global,
	};
}

static void scan_table(const struct elfsym *elf, const struct table *table, const uint64_t *vaddrs,
		       size_t n, struct best *bests)
{
	Elf64_Sym chunk[CHUNK_SYMBOLS];

	for (uint64_t at = 0; at < table->nr;) {
		uint64_t left = table->nr - at;
		size_t nr = left < CHUNK_SYMBOLS ? left : CHUNK_SYMBOLS;

		if (read_at(elf, chunk, nr * sizeof(*chunk), table->offset + at * sizeof(*chunk)))
			return;
		for (size_t i = 0; i < nr; i++)
			take_symbol(table, &chunk[i], vaddrs, n, bests);
		at += nr;
	}
}

static bool covers(const struct best *best, uint64_t vaddr)
{
	return vaddr - best->start < (best->size ? best->size : MAX_UNSIZED);
}

static int read_name(const struct elfsym *elf, const struct best *best, char **ret_name)
{
	size_t len = best->name_max < MAX_NAME ? best->name_max : MAX_NAME;
	char buf[MAX_NAME];

	if (read_at(elf, buf, len, best->name_at))
		return 0;
	*ret_name = strndup(buf, len);
	return *ret_name ? 0 : -ENOMEM;
}

int elfsym_lookup(const struct elfsym *elf, const uint64_t *vaddrs, size_t n,
		  struct elfsym_hit *ret)
{
	struct best *bests = calloc(n + 1, sizeof(*bests));
	struct elfsym_hit *hits = calloc(n + 1, sizeof(*hits));
	const struct best *below = NULL;
	int err = bests && hits ? 0 : -ENOMEM;

	for (int i = 0; !err && i < NR_TABLES; i++)
		scan_table(elf, &elf->tables[i], vaddrs, n, bests);
	for (size_t i = 0; !err && i < n; i++) {
		if (bests[i].name_at)
			below = &bests[i]; /* a higher slot has only higher starts */
		if (!below || !covers(below, vaddrs[i]))
			continue;
		hits[i].offset = vaddrs[i] - below->start;
		err = read_name(elf, below, &hits[i].name);
	}
	for (size_t i = 0; i < n; i++) {
		if (!err)
			ret[i] = hits[i];
		else if (hits)
			free(hits[i].name);
	}
	free(hits);
	free(bests);
	return err;
}
