/* SPDX-License-Identifier: GPL-2.0 */
/* BPF programs without libbpf. */
#ifndef REUSE_BPF_H
#define REUSE_BPF_H

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

/* An instruction: code, destination, source, offset, constant */
#define INSN(c, d, s, o, i) \
	{ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) }

static inline long sys_bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

#endif
