// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/net/reuse_log: the log of a network namespace as text.
 *
 * A reader that starts at the beginning of the file gets a copy, and so all lines are of one
 * moment.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/in.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/pid_namespace.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/time64.h>

#include "log.h"
#include "netns.h"

/**
 * struct reader - one open /proc/net/reuse_log
 * @net: network namespace; the reader holds a reference
 * @copy: the log
 */
struct reader {
	struct net *net;
	struct reuse_log_copy copy;
};

static void show_error(struct seq_file *m, int err)
{
	char word[REUSE_LOG_WORD];

	seq_printf(m, "%s ", reuse_log_error_word(word, err));
}

static void show_time(struct seq_file *m, u64 ns)
{
	u32 rest;
	u64 seconds = div_u64_rem(ns, NSEC_PER_SEC, &rest);

	seq_printf(m, "%llu.%03lu ", seconds, rest / NSEC_PER_MSEC);
}

/* A reader in a PID namespace that is neither the first one nor the caller's sees no number */
static void show_pid(struct seq_file *m, const struct reuse_caller *caller)
{
	const struct pid_namespace *ns = task_active_pid_ns(current);

	if (!caller->pid)
		seq_puts(m, "- ");
	else if (ns == &init_pid_ns)
		seq_printf(m, "%d ", caller->pid);
	else if (ns->ns.inum == caller->pid_ns)
		seq_printf(m, "%d ", caller->own_pid);
	else
		seq_puts(m, "- ");
}

static void show_comm(struct seq_file *m, const char *comm)
{
	const unsigned char *c;

	if (!*comm)
		seq_putc(m, '-');
	for (c = (const unsigned char *)comm; *c; c++) {
		if (*c <= ' ' || *c >= 0x7f || *c == '\\')
			seq_printf(m, "\\%03o", *c);
		else
			seq_putc(m, *c);
	}
	seq_putc(m, ' ');
}

static void show_uid(struct seq_file *m, kuid_t uid)
{
	if (uid_valid(uid))
		seq_printf(m, "%u ", from_kuid_munged(seq_user_ns(m), uid));
	else
		seq_puts(m, "- ");
}

/* Its address, and its device */
static void show_place(struct seq_file *m, struct net *net, const struct reuse_event_sock *sk)
{
	struct sockaddr_in6 addr;
	char word[REUSE_LOG_WORD];

	reuse_log_address(&addr, sk->ipv6, sk->addr.s6_addr, htons(sk->port));
	seq_printf(m, "%pISpc %s ", &addr, reuse_log_dev_word(word, net, sk->dev));
}

static const char *protocol_word(u8 protocol)
{
	if (protocol == IPPROTO_UDP)
		return "udp";
	return protocol == IPPROTO_UDPLITE ? "udplite" : "tcp";
}

static void show_sock(struct seq_file *m, struct net *net, const struct reuse_event *event)
{
	const struct reuse_event_sock *sk = &event->sock;

	seq_printf(m, "%s %s ", reuse_log_call_word(event->call), protocol_word(event->protocol));
	show_place(m, net, sk);
	if (sk->ipv6)
		seq_printf(m, "%d ", sk->v6only);
	else
		seq_puts(m, "- ");
	seq_printf(m, "%d %d ", sk->reuseaddr, sk->reuseport);
}

static void show_verdict(struct seq_file *m, const struct reuse_event *event)
{
	bool packet = event->call == REUSE_CALL_DATAGRAM || event->call == REUSE_CALL_SYN;

	seq_printf(m, "%s ", event->profile ? event->profile->name : "native");
	if (packet)
		seq_printf(m, "%s ", reuse_log_fate_word(event->verdict));
	else
		show_error(m, event->verdict);
	if (!event->has_native)
		seq_puts(m, "- ");
	else if (!packet)
		show_error(m, event->native);
	else if (event->native_inode)
		seq_printf(m, "inode:%lu ", event->native_inode);
	else
		seq_puts(m, "none ");
	seq_printf(m, "%s ", sem_rules[event->rule].word);
}

static void show_other(struct seq_file *m, struct net *net, const struct reuse_event *event)
{
	const struct reuse_event_sock *sk = &event->other;

	if (!event->has_other) {
		seq_puts(m, "- - - - - - -\n");
		return;
	}
	show_place(m, net, sk);
	seq_printf(m, "%s ", sem_state_words[sk->state]);
	show_uid(m, sk->uid);
	seq_printf(m, "%d %d ", sk->reuseaddr, sk->reuseport);
	if (sk->inode)
		seq_printf(m, "%lu\n", sk->inode);
	else
		seq_puts(m, "-\n");
}

static void show_line(struct seq_file *m, struct net *net, const struct reuse_line *line)
{
	seq_printf(m, "%llu ", line->count);
	show_time(m, line->first);
	show_time(m, line->last);
	show_pid(m, &line->caller);
	show_comm(m, line->caller.comm);
	show_uid(m, line->event.sock.uid);
	show_sock(m, net, &line->event);
	show_verdict(m, &line->event);
	show_other(m, net, &line->event);
}

/* Position 0 is the header, then come the lines, and the number of those that are lost */
static void *log_at(struct reader *r, loff_t pos)
{
	if (!pos)
		return SEQ_START_TOKEN;
	if (pos <= r->copy.n)
		return &r->copy.line[pos - 1];
	return pos == r->copy.n + 1 && r->copy.lost ? &r->copy.lost : NULL;
}

static void *log_start(struct seq_file *m, loff_t *pos)
{
	struct reader *r = m->private;

	if (!*pos)
		reuse_log_copy(reuse_net(r->net), &r->copy);
	return log_at(r, *pos);
}

static void *log_next(struct seq_file *m, void *v, loff_t *pos)
{
	return log_at(m->private, ++*pos);
}

static void log_stop(struct seq_file *m, void *v)
{
}

static int log_show(struct seq_file *m, void *v)
{
	struct reader *r = m->private;

	if (v == SEQ_START_TOKEN)
		seq_puts(m, "count first last pid comm uid call proto local_address dev v6only reuseaddr reuseport semantics verdict native rule other_address other_dev other_state other_uid other_reuseaddr other_reuseport other_inode\n");
	else if (v == &r->copy.lost)
		seq_printf(m, "# lost %llu\n", r->copy.lost);
	else
		show_line(m, r->net, v);
	return 0;
}

static const struct seq_operations log_seq_ops = {
	.start	= log_start,
	.next	= log_next,
	.stop	= log_stop,
	.show	= log_show,
};

static int log_open(struct inode *inode, struct file *file)
{
	struct reader *r;
	int err;

	r = kvzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return -ENOMEM;

	err = -ENXIO;
	r->net = reuse_net_of_file(inode);
	if (!r->net)
		goto free_reader;

	/* Any user may open the file, of whichever namespace: the mode does not tell who has it */
	err = -EACCES;
	if (!ns_capable(r->net->user_ns, CAP_NET_ADMIN))
		goto put_net;

	err = seq_open(file, &log_seq_ops);
	if (err)
		goto put_net;

	((struct seq_file *)file->private_data)->private = r;
	return 0;

put_net:
	put_net(r->net);
free_reader:
	kvfree(r);
	return err;
}

static int log_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct reader *r = m->private;

	put_net(r->net);
	kvfree(r);
	return seq_release(inode, file);
}

static const struct proc_ops log_proc_ops = {
	.proc_open	= log_open,
	.proc_read_iter	= seq_read_iter,
	.proc_lseek	= seq_lseek,
	.proc_release	= log_release,
};

/**
 * reuse_log_create() - create a network namespace's /proc/net/reuse_log
 * @net: network namespace
 *
 * Context: process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int reuse_log_create(struct net *net)
{
	if (!proc_create_data("reuse_log", 0444, net->proc_net, &log_proc_ops, net))
		return -ENOMEM;
	return 0;
}

/**
 * reuse_log_remove() - remove a network namespace's /proc/net/reuse_log
 * @net: network namespace
 *
 * Waits for tasks that are in read(), and releases the files that are open: a later read() of
 * one returns EIO.
 *
 * Context: process context, may sleep.
 */
void reuse_log_remove(struct net *net)
{
	remove_proc_entry("reuse_log", net->proc_net);
}
