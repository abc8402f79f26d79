/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers with units, in and out. Pure. */
#ifndef FAULTLINE_UNITS_H
#define FAULTLINE_UNITS_H

#include <stddef.h>
#include <stdint.h>

/*
 * "50ms", "1.5s", "250us", "10ns", "2min", "1h", "7d"; a bare "0" is allowed, any other
 * bare number is not. 0, or -EINVAL (not of this form), -ERANGE.
 */
int units_parse_duration(const char *text, uint64_t *ret_ns);
/* "64K", "8M", "1G", "512" (bytes); 1024-based. */
int units_parse_size(const char *text, uint64_t *ret_bytes);
/* "2%", "0.5%" -> thousandths of a percent. */
int units_parse_percent(const char *text, uint32_t *ret_millipct);
int units_parse_bool(const char *text, int *ret_bool);
int units_parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *ret);

/* Three significant digits with a unit: "1.23ms", "45.0us", "15.2s", "2m05s", "3h12m". Returns buf. */
#define UNITS_BUF 24
const char *units_format_duration(char buf[UNITS_BUF], uint64_t ns);
const char *units_format_size(char buf[UNITS_BUF], uint64_t bytes); /* "1.5 MiB" */
const char *units_format_count(char buf[UNITS_BUF], uint64_t count); /* "12,345" */

#endif
