// SPDX-License-Identifier: GPL-2.0
/*
 * Finds out what helps a bind that is refused. If an option or another user helps, the kernel
 * has said so: it is asked about each. Otherwise the rule says what is left.
 */
#include <stdio.h>
#include <string.h>

#include "why.h"

/* Rules that no socket is behind, and what helps. %s is the port */
static const struct {
	const char *rule;
	const char *remedy;
} others[] = {
	{ "privileged",
	  "run it as root, or: sysctl -w net.ipv4.ip_unprivileged_port_start=%s" },
	{ "not-local", "bind an address that \"ip address\" lists, or all addresses" },
	{ "families", "use an IPv4 socket for IPv4, and leave IPV6_V6ONLY set" },
	{ "no-such-option", "do not set SO_REUSEPORT; SO_REUSEADDR may do" },
};

static bool is_allowed(const struct netns *ns, const struct question *q)
{
	struct answer a;

	return !ask(ns, q, &a) && answer_allows(&a);
}

/* The options that would make it allowed, or NULL */
static const char *options_that_help(const struct netns *ns, const struct question *q)
{
	struct question better = *q;

	better.reuseaddr = true;
	if (!q->reuseaddr && is_allowed(ns, &better))
		return "SO_REUSEADDR";
	better.reuseaddr = q->reuseaddr;
	better.reuseport = true;
	if (!q->reuseport && is_allowed(ns, &better))
		return "SO_REUSEPORT";
	better.reuseaddr = true;
	if (!q->reuseaddr && !q->reuseport && is_allowed(ns, &better))
		return "SO_REUSEADDR and SO_REUSEPORT";
	return NULL;
}

/* As the user of the other socket; true if that helps */
static bool other_user_helps(const struct netns *ns, const struct question *q,
			     const char *uid, char remedy[REMEDY_LEN])
{
	struct question as = *q;
	char user[USER_LEN];
	unsigned long number;
	const char *options;
	bool alone;

	if (!to_number(uid, &number))
		return false;
	as.uid = uid;
	alone = is_allowed(ns, &as);
	options = alone ? NULL : options_that_help(ns, &as);
	if (!alone && !options)
		return false;
	user_print(number, user);
	snprintf(remedy, REMEDY_LEN, "run it as user %s%s%s%s", user, options ? ", and set " : "",
		 options ?: "", options ? " before bind()" : "");
	return true;
}

/* Would a socket on all addresses be allowed if it did no IPv4? */
static bool v6only_helps(const struct netns *ns, const struct question *q)
{
	struct question better = *q;

	if (strncmp(q->address, "[::]:", 5) || (q->v6only && *q->v6only == '1'))
		return false;
	better.v6only = "1";
	return is_allowed(ns, &better);
}

/* No option that shares the port helps: the other socket has to go */
static void remedy_of_other(const struct netns *ns, const struct question *q,
			    const struct answer *a, const char *holder, char remedy[REMEDY_LEN])
{
	const char *state = answer_get(a, "other_state");
	const char *v6only = v6only_helps(ns, q) ? ", or set IPV6_V6ONLY for IPv6 alone" : "";

	if (!strcmp(state, "timewait"))
		snprintf(remedy, REMEDY_LEN,
			 "wait: TIME_WAIT ends in a minute; next time, set SO_REUSEADDR on the socket that had the port, before its bind()");
	else if (*holder)
		snprintf(remedy, REMEDY_LEN, "end %s%s, or take another port", holder, v6only);
	else if (!strcmp(state, "connected"))
		snprintf(remedy, REMEDY_LEN,
			 "wait until the connection ends%s, or take another port", v6only);
	else
		snprintf(remedy, REMEDY_LEN,
			 "end its process, which root can see%s, or take another port", v6only);
}

/* An address of one device, fe80::/10, of which the question has none */
static bool lacks_device(const struct question *q, const struct answer *a)
{
	return !q->dev && !strcmp(answer_get(a, "verdict"), "EINVAL") &&
	       !strncasecmp(q->address, "[fe", 3) && strchr("89abAB", q->address[3]);
}

/**
 * remedy_find() - say what would help
 * @ns: the namespace
 * @q: the question
 * @a: the answer, which refuses
 * @holder: the processes that have the other socket open; empty if none is known
 * @remedy: gets a sentence; empty if nothing is known to help
 */
void remedy_find(const struct netns *ns, const struct question *q, const struct answer *a,
		 const char *holder, char remedy[REMEDY_LEN])
{
	const char *rule = answer_get(a, "rule"), *options, *port = strrchr(q->address, ':') + 1;
	size_t i;

	*remedy = '\0';
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		if (!strcmp(others[i].rule, rule)) {
			snprintf(remedy, REMEDY_LEN, others[i].remedy, port);
			return;
		}
	}
	if (lacks_device(q, a)) {
		snprintf(remedy, REMEDY_LEN,
			 "set sin6_scope_id to a device, as its address is link-local: here, --dev");
		return;
	}
	if (!strcmp(answer_get(a, "other_address"), "-"))
		return;
	options = options_that_help(ns, q);
	if (options)
		snprintf(remedy, REMEDY_LEN, "set %s before bind()", options);
	else if (!other_user_helps(ns, q, answer_get(a, "other_uid"), remedy))
		remedy_of_other(ns, q, a, holder, remedy);
}
