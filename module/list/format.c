// SPDX-License-Identifier: GPL-2.0
/*
 * Put a row together, by hand: printf() for each column takes several times as long as to
 * find the row. Each function writes to @p and returns the end of what it wrote.
 */
#include <linux/kernel.h>
#include <linux/netdevice.h>
#include <linux/string.h>
#include <linux/uidgid.h>
#include <net/addrconf.h>
#include <net/ipv6.h>

#include "format.h"

static char *put_text(char *p, const char *text)
{
	while (*text)
		*p++ = *text++;
	return p;
}

static const char pairs[100][3] = {
	"00", "01", "02", "03", "04", "05", "06", "07", "08", "09",
	"10", "11", "12", "13", "14", "15", "16", "17", "18", "19",
	"20", "21", "22", "23", "24", "25", "26", "27", "28", "29",
	"30", "31", "32", "33", "34", "35", "36", "37", "38", "39",
	"40", "41", "42", "43", "44", "45", "46", "47", "48", "49",
	"50", "51", "52", "53", "54", "55", "56", "57", "58", "59",
	"60", "61", "62", "63", "64", "65", "66", "67", "68", "69",
	"70", "71", "72", "73", "74", "75", "76", "77", "78", "79",
	"80", "81", "82", "83", "84", "85", "86", "87", "88", "89",
	"90", "91", "92", "93", "94", "95", "96", "97", "98", "99",
};

static char *put_digits(char *p, u32 number);

/* Most numbers are counts, and below 10 */
static __always_inline char *put_number(char *p, u32 number)
{
	if (number > 9)
		return put_digits(p, number);
	*p = '0' + number;
	return p + 1;
}

/* From 10 on: the last two digits come after those before them */
static char *put_digits(char *p, u32 number)
{
	if (number >= 100) {
		p = put_number(p, number / 100);
		number %= 100;
	}
	memcpy(p, pairs[number], 2);
	return p + 2;
}

/* A number and the blank before the next column */
static __always_inline char *put_column(char *p, u32 number)
{
	p = put_number(p, number);
	*p++ = ' ';
	return p;
}

static char *put_ipv4(char *p, const u8 *addr)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		p = put_number(p, addr[i]);
		*p++ = '.';
	}
	return p - 1;
}

static const char hex[] = "0123456789abcdef";

static char *put_hex_byte(char *p, u8 byte)
{
	*p++ = hex[byte >> 4];
	*p++ = hex[byte & 0xf];
	return p;
}

/* The same without a zero before it */
static char *put_hex(char *p, u8 byte)
{
	if (byte > 0xf)
		return put_hex_byte(p, byte);
	*p = hex[byte];
	return p + 1;
}

/* Two bytes */
static char *put_group(char *p, const u8 *group)
{
	if (!group[0])
		return put_hex(p, group[1]);
	return put_hex_byte(put_hex(p, group[0]), group[1]);
}

/* As %pI6c does: "::" is the longest run of groups that are 0, the first one of its length */
static char *put_ipv6(char *p, const struct in6_addr *addr)
{
	bool ipv4 = ipv6_addr_v4mapped(addr) || ipv6_addr_is_isatap(addr);
	int groups = ipv4 ? 6 : 8, run = 0, longest = 1, from = -1, i;

	for (i = 0; i < groups; i++) {
		run = addr->s6_addr16[i] ? 0 : run + 1;
		if (run > longest) {
			longest = run;
			from = i + 1 - run;
		}
	}

	for (i = 0; i < groups; i++) {
		if (i == from) {
			*p++ = ':';
			i += longest - 1;
			if (i == groups - 1)
				*p++ = ':';
			continue;
		}
		if (i)
			*p++ = ':';
		p = put_group(p, &addr->s6_addr[2 * i]);
	}
	if (!ipv4)
		return p;
	*p++ = ':';
	return put_ipv4(p, &addr->s6_addr[12]);
}

static char *put_address(char *p, const struct reuse_key *key)
{
	if (key->ipv6) {
		*p++ = '[';
		p = put_ipv6(p, &key->addr);
		*p++ = ']';
	} else {
		p = put_ipv4(p, &key->addr.s6_addr[12]);
	}
	*p++ = ':';
	return put_column(p, key->port);
}

static char *put_dev(char *p, const struct net *net, int ifindex)
{
	const struct net_device *dev;

	if (!ifindex) {
		*p++ = '-';
		*p++ = ' ';
		return p;
	}

	rcu_read_lock();
	dev = dev_get_by_index_rcu((struct net *)net, ifindex);
	p = dev ? put_text(p, dev->name) : put_number(put_text(p, "if"), ifindex);
	rcu_read_unlock();
	*p++ = ' ';
	return p;
}

/* Numbers with commas between them, or "-" */
static char *put_list(char *p, const u32 *number, unsigned int n, bool more)
{
	unsigned int i;

	if (!n)
		*p++ = '-';
	else
		p = put_number(p, number[0]);
	for (i = 1; i < n; i++) {
		*p++ = ',';
		p = put_number(p, number[i]);
	}
	if (more)
		p = put_text(p, ",+");
	return p;
}

static char *put_uids(char *p, const struct reuse_uids *uids)
{
	p = put_list(p, uids->uid, uids->n, uids->more);
	*p++ = ' ';
	return p;
}

static char *put_cached(char *p, int cached)
{
	if (cached < 0) {
		*p++ = '-';
		cached = -cached;
	}
	return put_column(p, cached);
}

static char *put_fastreuse(char *p, const struct reuse_fastreuse *fastreuse,
			   struct user_namespace *ns)
{
	if (!fastreuse->valid) {
		memcpy(p, "- - - ", 6);
		return p + 6;
	}

	p = put_cached(p, fastreuse->reuse);
	p = put_cached(p, fastreuse->reuseport);
	if (fastreuse->reuseport <= 0)
		return put_text(p, "- ");
	return put_column(p, from_kuid_munged(ns, fastreuse->uid));
}

static char *put_inodes(char *p, const struct reuse_inodes *inodes)
{
	unsigned int i, j, n = inodes->end[RANKS - 1];
	u32 inode[REUSE_INODES];

	for (i = 0; i < n; i++) {
		for (j = i; j && inode[j - 1] > inodes->inode[i]; j--)
			inode[j] = inode[j - 1];
		inode[j] = inodes->inode[i];
	}
	return put_list(p, inode, n, inodes->more);
}

/**
 * reuse_format_row() - put a row together
 * @p: room for REUSE_ROW_MAX characters
 * @rows: where the row is from
 * @row: the row
 *
 * Context: any.
 * Return: the end of the row. No zero follows.
 */
char *reuse_format_row(char *p, const struct reuse_rows *rows, const struct reuse_row *row)
{
	p = put_text(p, rows->table->name);
	*p++ = ' ';
	p = put_address(p, &row->key);
	p = put_dev(p, rows->net, row->key.dev);
	*p++ = row->key.ipv6 ? '0' + row->key.v6only : '-';
	*p++ = ' ';
	p = put_uids(p, &row->uids);
	p = put_column(p, reuse_row_sockets(row));
	p = put_column(p, row->reuseaddr);
	p = put_column(p, row->reuseport);
	p = put_column(p, row->listen);
	p = put_column(p, row->bound);
	p = put_column(p, row->connected);
	p = put_column(p, row->timewait);
	p = put_fastreuse(p, &row->fastreuse, rows->ns);
	p = put_inodes(p, &row->inodes);
	*p++ = '\n';
	return p;
}
