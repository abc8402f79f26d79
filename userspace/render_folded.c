// SPDX-License-Identifier: GPL-2.0
/*
 * Stack totals as flame graph tools read them: "comm;frame;...;frame N", root
 * first, N in microseconds of waiting. Kernel frames end in "_[k]"; they stand
 * on top of the user stack, where there is one.
 */
#include <inttypes.h>

#include "render_data.h"
#include "text.h"

static void put_frames(FILE *out, const struct snap_stack *stack)
{
	for (size_t i = stack->n; i-- > 0;) {
		putc(';', out);
		text_put_folded(out, stack->frames[i]);
		if (!stack->user)
			fputs("_[k]", out);
	}
}

void render_folded(FILE *out, const struct snapshot *snap, enum snap_role role)
{
	for (size_t i = 0; i < snap->n_stacks; i++) {
		const struct snap_stack *stack = &snap->stacks[i];

		if (!stack->count || (role < SNAP_NR_ROLES && stack->role != role))
			continue;
		text_put_folded(out, *stack->comm ? stack->comm : "?");
		if (stack->below >= 0 && (size_t)stack->below < snap->n_stacks)
			put_frames(out, &snap->stacks[stack->below]);
		put_frames(out, stack);
		/* Rounded up: a stack of less than a microsecond is still there. */
		fprintf(out, " %" PRIu64 "\n",
			stack->total_ns / 1000 + (stack->total_ns % 1000 != 0));
	}
}
