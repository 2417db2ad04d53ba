/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the files of unit: see unit.c. */
#ifndef REUSE_UNIT_H
#define REUSE_UNIT_H

#include <stdio.h>

#include "../../module/semantics/semantics.h"

#define MAX_SOCKS	64
#define MAX_GROUPS	4

/**
 * struct sock - a socket on the port
 * @s: as the rules see it
 * @used: exists
 * @udp: UDP, otherwise TCP
 * @bound: has the port
 * @child: was accepted
 * @failed: bind() or connect() failed: closed
 * @created: when
 * @listened: when it began to listen
 * @group: the groups that it joined
 * @groups: how many
 */
struct sock {
	struct sem_sock s;
	bool used;
	bool udp;
	bool bound;
	bool child;
	bool failed;
	u64 created;
	u64 listened;
	u8 group[MAX_GROUPS][16];
	int groups;
};

/* unit_host.c */
extern struct sock socks[MAX_SOCKS];
extern const struct sem_profile *profile;
extern u32 native;

void reset(void);
void new_socket(struct sock *sk, bool udp, bool ipv6, u32 uid);
int set_flags(struct sock *sk, char *flags, const char *sep);
void set_flag(struct sock *sk, const char *flag, bool on);
int do_bind(struct sock *sk, const char *text);
int do_listen(struct sock *sk);
void do_connect(struct sock *sk, const char *from);
void do_join(struct sock *sk, const char *group);
struct sock *receiver(bool udp, const char *text);
void make_child(struct sock *child, const struct sock *listener, const char *text);
void multicast(const char *text, char *answer);
const char *errname(int err);

bool on_linux(void);
bool on_port(const struct sock *sk, bool udp);
int ask(struct sem_bind *b, const struct sock *sk, bool search);

/* unit_rules.c: what is wrong with a rule is told in notes */
extern FILE *notes;
void check_rule(const struct sem_bind *b, struct sock *sk, int err);
bool rules_of_errors(void);
bool rules_report(const char *path);
bool rules_in_man(const char *path);

/* unit_native.c */
bool rules_of_native(void);

/* unit_rows.c */
void run_rows(FILE *in, const char *path, int *right, int *all);
void say_rows(FILE *in);

/* unit_seq.c */
void run_seq(FILE *in, const char *path, int *right, int *all);
void say_seq(FILE *in);

char *chomp(char *line);

#endif
