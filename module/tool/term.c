// SPDX-License-Identifier: GPL-2.0
/* The terminal: colours only on one, lines no longer than its width. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "term.h"
#include "util.h"

static const char * const codes[] = {
	[HEADING] = "1", [GOOD] = "32", [ODD] = "33", [OLD] = "2", [BAD] = "31",
};

static bool is_terminal, colours;
static size_t width, height;

/**
 * term_setup() - find out about the terminal, and again if its size may have changed
 *
 * COLUMNS says the width, whatever standard output is. What is no terminal has no limit.
 */
void term_setup(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	const char *cols = getenv("COLUMNS");
	unsigned long number;
	struct winsize size;

	is_terminal = isatty(STDOUT_FILENO);
	colours = is_terminal && !(no_color && *no_color) && !(term && !strcmp(term, "dumb"));
	width = 0;
	height = 0;
	if (is_terminal && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size)) {
		width = size.ws_col;
		height = size.ws_row;
	}
	if (cols && to_number(cols, &number) && number)
		width = number;
}

/**
 * term_is() - is standard output a terminal?
 *
 * Return: whether it is.
 */
bool term_is(void)
{
	return is_terminal;
}

/**
 * term_width() - how long may a line be?
 *
 * Return: the number of characters; 0 if there is no limit.
 */
size_t term_width(void)
{
	return width;
}

/**
 * term_height() - how many lines has the terminal?
 *
 * Return: the number of lines; 0 if there is no limit.
 */
size_t term_height(void)
{
	return height;
}

/**
 * term_put() - print text
 * @look: its colour, on a terminal
 * @text: the text; what a terminal would obey is printed as '?'
 * @len: its length
 */
void term_put(enum look look, const char *text, size_t len)
{
	size_t i;

	if (colours && look != PLAIN)
		printf("\033[%sm", codes[look]);
	for (i = 0; i < len; i++)
		putchar(clean_char(text[i]));
	if (colours && look != PLAIN)
		fputs("\033[m", stdout);
}

/* As term_wrap(), behind what is there already: @x characters, which are blank in new lines */
static void wrap(const char *text, size_t x, size_t hang)
{
	size_t indent = x, len;

	for (; *text; text += len + !!text[len]) {
		if (!x) {
			indent = strspn(text, " ");
			text += indent;
			x = printf("%*s", (int)indent, "");
		}
		len = strcspn(text, "\n ");
		if (x > indent && width && x + 1 + len > width) {
			indent = indent ? indent : hang;
			printf("\n%*s", (int)indent, "");
			x = indent;
		} else if (x > indent) {
			putchar(' ');
			x++;
		}
		term_put(PLAIN, text, len);
		x += len;
		if (text[len] == '\n') {
			putchar('\n');
			x = 0;
		}
	}
}

/**
 * term_wrap() - print sentences, with new lines between words where they are too long
 * @text: lines of any length; blanks at the begin of one are before each part of it
 * @hang: how many blanks are before the other parts of a line that begins with none
 */
void term_wrap(const char *text, size_t hang)
{
	wrap(text, 0, hang);
}

/**
 * term_wrap_behind() - print a line, with new lines between words where it is too long
 * @head: its begin; it has a column of its own
 * @text: what is behind that, without a newline
 */
void term_wrap_behind(const char *head, const char *text)
{
	fputs(head, stdout);
	wrap(text, strlen(head), 0);
	putchar('\n');
}

/**
 * term_clear() - clear the terminal
 */
void term_clear(void)
{
	if (is_terminal)
		fputs("\033[H\033[2J", stdout);
}
