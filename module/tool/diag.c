// SPDX-License-Identifier: GPL-2.0
/*
 * Asks sock_diag(7) for all sockets of a namespace, once for each protocol and family, and
 * finds the row of each. Before Linux 6.8 it knows no TCP socket that is only bound.
 */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "diag.h"
#include "util.h"

static const struct {
	const char *name;
	uint8_t number;
} protos[] = {
	{ "tcp", IPPROTO_TCP },
	{ "udp", IPPROTO_UDP },
	{ "udplite", IPPROTO_UDPLITE },
};

static int ask(int fd, uint8_t proto, uint8_t family)
{
	struct {
		struct nlmsghdr nlh;
		struct inet_diag_req_v2 req;
	} msg = {
		.nlh = {
			.nlmsg_len = sizeof(msg),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.req = {
			.sdiag_family = family,
			.sdiag_protocol = proto,
			/* All states, TCP_BOUND_INACTIVE included */
			.idiag_states = ~0u,
		},
	};

	return send(fd, &msg, sizeof(msg), 0) == sizeof(msg) ? 0 : -errno;
}

/* The attribute that says whether an IPv6 socket is for IPv6 only; 2 if there is none */
static uint8_t v6only_of(const struct nlmsghdr *nlh, const struct inet_diag_msg *d)
{
	int len = nlh->nlmsg_len - NLMSG_LENGTH(sizeof(*d));
	const struct rtattr *a = (const struct rtattr *)(d + 1);

	for (; RTA_OK(a, len); a = RTA_NEXT(a, len)) {
		if (a->rta_type == INET_DIAG_SKV6ONLY && RTA_PAYLOAD(a) == 1)
			return *(const uint8_t *)RTA_DATA(a);
	}
	return 2;
}

/* The first row that does not come before the key */
static struct row *lower_bound(struct table *t, const struct row_key *key)
{
	size_t from = 0, to = t->n, middle;

	while (from < to) {
		middle = from + (to - from) / 2;
		if (key_compare(&t->row[middle].key, key) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return &t->row[from];
}

/* The row of a socket: rows of one address differ in their device and in v6only */
static struct row *row_of(struct table *t, struct row_key *key, uint8_t v6only, const char *dev)
{
	struct row *row, *found = NULL;

	for (row = lower_bound(t, key); row < t->row + t->n; row++) {
		key->v6only = row->key.v6only;
		if (key_compare(&row->key, key))
			break;
		if (strcmp(table_text(t, row, DEV), dev))
			continue;
		if (row->key.v6only == v6only)
			return row;
		/* sock_diag does not say it of a connection */
		if (v6only == 2 && row_count(row, CONNECTED) && !found)
			found = row;
	}
	return found;
}

static void take(struct table *t, uint8_t proto, const struct nlmsghdr *nlh)
{
	const struct inet_diag_msg *d = NLMSG_DATA(nlh);
	struct row_key key = { .proto = proto };
	char dev[IF_NAMESIZE] = "-";
	struct row *row;

	if (nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*d)) || !d->idiag_inode)
		return;
	key.port = ntohs(d->id.idiag_sport);
	key.ipv6 = d->idiag_family == AF_INET6;
	memcpy(key.addr, d->id.idiag_src, key.ipv6 ? 16 : 4);
	if (d->id.idiag_if && !if_indextoname(d->id.idiag_if, dev))
		snprintf(dev, sizeof(dev), "if%u", d->id.idiag_if);
	row = row_of(t, &key, key.ipv6 ? v6only_of(nlh, d) : 2, dev);
	if (row)
		table_add_inode(t, row, d->idiag_inode);
}

static int answer(int fd, struct table *t, uint8_t proto)
{
	static char buf[1 << 15] __attribute((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *nlh;
	const struct nlmsgerr *e;
	ssize_t len;

	for (;;) {
		len = recv(fd, buf, sizeof(buf), 0);
		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return -errno;
		for (nlh = (void *)buf; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
			if (nlh->nlmsg_type == NLMSG_DONE)
				return 0;
			if (nlh->nlmsg_type != NLMSG_ERROR) {
				take(t, proto, nlh);
				continue;
			}
			e = NLMSG_DATA(nlh);
			return e->error ? e->error : -EPROTO;
		}
	}
}

/**
 * diag_inodes() - note the inode numbers of a namespace's sockets
 * @ns: the namespace
 * @t: its table
 *
 * Return: whether sock_diag could be asked; else errno says why not.
 */
bool diag_inodes(const struct netns *ns, struct table *t)
{
	size_t i, rows = t->n;
	uint8_t proto;
	int fd, err = 0;

	if (!rows)
		return true;
	if (!netns_enter(ns))
		return false;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	for (i = 0; fd >= 0 && i < 2 * ARRAY_SIZE(protos); i++) {
		key_proto(protos[i / 2].name, &proto);
		err = ask(fd, protos[i / 2].number, i % 2 ? AF_INET6 : AF_INET);
		if (!err)
			err = answer(fd, t, proto);
		/* A kernel without this protocol, or without its part of sock_diag */
		if (err && err != -ENOENT && err != -EINVAL)
			break;
		err = 0;
	}
	if (fd < 0)
		err = -errno;
	else
		close(fd);
	netns_leave();
	errno = -err;
	return !err;
}
