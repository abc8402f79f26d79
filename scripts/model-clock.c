// SPDX-License-Identifier: GPL-2.0
/*
 * Puts the guest's clocks and its wake-ups into the model's hands for a region.
 *
 * The plugin interface has no word for either, so this replaces three entries of the
 * table by which QEMU 7.2 asks its accelerator: the virtual clock (of all timers),
 * the time stamp counter, and the interrupt, which tells which CPU is woken when it
 * is woken and not when the host gets round to it. The clocks neither jump nor go
 * back at either end; what the region took longer on the host is taken off for good.
 */
#include <errno.h>

#include "model.h"
#include "model-qemu.h"

/* struct AccelOpsClass of QEMU 7.2. */
struct accel_ops {
	void *parent[12];
	void (*init)(void *ops);
	void *resettable, *create_thread, *kick_thread, *thread_is_idle;
	void *synchronize[5];
	void (*handle_interrupt)(void *cpu, int mask);
	int64_t (*get_virtual_clock)(void);
	int64_t (*get_elapsed_ticks)(void);
};

static struct {
	struct accel_ops *ops;
	void (*interrupt)(void *cpu, int mask); /* QEMU's own */
	bool inside;
	void *cpu[MODEL_CPUS];
	int64_t clock_ns, counter; /* when the region began, as the guest sees them */
	int64_t lost_ns, lost_counts; /* how far the guest is behind the host */
	double counts_per_ns;
} clocks;

static int64_t virtual_clock(void)
{
	return clocks.inside ? clocks.clock_ns + (int64_t)step_clock()
			     : cpu_get_clock() - clocks.lost_ns;
}

static int64_t time_stamp(void)
{
	return clocks.inside
		       ? clocks.counter + (int64_t)((double)step_clock() * clocks.counts_per_ns)
		       : cpu_get_ticks() - clocks.lost_counts;
}

static void interrupted(void *cpu, int mask)
{
	clocks.interrupt(cpu, mask);
	if (!clocks.inside)
		return;
	for (unsigned int i = 0; i < MODEL_CPUS && clocks.cpu[i]; i++)
		if (clocks.cpu[i] == cpu && step_vcpus[i].idle && !cpu_thread_is_idle(cpu))
			step_resume(i);
}

/* Every entry is checked for what it has to be, or the table is another version's. */
static int find_table(void)
{
	struct accel_ops *ops = object_class_by_name("tcg-accel-ops");

	if (clocks.ops)
		return 0;
	if (!ops || !ops->create_thread || !ops->kick_thread || ops->thread_is_idle ||
	    !ops->handle_interrupt || ops->get_virtual_clock || ops->get_elapsed_ticks)
		return -ENOTSUP;
	for (int i = 0; i < MODEL_CPUS; i++)
		clocks.cpu[i] = qemu_get_cpu(i);
	clocks.counts_per_ns = (double)cpu_get_ticks() / (double)cpu_get_clock();
	clocks.interrupt = ops->handle_interrupt;
	clocks.ops = ops;
	return 0;
}

/* All CPUs are out of their code; step_begin() comes first. */
int clock_take(void)
{
	int err = find_table();

	if (err)
		return err;
	clocks.clock_ns = cpu_get_clock() - clocks.lost_ns;
	clocks.counter = cpu_get_ticks() - clocks.lost_counts;
	__atomic_store_n(&clocks.inside, true, __ATOMIC_SEQ_CST);
	clocks.ops->get_elapsed_ticks = time_stamp;
	clocks.ops->get_virtual_clock = virtual_clock;
	clocks.ops->handle_interrupt = interrupted;
	return 0;
}

void clock_release(void)
{
	clocks.lost_ns = cpu_get_clock() - virtual_clock();
	clocks.lost_counts = cpu_get_ticks() - time_stamp();
	__atomic_store_n(&clocks.inside, false, __ATOMIC_SEQ_CST);
}
