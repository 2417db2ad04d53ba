// SPDX-License-Identifier: GPL-2.0
/*
 * Cases where something else has a say in which socket receives: firewalls, transparent
 * proxies, BPF programs, and the kernel itself for ICMP errors. As in deliver_paths.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <netinet/in.h>
#include <string.h>

#include "bpf.h"
#include "deliver_paths.h"

static const struct {
	const char *any, *one, *two, *group, *nft;
	int family;
} to[] = {
	{ ANY, ONE, TWO, GROUP, "ip", AF_INET },
	{ ANY6, ONE6, "fd00::8", GROUP6, "ip6", AF_INET6 },
};

#define LATEST	"type filter hook input priority 2147483647;"

/* By way of a shell, as what nft takes has blanks; false if it fails */
static bool shell(const char *command)
{
	return !system(command);
}

static const char *our_port(void)
{
	return strrchr(at_port(ANY), ':') + 1;
}

/* A firewall at the last priority that was there before the switch still drops in time */
TEST_F(deliver, late_firewall)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(to); i++) {
		become("native");
		fresh();
		if (!shell(text("nft 'flush ruleset; add table inet late; "
				"add chain inet late in { " LATEST " }; "
				"add rule inet late in udp dport %s drop'", our_port())))
			SKIP(return, "no nft, or no nf_tables in this kernel");
		become(semantics_name[variant->semantics]);
		udp("123", to[i].any, self->share);
		joins("13", to[i].group);
		GETS("nobody", "nobody", "nobody", datagram(-1, to[i].group));
		GETS("nobody", "nobody", "nobody", datagram(-1, to[i].one));
		/* A packet that it lets pass is delivered once */
		run("nft flush chain inet late in");
		GETS("1+2+3", "1+2+3", MEMBERS(to[i].family, "1+3", "1+2+3"),
		     datagram(-1, to[i].group));
		GETS("1+2+3", "3", ON_ANY("1", "3"), receivers(to[i].one));
		run("nft flush ruleset");
	}
}

/* Steers what is for one address of the port to another one, on lo */
static bool proxies(const char *family, const char *from, const char *host)
{
	return shell(text("nft 'add table %s proxy; "
			  "add chain %s proxy pre { type filter hook prerouting priority -150; }; "
			  "add rule %s proxy pre %s daddr %s udp dport %s tproxy to %s'",
			  family, family, family, family, from, our_port(), at_port(host)));
}

static void is_transparent(const char *who, const char *family)
{
	for (; *who; who++) {
		if (!strcmp(family, "ip"))
			sock_set(the(*who)->fd, IPPROTO_IP, IP_TRANSPARENT, 1);
		else
			sock_set(the(*who)->fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1);
	}
}

static void more_addresses(void)
{
	run("ip addr add fd00::8/128 dev lo nodad");
	run("ip addr add fd00::9/128 dev lo nodad");
}

/* Only a transparent proxy (TPROXY) gets the datagrams of a group that it is given */
TEST_F(deliver, group_to_a_proxy)
{
	size_t i;

	more_addresses();
	for (i = 0; i < ARRAY_SIZE(to); i++) {
		fresh();
		udp("12", to[i].any, self->share);
		joins("2", to[i].group);
		udp("3", to[i].two, self->share);
		is_transparent("3", to[i].nft);
		/* To a group of IPv6, Darwin takes any local address for as good as another */
		GETS("1+2", "1+2", BSDS("2", "2", "1+2", "1+2", i ? "1+2+3" : "2"),
		     datagram(-1, to[i].group));
		if (!proxies(to[i].nft, to[i].group, to[i].two))
			SKIP(return, "no nft, or no nft_tproxy in this kernel");
		GETS("3", "3", "3", datagram(-1, to[i].group));
		run("nft flush ruleset");
	}
}

/* Linux chooses which of the proxy's sockets gets a datagram, under all semantics */
TEST_F(deliver, proxy_is_native)
{
	static const char * const others[] = { "127.0.0.9", "fd00::9" };
	size_t i;

	more_addresses();
	for (i = 0; i < ARRAY_SIZE(to); i++) {
		fresh();
		udp("123", to[i].one, self->share);
		is_transparent("123", to[i].nft);
		if (!proxies(to[i].nft, others[i], to[i].one))
			SKIP(return, "no nft, or no nft_tproxy in this kernel");
		GETS("1+2+3", NULL, "1+2+3", receivers(others[i]));
		GETS("1+2+3", "3", "3", receivers(to[i].one));
		run("nft flush ruleset");
	}
}

/* The socket whose error queue says that a datagram of 1 to port @to was refused */
static const char *told(const char *host, int port)
{
	struct sockaddr_storage ss;
	char buf[64];
	int i;
	socklen_t len = sock_addr(text(strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port), &ss);

	if (sendto(the('1')->fd, "x", 1, 0, (struct sockaddr *)&ss, len) != 1)
		return host_error(errno);
	host_arrived();
	for (i = '1'; i <= '3'; i++) {
		if (recv(the(i)->fd, buf, sizeof(buf), MSG_ERRQUEUE | MSG_DONTWAIT) >= 0)
			return text("%c", i);
	}
	return "nobody";
}

/* Linux chooses the socket that an ICMP error is for, under all semantics */
TEST_F(deliver, icmp_is_native)
{
	bool seen[3];
	const char *got;
	size_t i;
	int n;

	for (i = 0; i < ARRAY_SIZE(to); i++) {
		fresh();
		memset(seen, 0, sizeof(seen));
		udp("123", to[i].one, self->share);
		for (n = '1'; n <= '3'; n++) {
			if (!i)
				sock_set(the(n)->fd, IPPROTO_IP, IP_RECVERR, 1);
			else
				sock_set(the(n)->fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
		}
		/* Of ports that no socket has */
		for (n = 0; n < 40; n++) {
			got = told(to[i].one, 100 + n);
			if (strlen(got) == 1 && *got >= '1' && *got <= '3')
				seen[*got - '1'] = true;
		}
		GETS("1+2+3", NULL, "3", receivers(to[i].one));
		EXPECT_TRUE(seen[2]);
		if (variant->semantics != PRE39)
			EXPECT_TRUE(seen[0] && seen[1]);
	}
}

/* A socket that was connected has left its SO_REUSEPORT group, and the file does not show it */
TEST_F(deliver, left_its_group)
{
	const struct table_row *row;
	struct table t;

	if (variant->semantics == PRE39)
		SKIP(return, "no SO_REUSEPORT under pre39");
	udp("123", ANY, RP);
	sock_connect(the('2')->fd, "127.0.0.1:9");
	GETS("1+3", NULL, ON_ANY("1", "3"), receivers(ONE));
	sock_disconnect(the('2')->fd);
	/* On OpenBSD and Darwin it is the newest by now */
	GETS("2", NULL, BSDS("1", "3", "2", "3", "1"), receivers(ONE));
	table_read(REUSE_FILE, &t);
	row = table_find(&t, "udp", at_port(ANY), "-", "-");
	ASSERT_NE(NULL, row);
	EXPECT_EQ(3, row->num[SOCKETS]);
	EXPECT_EQ(3, row->num[REUSEPORT]);
	table_free(&t);
}

/* A program that assigns a socket to all IPv4 packets to an address, or to all that come */
static int load_assigner(int type, int attach_type, int fd, __u32 daddr, int verdict)
{
	union bpf_attr map = {
		.map_type = BPF_MAP_TYPE_SOCKMAP, .key_size = 4, .value_size = 8, .max_entries = 1,
	};
	union bpf_attr update = { .value = (unsigned long)&(__u64){ fd } };
	union bpf_attr prog = { .prog_type = type, .expected_attach_type = attach_type };
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1 },
		{ .code = BPF_LD | BPF_ABS | BPF_W,
		  .imm = ETH_HLEN + offsetof(struct iphdr, daddr) },
		{ .code = BPF_JMP32 | BPF_JNE | BPF_K, .dst_reg = 0, .imm = daddr, .off = 14 },
		{ .code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 10, .off = -4 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -4 },
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = later(sys_bpf(BPF_MAP_CREATE, &map)) },
		{ },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem },
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .off = 7 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 7, .src_reg = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 6 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_sk_assign },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 7 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_sk_release },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	/* A bpf_sk_lookup program has no packet to look at */
	const int skip = type == BPF_PROG_TYPE_SK_LOOKUP ? 2 : 0;
	struct bpf_insn some[ARRAY_SIZE(insns)];

	memcpy(some, insns + skip, sizeof(insns) - skip * sizeof(*insns));
	some[0] = insns[0];
	update.map_fd = insns[6].imm;
	update.key = (unsigned long)&(__u32){ 0 };
	prog.insns = (unsigned long)some;
	prog.insn_cnt = ARRAY_SIZE(insns) - skip;
	prog.license = (unsigned long)"GPL";
	if (insns[6].imm < 0 || sys_bpf(BPF_MAP_UPDATE_ELEM, &update))
		return -1;
	return sys_bpf(BPF_PROG_LOAD, &prog);
}

/* A bpf_sk_lookup program that chooses a socket for all that comes; -1 if this kernel has none */
static int chooses(int fd)
{
	union bpf_attr link = { .link_create.attach_type = BPF_SK_LOOKUP };
	int prog = load_assigner(BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP, fd, 0, SK_PASS);

	if (prog < 0)
		return -1;
	link.link_create.prog_fd = later(prog);
	link.link_create.target_fd = later(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
	return sys_bpf(BPF_LINK_CREATE, &link);
}

static int udplite_sender(bool ipv6)
{
	return later(sock_open("udplite", ipv6 ? AF_INET6 : AF_INET, 0));
}

/* A bpf_sk_lookup program chooses for UDP, and is not asked about UDP-Lite */
TEST_F(deliver, sk_lookup)
{
	int i, n, fd;

	more_addresses();
	for (i = 0; i < (int)ARRAY_SIZE(to); i++) {
		fresh();
		udp("4", to[i].two, 0);
		fd = chooses(the('4')->fd);
		if (fd < 0)
			SKIP(return, "no bpf_sk_lookup programs in this kernel");
		udp("123", to[i].any, self->share);
		GETS("4", "4", "4", receivers(to[i].one));
		if (!sock_has("udplite"))
			goto next;
		closes("123");
		opens("123", "udplite", i ? AF_INET6 : AF_INET, self->share);
		for (n = '1'; n <= '3'; n++) {
			ASSERT_EQ(0, binds(n, to[i].any));
			the(n)->udp = true;
		}
		for (n = 0; n < 10; n++)
			GETS(NULL, "3", ON_ANY("1", "3"), datagram(udplite_sender(i), to[i].one));
next:
		close(fd);
	}
}

#define PINNED	"/tmp/deliver_others.bpf"

/* A classifier on lo that assigns a socket to a group's datagrams */
static bool classifies(int fd)
{
	union bpf_attr pin = { .pathname = (unsigned long)(PINNED "/prog") };
	int prog = load_assigner(BPF_PROG_TYPE_SCHED_CLS, 0, fd, ntohl(inet_addr(GROUP)), 0);

	if (prog < 0)
		return false;
	pin.bpf_fd = later(prog);
	return shell("mkdir -p " PINNED " && mount -t bpf none " PINNED) &&
	       !sys_bpf(BPF_OBJ_PIN, &pin) &&
	       try_run("tc qdisc add dev lo clsact") &&
	       try_run("tc filter add dev lo ingress bpf da object-pinned " PINNED "/prog");
}

/* Only the socket that bpf_sk_assign() has chosen gets a group's datagram */
TEST_F(deliver, group_assigned)
{
	bool has;

	/* Kernels before 6.6 assign no socket that has SO_REUSEPORT */
	udp("3", TWO, RA);
	has = classifies(the('3')->fd);
	if (has) {
		udp("12", ANY, self->share | RA);
		joins("2", GROUP);
		GETS("3", "3", "3", datagram(-1, GROUP));
		run("tc qdisc del dev lo clsact");
		GETS("1+2", "1+2", MEMBERS(AF_INET, "2", "1+2"), datagram(-1, GROUP));
	}
	try_run("umount " PINNED);
	if (!has)
		SKIP(return, "no bpf_sk_assign(), or no cls_bpf in this kernel");
}

TEST_HARNESS_MAIN
