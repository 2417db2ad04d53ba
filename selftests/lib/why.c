// SPDX-License-Identifier: GPL-2.0
/* Ask /proc/net/reuse_why. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "why.h"

static int split(char *line, const char **words, int size)
{
	char *word;
	int n = 0;

	while ((word = strsep(&line, " "))) {
		if (n == size)
			die("more than %d columns in " WHY, size);
		words[n++] = word;
	}
	return n;
}

/**
 * why_ask_fd() - ask a question of an open file
 * @why: is set to the answer
 * @fd: /proc/net/reuse_why
 * @question: the question
 *
 * Return: 0, or the errno of write().
 */
int why_ask_fd(struct why *why, int fd, const char *question)
{
	ssize_t len = strlen(question);
	char *values, *end;

	if (write(fd, question, len) != len)
		return errno;
	len = read(fd, why->text, sizeof(why->text) - 1);
	if (len <= 0)
		die("no answer to %s", question);
	why->text[len] = '\0';

	values = strchr(why->text, '\n');
	end = values ? strchr(values + 1, '\n') : NULL;
	if (!end || end[1])
		die("not two lines: %s", why->text);
	*values++ = '\0';
	*end = '\0';
	why->n = split(why->text, why->name, 32);
	if (split(values, why->value, 32) != why->n)
		die("not as many values as names in the answer to %s", question);
	return 0;
}

/**
 * why_ask() - ask a question in this network namespace
 * @why: is set to the answer
 * @fmt: the question
 *
 * Return: 0, or the errno of write().
 */
int why_ask(struct why *why, const char *fmt, ...)
{
	int fd = open(WHY, O_RDWR | O_CLOEXEC), err;
	char question[512];
	va_list args;

	if (fd < 0)
		die("no " WHY);
	va_start(args, fmt);
	vsnprintf(question, sizeof(question), fmt, args);
	va_end(args);
	err = why_ask_fd(why, fd, question);
	close(fd);
	return err;
}

/**
 * why_get() - a value of the answer
 * @why: the answer
 * @name: name of the column
 *
 * Return: the value.
 */
const char *why_get(const struct why *why, const char *name)
{
	int i;

	for (i = 0; i < why->n; i++) {
		if (!strcmp(why->name[i], name))
			return why->value[i];
	}
	die("no column %s in " WHY, name);
}
