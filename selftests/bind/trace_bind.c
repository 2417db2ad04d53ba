// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoint reuse_bind says of each bind() and listen() what was decided, what this kernel
 * says, and which socket decided.
 */
#include <netinet/in.h>

#include "harness.h"
#include "traces.h"
#include "variants.h"

#define EVENT	"reuse_bind"
#define ONE	"127.0.0.1" AT_PORT
#define ONE6	"[::1]" AT_PORT
#define NOTHING	"0.0.0.0:0"

FIXTURE(bind) {};

FIXTURE_VARIANT(bind) {
	enum semantics semantics;
};

ADD_SEMANTICS(bind);

FIXTURE_SETUP(bind)
{
	if (access(SEMANTICS, F_OK) || !tracefs_there(EVENT))
		SKIP(return, "no net.reuse.semantics, or no tracepoints");
	new_netns();
	lo_up();
	semantics_set(variant->semantics);
	errno = tracefs_enable(EVENT, true);
	if (errno)
		die("cannot enable " EVENT);
	tracefs_forget();
}

FIXTURE_TEARDOWN(bind)
{
	tracefs_enable(EVENT, false);
}

/* Each "field=value" of @want is in the event */
static void expect_fields(struct __test_metadata *_metadata, const struct tracefs_event *e,
			  const char *want)
{
	char *copy = strdup(want), *rest = copy, *word;

	while ((word = strsep(&rest, " "))) {
		char *value = strchr(word, '=');

		*value++ = '\0';
		EXPECT_STREQ(value, tracefs_field(e, word))
			TH_LOG("%s of: %s", word, e->text);
	}
	free(copy);
}

/* The only event since the last time */
static struct tracefs_event *only_event(struct __test_metadata *_metadata, const char *of)
{
	struct tracefs_event *e = tracefs_read(EVENT);

	EXPECT_TRUE(e && !e->next)
		TH_LOG("%s: %s", of, e ? "several events" : "no event");
	return e;
}

static const char *semantics_field(enum semantics column)
{
	return text("semantics=%s", semantics_name[column]);
}

/* A bind that is free, one that is refused, and listen() */
static void expect_events(struct __test_metadata *_metadata, enum semantics column,
			  const char *proto, const char *addr)
{
	const char *word = strchr(addr, '[') ? text("%s6", proto) : proto;
	const char *of = text("%s on %s", word, addr), *all;
	int first = sock_open(proto, sock_family(addr), 0), second;
	struct tracefs_event *e;

	all = text("proto=%s local_address=%s dev=0 uid=0 pid=%d %s", word, addr,
		   getpid(), semantics_field(column));
	EXPECT_EQ(0, sock_try_bind(first, addr));
	e = only_event(_metadata, of);
	if (e) {
		expect_fields(_metadata, e, all);
		expect_fields(_metadata, e, "call=bind verdict=ok native=ok rule=-");
		expect_fields(_metadata, e, "other_address=" NOTHING " other_state=-");
		expect_fields(_metadata, e, "other_uid=-1 other_inode=0");
	}
	second = sock_open(proto, sock_family(addr), 0);
	EXPECT_EQ(EADDRINUSE, sock_try_bind(second, addr));
	e = only_event(_metadata, of);
	if (e) {
		expect_fields(_metadata, e, all);
		expect_fields(_metadata, e, "call=bind verdict=EADDRINUSE native=EADDRINUSE");
		expect_fields(_metadata, e, "other_state=bound other_uid=0 other_dev=0");
		expect_fields(_metadata, e, "other_reuseaddr=0 other_reuseport=0");
		expect_fields(_metadata, e, text("other_address=%s other_inode=%lu", addr,
						 inode_of(first)));
		EXPECT_STRNE("-", tracefs_field(e, "rule"));
	}
	if (!strcmp(proto, "tcp")) {
		EXPECT_EQ(0, listen(first, 1));
		e = only_event(_metadata, of);
		if (e)
			expect_fields(_metadata, e, "call=listen verdict=ok native=ok");
	}
	close(first);
	close(second);
}

TEST_F(bind, allowed_and_refused)
{
	expect_events(_metadata, variant->semantics, "tcp", ONE);
	expect_events(_metadata, variant->semantics, "tcp", ONE6);
	expect_events(_metadata, variant->semantics, "udp", ONE);
	expect_events(_metadata, variant->semantics, "udp", ONE6);
}

/* 0.0.0.0 and then ::, without options: a BSD lets them; on OpenBSD that is IPV6_V6ONLY */
TEST_F(bind, otherwise_than_natively)
{
	int a = sock_bind("tcp", "0.0.0.0" AT_PORT, 0), b = sock_open("tcp", AF_INET6, 0);
	struct tracefs_event *e;
	int err;

	tracefs_forget();
	err = sock_try_bind(b, "[::]" AT_PORT);
	EXPECT_EQ(variant->semantics < BSD ? EADDRINUSE : 0, err);
	e = only_event(_metadata, "the second");
	ASSERT_TRUE(e);
	expect_fields(_metadata, e, err ? "verdict=EADDRINUSE" : "verdict=ok");
	if (variant->semantics == OPENBSD) {
		expect_fields(_metadata, e, "v6only=1 native=ok");
	} else {
		expect_fields(_metadata, e, "v6only=0 native=EADDRINUSE rule=in-use");
		expect_fields(_metadata, e, text("other_inode=%lu", inode_of(a)));
	}
	close(a);
	close(b);
}

/* bind() to port 0 is one event, with the port that was found */
TEST_F(bind, any_port)
{
	int fd = sock_bind("tcp", "127.0.0.1:0", 0);
	struct tracefs_event *e = only_event(_metadata, "port 0");

	ASSERT_TRUE(e);
	expect_fields(_metadata, e, text("verdict=ok local_address=%s", sock_name(fd)));
	close(fd);
}

static const char * const bind_fields[] = {
	"netns", "pid", "comm", "uid", "call", "proto", "local_address", "dev", "port", "v6only",
	"reuseaddr", "reuseport", "semantics", "verdict", "native", "rule", "other_address",
	"other_dev", "other_state", "other_uid", "other_reuseaddr", "other_reuseport",
	"other_inode", NULL
};

static const char * const deliver_fields[] = {
	"netns", "proto", "saddr", "daddr", "sport", "dport", "semantics", "verdict", "inode",
	"native_inode", NULL
};

/* The format file has these fields, in this order, beside those of all events */
static void expect_format(struct __test_metadata *_metadata, const char *event,
			  const char * const *field)
{
	char *format = slurp(text(TRACEFS "events/reuse/%s/format", event)), *line;

	while ((line = strsep(&format, "\n"))) {
		char *name, *end = strpbrk(line, "[;");

		if (!end || !strstr(line, "field:") || strstr(line, " common_"))
			continue;
		*end = '\0';
		name = strrchr(line, ' ') + 1;
		EXPECT_STREQ(*field ?: "nothing", name);
		field += !!*field;
	}
	EXPECT_EQ(NULL, *field);
}

/* The fields are those that reuse(7) has, for programs that rely on them */
TEST_F(bind, has_the_documented_fields)
{
	expect_format(_metadata, "reuse_bind", bind_fields);
	expect_format(_metadata, "reuse_deliver", deliver_fields);
}

/* A filter of tracefs takes words, and the port as a number */
TEST_F(bind, filter)
{
	const char *other = "127.0.0.1:30001";
	struct tracefs_event *e;
	int fd[2];

	tracefs_filter(EVENT, "port == 30001 && verdict == \"ok\" && proto == \"udp\"");
	fd[0] = sock_bind("udp", ONE, 0);
	fd[1] = sock_bind("udp", other, 0);
	e = only_event(_metadata, "the filter");
	ASSERT_TRUE(e);
	expect_fields(_metadata, e, text("local_address=%s", other));
	tracefs_filter(EVENT, "0");
	close(fd[0]);
	close(fd[1]);
}

TEST_HARNESS_MAIN
