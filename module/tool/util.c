// SPDX-License-Identifier: GPL-2.0
/* Messages, files read whole, memory, numbers. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

/**
 * say() - print one sentence for people to standard error
 * @fmt: the sentence, without a newline
 */
void say(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fputs("reuse: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

/**
 * no_module() - say that the module is not loaded, and what loads it
 *
 * Return: the exit status for that.
 */
int no_module(void)
{
	say("the kernel module reuse is not loaded; load it, as root, with: reuse load");
	return NO_MODULE;
}

/**
 * proc_dir() - where /proc is: tests have recorded ones
 *
 * Return: a path without a slash at its end.
 */
const char *proc_dir(void)
{
	const char *dir = getenv("REUSE_PROC");

	return dir && *dir ? dir : "/proc";
}

/**
 * sys_dir() - where /sys is: tests have recorded ones
 *
 * Return: a path without a slash at its end.
 */
const char *sys_dir(void)
{
	const char *dir = getenv("REUSE_SYS");

	return dir && *dir ? dir : "/sys";
}

/**
 * path_print() - make a path
 * @path: where it goes; one that is too long becomes a path that does not exist
 * @fmt: its text
 */
void path_print(char path[PATH_LEN], const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(path, PATH_LEN, fmt, args);
	va_end(args);
	if (n < 0 || n >= PATH_LEN)
		path[0] = '\0';
}

/**
 * need_memory() - end the program if there is no memory
 * @memory: what malloc() and the like returned
 *
 * Return: @memory.
 */
void *need_memory(void *memory)
{
	if (memory)
		return memory;
	say("not enough memory");
	exit(FAILED);
}

/**
 * grow() - make room for one more element of an array
 * @array: the array, or NULL
 * @n: how many elements it has
 * @room: for how many there is room; changed
 * @size: the size of one
 *
 * Return: the array, which may have moved.
 */
void *grow(void *array, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return array;
	*room = *room ? *room * 2 : 16;
	return need_memory(reallocarray(array, *room, size));
}

static char *slurp_fd(int fd, size_t *len)
{
	size_t room = 1 << 16;
	char *text = need_memory(malloc(room + 1));
	ssize_t n;

	for (*len = 0; ; *len += n) {
		if (*len == room) {
			room *= 2;
			text = need_memory(realloc(text, room + 1));
		}
		n = read(fd, text + *len, room - *len);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			break;
	}
	text[*len] = '\0';
	if (!n)
		return text;
	free(text);
	return NULL;
}

/**
 * slurp() - read a whole file
 * @path: its path
 * @len: gets the number of bytes; may be NULL
 *
 * Return: its contents with a zero behind, to be freed; NULL and errno on failure.
 */
char *slurp(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	size_t n;
	char *text;

	if (fd < 0)
		return NULL;
	text = slurp_fd(fd, len ? len : &n);
	err = errno;
	close(fd);
	errno = err;
	return text;
}

static bool read_until(const char *path, const char *ends, char *to, size_t size)
{
	char *text = slurp(path, NULL);

	to[0] = '\0';
	if (!text)
		return false;
	snprintf(to, size, "%.*s", (int)strcspn(text, ends), text);
	free(text);
	return *to;
}

/**
 * read_word() - read the first word of a file
 * @path: its path
 * @word: where the word goes
 * @size: the size of that
 *
 * Return: whether there was one; if not, @word is empty.
 */
bool read_word(const char *path, char *word, size_t size)
{
	return read_until(path, " \t\n", word, size);
}

/**
 * read_first_line() - read the first line of a file, without its end
 * @path: its path
 * @line: where the line goes
 * @size: the size of that
 *
 * Return: whether there was one; if not, @line is empty.
 */
bool read_first_line(const char *path, char *line, size_t size)
{
	return read_until(path, "\n", line, size);
}

/**
 * read_digits() - read a decimal number that other text may follow
 * @text: begins with the number
 * @number: gets it; ULONG_MAX if it is too large
 *
 * strtoul() would do, but binds the program to the newest C libraries.
 *
 * Return: what follows; @text if there is no digit.
 */
const char *read_digits(const char *text, unsigned long *number)
{
	for (*number = 0; *text >= '0' && *text <= '9'; text++) {
		if (*number > (ULONG_MAX - 9) / 10)
			*number = ULONG_MAX;
		else
			*number = *number * 10 + *text - '0';
	}
	return text;
}

/**
 * to_number() - read a decimal number
 * @text: the number and nothing else
 * @number: gets it
 *
 * Return: whether it is one, and not too large.
 */
bool to_number(const char *text, unsigned long *number)
{
	return *text && !*read_digits(text, number) && *number != ULONG_MAX;
}

/**
 * print_clean() - print a name that anybody may have chosen
 * @text: the name; a terminal gets no control characters from it
 */
void print_clean(const char *text)
{
	for (; *text; text++)
		putchar(clean_char(*text));
}

/**
 * user_print() - the name of a user with the number, or the number alone
 * @uid: the number
 * @user: gets the text
 */
void user_print(unsigned long uid, char user[USER_LEN])
{
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		snprintf(user, USER_LEN, "%s (%lu)", pw->pw_name, uid);
	else
		snprintf(user, USER_LEN, "%lu", uid);
}

/**
 * write_text() - write a file that is there: a setting
 * @path: its path
 * @text: what is written, at once
 *
 * Return: 0 or an errno.
 */
int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return errno;
	/* To write nothing would be a success that changes nothing */
	if (!*text)
		err = EINVAL;
	else if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

/**
 * say_unknown() - say which semantics there are, if some are not among them
 * @semantics: these
 *
 * Return: whether they are not, and a message has been printed.
 */
bool say_unknown(const char *semantics)
{
	char path[PATH_LEN], *words, *at;
	bool known = false;
	size_t len;

	path_print(path, "%s/sys/net/reuse/available_semantics", proc_dir());
	words = slurp(path, NULL);
	if (!words)
		return false;
	words[strcspn(words, "\n")] = '\0';
	for (at = words; *at; at += len + !!at[len]) {
		len = strcspn(at, " ");
		known = known || (len == strlen(semantics) && !memcmp(at, semantics, len));
	}
	if (!known)
		say("there are no semantics '%s': choose from %s", semantics, words);
	free(words);
	return !known;
}

/**
 * sysctl_hint() - where to look when a sysctl of the module cannot be written
 * @err: errno
 *
 * Return: words to append to the error's.
 */
const char *sysctl_hint(int err)
{
	if (err == EBUSY || err == EOPNOTSUPP)
		return "; see reuse status, and the kernel's log";
	if (err == EACCES)
		return " (it takes root, or CAP_NET_ADMIN over the network namespace)";
	return err == EPERM ? " (host_only is set, or it takes root: see reuse(7))" : "";
}
