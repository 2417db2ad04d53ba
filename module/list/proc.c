// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/net/reuse: the rows as text.
 *
 * From one read() to the next, the position in the file is kept as a position
 * in the kernel's tables (table, slot, part of the slot, row of that part). So a
 * reader walks each table once, whatever the size of its buffer. A read() that
 * does not begin where the last one ended walks from the start again.
 */
#include <linux/netdevice.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "compat/proc.h"
#include "list.h"
#include "rows.h"

static const struct bind_table * const tables[] = {
	&reuse_tcp,
	&reuse_udp,
#ifdef REUSE_HAVE_UDPLITE
	&reuse_udplite,
#endif
};

/**
 * struct reader - one open /proc/net/reuse
 * @rows: the rows of the current part of the current slot
 * @net: network namespace; the reader holds a reference
 * @pos: number of the current row in the file, from 1; 0 is the header
 * @table: index of the table being read
 * @slot: index of the slot being read
 * @cur: current row in @rows
 */
struct reader {
	struct reuse_rows rows;
	struct net *net;
	loff_t pos;
	unsigned int table;
	unsigned int slot;
	unsigned int cur;
};

/*
 * First slot from @slot on that has a socket. Looks without the lock: a socket
 * that is bound while the file is read may be missed.
 */
static unsigned int used_slot(const struct reuse_slots *slots,
			      unsigned int slot)
{
	while (slot < slots->n && hlist_empty(reuse_slot_head(slots, slot)))
		slot++;
	return slot;
}

/* Go to the first part of a slot */
static void reader_seek(struct reader *r, unsigned int table,
			unsigned int slot)
{
	r->table = table;
	r->slot = slot;
	r->rows.bits = 0;
	r->rows.part = 0;
}

/* Read slots from r->slot on until there is a row; NULL at the end */
static struct reuse_row *reader_fill(struct reader *r)
{
	r->cur = 0;
	while (r->table < ARRAY_SIZE(tables)) {
		const struct bind_table *table = tables[r->table];
		struct reuse_slots slots = table->slots(r->net);
		unsigned int slot = used_slot(&slots, r->slot);
		int err;

		/* A slot that was read in part may have been emptied meanwhile */
		if (slot != r->slot)
			reader_seek(r, r->table, slot);
		if (slot == slots.n) {
			reader_seek(r, r->table + 1, 0);
			continue;
		}

		err = reuse_rows_read(&r->rows, table, slot);
		if (err)
			return ERR_PTR(err);
		if (r->rows.n)
			return r->rows.row;

		if (!reuse_rows_next_part(&r->rows))
			r->slot++;
	}
	r->cur = r->rows.n;
	return NULL;
}

static struct reuse_row *reader_current(struct reader *r)
{
	return r->cur < r->rows.n ? &r->rows.row[r->cur] : reader_fill(r);
}

static struct reuse_row *reader_next(struct reader *r)
{
	r->pos++;
	if (++r->cur >= r->rows.n && !reuse_rows_next_part(&r->rows))
		r->slot++;
	return reader_current(r);
}

static struct reuse_row *reader_rewind(struct reader *r)
{
	reader_seek(r, 0, 0);
	r->pos = 1;
	return reader_fill(r);
}

static void *reuse_seq_start(struct seq_file *m, loff_t *pos)
{
	struct reader *r = m->private;
	struct reuse_row *row;

	if (!*pos)
		return SEQ_START_TOKEN;
	if (*pos == r->pos)
		return reader_current(r);

	row = reader_rewind(r);
	while (!IS_ERR_OR_NULL(row) && r->pos < *pos)
		row = reader_next(r);
	return row;
}

static void *reuse_seq_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct reader *r = m->private;

	++*pos;
	return v == SEQ_START_TOKEN ? reader_rewind(r) : reader_next(r);
}

static void reuse_seq_stop(struct seq_file *m, void *v)
{
}

static void show_address(struct seq_file *m, const struct reuse_key *key)
{
	if (key->ipv6)
		seq_printf(m, "[%pI6c]:%u ", &key->addr, key->port);
	else
		seq_printf(m, "%pI4:%u ", &key->addr.s6_addr32[3], key->port);
}

static void show_dev(struct seq_file *m, struct net *net, int ifindex)
{
	const struct net_device *dev;

	if (!ifindex) {
		seq_puts(m, "- ");
		return;
	}
	rcu_read_lock();
	dev = dev_get_by_index_rcu(net, ifindex);
	if (dev)
		seq_printf(m, "%s ", dev->name);
	else
		seq_printf(m, "if%d ", ifindex);
	rcu_read_unlock();
}

static void show_uids(struct seq_file *m, const struct reuse_uids *uids)
{
	unsigned int i;

	for (i = 0; i < uids->n; i++)
		seq_printf(m, i ? ",%u" : "%u", uids->uid[i]);
	if (!uids->n)
		seq_putc(m, '-');
	if (uids->more)
		seq_puts(m, ",+");
	seq_putc(m, ' ');
}

static void show_fastreuse(struct seq_file *m, const struct reuse_fastreuse *fastreuse)
{
	if (!fastreuse->valid)
		seq_puts(m, "- - - ");
	else if (fastreuse->reuseport > 0)
		seq_printf(m, "%d %d %u ", fastreuse->reuse, fastreuse->reuseport,
			   from_kuid_munged(seq_user_ns(m), fastreuse->uid));
	else
		seq_printf(m, "%d %d - ", fastreuse->reuse, fastreuse->reuseport);
}

static void show_inodes(struct seq_file *m, const struct reuse_inodes *inodes)
{
	unsigned int i, j, n = inodes->end[RANKS - 1];
	u32 inode[REUSE_INODES];

	for (i = 0; i < n; i++) {
		for (j = i; j && inode[j - 1] > inodes->inode[i]; j--)
			inode[j] = inode[j - 1];
		inode[j] = inodes->inode[i];
	}
	for (i = 0; i < n; i++)
		seq_printf(m, i ? ",%u" : "%u", inode[i]);
	if (!n)
		seq_putc(m, '-');
	if (inodes->more)
		seq_puts(m, ",+");
	seq_putc(m, '\n');
}

static int reuse_seq_show(struct seq_file *m, void *v)
{
	const struct reuse_row *row = v;
	struct reader *r = m->private;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "proto local_address dev v6only uid sockets reuseaddr reuseport listen bound connected timewait fastreuse fastreuseport fastuid inode\n");
		return 0;
	}

	seq_printf(m, "%s ", r->rows.table->name);
	show_address(m, &row->key);
	show_dev(m, r->net, row->key.dev);
	if (row->key.ipv6)
		seq_printf(m, "%d ", row->key.v6only);
	else
		seq_puts(m, "- ");
	show_uids(m, &row->uids);
	seq_printf(m, "%u %u %u %u %u %u %u ",
		   reuse_row_sockets(row), row->reuseaddr, row->reuseport,
		   row->listen, row->bound, row->connected, row->timewait);
	show_fastreuse(m, &row->fastreuse);
	show_inodes(m, &row->inodes);
	return 0;
}

static const struct seq_operations reuse_seq_ops = {
	.start	= reuse_seq_start,
	.next	= reuse_seq_next,
	.stop	= reuse_seq_stop,
	.show	= reuse_seq_show,
};

static int reuse_proc_open(struct inode *inode, struct file *file)
{
	struct reader *r;
	int err;

	r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return -ENOMEM;

	/* The file is there until the namespace's exit has run: it may be going */
	err = -ENXIO;
	r->net = maybe_get_net(pde_data(inode));
	if (!r->net)
		goto free_reader;

	err = reuse_rows_init(&r->rows, r->net, file->f_cred->user_ns);
	if (err)
		goto put_net;

	err = seq_open(file, &reuse_seq_ops);
	if (err)
		goto clean_rows;

	((struct seq_file *)file->private_data)->private = r;
	return 0;

clean_rows:
	reuse_rows_clean(&r->rows);
put_net:
	put_net(r->net);
free_reader:
	kfree(r);
	return err;
}

static int reuse_proc_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct reader *r = m->private;

	reuse_rows_clean(&r->rows);
	put_net(r->net);
	kfree(r);
	return seq_release(inode, file);
}

static const struct proc_ops reuse_proc_ops = {
	.proc_open	= reuse_proc_open,
	.proc_read_iter	= seq_read_iter,
	.proc_lseek	= seq_lseek,
	.proc_release	= reuse_proc_release,
};

/**
 * reuse_list_create() - create a network namespace's /proc/net/reuse
 * @net: network namespace
 *
 * Context: process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int reuse_list_create(struct net *net)
{
	/* 0444 like the rest of /proc/net; it shows nothing of other namespaces */
	if (!proc_create_data("reuse", 0444, net->proc_net, &reuse_proc_ops,
			      net))
		return -ENOMEM;
	return 0;
}

/**
 * reuse_list_remove() - remove a network namespace's /proc/net/reuse
 * @net: network namespace
 *
 * Waits for tasks that are in read(), and releases the files that are open:
 * a later read() of one returns EIO.
 *
 * Context: process context, may sleep.
 */
void reuse_list_remove(struct net *net)
{
	remove_proc_entry("reuse", net->proc_net);
}
