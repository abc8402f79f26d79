// SPDX-License-Identifier: GPL-2.0
/*
 * What is the configuration, and what is it by default? Writes it as an INI file
 * from the table of keys, and hands it over to the session. Reads nothing.
 */
#include <errno.h>
#include <string.h>

#include "config.h"
#include "config_table.h"

int config_dump(const struct config *config, FILE *out)
{
	const char *section = "";
	char buf[64];

	for (size_t i = 0; i < config->n_files; i++)
		fprintf(out, "# read: %s\n", config->files[i]);
	for (size_t i = 0; i < config_n_keys; i++) {
		const struct config_key *key = &config_keys[i];

		if (strcmp(section, key->section))
			fprintf(out, "%s[%s]\n", i ? "\n" : "", key->section);
		section = key->section;
		fprintf(out, "# %s\n%s=%s\n", config->origins[i] ? config->origins[i] : "default",
			key->key, config_key_get(config, key, buf, sizeof(buf)));
	}
	return ferror(out) ? -EIO : 0;
}

json_t *config_to_json(const struct config *config)
{
	json_t *all = json_object();
	char buf[64];

	for (size_t i = 0; i < config_n_keys; i++) {
		const struct config_key *key = &config_keys[i];
		json_t *section = json_object_get(all, key->section);

		if (!section) {
			section = json_object();
			if (json_object_set_new(all, key->section, section))
				break;
		}
		if (json_object_set_new(section, key->key,
					json_string(config_key_get(config, key, buf, sizeof(buf)))))
			break;
	}
	return all;
}

int config_sample(FILE *out)
{
	const char *section = "";

	fputs("# Configuration of faultlined. Every key stands here with its default. Copy what\n"
	      "# you want to change into /etc/faultline/faultline.conf.d/NAME.conf, check it with\n"
	      "# \"faultline config check\" and reload the daemon.\n",
	      out);
	for (size_t i = 0; i < config_n_keys; i++) {
		const struct config_key *key = &config_keys[i];

		if (strcmp(section, key->section))
			fprintf(out, "\n[%s]\n", key->section);
		section = key->section;
		fprintf(out, "# %s%s\n#%s=%s\n", key->help, key->restart ? " (restart)" : "",
			key->key, key->fallback);
	}
	return ferror(out) ? -EIO : 0;
}

void config_session_opts(const struct config *config, struct session_opts *ret_opts)
{
	*ret_opts = (struct session_opts){
		.min_wait_ns = config->min_wait_ns,
		.event_min_ns = config->event_min_ns,
		.stack_min_ns = config->stack_min_ns,
		.hot_min_ns = config->hot_min_ns,
		.unfinished_min_ns = config->unfinished_min_ns,
		.user_stacks = config->user_stacks,
		.holders = config->holders,
		.exact = config->exact,
		.release = config->release,
		.wakings_when_hot = true,
		.max_waiters = config->max_waiters,
		.max_procs = config->max_procs,
		.max_blames = config->max_blames,
		.max_stacks = config->max_stacks,
		.ring_bytes = config->ring_bytes,
	};
}

size_t config_needs_restart(const struct config *old, const struct config *now,
			    void (*fn)(void *arg, const char *name), void *arg)
{
	char a[64], b[64], name[128];
	size_t n = 0;

	for (size_t i = 0; i < config_n_keys; i++) {
		const struct config_key *key = &config_keys[i];

		if (!key->restart || !strcmp(config_key_get(old, key, a, sizeof(a)),
					     config_key_get(now, key, b, sizeof(b))))
			continue;
		snprintf(name, sizeof(name), "[%s] %s", key->section, key->key);
		fn(arg, name);
		n++;
	}
	return n;
}
