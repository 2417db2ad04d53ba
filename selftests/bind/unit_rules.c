// SPDX-License-Identifier: GPL-2.0
/*
 * Each refusal names a rule and the socket that refuses, and both are true: without that
 * socket the verdict is another one, that socket alone refuses as well, and it refuses no more
 * once the two sockets are as the rule says that they should be.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "unit.h"

#define SHOWN	10

FILE *notes;

static struct {
	unsigned int refusals;
	unsigned int wrong;
	unsigned int of[SEM_RULES];
} count;

static void wrong(const struct sem_bind *b, const struct sock *sk, const char *fmt, ...)
{
	va_list args;

	if (count.wrong++ >= SHOWN)
		return;
	fprintf(notes, "# %s: socket %d%s, refused by %d, rule %s: ", profile->name,
		(int)(sk - socks), b->search ? " searching" : "",
		b->by ? (int)((const struct sock *)b->by - socks) : -1,
		b->rule < SEM_RULES ? sem_rules[b->rule].word : "?");
	va_start(args, fmt);
	vfprintf(notes, fmt, args);
	va_end(args);
	fputc('\n', notes);
}

/* Take @by away, and each socket that refuses then: each has to be one of the port */
static void check_removal(const struct sem_bind *b, const struct sock *sk, struct sock *by)
{
	struct sock *removed[MAX_SOCKS];
	struct sem_bind next;
	int n = 0, err;

	do {
		removed[n++] = by;
		by->bound = false;
		err = ask(&next, sk, b->search);
		by = (struct sock *)next.by;
	} while (err && by && on_port(by, sk->udp) && n < MAX_SOCKS);
	if (err)
		wrong(b, sk, "with %d sockets less, none that is there refuses", n);
	while (n)
		removed[--n]->bound = true;
}

/* Does @by alone, of all owners but @sk, refuse? */
static void check_alone(const struct sem_bind *b, const struct sock *sk, const struct sock *by)
{
	bool bound[MAX_SOCKS];
	struct sem_bind alone;
	int i;

	for (i = 0; i < MAX_SOCKS; i++) {
		bound[i] = socks[i].bound;
		socks[i].bound &= &socks[i] == sk || &socks[i] == by;
	}
	if (!ask(&alone, sk, b->search))
		wrong(b, sk, "alone it does not refuse");
	for (i = 0; i < MAX_SOCKS; i++)
		socks[i].bound = bound[i];
}

/* Makes the two sockets as the rule says that they should be; false if nothing would help */
static bool mend(enum sem_rule rule, struct sem_sock *sk, struct sem_sock *by)
{
	switch (rule) {
	case SEM_RULE_LISTENS:
	case SEM_RULE_IN_USE:
	case SEM_RULE_WILDCARD:
	case SEM_RULE_ASKS_WILDCARD:
	case SEM_RULE_TIMEWAIT_NO_REUSEADDR:
	case SEM_RULE_NEEDS_REUSEPORT:
		if (rule == SEM_RULE_LISTENS)
			by->state = SEM_BOUND;
		sk->reuseaddr |= rule != SEM_RULE_NEEDS_REUSEPORT;
		by->reuseaddr |= rule != SEM_RULE_NEEDS_REUSEPORT;
		sk->reuseport |= rule != SEM_RULE_TIMEWAIT_NO_REUSEADDR;
		by->reuseport |= rule != SEM_RULE_TIMEWAIT_NO_REUSEADDR;
		return true;
	case SEM_RULE_CONNECTION:
	case SEM_RULE_TIMEWAIT:
	case SEM_RULE_YOU_LACK_REUSEADDR:
		sk->reuseaddr = true;
		return true;
	case SEM_RULE_YOU_LACK_REUSEPORT:
		sk->reuseport = true;
		return true;
	case SEM_RULE_IT_LACKS_REUSEADDR:
		by->reuseaddr = true;
		return true;
	case SEM_RULE_IT_LACKS_REUSEPORT:
		by->reuseport = true;
		return true;
	case SEM_RULE_USER:
	case SEM_RULE_REUSEPORT_USER:
		sk->uid = by->uid;
		sk->root = by->root;
		return true;
	default:
		return false;
	}
}

/* Is the state that the sentence speaks of the one that the socket is in? */
static bool fits(enum sem_rule rule, const struct sem_sock *sk, const struct sem_sock *by)
{
	switch (rule) {
	case SEM_RULE_LISTENS:
		return by->state == SEM_LISTEN;
	case SEM_RULE_CONNECTION:
		return by->state == SEM_CONNECTED && !sk->reuseaddr;
	case SEM_RULE_TIMEWAIT:
		return by->state == SEM_TIMEWAIT && !sk->reuseaddr;
	case SEM_RULE_TIMEWAIT_NO_REUSEADDR:
		return by->state == SEM_TIMEWAIT && !by->reuseaddr;
	case SEM_RULE_WILDCARD:
		return sem_any(by->addr) && !sem_any(sk->addr);
	case SEM_RULE_ASKS_WILDCARD:
		return sem_any(sk->addr) && !sem_any(by->addr);
	case SEM_RULE_USER:
	case SEM_RULE_REUSEPORT_USER:
		return by->uid != sk->uid;
	case SEM_RULE_YOU_LACK_REUSEADDR:
		return !sk->reuseaddr && (by->reuseaddr || sem_multicast(sk->addr));
	case SEM_RULE_YOU_LACK_REUSEPORT:
		return !sk->reuseport && by->reuseport;
	case SEM_RULE_IT_LACKS_REUSEADDR:
		return sk->reuseaddr && !by->reuseaddr;
	case SEM_RULE_IT_LACKS_REUSEPORT:
		return sk->reuseport && !by->reuseport;
	case SEM_RULE_NEEDS_REUSEPORT:
		return !sk->reuseport && !by->reuseport && (sk->reuseaddr || by->reuseaddr);
	default:
		return true;
	}
}

static void check_mended(const struct sem_bind *b, struct sock *sk, struct sock *by)
{
	struct sem_sock sk_was = sk->s, by_was = by->s;
	struct sem_bind again;
	bool other_rule = b->rule == SEM_RULE_USER;
	int err = 0;

	if (mend(b->rule, &sk->s, &by->s))
		err = ask(&again, sk, b->search);
	if (err && again.by == by && (!other_rule || again.rule == b->rule))
		wrong(b, sk, "it still refuses where that is mended");
	sk->s = sk_was;
	by->s = by_was;
}

static void check_refusal(const struct sem_bind *b, struct sock *sk)
{
	struct sock *by = (struct sock *)b->by;

	count.refusals++;
	if (b->rule <= SEM_RULE_NONE || b->rule >= SEM_RULES || !sem_rules[b->rule].word) {
		wrong(b, sk, "no rule");
		return;
	}
	count.of[b->rule]++;
	if (!by || by == sk || !on_port(by, sk->udp) || !b->blocker ||
	    memcmp(b->blocker, &by->s, sizeof(by->s))) {
		wrong(b, sk, "no socket of the port");
		return;
	}
	/* Linux shares ports in a search, too, but for TCP */
	if (b->rule == SEM_RULE_SEARCH ? !b->search : b->search && !on_linux())
		wrong(b, sk, "the rule of a search, or another one in a search");
	if (!fits(b->rule, &sk->s, &by->s))
		wrong(b, sk, "the sentence does not fit");
	check_removal(b, sk, by);
	check_alone(b, sk, by);
	check_mended(b, sk, by);
}

/* Looks at what the profile said to one bind(), and asks it what a search would be told */
void check_rule(const struct sem_bind *b, struct sock *sk, int err)
{
	struct sem_bind search;

	if (err)
		check_refusal(b, sk);
	else if (b->by || b->blocker || (b->rule && b->rule != SEM_RULE_CACHED))
		wrong(b, sk, "nothing is refused");
	else
		count.of[b->rule]++;
	if (ask(&search, sk, true))
		check_refusal(&search, sk);
}

/* Errors that no owner of the port caused */
bool rules_of_errors(void)
{
	static const struct sem_sock plain = { .ipv6 = true };
	static const struct sem_sock mapped = {
		.ipv6 = true, .addr = { [10] = 0xff, [11] = 0xff },
	};
	static const struct {
		const struct sem_profile *profile;
		const struct sem_sock *sk;
		bool searched;
		int err;
		enum sem_rule rule;
	} cases[] = {
		{ NULL, &plain, false, -EACCES, SEM_RULE_PRIVILEGED },
		{ NULL, &mapped, false, -EADDRNOTAVAIL, SEM_RULE_NOT_LOCAL },
		{ NULL, &plain, true, -EADDRINUSE, SEM_RULE_NO_PORT },
		{ NULL, &plain, true, -ENOMEM, SEM_RULE_NONE },
		{ NULL, &plain, false, -EADDRINUSE, SEM_RULE_NONE },
		{ &sem_openbsd, &mapped, false, -EADDRNOTAVAIL, SEM_RULE_FAMILIES },
		{ &sem_openbsd, &plain, false, -EADDRNOTAVAIL, SEM_RULE_NOT_LOCAL },
		{ &sem_openbsd, &plain, true, -EADDRNOTAVAIL, SEM_RULE_NO_PORT },
		{ &sem_bsd, &mapped, true, -EADDRNOTAVAIL, SEM_RULE_NO_PORT },
		{ &sem_netbsd, &plain, true, -EAGAIN, SEM_RULE_NO_PORT },
	};
	bool good = true;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (sem_rule_of_error(cases[i].profile, cases[i].sk, cases[i].searched,
				      cases[i].err) == cases[i].rule)
			continue;
		printf("# %s is not the rule of case %d\n", sem_rules[cases[i].rule].word, (int)i);
		good = false;
	}
	return good;
}

static void tell_counts(const char *path)
{
	int i;

	fprintf(notes, "# %s: %s: %u refusals, those of searches included:", profile->name, path,
		count.refusals);
	for (i = SEM_RULE_NONE + 1; i < SEM_RULES; i++) {
		if (count.of[i])
			fprintf(notes, " %s %u", sem_rules[i].word, count.of[i]);
	}
	fprintf(notes, ", %u wrong\n", count.wrong);
}

/*
 * Tells what a file's questions came to, but on stderr only if something is wrong; begins
 * anew. True if every rule was true
 */
bool rules_report(const char *path)
{
	bool good = !count.wrong;

	if (!good || notes != stderr)
		tell_counts(path);
	memset(&count, 0, sizeof(count));
	return good;
}

/* Does the man page list all words, in the order of the table, and no others? */
bool rules_in_man(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[512], word[64];
	bool inside = false, good;
	int rule = SEM_RULE_NONE;

	if (!f) {
		perror(path);
		exit(2);
	}
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, ".Ss ", 4) || !strncmp(line, ".Sh ", 4))
			inside = !strcmp(chomp(line), ".Ss Rules in words");
		if (!inside || sscanf(line, ".It Cm %63s", word) != 1)
			continue;
		if (++rule >= SEM_RULES || strcmp(word, sem_rules[rule].word)) {
			printf("# %s: %s is not %s\n", path, word,
			       rule < SEM_RULES ? sem_rules[rule].word : "a rule");
			break;
		}
	}
	good = rule == SEM_RULES - 1 && feof(f);
	fclose(f);
	return good;
}
