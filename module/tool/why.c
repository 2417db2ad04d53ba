// SPDX-License-Identifier: GPL-2.0
/*
 * "reuse why": would this bind be allowed, and if not, which socket and which process are in the
 * way, by which rule, and what helps? The module answers, without binding anything.
 */
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "filter.h"
#include "json.h"
#include "list.h"
#include "procs.h"
#include "term.h"
#include "why.h"
#include "words.h"

static const char help[] =
"usage: reuse why [OPTION...] [tcp|udp|udplite] ADDRESS:PORT\n"
"\n"
"Would a bind() to that address be allowed? If not, says which socket of which\n"
"process is in the way, by which rule, and what helps. Nothing is bound, and\n"
"nothing changes.\n"
"\n"
"  --reuseaddr     the socket has SO_REUSEADDR\n"
"  --reuseport     it has SO_REUSEPORT\n"
"  --uid USER      it belongs to that user, by name or number; otherwise, to you\n"
"  --v6only 0|1    its IPV6_V6ONLY; otherwise, net.ipv6.bindv6only\n"
"  --dev DEVICE    it is bound to that device\n"
"  --listen        and listen() after bind()?\n"
"  --as SEMANTICS  by those semantics; otherwise, by those in force\n"
"  -j              as JSON\n"
"  -N NETNS        in another network namespace: a name under /run/netns, a\n"
"                  process ID or a path\n"
"\n"
"ADDRESS is 127.0.0.1, [::1], or *, which is [::] with IPV6_V6ONLY 0. Exit\n"
"status: 0 it would be allowed, 1 it would not, 2 wrong usage, 3 the module is\n"
"not loaded, 4 another error.\n";

/* The arguments */
struct request {
	struct netns ns;
	struct question q;
	bool json;
	char uid[16];
};

/* How a column goes into JSON */
static const char * const integers[] = { "uid", "other_uid", "other_inode" };
static const char * const bools[] = {
	"v6only", "reuseaddr", "reuseport", "listen",
	"other_v6only", "other_reuseaddr", "other_reuseport",
};

static bool is_one_of(const char *name, const char * const *names, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

static void print_json(const struct answer *a, const char *holder, const char *remedy)
{
	size_t i;

	json_open(NULL, '{');
	json_bool("allowed", answer_allows(a) ? "1" : "0");
	for (i = 0; i < a->n; i++) {
		const char *name = a->name[i], *value = a->value[i];

		if (is_one_of(name, integers, ARRAY_SIZE(integers)))
			json_integer(name, value);
		else if (is_one_of(name, bools, ARRAY_SIZE(bools)))
			json_bool(name, value);
		else
			json_text(name, strcmp(value, "-") ? value : NULL);
	}
	json_text("sentence", rule_sentence(answer_get(a, "rule")));
	json_text("other_process", *holder ? holder : NULL);
	json_text("remedy", *remedy ? remedy : NULL);
	json_close('}');
	json_end();
}

/* The columns have the names that the log has for a bind that was made */
static void set_event(const struct answer *a, struct event *e)
{
	size_t i;

	*e = (struct event){ .count = 1 };
	for (i = 0; i < EVENT_COLS; i++)
		e->col[i] = answer_get(a, event_name[i]);
	e->col[E_CALL] = *answer_get(a, "listen") == '1' ? "listen" : "bind";
}

static void print_words(const struct event *e, const struct event_holders *holders,
			const char *remedy)
{
	char *text;
	size_t len;
	FILE *out = need_memory(open_memstream(&text, &len));

	event_words(out, e, holders);
	if (*remedy)
		fprintf(out, "    what helps: %s\n", remedy);
	fclose(out);
	term_wrap(text, INDENTED);
	free(text);
}

static void print_answer(const struct request *r, const struct answer *a)
{
	struct event_holders holders;
	char remedy[REMEDY_LEN] = "";
	struct event e;

	set_event(a, &e);
	event_want_holders(&e);
	if (strcmp(e.col[E_OTHER_INODE], "-"))
		procs_scan();
	event_find_holders(&e, &holders);
	if (!answer_allows(a))
		remedy_find(&r->ns, &r->q, a, holders.other, remedy);
	if (r->json)
		print_json(a, holders.other, remedy);
	else
		print_words(&e, &holders, remedy);
	if (!*holders.other && strcmp(e.col[E_OTHER_INODE], "-"))
		procs_say_hidden();
	procs_free();
}

static int say_error(const struct request *r, int err)
{
	struct table t;

	if ((err == -EPERM || err == -EACCES) && *r->ns.path) {
		say("it takes root to ask in the network namespace %s", r->ns.label);
		return FAILED;
	}
	switch (-err) {
	case ENOENT:
		err = list_read(&r->ns, &t);
		table_free(&t);
		if (!err)
			say("this module cannot be asked: it is older than this program");
		return err ? err : FAILED;
	case EIO:
		say("the module was unloaded meanwhile");
		return NO_MODULE;
	case ENODEV:
		say("there is no device %s", r->q.dev ?: "?");
		return FAILED;
	case EINVAL:
		if (r->q.semantics && say_unknown(r->q.semantics))
			return FAILED;
		say("the module does not take this; dmesg | grep reuse_why says which word");
		return FAILED;
	case EAFNOSUPPORT:
	case EPROTONOSUPPORT:
	case ESOCKTNOSUPPORT:
		say("this kernel has no such sockets");
		return FAILED;
	case EBADMSG:
		say("the module's answer has a form that this program does not know");
		return FAILED;
	default:
		say("cannot ask about %s: %s", r->ns.label, strerror(-err));
		return FAILED;
	}
}

/* With --listen the call that is refused may be bind() or listen() */
static int answer(const struct request *r)
{
	struct question q = r->q;
	struct answer a;
	int err;

	q.listen = false;
	err = ask(&r->ns, &q, &a);
	if (!err && r->q.listen && answer_allows(&a))
		err = ask(&r->ns, &r->q, &a);
	if (err)
		return say_error(r, err);
	print_answer(r, &a);
	return answer_allows(&a) ? DONE : NOTHING;
}

static bool read_user(struct request *r, const char *user)
{
	const struct passwd *pw;
	unsigned long uid;

	if (!to_number(user, &uid)) {
		pw = getpwnam(user);
		if (!pw) {
			say("there is no user '%s'", user);
			return false;
		}
		uid = pw->pw_uid;
	}
	snprintf(r->uid, sizeof(r->uid), "%lu", uid);
	r->q.uid = r->uid;
	return true;
}

static bool read_flag(const char *option, const char *flag, const char **value)
{
	*value = flag;
	if (!strcmp(flag, "0") || !strcmp(flag, "1"))
		return true;
	say("--%s takes 0 or 1", option);
	return false;
}

/* A word that goes into the question as it is */
static bool read_name(const char *option, const char *name, const char **value)
{
	*value = name;
	if (*name && !strpbrk(name, " \t\n="))
		return true;
	say("--%s: '%s' is no name", option, name);
	return false;
}

static bool read_address(struct request *r, const char *word)
{
	struct filter_address at;

	if (*r->q.address || !filter_address_parse(word, &at) || !at.addr || !at.port ||
	    !at.key.port) {
		say("'%s' is no address and port: reuse why 0.0.0.0:8080", word);
		return false;
	}
	if (*word != '*') {
		snprintf(r->q.address, sizeof(r->q.address), "%s", word);
		return true;
	}
	if (r->q.v6only && *r->q.v6only == '1') {
		say("* is [::] for IPv4 as well: write [::]:%u", at.key.port);
		return false;
	}
	snprintf(r->q.address, sizeof(r->q.address), "[::]:%u", at.key.port);
	r->q.v6only = "0";
	return true;
}

static bool read_words(struct request *r, char * const *words)
{
	uint8_t proto;

	r->q.proto = "tcp";
	for (; *words; words++) {
		if (key_proto(*words, &proto))
			r->q.proto = *words;
		else if (!read_address(r, *words))
			return false;
	}
	if (!*r->q.address) {
		say("why needs an address and a port: reuse why 0.0.0.0:8080");
		return false;
	}
	if (r->q.listen && strcmp(r->q.proto, "tcp")) {
		say("only TCP sockets listen");
		return false;
	}
	return true;
}

static bool read_option(struct request *r, int c, const char **netns)
{
	switch (c) {
	case 'N':
		*netns = optarg;
		return true;
	case 'j':
		r->json = true;
		return true;
	case 'A':
		r->q.reuseaddr = true;
		return true;
	case 'P':
		r->q.reuseport = true;
		return true;
	case 'l':
		r->q.listen = true;
		return true;
	case 'u':
		return read_user(r, optarg);
	case '6':
		return read_flag("v6only", optarg, &r->q.v6only);
	case 'd':
		return read_name("dev", optarg, &r->q.dev);
	case 's':
		return read_name("as", optarg, &r->q.semantics);
	default:
		return false;
	}
}

/**
 * why_main() - "reuse why"
 * @argc: number of arguments
 * @argv: the arguments; the first is the command
 *
 * Return: an exit status.
 */
int why_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "reuseaddr", no_argument, NULL, 'A' },
		{ "reuseport", no_argument, NULL, 'P' },
		{ "listen", no_argument, NULL, 'l' },
		{ "uid", required_argument, NULL, 'u' },
		{ "v6only", required_argument, NULL, '6' },
		{ "dev", required_argument, NULL, 'd' },
		{ "as", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	const char *netns = NULL;
	struct request r = {};
	int c;

	argv[0] = "reuse why";
	while ((c = getopt_long(argc, argv, "N:jh", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return DONE;
		}
		if (!read_option(&r, c, &netns))
			return USAGE;
	}
	if (!read_words(&r, argv + optind))
		return USAGE;
	return netns_find(&r.ns, netns) ? answer(&r) : FAILED;
}
