// SPDX-License-Identifier: GPL-2.0
/* Which rows are new, have changed or are gone since the table was read before. */
#include <stdlib.h>
#include <string.h>

#include "table.h"
#include "util.h"

/* Two tables of one namespace, and room for rows that are gone; where their text begins */
struct change {
	struct table *t;
	const struct table *before;
	size_t room;
	size_t base;
};

static bool same(const struct change *c, const struct row *now, const struct row *old)
{
	int col;

	for (col = PROTO; col < TABLE_COLS; col++) {
		if (strcmp(table_text(c->t, now, col), table_text(c->before, old, col)))
			return false;
	}
	return true;
}

/* The text of the old table goes behind that of the new one, once */
static bool take_text(struct change *c)
{
	struct table *t = c->t;

	if (c->base)
		return true;
	if (t->len + 1 + c->before->len >= UINT32_MAX)
		return false;
	c->base = t->len + 1;
	t->text = need_memory(realloc(t->text, c->base + c->before->len + 1));
	memcpy(t->text + c->base, c->before->text, c->before->len + 1);
	t->len = c->base + c->before->len;
	return true;
}

/* The columns of a row that are not known here go behind those of all others */
static void take_extra(struct change *c, struct row *row, const struct row *old)
{
	struct table *t = c->t;
	size_t i;

	row->extra = t->extra_room;
	if (!t->extras)
		return;
	t->extra_room += t->extras;
	t->extra = need_memory(reallocarray(t->extra, t->extra_room, sizeof(*t->extra)));
	for (i = 0; i < t->extras; i++)
		t->extra[row->extra + i] = c->before->extra[old->extra + i] + c->base;
}

static void add_gone(struct change *c, const struct row *old)
{
	struct table *t = c->t;
	struct row *row;
	int col;

	/* It is shown once; and not if another module with other columns has come */
	if (old->mark == '-' || t->extras != c->before->extras || !take_text(c))
		return;
	t->row = grow(t->row, t->n, &c->room, sizeof(*t->row));
	row = &t->row[t->n++];
	*row = *old;
	row->mark = '-';
	row->inodes = 0;
	take_extra(c, row, old);
	for (col = 0; col < TABLE_COLS; col++)
		row->at[col] += row->at[col] ? c->base : 0;
}

static int compare(const void *a, const void *b, void *table)
{
	return row_compare(table, a, table, b);
}

/**
 * table_mark() - mark the rows that are new, changed or gone
 * @t: the table; gets the rows that are gone as well
 * @before: the same table as it was before; it may have rows that were gone then
 */
void table_mark(struct table *t, const struct table *before)
{
	struct change c = { .t = t, .before = before, .room = t->n };
	size_t i = 0, k = 0, n = t->n;
	int order;

	while (i < n || k < before->n) {
		if (k == before->n)
			order = -1;
		else if (i == n)
			order = 1;
		else
			order = row_compare(t, &t->row[i], before, &before->row[k]);
		if (!order && before->row[k].mark == '-')
			order = 1;
		if (order > 0) {
			add_gone(&c, &before->row[k++]);
		} else if (order < 0) {
			t->row[i++].mark = '+';
		} else {
			if (!same(&c, &t->row[i], &before->row[k]))
				t->row[i].mark = '*';
			i++;
			k++;
		}
	}
	if (t->n > n)
		qsort_r(t->row, t->n, sizeof(*t->row), compare, t);
}
