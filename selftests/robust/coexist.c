// SPDX-License-Identifier: GPL-2.0
/* Tracers attach to the functions that the module intercepts: both work. */
#include <fcntl.h>
#include <linux/btf.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include "bpf.h"
#include "events.h"
#include "harness.h"
#include "rules.h"

#define TRACING		"/sys/kernel/tracing/"

static bool trace(const char *path, int flags, const char *line)
{
	errno = -try_write(path, flags, line, strlen(line));
	return !errno;
}

static int count(const char *path, const char *word)
{
	char *s = slurp(path), *at;
	int n = 0;

	for (at = s; (at = strstr(at, word)); at++)
		n++;
	free(s);
	return n;
}

/* 0.0.0.0 and then ::, no options: only a BSD lets them */
static bool second_binds(const char *proto)
{
	static const struct rules_sock first = { "0.0.0.0", 0, 0 }, second = { "[::]", 0, 0 };
	int a = rules_open(proto, &first), b = rules_open(proto, &second), err;

	if (rules_bind(a, &first, PORT))
		die("bind");
	err = rules_bind(b, &second, PORT);
	close(a);
	close(b);
	return !err;
}

/* A bind() that the kernel refuses by itself is logged */
static bool log_as_ever(void)
{
	int s = sock_open("tcp", AF_INET, 0);
	bool logged;

	events_begin("refused");
	sock_try_bind(s, "192.0.2.1" AT_PORT);
	close(s);
	logged = !events_expect("rule=not-local");
	events_begin("off");
	return logged;
}

/* Each of the three answers as it should, and all that can be intercepted is used */
static bool all_as_ever(void)
{
	const struct family *f = &families[V4];
	int a = sock_bind("tcp", f->listen, S_LISTEN), one = 1;
	struct pair pair;
	bool hidden;

	sock_pair(&pair, a, f->connect);
	close(pair.server);
	sock_abort(pair.client);
	semantics_set(PRE39);
	hidden = setsockopt(a, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) && errno == ENOPROTOOPT;
	close(a);
	if (!hidden || !log_as_ever() || second_binds("tcp") || second_binds("udp"))
		return false;
	semantics_set(semantics_bsd());
	return second_binds("tcp") && second_binds("udp");
}

static bool native_again(void)
{
	semantics_set(NATIVE);
	return !second_binds("tcp") && !second_binds("udp") && nothing_hooked(NULL);
}

/* Probes of entry (p) and return (r) */
static bool add_kprobes(const char *kind)
{
	const char * const *name;
	int n = 0;

	for (name = semantics_functions; *name; name++)
		n += trace(TRACING "kprobe_events", O_APPEND,
			   text("%s:reuse_test/%s_%s %s\n", kind, kind, *name, *name));
	return n > 8;
}

static void remove_kprobes(void)
{
	const char * const *name;

	trace(TRACING "events/reuse_test/enable", 0, "0");
	for (name = semantics_functions; *name; name++) {
		trace(TRACING "kprobe_events", O_APPEND, text("-:reuse_test/p_%s\n", *name));
		trace(TRACING "kprobe_events", O_APPEND, text("-:reuse_test/r_%s\n", *name));
	}
	close(open(TRACING "trace", O_WRONLY | O_TRUNC));
}

static void remove_tracer(void)
{
	write_file(TRACING "current_tracer", "nop");
	close(open(TRACING "set_ftrace_filter", O_WRONLY | O_TRUNC));
	close(open(TRACING "trace", O_WRONLY | O_TRUNC));
}

static bool tracer_is_free;

static void __attribute__((constructor)) look_at_tracer(void)
{
	tracer_is_free = !access(HOOKED, R_OK) && count(TRACING "current_tracer", "nop");
}

/* Also after a test that died */
static void __attribute__((destructor)) leave_no_trace(void)
{
	if (!tracer_is_free)
		return;
	remove_tracer();
	remove_kprobes();
}

FIXTURE(with) {};

FIXTURE_VARIANT(with) {
	bool first;
};

FIXTURE_VARIANT_ADD(with, others_first) { true };
FIXTURE_VARIANT_ADD(with, us_first) { false };

FIXTURE_SETUP(with)
{
	if (access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	if (access(HOOKED, R_OK))
		SKIP(return, "no tracefs");
	if (!tracer_is_free)
		SKIP(return, "the tracer is in use");
	new_netns();
	if (!variant->first)
		semantics_set(semantics_bsd());
}

FIXTURE_TEARDOWN(with)
{
}

/* The first to come is the first to leave */
static void expect_company(struct __test_metadata *_metadata, bool first, const char *hit,
			   void (*leave)(void))
{
	EXPECT_TRUE(all_as_ever());
	if (hit)
		EXPECT_LT(0, count(TRACING "trace", hit));
	if (!first)
		EXPECT_TRUE(native_again());
	leave();
	if (first) {
		EXPECT_TRUE(second_binds("tcp") && second_binds("udp"));
		EXPECT_TRUE(native_again());
	}
}

TEST_F_TIMEOUT(with, kprobes, 250)
{
	if (!add_kprobes("p") || !add_kprobes("r"))
		SKIP(return, "no kprobe events");
	write_file(TRACING "events/reuse_test/enable", "1");
	EXPECT_EQ(!variant->first, second_binds("tcp"));
	EXPECT_LT(0, count(TRACING "trace", "<- inet_csk_get_port"));
	expect_company(_metadata, variant->first, "inet_csk_get_port: (", remove_kprobes);
}

static void expect_tracer(struct __test_metadata *_metadata, bool first, const char *tracer,
			  const char *hit)
{
	const char * const *name;

	for (name = semantics_functions; *name; name++)
		trace(TRACING "set_ftrace_filter", O_APPEND, *name);
	if (!trace(TRACING "current_tracer", 0, tracer))
		SKIP(return, "no such tracer");
	expect_company(_metadata, first, hit, remove_tracer);
}

TEST_F_TIMEOUT(with, function_tracer, 250)
{
	expect_tracer(_metadata, variant->first, "function", "inet_csk_get_port <-");
}

TEST_F_TIMEOUT(with, function_graph_tracer, 250)
{
	expect_tracer(_metadata, variant->first, "function_graph", "inet_csk_get_port(");
}

/* Number of a function in the kernel's BTF, 0 if it is not there */
static unsigned int btf_id(const char *name)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC), n;
	const struct btf_header *h;
	const struct btf_type *t;
	const char *s, *end;
	char *data;
	struct stat st;
	unsigned int id = 1;

	if (fd < 0)
		return 0;
	fstat(fd, &st);
	data = malloc(st.st_size);
	for (s = data; (n = read(fd, (char *)s, 1 << 20)) > 0;)
		s += n;
	close(fd);
	h = (void *)data;
	s = data + h->hdr_len + h->type_off;
	end = s + h->type_len;
	for (; s < end; id++) {
		static const char each[] = {
			[BTF_KIND_ARRAY] = 12, [BTF_KIND_STRUCT] = -12, [BTF_KIND_UNION] = -12,
			[BTF_KIND_ENUM] = -8, [BTF_KIND_FUNC_PROTO] = -8, [BTF_KIND_INT] = 4,
			[BTF_KIND_VAR] = 4, [BTF_KIND_DATASEC] = -12, [BTF_KIND_DECL_TAG] = 4,
			[BTF_KIND_ENUM64] = -12, [32] = 0,
		};
		int kind, extra;

		t = (void *)s;
		kind = BTF_INFO_KIND(t->info);
		if (kind == BTF_KIND_FUNC &&
		    !strcmp(data + h->hdr_len + h->str_off + t->name_off, name))
			break;
		extra = each[kind];
		if (extra < 0)
			extra *= -(int)BTF_INFO_VLEN(t->info);
		s += sizeof(*t) + extra;
	}
	if (s >= end)
		id = 0;
	free(data);
	return id;
}

/* An empty BPF program at the entry (or exit) of a function; -1 with errno */
static int attach(const char *name, int type)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_TRACING, .expected_attach_type = type,
		.insns = (unsigned long)insns, .insn_cnt = 2,
		.license = (unsigned long)"GPL", .attach_btf_id = btf_id(name),
	};
	int prog, link, err;

	if (!attr.attach_btf_id) {
		errno = ENOENT;
		return -1;
	}
	prog = sys_bpf(BPF_PROG_LOAD, &attr);
	if (prog < 0)
		return -1;
	memset(&attr, 0, sizeof(attr));
	attr.raw_tracepoint.prog_fd = prog;
	link = sys_bpf(BPF_RAW_TRACEPOINT_OPEN, &attr);
	err = errno;
	close(prog);
	errno = err;
	return link;
}

static int links[32];
static unsigned int n_links;

static void detach_all(void)
{
	while (n_links)
		close(links[--n_links]);
}

/*
 * An empty program at the entry or the exit of each: whether there are any.
 * Not both: Linux 6.1 cannot add the one to the other on a function that is
 * redirected, by a livepatch say, and loses track of what it has attached.
 */
static bool attach_all(struct __test_metadata *_metadata, bool first)
{
	unsigned int i;

	for (i = 0; semantics_functions[i]; i++) {
		const char *name = semantics_functions[i];

		links[n_links] = attach(name, i % 2 ? BPF_TRACE_FEXIT : BPF_TRACE_FENTRY);
		if (links[n_links] >= 0)
			n_links++;
		else if (errno == EBUSY && !first)
			TH_LOG("%s: the program is refused", name);
		/* The others may not be there, or have arguments that BPF cannot have */
		else if (!i)
			return false;
	}
	return true;
}

/* Before 6.0 one of the two is refused, and says so; then both live together */
TEST_F_TIMEOUT(with, bpf, 250)
{
	int err;

	if (!attach_all(_metadata, variant->first))
		SKIP(return, "no such BPF programs here: %m");
	EXPECT_LT(0, n_links);
	/* These want all that can be intercepted */
	err = semantics_try(PRE39);
	if (!err) {
		expect_company(_metadata, variant->first, NULL, detach_all);
		return;
	}
	TH_LOG("the switch is refused");
	EXPECT_EQ(EBUSY, err);
	EXPECT_EQ(variant->first ? NATIVE : semantics_bsd(), semantics_seen(PORT));
	EXPECT_LT(0, strlen(slurp(REUSE_FILE)));
	EXPECT_TRUE(native_again());
	detach_all();
	EXPECT_TRUE(all_as_ever());
	EXPECT_TRUE(native_again());
}

TEST_HARNESS_MAIN
