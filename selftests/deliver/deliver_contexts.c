// SPDX-License-Identifier: GPL-2.0
/*
 * Which socket receives, in unusual contexts: asked by a process and not for a packet,
 * beside sockets that are hardly made or nearly gone, after the kernel has cached earlier
 * packets. As in deliver_paths.c.
 *
 * On a kernel with lockdep and KASAN it shows that locks and memory are used as
 * they may be there.
 */
#include <fcntl.h>
#include <netinet/in.h>	/* wants to come before linux/in.h */
#include <linux/inet_diag.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#include "deliver_paths.h"

#define ROUNDS	200

static void id_of(struct inet_diag_sockid *id, const char *host)
{
	struct sockaddr_storage ss;

	sock_addr(at_port(host), &ss);
	if (ss.ss_family == AF_INET) {
		const struct sockaddr_in *in = (void *)&ss;

		id->idiag_sport = in->sin_port;
		memcpy(id->idiag_src, &in->sin_addr, 4);
		memcpy(id->idiag_dst, &in->sin_addr, 4);
	} else {
		const struct sockaddr_in6 *in6 = (void *)&ss;

		id->idiag_sport = in6->sin6_port;
		memcpy(id->idiag_src, &in6->sin6_addr, 16);
		memcpy(id->idiag_dst, &in6->sin6_addr, 16);
	}
	id->idiag_dport = htons(9);
	id->idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

/* The inode of the TCP socket that the kernel finds for a packet to @host, or 0 */
static unsigned int diag_inode(int diag, const char *host)
{
	struct {
		struct nlmsghdr nlh;
		struct inet_diag_req_v2 req;
	} ask = {
		.nlh = {
			.nlmsg_len = sizeof(ask), .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST,
		},
		.req = {
			.sdiag_family = strchr(host, ':') ? AF_INET6 : AF_INET,
			.sdiag_protocol = IPPROTO_TCP, .idiag_states = -1,
		},
	};
	struct nlmsghdr answer[512], *nlh = answer;

	id_of(&ask.req.id, host);
	if (send(diag, &ask, sizeof(ask), 0) != sizeof(ask) ||
	    recv(diag, answer, sizeof(answer), 0) < 0)
		die("sock_diag: %s", strerror(errno));
	if (nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return 0;
	return ((const struct inet_diag_msg *)NLMSG_DATA(nlh))->idiag_inode;
}

static const char *diag_finds(int diag, const char *host)
{
	unsigned int inode = diag_inode(diag, host);
	struct stat st;
	int i;

	for (i = '1'; inode && i <= '3'; i++) {
		if (fstat(the(i)->fd, &st))
			die("fstat");
		if (st.st_ino == inode)
			return text("%c", i);
	}
	return "nobody";
}

/* Until it is killed */
static pid_t connects_on_and_on(const char *host)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	while (!pid)
		connection(host);
	return pid;
}

/* sock_diag, asked for an address, names the receiver, and disturbs no SYN */
TEST_F(deliver, socket_diagnosis)
{
	int diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), i;
	static const char * const hosts[] = { ONE, ONE6 };
	pid_t child;
	size_t n;

	ASSERT_LE(0, diag);
	for (n = 0; n < ARRAY_SIZE(hosts); n++) {
		fresh();
		tcp("1", hosts[n], self->share | LISTENS);
		if (!strcmp(diag_finds(diag, hosts[n]), "nobody"))
			SKIP(return, "no tcp_diag in this kernel");
		if (variant->semantics != PRE39)
			tcp("23", hosts[n], self->share | LISTENS);
		child = connects_on_and_on(hosts[n]);
		for (i = 0; i < ROUNDS; i++)
			GETS(NULL, "1", "3", diag_finds(diag, hosts[n]));
		kill(child, SIGKILL);
		EXPECT_EQ(child, waitpid(child, NULL, 0));
	}
	close(diag);
}

static bool in_timewait(void *arg)
{
	struct table t;
	bool is = false;
	size_t i;

	table_read(REUSE_FILE, &t);
	for (i = 0; i < t.n; i++)
		is |= t.row[i].num[TIMEWAIT] == *(unsigned long *)arg;
	table_free(&t);
	return is;
}

/* A switch beside sockets in TIME_WAIT, of which there is no more than their addresses */
TEST_F(deliver, switch_beside_timewait)
{
	static const char * const hosts[] = { ONE, ONE6 };
	unsigned long each = 8;
	size_t n;
	int i;

	for (n = 0; n < ARRAY_SIZE(hosts); n++) {
		become("native");
		fresh();
		tcp("1", hosts[n], RA | LISTENS);
		for (i = 0; i < (int)each; i++) {
			int client = connected(hosts[n]), child = accepts('1');

			/* The end that closes first has TIME_WAIT */
			close(child);
			close(client);
		}
		EXPECT_TRUE(wait_for(in_timewait, &each, 10000));
		for (i = 0; i < 3; i++) {
			become(i % 2 ? "native" : semantics_name[variant->semantics]);
			GETS("1", "1", "1", connection(hosts[n]));
		}
		become(semantics_name[variant->semantics]);
	}
}

/* The kernel's cache for a datagram to one host does not apply to a group's datagram */
TEST_F(deliver, route_kept)
{
	static const struct {
		const char *any, *one, *group;
	} to[] = { { ANY, ONE, GROUP }, { ANY6, ONE6, GROUP6 } };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(to); i++) {
		fresh();
		udp("1", to[i].any, self->share);
		/* The host is a member by a socket that has no port; the other one is not */
		opens("2", "udp", strchr(to[i].any, ':') ? AF_INET6 : AF_INET, 0);
		joins("2", to[i].group);
		GETS("1", "1", "1", datagram(-1, to[i].one));
		GETS("1", "1", MEMBERS(i ? AF_INET6 : AF_INET, "nobody", "1"),
		     datagram(-1, to[i].group));
		GETS("1", "1", "1", datagram(-1, to[i].one));
		become("native");
		EXPECT_STREQ("1", datagram(-1, to[i].group));
		EXPECT_STREQ("1", datagram(-1, to[i].one));
		become(semantics_name[variant->semantics]);
	}
}

/* A socket of another namespace, behind a wire; false if there are no wires */
static bool far_socket(struct child *far, int *fd)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	child_netns(far);
	if (!add_device("near", text("veth peer name far netns %d", far->pid)))
		return false;
	run("ip addr add fd00::1/64 dev near nodad");
	enter(far->pid);
	run("ip addr add fd00::2/64 dev far nodad");
	run("ip link set far up");
	*fd = sock_bind("udp", "[fd00::2]:40000", 0);
	if (setns(home, CLONE_NEWNET))
		die("setns");
	close(home);
	return true;
}

/* Nor what it keeps of an IPv4 datagram those of the IPv6 end one of IPv4 */
TEST_F(deliver, connected_after_ipv4)
{
	struct pollfd p = { .events = POLLIN };
	struct child far;
	int fd;

	if (!far_socket(&far, &fd))
		SKIP(return, "no veth in this kernel");
	udp("1", ANY6, self->share);
	GETS("1", "1", BSDS("1", "1", "nobody", "1", "1"), datagram(-1, ONE));
	sock_connect(the('1')->fd, "[fd00::2]:40000");
	EXPECT_EQ(NULL, sends(fd, "fd00::1"));
	p.fd = the('1')->fd;
	EXPECT_EQ(1, poll(&p, 1, 10000));
	close(fd);
	child_stop(&far);
}

/* Until it is killed */
static pid_t sends_on_and_on(const char *host)
{
	pid_t pid = fork();
	int s;

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	/* Another CPU than the receiver's, if there is one */
	stay_on(get_nprocs() > 1);
	s = sock_open("udp", AF_INET, 0);
	sock_connect(s, at_port(host));
	for (;;)
		send(s, "x", 1, 0);
}

/* Nor if they come while it is being connected */
TEST_F(deliver, connected_beside_ipv4)
{
	struct pollfd p = { .events = POLLIN };
	struct child far;
	char buf[16];
	int fd, i;
	pid_t pid;

	if (variant->semantics == OPENBSD)
		SKIP(return, "no dual-stack sockets under openbsd");
	if (!far_socket(&far, &fd))
		SKIP(return, "no veth in this kernel");
	pid = sends_on_and_on(ONE);
	stay_on(0);
	for (i = 0; i < ROUNDS && (!i || p.revents); i++) {
		udp("1", ANY6, self->share);
		p.fd = the('1')->fd;
		EXPECT_EQ(1, poll(&p, 1, 10000));
		sock_connect(p.fd, "[fd00::2]:40000");
		while (recv(p.fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
		EXPECT_EQ(NULL, sends(fd, "fd00::1"));
		EXPECT_EQ(1, poll(&p, 1, 10000));
		closes("1");
	}
	EXPECT_EQ(ROUNDS, i);
	kill(pid, SIGKILL);
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	close(fd);
	child_stop(&far);
}

/* A socket connected before the switch is found at its address after it has disconnected */
TEST_F(deliver, disconnected_after_the_switch)
{
	become("native");
	udp("1", ANY, self->share);
	sock_connect(the('1')->fd, "127.0.0.1:9");
	udp("2", ANY, self->share);
	become(semantics_name[variant->semantics]);
	sock_disconnect(the('1')->fd);
	GETS(NULL, "2", BSDS("1", "2", "1", "2", "2"), datagram(-1, ONE));
	closes("2");
	GETS("1", "1", "1", datagram(-1, ONE));
}

#define MASTER	"02:00:00:00:00:01"

/* A datagram that an ipvlan takes to another namespace is for the sockets there */
TEST_F(deliver, for_an_ipvlan)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd, s;
	const char *at = text("%s", at_port("10.1.0.2"));
	struct pollfd p = { .events = POLLIN };
	struct child far, slave;

	if (!far_socket(&far, &fd))
		SKIP(return, "no veth in this kernel");
	run("ip link set near address " MASTER);
	if (!try_run("ip link add ipv link near type ipvlan mode l3s"))
		SKIP(return, "no ipvlan in this kernel");
	child_netns(&slave);
	run("ip link set ipv netns %d", slave.pid);
	enter(slave.pid);
	run("ip addr add 10.1.0.2/24 dev ipv");
	run("ip link set ipv up");
	p.fd = sock_bind("udp", at, 0);
	enter(far.pid);
	run("ip addr add 10.1.0.3/24 dev far");
	run("ip neigh add 10.1.0.2 lladdr " MASTER " dev far");
	s = sock_open("udp", AF_INET, 0);
	sock_connect(s, at);
	if (setns(home, CLONE_NEWNET))
		die("setns");
	udp("1", ANY, self->share);
	EXPECT_EQ(1, send(s, "x", 1, 0));
	EXPECT_EQ(1, poll(&p, 1, 10000));
	close(s);
	close(fd);
	close(p.fd);
	close(home);
	child_stop(&slave);
	child_stop(&far);
}

#define DCCP_SERVICE	2	/* of SOL_DCCP */

static int dccp_open(const char *host, struct sockaddr_storage *ss, socklen_t *len)
{
	const struct timeval tv = { .tv_sec = 10 };
	uint32_t service = htonl(1);
	int fd;

	*len = sock_addr(at_port(host), ss);
	fd = socket(ss->ss_family, SOCK_DCCP | SOCK_CLOEXEC, IPPROTO_DCCP);
	if (fd >= 0 && (setsockopt(fd, SOL_DCCP, DCCP_SERVICE, &service, sizeof(service)) ||
			setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) ||
			setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv))))
		die("options of DCCP");
	return fd;
}

/* DCCP has a lookup in common with TCP, and nothing else: its listeners keep what is theirs */
TEST_F(deliver, dccp_is_left_alone)
{
	static const char * const hosts[] = { ONE, ONE6 };
	struct sockaddr_storage ss;
	int a, c, child;
	socklen_t len;
	size_t i;

	try_run("modprobe -q -a dccp_ipv4 dccp_ipv6");
	for (i = 0; i < ARRAY_SIZE(hosts); i++) {
		fresh();
		a = dccp_open(hosts[i], &ss, &len);
		if (a < 0)
			SKIP(return, "no DCCP in this kernel");
		ASSERT_EQ(0, bind(a, (struct sockaddr *)&ss, len));
		ASSERT_EQ(0, listen(a, 8));
		tcp("3", hosts[i], self->share | LISTENS);
		c = dccp_open(hosts[i], &ss, &len);
		EXPECT_EQ(0, connect(c, (struct sockaddr *)&ss, len));
		child = accept(a, NULL, NULL);
		EXPECT_LE(0, child);
		EXPECT_STREQ("3", connection(hosts[i]));
		close(child);
		close(c);
		close(a);
	}
}

/* IPv6 extension headers may lead elsewhere: a datagram with some goes where Linux sends it */
TEST_F(deliver, destination_options)
{
	/* Two options of padding, six octets in all */
	static const char padding[8] = { 0, 0, 1, 4 };
	int s, i;

	udp("123", ONE6, self->share | V6ONLY);
	for (i = 0; i < 20; i++) {
		s = sender(ONE6);
		if (setsockopt(s, IPPROTO_IPV6, IPV6_DSTOPTS, padding, sizeof(padding)))
			die("IPV6_DSTOPTS");
		/* Some one of them */
		EXPECT_EQ('\0', datagram(s, ONE6)[1]);
		close(s);
	}
}

/* All to the port is queued */
static bool queue_rules(void)
{
	return !system(text("nft 'flush ruleset; add table inet test; "
			    "add chain inet test in { type filter hook input priority 0; }; "
			    "add rule inet test in udp dport %s queue num 0'",
			    strrchr(at_port(ANY), ':') + 1));
}

struct queue_message {
	struct nlmsghdr nlh;
	struct nfgenmsg nfg;
	struct nlattr attr;
	char data[16];
};

static void queue_says(int queue, int type, int attr, const void *data, size_t len)
{
	struct queue_message m = {
		.nlh = {
			.nlmsg_len = offsetof(struct queue_message, data) + NLA_ALIGN(len),
			.nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | type,
			.nlmsg_flags = NLM_F_REQUEST,
		},
		.attr = { .nla_len = NLA_HDRLEN + len, .nla_type = attr },
	};

	memcpy(m.data, data, len);
	if (send(queue, &m, m.nlh.nlmsg_len, 0) < 0)
		die("send to NETLINK_NETFILTER");
}

/* A datagram waits in the queue: it goes on, in our context */
static void queue_accepts(int queue)
{
	char buf[4096];
	const struct queue_message *m = (void *)buf;
	struct nfqnl_msg_packet_hdr packet;
	struct nfqnl_msg_verdict_hdr verdict = { .verdict = htonl(NF_ACCEPT) };

	if (recv(queue, buf, sizeof(buf), 0) < (ssize_t)sizeof(*m) ||
	    m->attr.nla_type != NFQA_PACKET_HDR)
		die("no datagram in the queue");
	memcpy(&packet, m->data, sizeof(packet));
	verdict.id = packet.packet_id;
	queue_says(queue, NFQNL_MSG_VERDICT, NFQA_VERDICT_HDR, &verdict, sizeof(verdict));
}

static const char *queued(int queue, const char *host)
{
	const char *err = sends(-1, host);

	if (!err)
		queue_accepts(queue);
	return err ?: received();
}

/* A packet that a firewall has queued to a process goes where it would have gone */
TEST_F(deliver, queued_to_userspace)
{
	static const struct {
		const char *any, *one, *group;
	} to[] = { { ANY, ONE, GROUP }, { ANY6, ONE6, GROUP6 } };
	const struct nfqnl_msg_config_params copy = { .copy_mode = NFQNL_COPY_META };
	const struct nfqnl_msg_config_cmd bind = { .command = NFQNL_CFG_CMD_BIND };
	int queue = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	size_t i;

	if (queue < 0 || !queue_rules())
		SKIP(return, "no nft, or no nf_tables in this kernel");
	queue_says(queue, NFQNL_MSG_CONFIG, NFQA_CFG_CMD, &bind, sizeof(bind));
	queue_says(queue, NFQNL_MSG_CONFIG, NFQA_CFG_PARAMS, &copy, sizeof(copy));
	for (i = 0; i < ARRAY_SIZE(to); i++) {
		fresh();
		queue_rules();
		udp("123", to[i].any, self->share);
		GETS(NULL, "3", ON_ANY("1", "3"), queued(queue, to[i].one));
		joins("13", to[i].group);
		GETS("1+2+3", "1+2+3", MEMBERS(i ? AF_INET6 : AF_INET, "1+3", "1+2+3"),
		     queued(queue, to[i].group));
		become("native");
		EXPECT_EQ('\0', queued(queue, to[i].one)[1]);
		become(semantics_name[variant->semantics]);
		GETS(NULL, "3", ON_ANY("1", "3"), queued(queue, to[i].one));
	}
	close(queue);
}

TEST_HARNESS_MAIN
