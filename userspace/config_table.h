/* SPDX-License-Identifier: GPL-2.0 */
/* The keys of the configuration: names, types, defaults and bounds. Only for config*.c. */
#ifndef FAULTLINE_CONFIG_TABLE_H
#define FAULTLINE_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;

enum key_type {
	KEY_DURATION, /* uint64_t, ns */
	KEY_SIZE, /* uint64_t, bytes */
	KEY_PAGES, /* the same, a power of two of at least a page */
	KEY_PERCENT, /* uint32_t, thousandths of a percent */
	KEY_BOOL, /* bool */
	KEY_U32, /* uint32_t */
	KEY_U64, /* uint64_t */
	KEY_PATH, /* char *, absolute, not empty */
	KEY_SOCKET, /* the same, short enough for a socket */
	KEY_FILE, /* char *, absolute or empty */
	KEY_GROUP, /* char *, name of a group or empty */
	KEY_LISTEN, /* char *, address or empty */
	KEY_LEVEL, /* char *, log level */
	KEY_MODE, /* char *, what the policy may do */
	KEY_LEAVE, /* char *, what becomes of changed values */
};

struct config_key {
	const char *section;
	const char *key;
	enum key_type type;
	bool restart; /* takes effect after a restart */
	size_t offset; /* in struct config */
	const char *fallback; /* the default, as it would be written */
	uint64_t min, max; /* of numbers, in the unit of the field */
	const char *help;
};

extern const struct config_key config_keys[];
extern const size_t config_n_keys;

/* -1 when there is none. */
int config_key_find(const char *section, const char *key);
bool config_key_section(const char *section);
/*
 * Set the field from text. 0; -ENOMEM; -EINVAL with *ret_why, what is expected
 * (in buf): the field is then untouched.
 */
int config_key_set(struct config *config, const struct config_key *key, const char *text, char *why,
		   size_t why_size);
/* The value as it would be written; in buf or owned by config. */
const char *config_key_get(const struct config *config, const struct config_key *key, char *buf,
			   size_t size);
void config_key_clear(struct config *config, const struct config_key *key);
bool config_key_is_text(const struct config_key *key);

#endif
