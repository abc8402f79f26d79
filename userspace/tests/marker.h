/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a program in the guest tells the model (scripts/model) what to measure:
 * a long NOP whose operand is a magic number, which the emulator's plugin sees
 * when it translates it. Costs one instruction and does nothing anywhere else.
 *
 *	warm up; start the threads, each pinned; let all of them wait at a barrier
 *	marker_begin(MARKER_TIME);
 *	let them go, wait until they are done
 *	marker_end();
 *
 * Regions do not nest. What is measured is the thread that begins one, its process's threads
 * and children, and theirs; any of them may end it. The model writes one record for each region, in
 * the order of the regions, so one boot can take many points.
 *
 * Faults need no markers: the model counts and times each one from the entry of the
 * exception to its iretq. What a writer does is put between marker_op_begin() and
 * marker_op_end(), by the thread that does it; they do not nest, and a fault inside
 * belongs to the operation, not to the faults. Both may stand in a thread that has
 * to run outside of a region, too: they do nothing there. Time is in ticks, one
 * guest instruction each on a machine with as many equal cores as the guest has
 * CPUs (see scripts/README.md); nothing but the plugin can read it.
 */
#ifndef FAULTLINE_MARKER_H
#define FAULTLINE_MARKER_H

enum marker_region {
	MARKER_TIME, /* virtual time and instruction counts */
	MARKER_LINES, /* the same, and who owns each cache line that faults touch */
	MARKER_USER_LINES, /* lines that user code touches instead: known answers */
};

/* Operations that can be told apart in one region; their names in the record are these, in lower case. */
enum marker_op {
	MARKER_OP_MMAP, /* mmap + munmap */
	MARKER_OP_BRK,
	MARKER_OP_MPROTECT,
	MARKER_OP_MLOCK, /* mlock + munmap */
	MARKER_OP_SPLIT, /* mprotect that splits a VMA */
	MARKER_OP_FORK, /* fork + exit, the child's share included */
	MARKER_OP_OTHER,
	MARKER_OPS,
};

/* The operand: 'F' 'L' above, then what, then which one. */
#define MARKER_MAGIC	0x464c0000
#define MARKER_BEGIN	0x0100
#define MARKER_END	0x0200
#define MARKER_OP_BEGIN 0x0300
#define MARKER_OP_END	0x0400

#ifdef __x86_64__
/* nopl operand(%rax), always with the long form of the operand. */
#define MARKER_PLACE(what, which)                               \
	__asm__ volatile(".byte 0x0f, 0x1f, 0x80; .long %c0"    \
			 :                                      \
			 : "i"(MARKER_MAGIC | (what) | (which)) \
			 : "memory")
#else
#define MARKER_PLACE(what, which) __asm__ volatile("" : : : "memory")
#endif

/* The operand is part of the instruction, so each value needs a place of its own. */
#define MARKER_PLACE_OP(what, op)                               \
	do {                                                    \
		switch (op) {                                   \
		case MARKER_OP_MMAP:                            \
			MARKER_PLACE(what, MARKER_OP_MMAP);     \
			break;                                  \
		case MARKER_OP_BRK:                             \
			MARKER_PLACE(what, MARKER_OP_BRK);      \
			break;                                  \
		case MARKER_OP_MPROTECT:                        \
			MARKER_PLACE(what, MARKER_OP_MPROTECT); \
			break;                                  \
		case MARKER_OP_MLOCK:                           \
			MARKER_PLACE(what, MARKER_OP_MLOCK);    \
			break;                                  \
		case MARKER_OP_SPLIT:                           \
			MARKER_PLACE(what, MARKER_OP_SPLIT);    \
			break;                                  \
		case MARKER_OP_FORK:                            \
			MARKER_PLACE(what, MARKER_OP_FORK);     \
			break;                                  \
		default:                                        \
			MARKER_PLACE(what, MARKER_OP_OTHER);    \
		}                                               \
	} while (0)

static inline void marker_begin(enum marker_region region)
{
	switch (region) {
	case MARKER_TIME:
		MARKER_PLACE(MARKER_BEGIN, MARKER_TIME);
		break;
	case MARKER_LINES:
		MARKER_PLACE(MARKER_BEGIN, MARKER_LINES);
		break;
	case MARKER_USER_LINES:
		MARKER_PLACE(MARKER_BEGIN, MARKER_USER_LINES);
		break;
	}
}

static inline void marker_end(void)
{
	MARKER_PLACE(MARKER_END, 0);
}

static inline void marker_op_begin(enum marker_op op)
{
	MARKER_PLACE_OP(MARKER_OP_BEGIN, op);
}

static inline void marker_op_end(enum marker_op op)
{
	MARKER_PLACE_OP(MARKER_OP_END, op);
}

#endif
