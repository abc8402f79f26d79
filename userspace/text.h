/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Text that comes from processes (comm, cgroup, paths) is controlled by whoever
 * runs them. text_clean() makes it printable once, where it enters; the
 * text_put_*() quote it for each output format. Pure, but for the FILE.
 */
#ifndef FAULTLINE_TEXT_H
#define FAULTLINE_TEXT_H

#include <stddef.h>
#include <stdio.h>

/*
 * Copy at most n raw bytes (up to a NUL) to buf: control characters (C0, DEL,
 * C1), invalid UTF-8, bidirectional controls, line separators and backslashes become \xNN byte by
 * byte; all else stays. Always terminated; truncated at a whole character.
 */
void text_clean(char *buf, size_t size, const char *raw, size_t n);
/* The same into a new string; NULL when out of memory or raw is NULL. */
char *text_clean_dup(const char *raw);
/*
 * For text that was cleaned elsewhere (JSON of another process): the same, but
 * backslashes stay, so that clean text comes out as it went in.
 */
void text_reclean(char *buf, size_t size, const char *cleaned);
char *text_reclean_dup(const char *cleaned);

/*
 * Clean text as one word that stays one whoever forgets quotes, also in a second
 * shell: what is not a letter, digit or one of _./:@%+,- becomes \xNN byte by byte,
 * as does a leading - or +. NULL when out of memory.
 */
char *text_word_dup(const char *cleaned);

void text_put_csv(
	FILE *out,
	const char *text); /* quotes if needed; a leading = + - @ is quoted and prefixed by ' */
void text_put_label(FILE *out, const char *text); /* OpenMetrics label value, without the quotes */
void text_put_xml(FILE *out, const char *text); /* XML text and attribute */
void text_put_folded(FILE *out, const char *text); /* ';' and white space become '_' */
/* Columns on a terminal (wcwidth), for tables; and print left-aligned, cut to width with "~" at the end. */
size_t text_width(const char *text);
void text_put_padded(FILE *out, const char *text, size_t width);
/* The same, but the end is kept and "~" stands in front: for paths. */
void text_put_tail(FILE *out, const char *text, size_t width);

#endif
