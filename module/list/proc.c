// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/net/reuse: the rows as text.
 *
 * From one read() to the next, the position in the file is kept as a position
 * in the kernel's tables (table, slot, part of the slot, row of that part). So a
 * reader walks each table once, whatever the size of its buffer. A read() that
 * does not begin where the last one ended walks from the start again.
 */
#include <linux/proc_fs.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>

#include "format.h"
#include "list.h"
#include "netns.h"
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
 * @slots: where that is
 * @slot: index of the slot being read
 * @cur: current row in @rows
 */
struct reader {
	struct reuse_rows rows;
	struct net *net;
	loff_t pos;
	unsigned int table;
	struct reuse_slots slots;
	unsigned int slot;
	unsigned int cur;
};

/* Not 0 if one of the slots has a socket. To OR the heads of several saves branches */
static __always_inline unsigned long any1(const char *head)
{
	/* The caller looks again, under the lock, if there is one */
	return data_race(*(const unsigned long *)head);
}

static __always_inline unsigned long any4(const char *head, unsigned int size)
{
	return any1(head) | any1(head + size) |
	       any1(head + 2 * size) | any1(head + 3 * size);
}

static __always_inline unsigned long any16(const char *head, unsigned int size)
{
	return any4(head, size) | any4(head + 4 * size, size) |
	       any4(head + 8 * size, size) | any4(head + 12 * size, size);
}

static __always_inline unsigned long any(const char *head, unsigned int n, unsigned int size)
{
	if (n == 32)
		return any16(head, size) | any16(head + 16 * size, size);
	return n == 4 ? any4(head, size) : any1(head);
}

/* From @slot on, leave out slots by @n as long as none of them has a socket */
static __always_inline unsigned int skip(const struct reuse_slots *slots, unsigned int slot,
					 unsigned int n, unsigned int size)
{
	const char *start = (const char *)reuse_slot_head(slots, slot), *head = start;
	const char *end = start + (size_t)(slots->n - slot) / n * n * size;

	while (head != end && !any(head, n, size))
		head += n * size;
	return slot + (head - start) / size;
}

static __always_inline unsigned int skip_all(const struct reuse_slots *slots, unsigned int slot,
					     unsigned int size)
{
	slot = skip(slots, slot, 32, size);
	slot = skip(slots, slot, 4, size);
	return skip(slots, slot, 1, size);
}

/*
 * First slot from @slot on that has a socket. Looks without the lock: a socket
 * that is bound while the file is read may be missed.
 */
static unsigned int used_slot(const struct reuse_slots *slots,
			      unsigned int slot)
{
	/* Ports often follow each other, and so do their slots */
	if (slot == slots->n || !hlist_empty(reuse_slot_head(slots, slot)))
		return slot;

	/* With a constant size, each slot takes one instruction */
	return slots->size == 16 ? skip_all(slots, slot, 16) :
				   skip_all(slots, slot, slots->size);
}

/* Go to the first part of a slot */
static void reader_seek(struct reader *r, unsigned int slot)
{
	r->slot = slot;
	r->rows.bits = 0;
	r->rows.part = 0;
}

/* Go to the first slot of a table, or to the end */
static void reader_seek_table(struct reader *r, unsigned int table)
{
	r->table = table;
	if (table < ARRAY_SIZE(tables))
		r->slots = tables[table]->slots(r->net);
	reader_seek(r, 0);
}

/* Read slots from r->slot on until there is a row; NULL at the end */
static struct reuse_row *reader_fill(struct reader *r)
{
	r->cur = 0;
	while (r->table < ARRAY_SIZE(tables)) {
		unsigned int slot = used_slot(&r->slots, r->slot);
		int err;

		/* A slot that was read in part may have been emptied meanwhile */
		if (slot != r->slot)
			reader_seek(r, slot);
		if (slot == r->slots.n) {
			reader_seek_table(r, r->table + 1);
			continue;
		}

		err = reuse_rows_read(&r->rows, tables[r->table], &r->slots, slot);
		if (err)
			return ERR_PTR(err);
		if (r->rows.n)
			return reuse_rows_get(&r->rows, 0);

		if (!reuse_rows_next_part(&r->rows))
			r->slot++;
	}
	r->cur = r->rows.n;
	return NULL;
}

static struct reuse_row *reader_current(struct reader *r)
{
	return r->cur < r->rows.n ? reuse_rows_get(&r->rows, r->cur) : reader_fill(r);
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
	reader_seek_table(r, 0);
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

static int reuse_seq_show(struct seq_file *m, void *v)
{
	struct reader *r = m->private;
	char *text;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "proto local_address dev v6only uid sockets reuseaddr reuseport listen bound connected timewait fastreuse fastreuseport fastuid inode\n");
		return 0;
	}

	/* -1: the buffer is full, and this row comes first in the next one */
	if (seq_get_buf(m, &text) < REUSE_ROW_MAX)
		seq_commit(m, -1);
	else
		seq_commit(m, reuse_format_row(text, &r->rows, v) - text);
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
	struct net *net = reuse_net_of_file(inode);
	struct reader *r;

	if (!net)
		return -ENXIO;
	r = __seq_open_private(file, &reuse_seq_ops, sizeof(*r));
	if (!r) {
		put_net(net);
		return -ENOMEM;
	}
	r->net = net;
	reuse_rows_init(&r->rows, net, file->f_cred->user_ns);
	return 0;
}

static int reuse_proc_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct reader *r = m->private;

	reuse_rows_clean(&r->rows);
	put_net(r->net);
	return seq_release_private(inode, file);
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
