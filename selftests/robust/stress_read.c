// SPDX-License-Identifier: GPL-2.0
/*
 * Processes of a stress run that have no sockets of their own: they read and write
 * the module's files at random places, in pieces of random sizes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "env.h"
#include "events.h"
#include "module.h"
#include "stress.h"
#include "table.h"
#include "tracefs.h"

#define WORDS		ALL_SEMANTICS
#define TEXT_MAX	1000000
#define BIG		20000
#define LOG_MAX		200000
#define SPACE		" \t\r\v\f\xa0"
#define WORD_MAX	32	/* what the kernel takes of a word, and a zero */

/* The module may be on its way out, or in: to seek is EINVAL then */
static bool missing(int err)
{
	bool why = err == ENOENT || err == ENXIO || err == EIO || err == EINVAL || err == ENODEV;

	if (!stress->unloads || !why)
		return false;
	stress_did(MISSING);
	usleep(500);
	return true;
}

/* As far as there is anything */
static bool begins(const char *with, const char *line)
{
	size_t len = strlen(line), n = strlen(with);

	return !strncmp(line, with, len < n ? len : n);
}

/* Lines of the file, whole but the last one: each as it should be */
static void check_lines(const char *lines)
{
	const char *last = strrchr(lines, '\n');
	size_t header = strlen(REUSE_HEADER) + 1, len = last ? last + 1 - lines : 0;
	struct table table;
	char *copy = malloc(header + len + 1);

	if (!copy)
		die("no memory");
	sprintf(copy, "%s\n%.*s", REUSE_HEADER, (int)len, lines);
	table_parse(copy, &table);
	table_free(&table);
	lines += len;
	errno = 0;
	if (!begins("tcp ", lines) && !begins("udp ", lines) && !begins("udplite ", lines))
		die("no beginning of a line: \"%s\"", lines);
}

/* Checks what one read() from @pos returned; @text ends with a zero */
static void check_piece(const char *text, size_t len, off_t pos)
{
	static const char header[] = REUSE_HEADER "\n";
	const char *line;

	errno = 0;
	if (strlen(text) != len)
		die("a zero byte in what was read at %lld", (long long)pos);
	if (!pos) {
		if (!begins(header, text))
			die("no header: \"%.200s\"", text);
		if (len > strlen(header))
			check_lines(text + strlen(header));
		return;
	}
	/* The first line may have begun before */
	line = strchr(text, '\n');
	if (line)
		check_lines(line + 1);
}

/* From the beginning to the end, in pieces */
static void read_whole(uint64_t *rng)
{
	static char text[TEXT_MAX + BIG];
	int fd = open(REUSE_FILE, O_RDONLY | O_CLOEXEC);
	struct table table;
	size_t len = 0, max;
	uint64_t r;
	ssize_t n;

	if (fd < 0) {
		if (!missing(errno))
			die("open");
		return;
	}
	r = stress_draw(rng);
	max = 1 << stress_take(&r, 15);
	do {
		n = read(fd, text + len, 1 + stress_draw(rng) % max);
		len += n > 0 ? n : 0;
	} while (n > 0 && len < TEXT_MAX);
	close(fd);
	if (n) {
		if (n > 0 || !missing(errno))
			die("read after %zu bytes", len);
		return;
	}
	text[len] = '\0';
	errno = 0;
	if (strlen(text) != len)
		die("a zero byte among %zu", len);
	table_parse(strdup(text), &table);
	table_free(&table);
	stress_did(READS);
}

/* The log: whole, or what fits */
static void read_log(uint64_t *rng)
{
	static const char header[] = EVENTS_HEADER "\n";
	static char text[LOG_MAX + 1];
	int fd = open(EVENTS_FILE, O_RDONLY | O_CLOEXEC);
	size_t max = stress_draw(rng) % 2 ? LOG_MAX : 1 + stress_draw(rng) % BIG, len = 0;
	struct events events;
	ssize_t n;

	do {
		n = fd < 0 ? -1 : read(fd, text + len, max - len);
		len += n > 0 ? n : 0;
	} while (n > 0 && max == LOG_MAX);
	text[len] = '\0';
	if (n < 0 ? !missing(errno) : !begins(header, text))
		die("no log: \"%s\"", text);
	if (!n)
		events_parse(text, &events);
	if (fd >= 0)
		close(fd);
}

/* Somewhere: near the beginning, or where nothing is */
static off_t some_place(uint64_t *r)
{
	switch (stress_take(r, 8)) {
	case 0:
		return 0;
	case 1:
		return stress_take(r, 200);
	case 2:
		return 1LL << stress_take(r, 62);
	default:
		return stress_take(r, 1 << 14);
	}
}

/* Seeks and reads; 0 or an errno */
static int read_piece(int fd, uint64_t r)
{
	static char text[BIG + 1];
	off_t place = some_place(&r), pos;
	size_t max = 1 + stress_take(&r, 1 << stress_take(&r, 15));
	unsigned int how = stress_take(&r, 4);
	ssize_t n;

	if (how == 1 && lseek(fd, place, SEEK_SET) != place)
		return errno ?: EIO;
	if (how == 2)
		lseek(fd, (off_t)stress_take(&r, 2000) - 1000, SEEK_CUR);
	pos = how ? lseek(fd, 0, SEEK_CUR) : place;
	if (pos < 0)
		return errno;
	n = how ? read(fd, text, max) : pread(fd, text, max, pos);
	if (n < 0)
		return errno;
	text[n] = '\0';
	check_piece(text, n, pos);
	errno = 0;
	if (n && pos > 1 << 28)
		die("%zd bytes at %lld", n, (long long)pos);
	stress_did(PIECES);
	return 0;
}

static void read_pieces(uint64_t *rng)
{
	int fd = open(REUSE_FILE, O_RDONLY | O_CLOEXEC), i, err = fd < 0 ? errno : 0;

	for (i = 0; i < 10 && !err; i++)
		err = read_piece(fd, stress_draw(rng));
	if (err && !missing(err)) {
		errno = err;
		die("read at random");
	}
	if (fd >= 0)
		close(fd);
}

/* Asks about a port that others are busy with, or writes what is no question */
static int ask(int fd, uint64_t r)
{
	char text[1024];
	ssize_t len, n;

	len = snprintf(text, sizeof(text), "proto=%s local_address=%s:%d reuseaddr=%d semantics=%s",
		       stress_take(&r, 2) ? "tcp" : "udp", stress_take(&r, 2) ? "[::]" : "0.0.0.0",
		       LANE_PORT + (int)stress_take(&r, LANES), (int)stress_take(&r, 2),
		       semantics_name[semantics_nth(stress_take(&r, 42))]);
	if (!stress_take(&r, 8))
		len = stress_take(&r, len);
	n = write(fd, text, len);
	if (n < 0 && errno != EINVAL)
		return errno;
	n = n < 0 ? 0 : read(fd, text, 1 + stress_take(&r, sizeof(text)));
	if (n < 0)
		return errno;
	errno = 0;
	if (n > 6 && strncmp(text, "proto ", 6))
		die("no answer: \"%.*s\"", (int)n, text);
	stress_did(QUESTIONS);
	return 0;
}

static void ask_questions(uint64_t *rng)
{
	int fd = open("/proc/net/reuse_why", O_RDWR | O_CLOEXEC), i, err = fd < 0 ? errno : 0;

	for (i = 0; i < 5 && !err; i++)
		err = ask(fd, stress_draw(rng));
	if (err && !missing(err)) {
		errno = err;
		die("no answer");
	}
	if (fd >= 0)
		close(fd);
}

/**
 * stress_read() - read /proc/net/reuse, and ask, until it is over
 * @post: the place of this process
 */
void stress_read(struct post *post)
{
	while (!stress_over()) {
		stress_enter(stress_draw(&post->rng) % SPACES);
		read_whole(&post->rng);
		read_pieces(&post->rng);
		ask_questions(&post->rng);
		read_log(&post->rng);
		stress_pause(post, 1);
		usleep(stress_draw(&post->rng) % 20000);
	}
}

/* The semantics that the kernel takes a written word for, or -1 for no such word */
static int meaning(const char *data, size_t len)
{
	char word[WORD_MAX] = "", *begin = word, *end;
	size_t i;
	int s;

	for (i = 0; i < len && data[i] && data[i] != '\n'; i++) {
		if (i < WORD_MAX - 1)
			word[i] = data[i];
	}
	begin += strspn(begin, SPACE);
	for (end = begin + strlen(begin); end > begin && strchr(SPACE, end[-1]); end--)
		end[-1] = '\0';
	for (s = NATIVE; s < SEMANTICS_COUNT; s++) {
		if (!strcmp(begin, semantics_name[s]))
			return s;
	}
	return -1;
}

/* Something like a word, or not at all */
static size_t garble(char *data, uint64_t *rng)
{
	uint64_t r = stress_draw(rng);
	const char *word = semantics_name[semantics_nth(stress_take(&r, 42))];
	unsigned int how = stress_take(&r, 6);
	size_t len = stress_take(&r, 1 << stress_take(&r, 14)), i;

	for (i = 0; i < len; i++)
		data[i] = stress_draw(rng);
	if (how == 0)
		return len;
	if (how == 1) {
		memset(data, "b\t "[stress_take(&r, 3)], len);
		return len;
	}
	if (how == 2)
		return snprintf(data, BIG, "%.*s", stress_take(&r, 6), word);
	if (how == 3)
		return snprintf(data, BIG, "%s%c", word, stress_take(&r, 256));
	/* Before or behind it */
	i = how == 4 ? stress_take(&r, 40) : 0;
	memset(data, ' ', i);
	memcpy(data + i, word, strlen(word));
	return i + strlen(word) + stress_take(&r, 40);
}

static void write_once(const struct space *space, uint64_t *rng)
{
	static char data[BIG + 100];
	size_t len = garble(data, rng);
	off_t pos = stress_draw(rng) % 4 ? 0 : stress_draw(rng) % 100;
	int fd = open(SEMANTICS, O_WRONLY | O_CLOEXEC), want = pos ? -1 : meaning(data, len);
	ssize_t n;

	if (fd < 0) {
		if (!missing(errno))
			die("open");
		return;
	}
	/* Here it is to stay as it is */
	if (space->fixed && want >= 0 && want != (int)space->semantics) {
		close(fd);
		return;
	}
	n = pwrite(fd, data, len, pos);
	if (want < 0 ? n >= 0 || errno != EINVAL : n != (ssize_t)len) {
		/* Nothing at all may be no write */
		if (len && (n >= 0 || !missing(errno)))
			die("write of %zu bytes \"%.40s\" at %lld: %zd", len, data,
			    (long long)pos, n);
	}
	close(fd);
	stress_did(WRITES);
}

/* Both files say what they should, however little of it is asked for */
static void read_back(const struct space *space, uint64_t *rng)
{
	const char *word = semantics_name[space->semantics];
	/* Rarely: after each insmod, the first time takes long */
	bool list = !(stress_draw(rng) % 16);
	int fd = open(list ? AVAILABLE : SEMANTICS, O_RDONLY | O_CLOEXEC);
	size_t max = stress_draw(rng) % 40, len;
	char got[64] = "", want[64];
	ssize_t n = fd < 0 ? -1 : read(fd, got, max);

	if (n < 0) {
		if (!missing(errno))
			die("no word");
	} else if (list || space->fixed) {
		snprintf(want, sizeof(want), list ? WORDS : "%s\n", word);
		len = strlen(want) < max ? strlen(want) : max;
		errno = 0;
		if (n != (ssize_t)len || memcmp(got, want, len))
			die("%s: \"%s\" instead of \"%.*s\"", word, got, (int)len, want);
	}
	if (fd >= 0)
		close(fd);
}

/**
 * stress_write() - write what is no word to net.reuse.semantics, until it is over
 * @post: the place of this process
 */
void stress_write(struct post *post)
{
	int i;

	for (i = 0; !stress_over(); i++) {
		stress_enter(i % SPACES);
		write_once(&stress->space[i % SPACES], &post->rng);
		read_back(&stress->space[i % SPACES], &post->rng);
		usleep(stress_draw(&post->rng) % 5000);
	}
}

/**
 * stress_switch() - switch the namespaces that are not fixed, until it is over
 * @post: the place of this process
 */
void stress_switch(struct post *post)
{
	while (!stress_over()) {
		uint64_t r = stress_draw(&post->rng);
		int space = stress_take(&r, SPACES), err;
		enum semantics semantics = semantics_nth(stress_take(&r, 42));

		if (stress->space[space].fixed)
			continue;
		stress_enter(space);
		err = semantics_try(semantics);
		if (err && !missing(err)) {
			errno = err;
			die("cannot switch");
		}
		stress_did(SWITCHES);
		usleep(stress_take(&r, 200000));
	}
}

/**
 * stress_log() - begin and end logs, and traces if tracefs_begin() was called, until it is over
 * @post: the place of this process
 */
void stress_log(struct post *post)
{
	static const char * const levels[] = { "off", "refused", "all" };
	static const char * const points[] = { "reuse_bind", "reuse_deliver" };

	while (!stress_over()) {
		uint64_t r = stress_draw(&post->rng);
		const char *level = levels[stress_take(&r, 3)];
		const char *point = points[stress_take(&r, 2)];
		int err;

		stress_enter(stress_take(&r, SPACES));
		err = -try_write(EVENTS_SYSCTL, 0, level, strlen(level));
		if (err && !missing(err)) {
			errno = err;
			die("cannot begin a log");
		}
		read_log(&post->rng);
		stress_did(LOGS);
		/* The module may be missing, and then the tracepoint is */
		if (tracefs_there(point))
			tracefs_enable(point, stress_take(&r, 2));
		usleep(stress_take(&r, 100000));
	}
	tracefs_enable(points[0], false);
	tracefs_enable(points[1], false);
}
