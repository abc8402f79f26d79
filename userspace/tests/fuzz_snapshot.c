// SPDX-License-Identifier: GPL-2.0
/*
 * Can a hostile document do harm? Whatever is accepted must be writable again,
 * and read the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *doc = json_loadb((const char *)data, size, JSON_ALLOW_NUL, NULL);
	struct snapshot *snap = NULL, *again = NULL;
	const char *where = NULL;
	json_t *copy;

	if (!doc)
		return 0;
	if (!snapshot_from_json(doc, &snap, &where)) {
		copy = snapshot_to_json(snap);
		if (!copy || snapshot_from_json(copy, &again, &where))
			abort();
		json_decref(copy);
	} else if (!where) {
		abort(); /* refused without saying why */
	}
	snapshot_free(snap);
	snapshot_free(again);
	json_decref(doc);
	return 0;
}
