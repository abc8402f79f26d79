// SPDX-License-Identifier: GPL-2.0
/*
 * What can be done? One entry a cause of a hold, as somebody would say it who
 * has seen it before. No figures: how much it helps is for a measurement.
 */
#include "advice.h"

static const struct advice advices[CAUSE_NR] = {
	[CAUSE_PAGE_FAULT] =
		{"A-fault-holder",
		 "page faults hold the lock for reading while they allocate, swap in or "
		 "read a file: look for slow storage or reclaim behind them; prefault "
		 "(MADV_POPULATE_WRITE) before the threads start, or use huge pages so "
		 "that there are fewer faults"},
	[CAUSE_MMAP] = {"A-mmap-rate",
			"map fewer and larger areas: keep thread stacks in a pool instead of "
			"mapping one a thread, raise the allocator's mmap threshold "
			"(M_MMAP_THRESHOLD), and do MAP_POPULATE and MAP_LOCKED before the threads "
			"start"},
	[CAUSE_MUNMAP] =
		{"A-munmap-large",
		 "return memory in pieces or from a helper thread, or keep it: raise the "
		 "allocator's trim threshold (M_TRIM_THRESHOLD, dirty_decay_ms in jemalloc), "
		 "reuse thread stacks; freeing with MADV_DONTNEED or MADV_FREE first needs the "
		 "lock for reading only, and the munmap() after it is short"},
	[CAUSE_MREMAP] =
		{"A-mremap-move",
		 "growing by mremap() moves page tables under the write lock: reserve address "
		 "space ahead with PROT_NONE so that growth stays in place, or grow by larger "
		 "steps"},
	[CAUSE_MPROTECT] =
		{"A-mprotect-range",
		 "change protection for larger ranges at a time and before they are "
		 "populated; where a GC or JIT toggles it, use a second mapping of the same "
		 "memory or protection keys (pkeys) instead"},
	[CAUSE_MADVISE] =
		{"A-madvise-purge",
		 "let the allocator purge less often and in smaller ranges (decay times, "
		 "background thread); MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTFORK and the "
		 "like take the lock for writing: set them once, at the start"},
	[CAUSE_BRK] =
		{"A-brk-heap",
		 "let the heap grow and shrink by larger steps (M_TOP_PAD, M_TRIM_THRESHOLD of "
		 "glibc), or use an allocator with several arenas"},
	[CAUSE_MLOCK] = {"A-mlock",
			 "mlock() populates what it locks: lock before the threads start, use "
			 "mlock2(MLOCK_ONFAULT), or lock in pieces"},
	[CAUSE_MEMPOLICY] =
		{"A-mempolicy",
		 "set the memory policy before the memory is populated (numactl, cpusets); "
		 "migrate in pieces and outside busy hours"},
	[CAUSE_MINCORE] = {"A-mincore", "ask mincore() about smaller ranges and less often"},
	[CAUSE_SHM] = {"A-shm-attach", "attach shared memory once, at the start, and keep it"},
	[CAUSE_FORK] =
		{"A-fork-large",
		 "fork() copies the page tables of the whole process under its write lock: use "
		 "posix_spawn() or vfork(), fork from a small helper that was started early, "
		 "or exclude large areas by MADV_DONTFORK; huge pages make the tables smaller"},
	[CAUSE_EXEC] = {"A-exec", "the address space is being replaced; nothing to do unless a "
				  "monitor reads /proc/PID of starting processes"},
	[CAUSE_EXIT] = {"A-exit", "the process is going away; who waits here usually reads its "
				  "/proc/PID files or its memory: let it stop"},
	[CAUSE_PROCFS] =
		{"A-procfs-reader",
		 "read less, and less often: smaps_rollup instead of smaps, statm or status "
		 "where RSS is enough, a longer interval, the agent's smaps or PSS option off "
		 "for large processes; cmdline and environ need the lock too: read them once a "
		 "process"},
	[CAUSE_PROCESS_VM] =
		{"A-process-vm",
		 "a profiler, debugger or checkpointer reads the memory of this process: "
		 "fewer and smaller reads, a lower sampling rate, or profiling by perf, "
		 "which does not need the lock"},
	[CAUSE_PTRACE] = {"A-ptrace",
			  "a debugger or tracer is attached: detach it, or let it read by "
			  "larger blocks"},
	[CAUSE_USERFAULTFD] =
		{"A-userfaultfd",
		 "register ranges once and resolve faults by larger ranges; see that the "
		 "thread that resolves them never waits for one of them"},
	[CAUSE_GUP] =
		{"A-gup-pin",
		 "pages are pinned for I/O: use registered buffers (io_uring), a fixed buffer "
		 "pool, prefaulted memory and huge pages"},
	[CAUSE_KHUGEPAGED] =
		{"A-khugepaged",
		 "khugepaged collapses pages of this process: raise "
		 "khugepaged/scan_sleep_millisecs or lower pages_to_scan, set "
		 "khugepaged/defrag to 0, use THP=madvise and MADV_HUGEPAGE only where it "
		 "pays, or allocate aligned so that faults get huge pages at once"},
	[CAUSE_KSM] = {"A-ksm", "let ksmd scan less (sleep_millisecs, pages_to_scan) or take "
				"MADV_MERGEABLE off this process"},
	[CAUSE_NUMA] = {"A-numa-scan",
			"NUMA balancing scans this process: bind it (numactl) and switch "
			"kernel.numa_balancing off, or raise its scan period"},
	[CAUSE_OOM] = {"A-oom",
		       "the process was killed for lack of memory: find out why memory ran out "
		       "first"},
};

const struct advice *advice_for(enum cause holder)
{
	if ((unsigned int)holder >= CAUSE_NR || !advices[holder].id)
		return NULL;
	return &advices[holder];
}
