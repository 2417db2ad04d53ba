// SPDX-License-Identifier: GPL-2.0
/*
 * Run recorded answers through the pure profiles, without a kernel:
 * unit [--man PAGE] PROFILE FILE... [PROFILE FILE...]...; a FILE ends in .bind.tsv, in
 * .seq.want, or in .seq.txt with its .seq.want beside it. Formats: recorded/README. PAGE is the
 * man page that lists the rules. The profile native has the names of enum sem_native behind it:
 * native:by-address,timewait.
 *
 * unit --say PROFILE FILE prints FILE with the profile's own answers.
 */
#include <stdlib.h>

#include "unit.h"

static const struct sem_profile * const profiles[] = {
	&sem_pre39, &sem_bsd, &sem_freebsd15, &sem_openbsd, &sem_netbsd, &sem_darwin,
	&sem_native,
};

#define PROFILES	(sizeof(profiles) / sizeof(*profiles))

char *chomp(char *line)
{
	line[strcspn(line, "\r\n")] = '\0';
	return line;
}

static const struct sem_profile *profile_of(const char *name)
{
	size_t i, len = strcspn(name, ":");

	for (i = 0; i < PROFILES; i++) {
		if (len == strlen(profiles[i]->name) && !strncmp(name, profiles[i]->name, len))
			return profiles[i];
	}
	return NULL;
}

/* The kernel that native is about: NAME of native:NAME,NAME... */
static void set_native(const char *name)
{
	char *words = strdup(name + strcspn(name, ":")), *word, *save = NULL;
	int i;

	native = 0;
	for (word = strtok_r(words, ":,", &save); word; word = strtok_r(NULL, ":,", &save)) {
		for (i = 0; i < SEM_NATIVES && strcmp(word, sem_native_names[i]); i++)
			;
		if (i == SEM_NATIVES) {
			fprintf(stderr, "native has no %s\n", word);
			exit(2);
		}
		native |= 1U << i;
	}
	free(words);
}

static void set_profile(const char *name)
{
	profile = profile_of(name);
	set_native(name);
}

/* The answers are in a .seq.want file, and the questions as well */
static FILE *open_answers(const char *path)
{
	size_t len = strlen(path);
	char name[4096];
	FILE *f;

	snprintf(name, sizeof(name), "%s", path);
	if (len > 8 && !strcmp(path + len - 8, ".seq.txt"))
		snprintf(name, sizeof(name), "%.*swant", (int)len - 3, path);
	f = fopen(name, "r");
	if (!f) {
		perror(name);
		exit(2);
	}
	return f;
}

/* Whether all of it is as recorded */
static bool run_file(int number, const char *path)
{
	const char *name = strrchr(path, '/');
	FILE *in = open_answers(path);
	int right = 0, all = 0;
	bool good;

	name = name ? name + 1 : path;
	if (strstr(path, ".bind.tsv"))
		run_rows(in, name, &right, &all);
	else
		run_seq(in, name, &right, &all);
	fclose(in);
	good = rules_report(name) && right == all && all;
	printf("%sok %d %s: %s %d of %d answers\n", good ? "" : "not ", number,
	       profile->name, name, right, all);
	return good;
}

static bool result(int number, bool good, const char *what)
{
	printf("%sok %d %s\n", good ? "" : "not ", number, what);
	return good;
}

static int say(const char *name, const char *path)
{
	FILE *in = fopen(path, "r");

	if (!in || !profile_of(name)) {
		fprintf(stderr, "unit: no %s %s\n", in ? "profile" : "file", in ? name : path);
		return 2;
	}
	set_profile(name);
	notes = stderr;
	if (strstr(path, ".bind.tsv"))
		say_rows(in);
	else
		say_seq(in);
	fclose(in);
	return rules_report(path) ? 0 : 1;
}

static int wrong_use(void)
{
	size_t i;

	fprintf(stderr, "usage: unit [--man PAGE] PROFILE FILE... [PROFILE FILE...]...\n"
		"       unit --say PROFILE FILE; profiles:");
	for (i = 0; i < PROFILES; i++)
		fprintf(stderr, " %s", profiles[i]->name);
	fputc('\n', stderr);
	return 2;
}

int main(int argc, char **argv)
{
	const char *man = argc > 2 && !strcmp(argv[1], "--man") ? argv[2] : NULL;
	int failed = 0, tests = 2 + !!man, first = man ? 3 : 1, i;

	if (argc == 4 && !strcmp(argv[1], "--say"))
		return say(argv[2], argv[3]);
	for (i = first; i < argc; i++)
		tests += !profile_of(argv[i]);
	if (first >= argc || !profile_of(argv[first]))
		return wrong_use();
	notes = stdout;
	printf("TAP version 13\n1..%d\n", tests);
	failed += !result(1, rules_of_errors(), "errors name their rules");
	failed += !result(2, rules_of_native(), "native knows its rules");
	if (man)
		failed += !result(3, rules_in_man(man), "the man page lists all rules");
	tests = 2 + !!man;
	for (i = first; i < argc; i++) {
		if (profile_of(argv[i]))
			set_profile(argv[i]);
		else
			failed += !run_file(++tests, argv[i]);
	}
	return failed ? 1 : 0;
}
