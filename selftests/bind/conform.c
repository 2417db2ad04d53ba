// SPDX-License-Identifier: GPL-2.0
/*
 * Repeats on this kernel the calls that were recorded on other systems, and compares
 * the answers; recorded/README has the formats.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conform.h"
#include "module.h"
#include "sock.h"

static void help(FILE *f)
{
	fputs("usage: conform [--only KIND[,KIND]...] [--semantics WORD] FILE...\n\n"
	      "Plays recorded answers, NAME.bind.tsv or NAME.seq.want (also named .seq.txt), in a\n"
	      "network namespace of its own and prints as TAP where this kernel differs.\n\n"
	      "  --only KIND       compare answers to bind, to listen, deliver (who gets a\n"
	      "                    connection or a datagram), or all (default)\n"
	      "  --semantics WORD  write it to net.reuse.semantics there\n"
	      "  --why             compare what bind says with what /proc/net/reuse_why says\n"
	      "                    beforehand, not with what was recorded\n"
	      "  --as WORD         so, but ask about WORD, and switch there before the bind;\n"
	      "                    only of NAME.bind.tsv\n\n"
	      "Exit status: 0 all as recorded, 1 not, 2 wrong use or file, 4 no net.reuse.semantics\n",
	      f);
}

/**
 * record_open() - open a file to read, or end
 * @path: its name
 *
 * Return: the file.
 */
FILE *record_open(const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f) {
		fprintf(stderr, "conform: cannot open %s: %s\n", path, strerror(errno));
		exit(EXIT_USAGE);
	}
	return f;
}

/**
 * record_bad() - end: the file is not as described
 * @rec: the file
 * @fmt: the error
 */
void record_bad(const struct record *rec, const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "conform: %s:%u: ", rec->path, rec->line);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_USAGE);
}

/**
 * record_line() - read a line that is not empty
 * @rec: its line number is advanced
 * @f: the open file
 * @line: is filled in, without its end
 * @size: of @line
 *
 * Return: @line, or NULL at the end.
 */
char *record_line(struct record *rec, FILE *f, char *line, size_t size)
{
	do {
		if (!fgets(line, size, f))
			return NULL;
		rec->line++;
		if (!strchr(line, '\n') && !feof(f))
			record_bad(rec, "too long");
		line[strcspn(line, "\r\n")] = '\0';
	} while (!*line);
	return line;
}

/**
 * record_compare() - count an answer, and tell if it is wrong
 * @rec: the file
 * @what: the question
 * @have: this kernel's answer
 * @want: the recorded one
 */
void record_compare(struct record *rec, const char *what, const char *have, const char *want)
{
	rec->all++;
	if (!strcmp(have, want))
		rec->right++;
	else
		printf("# %s: %s: have %s, want %s\n", rec->name, what, have, want);
}

static unsigned int parse_only(char *list)
{
	static const struct {
		const char *word;
		unsigned int answers;
	} kinds[] = {
		{ "bind", ANSWER_BIND },
		{ "listen", ANSWER_LISTEN },
		{ "deliver", ANSWER_DELIVER },
		{ "all", ANSWER_ALL },
	};
	const size_t n = sizeof(kinds) / sizeof(*kinds);
	unsigned int only = 0;
	char *word;
	size_t i;

	while ((word = strsep(&list, ","))) {
		for (i = 0; i < n && strcmp(word, kinds[i].word); i++)
			;
		if (i == n) {
			fprintf(stderr, "conform: --only %s: bind, listen, deliver, all\n", word);
			exit(EXIT_USAGE);
		}
		only |= kinds[i].answers;
	}
	return only;
}

static void check_semantics(const char *word)
{
	const char *why = NULL;

	if (geteuid())
		why = "needs root";
	else if (word && access(SEMANTICS, F_OK))
		why = "no " SEMANTICS ": load the module reuse, or leave out --semantics";
	if (!why)
		return;
	printf("TAP version 13\n1..0 # SKIP %s\n", why);
	fprintf(stderr, "conform: %s\n", why);
	exit(EXIT_SKIP);
}

static bool ends_in(const char *s, const char *end)
{
	size_t len = strlen(s), end_len = strlen(end);

	return len >= end_len && !strcmp(s + len - end_len, end);
}

static void check_files(char **files)
{
	for (; *files; files++) {
		if (!ends_in(*files, ".bind.tsv") && !ends_in(*files, ".seq.want") &&
		    !ends_in(*files, ".seq.txt")) {
			fprintf(stderr, "conform: %s: no .bind.tsv and no .seq.want\n", *files);
			exit(EXIT_USAGE);
		}
		fclose(record_open(*files));
	}
}

static void play(struct record *rec, const char *semantics, int number)
{
	bool good, none;

	if (rec->as && !ends_in(rec->path, ".bind.tsv"))
		record_bad(rec, "--as takes only .bind.tsv");

	host_new(semantics);
	if (ends_in(rec->path, ".bind.tsv"))
		conform_rows(rec);
	else
		conform_seq(rec);
	none = !rec->all && !rec->skipped && rec->only != ANSWER_ALL;
	good = none || (rec->right == rec->all && rec->all && !rec->skipped);
	printf("%sok %d %s %lu of %lu answers", good ? "" : "not ", number, rec->name, rec->right,
	       rec->all);
	if (rec->skipped)
		printf(", %lu not asked: an estab before them ended elsewhere", rec->skipped);
	puts(none ? " # SKIP --only leaves nothing of it" : "");
	fflush(stdout);
}

static int play_all(char **files, const struct record *how, const char *semantics)
{
	unsigned long right = 0, all = 0, skipped = 0;
	long long start = now_ns();
	int number = 0;

	for (; *files; files++) {
		const char *slash = strrchr(*files, '/');
		struct record rec = {
			.path = *files,
			.name = slash ? slash + 1 : *files,
			.only = how->only,
			.why = how->why,
			.as = how->as,
		};

		play(&rec, semantics, ++number);
		right += rec.right;
		all += rec.all;
		skipped += rec.skipped;
	}
	printf("# total %lu of %lu answers (%.2f %%)", right, all, all ? 100.0 * right / all : 0);
	if (skipped)
		printf(", %lu not asked", skipped);
	printf(", %.1f s\n", (now_ns() - start) / 1e9);
	return right == all && all && !skipped ? 0 : EXIT_WRONG;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "only", required_argument, NULL, 'o' },
		{ "semantics", required_argument, NULL, 's' },
		{ "why", no_argument, NULL, 'w' },
		{ "as", required_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct record how = { .only = ANSWER_ALL };
	const char *semantics = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'o') {
			how.only = parse_only(optarg);
		} else if (c == 's') {
			semantics = optarg;
		} else if (c == 'w') {
			how.why = true;
		} else if (c == 'a') {
			how.why = true;
			how.as = optarg;
		} else {
			help(c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : EXIT_USAGE;
		}
	}
	if (optind == argc) {
		help(stderr);
		return EXIT_USAGE;
	}
	check_files(argv + optind);
	check_semantics(how.why && !semantics ? "native" : semantics);
	printf("TAP version 13\n1..%d\n", argc - optind);
	return play_all(argv + optind, &how, semantics);
}
