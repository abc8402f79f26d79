// SPDX-License-Identifier: GPL-2.0
/*
 * Rows as JSON objects. The document is the snapshot itself with the rows
 * added, so that one file serves scripts and `faultline show`. What is not
 * known is null; ratios are numbers, 1 is 100 %.
 */
#include <errno.h>
#include <string.h>

#include "render_data.h"

static json_t *frames_of(const struct render_row *row)
{
	const struct snap_stack *stack = row->stack;
	json_t *frames = json_array();

	for (int part = 0; part < 2 && stack; part++) {
		for (size_t i = 0; i < stack->n; i++)
			if (json_array_append_new(frames, json_string(stack->frames[i]))) {
				json_decref(frames);
				return NULL;
			}
		stack = stack->below >= 0 && (size_t)stack->below < row->snap->n_stacks
				? &row->snap->stacks[stack->below]
				: NULL;
	}
	return frames;
}

static json_t *value_of(const struct render_column *column, const struct render_row *row)
{
	struct column_value value = {0};

	column->get(row, &value);
	if (!value.present)
		return json_null();
	switch (column->kind) {
	case COLUMN_TEXT:
	case COLUMN_PATH:
	case COLUMN_TASK:
		return json_string(value.text);
	case COLUMN_BOOL:
		return json_boolean(value.number);
	case COLUMN_PERMILLE:
	case COLUMN_MILLI:
		return json_real((double)value.number / 1000);
	case COLUMN_FRAMES:
		return frames_of(row);
	default:
		return json_integer(value.number > INT64_MAX ? INT64_MAX
							     : (json_int_t)value.number);
	}
}

static json_t *row_to_json(const struct render_row *row, const uint8_t *ids, size_t n)
{
	json_t *object = json_object();

	for (size_t i = 0; i < n; i++) {
		const struct render_column *column = &render_columns[ids[i]];

		if (json_object_set_new_nocheck(object, column->key, value_of(column, row))) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

size_t render_data_columns(const struct render_opts *opts, unsigned int set, uint8_t *ids)
{
	if (!opts->n_fields)
		return render_column_set(set, false, ids);
	memcpy(ids, opts->fields, opts->n_fields);
	return opts->n_fields;
}

int render_json_line(FILE *out, json_t *doc)
{
	int err;

	if (!doc)
		return -ENOMEM;
	/* Fails when out of memory, and when out does: that is told by ferror(). */
	err = json_dumpf(doc, out, JSON_COMPACT) && !ferror(out) ? -ENOMEM : 0;
	putc('\n', out);
	json_decref(doc);
	return err;
}

static json_t *rows_to_json(const struct render_rows *rows, const struct render_opts *opts,
			    unsigned int set)
{
	uint8_t ids[RENDER_MAX_FIELDS];
	size_t n = render_data_columns(opts, set, ids);
	json_t *list = json_array();

	for (size_t i = 0; i < rows->n; i++)
		if (json_array_append_new(list, row_to_json(&rows->rows[i], ids, n))) {
			json_decref(list);
			return NULL;
		}
	return list;
}

int render_json(FILE *out, const struct snapshot *snap, const struct render_rows *rows,
		const struct render_opts *opts, unsigned int set)
{
	json_t *doc = snapshot_to_json(snap);

	if (!doc)
		return -ENOMEM;
	if (json_object_set_new(doc, "rows", rows_to_json(rows, opts, set)) ||
	    json_object_set_new(doc, "rows_left_out", json_integer((json_int_t)rows->n_left_out))) {
		json_decref(doc);
		return -ENOMEM;
	}
	return render_json_line(out, doc);
}

int render_jsonl(FILE *out, const struct render_rows *rows, const struct render_opts *opts,
		 unsigned int set)
{
	uint8_t ids[RENDER_MAX_FIELDS];
	size_t n = render_data_columns(opts, set, ids);
	int err = 0;

	for (size_t i = 0; i < rows->n && !err; i++) {
		json_t *object = row_to_json(&rows->rows[i], ids, n);

		if (!object ||
		    json_object_set_new(object, "schema", json_integer(SNAPSHOT_SCHEMA))) {
			json_decref(object);
			return -ENOMEM;
		}
		err = render_json_line(out, object);
	}
	return err;
}

int render_jsonl_meta(FILE *out, const struct snapshot *snap)
{
	return render_json_line(out, json_pack("{s:i, s:o}", "schema", SNAPSHOT_SCHEMA, "meta",
					       snapshot_meta_to_json(&snap->meta)));
}
