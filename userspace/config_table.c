// SPDX-License-Identifier: GPL-2.0
/*
 * Which keys are there, and what may stand behind them? One row a key; parsing,
 * printing, the sample file and the bounds all follow from the row. It reads no
 * files and knows no precedence.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "config.h"
#include "config_table.h"
#include "policy.h"
#include "units.h"

#define AT(field) offsetof(struct config, field)
#define US	  1000ULL
#define MS	  (1000 * US)
#define SEC_	  (1000 * MS)
#define HOUR	  (3600 * SEC_)
#define DAY	  (24 * HOUR)
#define MIB	  (1ULL << 20)
#define ENTRIES	  (1 << 20)

const struct config_key config_keys[] = {
	{"measure", "MinWait", KEY_DURATION, false, AT(min_wait_ns), "0", 0, HOUR,
	 "Shorter waits are counted, but are in no total."},
	{"measure", "EventMin", KEY_DURATION, false, AT(event_min_ns), "1ms", 10 * US, HOUR,
	 "Waits from here on are reported one by one."},
	{"measure", "StackMin", KEY_DURATION, false, AT(stack_min_ns), "10ms", 10 * US, HOUR,
	 "Waits from here on have the waiter's kernel stack taken."},
	{"measure", "UnfinishedMin", KEY_DURATION, false, AT(unfinished_min_ns), "500ms", 10 * MS,
	 HOUR, "Waits that have not ended are shown from here on."},
	{"measure", "Holders", KEY_BOOL, false, AT(holders), "yes", 0, 0,
	 "Find out who holds the lock."},
	{"measure", "UserStacks", KEY_BOOL, false, AT(user_stacks), "no", 0, 0,
	 "Take the waiter's user stack too."},
	{"measure", "Exact", KEY_BOOL, true, AT(exact), "no", 0, 0,
	 "Also see waits that spun and never queued, where the kernel allows it. Costs more."},
	{"measure", "Release", KEY_BOOL, true, AT(release), "yes", 0, 0,
	 "Learn from releases who held the lock, where the kernel allows it."},
	{"measure", "MaxWaiters", KEY_U32, true, AT(max_waiters), "8192", 1, ENTRIES,
	 "Room for threads that wait at the same time."},
	{"measure", "MaxProcesses", KEY_U32, true, AT(max_procs), "4096", 1, ENTRIES,
	 "Room for totals of processes."},
	{"measure", "MaxHolders", KEY_U32, true, AT(max_blames), "4096", 1, ENTRIES,
	 "Room for totals of holders."},
	{"measure", "MaxStacks", KEY_U32, true, AT(max_stacks), "1024", 1, ENTRIES,
	 "Room for distinct stacks."},
	{"measure", "RingSize", KEY_PAGES, true, AT(ring_bytes), "512K", 4096, 64 * MIB,
	 "Buffer for single waits: a power of two."},
	{"hot", "EventMin", KEY_DURATION, false, AT(hot_min_ns), "100us", US, HOUR,
	 "EventMin and StackMin of hot processes."},
	{"hot", "Enter", KEY_PERCENT, false, AT(hot_enter_millipct), "5%", 1, 100000000,
	 "A process is hot when all its threads together wait this share of the time."},
	{"hot", "Leave", KEY_PERCENT, false, AT(hot_leave_millipct), "1%", 0, 100000000,
	 "It stays hot until it waits less than this share."},
	{"hot", "Max", KEY_U32, false, AT(hot_max), "16", 0, 64,
	 "Hot processes at a time; the most affected come first."},
	{"incident", "Enabled", KEY_BOOL, false, AT(incidents), "yes", 0, 0,
	 "Write incident records."},
	{"incident", "Directory", KEY_PATH, true, AT(incident_dir), "/var/lib/faultline/incidents",
	 0, 0, "Where to write them."},
	{"incident", "Wait", KEY_DURATION, false, AT(incident_wait_ns), "1s", MS, DAY,
	 "A single wait of this length is an incident."},
	{"incident", "Ratio", KEY_PERCENT, false, AT(incident_millipct), "100%", 1, 100000000,
	 "So is a process whose threads together wait this share of a second."},
	{"incident", "MaxDisk", KEY_SIZE, false, AT(incident_max_bytes), "64M", 64 << 10,
	 1ULL << 40, "Space for all records; the oldest are removed."},
	{"incident", "MaxFiles", KEY_U32, false, AT(incident_max_files), "200", 1, 100000,
	 "Number of records; the oldest are removed."},
	{"incident", "MaxAge", KEY_DURATION, false, AT(incident_max_age_ns), "90d", 0, 3650 * DAY,
	 "Older records are removed, by the wall clock. 0: age alone removes none."},
	{"incident", "Cooldown", KEY_DURATION, false, AT(incident_cooldown_ns), "30s", 0, DAY,
	 "No second record of the same process and kind within this time."},
	{"incident", "MaxRate", KEY_U32, false, AT(incident_max_rate), "60", 1, 100000,
	 "New records a minute, of all processes together; more are left out and counted."},
	{"incident", "Hook", KEY_FILE, false, AT(incident_hook), "", 0, 0,
	 "Program to run for each record, see faultlined(8). Empty: none."},
	{"incident", "HookTimeout", KEY_DURATION, false, AT(incident_hook_timeout_ns), "30s", SEC_,
	 HOUR, "It is killed after this time."},
	{"breaker", "Enabled", KEY_BOOL, false, AT(breaker), "yes", 0, 0,
	 "Detach the BPF programs when they cost too much."},
	{"breaker", "MaxCost", KEY_PERCENT, false, AT(breaker_cost_millipct), "1%", 1, 100000,
	 "Their run time as a share of the CPU time of the whole machine."},
	{"breaker", "MaxRate", KEY_U64, false, AT(breaker_max_rate), "2000000", 1000, UINT64_MAX,
	 "Their runs a second."},
	{"breaker", "Cooldown", KEY_DURATION, false, AT(breaker_cooldown_ns), "60s", SEC_, DAY,
	 "They are attached again after this time; it doubles each time, up to an hour."},
	{"policy", "Mode", KEY_MODE, true, AT(policy_mode), "observe", 0, 0,
	 "observe, advise or enforce: show, suggest or make changes of vm.spf_*."},
	{"policy", "BackoffMin", KEY_U32, true, AT(policy_backoff_min), "1", 1, 32767,
	 "vm.spf_backoff_max is never set below this."},
	{"policy", "BackoffMax", KEY_U32, true, AT(policy_backoff_max), "4096", 1, 32767,
	 "Nor above this."},
	{"policy", "SpinsMin", KEY_U32, true, AT(policy_spins_min), "1", 1, 1000,
	 "vm.spf_ptl_spins is never set below this."},
	{"policy", "SpinsMax", KEY_U32, true, AT(policy_spins_max), "64", 1, 1000,
	 "Nor above this."},
	{"policy", "MaxStep", KEY_U32, true, AT(policy_max_step), "8", 2, 1024,
	 "At most this factor at a time."},
	{"policy", "MaxChanges", KEY_U32, true, AT(policy_max_changes), "6", 2, POLICY_MAX_STEPS,
	 "Changes an hour while the load stays of one kind."},
	{"policy", "BusyRate", KEY_U32, true, AT(policy_busy_rate), "100", 1, 1000000000,
	 "Contended faults a second from which on there is something to tune."},
	{"policy", "Hysteresis", KEY_PERCENT, true, AT(policy_hysteresis_millipct), "3%", 0, 50000,
	 "A value is kept if a fault costs less by this share."},
	{"policy", "Cooldown", KEY_DURATION, true, AT(policy_cooldown_ns), "10s", SEC_, HOUR,
	 "Between two changes; taking one back does not wait."},
	{"policy", "Calm", KEY_DURATION, true, AT(policy_calm_ns), "5min", SEC_, DAY,
	 "Without contention for so long, the original values are restored."},
	{"policy", "OnExit", KEY_LEAVE, true, AT(policy_on_exit), "restore", 0, 0,
	 "restore or keep the values when the daemon ends, however it ends."},
	{"policy", "OnRestart", KEY_LEAVE, true, AT(policy_on_restart), "restore", 0, 0,
	 "restore or keep what an earlier run has left."},
	{"policy", "Writer", KEY_FILE, true, AT(policy_writer), "", 0, 0,
	 "Socket of the service faultline-knob. Empty: faultlined starts it itself."},
	{"policy", "State", KEY_PATH, true, AT(policy_state), "/var/lib/faultline/knobs.json", 0, 0,
	 "Record of what was changed, and from what."},
	{"policy", "Trace", KEY_FILE, true, AT(policy_trace), "", 0, 0,
	 "Write what was measured and decided here, for 'policy simulate'. Empty: off."},
	{"socket", "Path", KEY_SOCKET, true, AT(socket_path), "/run/faultline/control.sock", 0, 0,
	 "Control socket."},
	{"socket", "Group", KEY_GROUP, true, AT(socket_group), "", 0, 0,
	 "Members of this group may use it too. Empty: only root."},
	{"socket", "MaxClients", KEY_U32, false, AT(socket_max_clients), "32", 1, 1024,
	 "Connections at a time."},
	{"metrics", "Listen", KEY_LISTEN, true, AT(metrics_listen), "", 0, 0,
	 "Serve GET /metrics: unix:/path, 127.0.0.1:9946 or [::1]:9946. Empty: off."},
	{"metrics", "Textfile", KEY_FILE, false, AT(metrics_textfile), "", 0, 0,
	 "Write a .prom file for the textfile collector of node_exporter. Empty: off."},
	{"metrics", "Interval", KEY_DURATION, false, AT(metrics_interval_ns), "15s", SEC_, HOUR,
	 "How often to write it."},
	{"metrics", "TopCgroups", KEY_U32, false, AT(metrics_top), "20", 0, 1000,
	 "Cgroups with series of their own; the rest is in \"other\"."},
	{"metrics", "PerProcess", KEY_BOOL, false, AT(metrics_per_process), "no", 0, 0,
	 "Series of hot processes, by comm."},
	{"daemon", "Interval", KEY_DURATION, false, AT(interval_ns), "250ms", 50 * MS, SEC_,
	 "How often to look at single waits, and for those that have not ended."},
	{"daemon", "LogLevel", KEY_LEVEL, false, AT(log_level), "info", 0, 0,
	 "err, warning, info or debug."},
};
const size_t config_n_keys = sizeof(config_keys) / sizeof(config_keys[0]);

int config_key_find(const char *section, const char *key)
{
	for (size_t i = 0; i < config_n_keys; i++)
		if (!strcmp(config_keys[i].section, section) && !strcmp(config_keys[i].key, key))
			return i;
	return -1;
}

bool config_key_section(const char *section)
{
	for (size_t i = 0; i < config_n_keys; i++)
		if (!strcmp(config_keys[i].section, section))
			return true;
	return false;
}

bool config_key_is_text(const struct config_key *key)
{
	return key->type >= KEY_PATH;
}

static void *field(const struct config *config, const struct config_key *key)
{
	return (char *)config + key->offset;
}

/* Numbers as they would be written, exactly: the largest unit without a rest. */
static const char *format_number(enum key_type type, uint64_t value, char *buf, size_t size)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} times[] = {{"d", DAY}, {"h", HOUR}, {"min", 60 * SEC_}, {"s", SEC_},
		     {"ms", MS}, {"us", US},  {"ns", 1}};
	static const char sizes[] = "GMK";
	size_t i = 0;

	switch (type) {
	case KEY_DURATION:
		while (value % times[i].ns)
			i++;
		snprintf(buf, size, "%" PRIu64 "%s", value / times[i].ns,
			 value ? times[i].name : "");
		break;
	case KEY_SIZE:
	case KEY_PAGES:
		while (sizes[i] && value % (1ULL << (30 - 10 * i)))
			i++;
		snprintf(buf, size, "%" PRIu64 "%.1s", value >> (30 - 10 * i), &sizes[i]);
		break;
	case KEY_PERCENT:
		snprintf(buf, size, "%" PRIu64 ".%03u", value / 1000, (unsigned int)(value % 1000));
		for (i = strlen(buf); buf[i - 1] == '0'; i--)
			buf[i - 1] = '\0';
		if (buf[i - 1] == '.')
			buf[--i] = '\0';
		snprintf(buf + i, size - i, "%%");
		break;
	default:
		snprintf(buf, size, "%" PRIu64, value);
	}
	return buf;
}

static int parse_u64(const char *text, uint64_t *ret)
{
	char *end;
	unsigned long long value;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end)
		return -EINVAL;
	*ret = value;
	return 0;
}

static int parse_number(const struct config_key *key, const char *text, uint64_t *ret)
{
	uint32_t millipct;
	int flag, err;

	switch (key->type) {
	case KEY_DURATION:
		return units_parse_duration(text, ret);
	case KEY_SIZE:
	case KEY_PAGES:
		return units_parse_size(text, ret);
	case KEY_PERCENT:
		err = units_parse_percent(text, &millipct);
		*ret = millipct;
		return err;
	case KEY_BOOL:
		err = units_parse_bool(text, &flag);
		*ret = flag;
		return err;
	default:
		return parse_u64(text, ret);
	}
}

static const char *const expected[] = {
	[KEY_DURATION] = "a duration with a unit, such as 500ms",
	[KEY_SIZE] = "a size, such as 64M",
	[KEY_PAGES] = "a size that is a power of two, such as 512K",
	[KEY_PERCENT] = "a percentage, such as 5%",
	[KEY_BOOL] = "yes or no",
	[KEY_U32] = "a whole number",
	[KEY_U64] = "a whole number",
	[KEY_PATH] = "an absolute path without control characters",
	[KEY_SOCKET] = "an absolute path of at most 100 bytes",
	[KEY_FILE] = "an absolute path, or nothing",
	[KEY_GROUP] = "the name of a group, or nothing",
	[KEY_LISTEN] = "unix:/path, 127.0.0.1:PORT or [::1]:PORT; other addresses are not served",
	[KEY_LEVEL] = "err, warning, info or debug",
	[KEY_MODE] = "observe, advise or enforce",
	[KEY_LEAVE] = "restore or keep",
};

static bool is_path(const char *text, size_t max)
{
	if (text[0] != '/' || strlen(text) > max)
		return false;
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static bool is_listen(const char *text)
{
	const char *port;
	uint64_t value;

	if (!strncmp(text, "unix:", 5))
		return is_path(text + 5, 100);
	if (strncmp(text, "127.0.0.1:", 10) && strncmp(text, "[::1]:", 6))
		return false;
	port = strrchr(text, ':') + 1;
	return !parse_u64(port, &value) && value >= 1 && value <= 65535;
}

static bool is_text_valid(enum key_type type, const char *text)
{
	static const char group_chars[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	switch (type) {
	case KEY_PATH:
		return is_path(text, CONFIG_MAX_LINE);
	case KEY_SOCKET: /* room for ".lock" and a temporary suffix in sun_path */
		return is_path(text, 100);
	case KEY_FILE:
		return !*text || is_path(text, CONFIG_MAX_LINE);
	case KEY_GROUP:
		return strlen(text) <= 32 && strspn(text, group_chars) == strlen(text);
	case KEY_LISTEN:
		return !*text || is_listen(text);
	case KEY_MODE:
		return !strcmp(text, "observe") || !strcmp(text, "advise") ||
		       !strcmp(text, "enforce");
	case KEY_LEAVE:
		return !strcmp(text, "restore") || !strcmp(text, "keep");
	default:
		return !strcmp(text, "err") || !strcmp(text, "warning") || !strcmp(text, "info") ||
		       !strcmp(text, "debug");
	}
}

static int set_text(struct config *config, const struct config_key *key, const char *text)
{
	char **at = field(config, key), *copy;

	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

static void set_number(struct config *config, const struct config_key *key, uint64_t value)
{
	switch (key->type) {
	case KEY_BOOL:
		*(bool *)field(config, key) = value;
		break;
	case KEY_U32:
	case KEY_PERCENT:
		*(uint32_t *)field(config, key) = value;
		break;
	default:
		*(uint64_t *)field(config, key) = value;
	}
}

int config_key_set(struct config *config, const struct config_key *key, const char *text, char *why,
		   size_t why_size)
{
	char low[32], high[32];
	uint64_t value = 0;

	if (config_key_is_text(key) && is_text_valid(key->type, text))
		return set_text(config, key, text);
	if (config_key_is_text(key) || parse_number(key, text, &value) ||
	    (key->type == KEY_PAGES && (value & (value - 1)))) {
		snprintf(why, why_size, "write %s", expected[key->type]);
		return -EINVAL;
	}
	if (key->type != KEY_BOOL && (value < key->min || value > key->max)) {
		snprintf(why, why_size, "write a value from %s to %s",
			 format_number(key->type, key->min, low, sizeof(low)),
			 format_number(key->type, key->max, high, sizeof(high)));
		return -EINVAL;
	}
	set_number(config, key, value);
	return 0;
}

const char *config_key_get(const struct config *config, const struct config_key *key, char *buf,
			   size_t size)
{
	const void *at = field(config, key);

	if (config_key_is_text(key))
		return *(char *const *)at;
	if (key->type == KEY_BOOL)
		return *(const bool *)at ? "yes" : "no";
	if (key->type == KEY_U32 || key->type == KEY_PERCENT)
		return format_number(key->type, *(const uint32_t *)at, buf, size);
	return format_number(key->type, *(const uint64_t *)at, buf, size);
}

void config_key_clear(struct config *config, const struct config_key *key)
{
	char **at = field(config, key);

	if (!config_key_is_text(key))
		return;
	free(*at);
	*at = NULL;
}
