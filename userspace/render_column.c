// SPDX-License-Identifier: GPL-2.0
/*
 * Which columns are there, what stands in them and how is it written for
 * people? A value that is not known is not present: it becomes "-", an empty
 * csv field or null, never 0.
 */
#include <ctype.h>
#include <string.h>
#include <time.h>

#include "container.h"
#include "render_column.h"
#include "text.h"
#include "units.h"

static void set_number(struct column_value *ret, bool present, uint64_t number)
{
	ret->present = present;
	ret->number = number;
}

static void set_text(struct column_value *ret, const char *text)
{
	ret->present = text && *text;
	ret->text = text;
}

#define GET(name) static void get_##name(const struct render_row *row, struct column_value *ret)
/* The value is looked at only where it is present: its pointers may be NULL. */
#define GET_NUMBER(name, if_present, value)                       \
	GET(name)                                                 \
	{                                                         \
		if (if_present)                                   \
			set_number(ret, true, (uint64_t)(value)); \
	}
#define GET_TEXT(name, value)         \
	GET(name)                     \
	{                             \
		set_text(ret, value); \
	}

/* clang-format off: it takes && for an address */
GET_NUMBER(pid, row->tgid, row->tgid)
GET_TEXT(comm, row->comm)
GET_TEXT(mode, row->mode < 0 ? NULL : snapshot_mode_name((enum fl_mode)row->mode))
GET_TEXT(class, row->cls < 0 ? NULL : snapshot_class_name((enum fl_class)row->cls))
GET_TEXT(who, row->rel < 0 ? NULL : snapshot_relation_name((enum fl_relation)row->rel))
GET_NUMBER(count, true, row->hist.count)
GET_NUMBER(total, true, row->hist.total_ns)
GET_NUMBER(mean, row->hist.count, hist_mean_ns(&row->hist))
GET_NUMBER(p50, row->has_hist && row->hist.count, hist_percentile_ns(&row->hist, 50))
GET_NUMBER(p99, row->has_hist && row->hist.count, hist_percentile_ns(&row->hist, 99))
GET_NUMBER(max, !row->stack, row->hist.max_ns)
GET_TEXT(cgroup, row->cgroup)
GET_NUMBER(spun, row->has_hist, row->spun)
GET_NUMBER(procs, row->tgid || !row->wait, row->n_procs)
GET_NUMBER(gone, row->tgid, row->gone)
GET_NUMBER(hot, row->tgid, row->hot)
GET_NUMBER(htid, row->holder && row->holder->tid, row->holder->tid)
GET_NUMBER(hpid, row->holder && row->holder->tid, row->holder->tgid)
GET_TEXT(hcomm, row->holder && row->holder->tid ? row->holder->comm : NULL)
GET_TEXT(cause, row->holder ? cause_name(row->holder->cause) : NULL)
GET_TEXT(sure, row->conf < 0 ? NULL : snapshot_conf_name((enum fl_confidence)row->conf))
GET_TEXT(wants, row->waiter_cause < 0 ? NULL : cause_name((enum cause)row->waiter_cause))
GET_TEXT(role, row->stack ? snapshot_role_name(row->stack->role) : NULL)
GET_NUMBER(stack, row->stack, 0)
GET_NUMBER(wtid, row->wait, row->wait->waiter.tid)
GET_NUMBER(wpid, row->wait, row->wait->waiter.tgid)
GET_TEXT(wcomm, row->wait ? row->wait->waiter.comm : NULL)
GET_NUMBER(wait, row->wait, row->wait->dur_ns)
GET_NUMBER(done, row->wait, row->wait->finished)
GET_NUMBER(behind, row->wait, row->wait->queued_behind_writer)
/* clang-format on */

GET(ret)
{
	/* As text: it is negative, and no number of the others is. */
	snprintf(ret->buf, sizeof(ret->buf), "%d", row->wait ? row->wait->ret : 0);
	set_text(ret, row->wait && row->wait->finished ? ret->buf : NULL);
}

GET(rate)
{
	uint64_t window_ns = row->snap->meta.window_ns;

	set_number(ret, window_ns,
		   window_ns ? (uint64_t)((double)row->hist.count * 1e12 / (double)window_ns) : 0);
}

GET(waitpct)
{
	uint64_t window_ns = row->snap->meta.window_ns;

	set_number(ret, window_ns,
		   window_ns ? (uint64_t)((double)row->hist.total_ns * 1000 / (double)window_ns)
			     : 0);
}

GET(waited_for)
{
	const struct snap_task *holder = row->holder;

	if (!holder)
		return;
	if (!holder->tid || row->conf == FL_CONF_NONE)
		snprintf(ret->buf, sizeof(ret->buf), "not known");
	else
		/* A hint must not read like a fact, even where SURE was left out. */
		snprintf(ret->buf, sizeof(ret->buf), "%s/%u%s", holder->comm, holder->tid,
			 row->conf == FL_CONF_HINT ? "?" : "");
	set_text(ret, ret->buf);
}

GET(detail)
{
	const char *detail = row->holder ? row->holder->detail : NULL;
	char text[512];

	if (row->wait && row->wait->queued_behind_writer) {
		snprintf(text, sizeof(text), "behind a queued writer%s%s", detail ? "; " : "",
			 detail ? detail : "");
		text_reclean(ret->buf, sizeof(ret->buf), text); /* whole characters */
		detail = ret->buf;
	}
	set_text(ret, detail);
}

GET(time)
{
	const struct snap_meta *meta = &row->snap->meta;
	uint64_t age_ns;

	if (!row->wait || !meta->time_unix_ns || row->wait->begin_ns > meta->mono_ns)
		return;
	age_ns = meta->mono_ns - row->wait->begin_ns;
	set_number(ret, age_ns <= meta->time_unix_ns, meta->time_unix_ns - age_ns);
}

GET(waiter)
{
	if (!row->wait)
		return;
	snprintf(ret->buf, sizeof(ret->buf), "%s/%u", row->wait->waiter.comm,
		 row->wait->waiter.tid);
	set_text(ret, ret->buf);
}

GET(container)
{
	char name[CONTAINER_NAME_LEN];

	text_reclean(ret->buf, sizeof(ret->buf), container_name(row->cgroup, name, sizeof(name)));
	set_text(ret, ret->buf);
}

GET(lock_of)
{
	if (!row->tgid)
		return;
	snprintf(ret->buf, sizeof(ret->buf), "%s/%u", row->comm ? row->comm : "?", row->tgid);
	set_text(ret, ret->buf);
}

#define C(id, name, key, kind, min, drop, same, fn, help) \
	[COL_##id] = {name, key, COLUMN_##kind, min, drop, same, get_##fn, help}

/* clang-format off: one column a line */
const struct render_column render_columns[COL_NR] = {
	C(PID, "PID", "pid", ID, 0, 0, false, pid, "process whose lock is waited for"),
	C(COMM, "COMM", "comm", TEXT, 8, 0, false, comm, "its name"),
	C(MODE, "MODE", "mode", TEXT, 5, 0, false, mode, "read or write, as the waiter wants it"),
	C(CLASS, "CLASS", "class", TEXT, 9, 0, true, class,
	  "mmap_lock, or vma_lock of a single mapping"),
	C(WHO, "WHO", "relation", TEXT, 6, 9, true, who,
	  "waiter: own thread, remote process, kthread"),
	C(COUNT, "COUNT", "count", COUNT, 0, 0, false, count, "waits that have ended"),
	C(TOTAL, "TOTAL", "total_ns", DURATION, 0, 0, false, total,
	  "their time, of all threads together"),
	C(MEAN, "MEAN", "mean_ns", DURATION, 0, 2, false, mean, "TOTAL / COUNT"),
	C(P50, "P50", "p50_ns", DURATION, 0, 3, false, p50, "median, within 12.5 %"),
	C(P99, "P99", "p99_ns", DURATION, 0, 6, false, p99, "99th percentile, within 12.5 %"),
	C(MAX, "MAX", "max_ns", DURATION, 0, 0, false, max, "the longest"),
	C(CGROUP, "CGROUP", "cgroup", PATH, 10, 1, false, cgroup, "cgroup of the process"),
	C(SPUN, "SPUN", "spun", COUNT, 0, 4, false, spun, "of COUNT: won by spinning (exact mode)"),
	C(RATE, "PER-S", "per_second", MILLI, 0, 5, false, rate, "waits a second"),
	C(WAITPCT, "WAIT%", "waiting_ratio", PERMILLE, 0, 0, false, waitpct,
	  "TOTAL to window: 100% is one thread always waiting"),
	C(PROCS, "PROCS", "processes", COUNT, 0, 5, false, procs, "processes in this row"),
	C(GONE, "GONE", "gone", BOOL, 0, 2, false, gone, "the process has exited"),
	C(HOT, "HOT", "hot", BOOL, 0, 2, false, hot, "watched more closely by the daemon"),
	C(WAITED_FOR, "WAITED-FOR", "waited_for", TASK, 14, 0, false, waited_for,
	  "holder most waited for: comm/tid, ? if only a hint"),
	C(HTID, "HTID", "holder_tid", ID, 0, 0, false, htid, "its thread id"),
	C(HPID, "HPID", "holder_pid", ID, 0, 0, false, hpid, "its process id"),
	C(HCOMM, "HCOMM", "holder_comm", TEXT, 8, 0, false, hcomm, "its name"),
	C(CAUSE, "CAUSE", "cause", TEXT, 6, 0, false, cause, "what the holder did"),
	C(SURE, "SURE", "confidence", TEXT, 7, 8, false, sure,
	  "how the holder is known: exact release hint none"),
	C(DETAIL, "DETAIL", "detail", TEXT, 8, 1, false, detail, "its system call or file"),
	C(WANTS, "WANTS", "waiter_cause", TEXT, 6, 4, false, wants, "what the waiter did"),
	C(ROLE, "ROLE", "role", TEXT, 6, 3, true, role, "whose stack: waiter or holder"),
	C(STACK, "STACK", "frames", FRAMES, 20, 0, false, stack, "stack, innermost frame first"),
	C(TIME, "BEGAN", "time_unix_ns", TIME, 12, 7, false, time, "when the wait began"),
	C(WAITER, "WAITER", "waiter", TASK, 14, 0, false, waiter, "who waits: comm/tid"),
	C(WTID, "WTID", "waiter_tid", ID, 0, 0, false, wtid, "its thread id"),
	C(WPID, "WPID", "waiter_pid", ID, 0, 0, false, wpid, "its process id"),
	C(WCOMM, "WCOMM", "waiter_comm", TEXT, 8, 0, false, wcomm, "its name"),
	C(WAIT, "WAITED", "dur_ns", WAIT, 0, 0, false, wait, "how long, up to now if it goes on"),
	C(DONE, "ENDED", "finished", BOOL, 0, 2, false, done, "whether the wait has ended"),
	C(RET, "RET", "ret", TEXT, 0, 2, false, ret, "0, or the error it gave up with"),
	C(LOCK_OF, "LOCK-OF", "lock_of", TASK, 14, 0, false, lock_of, "whose lock: comm/pid"),
	C(BEHIND, "BEHIND", "queued_behind_writer", BOOL, 0, 2, false, behind,
	  "reader held up by a queued writer"),
	C(CONTAINER, "CONTAINER", "container", TEXT, 10, 1, false, container,
	  "container or systemd unit, by the cgroup"),
};

static const uint8_t people[SET_NR][RENDER_MAX_FIELDS] = {
	[RENDER_BY_ROWS] = {COL_PID, COL_COMM, COL_MODE, COL_CLASS, COL_WHO, COL_COUNT, COL_TOTAL,
			    COL_MEAN, COL_P50, COL_P99, COL_MAX, COL_CGROUP, COL_NR},
	[RENDER_BY_PROCESS] = {COL_PID, COL_COMM, COL_COUNT, COL_TOTAL, COL_MEAN, COL_P50, COL_P99,
			       COL_MAX, COL_CGROUP, COL_NR},
	[RENDER_BY_MODE] = {COL_MODE, COL_CLASS, COL_WHO, COL_PROCS, COL_COUNT, COL_TOTAL, COL_MEAN,
			    COL_P50, COL_P99, COL_MAX, COL_NR},
	[RENDER_BY_CGROUP] = {COL_PROCS, COL_COUNT, COL_TOTAL, COL_MEAN, COL_P50, COL_P99, COL_MAX,
			      COL_CGROUP, COL_CONTAINER, COL_NR},
	[RENDER_BY_CAUSE] = {COL_CAUSE, COL_SURE, COL_PROCS, COL_COUNT, COL_TOTAL, COL_MEAN,
			     COL_MAX, COL_NR},
	[RENDER_BY_HOLDER] = {COL_PID, COL_COMM, COL_WAITED_FOR, COL_CAUSE, COL_SURE, COL_COUNT,
			      COL_TOTAL, COL_MEAN, COL_MAX, COL_DETAIL, COL_NR},
	[RENDER_BY_STACK] = {COL_COUNT, COL_TOTAL, COL_MEAN, COL_ROLE, COL_COMM, COL_MODE,
			     COL_WANTS, COL_STACK, COL_NR},
	[SET_TOP] = {COL_PID, COL_COMM, COL_WAITPCT, COL_RATE, COL_TOTAL, COL_P99, COL_MAX,
		     COL_WAITED_FOR, COL_CAUSE, COL_SURE, COL_CGROUP, COL_CONTAINER, COL_NR},
	[SET_WAITS] = {COL_TIME, COL_WAIT, COL_WAITER, COL_WANTS, COL_MODE, COL_WHO, COL_LOCK_OF,
		       COL_WAITED_FOR, COL_CAUSE, COL_SURE, COL_DETAIL, COL_NR},
};

static const uint8_t machines[SET_NR][RENDER_MAX_FIELDS] = {
	[RENDER_BY_ROWS] = {COL_PID, COL_COMM, COL_MODE, COL_CLASS, COL_WHO, COL_COUNT, COL_TOTAL,
			    COL_MEAN, COL_P50, COL_P99, COL_MAX, COL_SPUN, COL_GONE, COL_HOT,
			    COL_CGROUP, COL_CONTAINER, COL_NR},
	[RENDER_BY_PROCESS] = {COL_PID, COL_COMM, COL_COUNT, COL_TOTAL, COL_MEAN, COL_P50, COL_P99,
			       COL_MAX, COL_SPUN, COL_GONE, COL_HOT, COL_CGROUP, COL_CONTAINER,
			       COL_NR},
	[RENDER_BY_MODE] = {COL_MODE, COL_CLASS, COL_WHO, COL_PROCS, COL_COUNT, COL_TOTAL, COL_MEAN,
			    COL_P50, COL_P99, COL_MAX, COL_SPUN, COL_NR},
	[RENDER_BY_CGROUP] = {COL_CGROUP, COL_PROCS, COL_COUNT, COL_TOTAL, COL_MEAN, COL_P50,
			      COL_P99, COL_MAX, COL_SPUN, COL_CONTAINER, COL_NR},
	[RENDER_BY_CAUSE] = {COL_CAUSE, COL_SURE, COL_PROCS, COL_COUNT, COL_TOTAL, COL_MEAN,
			     COL_MAX, COL_NR},
	[RENDER_BY_HOLDER] = {COL_PID, COL_COMM, COL_HTID, COL_HPID, COL_HCOMM, COL_CAUSE, COL_SURE,
			      COL_COUNT, COL_TOTAL, COL_MEAN, COL_MAX, COL_DETAIL, COL_NR},
	[RENDER_BY_STACK] = {COL_COUNT, COL_TOTAL, COL_MEAN, COL_ROLE, COL_PID, COL_COMM, COL_MODE,
			     COL_WANTS, COL_STACK, COL_NR},
	[SET_TOP] = {COL_PID, COL_COMM, COL_WAITPCT, COL_RATE, COL_COUNT, COL_TOTAL, COL_P50,
		     COL_P99, COL_MAX, COL_HTID, COL_HPID, COL_HCOMM, COL_CAUSE, COL_SURE,
		     COL_DETAIL, COL_CGROUP, COL_CONTAINER, COL_NR},
	[SET_WAITS] = {COL_TIME,  COL_WAIT,  COL_DONE,	 COL_RET,	COL_WTID, COL_WPID,
		       COL_WCOMM, COL_WANTS, COL_MODE,	 COL_CLASS,	COL_WHO,  COL_BEHIND,
		       COL_PID,	  COL_COMM,  COL_CGROUP, COL_HTID,	COL_HPID, COL_HCOMM,
		       COL_CAUSE, COL_SURE,  COL_DETAIL, COL_CONTAINER, COL_NR},
};
/* clang-format on */

size_t render_column_set(unsigned int set, bool for_people, uint8_t *ids)
{
	const uint8_t *from = for_people ? people[set] : machines[set];
	size_t n = 0;

	while (from[n] != COL_NR) {
		ids[n] = from[n];
		n++;
	}
	return n;
}

unsigned int render_column_find(const char *word, size_t len)
{
	unsigned int i;

	for (i = 0; i < COL_NR; i++) {
		const struct render_column *column = &render_columns[i];

		if ((strlen(column->name) == len && !strncasecmp(column->name, word, len)) ||
		    (strlen(column->key) == len && !strncasecmp(column->key, word, len)))
			break;
	}
	return i;
}

static void format_time(uint64_t unix_ns, char *buf, size_t size)
{
	time_t seconds = (time_t)(unix_ns / 1000000000);
	struct tm tm;
	size_t n;

	if (!localtime_r(&seconds, &tm)) {
		snprintf(buf, size, "?");
		return;
	}
	n = strftime(buf, size, "%H:%M:%S", &tm);
	snprintf(buf + n, size - n, ".%03u", (unsigned int)(unix_ns / 1000000 % 1000));
}

static void format_wait(const struct snap_wait *wait, char *buf, size_t size)
{
	char number[UNITS_BUF];

	units_format_duration(number, wait->dur_ns);
	if (!wait->finished)
		snprintf(buf, size, "waiting %s...", number);
	else
		snprintf(buf, size, "%s%s", number, wait->ret ? ", gave up" : "");
}

void render_column_frames(const struct render_row *row, char *buf, size_t size)
{
	const struct snap_stack *stack = row->stack;
	size_t used = 0;

	*buf = '\0';
	for (int part = 0; part < 2 && stack; part++) {
		for (size_t i = 0; i < stack->n; i++) {
			const char *separator = used ? " < " : "";
			size_t need = strlen(separator) + strlen(stack->frames[i]);

			if (need >= size - used) /* whole frames, or none */
				return;
			sprintf(buf + used, "%s%s", separator, stack->frames[i]);
			used += need;
		}
		stack = stack->below >= 0 && (size_t)stack->below < row->snap->n_stacks
				? &row->snap->stacks[stack->below]
				: NULL;
	}
}

void render_column_format(const struct render_column *column, const struct render_row *row,
			  char *buf, size_t size)
{
	struct column_value value = {0};
	char number[UNITS_BUF];

	column->get(row, &value);
	if (!value.present) {
		snprintf(buf, size, "-");
		return;
	}
	switch (column->kind) {
	case COLUMN_TEXT:
	case COLUMN_PATH:
	case COLUMN_TASK:
		text_reclean(buf, size, value.text);
		/* Its pid is free, or by now that of another process. */
		if (column == &render_columns[COL_COMM] && row->gone && strlen(buf) + 8 < size)
			strcat(buf, " (gone)");
		break;
	case COLUMN_ID:
		snprintf(buf, size, "%llu", (unsigned long long)value.number);
		break;
	case COLUMN_COUNT:
		snprintf(buf, size, "%s", units_format_count(number, value.number));
		break;
	case COLUMN_DURATION:
		snprintf(buf, size, "%s", units_format_duration(number, value.number));
		break;
	case COLUMN_WAIT:
		format_wait(row->wait, buf, size);
		break;
	case COLUMN_TIME:
		format_time(value.number, buf, size);
		break;
	case COLUMN_PERMILLE:
		snprintf(buf, size, "%llu.%llu%%", (unsigned long long)(value.number / 10),
			 (unsigned long long)(value.number % 10));
		break;
	case COLUMN_MILLI:
		snprintf(buf, size, "%.1f", (double)value.number / 1000);
		break;
	case COLUMN_BOOL:
		snprintf(buf, size, "%s", value.number ? "yes" : "no");
		break;
	case COLUMN_FRAMES:
		render_column_frames(row, buf, size);
		break;
	}
}
