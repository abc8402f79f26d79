// SPDX-License-Identifier: GPL-2.0
/*
 * A container's cgroup is named after its id, which has 64 digits, in one of three
 * ways: RUNTIME-ID.scope where systemd makes the cgroups, SLICE:RUNTIME:ID where a
 * runtime was given a systemd name and makes them itself, and ID alone, below a
 * folder of the runtime's. Nothing is asked of a runtime: names that it knows are
 * not in the path.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "container.h"

#define ID_DIGITS    64
#define SHORT_DIGITS 12 /* as runtimes print them */

struct part {
	const char *text;
	size_t len;
};

static bool is_id(const char *text, size_t len)
{
	return len == ID_DIGITS && strspn(text, "0123456789abcdef") >= len;
}

static bool ends_in(const struct part *part, const char *suffix)
{
	size_t len = strlen(suffix);

	return part->len > len && !memcmp(part->text + part->len - len, suffix, len);
}

/* The runtime before an id, with its sign: "docker-", "cri-containerd:"; NULL: another one. */
static const char *runtime_of(const char *text, size_t len)
{
	static const struct {
		const char *prefix, *name;
	} runtimes[] = {
		{"docker", "docker"},	   {"cri-containerd", "containerd"},
		{"nerdctl", "containerd"}, {"crio", "cri-o"},
		{"libpod", "podman"},	   {"libpod-payload", "podman"},
	};

	for (size_t i = 0; len && i < sizeof(runtimes) / sizeof(runtimes[0]); i++)
		if (strlen(runtimes[i].prefix) == len - 1 &&
		    !memcmp(runtimes[i].prefix, text, len - 1))
			return runtimes[i].name;
	return NULL;
}

/* An id alone: docker has a folder of its own, the others that do so are containerd's. */
static const char *runtime_above(const char *cgroup, const struct part *part)
{
	static const char docker[] = "/docker/";
	size_t before = part->text - cgroup, len = strlen(docker);

	return before >= len && !memcmp(part->text - len, docker, len) ? "docker" : "containerd";
}

static const char *container_of(const char *cgroup, struct part part, const char **ret_id)
{
	const char *colon;

	if (ends_in(&part, ".scope"))
		part.len -= strlen(".scope");
	if (part.len < ID_DIGITS)
		return NULL;
	*ret_id = part.text + part.len - ID_DIGITS;
	if (!is_id(*ret_id, ID_DIGITS))
		return NULL;
	part.len -= ID_DIGITS;
	if (!part.len)
		return runtime_above(cgroup, &part);
	colon = memchr(part.text, ':', part.len - 1);
	if (colon) {
		part.len -= colon + 1 - part.text;
		part.text = colon + 1;
	}
	return runtime_of(part.text, part.len);
}

/* The last component of the first len bytes, and what is before it. */
static struct part last_of(const char *cgroup, size_t *len)
{
	struct part part;
	size_t at = *len;

	while (at && cgroup[at - 1] != '/')
		at--;
	part = (struct part){cgroup + at, *len - at};
	*len = at ? at - 1 : 0;
	return part;
}

const char *container_name(const char *cgroup, char *buf, size_t size)
{
	static const char deleted[] = " (deleted)"; /* the kernel's word for a removed one */
	struct part all = {cgroup, cgroup ? strlen(cgroup) : 0}, unit = {"", 0};
	const char *runtime, *id;

	if (ends_in(&all, deleted))
		all.len -= strlen(deleted);
	while (all.len) {
		struct part part = last_of(cgroup, &all.len);

		runtime = container_of(cgroup, part, &id);
		if (runtime) {
			snprintf(buf, size, "%s:%.*s", runtime, SHORT_DIGITS, id);
			return buf;
		}
		if (!unit.len && (ends_in(&part, ".service") || ends_in(&part, ".scope")))
			unit = part;
	}
	snprintf(buf, size, "%.*s", (int)unit.len, unit.text);
	return buf;
}
