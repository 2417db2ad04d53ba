// SPDX-License-Identifier: GPL-2.0
/* Reads a question: words NAME=VALUE. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cred.h>
#include <linux/inet.h>
#include <linux/kernel.h>
#include <linux/netdevice.h>
#include <linux/ratelimit.h>
#include <linux/string.h>
#include <net/ipv6.h>

#include "netns.h"
#include "question.h"

static int parse_flag(const char *value, bool *flag)
{
	if (strcmp(value, "0") && strcmp(value, "1"))
		return -EINVAL;
	*flag = *value == '1';
	return 0;
}

static int parse_proto(struct question *q, char *value)
{
	if (!strcmp(value, "tcp"))
		q->protocol = IPPROTO_TCP;
	else if (!strcmp(value, "udp"))
		q->protocol = IPPROTO_UDP;
	else if (!strcmp(value, "udplite"))
		q->protocol = IPPROTO_UDPLITE;
	else
		return -EINVAL;
	return 0;
}

/* 127.0.0.1:80 or [::1]:80, as /proc/net/reuse shows it */
static int parse_addr(struct question *q, char *value)
{
	char *port = strrchr(value, ':');
	struct sem_sock *self = &q->self;
	const char *end;
	u8 ipv4[4];

	if (!port || kstrtou16(port + 1, 10, &q->port) || !q->port)
		return -EINVAL;
	*port = '\0';
	self->ipv6 = *value == '[';
	if (self->ipv6) {
		if (!in6_pton(value + 1, -1, self->addr, ']', &end) || end + 1 != port)
			return -EINVAL;
		return 0;
	}
	if (!in4_pton(value, -1, ipv4, -1, &end) || end != port)
		return -EINVAL;
	memcpy(self->addr, sem_any4, sizeof(self->addr));
	memcpy(self->addr + 12, ipv4, sizeof(ipv4));
	return 0;
}

static int parse_uid(struct question *q, char *value)
{
	unsigned int uid;

	if (kstrtouint(value, 10, &uid))
		return -EINVAL;
	q->uid = make_kuid(q->ns, uid);
	if (!uid_valid(q->uid))
		return -EINVAL;
	q->others_uid = !uid_eq(q->uid, current_fsuid());
	return 0;
}

static int parse_dev(struct question *q, char *value)
{
	const struct net_device *dev;

	q->self.dev = 0;
	if (!strcmp(value, "-"))
		return 0;
	rcu_read_lock();
	dev = dev_get_by_name_rcu(q->net, value);
	if (dev)
		q->self.dev = dev->ifindex;
	rcu_read_unlock();
	return dev ? 0 : -ENODEV;
}

static int parse_v6only(struct question *q, char *value)
{
	int err = parse_flag(value, &q->self.v6only);

	q->clears_v6only = !q->self.v6only;
	return err;
}

static int parse_reuseaddr(struct question *q, char *value)
{
	return parse_flag(value, &q->self.reuseaddr);
}

static int parse_reuseport(struct question *q, char *value)
{
	return parse_flag(value, &q->self.reuseport);
}

static int parse_listen(struct question *q, char *value)
{
	bool listens;
	int err = parse_flag(value, &listens);

	q->self.state = listens ? SEM_LISTEN : SEM_BOUND;
	return err;
}

static int parse_semantics(struct question *q, char *value)
{
	q->as = strcmp(value, sem_native.name) ? sem_profile_named(value) : &sem_native;
	return q->as ? 0 : -EINVAL;
}

static const struct {
	const char *name;
	int (*parse)(struct question *q, char *value);
} words[] = {
	{ "proto", parse_proto },
	{ "local_address", parse_addr },
	{ "dev", parse_dev },
	{ "v6only", parse_v6only },
	{ "uid", parse_uid },
	{ "reuseaddr", parse_reuseaddr },
	{ "reuseport", parse_reuseport },
	{ "listen", parse_listen },
	{ "semantics", parse_semantics },
};

static int parse_word(struct question *q, char *word)
{
	char *value = word;
	const char *name = strsep(&value, "=");
	unsigned int i;

	for (i = 0; value && i < ARRAY_SIZE(words); i++) {
		if (!strcmp(name, words[i].name))
			return words[i].parse(q, value);
	}
	return -EINVAL;
}

/* As a new socket is */
static void question_begin(struct question *q)
{
	const struct sem_profile *profile = reuse_net_profile(q->net);

	q->as = profile ?: &sem_native;
	q->uid = current_fsuid();
#if IS_ENABLED(CONFIG_IPV6)
	q->self.v6only = READ_ONCE(q->net->ipv6.sysctl.bindv6only);
#endif
}

/* Anybody may ask: wrong questions must not fill the log, and are written there escaped */
static int question_wrong(const char *what, int err)
{
	static DEFINE_RATELIMIT_STATE(limit, 60 * HZ, 3);

	if (__ratelimit(&limit))
		pr_info("reuse_why: wrong %*pE; write: proto=tcp local_address=127.0.0.1:80, then any of dev= v6only= uid= reuseaddr= reuseport= listen= semantics=\n",
			(int)strlen(what), what);
	return err;
}

/**
 * reuse_question_parse() - read a question
 * @q: its @net and @ns are set, all else is 0
 * @text: the question; is changed
 *
 * Context: process context.
 * Return: 0, -EINVAL, or -ENODEV if there is no such device.
 */
int reuse_question_parse(struct question *q, char *text)
{
	char *word;

	question_begin(q);
	while ((word = strsep(&text, " \t\n"))) {
		int err = *word ? parse_word(q, word) : 0;

		if (err)
			return question_wrong(word, err);
	}
	if (!q->protocol)
		return question_wrong("proto", -EINVAL);
	if (!q->port)
		return question_wrong("local_address", -EINVAL);
	if (q->self.state == SEM_LISTEN && q->protocol != IPPROTO_TCP)
		return question_wrong("listen", -EINVAL);
	q->self.v6only &= q->self.ipv6;
	q->self.uid = __kuid_val(q->uid);
	return 0;
}
