// SPDX-License-Identifier: GPL-2.0
/* Tracers attach to the functions that the module intercepts: both work. */
#include <fcntl.h>
#include <linux/btf.h>
#include <sched.h>
#include <sys/stat.h>

#include "bpf.h"
#include "calls.h"
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

/* The lines of enabled_functions while all functions are intercepted that ever are */
static char *ours;

/* Of semantics_functions[]: a kernel may have some that the module leaves alone */
static bool is_ours(const char *function)
{
	return strstr(ours, text("%s (", function));
}

/* Which of them somebody else looks at, too */
static bool watched[64];

/*
 * Probes of entry and return, in pairs. A line of dynamic_events makes one: its type and name,
 * the function, and the end of the line.
 */
static const struct probe {
	const char *type;
	const char *name;
	const char *end;
} probes[] = {
	{ "p", "p", "" }, { "r", "r", "" },
	{ "f", "f", "" }, { "f", "x", "%return" },
};

#define KPROBES		(&probes[0])
#define FPROBES		(&probes[2])

/* A probe of each function */
static bool add_probes(const struct probe *p)
{
	int i, n = 0;

	for (i = 0; semantics_functions[i]; i++) {
		const char *function = semantics_functions[i];

		watched[i] = is_ours(function) &&
			     trace(TRACING "dynamic_events", O_APPEND,
				   text("%s:reuse_test/%s_%s %s%s\n", p->type, p->name, function,
					function, p->end));
		n += watched[i];
	}
	return n > 8;
}

static void remove_probes(void)
{
	const char * const *name;
	size_t i;

	trace(TRACING "events/reuse_test/enable", 0, "0");
	for (name = semantics_functions; *name; name++) {
		for (i = 0; i < ARRAY_SIZE(probes); i++)
			trace(TRACING "dynamic_events", O_APPEND,
			      text("-:reuse_test/%s_%s\n", probes[i].name, *name));
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
	remove_probes();
}

/* Namespaces for which all functions are intercepted, whatever the test's own does */
static const enum semantics held[] = { PRE39, OPENBSD, DARWIN };
static int holders[ARRAY_SIZE(held)];

static void hold(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(held); i++) {
		new_netns();
		semantics_set(held[i]);
		events_begin("refused");
		holders[i] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	}
	ours = slurp(HOOKED);
}

/* Each function that we intercept is one that the others may look at */
static void expect_watched(struct __test_metadata *_metadata)
{
	int i;

	for (i = 0; semantics_functions[i]; i++)
		EXPECT_EQ(is_ours(semantics_functions[i]), watched[i])
			TH_LOG("not %s()", semantics_functions[i]);
}

static void let_go(void)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(held); i++) {
		if (holders[i] <= 0)
			continue;
		if (setns(holders[i], CLONE_NEWNET))
			die("setns");
		events_begin("off");
		semantics_set(NATIVE);
		close(holders[i]);
		holders[i] = 0;
	}
	if (setns(home, CLONE_NEWNET))
		die("setns");
	close(home);
}

/* No function is intercepted any more */
static bool native_again(void)
{
	semantics_set(NATIVE);
	let_go();
	return !second_binds("tcp") && !second_binds("udp") && nothing_hooked(NULL);
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
	hold();
	if (variant->first) {
		let_go();
		ASSERT_TRUE(wait_for(nothing_hooked, NULL, 60000));
	}
	new_netns();
}

FIXTURE_TEARDOWN(with)
{
}

/* One of the watched functions that the trace does not have, between BEFORE and AFTER */
static const char *missed(const char *before, const char *after)
{
	const char *missed = NULL;
	char *s = slurp(TRACING "trace");
	int i;

	for (i = 0; semantics_functions[i] && !missed; i++) {
		const char *name = semantics_functions[i];

		if (watched[i] && !strstr(s, text("%s%s%s", before, name, after)))
			missed = name;
	}
	free(s);
	return missed;
}

/* Both we and the others see each call of a function that is intercepted */
static void expect_calls(struct __test_metadata *_metadata, const char *before, const char *after)
{
	const char *wrong = calls_wrong(), *unseen = before ? missed(before, after) : NULL;

	EXPECT_EQ(NULL, wrong)
		TH_LOG("wrong: %s", wrong);
	EXPECT_EQ(NULL, unseen)
		TH_LOG("they did not see %s()", unseen);
}

/* The first to come is the first to leave */
static void expect_departure(struct __test_metadata *_metadata, bool first, void (*leave)(void))
{
	const char *wrong;

	if (!first)
		EXPECT_TRUE(native_again());
	leave();
	if (!first)
		return;
	wrong = calls_wrong();
	EXPECT_EQ(NULL, wrong)
		TH_LOG("wrong after the others have left: %s", wrong);
	EXPECT_TRUE(native_again());
}

static void expect_probes(struct __test_metadata *_metadata, bool first, const struct probe *p)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (!add_probes(&p[i]))
			SKIP(return, "no such probes");
		expect_watched(_metadata);
	}
	write_file(TRACING "events/reuse_test/enable", "1");
	expect_calls(_metadata, text(": %s_", p[0].name), ": (");
	EXPECT_EQ(NULL, missed(text(": %s_", p[1].name), ": ("));
	expect_departure(_metadata, first, remove_probes);
}

TEST_F_TIMEOUT(with, kprobes, 250)
{
	expect_probes(_metadata, variant->first, KPROBES);
}

TEST_F_TIMEOUT(with, fprobes, 250)
{
	expect_probes(_metadata, variant->first, FPROBES);
}

static void expect_tracer(struct __test_metadata *_metadata, bool first, const char *tracer,
			  const char *after)
{
	int i, n = 0;

	for (i = 0; semantics_functions[i]; i++) {
		watched[i] = is_ours(semantics_functions[i]) &&
			     trace(TRACING "set_ftrace_filter", O_APPEND,
				   text("%s\n", semantics_functions[i]));
		n += watched[i];
	}
	EXPECT_LT(8, n);
	expect_watched(_metadata);
	if (!trace(TRACING "current_tracer", 0, tracer))
		SKIP(return, "no such tracer");
	expect_calls(_metadata, " ", after);
	expect_departure(_metadata, first, remove_tracer);
}

TEST_F_TIMEOUT(with, function_tracer, 250)
{
	expect_tracer(_metadata, variant->first, "function", " <-");
}

TEST_F_TIMEOUT(with, function_graph_tracer, 250)
{
	expect_tracer(_metadata, variant->first, "function_graph", "(");
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
		static const signed char each[] = {
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

/* Programs, each at the entry or the exit of a function */
static struct program {
	const char *function;
	int fd;
	int link;
} programs[64];
static unsigned int n_programs;

/* An empty BPF program for the entry (or exit) of a function; -1 with errno */
static int load(const char *function, int type)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_TRACING, .expected_attach_type = type,
		.insns = (unsigned long)insns, .insn_cnt = 2,
		.license = (unsigned long)"GPL", .attach_btf_id = btf_id(function),
	};

	if (!attr.attach_btf_id) {
		errno = ENOENT;
		return -1;
	}
	return sys_bpf(BPF_PROG_LOAD, &attr);
}

static int attach(int program)
{
	union bpf_attr attr = { .raw_tracepoint.prog_fd = program };

	return program < 0 ? -1 : sys_bpf(BPF_RAW_TRACEPOINT_OPEN, &attr);
}

static void detach_all(void)
{
	while (n_programs) {
		n_programs--;
		close(programs[n_programs].link);
		close(programs[n_programs].fd);
	}
}

/* A function that is called without its program; enabled statistics count how often these run */
static const char *unnoticed(void)
{
	unsigned int i;

	for (i = 0; i < n_programs; i++) {
		struct bpf_prog_info info = {};
		union bpf_attr attr = {
			.info.bpf_fd = programs[i].fd, .info.info_len = sizeof(info),
			.info.info = (unsigned long)&info,
		};

		if (sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr))
			die("BPF_OBJ_GET_INFO_BY_FD");
		if (!info.run_cnt)
			return programs[i].function;
	}
	return NULL;
}

#define NO_TRAMPOLINES	524	/* ENOTSUPP, which only the kernel has */

/*
 * An empty program at each function that BPF knows, of which some have arguments that it cannot
 * have. Returns NULL, or why no function can have one.
 */
static const char *attach_all(struct __test_metadata *_metadata, bool first, int type)
{
	int i, refused = 0, why = ENOENT;

	for (i = 0; semantics_functions[i]; i++) {
		struct program *p = &programs[n_programs];

		if (!is_ours(semantics_functions[i]))
			continue;
		p->function = semantics_functions[i];
		p->fd = load(p->function, type);
		p->link = attach(p->fd);
		if (p->link >= 0) {
			n_programs++;
			continue;
		}
		if (errno != ENOENT)
			why = errno;
		if (errno == EBUSY && !first) {
			TH_LOG("%s: the program is refused", p->function);
			refused++;
		}
		close(p->fd);
	}
	if (n_programs || refused)
		return NULL;
	if (why == NO_TRAMPOLINES)
		return "this kernel has no BPF trampolines";
	return why == ENOENT ? "BTF has none of the functions" : strerror(why);
}

/* Before 6.0 one of the two is refused, and says so; then both live together */
static void expect_programs(struct __test_metadata *_metadata, bool first, int type)
{
	const char *why = attach_all(_metadata, first, type), *missed;
	union bpf_attr attr = { .enable_stats.type = BPF_STATS_RUN_TIME };
	int err;

	if (why)
		SKIP(return, "no program can be attached: %s", why);
	EXPECT_LT(0, n_programs);
	if (sys_bpf(BPF_ENABLE_STATS, &attr) < 0)
		die("BPF_ENABLE_STATS");
	err = semantics_try(OPENBSD);
	if (!err) {
		expect_calls(_metadata, NULL, NULL);
		missed = unnoticed();
		EXPECT_EQ(NULL, missed)
			TH_LOG("they did not see %s()", missed);
		expect_departure(_metadata, first, detach_all);
		return;
	}
	TH_LOG("the switch is refused");
	EXPECT_EQ(EBUSY, err);
	EXPECT_EQ(NATIVE, semantics_seen(PORT));
	EXPECT_LT(0, strlen(slurp(REUSE_FILE)));
	EXPECT_TRUE(native_again());
	detach_all();
	expect_calls(_metadata, NULL, NULL);
	EXPECT_TRUE(native_again());
}

/*
 * Not both on one function: Linux 6.1 cannot add the one to the other where it is redirected,
 * by a livepatch say, and loses track of what it has attached.
 */
TEST_F_TIMEOUT(with, bpf_entry, 250)
{
	expect_programs(_metadata, variant->first, BPF_TRACE_FENTRY);
}

TEST_F_TIMEOUT(with, bpf_exit, 250)
{
	expect_programs(_metadata, variant->first, BPF_TRACE_FEXIT);
}

/* The list that all this goes by has each function that is intercepted */
TEST(list_of_functions)
{
	char *s, *line, *rest;
	const char * const *name;
	int n = 0;

	if (access(SEMANTICS, F_OK) || access(HOOKED, R_OK))
		SKIP(return, "no net.reuse.semantics, or no tracefs");
	hold();
	s = slurp(HOOKED);
	for (line = strtok_r(s, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (!strstr(line, "[reuse]"))
			continue;
		n++;
		line[strcspn(line, " ")] = '\0';
		for (name = semantics_functions; *name && strcmp(*name, line); name++)
			;
		EXPECT_NE(NULL, *name)
			TH_LOG("%s", line);
	}
	let_go();
	if (!n)
		SKIP(return, "this kernel does not say who looks on");
}

TEST_HARNESS_MAIN
