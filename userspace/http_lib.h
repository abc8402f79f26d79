/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libmicrohttpd, loaded only where metrics are served: with the TLS library that
 * comes with it, it would be a third of the daemon's memory on all other hosts.
 */
#ifndef FAULTLINE_HTTP_LIB_H
#define FAULTLINE_HTTP_LIB_H

#include <microhttpd.h>

struct http_lib {
	void *handle;
	__typeof__(&MHD_start_daemon) start_daemon;
	__typeof__(&MHD_stop_daemon) stop_daemon;
	__typeof__(&MHD_get_daemon_info) get_daemon_info;
	__typeof__(&MHD_run) run;
	__typeof__(&MHD_create_response_from_buffer) create_response;
	__typeof__(&MHD_add_response_header) add_header;
	__typeof__(&MHD_queue_response) queue_response;
	__typeof__(&MHD_destroy_response) destroy_response;
};

/* 0, or -ENOENT when the library is not there or lacks a function. */
int http_lib_open(struct http_lib *lib);
void http_lib_close(struct http_lib *lib); /* also when it was not opened */

#endif
