// SPDX-License-Identifier: GPL-2.0
/*
 * Tests which socket receives against recordings in words: NAME.tsv, a row a test. The
 * calls that make the situation of a row are in delivery_bsd.c, delivery_bsds.c and
 * delivery_pre39.c, the expected answer is in the recording.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "delivery.h"

#define MAX_COLUMNS	16
#define MAX_ANSWERS	16
#define MAX_WORDS	32

static struct situation *situations;
static char have[256], name[64];
static const char *meant, *skipped;
static bool linux_words;

/**
 * situation_known() - a row that can be played
 * @situation: which, and how
 */
void situation_known(struct situation *situation)
{
	situation->next = situations;
	situations = situation;
}

/**
 * row_name() - which row this is
 *
 * Return: its id, or the first column and its number among those with the same.
 */
const char *row_name(void)
{
	return name;
}

/**
 * answer() - add words to the answer
 * @fmt: as of printf()
 */
void answer(const char *fmt, ...)
{
	size_t len = strlen(have);
	va_list args;

	va_start(args, fmt);
	vsnprintf(have + len, sizeof(have) - len, fmt, args);
	va_end(args);
}

/**
 * means() - the row has a rule in place of an answer
 * @answers: the answers that mean the same here
 */
void means(const char *answers)
{
	meant = answers;
}

/**
 * not_here() - the row cannot be asked
 * @why: the missing feature
 */
void not_here(const char *why)
{
	skipped = why;
}

/* The sockets that got one thing after the other */
static void answer_list(const char * const *got, int n)
{
	int i, alike = 1;

	while (linux_words && alike < n && !strcmp(got[alike], got[0]))
		alike++;
	answer("%s%s", *have ? "; " : "", got[0]);
	if (alike == n && n > 1)
		answer("x%d", n);
	else
		for (i = 1; i < n; i++)
			answer(" %s", got[i]);
}

/**
 * connections() - answer which sockets get connections
 * @host: the destination
 * @n: how many
 */
void connections(const char *host, int n)
{
	const char *got[MAX_ANSWERS];
	int i;

	for (i = 0; i < n; i++)
		got[i] = connection(host);
	answer_list(got, n);
}

/**
 * datagrams_from() - answer which sockets get datagrams of one socket
 * @from: the socket, or -1 for a new one each
 * @host: the destination
 * @n: how many
 */
void datagrams_from(int from, const char *host, int n)
{
	const char *got[MAX_ANSWERS];
	int i;

	for (i = 0; i < n; i++)
		got[i] = datagram(from, host);
	answer_list(got, n);
}

/**
 * datagrams() - answer which sockets get datagrams of as many senders
 * @host: the destination
 * @n: how many
 */
void datagrams(const char *host, int n)
{
	datagrams_from(-1, host, n);
}

/**
 * has_ether() - have an interface that is not lo
 *
 * Return: false if this kernel has none: the row is skipped.
 */
bool has_ether(void)
{
	if (!ether())
		not_here("no device but lo in this kernel");
	return !skipped;
}

static const struct situation *find(const char *row)
{
	const struct situation *s;

	for (s = situations; s && fnmatch(s->row, row, 0); s = s->next)
		;
	return s;
}

/**
 * rows() - play rows that this one consists of
 * @names: their ids, separated by one space
 */
void rows(const char *names)
{
	char *copy = strdup(names), *save, *one;

	for (one = strtok_r(copy, " ", &save); one; one = strtok_r(NULL, " ", &save))
		find(one)->play();
	free(copy);
}

static int words_of(char *text, const char **word)
{
	char *save, *one;
	int n = 0;

	for (one = strtok_r(text, " ;", &save); one; one = strtok_r(NULL, " ;", &save)) {
		if (n == MAX_WORDS)
			die("too long an answer");
		word[n++] = one;
	}
	return n;
}

static int without_repeats(const char **word, int n)
{
	int i, kept = 0;

	for (i = 0; i < n; i++) {
		if (!kept || strcmp(word[kept - 1], word[i]))
			word[kept++] = word[i];
	}
	return kept;
}

/* The same sockets in the same order, though a recording may have asked more often or less */
static bool agrees(const char *have, const char *want)
{
	char *copy[2] = { strdup(have), strdup(want) };
	const char *word[2][MAX_WORDS];
	int n[2], i;
	bool alike;

	for (i = 0; i < 2; i++)
		n[i] = words_of(copy[i], word[i]);
	alike = n[0] == n[1];
	for (i = 0; i < 2 && !alike; i++)
		n[i] = without_repeats(word[i], n[i]);
	for (i = 0; i < n[0] && i < n[1] && !strcmp(word[0][i], word[1][i]); i++)
		;
	free(copy[0]);
	free(copy[1]);
	return i == n[0] && i == n[1];
}

/* One row; two files may have one of the same name */
static bool play_row(int number, const char *file, const char *what, const char *want)
{
	const struct situation *s = find(text("%s %s", file, name)) ?: find(name);
	bool good;

	*have = '\0';
	meant = NULL;
	skipped = NULL;
	if (s)
		s->play();
	else
		answer("nothing: how to play this is not known");
	want = meant ?: want;
	good = skipped || agrees(have, want);
	printf("%sok %d %s %s: %s: %s", good ? "" : "not ", number, file, name, what, want);
	if (skipped)
		printf(" # SKIP %s", skipped);
	else if (!good)
		printf("\n# have %s", have);
	putchar('\n');
	fflush(stdout);
	return good;
}

static int split(char *line, char **column)
{
	int n;

	for (n = 0; n < MAX_COLUMNS && line; n++)
		column[n] = strsep(&line, "\t");
	return n;
}

/* The column that has the answer, from the heading */
static int answer_column(char *heading, const char *path)
{
	char *column[MAX_COLUMNS];
	int n = split(heading, column), i;

	for (i = 1; i < n; i++) {
		if (!strncmp(column[i], "result", 6) || !strncmp(column[i], "receivers", 9))
			return i;
	}
	errno = 0;
	die("%s: no column result, no column receivers", path);
}

static const char *describe(char **column, int at)
{
	const char *what = column[1];
	int i;

	for (i = 2; i < at; i++)
		what = text("%s: %s", what, column[i]);
	return what;
}

static int play_file(const char *path, int number, int *bad)
{
	char line[2048], *column[MAX_COLUMNS], before[64] = "";
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
	FILE *f = fopen(path, "r");
	int at, n, nr = 0;

	if (!f || !fgets(line, sizeof(line), f))
		die("%s", path);
	linux_words = strncmp(line, "id\t", 3);
	delivery_between(linux_words ? "," : "+");
	at = answer_column(line, path);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		n = split(line, column);
		if (n <= at)
			die("%s: %d columns", path, n);
		nr = strcmp(before, column[0]) ? 1 : nr + 1;
		snprintf(before, sizeof(before), "%s", column[0]);
		snprintf(name, sizeof(name), linux_words ? "%s.%d" : "%s", column[0], nr);
		*bad += !play_row(++number, file, describe(column, at), column[at]);
	}
	fclose(f);
	return number;
}

int main(int argc, char **argv)
{
	const char *semantics = NULL;
	int number = 0, bad = 0;

	if (argc > 2 && !strcmp(argv[1], "--semantics")) {
		semantics = argv[2];
		argv += 2;
		argc -= 2;
	}
	if (argc < 2 || *argv[1] == '-') {
		fputs("usage: delivery [--semantics WORD] FILE...\n", stderr);
		return EXIT_USAGE;
	}
	if (geteuid() || (semantics && access(SEMANTICS, F_OK))) {
		puts("1..0 # SKIP needs root, and the module reuse");
		return EXIT_SKIP;
	}
	puts("TAP version 13");
	delivery_start(semantics);
	while (*++argv)
		number = play_file(*argv, number, &bad);
	printf("1..%d\n", number);
	return number && !bad ? 0 : EXIT_WRONG;
}
