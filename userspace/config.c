// SPDX-License-Identifier: GPL-2.0
/*
 * How is the daemon to behave? Main file and drop-ins are read through libinih
 * into a fresh struct, which is handed out only when nothing was wrong in any of
 * them. The reader hands libinih one checked line at a time, so that each bad
 * line has its own message and an overlong one is not cut silently.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "config_table.h"

struct reader {
	struct config *config;
	const char *name; /* of the file, for messages */
	const char *at, *end;
	unsigned int line;
	unsigned int *seen; /* line of each key in this file, 0: not yet */
	config_problem_fn problem;
	void *arg;
	bool bad;
	int err; /* -ENOMEM */
};

static void complain(struct reader *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void complain(struct reader *r, const char *format, ...)
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
static bool line_ok(struct reader *r, char *line)
{
	char *end, *comment;

	if (!*line || *line == '#' || *line == ';')
		return true;
	if (*line != '[') {
		if (line[strcspn(line, "=:")] && *line != '=' && *line != ':')
			return true;
		complain(r, "'%.40s' is neither [section] nor Key=value; put # before a comment",
			 line);
		return false;
	}
	end = strchr(line, ']');
	if (!end) {
		complain(r, "'%.40s': the section name does not end; write [section]", line);
		return false;
	}
	comment = end + 1 + strspn(end + 1, " \t");
	if (*comment && *comment != ';' && *comment != '#') {
		complain(r, "text after [section]; put '%.40s' on a line of its own", comment);
		return false;
	}
	*end = '\0';
	if (!config_key_section(line + 1))
		complain(r, "[%s] is no section; the sample faultline.conf has them all", line + 1);
	*end = ']';
	return true;
}

/* fgets() for libinih: the next line, blank when it must not see it. */
static char *next_line(char *buf, int num, void *stream)
{
	struct reader *r = stream;
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
		complain(r, "the line holds a NUL byte; is it a text file?");
	} else if (len > max && *from != '#' && *from != ';') {
		complain(r, "the line has %zu bytes; at most %zu are read", len, max);
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
	struct reader *r = arg;
	const struct config_key *key;
	char why[128], *origin;
	int i, err;

	if (!name || (*section && !config_key_section(section)))
		return 1; /* the section itself was complained about */
	i = config_key_find(section, name);
	if (i < 0) {
		complain(r, "[%s] %s is no key; the sample faultline.conf has them all", section,
			 name);
		return 1;
	}
	key = &config_keys[i];
	if (r->seen[i]) {
		complain(r, "[%s] %s is already set in line %u; remove one of them", section, name,
			 r->seen[i]);
		return 1;
	}
	r->seen[i] = r->line;
	err = config_key_set(r->config, key, *value ? value : key->fallback, why, sizeof(why));
	if (err == -EINVAL)
		complain(r, "[%s] %s: '%.60s' does not fit; %s", section, name, value, why);
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

static int parse(struct reader *r, const char *text, size_t len)
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
		complain(r, "libinih does not take line %d; write [section] or Key=value", err);
	free(r->seen);
	r->seen = NULL;
	return r->err;
}

static int new_config(struct config **ret_config)
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
static void check_together(struct reader *r)
{
	const struct config *c = r->config;

	r->line = 0;
	if (c->hot_leave_millipct > c->hot_enter_millipct)
		complain(r, "[hot] Leave is above Enter; a process would leave as it enters");
	if (c->hot_min_ns > c->event_min_ns)
		complain(r, "[hot] EventMin is above [measure] EventMin; a hot process would show "
			    "less");
}

static int finish(struct reader *r, int err, struct config **ret_config)
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
	struct reader r = {.name = name, .problem = problem, .arg = arg};
	int err = new_config(&r.config);

	if (err)
		return err;
	return finish(&r, parse(&r, text, len), ret_config);
}

/* The whole file in memory: -errno, -EFBIG, or -EBADF for what is no file. */
static int slurp(const char *path, char **ret_text, size_t *ret_len)
{
	int fd, err = 0;
	char *text = NULL;
	size_t len = 0;
	struct stat st;
	ssize_t n;

	/* a FIFO must not stop the daemon */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (S_ISDIR(st.st_mode))
		err = -EISDIR;
	else if (!S_ISREG(st.st_mode) && st.st_rdev != 0x103) /* /dev/null masks a drop-in */
		err = -EBADF;
	else if (st.st_size > CONFIG_MAX_FILE)
		err = -EFBIG;
	else if (!(text = malloc(CONFIG_MAX_FILE)))
		err = -ENOMEM;
	while (!err && (n = read(fd, text + len, CONFIG_MAX_FILE - len)) != 0) {
		if (n < 0 && errno != EINTR)
			err = -errno;
		len += n > 0 ? n : 0;
	}
	close(fd);
	if (err) {
		free(text);
		return err;
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}

static const char *slurp_error(int err)
{
	if (err == -EBADF)
		return "not a regular file";
	if (err == -EFBIG)
		return "larger than 1 MiB";
	return strerror(-err);
}

static int read_file(struct reader *r, const char *path, bool must_exist, bool *ret_found)
{
	struct config *c = r->config;
	char *text = NULL, **files;
	size_t len = 0;
	int err;

	*ret_found = false;
	r->name = path;
	r->line = 0;
	err = slurp(path, &text, &len);
	if (err == -ENOMEM || ((err == -ENOENT || err == -ENOTDIR) && !must_exist))
		return err == -ENOMEM ? err : 0;
	*ret_found = true;
	if (err) {
		complain(r, "cannot be read (%s); make it readable or remove it", slurp_error(err));
		return 0;
	}
	files = reallocarray(c->files, c->n_files + 1, sizeof(*files));
	if (files)
		c->files = files;
	if (!files || !(files[c->n_files] = strdup(path)))
		err = -ENOMEM;
	else
		c->n_files++;
	if (!err)
		err = parse(r, text, len);
	free(text);
	return err;
}

static const char *const places[] = {"/etc", "/run", "/usr/lib"};
#define N_PLACES (sizeof(places) / sizeof(places[0]))

struct dropin {
	char *name;
	char *path;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct dropin *)a)->name, ((const struct dropin *)b)->name);
}

/* Add the *.conf of one directory whose names are not there yet. */
static int collect(struct reader *r, const char *dir, struct dropin **list, size_t *n)
{
	struct dirent *ent;
	DIR *d = opendir(dir);
	int err = 0;

	if (!d && errno != ENOENT && errno != ENOTDIR) {
		r->name = dir;
		r->line = 0;
		complain(r, "cannot be read (%s); make it readable or remove it", strerror(errno));
	}
	while (d && !err && (ent = readdir(d))) {
		size_t len = strlen(ent->d_name), i = 0;
		struct dropin *grown;

		if (ent->d_name[0] == '.' || len < 6 || strcmp(ent->d_name + len - 5, ".conf"))
			continue;
		while (i < *n && strcmp((*list)[i].name, ent->d_name))
			i++;
		if (i < *n)
			continue;
		grown = reallocarray(*list, *n + 1, sizeof(**list));
		err = grown ? 0 : -ENOMEM;
		if (err)
			break;
		*list = grown;
		grown[*n].name = strdup(ent->d_name);
		if (asprintf(&grown[*n].path, "%s/%s", dir, ent->d_name) < 0)
			grown[*n].path = NULL;
		if (!grown[*n].name || !grown[*n].path)
			err = -ENOMEM;
		++*n;
	}
	if (d)
		closedir(d);
	return err;
}

static int read_dropins(struct reader *r, const char *root)
{
	struct dropin *list = NULL;
	size_t n = 0;
	bool found;
	int err = 0;

	for (size_t i = 0; i < N_PLACES && !err; i++) {
		char dir[4096];

		snprintf(dir, sizeof(dir), "%s%s/faultline/faultline.conf.d", root, places[i]);
		err = collect(r, dir, &list, &n);
	}
	if (!err && n)
		qsort(list, n, sizeof(*list), by_name);
	for (size_t i = 0; i < n; i++) {
		if (!err)
			err = read_file(r, list[i].path, true, &found);
		free(list[i].name);
		free(list[i].path);
	}
	free(list);
	return err;
}

int config_load(const char *root, const char *path, config_problem_fn problem, void *arg,
		struct config **ret_config)
{
	struct reader r = {.name = "", .problem = problem, .arg = arg};
	bool found = false;
	int err = new_config(&r.config);

	if (err)
		return err;
	if (path) {
		err = read_file(&r, path, true, &found);
	} else {
		for (size_t i = 0; i < N_PLACES && !found && !err; i++) {
			char main_file[4096];

			snprintf(main_file, sizeof(main_file), "%s%s/faultline/faultline.conf",
				 root, places[i]);
			err = read_file(&r, main_file, false, &found);
		}
		if (!err)
			err = read_dropins(&r, root);
	}
	r.name = r.config->n_files ? r.config->files[r.config->n_files - 1] : "configuration";
	return finish(&r, err, ret_config);
}
