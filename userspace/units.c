// SPDX-License-Identifier: GPL-2.0
/*
 * Numbers with units, as operators write and read them. Integer arithmetic
 * only, so that "0.1s" is 100000000 ns on every machine. Strict: no white
 * space, no sign, no bare number where a unit is needed.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "units.h"

#define NSEC_PER_USEC 1000ULL
#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_SEC  1000000000ULL
#define NSEC_PER_MIN  (60 * NSEC_PER_SEC)
#define NSEC_PER_HOUR (60 * NSEC_PER_MIN)
#define NSEC_PER_DAY  (24 * NSEC_PER_HOUR)

struct unit {
	const char *name;
	uint64_t scale;
};

/* A decimal number: its whole part, and its fraction in 10^-digits. */
struct decimal {
	uint64_t whole;
	uint64_t frac;
	uint64_t frac_scale; /* 10^digits */
	const char *end;
};

/* Digits beyond the ninth are below a nanosecond in every unit but d: drop them. */
static int decimal_parse(const char *text, struct decimal *ret)
{
	struct decimal d = {.frac_scale = 1};
	const char *p = text;

	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(d.whole, 10, &d.whole) ||
		    __builtin_add_overflow(d.whole, (uint64_t)(*p - '0'), &d.whole))
			return -ERANGE;
	if (*p == '.') {
		p++;
		if (!isdigit((unsigned char)*p))
			return -EINVAL;
		for (; isdigit((unsigned char)*p); p++) {
			if (d.frac_scale >= NSEC_PER_SEC)
				continue;
			d.frac = d.frac * 10 + (uint64_t)(*p - '0');
			d.frac_scale *= 10;
		}
	}
	d.end = p;
	*ret = d;
	return 0;
}

static int decimal_scale(const struct decimal *d, uint64_t scale, uint64_t *ret)
{
	uint64_t value;

	if (__builtin_mul_overflow(d->whole, scale, &value))
		return -ERANGE;
	if (__builtin_add_overflow(value, (uint64_t)((__uint128_t)d->frac * scale / d->frac_scale),
				   &value))
		return -ERANGE;
	*ret = value;
	return 0;
}

static int parse_with(const char *text, const struct unit *units, size_t n, uint64_t *ret)
{
	struct decimal d;
	int err = decimal_parse(text, &d);

	if (err)
		return err;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(d.end, units[i].name))
			return decimal_scale(&d, units[i].scale, ret);
	return -EINVAL;
}

int units_parse_duration(const char *text, uint64_t *ret_ns)
{
	static const struct unit units[] = {
		{"ns", 1},	     {"us", NSEC_PER_USEC}, {"ms", NSEC_PER_MSEC},
		{"s", NSEC_PER_SEC}, {"min", NSEC_PER_MIN}, {"h", NSEC_PER_HOUR},
		{"d", NSEC_PER_DAY},
	};

	if (!strcmp(text, "0")) {
		*ret_ns = 0;
		return 0;
	}
	return parse_with(text, units, sizeof(units) / sizeof(units[0]), ret_ns);
}

int units_parse_size(const char *text, uint64_t *ret_bytes)
{
	static const struct unit units[] = {
		{"", 1}, {"K", 1ULL << 10}, {"M", 1ULL << 20}, {"G", 1ULL << 30}, {"T", 1ULL << 40},
	};

	/* "1.5" without a unit is no number of bytes. */
	if (strchr(text, '.') && isdigit((unsigned char)text[strlen(text) - 1]))
		return -EINVAL;
	return parse_with(text, units, sizeof(units) / sizeof(units[0]), ret_bytes);
}

int units_parse_percent(const char *text, uint32_t *ret_millipct)
{
	static const struct unit units[] = {{"%", 1000}};
	uint64_t value;
	int err = parse_with(text, units, 1, &value);

	if (err)
		return err;
	if (value > UINT32_MAX)
		return -ERANGE;
	*ret_millipct = (uint32_t)value;
	return 0;
}

int units_parse_bool(const char *text, int *ret_bool)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(text, words[i])) {
			*ret_bool = i & 1;
			return 0;
		}
	return -EINVAL;
}

int units_parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *ret)
{
	struct decimal d;
	int err = decimal_parse(text, &d);

	if (err)
		return err;
	if (*d.end || d.frac_scale != 1)
		return -EINVAL;
	if (d.whole < min || d.whole > max)
		return -ERANGE;
	*ret = (uint32_t)d.whole;
	return 0;
}

/* Three digits of value/scale; false where rounding would need a fourth one. */
static int three_digits(char buf[UNITS_BUF], uint64_t value, uint64_t scale, const char *unit)
{
	static const uint64_t parts[] = {100, 10, 1}; /* of one: 1.23, 12.3, 123 */

	for (size_t i = 0; i < 3; i++) {
		uint64_t n = (uint64_t)(((__uint128_t)value * parts[i] + scale / 2) / scale);

		if (n >= 1000)
			continue;
		if (i == 2)
			snprintf(buf, UNITS_BUF, "%llu%s", (unsigned long long)n, unit);
		else
			snprintf(buf, UNITS_BUF, "%llu.%0*llu%s",
				 (unsigned long long)(n / parts[i]), i ? 1 : 2,
				 (unsigned long long)(n % parts[i]), unit);
		return 1;
	}
	return 0;
}

static void two_units(char buf[UNITS_BUF], uint64_t ns, const struct unit *big,
		      const struct unit *small)
{
	snprintf(buf, UNITS_BUF, "%llu%s%02llu%s", (unsigned long long)(ns / big->scale), big->name,
		 (unsigned long long)(ns % big->scale / small->scale), small->name);
}

const char *units_format_duration(char buf[UNITS_BUF], uint64_t ns)
{
	static const struct unit second = {"s", NSEC_PER_SEC}, minute = {"m", NSEC_PER_MIN},
				 hour = {"h", NSEC_PER_HOUR}, day = {"d", NSEC_PER_DAY};

	if (ns < NSEC_PER_USEC)
		snprintf(buf, UNITS_BUF, "%lluns", (unsigned long long)ns);
	else if ((ns < NSEC_PER_MSEC && three_digits(buf, ns, NSEC_PER_USEC, "us")) ||
		 (ns < NSEC_PER_SEC && three_digits(buf, ns, NSEC_PER_MSEC, "ms")) ||
		 /* from here on one digit would be rounded to 60.0s */
		 (ns < NSEC_PER_MIN - 50 * NSEC_PER_MSEC &&
		  three_digits(buf, ns, NSEC_PER_SEC, "s")))
		return buf;
	else if (ns < NSEC_PER_MIN)
		snprintf(buf, UNITS_BUF, "1m00s");
	else if (ns < NSEC_PER_HOUR)
		two_units(buf, ns, &minute, &second);
	else if (ns < NSEC_PER_DAY)
		two_units(buf, ns, &hour, &minute);
	else
		two_units(buf, ns, &day, &hour);
	return buf;
}

const char *units_format_size(char buf[UNITS_BUF], uint64_t bytes)
{
	static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	uint64_t tenths = 0;
	unsigned int i;

	if (bytes < 1024) {
		snprintf(buf, UNITS_BUF, "%llu B", (unsigned long long)bytes);
		return buf;
	}
	for (i = 0; i < 6; i++) {
		__uint128_t scale = (__uint128_t)1 << (10 * (i + 1));

		tenths = (uint64_t)(((__uint128_t)bytes * 10 + scale / 2) / scale);
		if (tenths < 10240 || i == 5)
			break;
	}
	snprintf(buf, UNITS_BUF, "%llu.%llu %s", (unsigned long long)(tenths / 10),
		 (unsigned long long)(tenths % 10), names[i]);
	return buf;
}

const char *units_format_count(char buf[UNITS_BUF], uint64_t count)
{
	char digits[UNITS_BUF];
	int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
	char *p = buf;

	/* 20 digits and 6 commas do not fit: past 10^18 the commas are left out. */
	if (n > 18) {
		memcpy(buf, digits, (size_t)n + 1);
		return buf;
	}
	for (int i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			*p++ = ',';
		*p++ = digits[i];
	}
	*p = '\0';
	return buf;
}
