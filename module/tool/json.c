// SPDX-License-Identifier: GPL-2.0
/*
 * JSON on standard output. Names that users choose may hold any byte: what is not UTF-8
 * becomes U+FFFD, so that every reader accepts the text.
 */
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "util.h"

/* Is the next value the first one in its brackets? How many brackets are open? */
static bool first = true;
static unsigned int depth;

/* How many bytes at @s are one character of UTF-8; 0 if they are none */
static size_t utf8_len(const unsigned char *s)
{
	size_t n = *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : *s < 0xf5 ? 4 : 0, i;

	if (*s < 0x80)
		return 1;
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	/* Longer than need be, half of a pair, or beyond U+10FFFF */
	if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) ||
	    (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void put_string(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n;

	putchar('"');
	for (; *s; s += n ? n : 1) {
		n = utf8_len(s);
		if (!n)
			fputs("\\ufffd", stdout);
		else if (*s < ' ' || *s == 0x7f)
			printf("\\u%04x", *s);
		else if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else
			fwrite(s, 1, n, stdout);
	}
	putchar('"');
}

/* Before a value: a comma, a new line down to the rows, and the key */
static void begin(const char *key)
{
	if (!first)
		putchar(',');
	if (depth && depth <= 4 && !key)
		putchar('\n');
	else if (!first)
		putchar(' ');
	first = false;
	if (key) {
		put_string(key);
		fputs(": ", stdout);
	}
}

/**
 * json_open() - begin an object or an array
 * @key: its key; NULL in an array, or for the whole
 * @bracket: '{' or '['
 */
void json_open(const char *key, char bracket)
{
	begin(key);
	putchar(bracket);
	first = true;
	depth++;
}

/**
 * json_close() - end an object or an array
 * @bracket: '}' or ']'
 */
void json_close(char bracket)
{
	putchar(bracket);
	first = false;
	depth--;
}

/**
 * json_text() - write a string
 * @key: its key; NULL in an array
 * @text: the string; NULL is null
 */
void json_text(const char *key, const char *text)
{
	begin(key);
	if (text)
		put_string(text);
	else
		fputs("null", stdout);
}

/**
 * json_number() - write a number
 * @key: its key; NULL in an array
 * @number: the number
 */
void json_number(const char *key, unsigned long number)
{
	begin(key);
	printf("%lu", number);
}

/**
 * json_integer() - write a number that the file has as text
 * @key: its key
 * @text: the text; what is no integer is null
 */
void json_integer(const char *key, const char *text)
{
	unsigned long number;

	begin(key);
	if (to_number(text + (*text == '-'), &number))
		printf("%s%lu", *text == '-' ? "-" : "", number);
	else
		fputs("null", stdout);
}

/**
 * json_decimal() - write a number with decimals that the file has as text
 * @key: its key
 * @text: the text, as 12.345; anything else is null
 */
void json_decimal(const char *key, const char *text)
{
	unsigned long number, decimals;
	const char *point = read_digits(text, &number);

	begin(key);
	if (point > text && *point == '.' && to_number(point + 1, &decimals) && number != ULONG_MAX)
		printf("%lu%s", number, point);
	else
		fputs("null", stdout);
}

/**
 * json_numbers() - write an array of numbers that the file has as text
 * @key: its key
 * @text: the text: numbers with commas between them
 */
void json_numbers(const char *key, const char *text)
{
	size_t n;

	begin(key);
	putchar('[');
	while ((n = strspn(text, "0123456789"))) {
		/* JSON has no number with a zero before it */
		while (n > 1 && *text == '0') {
			text++;
			n--;
		}
		printf("%.*s", (int)n, text);
		text += n;
		if (text[0] != ',' || text[1] < '0' || text[1] > '9')
			break;
		fputs(", ", stdout);
		text++;
	}
	putchar(']');
}

/**
 * json_bool() - write a truth value that the file has as text
 * @key: its key
 * @text: "0" or "1"; anything else is null
 */
void json_bool(const char *key, const char *text)
{
	begin(key);
	if (!strcmp(text, "0"))
		fputs("false", stdout);
	else
		fputs(strcmp(text, "1") ? "null" : "true", stdout);
}

/**
 * json_end() - end the text
 */
void json_end(void)
{
	putchar('\n');
	first = true;
}
