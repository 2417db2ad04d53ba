// SPDX-License-Identifier: GPL-2.0
/* The systemd unit and the container of a process, from the path of its cgroup. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "procs.h"
#include "util.h"

/* How container managers name the cgroup of a container: these words, then its ID, or a name */
static const struct {
	const char *begin;
	const char *manager;
	bool name;
} managers[] = {
	{ "docker-", "docker", false },
	{ "libpod-", "podman", false },
	{ "crio-", "cri-o", false },
	{ "cri-containerd-", "containerd", false },
	{ "nerdctl-", "containerd", false },
	{ "lxc.payload.", "lxc", true },
	{ "machine-", "nspawn", true },
};

/* People know a container by the first twelve digits of its ID */
#define ID_LEN		64
#define ID_SHOWN	12

static bool is_id(const char *text, size_t len)
{
	return len == ID_LEN && strspn(text, "0123456789abcdef") >= ID_LEN;
}

static char *name_container(const char *manager, const char *id, size_t len)
{
	char *name = NULL;

	if (is_id(id, len))
		len = ID_SHOWN;
	if (asprintf(&name, "%s %.*s", manager, (int)len, id) < 0)
		name = NULL;
	return need_memory(name);
}

/* One directory of the path: a container, if its name says so; @above is the one above it */
static char *container_of(const char *dir, size_t len, const char *above, size_t above_len)
{
	size_t i, n;

	if (len > 6 && !memcmp(dir + len - 6, ".scope", 6))
		len -= 6;
	for (i = 0; i < ARRAY_SIZE(managers); i++) {
		n = strlen(managers[i].begin);
		if (len > n && !strncmp(dir, managers[i].begin, n) &&
		    (managers[i].name || is_id(dir + n, len - n)))
			return name_container(managers[i].manager, dir + n, len - n);
	}
	/* Without systemd: /docker/ID, /kubepods/.../ID */
	if (!is_id(dir, len))
		return NULL;
	if (above_len == 6 && !memcmp(above, "docker", 6))
		return name_container("docker", dir, len);
	return name_container("container", dir, len);
}

static bool is_unit(const char *dir, size_t len)
{
	return (len > 8 && !memcmp(dir + len - 8, ".service", 8)) ||
	       (len > 6 && !memcmp(dir + len - 6, ".scope", 6));
}

/* Where the path is in @text: cgroup v2, or that of systemd in v1; and its length */
static const char *find_path(const char *text, size_t *len)
{
	const char *line, *path, *found = NULL;

	*len = 0;
	for (line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		path = strchr(line, ':');
		path = path ? strchr(path + 1, ':') : NULL;
		if (!path || path > line + strcspn(line, "\n"))
			continue;
		if (strncmp(line, "0::", 3) &&
		    !memmem(line, path - line + 1, ":name=systemd:", strlen(":name=systemd:")))
			continue;
		/* A v1 system has an empty path of v2 besides */
		if (found && strcspn(path + 1, "\n") <= *len)
			continue;
		found = path + 1;
		*len = strcspn(found, "\n");
	}
	return found;
}

/**
 * cgroup_parse() - find out the unit and the container of a process
 * @text: what /proc/PID/cgroup says
 * @unit: gets the innermost service or scope, to be freed; NULL if there is none
 * @container: gets the innermost container, to be freed; NULL if there is none
 */
void cgroup_parse(const char *text, char **unit, char **container)
{
	const char *dir, *above = "", *path;
	size_t len, above_len = 0, rest;
	char *found;

	*unit = NULL;
	*container = NULL;
	path = find_path(text, &rest);
	for (dir = path; dir && dir < path + rest; dir += len + 1) {
		len = strcspn(dir, "/\n");
		found = container_of(dir, len, above, above_len);
		if (found) {
			free(*container);
			*container = found;
		}
		if (is_unit(dir, len)) {
			free(*unit);
			*unit = need_memory(strndup(dir, len));
		}
		above = dir;
		above_len = len;
	}
}
