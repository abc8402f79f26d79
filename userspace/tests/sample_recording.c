// SPDX-License-Identifier: GPL-2.0
/*
 * A recording with something of everything in it, for tests that need no kernel:
 * half a minute in which an agent makes a database wait, once a second, and at the
 * end a wait that is not over. The names are argv[1], as a process could have it.
 */
#include "sample.h"

#define BEGIN_NS (1000 * S)

static void print_line(const char *name, json_t *value)
{
	json_t *line = json_pack("{s:o}", name, value);

	if (!line || json_dumpf(line, stdout, JSON_COMPACT))
		exit(1);
	putchar('\n');
	json_decref(line);
}

static void stamp(struct snapshot *snap, unsigned int second)
{
	sample_meta(snap);
	snap->meta.mono_ns = BEGIN_NS + second * S;
	snap->meta.window_ns = second * S;
	snap->meta.counters[FL_LOST_WAITERS_FULL] = second > 20 ? 3 : 0;
}

static void print_wait(const char *name, unsigned int second, unsigned int thread, bool finished)
{
	struct snapshot *one = snapshot_new();
	struct snap_wait *wait =
		sample_wait(one, 1200, name, 300 * MS - thread * 40 * MS, finished);

	stamp(one, second);
	wait->begin_ns = BEGIN_NS + second * S - 500 * MS + thread * 40 * MS;
	wait->mode = thread ? FL_READ : FL_WRITE;
	wait->waiter.tid = 1201 + thread;
	wait->conf = FL_CONF_RELEASE;
	if (second % 7 == 0)
		wait->holder.tid = wait->holder.tgid = 1250;
	print_line("wait", snapshot_to_json(one));
	snapshot_free(one);
}

static void add_stack(struct snapshot *snap, enum snap_role role, const char *name,
		      const char *leaf, uint64_t ns)
{
	struct snap_stack *stack = snapshot_add_stack(snap);

	stack->role = role;
	stack->tgid = 1200;
	stack->count = 3;
	stack->total_ns = ns;
	text_clean(stack->comm, sizeof(stack->comm), name, strlen(name));
	if (snapshot_add_frame(stack, leaf) || snapshot_add_frame(stack, "do_syscall_64+0x7b") ||
	    snapshot_add_frame(stack, "entry_SYSCALL_64_after_hwframe+0x76"))
		exit(1);
}

/* All since the beginning, as a recording has it. */
static void print_totals(const char *name, unsigned int second, bool last)
{
	struct snapshot *snap = snapshot_new();
	struct snap_proc *own, *remote;
	struct snap_wait *wait;

	stamp(snap, second);
	sample_proc(snap, 1200, name, name, FL_READ, FL_OWN);
	remote = sample_proc(snap, 1200, name, name, FL_READ, FL_REMOTE);
	own = remote - 1;
	for (unsigned int i = 1; i <= second; i++) {
		for (unsigned int k = 0; k < 40 + i % 5 * 30; k++)
			hist_add(&own->hist, 20000 + k * 3000);
		for (unsigned int thread = 0; thread < 4; thread++)
			hist_add(&own->hist, 300 * MS - thread * 40 * MS);
		hist_add(&remote->hist, 4 * MS + i * MS);
	}
	sample_blame(snap, 1200, 4711, name, CAUSE_PROCFS, FL_CONF_RELEASE, second * S);
	snap->blames[0].holder.detail = sample_dup("read /proc/1200/smaps");
	sample_blame(snap, 1200, 1250, "worker", CAUSE_MUNMAP, FL_CONF_EXACT, second * 100 * MS);
	add_stack(snap, SNAP_WAITER, name, "rwsem_down_read_slowpath+0x1f", second * S);
	add_stack(snap, SNAP_HOLDER, name, "smaps_pte_range+0x12", second * 900 * MS);
	add_stack(snap, SNAP_HOLDER, "worker", "unmap_page_range+0x12", second * 100 * MS);
	if (last) {
		wait = sample_wait(snap, 77, "feed", 12 * S, false);
		wait->begin_ns = snap->meta.mono_ns - wait->dur_ns;
	}
	print_line("snapshot", snapshot_to_json(snap));
	snapshot_free(snap);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "postgres";

	print_line("faultline_record", json_pack("{s:i}", "schema", SNAPSHOT_SCHEMA));
	for (unsigned int second = 1; second <= 30; second++) {
		for (unsigned int thread = 0; thread < 4; thread++)
			print_wait(name, second, thread, true);
		print_totals(name, second, second == 30);
	}
	return 0;
}
