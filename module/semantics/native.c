// SPDX-License-Identifier: GPL-2.0
/*
 * Linux since 5.10, without any semantics of this module: inet_csk_get_port(),
 * inet_csk_bind_conflict(), inet_bhash2_addr_any_conflict(), inet_csk_update_fastreuse(),
 * udp_lib_get_port(), udp_lib_lport_inuse() and udp_lib_lport_inuse2(). It never decides a
 * bind; it says what the kernel will, and why. enum sem_native has what tells kernels apart.
 *
 * TCP first asks the cache of the port; then each of the owners may refuse. UDP has no cache,
 * and of the owners that the newcomer does not share with by SO_REUSEADDR, only the first in
 * the kernel's list decides: sem_sock.bind_seq is the place in that list, the first has the
 * highest. The newest comes first, but an AF_INET6 socket with SO_REUSEPORT is added at the end.
 *
 * A newcomer to which a BPF program was attached before bind() is not known here, nor is
 * net.ipv4.ip_autobind_reuse.
 */
#include "linux.h"

/* With more sockets than this in a slot, UDP searches its other table, which is by address */
#define NATIVE_UDP_FEW	10

const char * const sem_native_names[SEM_NATIVES] = {
	"by-address", "timewait", "mapped-any", "never-first", "udp-all",
};

/*
 * In sem_bind.lookup: the owner that refuses; of UDP, the first of the port's list, of the list
 * of the newcomer's address and of the list of wildcard addresses.
 */
enum {
	NATIVE_REFUSES,
	NATIVE_UDP_ADDRESS,
	NATIVE_UDP_WILDCARD,
	NATIVE_LOOKUPS,
};

static void native_begin(struct sem_bind *b)
{
	int i;

	for (i = 0; i < NATIVE_LOOKUPS; i++)
		b->lookup[i].id = NULL;
}

/* Does the kernel compare the newcomer with @o at all? */
static bool native_meets(const struct sem_bind *b, const struct sem_sock *o)
{
	const struct sem_sock *sk = b->sk;

	if (!linux_saddr_equal(sk, o, true, true))
		return false;
	if (b->udp || sem_any(sk->addr) || !(b->native & SEM_NATIVE_BY_ADDRESS))
		return true;
	if (o->state == SEM_TIMEWAIT && !(b->native & SEM_NATIVE_TIMEWAIT))
		return false;
	/*
	 * The kernel may take ::ffff:0.0.0.0 for no wildcard. (Then it goes by the family of the
	 * first socket on it or on 0.0.0.0, which may have gone: not known here.)
	 */
	if (sk->ipv6 && o->ipv6 && sem_same(o->addr, sem_any4))
		return b->native & SEM_NATIVE_MAPPED_ANY;
	return sem_any(o->addr) || sem_same(sk->addr, o->addr);
}

static bool native_listens(const struct sem_bind *b, const struct sem_sock *o)
{
	return !b->udp && o->state == SEM_LISTEN;
}

static bool native_share_reuseaddr(const struct sem_bind *b, const struct sem_sock *o)
{
	return b->sk->reuseaddr && o->reuseaddr && !native_listens(b, o);
}

static bool native_same_user(const struct sem_bind *b, const struct sem_sock *o)
{
	return o->state == SEM_TIMEWAIT || o->uid == b->sk->uid;
}

static bool native_share_reuseport(const struct sem_bind *b, const struct sem_sock *o)
{
	return b->sk->reuseport && o->reuseport && native_same_user(b, o);
}

/* Does @o come before what @l has found? */
static bool native_takes(const struct sem_lookup *l, const struct sem_sock *o)
{
	return !l->id || o->bind_seq > l->owner.bind_seq;
}

/* Keep @o if it comes before what @l has found */
static void native_first(struct sem_lookup *l, const struct sem_sock *o, const void *id)
{
	if (!native_takes(l, o))
		return;
	l->id = id;
	l->owner = *o;
}

static void native_udp_owner(struct sem_bind *b, const struct sem_sock *o, const void *id)
{
	if (native_share_reuseaddr(b, o))
		return;
	if (b->search) {
		if (!native_share_reuseport(b, o))
			native_first(&b->lookup[NATIVE_REFUSES], o, id);
		return;
	}
	native_first(&b->lookup[NATIVE_REFUSES], o, id);
	if (sem_any(o->addr))
		native_first(&b->lookup[NATIVE_UDP_WILDCARD], o, id);
	else if (sem_same(o->addr, b->sk->addr))
		native_first(&b->lookup[NATIVE_UDP_ADDRESS], o, id);
}

static bool native_matters(const struct sem_bind *b, const struct sem_sock *o)
{
	const struct sem_lookup *l = b->lookup;

	if (!native_meets(b, o))
		return false;
	if (!b->udp)
		return !l[NATIVE_REFUSES].id && !native_share_reuseaddr(b, o);
	return native_takes(&l[NATIVE_REFUSES], o) ||
	       (sem_any(o->addr) && native_takes(&l[NATIVE_UDP_WILDCARD], o)) ||
	       (sem_same(o->addr, b->sk->addr) && native_takes(&l[NATIVE_UDP_ADDRESS], o));
}

static bool native_owner(struct sem_bind *b, const struct sem_sock *o, const void *id)
{
	if (!native_meets(b, o))
		return false;
	if (b->udp)
		native_udp_owner(b, o, id);
	else if (b->search || !(native_share_reuseaddr(b, o) || native_share_reuseport(b, o)))
		native_first(&b->lookup[NATIVE_REFUSES], o, id);
	return false;
}

static bool native_done(const struct sem_bind *b)
{
	return !b->udp && b->lookup[NATIVE_REFUSES].id;
}

static enum sem_rule native_rule(const struct sem_bind *b, const struct sem_sock *o)
{
	const struct sem_sock *sk = b->sk;
	bool can_reuseport = native_same_user(b, o);

	if (b->search && !b->udp)
		return SEM_RULE_SEARCH;
	if (sk->reuseport && o->reuseport && !can_reuseport)
		return SEM_RULE_REUSEPORT_USER;
	return sem_rule_of_options(sk, o, !native_listens(b, o), can_reuseport);
}

static int native_udp_verdict(struct sem_bind *b)
{
	bool wildcard = sem_any(b->sk->addr);
	bool many = !b->search && b->in_slot > NATIVE_UDP_FEW &&
		    !(wildcard && b->native & SEM_NATIVE_UDP_ALL);
	int i, first = NATIVE_REFUSES, last = NATIVE_REFUSES;

	if (many) {
		first = wildcard ? NATIVE_UDP_WILDCARD : NATIVE_UDP_ADDRESS;
		last = NATIVE_UDP_WILDCARD;
	}
	for (i = first; i <= last; i++) {
		const struct sem_lookup *l = &b->lookup[i];

		if (l->id && !native_share_reuseport(b, &l->owner))
			return sem_refuse(b, l, native_rule(b, &l->owner));
	}
	return sem_allow(b, SEM_RULE_NONE);
}

/* sk_reuseport_match() */
static bool native_cache_has(const struct sem_cache *cache, const struct sem_sock *sk)
{
	struct sem_sock fast = { .ipv6 = cache->ipv6, .v6only = cache->v6only };

	if (cache->reuseport <= SEM_CACHE_NOBODY || !sk->reuseport || cache->uid != sk->uid)
		return false;
	if (cache->reuseport == SEM_CACHE_ANY)
		return true;
	memcpy(fast.addr, cache->addr, sizeof(fast.addr));
	return linux_saddr_equal(&fast, sk, true, false);
}

/* inet_csk_update_fastreuse(), for a socket that is bound by now */
static void native_cache_update(const struct sem_bind *b, bool reuse)
{
	const struct sem_sock *sk = b->sk;
	struct sem_cache *cache = b->cache;
	bool first = !b->owners && !(b->native & SEM_NATIVE_NEVER_FIRST);

	if (!b->owners)
		memset(cache, 0, sizeof(*cache));
	if (first || !reuse)
		cache->reuse = reuse;
	if (!sk->reuseport)
		cache->reuseport = SEM_CACHE_NOBODY;
	if (!sk->reuseport || native_cache_has(cache, sk))
		return;
	cache->reuseport = first ? SEM_CACHE_ANY : SEM_CACHE_STRICT;
	cache->uid = sk->uid;
	memcpy(cache->addr, sk->addr, sizeof(cache->addr));
	cache->ipv6 = sk->ipv6;
	cache->v6only = sk->v6only;
}

static int native_verdict(struct sem_bind *b)
{
	const struct sem_lookup *l = &b->lookup[NATIVE_REFUSES];
	const struct sem_sock *sk = b->sk;
	bool reuse = sk->reuseaddr && sk->state != SEM_LISTEN;
	bool cached;

	if (b->udp)
		return native_udp_verdict(b);

	cached = !b->search && b->owners &&
		 ((b->cache->reuse > 0 && reuse) || native_cache_has(b->cache, sk));
	if (l->id && !cached)
		return sem_refuse(b, l, native_rule(b, &l->owner));

	native_cache_update(b, reuse);
	return sem_allow(b, l->id ? SEM_RULE_CACHED : SEM_RULE_NONE);
}

const struct sem_profile sem_native = {
	.name			= "native",
	.begin			= native_begin,
	.owner			= native_owner,
	.matters		= native_matters,
	.done			= native_done,
	.verdict		= native_verdict,
	.needs_bind_order	= true,
	.needs_connected_uid	= true,
	.checks_listen		= true,
	.kernel_view		= true,
	.search_error		= -EADDRINUSE,
	.search_error6		= -EADDRINUSE,
};
