// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: whatever bytes a configuration file holds, parsing ends, and what
 * is accepted can be written and read again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = NULL, *again = NULL;
	char *text;
	size_t len;
	FILE *out;

	if (config_parse("fuzz", (const char *)data, size, NULL, NULL, &config))
		return 0;
	out = open_memstream(&text, &len);
	if (config_dump(config, out) || fclose(out) ||
	    config_parse("dump", text, len, NULL, NULL, &again))
		abort();
	free(text);
	config_free(config);
	config_free(again);
	return 0;
}
