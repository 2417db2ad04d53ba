// SPDX-License-Identifier: GPL-2.0
/* NAME.seq.want: sequences of operations on one port, with the answers. */
#include <ctype.h>
#include <stdlib.h>

#include "unit.h"

static void op_new(char *rest, char *answer)
{
	char proto[8], family[8];
	int n, uid, used;

	if (sscanf(rest, "%d %7s %7s %d%n", &n, proto, family, &uid,
		   &used) != 4 || n < 0 || n >= MAX_SOCKS)
		exit(2);
	new_socket(&socks[n], !strcmp(proto, "udp"), !strcmp(family, "6"), uid);
	strcpy(answer, errname(set_flags(&socks[n], rest + used, " ")));
}

static void op_probe(const char *proto, const char *addr, char *answer)
{
	bool udp = !strcmp(proto, "udp");
	struct sock *sk = receiver(udp, addr);

	if (sk && (udp || sk->s.state == SEM_LISTEN))
		sprintf(answer, "%d", (int)(sk - socks));
	else if (udp)
		strcpy(answer, "nobody");
	else
		strcpy(answer, sk && profile->drops_refused ? "ETIMEDOUT" : "ECONNREFUSED");
}

static void op_estab(struct sock *child, const char *addr, char *answer)
{
	op_probe("tcp", addr, answer);
	memset(child, 0, sizeof(*child));
	if (isdigit(*answer))
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
		do_join(sk, a);
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
		op_new(line, answer);
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

/* Of a key ID.STEP: is it another sequence than @id, which becomes that? */
static bool is_other(char *id, size_t size, const char *key)
{
	size_t len = strrchr(key, '.') ? strrchr(key, '.') - key : 0;

	if (!len)
		exit(2);
	if (strlen(id) == len && !strncmp(id, key, len))
		return false;
	snprintf(id, size, "%.*s", (int)len, key);
	return true;
}

/* A line is ID.STEP, the operation and the answer. Nothing of a sequence is left for the next */
void run_seq(FILE *in, const char *path, int *right, int *all)
{
	char line[256], id[128] = "";

	while (fgets(line, sizeof(line), in)) {
		char *save = NULL, copy[256], answer[128];
		char *key = strtok_r(chomp(line), "\t", &save);
		char *op = strtok_r(NULL, "\t", &save);
		char *want = strtok_r(NULL, "\t", &save);

		if (!want)
			exit(2);
		if (is_other(id, sizeof(id), key))
			reset();
		strcpy(copy, op);
		step(copy, answer);
		++*all;
		if (!strcmp(want, answer))
			++*right;
		else
			printf("# %s: %s: %s: have %s, want %s\n", path, key, op, answer, want);
	}
}

/* The sequences with the answers of the profile; of a .seq.txt file, which has none, too */
void say_seq(FILE *in)
{
	char line[256], id[128] = "", copy[256], answer[128];
	int n = 0;

	while (fgets(line, sizeof(line), in)) {
		char *save = NULL, *op, *key;

		if (!strchr(chomp(line), '\t')) {
			if (sscanf(line, "S %127s", id) == 1) {
				reset();
				n = 0;
			} else if (*line) {
				strcpy(copy, line);
				step(copy, answer);
				printf("%s.%d\t%s\t%s\n", id, ++n, line, answer);
			}
			continue;
		}
		key = strtok_r(line, "\t", &save);
		op = strtok_r(NULL, "\t", &save);
		if (is_other(id, sizeof(id), key))
			reset();
		strcpy(copy, op);
		step(copy, answer);
		printf("%s\t%s\t%s\n", key, op, answer);
	}
}
