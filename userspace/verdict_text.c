// SPDX-License-Identifier: GPL-2.0
/*
 * The verdict in words: a paragraph of labelled items for people, and one line
 * for incidents, `check` and `watch`. Says what is not known as plainly as
 * what is. The numbers are those of verdict.c. What this kernel cannot show is
 * not repeated here: it stands in the footer that callers print below.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "container.h"
#include "speculation.h"
#include "text.h"
#include "units.h"
#include "verdict.h"

#define LABEL_WIDTH 13
#define TEXT_WIDTH  78

/* "label        text wrapped at words, the label's column kept free" */
static void put_item(FILE *out, const char *label, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void put_item(FILE *out, const char *label, const char *format, ...)
{
	char *text = NULL, *save = NULL;
	size_t column = 0;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	fprintf(out, "%-*s", LABEL_WIDTH, label);
	for (char *word = text ? strtok_r(text, " ", &save) : NULL; word;
	     word = strtok_r(NULL, " ", &save)) {
		size_t width = text_width(word);

		if (column && column + 1 + width > TEXT_WIDTH) {
			fprintf(out, "\n%-*s", LABEL_WIDTH, "");
			column = 0;
		}
		fprintf(out, "%s%s", column ? " " : "", word);
		column += width + !!column;
	}
	fputc('\n', out);
	free(text);
}

static const char *confidence_words(enum fl_confidence conf)
{
	switch (conf) {
	case FL_CONF_EXACT:
		return "exact (a writer, read while it held the lock)";
	case FL_CONF_RELEASE:
		return "release (it gave the lock up and woke the waiter)";
	case FL_CONF_HINT:
		return "hint (a reader that took the lock last; others may have held it too)";
	default:
		return "none";
	}
}

/* What a task was about; the system call with arguments where there is one. */
static const char *doing(const struct snap_task *task)
{
	return task->detail && *task->detail ? task->detail : cause_name(task->cause);
}

static int share_pct(uint64_t part, uint64_t whole)
{
	double pct = whole ? 100.0 * (double)part / (double)whole : 0;

	return pct > 100 ? 100 : (int)(pct + 0.5);
}

/* Holders are blamed for whole waits, also for what lay before the window. */
static uint64_t blamed_ns(const struct verdict *v)
{
	uint64_t ns = 0;

	for (size_t i = 0; i < v->n_holders; i++)
		ns += v->holders[i].total_ns;
	return ns > v->waiting_ns ? ns : v->waiting_ns;
}

static void format_holder(char *buf, size_t size, const struct verdict *v,
			  const struct verdict_holder *holder)
{
	const struct snap_task *task = holder->task;
	const char *cause = cause_name(task->cause);

	if (task->kthread)
		snprintf(buf, size, "the kernel thread %s (tid %u), in %s", task->comm, task->tid,
			 cause);
	else if (task->tgid == v->tgid)
		snprintf(buf, size, "%s, %s%s (tid %u), in %s",
			 holder->several ? "threads of the process itself"
					 : "a thread of the process itself",
			 holder->several ? "among them " : "", task->comm, task->tid, cause);
	else
		snprintf(buf, size, "another process, %s (pid %u, tid %u), in %s", task->comm,
			 task->tgid, task->tid, cause);
}

static void put_holder(FILE *out, const char *label, const struct verdict *v,
		       const struct verdict_holder *holder)
{
	char who[256], total[UNITS_BUF], max[UNITS_BUF], count[UNITS_BUF];
	const struct snap_task *task = holder->task;
	bool detail = task->detail && *task->detail;

	format_holder(who, sizeof(who), v, holder);
	put_item(out, label, "%s%s%s", who, detail ? ": " : "", detail ? task->detail : "");
	put_item(out, "", "%s wait%s behind it, %s in all (%d %% of the waiting), longest %s",
		 units_format_count(count, holder->count), holder->count == 1 ? "" : "s",
		 units_format_duration(total, holder->total_ns),
		 share_pct(holder->total_ns, blamed_ns(v)),
		 units_format_duration(max, holder->max_ns));
	put_item(out, "", "confidence: %s", confidence_words(holder->conf));
}

/* A tenth of the waiting without a holder is worth a line. */
static void put_unknown(FILE *out, const struct verdict *v)
{
	uint64_t known_ns = 0;

	for (size_t i = 0; i < v->n_holders; i++)
		known_ns += v->holders[i].total_ns;
	if (v->n_holders && known_ns < v->waiting_ns &&
	    v->waiting_ns - known_ns >= v->waiting_ns / 10)
		put_item(out, "", "for %d %% of the waiting no holder was seen",
			 share_pct(v->waiting_ns - known_ns, v->waiting_ns));
}

/* Calls that take the lock for writing and free the pages as a reader. */
static bool downgrades(const struct verdict *v)
{
	enum cause cause = v->holders[0].task->cause;

	return cause == CAUSE_MUNMAP || cause == CAUSE_MREMAP || cause == CAUSE_BRK;
}

/* Writers alone waited for an munmap, and it was still there at their end. */
static bool was_downgraded(const struct verdict *v)
{
	const struct verdict_holder *top = &v->holders[0];

	return top->task->cause == CAUSE_MUNMAP && top->conf == FL_CONF_RELEASE &&
	       !top->mode_count[FL_READ];
}

static void put_mechanism(FILE *out, const struct verdict *v)
{
	const struct verdict_holder *top = &v->holders[0];
	const char *what = v->n_holders ? cause_name(top->task->cause) : "";
	bool writers = v->n_holders && top->mode_count[FL_WRITE];
	bool readers = v->n_holders && top->mode_count[FL_READ];
	const char *writer = writers ? cause_name(top->mode_cause[FL_WRITE]) : "its cause not seen";
	const char *reader = readers ? cause_name(top->mode_cause[FL_READ])
				     : "page faults and the like";

	switch (v->mechanism) {
	case VERDICT_READER_CONVOY:
		put_item(out, "how",
			 "a long reader, a queued writer, everybody behind: %s held the lock for "
			 "reading; a writer (%s) queued for it; from then on new readers (%s) had "
			 "to "
			 "queue behind that writer, although a reader alone would not stop them",
			 what, writer, reader);
		break;
	case VERDICT_READER:
		put_item(out, "how", "%s held the lock for reading%s; writers (%s) waited for it",
			 what, downgrades(v) ? " (it frees pages so: faults pass)" : "", writer);
		break;
	case VERDICT_WRITER:
		if (was_downgraded(v))
			put_item(out, "how",
				 "munmap held the lock, shortly for writing, then for reading "
				 "while it freed the pages: until it ends no other thread can map "
				 "or unmap (waiting: %s); page faults pass again before that",
				 writer);
		else
			put_item(out, "how",
				 "%s held the lock for writing: until it ends no other thread can "
				 "map, unmap or take a page fault that needs the lock (waiting: "
				 "%s)",
				 what, readers ? reader : writer);
		break;
	case VERDICT_WRITERS:
		put_item(
			out, "how",
			"no single long hold, but many short write holds by %s one after the other "
			"(waiting: %s)",
			what, readers ? reader : writer);
		break;
	default:
		break;
	}
}

static void put_waits(FILE *out, const struct verdict *v)
{
	char count[UNITS_BUF], max[UNITS_BUF], p50[UNITS_BUF], p99[UNITS_BUF];

	if (!v->hist.count)
		return;
	put_item(out, "waits", "%s ended: longest %s, p50 %s, p99 %s",
		 units_format_count(count, v->hist.count),
		 units_format_duration(max, v->hist.max_ns),
		 units_format_duration(p50, hist_percentile_ns(&v->hist, 50)),
		 units_format_duration(p99, hist_percentile_ns(&v->hist, 99)));
	put_item(out, "",
		 "by mode: %llu read, %llu write; by whom: %llu own, %llu remote, %llu kernel",
		 (unsigned long long)v->mode_count[FL_READ],
		 (unsigned long long)v->mode_count[FL_WRITE],
		 (unsigned long long)v->rel_count[FL_OWN],
		 (unsigned long long)v->rel_count[FL_REMOTE],
		 (unsigned long long)v->rel_count[FL_KTHREAD]);
	if (v->vma_count)
		put_item(out, "", "%s of them for the lock of a single VMA (vma_lock)",
			 units_format_count(count, v->vma_count));
}

static void put_now(FILE *out, const struct snapshot *snap, const struct verdict *v)
{
	char dur[UNITS_BUF], ago[UNITS_BUF];

	if (v->stuck)
		put_item(out, "now",
			 "NOT OVER: %zu wait%s, the longest for %s: %s (tid %u), for %sing, in %s",
			 v->n_stuck, v->n_stuck == 1 ? "" : "s",
			 units_format_duration(dur, v->stuck->dur_ns), v->stuck->waiter.comm,
			 v->stuck->waiter.tid, v->stuck->mode == FL_READ ? "read" : "writ",
			 doing(&v->stuck->waiter));
	else
		put_item(out, "now", "nobody waits%s", v->gone ? "; the process has exited" : "");
	if (v->since_ns && snap->meta.mono_ns > v->since_ns)
		put_item(out, "since", "the first single wait on record began %s ago",
			 units_format_duration(ago, snap->meta.mono_ns - v->since_ns));
}

/* What of its faults went without the lock; of no other process. */
static void put_speculation(FILE *out, const struct snapshot *snap, const struct verdict *v)
{
	const struct snap_spec *spec = speculation_of(snap, v->tgid);
	uint64_t attempts = spec ? speculation_attempts(spec) : 0;
	char text[SPECULATION_TEXT], rate[UNITS_BUF], sampled[UNITS_BUF];

	if (!snap->meta.speculative)
		return;
	if (attempts)
		put_item(out, "no lock",
			 "%s faults a second tried to go without the lock (samples of %s), %.1f %% "
			 "were handled so; aborted: %s",
			 units_format_count(rate, speculation_rate(&snap->meta, spec)),
			 units_format_duration(sampled, snap->meta.spf_sampled_ns),
			 100.0 * (double)spec->by_reason[0] / (double)attempts,
			 *speculation_aborts(spec, text) ? text : "none");
	else
		put_item(out, "no lock",
			 "no fault of it was seen to try to go without the lock (samples of %s)",
			 units_format_duration(sampled, snap->meta.spf_sampled_ns));
	if (spec && spec->threads)
		put_item(out, "", "%" PRIu32 " thread%s now without a look at it, for %s faults",
			 spec->threads, spec->threads == 1 ? " is" : "s are",
			 speculation_windows(spec, text));
	put_item(out, "", "vm.spf_backoff_max is %s",
		 speculation_knob(&snap->meta, text, sizeof(text)));
}

static void put_limits(FILE *out, const struct snapshot *snap, const struct verdict *v)
{
	uint64_t lost = snapshot_lost_waits(&snap->meta);
	char count[UNITS_BUF];

	if (v->reused)
		put_item(out, "note",
			 "another process had this pid earlier; it is not counted here");
	if (!snap->meta.attached)
		put_item(out, "note", "measuring is stopped: %s",
			 snap->meta.detached_reason ? snap->meta.detached_reason
						    : "no reason given");
	if (lost)
		put_item(out, "lost", "%s waits are in no total: the numbers are too low",
			 units_format_count(count, lost));
	/* of interest to who sees readers of the process itself wait */
	if (snap->meta.per_vma_locks && v->mode_count[FL_READ] && v->rel_count[FL_OWN])
		put_item(out, "per-VMA",
			 "locks take most page faults off mmap_lock on this kernel; faults that "
			 "wait "
			 "here are those that cannot use them (first touch of a new area, stack "
			 "growth, some drivers)");
}

static void format_name(char *buf, size_t size, const struct verdict *v)
{
	if (v->comm && *v->comm)
		snprintf(buf, size, "%s (pid %u)", v->comm, v->tgid);
	else
		snprintf(buf, size, "pid %u", v->tgid);
}

static void put_nothing(FILE *out, const struct snapshot *snap, const struct verdict *v)
{
	char window[UNITS_BUF], name[128];

	format_name(name, sizeof(name), v);
	fprintf(out, "%s: no contention on its mmap_lock in this window of %s\n\n", name,
		units_format_duration(window, v->window_ns));
	if (snap->meta.per_vma_locks)
		put_item(out, "per-VMA",
			 "locks already absorb the page faults on this kernel: what slows this "
			 "process down is to be looked for elsewhere");
	else
		put_item(out, "verdict",
			 "what slows this process down in this window is not mmap_lock");
	put_speculation(out, snap, v);
	if (!snap->meta.attached)
		put_item(out, "note", "measuring is stopped: %s",
			 snap->meta.detached_reason ? snap->meta.detached_reason
						    : "no reason given");
	if (snapshot_lost_waits(&snap->meta))
		put_item(out, "lost",
			 "%llu waits are in no total: one may have been of this process",
			 (unsigned long long)snapshot_lost_waits(&snap->meta));
}

/* The cgroup is long, and in every table; whose it is is short. */
static void put_container(FILE *out, const struct verdict *v)
{
	char name[CONTAINER_NAME_LEN];

	if (*container_name(v->cgroup, name, sizeof(name)))
		put_item(out, "runs in", "%s", name);
}

static void put_headline(FILE *out, const struct verdict *v)
{
	char name[128], waiting[UNITS_BUF], window[UNITS_BUF];
	double threads = v->window_ns ? (double)v->waiting_ns / (double)v->window_ns : 0;

	format_name(name, sizeof(name), v);
	fprintf(out, "%s: %s of waiting for its mmap_lock in a window of %s\n", name,
		units_format_duration(waiting, v->waiting_ns),
		units_format_duration(window, v->window_ns));
	if (threads >= 1)
		fprintf(out, "(on average %.1f threads waited all the time)\n\n", threads);
	else
		fprintf(out, "(%.1f %% of the window, all threads together)\n\n", 100 * threads);
}

int verdict_explain(FILE *out, const struct snapshot *snap, uint32_t tgid)
{
	struct verdict v;

	verdict_of(snap, tgid, &v);
	if (v.mechanism == VERDICT_NONE) {
		put_nothing(out, snap, &v);
		return ferror(out) ? -EIO : 0;
	}
	put_headline(out, &v);
	put_container(out, &v);
	put_now(out, snap, &v);
	put_waits(out, &v);
	if (v.n_holders)
		put_holder(out, "blocked by", &v, &v.holders[0]);
	else
		put_item(out, "blocked by", "not known: no holder was seen for these waits");
	put_mechanism(out, &v);
	/* a second one is worth the lines when it has a tenth of the time */
	if (v.n_holders > 1 && v.holders[1].total_ns >= blamed_ns(&v) / 10)
		put_holder(out, "and by", &v, &v.holders[1]);
	put_unknown(out, &v);
	if (v.advice)
		put_item(out, "advice", "%s: %s", v.advice->id, v.advice->text);
	put_speculation(out, snap, &v);
	put_limits(out, snap, &v);
	return ferror(out) ? -EIO : 0;
}

const char *verdict_line(char *buf, size_t size, const struct snapshot *snap, uint32_t tgid)
{
	char name[128], window[UNITS_BUF], waiting[UNITS_BUF], longest[UNITS_BUF], now[64] = "";
	char who[192] = "holder not known", count[UNITS_BUF];
	struct verdict v;

	verdict_of(snap, tgid, &v);
	format_name(name, sizeof(name), &v);
	units_format_duration(window, v.window_ns);
	if (v.mechanism == VERDICT_NONE) {
		snprintf(buf, size, "%s: no contention on its mmap_lock in %s", name, window);
		return buf;
	}
	if (v.n_stuck)
		snprintf(now, sizeof(now), "%zu waiting now, ", v.n_stuck);
	if (v.n_holders && v.holders[0].task->tgid == tgid)
		snprintf(who, sizeof(who), "behind its own %s [%s]", doing(v.holders[0].task),
			 snapshot_conf_name(v.holders[0].conf));
	else if (v.n_holders)
		snprintf(who, sizeof(who), "behind %s (%s %u) in %s [%s]", v.holders[0].task->comm,
			 v.holders[0].task->kthread ? "tid" : "pid",
			 v.holders[0].task->kthread ? v.holders[0].task->tid
						    : v.holders[0].task->tgid,
			 doing(v.holders[0].task), snapshot_conf_name(v.holders[0].conf));
	snprintf(buf, size, "%s: %s%s waits, %s in %s, longest %s%s, %s", name, now,
		 units_format_count(count, v.hist.count + v.n_stuck),
		 units_format_duration(waiting, v.waiting_ns), window,
		 units_format_duration(longest, v.max_ns),
		 v.stuck && v.stuck->dur_ns == v.max_ns ? " and not over" : "", who);
	return buf;
}
