// SPDX-License-Identifier: GPL-2.0
/*
 * Which files make the configuration, and in what order? The main file of the
 * first place that has one, then the drop-ins of all places; whatever stands
 * there under these names, a directory or a FIFO, must not stop the daemon.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_reader.h"

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

static int read_file(struct config_reader *r, const char *path, bool must_exist, bool *ret_found)
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
		config_complain(r, "cannot be read (%s); make it readable or remove it",
				slurp_error(err));
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
		err = config_read_text(r, text, len);
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
static int collect(struct config_reader *r, const char *dir, struct dropin **list, size_t *n)
{
	struct dirent *ent;
	DIR *d = opendir(dir);
	int err = 0;

	if (!d && errno != ENOENT && errno != ENOTDIR) {
		r->name = dir;
		r->line = 0;
		config_complain(r, "cannot be read (%s); make it readable or remove it",
				strerror(errno));
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

static int read_dropins(struct config_reader *r, const char *root)
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
	struct config_reader r = {.name = "", .problem = problem, .arg = arg};
	bool found = false;
	int err = config_new(&r.config);

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
	return config_finish(&r, err, ret_config);
}
