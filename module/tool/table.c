// SPDX-License-Identifier: GPL-2.0
/*
 * Reads /proc/net/reuse. The text is kept as it was read, with a zero behind each column,
 * and a row says where its columns are: a million rows take some 250 megabytes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"
#include "util.h"

const char * const table_name[TABLE_COLS] = {
	"proto", "local_address", "dev", "v6only", "uid", "sockets", "reuseaddr", "reuseport",
	"listen", "bound", "connected", "timewait", "fastreuse", "fastreuseport", "fastuid",
	"inode",
};

/* A file that is being read: its columns are known ones, or TABLE_COLS + their number */
struct reader {
	struct table *t;
	size_t room;
	unsigned int *col;
	size_t cols;
	unsigned int line;
};

static int malformed(const struct reader *r, const char *path, const char *why)
{
	say("%s: line %u %s: this is no /proc/net/reuse", path, r->line, why);
	return -EBADMSG;
}

/**
 * table_text() - a column of a row
 * @t: the table
 * @row: the row
 * @col: the column
 *
 * Return: its text; "-" if the file does not have the column.
 */
const char *table_text(const struct table *t, const struct row *row, enum table_col col)
{
	return row->at[col] ? t->text + row->at[col] : "-";
}

/**
 * row_count() - a count of a row
 * @row: the row
 * @col: SOCKETS to TIMEWAIT
 *
 * Return: the number; 0 if the file does not have the column.
 */
unsigned int row_count(const struct row *row, enum table_col col)
{
	return row->count[col - FIRST_COUNT];
}

/**
 * row_is_chosen() - did connect() choose the port?
 * @t: the table
 * @row: the row
 *
 * Return: whether the column fastreuse says so.
 */
bool row_is_chosen(const struct table *t, const struct row *row)
{
	return !strcmp(table_text(t, row, FASTREUSE), "-1");
}

/**
 * row_more_inodes() - has the row more sockets than the file lists inodes of?
 * @t: the table
 * @row: the row
 *
 * Return: whether its inode column ends with "+".
 */
bool row_more_inodes(const struct table *t, const struct row *row)
{
	const char *text = table_text(t, row, INODE);

	return text[strlen(text) - !!*text] == '+';
}

/**
 * row_compare() - order two rows
 * @ta: the table of the first
 * @a: the first
 * @tb: the table of the second
 * @b: the second
 *
 * Return: less than 0, 0 if they are about the same sockets, or more than 0.
 */
int row_compare(const struct table *ta, const struct row *a,
		const struct table *tb, const struct row *b)
{
	int diff = key_compare(&a->key, &b->key);

	return diff ? diff : strcmp(table_text(ta, a, DEV), table_text(tb, b, DEV));
}

static int compare_in_table(const void *a, const void *b, void *table)
{
	return row_compare(table, a, table, b);
}

/* Ends the word that *@p is at, and goes to the next one of the line; returns the word */
static char *next_word(char **p)
{
	char *word = *p + strspn(*p, " \t"), *end = word + strcspn(word, " \t");

	*p = *end ? end + 1 : end;
	*end = '\0';
	return *word ? word : NULL;
}

static unsigned int known_col(const char *name)
{
	unsigned int col;

	for (col = 0; col < TABLE_COLS; col++) {
		if (!strcmp(name, table_name[col]))
			break;
	}
	return col;
}

static int read_header(struct reader *r, char *line, const char *path)
{
	size_t room = 0, extra_room = 0;
	struct table *t = r->t;
	unsigned int col;
	char *word;

	while ((word = next_word(&line))) {
		col = known_col(word);
		if (col < TABLE_COLS && t->has & 1u << col)
			return malformed(r, path, "names a column twice");
		r->col = grow(r->col, r->cols, &room, sizeof(*r->col));
		if (col < TABLE_COLS) {
			t->has |= 1u << col;
		} else {
			t->extra_name = grow(t->extra_name, t->extras, &extra_room,
					     sizeof(*t->extra_name));
			t->extra_name[t->extras] = word;
			col += t->extras++;
		}
		r->col[r->cols++] = col;
	}
	if (~t->has & (1u << PROTO | 1u << LOCAL))
		return malformed(r, path, "does not name the columns proto and local_address");
	return 0;
}

/* Reads the numbers of a row; returns what is wrong with them, or NULL */
static const char *understand(const struct table *t, struct row *row)
{
	const char *local = table_text(t, row, LOCAL), *v6only = table_text(t, row, V6ONLY);
	const char *colon = strrchr(local, ':');
	unsigned long number;
	unsigned int i;

	key_proto(table_text(t, row, PROTO), &row->key.proto);
	if (!colon || !address_parse(local, colon - local, &row->key) ||
	    !to_number(colon + 1, &number) || number > UINT16_MAX)
		return "has no address and port in its column local_address";
	row->key.port = number;
	row->key.v6only = !strcmp(v6only, "-") ? 2 : !strcmp(v6only, "1");
	for (i = 0; i < COUNTS; i++) {
		if (!row->at[FIRST_COUNT + i])
			continue;
		if (!to_number(t->text + row->at[FIRST_COUNT + i], &number) || number > UINT32_MAX)
			return "has a count that is no number";
		row->count[i] = number;
	}
	return NULL;
}

static int read_row(struct reader *r, char *line, const char *path)
{
	struct table *t = r->t;
	struct row *row;
	const char *why;
	size_t i;
	char *word;

	t->row = grow(t->row, t->n, &r->room, sizeof(*t->row));
	row = &t->row[t->n];
	*row = (struct row){ .mark = ' ', .extra = t->n * t->extras };
	while (t->extras && row->extra + t->extras > t->extra_room)
		t->extra = grow(t->extra, t->extra_room, &t->extra_room, sizeof(*t->extra));
	for (i = 0; i < r->cols; i++) {
		word = next_word(&line);
		if (!word)
			return malformed(r, path, "has fewer columns than the first one");
		if (r->col[i] < TABLE_COLS)
			row->at[r->col[i]] = word - t->text;
		else
			t->extra[row->extra + r->col[i] - TABLE_COLS] = word - t->text;
	}
	if (next_word(&line))
		return malformed(r, path, "has more columns than the first one");
	why = understand(t, row);
	if (why)
		return malformed(r, path, why);
	t->n++;
	return 0;
}

static int read_lines(struct reader *r, char *text, size_t len, const char *path)
{
	char *line = text, *end;
	int err = 0;

	if (len >= UINT32_MAX)
		return -EFBIG;
	while (!err && line < text + len) {
		end = memchr(line, '\n', text + len - line);
		if (!end)
			end = text + len;
		*end = '\0';
		r->line++;
		err = r->line == 1 ? read_header(r, line, path) : read_row(r, line, path);
		line = end + 1;
	}
	if (!r->line)
		return malformed(r, path, "is missing");
	return err;
}

/**
 * table_read() - read and sort the file
 * @t: gets it; to be freed in any case
 * @path: the path of the file
 *
 * Return: 0, or a negative errno; for -EBADMSG a message has been printed.
 */
int table_read(struct table *t, const char *path)
{
	struct reader r = { .t = t };
	int err;

	*t = (struct table){};
	t->text = slurp(path, &t->len);
	if (!t->text)
		return -errno;
	err = read_lines(&r, t->text, t->len, path);
	free(r.col);
	if (!err && t->n)
		qsort_r(t->row, t->n, sizeof(*t->row), compare_in_table, t);
	return err;
}

/**
 * table_free() - free what a table holds
 * @t: the table; it is empty then
 */
void table_free(struct table *t)
{
	free(t->text);
	free(t->row);
	free(t->extra_name);
	free(t->extra);
	free(t->inode);
	*t = (struct table){};
}

/**
 * table_add_inode() - note an inode number of a row's sockets
 * @t: the table
 * @row: the row
 * @number: the inode number
 */
void table_add_inode(struct table *t, struct row *row, unsigned long number)
{
	t->inode = grow(t->inode, t->inodes, &t->inode_room, sizeof(*t->inode));
	t->inode[t->inodes++] = (struct row_inode){ .number = number, .next = row->inodes };
	row->inodes = t->inodes;
}

/**
 * table_own_inodes() - note the inode numbers that the file itself lists
 * @t: the table
 */
void table_own_inodes(struct table *t)
{
	unsigned long number;
	const char *p, *end;
	size_t i;

	for (i = 0; i < t->n; i++) {
		for (p = table_text(t, &t->row[i], INODE); *p >= '0' && *p <= '9'; p = end + 1) {
			end = read_digits(p, &number);
			table_add_inode(t, &t->row[i], number);
			if (*end != ',')
				break;
		}
	}
}
