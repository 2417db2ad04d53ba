/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rules by which a bind is refused, or decided otherwise than the sockets of the port say:
 * a word for each, and the sentence that a person needs. reuse(7) lists the words.
 */
#ifndef _REUSE_SEMANTICS_RULES_H
#define _REUSE_SEMANTICS_RULES_H

struct sem_profile;
struct sem_sock;

/**
 * enum sem_rule - why a bind is refused
 * @SEM_RULE_NONE: it is not
 * @SEM_RULE_IN_USE: another socket is on the address, and neither of the two has an option that
 *	would share it
 * @SEM_RULE_WILDCARD: so it is, but the other socket is on a wildcard address
 * @SEM_RULE_ASKS_WILDCARD: so it is, but the newcomer asks for a wildcard address
 * @SEM_RULE_CONNECTION: SO_REUSEADDR of the newcomer would share with that connection
 * @SEM_RULE_TIMEWAIT: SO_REUSEADDR of the newcomer would share with that TIME_WAIT
 * @SEM_RULE_TIMEWAIT_NO_REUSEADDR: the socket that is in TIME_WAIT had no SO_REUSEADDR
 * @SEM_RULE_LISTENS: the other socket listens, which SO_REUSEADDR does not share with
 * @SEM_RULE_YOU_LACK_REUSEADDR: the other socket has SO_REUSEADDR, the newcomer has not
 * @SEM_RULE_YOU_LACK_REUSEPORT: the other socket has SO_REUSEPORT, the newcomer has not
 * @SEM_RULE_IT_LACKS_REUSEADDR: the newcomer has SO_REUSEADDR, the other socket has not
 * @SEM_RULE_IT_LACKS_REUSEPORT: the newcomer has SO_REUSEPORT, the other socket has not
 * @SEM_RULE_NEEDS_REUSEPORT: only SO_REUSEPORT would share, and neither socket has it
 * @SEM_RULE_USER: the other socket is another user's
 * @SEM_RULE_REUSEPORT_USER: both sockets have SO_REUSEPORT, which shares within one user
 * @SEM_RULE_SEARCH: bind() to port 0 does not share that port, whatever the options
 * @SEM_RULE_NO_PORT: bind() to port 0 has found no port
 * @SEM_RULE_CACHED: the bind was allowed by what is cached about the port, though an owner of the
 *	port refuses it
 * @SEM_RULE_PRIVILEGED: the port takes a privilege
 * @SEM_RULE_NOT_LOCAL: the address is none of the host's
 * @SEM_RULE_FAMILIES: sockets of IPv6 do not do IPv4
 * @SEM_RULE_NO_SUCH_OPTION: there is no SO_REUSEPORT
 * @SEM_RULES: number of rules
 */
enum sem_rule {
	SEM_RULE_NONE,
	SEM_RULE_IN_USE,
	SEM_RULE_WILDCARD,
	SEM_RULE_ASKS_WILDCARD,
	SEM_RULE_CONNECTION,
	SEM_RULE_TIMEWAIT,
	SEM_RULE_TIMEWAIT_NO_REUSEADDR,
	SEM_RULE_LISTENS,
	SEM_RULE_YOU_LACK_REUSEADDR,
	SEM_RULE_YOU_LACK_REUSEPORT,
	SEM_RULE_IT_LACKS_REUSEADDR,
	SEM_RULE_IT_LACKS_REUSEPORT,
	SEM_RULE_NEEDS_REUSEPORT,
	SEM_RULE_USER,
	SEM_RULE_REUSEPORT_USER,
	SEM_RULE_SEARCH,
	SEM_RULE_NO_PORT,
	SEM_RULE_CACHED,
	SEM_RULE_PRIVILEGED,
	SEM_RULE_NOT_LOCAL,
	SEM_RULE_FAMILIES,
	SEM_RULE_NO_SUCH_OPTION,
	SEM_RULES,
};

/**
 * struct sem_rule_text - a rule in words
 * @word: for programs: one word that never changes
 * @sentence: for a person, who is the newcomer: "you"; "it" is the other socket
 */
struct sem_rule_text {
	const char *word;
	const char *sentence;
};

extern const struct sem_rule_text sem_rules[SEM_RULES];

/* The words for enum sem_state, in that order */
extern const char * const sem_state_words[];

const char *sem_error_name(int err);

enum sem_rule sem_rule_of_addresses(const struct sem_sock *sk, const struct sem_sock *owner);
enum sem_rule sem_rule_of_options(const struct sem_sock *sk, const struct sem_sock *owner,
				  bool can_reuseaddr, bool can_reuseport);
enum sem_rule sem_rule_of_error(const struct sem_profile *profile, const struct sem_sock *sk,
				bool searched, int err);

#endif
