// SPDX-License-Identifier: GPL-2.0
/*
 * The route by which a datagram comes to its receiver: the route that UDP caches for one
 * datagram must not be used for a later one. As in deliver_paths.c.
 *
 * The kernel looks for the socket of a group's datagram before its route, and
 * takes the route that the socket has kept, if the datagram came by a device
 * that is not lo and only one socket asks for the group.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/mroute.h>
#include <netinet/in.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#include "deliver_paths.h"

#define NEAR		"10.1.0.1"
#define NEAR6		"fd00::1"
#define FAR		"10.1.0.3"
#define FAR6		"fd00::2"
#define SENDERS		20	/* on ports of their own */
#define ROUNDS		500

/**
 * struct wire - from this network namespace, device near, to another, device far
 * @child: holds the other one
 * @ipv4: sockets there; the first sends to groups, too
 * @ipv6: the same
 */
struct wire {
	struct child child;
	int ipv4[SENDERS];
	int ipv6[SENDERS];
};

static int far_socket(const char *address)
{
	struct ip_mreqn mreqn = { .imr_ifindex = if_nametoindex("far") };
	int fd = sock_bind("udp", address, 0);

	if (sock_family(address) == AF_INET6) {
		sock_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, mreqn.imr_ifindex);
	} else {
		sock_set(fd, IPPROTO_IP, IP_MULTICAST_TTL, 8);
		if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &mreqn, sizeof(mreqn)))
			die("IP_MULTICAST_IF");
	}
	return later(fd);
}

/* False if this kernel has no wires */
static bool wire_up(struct wire *w)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), i;

	child_netns(&w->child);
	if (!add_device("near", text("veth peer name far netns %d", w->child.pid)))
		return false;
	run("ip addr add " NEAR "/24 brd + dev near");
	run("ip addr add " NEAR6 "/64 dev near nodad");
	enter(w->child.pid);
	run("ip addr add " FAR "/24 brd + dev far");
	run("ip addr add " FAR6 "/64 dev far nodad");
	run("ip link set far up");
	for (i = 0; i < SENDERS; i++) {
		w->ipv4[i] = far_socket(FAR ":0");
		w->ipv6[i] = far_socket("[" FAR6 "]:0");
	}
	if (setns(home, CLONE_NEWNET))
		die("setns");
	close(home);
	return true;
}

struct sending {
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;
};

/* IPv6 has a route as soon as it has noticed that the wire is up */
static bool sent(void *arg)
{
	const struct sending *s = arg;

	errno = 0;
	return sendto(s->fd, "x", 1, 0, (struct sockaddr *)&s->ss, s->len) == 1 ||
	       errno != ENETUNREACH;
}

static void sends_to(int fd, const char *host)
{
	struct sending s = { .fd = fd };

	s.len = sock_addr(at_port(host), &s.ss);
	if (!wait_for(sent, &s, 10000) || errno)
		die("send to %s", host);
}

/* IP_PKTINFO and IPV6_PKTINFO of a datagram: its destination, and the address to answer from */
static const char *info_of(struct msghdr *msg)
{
	char to[INET6_ADDRSTRLEN] = "", from[INET6_ADDRSTRLEN] = "";
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		const struct in_pktinfo *info = (void *)CMSG_DATA(c);
		const struct in6_pktinfo *info6 = (void *)CMSG_DATA(c);

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			inet_ntop(AF_INET, &info->ipi_addr, to, sizeof(to));
			inet_ntop(AF_INET, &info->ipi_spec_dst, from, sizeof(from));
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			inet_ntop(AF_INET6, &info6->ipi6_addr, to, sizeof(to));
		}
	}
	return text("%s %s", to, from);
}

/* The same of the next datagram, or "nothing" within @ms */
static const char *next_within(char who, int ms)
{
	struct pollfd p = { .fd = the(who)->fd, .events = POLLIN };
	char buf[16], control[256];
	struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};

	if (poll(&p, 1, ms) != 1 || recvmsg(p.fd, &msg, MSG_DONTWAIT) < 0)
		return "nothing";
	return info_of(&msg);
}

static const char *next(char who)
{
	return next_within(who, 10000);
}

/* A member of the group, behind the wire */
static void member(char who, const char *any, unsigned int share)
{
	udp(text("%c", who), any, share);
	sock_set(the(who)->fd, IPPROTO_IP, IP_PKTINFO, 1);
	host_on_device("near");
	joins(text("%c", who), GROUP);
	host_on_device("lo");
}

/* Shares the port without joining a group; natively it gets the datagram */
static void bystander(char who, const char *any, unsigned int share)
{
	udp(text("%c", who), any, share);
	sock_set(the(who)->fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
	sock_set(the(who)->fd, SOL_SOCKET, SO_INCOMING_CPU, sched_getcpu());
}

/* Those that the semantics give a datagram, and Linux does not give it in all cases */
static char another(enum semantics semantics, const char *any, unsigned int share)
{
	/* On a wildcard, these give it to the oldest and all others to the newest */
	bool first = semantics == NATIVE || semantics == BSD || semantics == DARWIN;

	if (!first)
		bystander('2', any, share);
	member('1', any, share);
	if (first)
		bystander('2', any, share);
	return '1';
}

static void vif(int fd, int number, const char *dev)
{
	struct vifctl vc = {
		.vifc_vifi = number, .vifc_flags = VIFF_USE_IFINDEX, .vifc_threshold = 1,
		.vifc_lcl_ifindex = if_nametoindex(dev),
	};

	if (setsockopt(fd, IPPROTO_IP, MRT_ADD_VIF, &vc, sizeof(vc)))
		die("MRT_ADD_VIF %s", dev);
}

/* Be a router that passes the group's datagrams on; false if this kernel is none */
static bool routes_group(void)
{
	struct mfcctl mfc = {
		.mfcc_origin.s_addr = inet_addr(FAR), .mfcc_mcastgrp.s_addr = inet_addr(GROUP),
		.mfcc_parent = 0, .mfcc_ttls = { [1] = 1 },
	};
	int fd = later(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_IGMP)), on = 1;

	if (!ether() || setsockopt(fd, IPPROTO_IP, MRT_INIT, &on, sizeof(on)))
		return false;
	vif(fd, 0, "near");
	vif(fd, 1, ETHER);
	if (setsockopt(fd, IPPROTO_IP, MRT_ADD_MFC, &mfc, sizeof(mfc)))
		die("MRT_ADD_MFC");
	return true;
}

/* Datagrams of the group that the router has passed on */
static unsigned long routed(void)
{
	unsigned long n = 0;
	char *all = slurp("/proc/net/ip_mr_cache");
	const char *line = strchr(all, '\n');

	if (!line || sscanf(line, " %*x %*x %*d %lu", &n) != 1)
		die("/proc/net/ip_mr_cache: %s", all);
	free(all);
	return n;
}

/*
 * By SO_REUSEADDR where Linux decides: with SO_REUSEPORT 6.12 and later look for another
 * one of the sole member's SO_REUSEPORT group, member or not.
 */
#define patience_of(variant)	((variant)->semantics ? 10000 : 0)
#define share_of(self, semantics)	((semantics) ? (self)->share : RA)

/* Wildcards on which a socket receives IPv4 */
static const char * const anys[] = { ANY, ANY6, NULL };

static const char *anys_of(enum semantics semantics, size_t i)
{
	return semantics == OPENBSD && i ? NULL : anys[i];
}

/* A datagram to the host does not change what the next one to a group is answered from */
TEST_F(deliver, group_after_unicast)
{
	struct wire w;
	size_t i;

	for (i = 0; anys_of(variant->semantics, i); i++) {
		fresh_host();
		if (!wire_up(&w))
			SKIP(return, "no veth in this kernel");
		member('1', anys[i], self->share);
		sends_to(w.ipv4[0], GROUP);
		EXPECT_STREQ(GROUP " " NEAR, next('1'));
		sends_to(w.ipv4[0], NEAR);
		EXPECT_STREQ(NEAR " " NEAR, next('1'));
		sends_to(w.ipv4[0], GROUP);
		EXPECT_STREQ(GROUP " " NEAR, next('1'));
		child_stop(&w.child);
	}
}

/* The same if the receiver is another one than Linux's */
TEST_F(deliver, group_after_unicast_to_another)
{
	struct wire w;
	size_t i;
	int n, got;
	char who;

	for (i = 0; anys_of(variant->semantics, i); i++) {
		fresh_host();
		if (!wire_up(&w))
			SKIP(return, "no veth in this kernel");
		who = another(variant->semantics, anys[i], share_of(self, variant->semantics));
		sends_to(w.ipv4[0], GROUP);
		EXPECT_STREQ(GROUP " " NEAR, next(who));
		for (n = 0, got = 0; n < SENDERS; n++) {
			sends_to(w.ipv4[n], NEAR);
			got += !strcmp(NEAR " " NEAR, next_within(who, patience_of(variant)));
		}
		if (variant->semantics)
			EXPECT_EQ(SENDERS, got);
		sends_to(w.ipv4[0], GROUP);
		EXPECT_STREQ(GROUP " " NEAR, next(who));
		child_stop(&w.child);
	}
}

/* IPv6 datagrams to a socket for both leave the group's of IPv4 as they are, and IPv6's */
TEST_F(deliver, group_after_ipv6)
{
	struct wire w;
	int n;

	if (variant->semantics == OPENBSD)
		SKIP(return, "no dual-stack sockets under openbsd");
	if (!wire_up(&w))
		SKIP(return, "no veth in this kernel");
	another(variant->semantics, ANY6, share_of(self, variant->semantics));
	sock_set(the('1')->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	host_on_device("near");
	joins("1", GROUP6);
	host_on_device("lo");
	for (n = 0; n < SENDERS; n++) {
		sends_to(w.ipv6[n], NEAR6);
		while (!strcmp(NEAR6 " ", next_within('1', variant->semantics ? 100 : 0)))
			;
	}
	sends_to(w.ipv6[0], GROUP6);
	EXPECT_STREQ(GROUP6 " ", next('1'));
	sock_set(the('1')->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 0);
	sends_to(w.ipv4[0], GROUP);
	EXPECT_STREQ(GROUP " " NEAR, next('1'));
	child_stop(&w.child);
}

/* A router still forwards a group's datagrams when a member on it gets others */
TEST_F(deliver, group_is_forwarded)
{
	struct wire w;
	int n;

	if (!wire_up(&w))
		SKIP(return, "no veth in this kernel");
	if (!routes_group())
		SKIP(return, "no routes of groups in this kernel");
	another(variant->semantics, ANY, share_of(self, variant->semantics));
	for (n = 0; n < SENDERS; n++) {
		sends_to(w.ipv4[0], GROUP);
		EXPECT_STREQ(GROUP " " NEAR, next('1'));
		EXPECT_EQ(n + 1, routed());
		sends_to(w.ipv4[n], NEAR);
		next_within('1', patience_of(variant));
	}
	closes("2");
	sends_to(w.ipv4[0], NEAR);
	EXPECT_STREQ(NEAR " " NEAR, next('1'));
	sends_to(w.ipv4[0], GROUP);
	EXPECT_STREQ(GROUP " " NEAR, next('1'));
	EXPECT_EQ(SENDERS + 1, routed());
	child_stop(&w.child);
}

/* A broadcast's route does not stay either, nor that of a group that is not forwarded */
TEST_F(deliver, group_after_group)
{
	static const char * const others[] = { "10.1.0.255", "224.0.0.99" };
	struct wire w;
	size_t i;

	if (!wire_up(&w))
		SKIP(return, "no veth in this kernel");
	if (!routes_group())
		SKIP(return, "no routes of groups in this kernel");
	sock_set(w.ipv4[0], SOL_SOCKET, SO_BROADCAST, 1);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		/* No member of a group, so FreeBSD and Darwin send it broadcasts only */
		udp("2", ANY, self->share);
		member('1', ANY, self->share);
		if (i) {
			host_on_device("near");
			joins("1", others[i]);
			host_on_device("lo");
		}
		/* The BSDs stop here */
		sets("1", variant->semantics == PRE39 ? SO_REUSEADDR : SO_REUSEPORT, false);
		sends_to(w.ipv4[0], others[i]);
		EXPECT_STREQ(text("%s " NEAR, others[i]), next('1'));
		closes("2");
		sends_to(w.ipv4[0], GROUP);
		EXPECT_STREQ(GROUP " " NEAR, next('1'));
		EXPECT_EQ(i + 1, routed());
		closes("1");
	}
	child_stop(&w.child);
}

/* Until it is killed, from many ports: Linux may choose by that */
static pid_t floods(const char *host)
{
	pid_t pid = fork();
	int fd[SENDERS], i;

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	stay_on(1);
	for (i = 0; i < SENDERS; i++) {
		fd[i] = sock_open("udp", AF_INET, 0);
		sock_connect(fd[i], at_port(host));
	}
	for (;; i++)
		send(fd[i % SENDERS], "x", 1, 0);
}

/* Nor if both come at once, on different CPUs */
TEST_F(deliver, group_beside_unicast)
{
	const char *got = "", *wrong = NULL;
	int n = 0, reads;
	struct wire w;
	pid_t pid;

	if (get_nprocs() < 2)
		SKIP(return, "needs two CPUs");
	if (!wire_up(&w))
		SKIP(return, "no veth in this kernel");
	stay_on(0);
	another(variant->semantics, ANY, share_of(self, variant->semantics));
	pid = floods(ONE);
	/* There may be no room for a group's datagram among the others */
	for (reads = 0; reads < 200 * ROUNDS && n < ROUNDS && !wrong; reads++) {
		if (reads % 8 == 0)
			sends_to(w.ipv4[0], GROUP);
		got = next_within('1', 0);
		if (!strcmp(got, GROUP " " NEAR))
			n++;
		else if (strcmp(got, ONE " " ONE) && strcmp(got, "nothing"))
			wrong = got;
	}
	EXPECT_EQ(NULL, wrong)
		TH_LOG("%s after %d", wrong, n);
	EXPECT_TRUE(wrong || n == ROUNDS);
	kill(pid, SIGKILL);
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	child_stop(&w.child);
}

TEST_HARNESS_MAIN
