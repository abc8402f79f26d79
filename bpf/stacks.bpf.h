/* SPDX-License-Identifier: GPL-2.0 */
/* Where did the waiter stand? Its stacks, and the waits of each. */
#ifndef FAULTLINE_STACKS_BPF_H
#define FAULTLINE_STACKS_BPF_H

#include "lock.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct fl_stack_key);
	__type(value, struct fl_stack_total);
} stack_totals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 1024);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, FL_STACK_DEPTH * sizeof(__u64));
} kstacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 1024);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, FL_STACK_DEPTH * sizeof(__u64));
} ustacks SEC(".maps");

static const struct fl_stack_total no_stack_total;

/*
 * A stack whose slot is taken by another one gets none. Without the innermost
 * frame, which is our own program for the kernel, it has another slot.
 */
static __always_inline long stack_id(void *ctx, void *map, __u64 flags)
{
	long id = bpf_get_stackid(ctx, map, flags);

	return id >= 0 || flags & BPF_F_USER_STACK ? id : bpf_get_stackid(ctx, map, flags | 1);
}

static __always_inline void add_stacks(void *ctx, const struct fl_config *cfg,
				       const struct fl_waiter *w, __u64 now, __u64 ns,
				       struct fl_stack_key *key)
{
	struct fl_stack_total *t;

	key->start_ns = w->start_ns;
	key->tgid = w->tgid;
	key->waiter_tgid = w->self.tgid;
	key->mode = w->mode;
	key->cls = w->cls;
	key->rel = w->rel;
	key->kstack = stack_id(ctx, &kstacks, 0);
	if (key->kstack < 0)
		count(FL_LOST_KSTACK);
	if (cfg->user_stacks && w->rel != FL_KTHREAD) {
		key->ustack = stack_id(ctx, &ustacks, BPF_F_USER_STACK);
		if (key->ustack < 0)
			count(FL_LOST_USTACK);
	}
	t = bpf_map_lookup_elem(&stack_totals, key);
	if (!t) {
		bpf_map_update_elem(&stack_totals, key, &no_stack_total, BPF_NOEXIST);
		t = bpf_map_lookup_elem(&stack_totals, key);
		if (!t) {
			count(FL_LOST_STACKS_FULL);
			return;
		}
		bpf_get_current_comm(t->waiter_comm, sizeof(t->waiter_comm));
	}
	__sync_fetch_and_add(&t->count, 1);
	__sync_fetch_and_add(&t->total_ns, ns);
	if (ns > t->max_ns)
		t->max_ns = ns;
	t->last_ns = now;
}

#endif
