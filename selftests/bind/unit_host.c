// SPDX-License-Identifier: GPL-2.0
/* One port of one host: its sockets, and what a profile says to them. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "unit.h"

/* As in most recordings: no multiple of NetBSD's 128 */
#define PORT	41001
/* Between sockets that were added at the head of a list and those at its end */
#define LIST_END	0x100000000ULL

struct sock socks[MAX_SOCKS];
const struct sem_profile *profile;
u32 native;
static u64 clock_tick;
static signed char fast;
static struct sem_cache cache;

void reset(void)
{
	memset(socks, 0, sizeof(socks));
	fast = 0;
	memset(&cache, 0, sizeof(cache));
}

static void parse_addr(const char *text, u8 *addr)
{
	if (strchr(text, ':')) {
		inet_pton(AF_INET6, text, addr);
		return;
	}
	memcpy(addr, sem_any4, 16);
	inet_pton(AF_INET, text, addr + 12);
}

bool on_port(const struct sock *sk, bool udp)
{
	return sk->used && sk->bound && !sk->failed && sk->udp == udp;
}

int ask(struct sem_bind *b, const struct sock *sk, bool search)
{
	static struct sem_cache asked;
	int i;

	asked = cache;
	memset(b, 0, sizeof(*b));
	b->native = native;
	b->cache = &asked;
	b->sk = &sk->s;
	b->udp = sk->udp;
	b->search = search;
	b->port = PORT;
	b->fastreuse = fast;
	profile->begin(b);
	for (i = 0; i < MAX_SOCKS; i++) {
		if (!on_port(&socks[i], sk->udp))
			continue;

		b->owners++;
		if (&socks[i] != sk &&
		    (!profile->needs_bind_order || profile->matters(b, &socks[i].s)))
			profile->owner(b, &socks[i].s, &socks[i]);
	}
	b->in_slot = b->owners;
	return profile->verdict(b);
}

static int decide(struct sock *sk)
{
	struct sem_bind b;
	int err = ask(&b, sk, false);
	struct sem_cache next = *b.cache;

	check_rule(&b, sk, err);
	if (!err && !sk->udp) {
		fast = b.fastreuse;
		cache = next;
	}
	return err;
}

bool on_linux(void)
{
	return profile == &sem_pre39 || profile == &sem_native;
}

/* The errors and effects of bind() before it asks for the port */
static int before_bind(struct sock *sk)
{
	if (profile->separate_families && sk->s.ipv6 && sem_mapped(sk->s.addr))
		return -EADDRNOTAVAIL;
	if (profile == &sem_native && sk->s.v6only && sem_mapped(sk->s.addr))
		return -EINVAL;
	/* Linux since 2.6.30 */
	if (on_linux() && !sem_mapped(sk->s.addr) && !sem_any(sk->s.addr))
		sk->s.v6only = true;
	return 0;
}

int do_bind(struct sock *sk, const char *text)
{
	int err;

	parse_addr(text, sk->s.addr);
	err = before_bind(sk) ?: decide(sk);
	if (err) {
		sk->failed = true;
		return err;
	}
	sk->bound = true;
	sk->s.bind_seq = LIST_END + ++clock_tick;
	/* Added at the end of the kernel's list, see native.c */
	if (profile == &sem_native && sk->udp && sk->s.ipv6 && sk->s.reuseport)
		sk->s.bind_seq = LIST_END - clock_tick;
	return 0;
}

int do_listen(struct sock *sk)
{
	int err = 0;

	if (sk->s.state == SEM_LISTEN)
		return 0;
	sk->s.state = SEM_LISTEN;
	if (profile->checks_listen)
		err = decide(sk);
	if (err)
		sk->s.state = SEM_BOUND;
	else
		sk->listened = ++clock_tick;
	return err;
}

void do_connect(struct sock *sk, const char *from)
{
	parse_addr(from, sk->s.addr);
	sk->s.state = SEM_CONNECTED;
}

/*
 * The listener that gets a SYN of native Linux, or, of a SO_REUSEPORT group, one of those that
 * may: on the address, else on a wildcard one; of the same family, else of the other; the newest
 */
static struct sock *native_listener(const struct sem_packet *packet)
{
	struct sock *best = NULL;
	int i, rank, best_rank = 0;

	for (i = 0; i < MAX_SOCKS; i++) {
		const struct sem_sock *s = &socks[i].s;
		bool same = sem_same(s->addr, packet->addr);

		if (!on_port(&socks[i], false) || s->state != SEM_LISTEN ||
		    (packet->ipv6 ? !s->ipv6 || sem_mapped(s->addr) :
				    s->v6only || !(sem_mapped(s->addr) || sem_any(s->addr))) ||
		    !(same || sem_any(s->addr)))
			continue;
		rank = 1 + 2 * same + (s->ipv6 == packet->ipv6);
		if (!best || rank > best_rank ||
		    (rank == best_rank && socks[i].listened > best->listened)) {
			best = &socks[i];
			best_rank = rank;
		}
	}
	return best;
}

/* The socket that gets a packet to @text, or NULL */
struct sock *receiver(bool udp, const char *text)
{
	struct sem_packet packet = { .udp = udp };
	struct sem_deliver d = { .packet = &packet };
	int i;

	parse_addr(text, packet.addr);
	packet.ipv6 = !sem_mapped(packet.addr);
	if (profile == &sem_native)
		return udp ? NULL : native_listener(&packet);
	for (i = 0; i < MAX_SOCKS; i++) {
		if (on_port(&socks[i], udp) && !sem_is_connected(&socks[i].s))
			profile->deliver(&d, &socks[i].s, &socks[i]);
	}
	return (struct sock *)d.id;
}

void make_child(struct sock *child, const struct sock *listener, const char *text)
{
	*child = *listener;
	parse_addr(text, child->s.addr);
	child->s.state = SEM_CONNECTED;
	child->created = ++clock_tick;
	child->s.bind_seq = LIST_END + child->created;
	child->s.accepted = true;
	child->child = true;
}

void do_join(struct sock *sk, const char *group)
{
	if (sk->groups == MAX_GROUPS)
		exit(2);
	parse_addr(group, sk->group[sk->groups++]);
}

static enum sem_member member_of(const struct sock *sk, const u8 *group)
{
	enum sem_member member = SEM_NO_MEMBER;
	int i;

	for (i = 0; i < sk->groups; i++) {
		if (sem_same(sk->group[i], group))
			return SEM_MEMBER;
		if (sem_mapped(sk->group[i]) == sem_mapped(group))
			member = SEM_MEMBER_ELSEWHERE;
	}
	return member;
}

/* Does a datagram for the group reach the host at all? */
static bool host_joined(const u8 *group)
{
	int i;

	for (i = 0; i < MAX_SOCKS; i++) {
		if (socks[i].used && !socks[i].failed &&
		    member_of(&socks[i], group) == SEM_MEMBER)
			return true;
	}
	return false;
}

/* The newest of those that were created before @before, or NULL */
static struct sock *created_before(u64 before)
{
	struct sock *found = NULL;
	int i;

	for (i = 0; i < MAX_SOCKS; i++) {
		struct sock *sk = &socks[i];

		if (on_port(sk, true) && sk->created < before &&
		    (!found || sk->created > found->created))
			found = sk;
	}
	return found;
}

/* Newest created first, up to one that is the last */
void multicast(const char *text, char *answer)
{
	struct sem_packet packet = { .udp = true };
	bool got[MAX_SOCKS] = { false };
	struct sock *sk;
	int i, n;

	parse_addr(text, packet.addr);
	packet.ipv6 = !sem_mapped(packet.addr);
	sk = profile->takes_multicast && host_joined(packet.addr) ?
	     created_before(UINT64_MAX) : NULL;
	for (; sk; sk = created_before(sk->created)) {
		if (!profile->takes_multicast(&sk->s, &packet,
					      member_of(sk, packet.addr)))
			continue;
		got[sk - socks] = true;
		if (profile->ends_multicast(&sk->s))
			break;
	}
	for (i = n = 0; i < MAX_SOCKS; i++) {
		if (got[i])
			answer += sprintf(answer, n++ ? "+%d" : "%d", i);
	}
	if (!n)
		strcpy(answer, "nobody");
}

const char *errname(int err)
{
	switch (-err) {
	case 0:
		return "OK";
	case EADDRINUSE:
		return "EADDRINUSE";
	case EADDRNOTAVAIL:
		return "EADDRNOTAVAIL";
	case EINVAL:
		return "EINVAL";
	default:
		return "?";
	}
}

void set_flag(struct sock *sk, const char *flag, bool on)
{
	if (!strcmp(flag, "RA"))
		sk->s.reuseaddr = on;
	else if (!strcmp(flag, "RP"))
		sk->s.reuseport = on;
}

static int set_v6only(struct sock *sk, bool on)
{
	if (!on && profile->separate_families)
		return -EINVAL;
	sk->s.v6only = on;
	return 0;
}

int set_flags(struct sock *sk, char *flags, const char *sep)
{
	char *save, *flag;
	int err = 0;

	for (flag = strtok_r(flags, sep, &save); flag;
	     flag = strtok_r(NULL, sep, &save)) {
		if (!strncmp(flag, "V6=", 3))
			err = set_v6only(sk, flag[3] == '1');
		else
			set_flag(sk, flag, true);
	}
	return err;
}

void new_socket(struct sock *sk, bool udp, bool ipv6, u32 uid)
{
	memset(sk, 0, sizeof(*sk));
	sk->used = true;
	sk->udp = udp;
	sk->s.ipv6 = ipv6;
	sk->s.v6only = ipv6 && profile->separate_families;
	sk->created = ++clock_tick;
	sk->s.uid = uid;
	sk->s.root = !uid;
}
