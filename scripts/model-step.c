// SPDX-License-Identifier: GPL-2.0
/*
 * The emulated CPUs in step, one at a time: the slowest one has the turn and runs
 * until it is LEAD instructions ahead of the next one, then it gives the turn to
 * the slowest. A CPU that halts leaves the row, one that is woken joins it at the
 * time of the slowest. So who runs when is the guest's own doing, whatever the host
 * does meanwhile, and one tick is one instruction of each of that many equal cores.
 *
 * The guest's clocks follow: a tick is a nanosecond to its timers and its time
 * stamp counter, or every lock that spins for a while and every time slice would
 * depend on how fast the host emulates. While all CPUs are halted, time passes as
 * on the host.
 *
 * The turn is taken away from a CPU that makes no headway for a while though the host
 * would let it: it waits in the emulator for the others to stop. That is counted.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "model.h"
#include "model-qemu.h"

#define LOOK_NS	 5000000 /* how long the one that has the turn may seem to do nothing */
#define PATIENCE 200 /* how many times: it may wait for one that waits for a core */
/*
 * Ticks between two faults. The short ones part CPUs that are a few instructions apart,
 * the long ones those that do their periodic work, of 15 faults' length, at one time.
 */
#define THINK		 256
#define THINK_LONG	 16384
#define THINK_LONG_EVERY 16
#define SEED		 88172645463325252ULL /* any: the row is to be the same */

struct vcpu step_vcpus[MODEL_CPUS];
int step_turn = -1;

static struct {
	pthread_mutex_t lock; /* all below, and the fields of CPUs that have not the turn */
	bool active;
	unsigned int lead;
	unsigned int tick_ns;
	unsigned long stolen;
	uint64_t random;
	uint64_t latest; /* time that anyone has seen */
	int64_t halted_ns; /* the host's clock when the last CPU halted, if all are */
} step = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* True: nobody changed it for that long. */
static bool futex_wait(uint32_t *word, uint32_t seen, long ns)
{
	const struct timespec patience = {0, ns};

	return syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, &patience, NULL, 0) < 0 &&
	       errno == ETIMEDOUT;
}

static void futex_wake(uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* All that follows down to step_clock() is called with the lock held. */

/* What time it is: never goes back, though the turn goes to slower CPUs. */
static uint64_t time_now(void)
{
	uint64_t now = step.latest;

	if (step_turn >= 0)
		now = __atomic_load_n(&step_vcpus[step_turn].ticks, __ATOMIC_RELAXED);
	else if (step.halted_ns) {
		int64_t ticks = (cpu_get_clock() - step.halted_ns) / step.tick_ns;

		now += ticks;
		step.halted_ns += ticks * step.tick_ns;
	}
	if (now > step.latest)
		step.latest = now;
	return step.latest;
}

static bool runs(unsigned int cpu)
{
	return step_vcpus[cpu].present && !step_vcpus[cpu].idle;
}

/* The slowest CPU that runs, other than one; -1 without any. */
static int slowest_but(int one)
{
	int slowest = -1;

	for (unsigned int cpu = 0; cpu < MODEL_CPUS && step_vcpus[cpu].present; cpu++)
		if (runs(cpu) && (int)cpu != one &&
		    (slowest < 0 || step_vcpus[cpu].ticks < step_vcpus[slowest].ticks))
			slowest = cpu;
	return slowest;
}

/* The same row of numbers in every region (xorshift). */
static uint64_t some_number(void)
{
	step.random ^= step.random << 13;
	step.random ^= step.random >> 7;
	step.random ^= step.random << 17;
	return step.random;
}

static void set_limit(int cpu)
{
	int next = slowest_but(cpu);
	uint64_t limit = next < 0 ? UINT64_MAX : step_vcpus[next].ticks + step.lead;

	__atomic_store_n(&step_vcpus[cpu].limit, limit, __ATOMIC_RELAXED);
}

static void give_turn(int cpu)
{
	time_now();
	if (cpu < 0)
		step.halted_ns = cpu_get_clock();
	else
		set_limit(cpu);
	__atomic_store_n(&step_turn, cpu, __ATOMIC_RELEASE);
	if (cpu < 0)
		return;
	__atomic_add_fetch(&step_vcpus[cpu].gate, 1, __ATOMIC_RELEASE);
	futex_wake(&step_vcpus[cpu].gate);
}

/* A CPU that was halted is as late as the slowest of the others. */
static void join(unsigned int cpu)
{
	struct vcpu *vcpu = &step_vcpus[cpu];
	int slowest = slowest_but(cpu);
	uint64_t now = slowest < 0 ? time_now() : step_vcpus[slowest].ticks;

	if (!vcpu->idle)
		return;
	if (vcpu->ticks < now)
		vcpu->ticks = now;
	vcpu->idle = false;
	if (step_turn < 0)
		give_turn(cpu);
	else
		set_limit(step_turn);
}

/* --- the guest's clock */

/* Nanoseconds since the region began. */
uint64_t step_clock(void)
{
	uint64_t now;

	pthread_mutex_lock(&step.lock);
	now = time_now() * step.tick_ns;
	pthread_mutex_unlock(&step.lock);
	return now;
}

/* --- what the emulator tells */

void step_present(unsigned int cpu)
{
	if (cpu < MODEL_CPUS)
		step_vcpus[cpu].present = true;
}

void step_idle(unsigned int cpu)
{
	pthread_mutex_lock(&step.lock);
	if (step.active && step_turn == (int)cpu) {
		time_now();
		give_turn(slowest_but(cpu));
	}
	step_vcpus[cpu].idle = true;
	pthread_mutex_unlock(&step.lock);
}

/* Called as soon as a halted CPU has something to do, and again when it does it. */
void step_resume(unsigned int cpu)
{
	pthread_mutex_lock(&step.lock);
	if (step.active)
		join(cpu);
	else
		step_vcpus[cpu].idle = false;
	pthread_mutex_unlock(&step.lock);
}

/* --- the row */

/* Every CPU has left its code, and starts at one time; the one that began has the turn. */
void step_begin(unsigned int cpu, unsigned int lead, unsigned int tick_ns)
{
	pthread_mutex_lock(&step.lock);
	for (unsigned int i = 0; i < MODEL_CPUS; i++) {
		step_vcpus[i].ticks = 0;
		step_vcpus[i].limit = 0;
	}
	step.latest = 0;
	step.stolen = 0;
	step.random = SEED;
	step.lead = lead;
	step.tick_ns = tick_ns;
	step.active = true;
	step_vcpus[cpu].idle = false;
	give_turn(cpu);
	pthread_mutex_unlock(&step.lock);
}

/*
 * What a program does between two faults takes some time, up to that long. CPUs that
 * do the same in the same time would stay as far apart as they were at the start.
 */
void step_think(unsigned int cpu)
{
	uint64_t number = some_number();

	step_vcpus[cpu].ticks += (number >> 32) % (number % THINK_LONG_EVERY ? THINK : THINK_LONG);
}

/* From here on every CPU runs as it likes. */
void step_free(void)
{
	pthread_mutex_lock(&step.lock);
	time_now();
	step.active = false;
	for (unsigned int i = 0; i < MODEL_CPUS; i++) {
		__atomic_store_n(&step_vcpus[i].limit, UINT64_MAX, __ATOMIC_RELAXED);
		__atomic_add_fetch(&step_vcpus[i].gate, 1, __ATOMIC_RELEASE);
		futex_wake(&step_vcpus[i].gate);
	}
	pthread_mutex_unlock(&step.lock);
}

unsigned long step_stolen(void)
{
	return step.stolen;
}

/* Gives the turn away if another CPU is to run first. False: this one goes on. */
static bool pass_turn(unsigned int cpu)
{
	int next;

	if (step_vcpus[cpu].idle)
		join(cpu);
	if (step_turn < 0)
		give_turn(cpu);
	if (step_turn != (int)cpu)
		return true;
	next = slowest_but(cpu);
	if (next < 0 || step_vcpus[cpu].ticks <= step_vcpus[next].ticks + step.lead) {
		set_limit(cpu);
		return false;
	}
	give_turn(next);
	return true;
}

/* The host lets it wait for a core: that takes as long as it takes. */
static bool is_runnable(pid_t thread)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread);
	file = fopen(path, "re");
	if (!file)
		return false;
	/* Number, name in parentheses, state. */
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(file);
	return state == 'R';
}

/*
 * The one that has the turn was not seen to do anything for a while. If it halts, an
 * interrupt that woke it was taken back before it ran.
 */
static void check_turn(unsigned int cpu, int turn, bool impatient)
{
	pthread_mutex_lock(&step.lock);
	if (!step.active || step_turn != turn || turn < 0) {
		/* It did, meanwhile. */
	} else if (cpu_thread_is_idle(qemu_get_cpu(turn))) {
		step_vcpus[turn].idle = true;
		give_turn(slowest_but(turn));
	} else if (impatient && !is_runnable(step_vcpus[turn].thread)) {
		step.stolen++;
		give_turn(cpu);
	}
	pthread_mutex_unlock(&step.lock);
}

static void wait_for_turn(unsigned int cpu)
{
	uint64_t then = 0, now;
	int holder = -1, looks = 0;

	for (;;) {
		uint32_t gate = __atomic_load_n(&step_vcpus[cpu].gate, __ATOMIC_ACQUIRE);
		int turn = __atomic_load_n(&step_turn, __ATOMIC_ACQUIRE);

		if (turn == (int)cpu || !__atomic_load_n(&step.active, __ATOMIC_ACQUIRE))
			return;
		now = turn < 0 ? 0 : __atomic_load_n(&step_vcpus[turn].ticks, __ATOMIC_RELAXED);
		if (turn != holder || now != then)
			looks = 0;
		holder = turn;
		then = now;
		if (futex_wait(&step_vcpus[cpu].gate, gate, LOOK_NS) && looks++)
			check_turn(cpu, holder, looks > PATIENCE);
	}
}

/* It is over its limit, or has not the turn: may it go on? Returns when it may. */
void step_ask(unsigned int cpu)
{
	bool wait;

	if (!step_vcpus[cpu].thread)
		step_vcpus[cpu].thread = gettid();
	pthread_mutex_lock(&step.lock);
	wait = step.active && pass_turn(cpu);
	pthread_mutex_unlock(&step.lock);
	if (wait)
		wait_for_turn(cpu);
}
