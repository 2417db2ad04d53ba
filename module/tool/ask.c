// SPDX-License-Identifier: GPL-2.0
/* Asks /proc/net/reuse_why, and finds the columns of the answer. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "util.h"

static int open_file(const struct netns *ns)
{
	/* The file knows no place to write to; one that a test has made gets the question behind */
	const int flags = O_RDWR | O_APPEND | O_CLOEXEC;
	char path[PATH_LEN];
	int fd, err;

	if (!netns_file(ns, "reuse_why", path))
		return -1;
	fd = open(path, flags);
	err = errno;
	netns_leave();
	errno = err;
	return fd;
}

static void print_question(const struct question *q, char *text, size_t size)
{
	snprintf(text, size, "proto=%s local_address=%s%s%s%s%s%s%s%s%s%s%s%s\n", q->proto,
		 q->address, q->dev ? " dev=" : "", q->dev ?: "",
		 q->v6only ? " v6only=" : "", q->v6only ?: "",
		 q->uid ? " uid=" : "", q->uid ?: "",
		 q->reuseaddr ? " reuseaddr=1" : "", q->reuseport ? " reuseport=1" : "",
		 q->listen ? " listen=1" : "",
		 q->semantics ? " semantics=" : "", q->semantics ?: "");
}

static size_t split(char *line, const char **words)
{
	size_t n = 0;
	char *word;

	while (n < ANSWER_COLS && (word = strsep(&line, " ")))
		words[n++] = word;
	return n;
}

static int read_answer(int fd, struct answer *a)
{
	ssize_t len = pread(fd, a->text, sizeof(a->text) - 1, 0);
	char *values, *end;

	if (len < 0)
		return -errno;
	a->text[len] = '\0';
	values = strchr(a->text, '\n');
	end = values ? strchr(values + 1, '\n') : NULL;
	if (!end)
		return -EBADMSG;
	*values++ = '\0';
	*end = '\0';
	a->n = split(a->text, a->name);
	if (split(values, a->value) != a->n || !strcmp(answer_get(a, "verdict"), "-"))
		return -EBADMSG;
	return 0;
}

/**
 * ask() - ask whether a bind would be allowed
 * @ns: in which namespace
 * @q: the question
 * @a: gets the answer
 *
 * Return: 0, or a negative errno; -EBADMSG if the answer has another form.
 */
int ask(const struct netns *ns, const struct question *q, struct answer *a)
{
	char text[512];
	ssize_t len;
	int fd, err;

	fd = open_file(ns);
	if (fd < 0)
		return -errno;
	print_question(q, text, sizeof(text));
	len = strlen(text);
	err = write(fd, text, len) == len ? read_answer(fd, a) : -errno;
	close(fd);
	return err;
}

/**
 * answer_get() - find a column
 * @a: the answer
 * @name: the name of the column
 *
 * Return: its value; "-" if the module does not have it.
 */
const char *answer_get(const struct answer *a, const char *name)
{
	size_t i;

	for (i = 0; i < a->n; i++) {
		if (!strcmp(a->name[i], name))
			return a->value[i];
	}
	return "-";
}

/**
 * answer_allows() - would it be allowed?
 * @a: the answer
 *
 * Return: whether it would.
 */
bool answer_allows(const struct answer *a)
{
	return !strcmp(answer_get(a, "verdict"), "ok");
}
