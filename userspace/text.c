// SPDX-License-Identifier: GPL-2.0
/*
 * Makes text of unknown origin safe to show. Decodes UTF-8 itself: the
 * result must not depend on the locale that the program happens to run in.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "text.h"

#define ESCAPED 4 /* \xNN */

/* Bytes of the character at s, its code in *ret; 0 when it is not UTF-8. */
static size_t utf8_decode(const unsigned char *s, size_t n, uint32_t *ret)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc0 ? 2 : 0;
	uint32_t code;

	if (!len || len > n || s[0] >= 0xf8)
		return 0;
	code = len == 1 ? s[0] : s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < smallest[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret = code;
	return len;
}

/* Would it change how the text around it is shown, or end the line? */
static bool is_unsafe(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || /* C0, DEL, C1 */
	       code == 0x61c || code == 0x200e || code == 0x200f || /* direction marks */
	       (code >= 0x2028 && code <= 0x202e) || /* separators, embeddings */
	       (code >= 0x2066 && code <= 0x2069); /* isolates */
}

static void clean(char *buf, size_t size, const char *raw, size_t n, bool keep_backslash)
{
	const unsigned char *s = (const unsigned char *)raw;
	size_t used = 0, i = 0;

	if (!size)
		return;
	n = strnlen(raw, n);
	while (i < n) {
		uint32_t code = 0;
		size_t len = utf8_decode(s + i, n - i, &code);
		bool escape = !len || is_unsafe(code) || (code == '\\' && !keep_backslash);

		if (!len)
			len = 1;
		/* A character is shown whole or not at all. */
		if (used + (escape ? len * ESCAPED : len) >= size)
			break;
		for (; len; len--, i++) {
			if (escape)
				used += (size_t)sprintf(buf + used, "\\x%02x", s[i]);
			else
				buf[used++] = (char)s[i];
		}
	}
	buf[used] = '\0';
}

static char *clean_dup(const char *raw, bool keep_backslash)
{
	size_t n, size;
	char *buf;

	if (!raw)
		return NULL;
	n = strlen(raw);
	if (__builtin_mul_overflow(n, ESCAPED, &size) || __builtin_add_overflow(size, 1, &size))
		return NULL;
	buf = malloc(size);
	if (buf)
		clean(buf, size, raw, n, keep_backslash);
	return buf;
}

void text_clean(char *buf, size_t size, const char *raw, size_t n)
{
	clean(buf, size, raw, n, false);
}

char *text_clean_dup(const char *raw)
{
	return clean_dup(raw, false);
}

void text_reclean(char *buf, size_t size, const char *cleaned)
{
	clean(buf, size, cleaned, strlen(cleaned), true);
}

char *text_reclean_dup(const char *cleaned)
{
	return clean_dup(cleaned, true);
}

char *text_word_dup(const char *cleaned)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_./:@%+,-\\";
	char *word = malloc(strlen(cleaned) * ESCAPED + 1), *at = word;

	if (!word)
		return NULL;
	for (const char *c = cleaned; *c; c++) {
		bool option = c == cleaned && (*c == '-' || *c == '+');

		if (strchr(plain, *c) && !option)
			*at++ = *c; /* a backslash is there already as \x5c, or begins one */
		else
			at += sprintf(at, "\\x%02x", (unsigned char)*c);
	}
	*at = '\0';
	return word;
}

void text_put_csv(FILE *out, const char *text)
{
	bool formula = *text && strchr("=+-@\t\r", *text);
	bool quote = formula || strpbrk(text, ",\"\r\n") || *text == ' ' ||
		     (*text && text[strlen(text) - 1] == ' ');

	if (!quote) {
		fputs(text, out);
		return;
	}
	putc('"', out);
	if (formula) /* a spreadsheet would compute it */
		putc('\'', out);
	for (; *text; text++) {
		if (*text == '"')
			putc('"', out);
		putc(*text, out);
	}
	putc('"', out);
}

void text_put_label(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else
			putc(*text, out);
	}
}

void text_put_xml(FILE *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '&')
			fputs("&amp;", out);
		else if (c == '<')
			fputs("&lt;", out);
		else if (c == '>')
			fputs("&gt;", out);
		else if (c == '"')
			fputs("&quot;", out);
		else if (c == '\'')
			fputs("&#39;", out);
		else if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
			putc('?', out); /* not allowed in XML, not even as a reference */
		else
			putc(c, out);
	}
}

void text_put_folded(FILE *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		putc(c == ';' || c <= ' ' || c == 0x7f ? '_' : c, out);
	}
}

/* One character: its bytes, and its columns in *ret_width. */
static size_t one_char(const char *text, size_t *ret_width)
{
	uint32_t code = 0;
	size_t len = utf8_decode((const unsigned char *)text, strlen(text), &code);
	int width;

	if (!len) {
		*ret_width = 1;
		return 1;
	}
	/* The C locale knows no width beyond ASCII: one column is the best guess. */
	width = wcwidth((wchar_t)code);
	*ret_width = width < 0 ? 1 : (size_t)width;
	return len;
}

size_t text_width(const char *text)
{
	size_t sum = 0, width;

	while (*text) {
		text += one_char(text, &width);
		sum += width;
	}
	return sum;
}

static void put_spaces(FILE *out, size_t n)
{
	while (n--)
		putc(' ', out);
}

void text_put_padded(FILE *out, const char *text, size_t width)
{
	size_t full = text_width(text), used = 0, w, len;

	if (!width)
		return;
	if (full <= width) {
		fputs(text, out);
		put_spaces(out, width - full);
		return;
	}
	for (; *text; text += len, used += w) {
		len = one_char(text, &w);
		if (used + w > width - 1)
			break;
		fwrite(text, 1, len, out);
	}
	putc('~', out);
	put_spaces(out, width - 1 - used);
}

void text_put_tail(FILE *out, const char *text, size_t width)
{
	size_t full = text_width(text), w;

	if (!width)
		return;
	if (full <= width) {
		text_put_padded(out, text, width);
		return;
	}
	putc('~', out);
	while (full > width - 1) {
		text += one_char(text, &w);
		full -= w;
	}
	text_put_padded(out, text, width - 1);
}
