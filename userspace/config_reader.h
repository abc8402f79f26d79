/* SPDX-License-Identifier: GPL-2.0 */
/* A configuration that is being read. Only for config.c and config_files.c. */
#ifndef FAULTLINE_CONFIG_READER_H
#define FAULTLINE_CONFIG_READER_H

#include "config.h"

struct config_reader {
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

/* Report a problem in line r->line of r->name; 0: in the file as a whole. */
void config_complain(struct config_reader *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* With the defaults. 0 or -ENOMEM. */
int config_new(struct config **ret_config);
/* The text of one file. Problems are reported, and are no error; -ENOMEM is. */
int config_read_text(struct config_reader *r, const char *text, size_t len);
/* Hand r->config out, or free it: err, or -EINVAL when any problem was reported. */
int config_finish(struct config_reader *r, int err, struct config **ret_config);

#endif
