// SPDX-License-Identifier: GPL-2.0
/*
 * Which kernel function is at this address?
 *
 * One streaming pass over /proc/kallsyms for all addresses that the cache does
 * not know. The file need not be sorted (modules and BPF programs follow the
 * kernel). Only code is looked at (types t, T, w, W). The file has no sizes: an
 * address counts as part of the nearest lower symbol, up to MAX_OFFSET.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ksym.h"
#include "namecache.h"
#include "nearest.h"

#define MAX_OFFSET (1ULL << 20) /* no function is as large; beyond is a gap */
/*
 * Addresses of modules and BPF programs are reused, and what has no name now
 * may get one: forgotten after this. Nor is a table that tells nothing read again
 * before.
 */
#define SHORT_TTL_NS (30 * 1000000000ULL)

struct ksym {
	char *path;
	char *reason;
	uint64_t useless_until_ns;
	struct namecache *cache;
};

/* One pass: for each wanted address the best start so far, and its name. */
struct pass {
	uint64_t *wanted;
	uint64_t *best;
	char **symbols; /* "name" or "name [module]" */
	size_t n;
	bool any_nonzero;
};

const char *ksym_path(void)
{
	const char *path = getenv("FAULTLINE_KALLSYMS");

	return path ? path : "/proc/kallsyms";
}

struct ksym *ksym_new(const char *path)
{
	struct ksym *ksym = calloc(1, sizeof(*ksym));

	if (!ksym)
		return NULL;
	ksym->path = strdup(path ? path : ksym_path());
	ksym->cache = namecache_new();
	if (!ksym->path || !ksym->cache) {
		ksym_free(ksym);
		return NULL;
	}
	return ksym;
}

void ksym_free(struct ksym *ksym)
{
	if (!ksym)
		return;
	namecache_free(ksym->cache);
	free(ksym->path);
	free(ksym->reason);
	free(ksym);
}

const char *ksym_reason(const struct ksym *ksym)
{
	return ksym->reason;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int offer(struct pass *pass, uint64_t start, const char *symbol)
{
	size_t slot = nearest_slot(pass->wanted, pass->n, start);
	char *copy;

	/* of names for one address the first wins, as in the kernel's own traces */
	if (slot == pass->n || start <= pass->best[slot])
		return 0;
	copy = strdup(symbol);
	if (!copy)
		return -ENOMEM;
	free(pass->symbols[slot]);
	pass->symbols[slot] = copy;
	pass->best[slot] = start;
	return 0;
}

/* "ffffffff81000000 T name" or "ffffffffc0000000 t name\t[module]" */
static int take_line(struct pass *pass, char *line)
{
	char *rest, *tab;
	uint64_t start;

	errno = 0;
	start = strtoull(line, &rest, 16);
	if (errno || rest == line || rest[0] != ' ' || !rest[1] || rest[2] != ' ' || !rest[3])
		return 0;
	if (!start)
		return 0;
	pass->any_nonzero = true;
	if (!strchr("tTwW", rest[1]))
		return 0;
	rest += 3;
	rest[strcspn(rest, "\n")] = '\0';
	tab = strchr(rest, '\t');
	if (tab)
		*tab = ' ';
	return offer(pass, start, rest);
}

static int set_reason(struct ksym *ksym, const char *what)
{
	char *reason;

	if (asprintf(&reason, "%s: %s", ksym->path, what) < 0)
		return -ENOMEM;
	free(ksym->reason);
	ksym->reason = reason;
	return 0;
}

/* 0, also when there is nothing to read (ksym->reason is then set); or -ENOMEM */
static int stream(struct ksym *ksym, struct pass *pass)
{
	FILE *file = fopen(ksym->path, "re");
	char *line = NULL;
	size_t size = 0;
	int err = 0;

	if (!file)
		return set_reason(ksym, strerror(errno));
	while (!err && getline(&line, &size, file) > 0)
		err = take_line(pass, line);
	if (!err && ferror(file))
		err = set_reason(ksym, "read error");
	else if (!err && !pass->any_nonzero)
		err = set_reason(ksym, "addresses are hidden (kernel.kptr_restrict)");
	else if (!err) {
		free(ksym->reason);
		ksym->reason = NULL;
	}
	free(line);
	fclose(file);
	return err;
}

static char *name_of(const char *symbol, uint64_t start, uint64_t addr)
{
	const char *module = symbol ? strchr(symbol, ' ') : NULL;
	char *name;
	int len;

	if (!symbol || addr - start > MAX_OFFSET)
		len = asprintf(&name, "0x%016" PRIx64, addr);
	else
		len = asprintf(&name, "%.*s+0x%" PRIx64 "%s",
			       (int)(module ? module - symbol : (long)strlen(symbol)), symbol,
			       addr - start, module ? module : "");
	return len < 0 ? NULL : name;
}

/* Spread the best of each slot upwards, and give each wanted address its name. */
static int settle(struct ksym *ksym, struct pass *pass, char **names, uint64_t now)
{
	const char *symbol = NULL;
	uint64_t start = 0;

	for (size_t i = 0; i < pass->n; i++) {
		if (pass->symbols[i]) { /* a higher slot has only higher starts */
			symbol = pass->symbols[i];
			start = pass->best[i];
		}
		names[i] = name_of(symbol, start, pass->wanted[i]);
		if (!names[i])
			return -ENOMEM;
		namecache_put(ksym->cache, 0, pass->wanted[i], names[i],
			      strchr(names[i], '[') || names[i][0] == '0' ? now + SHORT_TTL_NS
									  : NAMECACHE_FOREVER);
	}
	return 0;
}

static void free_names(char **names, size_t n)
{
	for (size_t i = 0; names && i < n; i++)
		free(names[i]);
	free(names);
}

/* Resolve the addresses that the cache does not know; names as pass->wanted. */
static int look_up(struct ksym *ksym, struct pass *pass, char **names, uint64_t now)
{
	int err;

	nearest_sort(pass->wanted, &pass->n);
	pass->best = calloc(pass->n, sizeof(*pass->best));
	pass->symbols = calloc(pass->n, sizeof(*pass->symbols));
	err = pass->best && pass->symbols ? 0 : -ENOMEM;
	if (!err && ksym->useless_until_ns <= now) {
		err = stream(ksym, pass);
		ksym->useless_until_ns = ksym->reason ? now + SHORT_TTL_NS : 0;
	}
	if (!err)
		err = settle(ksym, pass, names, now);
	free_names(pass->symbols, pass->n);
	free(pass->best);
	return err;
}

/* What the cache has goes to names, the rest to pass->wanted. */
static int ask_cache(struct ksym *ksym, const uint64_t *addrs, size_t n, char **names,
		     struct pass *pass, uint64_t now)
{
	for (size_t i = 0; i < n; i++) {
		const char *name = namecache_get(ksym->cache, 0, addrs[i], now);

		if (!name) {
			pass->wanted[pass->n++] = addrs[i];
			continue;
		}
		names[i] = strdup(name);
		if (!names[i])
			return -ENOMEM;
	}
	return 0;
}

static int hand_out(const struct pass *pass, char *const *found, const uint64_t *addrs, size_t n,
		    char **names)
{
	for (size_t i = 0; i < n; i++) {
		if (names[i])
			continue;
		names[i] = strdup(found[nearest_slot(pass->wanted, pass->n, addrs[i])]);
		if (!names[i])
			return -ENOMEM;
	}
	return 0;
}

int ksym_resolve(struct ksym *ksym, const uint64_t *addrs, size_t n, char **ret_names)
{
	struct pass pass = {.wanted = calloc(n + 1, sizeof(*pass.wanted))};
	char **names = calloc(n + 1, sizeof(*names));
	char **found = calloc(n + 1, sizeof(*found));
	uint64_t now = now_ns();
	int err = -ENOMEM;

	if (!pass.wanted || !names || !found)
		goto out;
	err = ask_cache(ksym, addrs, n, names, &pass, now);
	if (err)
		goto out;
	if (pass.n) {
		err = look_up(ksym, &pass, found, now);
		if (!err)
			err = hand_out(&pass, found, addrs, n, names);
		if (err)
			goto out;
	}
	for (size_t i = 0; i < n; i++)
		ret_names[i] = names[i];
	n = 0; /* the names are the caller's now */
out:
	free_names(found, pass.n);
	free_names(names, n);
	free(pass.wanted);
	return err;
}

void ksym_prefetch(struct ksym *ksym, const uint64_t *addrs, size_t n)
{
	char **names = calloc(n + 1, sizeof(*names));

	if (names && !ksym_resolve(ksym, addrs, n, names))
		free_names(names, n);
	else
		free(names);
}
