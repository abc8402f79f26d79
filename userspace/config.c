// SPDX-License-Identifier: GPL-2.0
/*
 * What does a file say? Its text is read through libinih into a fresh struct,
 * which is handed out only when nothing was wrong. libinih gets one checked line
 * at a time, so that each bad line has its own message and an overlong one is not
 * cut silently. Which files there are is not known here (config_files.c).
 */
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config_reader.h"
#include "config_table.h"

void config_complain(struct config_reader *r, const char *format, ...)
{
	char text[512], message[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (r->line)
		snprintf(message, sizeof(message), "%s:%u: %s", r->name, r->line, text);
	else
		snprintf(message, sizeof(message), "%s: %s", r->name, text);
	/* a file may hold anything; a message is one line */
	for (char *c = message; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	r->bad = true;
	if (r->problem)
		r->problem(r->arg, message);
}

/* Is it a line that libinih will take? Says why not. */
static bool line_ok(struct config_reader *r, char *line)
{
	char *end, *comment;

	if (!*line || *line == '#' || *line == ';')
		return true;
	if (*line != '[') {
		if (line[strcspn(line, "=:")] && *line != '=' && *line != ':')
			return true;
		config_complain(
			r, "'%.40s' is neither [section] nor Key=value; put # before a comment",
			line);
		return false;
	}
	end = strchr(line, ']');
	if (!end) {
		config_complain(r, "'%.40s': the section name does not end; write [section]", line);
		return false;
	}
	comment = end + 1 + strspn(end + 1, " \t");
	if (*comment && *comment != ';' && *comment != '#') {
		config_complain(r, "text after [section]; put '%.40s' on a line of its own",
				comment);
		return false;
	}
	*end = '\0';
	if (!config_key_section(line + 1))
		config_complain(r, "[%s] is no section; the sample faultline.conf has them all",
				line + 1);
	*end = ']';
	return true;
}

/* fgets() for libinih: the next line, blank when it must not see it. */
static char *next_line(char *buf, int num, void *stream)
{
	struct config_reader *r = stream;
	const char *from = r->at, *stop;
	size_t len, max = num - 3 < CONFIG_MAX_LINE ? num - 3 : CONFIG_MAX_LINE;

	if (from >= r->end)
		return NULL;
	r->line++;
	stop = memchr(from, '\n', r->end - from);
	r->at = stop ? stop + 1 : r->end;
	len = (stop ? stop : r->end) - from;
	if (r->line == 1 && len >= 3 && !memcmp(from, "\xef\xbb\xbf", 3)) {
		from += 3;
		len -= 3;
	}
	/* leading blanks would make libinih continue the value before */
	for (; len && isblank((unsigned char)*from); len--)
		from++;
	while (len && isspace((unsigned char)from[len - 1]))
		len--;
	buf[0] = '\0';
	if (memchr(from, '\0', len)) {
		config_complain(r, "the line holds a NUL byte; is it a text file?");
	} else if (len > max && *from != '#' && *from != ';') {
		config_complain(r, "the line has %zu bytes; at most %zu are read", len, max);
	} else if (len <= max) {
		memcpy(buf, from, len);
		buf[len] = '\0';
		if (!line_ok(r, buf))
			buf[0] = '\0';
	}
	strcat(buf, "\n");
	return buf;
}

static int take(void *arg, const char *section, const char *name, const char *value)
{
	struct config_reader *r = arg;
	const struct config_key *key;
	char why[128], *origin;
	int i, err;

	if (!name || (*section && !config_key_section(section)))
		return 1; /* the section itself was complained about */
	i = config_key_find(section, name);
	if (i < 0) {
		config_complain(r, "[%s] %s is no key; the sample faultline.conf has them all",
				section, name);
		return 1;
	}
	key = &config_keys[i];
	if (r->seen[i]) {
		config_complain(r, "[%s] %s is already set in line %u; remove one of them", section,
				name, r->seen[i]);
		return 1;
	}
	r->seen[i] = r->line;
	err = config_key_set(r->config, key, *value ? value : key->fallback, why, sizeof(why));
	if (err == -EINVAL)
		config_complain(r, "[%s] %s: '%.60s' does not fit; %s", section, name, value, why);
	else if (!err && asprintf(&origin, "%s:%u", r->name, r->line) < 0)
		err = -ENOMEM;
	else if (!err) {
		free(r->config->origins[i]);
		r->config->origins[i] = origin;
	}
	if (err == -ENOMEM)
		r->err = err;
	return 1;
}

int config_read_text(struct config_reader *r, const char *text, size_t len)
{
	int err;

	r->seen = calloc(config_n_keys, sizeof(*r->seen));
	if (!r->seen)
		return -ENOMEM;
	r->at = text;
	r->end = text + len;
	r->line = 0;
	err = ini_parse_stream(next_line, r, take, r);
	if (err == -2)
		r->err = -ENOMEM;
	else if (err && !r->bad)
		config_complain(r, "libinih does not take line %d; write [section] or Key=value",
				err);
	free(r->seen);
	r->seen = NULL;
	return r->err;
}

int config_new(struct config **ret_config)
{
	struct config *config = calloc(1, sizeof(*config));
	char why[128];
	int err = -ENOMEM;

	if (!config)
		return err;
	config->origins = calloc(config_n_keys, sizeof(*config->origins));
	if (!config->origins)
		goto out;
	for (size_t i = 0; i < config_n_keys; i++) {
		err = config_key_set(config, &config_keys[i], config_keys[i].fallback, why,
				     sizeof(why));
		if (err)
			goto out;
	}
	*ret_config = config;
	return 0;
out:
	config_free(config);
	return err;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config_n_keys; i++) {
		config_key_clear(config, &config_keys[i]);
		if (config->origins)
			free(config->origins[i]);
	}
	for (size_t i = 0; i < config->n_files; i++)
		free(config->files[i]);
	free(config->files);
	free(config->origins);
	free(config);
}

/* What no single key can tell. */
static void check_together(struct config_reader *r)
{
	const struct config *c = r->config;

	r->line = 0;
	if (c->hot_leave_millipct > c->hot_enter_millipct)
		config_complain(r,
				"[hot] Leave is above Enter; a process would leave as it enters");
	if (c->policy_backoff_min > c->policy_backoff_max)
		config_complain(r, "[policy] BackoffMin is above BackoffMax");
	if (c->policy_spins_min > c->policy_spins_max)
		config_complain(r, "[policy] SpinsMin is above SpinsMax");
	if (c->hot_min_ns > c->event_min_ns)
		config_complain(
			r, "[hot] EventMin is above [measure] EventMin; a hot process would show "
			   "less");
}

int config_finish(struct config_reader *r, int err, struct config **ret_config)
{
	if (!err && !r->bad)
		check_together(r);
	if (!err && r->bad)
		err = -EINVAL;
	if (err)
		config_free(r->config);
	else
		*ret_config = r->config;
	return err;
}

int config_parse(const char *name, const char *text, size_t len, config_problem_fn problem,
		 void *arg, struct config **ret_config)
{
	struct config_reader r = {.name = name, .problem = problem, .arg = arg};
	int err = config_new(&r.config);

	if (err)
		return err;
	return config_finish(&r, config_read_text(&r, text, len), ret_config);
}
