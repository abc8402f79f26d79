// SPDX-License-Identifier: GPL-2.0
/*
 * Which function of this ELF file is at this address?
 *
 * libelf reads headers and symbols, libdw's dwelf the build id and the
 * debuglink; all of it by ELF_C_READ, which never maps the file. elf_getdata()
 * would load whole tables (a browser's has 100 MB, the daemon may use 16 MiB),
 * so a table goes through elf_getdata_rawchunk() in pieces, each by an Elf of
 * its own, because libelf frees such data only with the Elf. Only the address
 * ranges of the segments and where the tables are is kept. Does not read DWARF:
 * no inlined functions, no lines.
 */
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "elfsym.h"
#include "nearest.h"

#define MAX_FILE_BYTES (1ULL << 30)
#define MAX_LOADS      32 /* linkers make 4 or 5 */
#define MAX_BUILD_ID   32 /* SHA-1 has 20 */
#define MAX_LINK_NAME  256
#define MAX_SYMBOLS    (4ULL << 20) /* a pass takes about 0.1 s then */
#define MAX_NAME       256
#define MAX_UNSIZED    4096 /* reach of a function without a size (assembler) */
#define CHUNK_SYMBOLS  8192 /* 192 KiB */
#define NR_TABLES      2 /* .symtab and .dynsym */

struct table {
	uint64_t offset, nr; /* nr 0: not there */
	uint64_t entry_bytes;
	uint64_t str_offset, str_size;
};

struct elfsym {
	int fd;
	uint64_t size;
	size_t n_loads;
	GElf_Phdr loads[MAX_LOADS];
	struct table tables[NR_TABLES];
	char build_id[2 * MAX_BUILD_ID + 1];
	char link_name[MAX_LINK_NAME]; /* "": none */
	uint32_t link_crc;
};

/* The best symbol so far below a wanted address. */
struct best {
	uint64_t start, size;
	uint64_t name_at; /* offset in the file; 0: none yet */
	uint64_t name_max;
	bool global;
};

static void read_build_id(struct elfsym *sym, Elf *elf)
{
	static const char hex[] = "0123456789abcdef";
	const void *id = NULL;
	ssize_t len = dwelf_elf_gnu_build_id(elf, &id);

	if (len <= 0 || len > MAX_BUILD_ID)
		return;
	for (ssize_t i = 0; i < len; i++) {
		unsigned char byte = ((const unsigned char *)id)[i];

		sym->build_id[2 * i] = hex[byte >> 4];
		sym->build_id[2 * i + 1] = hex[byte & 15];
	}
	sym->build_id[2 * len] = '\0';
}

static void read_debuglink(struct elfsym *sym, Elf *elf)
{
	GElf_Word crc = 0;
	const char *name = dwelf_elf_gnu_debuglink(elf, &crc);

	if (!name || strlen(name) >= sizeof(sym->link_name))
		return;
	strcpy(sym->link_name, name);
	sym->link_crc = crc;
}

static void read_segments(struct elfsym *sym, Elf *elf)
{
	size_t n = 0;

	if (elf_getphdrnum(elf, &n))
		return;
	for (size_t i = 0; i < n && sym->n_loads < MAX_LOADS; i++) {
		GElf_Phdr phdr;

		if (!gelf_getphdr(elf, i, &phdr))
			return;
		if (phdr.p_type == PT_LOAD)
			sym->loads[sym->n_loads++] = phdr;
	}
}

static void take_table(struct elfsym *sym, Elf *elf, const GElf_Shdr *shdr)
{
	struct table *table = &sym->tables[shdr->sh_type == SHT_DYNSYM];
	size_t entry_bytes = gelf_fsize(elf, ELF_T_SYM, 1, EV_CURRENT);
	Elf_Scn *scn = elf_getscn(elf, shdr->sh_link);
	GElf_Shdr names;

	if (!entry_bytes || !scn || !gelf_getshdr(scn, &names) || names.sh_type != SHT_STRTAB)
		return;
	if (names.sh_offset > sym->size || names.sh_size > sym->size - names.sh_offset ||
	    shdr->sh_offset > sym->size || shdr->sh_size > sym->size - shdr->sh_offset ||
	    shdr->sh_size / entry_bytes > MAX_SYMBOLS)
		return;
	*table = (struct table){
		.offset = shdr->sh_offset,
		.nr = shdr->sh_size / entry_bytes,
		.entry_bytes = entry_bytes,
		.str_offset = names.sh_offset,
		.str_size = names.sh_size,
	};
}

/* A debug file's sections that are code have no contents: only types are looked at. */
static void read_sections(struct elfsym *sym, Elf *elf)
{
	for (Elf_Scn *scn = elf_nextscn(elf, NULL); scn; scn = elf_nextscn(elf, scn)) {
		GElf_Shdr shdr;

		if (!gelf_getshdr(scn, &shdr))
			return;
		if (shdr.sh_type == SHT_SYMTAB || shdr.sh_type == SHT_DYNSYM)
			take_table(sym, elf, &shdr);
	}
}

static int read_headers(struct elfsym *sym)
{
	struct stat st;
	Elf *elf;
	int err = 0;

	if (fstat(sym->fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > MAX_FILE_BYTES)
		return -EINVAL;
	sym->size = st.st_size;
	elf_version(EV_CURRENT);
	elf = elf_begin(sym->fd, ELF_C_READ, NULL);
	if (!elf)
		return -EINVAL;
	if (elf_kind(elf) != ELF_K_ELF) {
		err = -EINVAL;
		goto out;
	}
	read_segments(sym, elf);
	read_sections(sym, elf);
	read_build_id(sym, elf);
	read_debuglink(sym, elf);
out:
	elf_end(elf);
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

const char *elfsym_debuglink(const struct elfsym *elf, uint32_t *ret_crc)
{
	if (!elf->link_name[0])
		return NULL;
	*ret_crc = elf->link_crc;
	return elf->link_name;
}

int elfsym_crc(const struct elfsym *elf, uint32_t *ret_crc)
{
	unsigned char buf[16384];
	uLong crc = crc32(0, NULL, 0);
	uint64_t at = 0;
	ssize_t len;

	for (; at < elf->size; at += len) {
		len = pread(elf->fd, buf, sizeof(buf), at);
		if (len <= 0)
			return len ? -errno : -EIO;
		crc = crc32(crc, buf, len);
	}
	*ret_crc = crc;
	return 0;
}

int elfsym_is_full(const struct elfsym *elf)
{
	return elf->tables[0].nr != 0;
}

int elfsym_vaddr(const struct elfsym *elf, uint64_t file_offset, uint64_t *ret_vaddr)
{
	for (size_t i = 0; i < elf->n_loads; i++) {
		const GElf_Phdr *load = &elf->loads[i];

		if (file_offset >= load->p_offset &&
		    file_offset - load->p_offset < load->p_filesz) {
			*ret_vaddr = load->p_vaddr + (file_offset - load->p_offset);
			return 0;
		}
	}
	return -ENOENT;
}

static void take_symbol(const struct table *table, const GElf_Sym *sym, const uint64_t *vaddrs,
			size_t n, struct best *bests)
{
	int type = GELF_ST_TYPE(sym->st_info);
	bool global = GELF_ST_BIND(sym->st_info) != STB_LOCAL;
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

/* nr symbols from number at on; false: there is no more to be had. */
static bool scan_chunk(const struct elfsym *elf, const struct table *table, uint64_t at, size_t nr,
		       const uint64_t *vaddrs, size_t n, struct best *bests)
{
	Elf *file = elf_begin(elf->fd, ELF_C_READ, NULL);
	Elf_Data *data = NULL;
	GElf_Sym sym;

	/* the file may have become one of the other class */
	if (file && gelf_fsize(file, ELF_T_SYM, 1, EV_CURRENT) == table->entry_bytes)
		data = elf_getdata_rawchunk(file, table->offset + at * table->entry_bytes,
					    nr * table->entry_bytes, ELF_T_SYM);
	for (size_t i = 0; data && i < nr && gelf_getsym(data, i, &sym); i++)
		take_symbol(table, &sym, vaddrs, n, bests);
	elf_end(file);
	return data;
}

static void scan_table(const struct elfsym *elf, const struct table *table, const uint64_t *vaddrs,
		       size_t n, struct best *bests)
{
	for (uint64_t at = 0; at < table->nr;) {
		uint64_t left = table->nr - at;
		size_t nr = left < CHUNK_SYMBOLS ? left : CHUNK_SYMBOLS;

		if (!scan_chunk(elf, table, at, nr, vaddrs, n, bests))
			return;
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

	if (pread(elf->fd, buf, len, best->name_at) != (ssize_t)len)
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
