// SPDX-License-Identifier: GPL-2.0
/*
 * Names of processes by (tgid, start time), which stay known after its exit: the
 * cgroup is read once from /proc when a process is first seen, comm again with
 * every look, since exec changes it. A cache of fixed size; the entry that was
 * used longest ago gives way.
 */
#include <stdlib.h>
#include <string.h>

#include "proc.h"
#include "tally_internal.h"
#include "text.h"

#define WAYS 4

static struct tally_name *find(struct tally *tally, uint32_t tgid, uint64_t start_ns)
{
	size_t set = (tgid * 2654435761U >> 16) % (TALLY_NAMES / WAYS);
	struct tally_name *names = &tally->names[set * WAYS], *oldest = names;

	tally->use++;
	for (int i = 0; i < WAYS; i++) {
		if (names[i].used && names[i].tgid == tgid && names[i].start_ns == start_ns) {
			names[i].used = tally->use;
			return &names[i];
		}
		if (names[i].used < oldest->used)
			oldest = &names[i];
	}
	free(oldest->cgroup);
	memset(oldest, 0, sizeof(*oldest));
	oldest->tgid = tgid;
	oldest->start_ns = start_ns;
	oldest->used = tally->use;
	return oldest;
}

static void learn(const struct tally *tally, struct tally_name *name)
{
	char comm[FL_COMM_LEN + 1] = "";
	char *cgroup;

	if (name->look > tally->look || !name->tgid)
		return;
	/* who is gone stays so, even if its number is now another's, whose start cannot be read */
	if (name->look && !name->alive)
		return;
	name->look = tally->look + 1;
	name->alive = proc_alive(name->tgid, name->start_ns);
	if (!name->alive)
		return;
	if (!proc_comm(name->tgid, comm))
		text_clean(name->comm, sizeof(name->comm), comm, FL_COMM_LEN);
	if (name->cgroup)
		return;
	cgroup = proc_cgroup(name->tgid);
	name->cgroup = text_clean_dup(cgroup);
	free(cgroup);
}

const char *tally_comm(struct tally *tally, uint32_t tgid, uint64_t start_ns, const char *raw)
{
	struct tally_name *name = find(tally, tgid, start_ns);

	learn(tally, name);
	if (!*name->comm && raw)
		text_clean(name->comm, sizeof(name->comm), raw, FL_COMM_LEN);
	return name->comm;
}

const char *tally_cgroup(struct tally *tally, uint32_t tgid, uint64_t start_ns)
{
	struct tally_name *name = find(tally, tgid, start_ns);

	learn(tally, name);
	return name->cgroup;
}

bool tally_alive(struct tally *tally, uint32_t tgid, uint64_t start_ns)
{
	struct tally_name *name = find(tally, tgid, start_ns);

	learn(tally, name);
	return name->alive;
}
