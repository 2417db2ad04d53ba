// SPDX-License-Identifier: GPL-2.0
/* Answers a question: what bind() would say, and because of which socket. */
#include <linux/capability.h>
#include <linux/kernel.h>
#include <linux/net.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "bind/bind.h"
#include "log/log.h"
#include "question.h"

/* Has the newcomer the privilege to bind low ports? Another user, if it is root there */
static bool is_privileged(const struct question *q)
{
	struct user_namespace *ns = q->net->user_ns;

	if (q->others_uid)
		return uid_eq(q->uid, make_kuid(ns, 0));
	return ns_capable_noaudit(ns, CAP_NET_BIND_SERVICE);
}

static bool needs_privilege(const struct question *q, const struct sem_profile *profile, bool low)
{
	if (profile->needs_privilege)
		return profile->needs_privilege(q->self.addr, q->port, low);
	return low;
}

/* Would setsockopt() have refused an option before bind()? */
static int option_error(const struct question *q, const struct sem_profile *profile,
			enum sem_rule *rule)
{
	const struct sem_sock *self = &q->self;

	if (profile->hides_reuseport && self->reuseport) {
		*rule = SEM_RULE_NO_SUCH_OPTION;
		return -ENOPROTOOPT;
	}
	if (profile->separate_families && self->ipv6 && q->clears_v6only) {
		*rule = SEM_RULE_FAMILIES;
		return -EINVAL;
	}
	return 0;
}

static int address_error(const struct question *q, struct sock *sk)
{
	const struct sem_sock *self = &q->self;
	struct in6_addr addr;

	memcpy(&addr, self->addr, sizeof(addr));
	/* A socket that does no IPv4; and an address that means nothing without its device */
	if (self->ipv6 && self->v6only && sem_mapped(self->addr))
		return -EINVAL;
	if (self->ipv6 && __ipv6_addr_needs_scope_id(__ipv6_addr_type(&addr)) && !self->dev)
		return -EINVAL;
	return reuse_bind_address_error(sk, self->addr);
}

/* In the order in which bind() finds the errors */
static void ask(const struct question *q, struct sock *sk, const struct sem_profile *profile,
		struct bind_reason *reason)
{
	bool low = inet_port_requires_bind_service(q->net, q->port);
	bool lacks = needs_privilege(q, profile, low) && !is_privileged(q);
	bool early = lacks && low && !profile->in_use_before_privilege;
	bool udp = q->protocol != IPPROTO_TCP;

	*reason = (struct bind_reason){ .uid = INVALID_UID };
	reason->err = option_error(q, profile, &reason->rule);
	if (reason->err)
		return;
	if (profile->separate_families && q->self.ipv6 && sem_mapped(q->self.addr))
		reason->err = -EADDRNOTAVAIL;
	else if (!(q->self.ipv6 && early))
		reason->err = address_error(q, sk);
	if (!reason->err && early)
		reason->err = -EACCES;
	if (!reason->err) {
		reuse_bind_explain(sk, &q->self, q->port, udp, profile, reason);
		if (reason->err || !lacks)
			return;
		reason->err = -EACCES;
	}
	reason->rule = sem_rule_of_error(profile, &q->self, false, reason->err);
}

/**
 * struct answer - text being written
 * @text: where it goes
 * @size: of @text
 * @len: bytes in use
 */
struct answer {
	char *text;
	size_t size;
	size_t len;
};

static __printf(2, 3) void put(struct answer *a, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	a->len += vscnprintf(a->text + a->len, a->size - a->len, fmt, args);
	va_end(args);
}

/* Its address, its device and IPV6_V6ONLY */
static void put_place(struct answer *a, const struct question *q, const struct sem_sock *s)
{
	struct sockaddr_in6 addr;
	char word[REUSE_LOG_WORD];

	reuse_log_address(&addr, s->ipv6, s->addr, htons(q->port));
	put(a, "%pISpc %s ", &addr, reuse_log_dev_word(word, q->net, s->dev));
	put(a, s->ipv6 ? "%d " : "- ", s->v6only);
}

static void put_verdict(struct answer *a, const struct bind_reason *reason)
{
	char word[REUSE_LOG_WORD];

	put(a, "%s %s ", reuse_log_error_word(word, reason->err), sem_rules[reason->rule].word);
}

static const char * const columns[] = {
	"proto", "local_address", "dev", "v6only", "uid", "reuseaddr", "reuseport", "listen",
	"semantics", "verdict", "rule", "native", "native_rule",
	"other_address", "other_dev", "other_v6only", "other_state", "other_uid",
	"other_reuseaddr", "other_reuseport", "other_inode",
};

static void put_blocker(struct answer *a, const struct question *q,
			const struct bind_reason *reason)
{
	const struct sem_sock *s = &reason->blocker;

	if (!reason->has_blocker) {
		put(a, "- - - - - - - -");
		return;
	}
	put_place(a, q, s);
	put(a, "%s ", sem_state_words[s->state]);
	if (uid_valid(reason->uid))
		put(a, "%u ", from_kuid_munged(q->ns, reason->uid));
	else
		put(a, "- ");
	put(a, "%d %d ", s->reuseaddr, s->reuseport);
	put(a, reason->inode ? "%lu" : "-", reason->inode);
}

static void put_answer(struct answer *a, const struct question *q,
		       const struct bind_reason *reason, const struct bind_reason *native)
{
	static const char * const protos[] = {
		[IPPROTO_TCP] = "tcp", [IPPROTO_UDP] = "udp", [IPPROTO_UDPLITE] = "udplite",
	};
	const struct sem_sock *self = &q->self;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(columns); i++)
		put(a, "%s%c", columns[i], i + 1 < ARRAY_SIZE(columns) ? ' ' : '\n');
	put(a, "%s ", protos[q->protocol]);
	put_place(a, q, self);
	put(a, "%u %d %d %d %s ", from_kuid_munged(q->ns, q->uid), self->reuseaddr,
	    self->reuseport, self->state == SEM_LISTEN, q->as->name);
	put_verdict(a, reason);
	put_verdict(a, native);
	put_blocker(a, q, reason);
	put(a, "\n");
}

/**
 * reuse_answer() - answer a question
 * @q: the question
 * @text: the answer: a line of names, and one of values
 * @size: of @text
 *
 * A socket of the kernel, which is never bound, stands for the newcomer.
 *
 * Context: process context, may sleep.
 * Return: length of the answer, or a negative errno if there is no such socket.
 */
int reuse_answer(const struct question *q, char *text, size_t size)
{
	bool tcp = q->protocol == IPPROTO_TCP;
	struct answer a = { .text = text, .size = size };
	struct bind_reason reason, native;
	struct socket *sock;
	int err;

	err = sock_create_kern(q->net, q->self.ipv6 ? PF_INET6 : PF_INET,
			       tcp ? SOCK_STREAM : SOCK_DGRAM, q->protocol, &sock);
	/* So it says that there is no memory */
	if (err == -ENFILE || err == -ENOBUFS)
		err = -ENOMEM;
	if (err)
		return err;
	/* Nobody else knows the socket */
	sock->sk->sk_bound_dev_if = q->self.dev;
	ask(q, sock->sk, q->as, &reason);
	ask(q, sock->sk, &sem_native, &native);
	sock_release(sock);

	put_answer(&a, q, &reason, &native);
	return a.len;
}
