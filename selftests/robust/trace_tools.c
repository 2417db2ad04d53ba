// SPDX-License-Identifier: GPL-2.0
/* The tools that people trace with read the module's tracepoints: trace-cmd, BPF programs. */
#include <fcntl.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include "bpf.h"
#include "harness.h"
#include "tracefs.h"

#define AT		"127.0.0.1" AT_PORT

/* A datagram that the module decides about; the inode of its receiver */
static unsigned long deliver(void)
{
	int to = sock_bind("udp", AT, 0), from = sock_open("udp", AF_INET, 0);
	char byte;

	sock_connect(from, AT);
	if (send(from, "", 1, 0) != 1 || recv(to, &byte, 1, 0) != 1)
		die("no datagram");
	return inode_of(to);
}

/* A bind that is refused; the inode of the socket that has the port */
static unsigned long refuse(void)
{
	int has = sock_bind("tcp", AT, 0), wants = sock_open("tcp", AF_INET, 0);

	if (sock_try_bind(wants, AT) != EADDRINUSE)
		die("it is not refused");
	return inode_of(has);
}

/* Each makes an event, and returns the inode that the field has */
static const struct {
	const char *event;
	const char *field;
	unsigned long (*make)(void);
} kinds[] = {
	{ "reuse_bind", "other_inode", refuse },
	{ "reuse_deliver", "inode", deliver },
};

#define KINDS	(sizeof(kinds) / sizeof(*kinds))

FIXTURE(tool) {};

FIXTURE_SETUP(tool)
{
	if (!tracefs_there(kinds[0].event))
		SKIP(return, "no tracepoints");
	new_netns();
	lo_up();
	semantics_set(semantics_bsd());
}

FIXTURE_TEARDOWN(tool)
{
}

/* The last line of a report that has the mark, or "nothing" */
static const char *reported(const char *file, const char *mark)
{
	FILE *out = popen(text("trace-cmd report -i %s 2>&1", file), "r");
	const char *found = "nothing";
	char line[2048];

	if (!out)
		die("popen");
	while (fgets(line, sizeof(line), out)) {
		if (strstr(line, mark))
			found = text("%s", line);
	}
	pclose(out);
	return found;
}

TEST_F_TIMEOUT(tool, trace_cmd, 250)
{
	const char *file = text("/tmp/reuse_trace_%d.dat", getpid()), *line, *want;
	unsigned int i;

	if (system("command -v trace-cmd >/dev/null"))
		SKIP(return, "no trace-cmd: install it, or use scripts/vm --program trace-cmd");
	if (*slurp(TRACEFS "set_event"))
		SKIP(return, "somebody traces events, which `trace-cmd reset` would end");
	for (i = 0; i < KINDS; i++) {
		run("trace-cmd start -e reuse:%s", kinds[i].event);
		want = text("%s=%lu", kinds[i].field, kinds[i].make());
		run("trace-cmd stop");
		run("trace-cmd extract -o %s", file);
		run("trace-cmd reset");
		line = reported(file, text("%s:", kinds[i].event));
		EXPECT_TRUE(strstr(line, want) && strstr(line, AT) &&
			    strstr(line, text("semantics=%s ", semantics_name[semantics_bsd()])))
			TH_LOG("trace-cmd report: %s, without %s", line, want);
		EXPECT_FALSE(strstr(line, "FAILED TO PARSE"));
		unlink(file);
	}
}

/* Where the format file says that a field of 8 bytes is, or -1 */
static int offset_of(const char *event, const char *field)
{
	char *format = slurp(text(TRACEFS "events/reuse/%s/format", event));
	const char *at = strstr(format, text(" %s;\toffset:", field));
	int offset, size;

	if (!at || sscanf(strchr(at, ':'), ":%d;\tsize:%d", &offset, &size) != 2 || size != 8)
		offset = -1;
	free(format);
	return offset;
}

static int make_map(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1,
	};

	return sys_bpf(BPF_MAP_CREATE, &attr);
}

/* A program that stores what is at an offset of the event in a map of one element */
static int load(int map, int offset)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_DW, 7, 1, offset, 0),
		INSN(BPF_STX | BPF_MEM | BPF_DW, 10, 7, -16, 0),
		INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
		INSN(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, map),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 3, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, -16),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_update_elem),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_TRACEPOINT, .insns = (unsigned long)insns,
		.insn_cnt = sizeof(insns) / sizeof(*insns), .license = (unsigned long)"GPL",
	};

	return sys_bpf(BPF_PROG_LOAD, &attr);
}

static unsigned long stored(int map)
{
	unsigned long value = 0;
	int key = 0;
	union bpf_attr attr = {
		.map_fd = map, .key = (unsigned long)&key, .value = (unsigned long)&value,
	};

	if (sys_bpf(BPF_MAP_LOOKUP_ELEM, &attr))
		die("no element");
	return value;
}

/* perf's way to a tracepoint, for this process; -1 with errno */
static int open_perf(const char *event)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .sample_period = 1,
		.config = strtoul(slurp(text(TRACEFS "events/reuse/%s/id", event)), NULL, 10),
	};

	/* Of all processes on each CPU a packet may arrive on: this one stays on one */
	stay_on(0);
	return syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
}

TEST_F_TIMEOUT(tool, bpf, 100)
{
	unsigned int i;

	for (i = 0; i < KINDS; i++) {
		int map = make_map(), prog = load(map, offset_of(kinds[i].event, kinds[i].field));
		int perf = open_perf(kinds[i].event);
		unsigned long inode;

		ASSERT_LE(0, prog)
			TH_LOG("the program is not loaded: %m");
		ASSERT_LE(0, perf)
			TH_LOG("perf_event_open: %m");
		ASSERT_EQ(0, ioctl(perf, PERF_EVENT_IOC_SET_BPF, prog));
		ASSERT_EQ(0, ioctl(perf, PERF_EVENT_IOC_ENABLE, 0));
		inode = kinds[i].make();
		EXPECT_EQ(inode, stored(map));
		close(perf);
		close(prog);
		close(map);
	}
}

TEST_HARNESS_MAIN
