// SPDX-License-Identifier: GPL-2.0
/*
 * The table for people. Columns are as wide as what is in them. Where that does not fit, the
 * kernel's cache is left out, and a cell that is too long moves the rest of its row to the
 * right, or to the next line: nothing is cut off.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"
#include "term.h"
#include "util.h"

enum cell { C_MARK, C_PROTO, C_LOCAL, C_UID, C_STATE, C_OPTIONS, C_CACHE, C_PROCESS, CELLS };

static const char * const headings[CELLS] = {
	"", "Proto", "Local address:port", "Uid", "State", "Options", "Cache", "Process",
};

/* The width that a column has at least, where not everything fits */
static const size_t narrow[CELLS] = { 1, 7, 21, 6, 24, 9, 0, 7 };

#define GAP	2
/* Where a cell begins that has a line of its own and is too long for its column */
#define INDENT	8
/* Process IDs of one program that are shown */
#define PIDS	4

/* How the columns are laid out; a width of 0 leaves a column out */
struct layout {
	size_t width[CELLS];
	size_t limit;
};

/* Text of one row: its cells one after the other, each with a zero behind it */
struct cells {
	FILE *out;
	char *text;
	size_t len;
	size_t at[CELLS];
	struct holders holders;
};

/**
 * print_states() - print how many sockets of a row are in which state
 * @out: where to
 * @row: the row
 */
void print_states(FILE *out, const struct row *row)
{
	static const enum table_col states[] = { LISTEN, BOUND, CONNECTED, TIMEWAIT };
	const char *comma = "";
	unsigned int n;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		n = row_count(row, states[i]);
		if (!n)
			continue;
		fprintf(out, "%s%s", comma, table_name[states[i]]);
		if (row_count(row, SOCKETS) != 1)
			fprintf(out, " %u", n);
		comma = ", ";
	}
	if (!*comma)
		fputc('-', out);
}

static bool put_option(FILE *out, const struct row *row, enum table_col col, const char *comma)
{
	unsigned int n = row_count(row, col), all = row_count(row, SOCKETS);

	if (!n)
		return false;
	fprintf(out, "%s%s", comma, table_name[col]);
	if (n != all)
		fprintf(out, " %u/%u", n, all);
	return true;
}

static void put_options(FILE *out, const struct table *t, const struct row *row)
{
	bool any = put_option(out, row, REUSEADDR, "");

	if (put_option(out, row, REUSEPORT, any ? ", " : ""))
		any = true;
	if (row_is_chosen(t, row))
		fputs(any ? ", ephemeral" : "ephemeral", out);
	else if (!any)
		fputc('-', out);
}

static bool same_group(const struct process *a, const struct process *b)
{
	const char *of_a = a->container ? a->container : a->unit;
	const char *of_b = b->container ? b->container : b->unit;

	if (strcmp(a->comm, b->comm) || !of_a != !of_b)
		return false;
	return !of_a || !strcmp(of_a, of_b);
}

/**
 * print_group() - print processes of one name and unit
 * @out: where to
 * @h: the processes
 * @from: index of the first one; those of its name that follow belong to it
 *
 * Return: index of the first process of the next group.
 */
size_t print_group(FILE *out, const struct holders *h, size_t from)
{
	const struct process *first = h->process[from];
	size_t i = from;

	fprintf(out, "%s ", first->comm);
	for (; i < h->n && same_group(first, h->process[i]); i++) {
		if (i - from < PIDS)
			fprintf(out, i == from ? "%d" : ",%d", h->process[i]->pid);
	}
	if (i - from > PIDS)
		fprintf(out, ",+%zu", i - from - PIDS);
	if (first->container)
		fprintf(out, " (%s)", first->container);
	else if (first->unit)
		fprintf(out, " (%s)", first->unit);
	return i;
}

/* Groups have a newline between them: a new line may begin there */
static void put_processes(FILE *out, const struct holders *h)
{
	size_t i = 0;

	while (i < h->n) {
		if (i)
			fputc('\n', out);
		i = print_group(out, h, i);
	}
	if (h->unknown)
		fputs(h->n ? "\n?" : "?", out);
	if (h->more)
		fputs("\n...", out);
	if (!h->n && !h->unknown && !h->more)
		fputc('-', out);
}

static void end_cell(struct cells *c, enum cell cell)
{
	fputc('\0', c->out);
	fflush(c->out);
	if (cell + 1 < CELLS)
		c->at[cell + 1] = c->len;
}

static void fill(struct cells *c, const struct table *t, const struct row *row, bool processes)
{
	char address[128];

	rewind(c->out);
	c->at[0] = 0;
	fputc(row->mark, c->out);
	end_cell(c, C_MARK);
	fputs(table_text(t, row, PROTO), c->out);
	end_cell(c, C_PROTO);
	address_print(&row->key, table_text(t, row, DEV), address, sizeof(address));
	fputs(address, c->out);
	end_cell(c, C_LOCAL);
	fputs(table_text(t, row, UID), c->out);
	end_cell(c, C_UID);
	print_states(c->out, row);
	end_cell(c, C_STATE);
	put_options(c->out, t, row);
	end_cell(c, C_OPTIONS);
	if (!strcmp(table_text(t, row, FASTREUSE), "-"))
		fputc('-', c->out);
	else
		fprintf(c->out, "%s/%s/%s", table_text(t, row, FASTREUSE),
			table_text(t, row, FASTREUSEPORT), table_text(t, row, FASTUID));
	end_cell(c, C_CACHE);
	if (processes) {
		procs_of(t, row, &c->holders);
		put_processes(c->out, &c->holders);
	}
	end_cell(c, C_PROCESS);
}

static size_t longest_line(const char *text)
{
	size_t longest = 0, n;

	for (; *text; text += n + !!text[n]) {
		n = strcspn(text, "\n");
		if (n > longest)
			longest = n;
	}
	return longest;
}

static size_t total(const struct layout *l)
{
	size_t sum = 0, i;

	for (i = 0; i < CELLS; i++)
		sum += l->width[i] ? l->width[i] + GAP : 0;
	return sum - GAP;
}

static void lay_out(struct layout *l, struct cells *c, const struct table *t, bool marks,
		    bool processes)
{
	size_t i, n;
	int cell;

	for (cell = 0; cell < CELLS; cell++)
		l->width[cell] = strlen(headings[cell]);
	l->width[C_MARK] = marks;
	l->width[C_PROCESS] *= processes;
	for (i = 0; i < t->n; i++) {
		fill(c, t, &t->row[i], processes);
		for (cell = C_PROTO; cell < CELLS; cell++) {
			n = longest_line(c->text + c->at[cell]);
			if (n > l->width[cell])
				l->width[cell] = n;
		}
	}
	l->limit = term_width();
	if (!l->limit || total(l) <= l->limit)
		return;
	for (cell = 0; cell < CELLS; cell++) {
		if (l->width[cell] > narrow[cell])
			l->width[cell] = narrow[cell];
	}
}

static enum look look_of(const struct row *row, enum cell cell)
{
	if (cell == C_MARK)
		return row->mark == '+' ? GOOD : row->mark == '-' ? BAD : ODD;
	if (cell != C_STATE)
		return PLAIN;
	if (row_count(row, LISTEN))
		return GOOD;
	/* A TCP socket that does not listen: few programs look for it */
	if (row_count(row, BOUND))
		return row->key.proto ? GOOD : ODD;
	return row_count(row, CONNECTED) ? PLAIN : OLD;
}

/* Where the cursor is, and how many lines have been printed */
struct cursor {
	size_t x;
	size_t lines;
};

static void go_to(struct cursor *at, size_t x)
{
	for (; at->x < x; at->x++)
		putchar(' ');
}

static void new_line(struct cursor *at)
{
	putchar('\n');
	at->x = 0;
	at->lines++;
}

/* Text at a column, or behind what is there already, or on the next line */
static void put_piece(struct cursor *at, const struct layout *l, size_t column, enum look look,
		      const char *text, size_t len)
{
	size_t x = at->x ? at->x + GAP : 0;

	if (x < column)
		x = column;
	if (l->limit && x + len > l->limit) {
		if (at->x)
			new_line(at);
		x = column + len <= l->limit ? column : INDENT + len <= l->limit ? INDENT : 0;
	}
	go_to(at, x);
	term_put(look, text, len);
	at->x += len;
}

/* A cell; the process column may hold several pieces, with a newline between them */
static void put_cell(struct cursor *at, const struct layout *l, size_t column, enum look look,
		     const char *text)
{
	size_t len = strcspn(text, "\n");

	put_piece(at, l, column, look, text, len);
	for (text += len; *text; text += len) {
		text++;
		len = strcspn(text, "\n");
		putchar(',');
		at->x++;
		if (!l->limit || at->x + 1 + len <= l->limit) {
			go_to(at, at->x + 1);
			term_put(look, text, len);
			at->x += len;
		} else {
			new_line(at);
			put_piece(at, l, column, look, text, len);
		}
	}
}

static void put_row(const struct layout *l, const struct cells *c, const struct row *row,
		    struct cursor *at)
{
	size_t column = 0;
	enum look look;
	int cell;

	at->x = 0;
	for (cell = 0; cell < CELLS; cell++) {
		if (!l->width[cell])
			continue;
		look = row ? look_of(row, cell) : HEADING;
		put_cell(at, l, column, look, row ? c->text + c->at[cell] : headings[cell]);
		column += l->width[cell] + GAP;
	}
	new_line(at);
}

/**
 * print_table() - print the table for people
 * @t: the table
 * @marks: it has a column for the marks of "-w"
 * @processes: it has a column for processes, which have been scanned for
 * @lines: how many lines there is room for; 0 if that does not matter
 */
void print_table(const struct table *t, bool marks, bool processes, size_t lines)
{
	struct cells c = {};
	struct cursor at = {};
	struct layout l = {};
	size_t i;

	c.out = need_memory(open_memstream(&c.text, &c.len));
	lay_out(&l, &c, t, marks, processes);
	put_row(&l, &c, NULL, &at);
	for (i = 0; i < t->n && (!lines || at.lines + 2 < lines); i++) {
		fill(&c, t, &t->row[i], processes);
		put_row(&l, &c, &t->row[i], &at);
	}
	if (i < t->n)
		printf("and %zu more\n", t->n - i);
	fclose(c.out);
	free(c.text);
	free(c.holders.process);
}
