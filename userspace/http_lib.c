// SPDX-License-Identifier: GPL-2.0
/* Finds libmicrohttpd of the version that the header is of, and its functions. */
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "http_lib.h"

#define LIBRARY "libmicrohttpd.so.12" /* of Debian 12 */

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
	{"MHD_start_daemon", offsetof(struct http_lib, start_daemon)},
	{"MHD_stop_daemon", offsetof(struct http_lib, stop_daemon)},
	{"MHD_get_daemon_info", offsetof(struct http_lib, get_daemon_info)},
	{"MHD_run", offsetof(struct http_lib, run)},
	{"MHD_create_response_from_buffer", offsetof(struct http_lib, create_response)},
	{"MHD_add_response_header", offsetof(struct http_lib, add_header)},
	{"MHD_queue_response", offsetof(struct http_lib, queue_response)},
	{"MHD_destroy_response", offsetof(struct http_lib, destroy_response)},
};

int http_lib_open(struct http_lib *lib)
{
	void *function;

	lib->handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!lib->handle)
		return -ENOENT;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		function = dlsym(lib->handle, functions[i].name);
		if (!function) {
			http_lib_close(lib);
			return -ENOENT;
		}
		/* ISO C has no cast from an object's pointer to a function's */
		memcpy((char *)lib + functions[i].offset, &function, sizeof(function));
	}
	return 0;
}

void http_lib_close(struct http_lib *lib)
{
	if (lib->handle)
		dlclose(lib->handle);
	lib->handle = NULL;
}
