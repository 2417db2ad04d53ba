// SPDX-License-Identifier: GPL-2.0
/* The form in which lines of text, and tracepoints, have calls, errors, devices and addresses. */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/kernel.h>
#include <linux/netdevice.h>
#include <linux/string.h>

#include "log.h"

static const char * const call_words[] = {
	"bind", "listen", "connect", "setsockopt", "datagram", "syn",
};

static const char * const fate_words[] = { "delivered", "refused", "dropped" };

/**
 * reuse_log_call_word() - the word for a call, or for a kind of packets
 * @call: enum reuse_call
 *
 * Context: any.
 * Return: the word.
 */
const char *reuse_log_call_word(u8 call)
{
	return call_words[call];
}

/**
 * reuse_log_fate_word() - the word for what became of a packet
 * @fate: enum reuse_fate
 *
 * Context: any.
 * Return: the word.
 */
const char *reuse_log_fate_word(u8 fate)
{
	return fate_words[fate];
}

/**
 * reuse_log_error_word() - the word for an error
 * @word: room for it
 * @err: 0 or a negative errno
 *
 * Context: any.
 * Return: its name, "ok" for 0; @word with the number if it has no name.
 */
const char *reuse_log_error_word(char *word, int err)
{
	const char *name = sem_error_name(err);

	if (name)
		return name;
	snprintf(word, REUSE_LOG_WORD, "%d", err);
	return word;
}

/**
 * reuse_log_dev_word() - the word for a device
 * @word: room for it
 * @net: network namespace of the device
 * @ifindex: index of the device, 0 for none
 *
 * Context: any.
 * Return: "-" for none; else @word with the name or, if the device is gone, with the index.
 */
const char *reuse_log_dev_word(char *word, struct net *net, int ifindex)
{
	const struct net_device *dev;

	BUILD_BUG_ON(REUSE_LOG_WORD < IFNAMSIZ);
	if (!ifindex)
		return "-";
	rcu_read_lock();
	dev = dev_get_by_index_rcu(net, ifindex);
	if (dev)
		strscpy(word, dev->name, REUSE_LOG_WORD);
	else
		snprintf(word, REUSE_LOG_WORD, "if%d", ifindex);
	rcu_read_unlock();
	return word;
}

/**
 * reuse_log_address() - bring an address with its port into the form that %pISpc prints
 * @to: is made a struct sockaddr_in or sockaddr_in6; has room for either, and may be unaligned
 * @ipv6: which of them
 * @addr: the address; IPv4 in the v4-mapped form
 * @port: the port, in network byte order
 *
 * Context: any.
 */
void reuse_log_address(void *to, bool ipv6, const u8 *addr, __be16 port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = port };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = port };

	memset(to, 0, sizeof(in6));
	if (ipv6) {
		memcpy(&in6.sin6_addr, addr, sizeof(in6.sin6_addr));
		memcpy(to, &in6, sizeof(in6));
	} else {
		memcpy(&in.sin_addr, addr + 12, sizeof(in.sin_addr));
		memcpy(to, &in, sizeof(in));
	}
}
