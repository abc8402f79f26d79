// SPDX-License-Identifier: GPL-2.0
/* What was seen of single waits and of holders, within bounds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tally_internal.h"

struct tally *tally_new(void)
{
	return calloc(1, sizeof(struct tally));
}

void tally_free(struct tally *tally)
{
	if (!tally)
		return;
	for (size_t i = 0; i < TALLY_NAMES; i++)
		free(tally->names[i].cgroup);
	free(tally->stuck);
	free(tally->holders);
	free(tally->gone);
	free(tally->gone_blames);
	free(tally);
}

void tally_add_event(struct tally *tally, const struct fl_event *event)
{
	tally->events[tally->next_event] = *event;
	tally->next_event = (tally->next_event + 1) % TALLY_WAITS;
	if (tally->n_events < TALLY_WAITS)
		tally->n_events++;
}

static uint64_t event_ns(const struct fl_event *event)
{
	return event->end_ns - event->wait.begin_ns;
}

static int longer_first(const void *a, const void *b)
{
	const struct fl_event *x = *(const struct fl_event *const *)a;
	const struct fl_event *y = *(const struct fl_event *const *)b;

	return (event_ns(x) < event_ns(y)) - (event_ns(x) > event_ns(y));
}

size_t tally_events(const struct tally *tally, const struct fl_event **ret_events, size_t max)
{
	const struct fl_event *all[TALLY_WAITS];
	size_t n = tally->n_events;

	for (size_t i = 0; i < n; i++)
		all[i] = &tally->events[i];
	/* cppcheck-suppress uninitvar; what the pointers lead to is not read through the array */
	qsort(all, n, sizeof(all[0]), longer_first);
	if (n > max)
		n = max;
	memcpy(ret_events, all, n * sizeof(all[0]));
	return n;
}

static bool same_wait(const struct tally_stuck *a, const struct tally_stuck *b)
{
	return a->tid == b->tid && a->wait.begin_ns == b->wait.begin_ns;
}

static int older_first(const void *a, const void *b)
{
	const struct tally_stuck *x = a, *y = b;

	return (x->wait.begin_ns > y->wait.begin_ns) - (x->wait.begin_ns < y->wait.begin_ns);
}

int tally_set_stuck(struct tally *tally, const struct tally_stuck *stuck, size_t n)
{
	struct tally_stuck *copy = calloc(n ? n : 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, stuck, n * sizeof(*copy));
	qsort(copy, n, sizeof(*copy), older_first);
	if (n > TALLY_STUCK)
		n = TALLY_STUCK;
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < tally->n_stuck; j++) {
			if (same_wait(&copy[i], &tally->stuck[j]))
				copy[i].announced = tally->stuck[j].announced;
		}
	}
	free(tally->stuck);
	tally->stuck = copy;
	tally->n_stuck = n;
	return 0;
}

struct tally_stuck *tally_stuck(struct tally *tally, size_t *ret_n)
{
	*ret_n = tally->n_stuck;
	return tally->stuck;
}

static bool same_holder(const struct tally_holder *h, uint32_t tgid,
			const struct fl_task_stack *stack)
{
	return h->tgid == tgid && h->stack.task.tgid == stack->task.tgid &&
	       h->stack.task.nr == stack->task.nr && h->stack.depth == stack->depth &&
	       !memcmp(h->stack.ips, stack->ips, stack->depth * sizeof(stack->ips[0]));
}

void tally_add_holder(struct tally *tally, uint32_t tgid, uint64_t start_ns,
		      const struct fl_task_stack *stack, uint64_t waited_ns)
{
	struct tally_holder *holder, *least = NULL;

	if (!tally->holders)
		tally->holders = calloc(TALLY_HOLDERS, sizeof(*tally->holders));
	if (!tally->holders)
		return;
	for (size_t i = 0; i < tally->n_holders; i++) {
		holder = &tally->holders[i];
		if (same_holder(holder, tgid, stack)) {
			holder->samples++;
			holder->total_ns += waited_ns;
			return;
		}
		if (!least || holder->total_ns < least->total_ns)
			least = holder;
	}
	if (tally->n_holders < TALLY_HOLDERS)
		least = &tally->holders[tally->n_holders++];
	*least = (struct tally_holder){
		.tgid = tgid,
		.start_ns = start_ns,
		.stack = *stack,
		.samples = 1,
		.total_ns = waited_ns,
	};
}

const struct tally_holder *tally_holders(const struct tally *tally, size_t *ret_n)
{
	*ret_n = tally->n_holders;
	return tally->holders;
}

void tally_set_hot(struct tally *tally, const uint32_t *tgids, size_t n)
{
	if (n > sizeof(tally->hot) / sizeof(tally->hot[0]))
		n = sizeof(tally->hot) / sizeof(tally->hot[0]);
	memmove(tally->hot, tgids, n * sizeof(*tgids));
	tally->n_hot = n;
}
