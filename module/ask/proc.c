// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/net/reuse_why: would this bind be allowed, and if not, why? A question is written to
 * it; then the same open file has the answer.
 *
 * A question is answered at once, when it is written, so the answer is as old as that. Nothing
 * is bound and nothing changes. The answer says no more of other sockets than /proc/net/reuse
 * does, which everybody may read, and asking costs what a bind() that fails does.
 */
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "ask.h"
#include "netns.h"
#include "question.h"

/**
 * struct asker - one open /proc/net/reuse_why
 * @lock: one question at a time
 * @net: network namespace; the asker holds a reference
 * @len: length of @answer
 * @answer: to the last question
 */
struct asker {
	struct mutex lock;	/* protects @len and @answer */
	struct net *net;
	size_t len;
	char answer[ANSWER_MAX];
};

static int ask_open(struct inode *inode, struct file *file)
{
	struct asker *asker = kzalloc(sizeof(*asker), GFP_KERNEL_ACCOUNT);

	if (!asker)
		return -ENOMEM;
	asker->net = reuse_net_of_file(inode);
	if (!asker->net) {
		kfree(asker);
		return -ENXIO;
	}
	mutex_init(&asker->lock);
	file->private_data = asker;
	return 0;
}

static int ask_release(struct inode *inode, struct file *file)
{
	struct asker *asker = file->private_data;

	put_net(asker->net);
	kfree(asker);
	return 0;
}

/* Called under @asker->lock */
static int ask_question(struct asker *asker, struct file *file, char *text)
{
	struct question q = { .net = asker->net, .ns = file->f_cred->user_ns };
	int err = reuse_question_parse(&q, text);

	if (err)
		return err;
	err = reuse_answer(&q, asker->answer, sizeof(asker->answer));
	if (err < 0)
		return err;
	asker->len = err;
	return 0;
}

/* The answer is read from its beginning, whatever was read or written before */
static ssize_t ask_write(struct file *file, const char __user *from, size_t size, loff_t *pos)
{
	struct asker *asker = file->private_data;
	char text[QUESTION_MAX];
	int err;

	err = size < sizeof(text) ? 0 : -EINVAL;
	if (!err && copy_from_user(text, from, size))
		err = -EFAULT;

	if (mutex_lock_interruptible(&asker->lock))
		return -ERESTARTSYS;
	asker->len = 0;
	if (!err) {
		text[size] = '\0';
		err = ask_question(asker, file, text);
	}
	mutex_unlock(&asker->lock);
	if (err)
		return err;
	*pos = 0;
	return size;
}

static ssize_t ask_read(struct file *file, char __user *to, size_t size, loff_t *pos)
{
	struct asker *asker = file->private_data;
	ssize_t n;

	if (mutex_lock_interruptible(&asker->lock))
		return -ERESTARTSYS;
	n = simple_read_from_buffer(to, size, pos, asker->answer, asker->len);
	mutex_unlock(&asker->lock);
	return n;
}

static const struct proc_ops ask_proc_ops = {
	.proc_open	= ask_open,
	.proc_read	= ask_read,
	.proc_write	= ask_write,
	.proc_lseek	= default_llseek,
	.proc_release	= ask_release,
};

/**
 * reuse_ask_create() - create a network namespace's /proc/net/reuse_why
 * @net: network namespace
 *
 * Context: process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int reuse_ask_create(struct net *net)
{
	/* Everybody may ask, as everybody may try to bind() */
	static const umode_t mode = 0666;

	if (!proc_create_data("reuse_why", mode, net->proc_net, &ask_proc_ops, net))
		return -ENOMEM;
	return 0;
}

/**
 * reuse_ask_remove() - remove a network namespace's /proc/net/reuse_why
 * @net: network namespace
 *
 * Waits for tasks that are asking, and releases the files that are open.
 *
 * Context: process context, may sleep.
 */
void reuse_ask_remove(struct net *net)
{
	remove_proc_entry("reuse_why", net->proc_net);
}
