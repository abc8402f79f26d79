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
	int64_t begin_ns; /* when the region began, as the guest sees it */
	int64_t lost_ns; /* how far the guest is behind the host */
} clocks;

static int64_t virtual_clock(void)
{
	return clocks.inside ? clocks.begin_ns + (int64_t)step_clock()
			     : cpu_get_clock() - clocks.lost_ns;
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

/*
 * Every entry is checked for what it has to be, or the table is another version's. The
 * time stamp counter is the clock from the guest's first instruction on: 1 GHz, which
 * its kernel is told, as what it measures on a busy host can be far off.
 */
void clock_find(void)
{
	struct accel_ops *ops = object_class_by_name("tcg-accel-ops");

	if (clocks.ops || !ops || !ops->create_thread || !ops->kick_thread || ops->thread_is_idle ||
	    !ops->handle_interrupt || ops->get_virtual_clock || ops->get_elapsed_ticks)
		return;
	ops->get_elapsed_ticks = virtual_clock;
	clocks.interrupt = ops->handle_interrupt;
	clocks.ops = ops;
}

/* All CPUs are out of their code; step_begin() comes first. */
int clock_take(void)
{
	if (!clocks.ops)
		return -ENOTSUP;
	for (int i = 0; i < MODEL_CPUS; i++)
		clocks.cpu[i] = qemu_get_cpu(i);
	clocks.begin_ns = cpu_get_clock() - clocks.lost_ns;
	__atomic_store_n(&clocks.inside, true, __ATOMIC_SEQ_CST);
	clocks.ops->get_virtual_clock = virtual_clock;
	clocks.ops->handle_interrupt = interrupted;
	return 0;
}

void clock_release(void)
{
	clocks.lost_ns = cpu_get_clock() - virtual_clock();
	__atomic_store_n(&clocks.inside, false, __ATOMIC_SEQ_CST);
}
