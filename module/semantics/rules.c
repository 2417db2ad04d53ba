// SPDX-License-Identifier: GPL-2.0
/* The rules in words, and which of them a refusal comes from. */
#include "semantics.h"

/* In the order of enum sem_rule, which is that of reuse(7) as well */
const struct sem_rule_text sem_rules[SEM_RULES] = {
	[SEM_RULE_NONE] = {
		"-",
		"nothing refuses it",
	},
	[SEM_RULE_IN_USE] = {
		"in-use",
		"another socket has the address and port: to share it, both need an option",
	},
	[SEM_RULE_WILDCARD] = {
		"wildcard",
		"0.0.0.0 or :: holds the port for every address",
	},
	[SEM_RULE_ASKS_WILDCARD] = {
		"asks-wildcard",
		"you ask for every address, and another socket has one of them",
	},
	[SEM_RULE_CONNECTION] = {
		"connection",
		"it is a connection: set SO_REUSEADDR before bind()",
	},
	[SEM_RULE_TIMEWAIT] = {
		"timewait",
		"only TIME_WAIT is left: set SO_REUSEADDR before bind()",
	},
	[SEM_RULE_TIMEWAIT_NO_REUSEADDR] = {
		"timewait-no-reuseaddr",
		"only TIME_WAIT is left, of a socket without SO_REUSEADDR: it ends in a minute",
	},
	[SEM_RULE_LISTENS] = {
		"listens",
		"it listens: SO_REUSEADDR shares a port only with sockets that do not",
	},
	[SEM_RULE_YOU_LACK_REUSEADDR] = {
		"you-lack-reuseaddr",
		"it has SO_REUSEADDR, you have not",
	},
	[SEM_RULE_YOU_LACK_REUSEPORT] = {
		"you-lack-reuseport",
		"it has SO_REUSEPORT, you have not",
	},
	[SEM_RULE_IT_LACKS_REUSEADDR] = {
		"it-lacks-reuseaddr",
		"you have SO_REUSEADDR, it has not",
	},
	[SEM_RULE_IT_LACKS_REUSEPORT] = {
		"it-lacks-reuseport",
		"you have SO_REUSEPORT, it has not",
	},
	[SEM_RULE_NEEDS_REUSEPORT] = {
		"needs-reuseport",
		"SO_REUSEADDR does not share one address: SO_REUSEPORT of both sockets does",
	},
	[SEM_RULE_USER] = {
		"user",
		"it belongs to another user: a port is shared within one uid only",
	},
	[SEM_RULE_REUSEPORT_USER] = {
		"reuseport-user",
		"it belongs to another user: SO_REUSEPORT shares within one uid only",
	},
	[SEM_RULE_SEARCH] = {
		"search",
		"bind() to port 0 does not share this port, whatever the options",
	},
	[SEM_RULE_NO_PORT] = {
		"no-port",
		"no port of ip_local_port_range is free",
	},
	[SEM_RULE_CACHED] = {
		"cached",
		"a socket would refuse, but the kernel remembers that the port could be shared",
	},
	[SEM_RULE_PRIVILEGED] = {
		"privileged",
		"the port takes CAP_NET_BIND_SERVICE",
	},
	[SEM_RULE_NOT_LOCAL] = {
		"not-local",
		"no device of this network namespace has the address",
	},
	[SEM_RULE_FAMILIES] = {
		"families",
		"IPv6 sockets have no v4-mapped address, and IPV6_V6ONLY stays set",
	},
	[SEM_RULE_NO_SUCH_OPTION] = {
		"no-such-option",
		"there is no SO_REUSEPORT",
	},
};

/**
 * sem_rule_of_addresses() - name the rule if neither socket has an option that would share
 * @sk: the newcomer
 * @owner: the owner of the port that refuses
 *
 * Context: any.
 * Return: the rule.
 */
enum sem_rule sem_rule_of_addresses(const struct sem_sock *sk, const struct sem_sock *owner)
{
	if (sem_any(owner->addr) == sem_any(sk->addr))
		return SEM_RULE_IN_USE;
	return sem_any(sk->addr) ? SEM_RULE_ASKS_WILDCARD : SEM_RULE_WILDCARD;
}

/**
 * sem_rule_of_options() - name the rule if an option shares when both sockets have it
 * @sk: the newcomer
 * @owner: the owner of the port that refuses
 * @can_reuseaddr: the two would share if both had SO_REUSEADDR
 * @can_reuseport: the two would share if both had SO_REUSEPORT
 *
 * The rule tells first of what the newcomer can do about it.
 *
 * Context: any.
 * Return: the rule.
 */
enum sem_rule sem_rule_of_options(const struct sem_sock *sk, const struct sem_sock *owner,
				  bool can_reuseaddr, bool can_reuseport)
{
	if (!can_reuseaddr && !can_reuseport)
		return SEM_RULE_LISTENS;
	if (can_reuseaddr && owner->reuseaddr) {
		if (owner->state == SEM_TIMEWAIT)
			return SEM_RULE_TIMEWAIT;
		return owner->state == SEM_CONNECTED ? SEM_RULE_CONNECTION :
						       SEM_RULE_YOU_LACK_REUSEADDR;
	}
	if (can_reuseport && owner->reuseport)
		return SEM_RULE_YOU_LACK_REUSEPORT;
	if (can_reuseaddr && owner->state == SEM_TIMEWAIT)
		return SEM_RULE_TIMEWAIT_NO_REUSEADDR;
	if (can_reuseaddr && sk->reuseaddr)
		return SEM_RULE_IT_LACKS_REUSEADDR;
	if (can_reuseport && sk->reuseport)
		return SEM_RULE_IT_LACKS_REUSEPORT;
	if (sk->reuseaddr && owner->reuseaddr)
		return SEM_RULE_LISTENS;
	return sem_rule_of_addresses(sk, owner);
}

const char * const sem_state_words[] = { "bound", "listen", "connected", "timewait" };

/**
 * sem_error_name() - name an error of bind(), listen() or setsockopt()
 * @err: 0 or a negative errno
 *
 * Context: any.
 * Return: the name, "ok" for 0; NULL for an error that has nothing to do with ports.
 */
const char *sem_error_name(int err)
{
	switch (err) {
	case 0:
		return "ok";
	case -EADDRINUSE:
		return "EADDRINUSE";
	case -EADDRNOTAVAIL:
		return "EADDRNOTAVAIL";
	case -EACCES:
		return "EACCES";
	case -EAGAIN:
		return "EAGAIN";
	case -EINVAL:
		return "EINVAL";
	case -ENODEV:
		return "ENODEV";
	case -ENOPROTOOPT:
		return "ENOPROTOOPT";
	default:
		return NULL;
	}
}

/**
 * sem_rule_of_error() - name the rule behind an error that no single owner of a port caused
 * @profile: the semantics in force, NULL for native
 * @sk: the newcomer
 * @searched: bind() to port 0 has tried the ports of the range
 * @err: negative errno of bind()
 *
 * Context: any.
 * Return: the rule, SEM_RULE_NONE if it is another error.
 */
enum sem_rule sem_rule_of_error(const struct sem_profile *profile, const struct sem_sock *sk,
				bool searched, int err)
{
	if (err == -EACCES)
		return SEM_RULE_PRIVILEGED;
	if (err == -EADDRNOTAVAIL && profile && profile->separate_families && sk->ipv6 &&
	    sem_mapped(sk->addr))
		return SEM_RULE_FAMILIES;
	if (searched && (err == -EADDRINUSE || err == -EADDRNOTAVAIL || err == -EAGAIN))
		return SEM_RULE_NO_PORT;
	return err == -EADDRNOTAVAIL ? SEM_RULE_NOT_LOCAL : SEM_RULE_NONE;
}
