// SPDX-License-Identifier: GPL-2.0
/* Addresses and ports: as the file and people write them, and as ss(8) prints them. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "table.h"
#include "util.h"

/* In the order in which rows are sorted */
static const char * const protos[] = { "tcp", "udp", "udplite" };

/**
 * key_proto() - the number of a protocol
 * @name: its name
 * @proto: gets the number, by which rows are sorted
 *
 * Return: whether there is such a protocol.
 */
bool key_proto(const char *name, uint8_t *proto)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(protos); i++) {
		if (!strcmp(name, protos[i])) {
			*proto = i;
			return true;
		}
	}
	/* A newer module may list more than these */
	*proto = i;
	return false;
}

/**
 * key_is_any() - is it 0.0.0.0 or [::]?
 * @key: the address
 *
 * Return: whether it is.
 */
bool key_is_any(const struct row_key *key)
{
	static const unsigned char any[16];

	return !memcmp(key->addr, any, sizeof(any));
}

/**
 * key_compare() - order two addresses as rows are sorted
 * @a: the first
 * @b: the second
 *
 * Return: less than 0, 0 or more than 0, by port, protocol, family, address and v6only.
 */
int key_compare(const struct row_key *a, const struct row_key *b)
{
	int diff;

	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	if (a->proto != b->proto)
		return a->proto - b->proto;
	if (a->ipv6 != b->ipv6)
		return a->ipv6 - b->ipv6;
	diff = memcmp(a->addr, b->addr, sizeof(a->addr));
	if (diff)
		return diff;
	return a->v6only - b->v6only;
}

/**
 * address_parse() - read an address
 * @text: 127.0.0.1 or [::1]
 * @len: its length
 * @key: gets the address and its family
 *
 * Return: whether it is one.
 */
bool address_parse(const char *text, size_t len, struct row_key *key)
{
	char address[INET6_ADDRSTRLEN];

	key->ipv6 = len > 2 && text[0] == '[' && text[len - 1] == ']';
	if (key->ipv6) {
		text++;
		len -= 2;
	}
	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	memset(key->addr, 0, sizeof(key->addr));
	return inet_pton(key->ipv6 ? AF_INET6 : AF_INET, address, key->addr) == 1;
}

/**
 * address_print() - write an address as ss -n does
 * @key: the address and port
 * @dev: the device that it is bound to, or "-"
 * @out: where the text goes
 * @size: the size of that
 *
 * A wildcard that receives IPv4 and IPv6 is "*".
 */
void address_print(const struct row_key *key, const char *dev, char *out, size_t size)
{
	char address[INET6_ADDRSTRLEN + 2];

	if (!key->ipv6) {
		inet_ntop(AF_INET, key->addr, address, sizeof(address));
	} else if (key_is_any(key) && key->v6only != 1) {
		snprintf(address, sizeof(address), "*");
	} else {
		address[0] = '[';
		inet_ntop(AF_INET6, key->addr, address + 1, INET6_ADDRSTRLEN);
		strcat(address, "]");
	}
	if (dev && strcmp(dev, "-"))
		snprintf(out, size, "%s%%%s:%u", address, dev, key->port);
	else
		snprintf(out, size, "%s:%u", address, key->port);
}
