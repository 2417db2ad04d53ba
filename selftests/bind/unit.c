// SPDX-License-Identifier: GPL-2.0
/*
 * Run recorded answers through the pure profiles, without a kernel:
 * unit PROFILE FILE... [PROFILE FILE...]...; a FILE ends in .bind.tsv, or in
 * .seq.txt with its answers beside it in .seq.want. Formats: recorded/README.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../module/semantics/semantics.h"

#define MAX_SOCKS	64
#define MAX_GROUPS	4

struct sock {
	struct sem_sock s;
	bool used;
	bool udp;
	bool bound;
	bool child;
	bool failed;	/* bind() or connect() failed: closed */
	u64 created;
	u8 group[MAX_GROUPS][16];
	int groups;
};

/* One port of one host */
static struct sock socks[MAX_SOCKS];
static const struct sem_profile *profile;
static u64 clock_tick;
static signed char fast;

static void reset(void)
{
	memset(socks, 0, sizeof(socks));
	fast = 0;
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

static bool on_port(const struct sock *sk, bool udp)
{
	return sk->used && sk->bound && !sk->failed && sk->udp == udp;
}

static int decide(struct sock *sk)
{
	struct sem_bind b = { .sk = &sk->s, .udp = sk->udp, .fastreuse = fast };
	int err, i;

	profile->begin(&b);
	for (i = 0; i < MAX_SOCKS; i++) {
		if (!on_port(&socks[i], sk->udp))
			continue;

		b.owners++;
		if (&socks[i] != sk)
			profile->owner(&b, &socks[i].s, &socks[i]);
	}
	err = profile->verdict(&b);
	if (!err && !sk->udp)
		fast = b.fastreuse;
	return err;
}

static int do_bind(struct sock *sk, const char *text)
{
	int err;

	parse_addr(text, sk->s.addr);
	err = decide(sk);
	if (err) {
		sk->failed = true;
		return err;
	}
	sk->bound = true;
	sk->s.bind_seq = ++clock_tick;
	/* Linux since 2.6.30 */
	if (profile == &sem_pre39 && !sem_mapped(sk->s.addr) &&
	    !sem_any(sk->s.addr))
		sk->s.v6only = true;
	return 0;
}

static int do_listen(struct sock *sk)
{
	int err = 0;

	if (sk->s.state == SEM_LISTEN)
		return 0;
	sk->s.state = SEM_LISTEN;
	if (profile->checks_listen)
		err = decide(sk);
	if (err)
		sk->s.state = SEM_BOUND;
	return err;
}

/* The socket that gets a packet to @text, or NULL */
static struct sock *receiver(bool udp, const char *text)
{
	struct sem_packet packet = { .udp = udp };
	struct sem_deliver d = { .packet = &packet };
	int i;

	parse_addr(text, packet.addr);
	packet.ipv6 = !sem_mapped(packet.addr);
	for (i = 0; i < MAX_SOCKS; i++) {
		if (on_port(&socks[i], udp) && !sem_is_connected(&socks[i].s))
			profile->deliver(&d, &socks[i].s, &socks[i]);
	}
	return (struct sock *)d.id;
}

static void make_child(struct sock *child, const struct sock *listener,
		       const char *text)
{
	*child = *listener;
	parse_addr(text, child->s.addr);
	child->s.state = SEM_CONNECTED;
	child->created = ++clock_tick;
	child->s.bind_seq = child->created;
	child->child = true;
}

static bool joined(const struct sock *sk, const u8 *group)
{
	int i;

	for (i = 0; i < sk->groups; i++) {
		if (sem_same(sk->group[i], group))
			return true;
	}
	return false;
}

/* Newest created first, up to one that is the last */
static void multicast(const char *text, char *answer)
{
	bool got[MAX_SOCKS] = { false };
	u8 group[16];
	u64 before = UINT64_MAX;
	int i, n;

	parse_addr(text, group);
	for (;;) {
		struct sock *sk = NULL;

		for (i = 0; i < MAX_SOCKS; i++) {
			struct sock *s = &socks[i];

			if (on_port(s, true) && s->created < before &&
			    (!sk || s->created > sk->created))
				sk = s;
		}
		if (!sk)
			break;
		before = sk->created;
		if (!joined(sk, group) || !(sem_any(sk->s.addr) ||
					    sem_same(sk->s.addr, group)))
			continue;
		got[sk - socks] = true;
		if (profile->ends_multicast(&sk->s))
			break;
	}
	*answer = '\0';
	for (i = n = 0; i < MAX_SOCKS; i++) {
		if (got[i])
			answer += sprintf(answer, n++ ? "+%d" : "%d", i);
	}
	if (!n)
		strcpy(answer, "nobody");
}

static const char *errname(int err)
{
	return !err ? "OK" : err == -EADDRINUSE ? "EADDRINUSE" : "?";
}

static void set_flag(struct sock *sk, const char *flag, bool on)
{
	if (!strcmp(flag, "RA"))
		sk->s.reuseaddr = on;
	else if (!strcmp(flag, "RP"))
		sk->s.reuseport = on;
	else if (!strncmp(flag, "V6=", 3))
		sk->s.v6only = flag[3] == '1';
}

static void set_flags(struct sock *sk, char *flags, const char *sep)
{
	char *save, *flag;

	for (flag = strtok_r(flags, sep, &save); flag;
	     flag = strtok_r(NULL, sep, &save))
		set_flag(sk, flag, true);
}

static void set_uid(struct sock *sk, u32 uid)
{
	sk->s.uid = uid;
	sk->s.root = !uid;
}

static void op_new(char *rest)
{
	char proto[8], family[8];
	struct sock *sk;
	int n, uid, used;

	if (sscanf(rest, "%d %7s %7s %d%n", &n, proto, family, &uid,
		   &used) != 4 || n < 0 || n >= MAX_SOCKS)
		exit(2);
	sk = &socks[n];
	memset(sk, 0, sizeof(*sk));
	sk->used = true;
	sk->udp = !strcmp(proto, "udp");
	sk->s.ipv6 = !strcmp(family, "6");
	sk->created = ++clock_tick;
	set_uid(sk, uid);
	set_flags(sk, rest + used, " ");
}

static void op_probe(const char *proto, const char *addr, char *answer)
{
	bool udp = !strcmp(proto, "udp");
	struct sock *sk = receiver(udp, addr);

	if (udp && !sk)
		strcpy(answer, "nobody");
	else if (!sk || (!udp && sk->s.state != SEM_LISTEN))
		strcpy(answer, "ECONNREFUSED");
	else
		sprintf(answer, "%d", (int)(sk - socks));
}

static void op_estab(struct sock *child, const char *addr, char *answer)
{
	op_probe("tcp", addr, answer);
	memset(child, 0, sizeof(*child));
	if (strcmp(answer, "ECONNREFUSED"))
		make_child(child, &socks[atoi(answer)], addr);
}

/* One operation on socket @n with up to two words */
static void op_socket(const char *op, int n, const char *a, const char *b,
		      char *answer)
{
	struct sock *sk = &socks[n];

	if (!strcmp(op, "estab")) {
		op_estab(sk, a, answer);
		return;
	}
	strcpy(answer, "gone");
	if (!sk->used || sk->failed)
		return;
	strcpy(answer, "OK");
	if (!strcmp(op, "bind")) {
		strcpy(answer, errname(do_bind(sk, a)));
	} else if (!strcmp(op, "listen")) {
		strcpy(answer, sk->child ? "child" : errname(do_listen(sk)));
	} else if (!strcmp(op, "opt")) {
		set_flag(sk, a, atoi(b));
	} else if (!strcmp(op, "close")) {
		sk->used = false;
	} else if (!strcmp(op, "join")) {
		if (sk->groups == MAX_GROUPS)
			exit(2);
		parse_addr(a, sk->group[sk->groups++]);
	} else {
		fprintf(stderr, "unknown operation: %s\n", op);
		exit(2);
	}
}

static void step(char *line, char *answer)
{
	char op[16], a[64] = "", b[64] = "";
	int used;

	if (sscanf(line, "%15s %n", op, &used) != 1)
		exit(2);
	line += used;
	strcpy(answer, "OK");
	if (!strcmp(op, "new")) {
		op_new(line);
	} else if (!strcmp(op, "probe")) {
		if (sscanf(line, "%63s %63s", a, b) < 1)
			exit(2);
		op_probe(a, b, answer);
	} else if (!strcmp(op, "mcast")) {
		if (sscanf(line, "%63s", a) < 1)
			exit(2);
		multicast(a, answer);
	} else {
		int n;

		if (sscanf(line, "%d %63s %63s", &n, a, b) < 1 || n < 0 || n >= MAX_SOCKS)
			exit(2);
		op_socket(op, n, a, b, answer);
	}
}

static FILE *open_or_die(const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f) {
		perror(path);
		exit(2);
	}
	return f;
}

static char *chomp(char *line)
{
	line[strcspn(line, "\r\n")] = '\0';
	return line;
}

/* Nothing is left of a sequence when the next one begins */
static void run_seq(const char *path, int *right, int *all)
{
	char line[256], copy[256], want[256], have[256], answer[128], id[128];
	FILE *in = open_or_die(path), *out;
	char want_path[4096];
	int n = 0;

	snprintf(want_path, sizeof(want_path), "%.*swant",
		 (int)strlen(path) - 3, path);
	out = open_or_die(want_path);
	while (fgets(line, sizeof(line), in)) {
		chomp(line);
		if (line[0] == 'S' && line[1] == ' ') {
			snprintf(id, sizeof(id), "%.100s", line + 2);
			n = 0;
			reset();
			continue;
		}
		strcpy(copy, line);
		step(copy, answer);
		snprintf(have, sizeof(have), "%.100s.%d\t%.100s\t%.40s", id,
			 ++n, line, answer);
		++*all;
		if (!fgets(want, sizeof(want), out))
			strcpy(want, "(end of file)");
		if (!strcmp(chomp(want), have))
			++*right;
		else
			printf("# %s: have %s, want %s\n", path, have, want);
	}
	fclose(in);
	fclose(out);
}

static const char *row_addr(const char *name)
{
	static const char * const names[][2] = {
		{ "wildcard", "0.0.0.0" }, { "specific1", "127.0.0.1" },
		{ "specific2", "127.0.0.2" }, { "any6_v6only0", "::" },
		{ "any6_v6only1", "::" }, { "mcast239.1.1.1", "239.1.1.1" },
		{ "mcast239.1.1.2", "239.1.1.2" },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!strcmp(name, names[i][0]))
			return names[i][1];
	}
	return name;
}

static struct sock *row_socket(int n, bool udp, const char *addr, char *flags,
			       const char *uid)
{
	struct sock *sk = &socks[n];

	sk->used = true;
	sk->udp = udp;
	sk->s.ipv6 = strchr(row_addr(addr), ':');
	sk->s.v6only = !strcmp(addr, "any6_v6only1");
	set_uid(sk, strcmp(uid, "root") ? uid[1] - '0' : 0);
	set_flags(sk, flags, "+");
	return sk;
}

/* Address of a connection to a socket on @addr */
static const char *row_peer(const char *addr)
{
	if (!strcmp(addr, "any6_v6only1"))
		return "::1";
	if (!strcmp(addr, "wildcard") || !strcmp(addr, "0.0.0.0") ||
	    !strcmp(addr, "any6_v6only0"))
		return "127.0.0.1";
	return row_addr(addr);
}

static void row_state(struct sock *a, const char *addr, const char *state)
{
	bool only = strstr(state, "-only");
	const char *to = row_peer(addr);

	if (!strcmp(state, "bound"))
		return;
	if (strstr(state, "connected")) {
		parse_addr(sem_any(a->s.addr) && strchr(row_addr(addr), ':') ?
			   "::1" : to, a->s.addr);
		a->s.state = SEM_CONNECTED;
		return;
	}
	do_listen(a);
	if (strstr(state, "child") || strstr(state, "timewait"))
		make_child(&socks[2], a, a->s.ipv6 && sem_any(a->s.addr) ?
			   "::1" : to);
	if (strstr(state, "timewait"))
		socks[2].s.state = SEM_TIMEWAIT;
	if (only)
		a->used = false;
}

static void run_bind(const char *path, int *right, int *all)
{
	FILE *in = open_or_die(path);
	char line[512];

	while (fgets(line, sizeof(line), in)) {
		char *f[12], *save = NULL, row[512];
		const char *result, *listen = "-";
		struct sock *a, *b;
		int i;

		strcpy(row, chomp(line));
		for (i = 0; i < 12; i++)
			f[i] = strtok_r(i ? NULL : line, "\t", &save) ?: "";
		if (!strcmp(f[0], "id"))
			continue;
		reset();
		a = row_socket(0, !strcmp(f[1], "udp"), f[2], f[3], f[4]);
		do_bind(a, row_addr(f[2]));
		row_state(a, f[2], f[5]);
		b = row_socket(1, a->udp, f[6], f[7], f[8]);
		result = errname(do_bind(b, row_addr(f[6])));
		if (!strcmp(result, "OK") && !b->udp)
			listen = errname(do_listen(b));
		++*all;
		if (!strcmp(result, f[9]) && !strcmp(listen, f[10]))
			++*right;
		else
			printf("# %s: have %s %s for: %s\n", path, result,
			       listen, row);
	}
	fclose(in);
}

static const struct sem_profile *profile_of(const char *name)
{
	if (!strcmp(name, sem_bsd.name))
		return &sem_bsd;
	if (!strcmp(name, sem_pre39.name))
		return &sem_pre39;
	return NULL;
}

/* Whether all of it is as recorded */
static bool run_file(int number, const char *path)
{
	const char *name = strrchr(path, '/');
	int right = 0, all = 0;
	bool good;

	if (strstr(path, ".bind.tsv"))
		run_bind(path, &right, &all);
	else
		run_seq(path, &right, &all);
	good = right == all && all;
	printf("%sok %d %s: %s %d of %d answers\n", good ? "" : "not ", number,
	       profile->name, name ? name + 1 : path, right, all);
	return good;
}

int main(int argc, char **argv)
{
	int failed = 0, files = 0, i;

	for (i = 1; i < argc; i++)
		files += !profile_of(argv[i]);
	if (!files || !profile_of(argv[1])) {
		fprintf(stderr, "usage: unit bsd|pre39 FILE... [bsd|pre39 FILE...]...\n");
		return 2;
	}
	printf("TAP version 13\n1..%d\n", files);
	for (i = 1, files = 0; i < argc; i++) {
		if (profile_of(argv[i]))
			profile = profile_of(argv[i]);
		else
			failed += !run_file(++files, argv[i]);
	}
	return failed ? 1 : 0;
}
