// SPDX-License-Identifier: GPL-2.0
/*
 * The rows as JSON. Keys are the names of the columns; a column that the module does not have
 * is null, and one that is not known here is a string under its own name.
 */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "print.h"

static void put_address(const struct table *t, const struct row *row)
{
	const char *local = table_text(t, row, LOCAL), *dev = table_text(t, row, DEV);
	char address[128];

	/* As the file has it, without the brackets and the port */
	snprintf(address, sizeof(address), "%.*s",
		 (int)(strrchr(local, ':') - local - 2 * row->key.ipv6), local + row->key.ipv6);
	json_text("local_address", local);
	json_text("address", address);
	json_number("port", row->key.port);
	json_text("dev", strcmp(dev, "-") ? dev : NULL);
	json_bool("v6only", table_text(t, row, V6ONLY));
}

static void put_processes(const struct holders *h)
{
	size_t i;

	json_open("processes", '[');
	for (i = 0; i < h->n; i++) {
		json_open(NULL, '{');
		json_number("pid", h->process[i]->pid);
		json_text("comm", h->process[i]->comm);
		json_text("unit", h->process[i]->unit);
		json_text("container", h->process[i]->container);
		json_close('}');
	}
	json_close(']');
	json_number("sockets_without_known_process", h->unknown);
}

static void put_row(const struct table *t, const struct row *row)
{
	const char *uid = table_text(t, row, UID);
	int col;

	json_text("proto", table_text(t, row, PROTO));
	put_address(t, row);
	json_numbers("uid", uid);
	json_bool("uid_more", strstr(uid, ",+") ? "1" : "0");
	for (col = FIRST_COUNT; col <= FASTUID; col++)
		json_integer(table_name[col], table_text(t, row, col));
	if (t->has & 1u << INODE)
		json_numbers("inode", table_text(t, row, INODE));
	else
		json_text("inode", NULL);
	json_bool("inode_more", row_more_inodes(t, row) ? "1" : "0");
	for (col = 0; (size_t)col < t->extras; col++)
		json_text(t->extra_name[col], t->text + t->extra[row->extra + col]);
}

/**
 * print_json() - print the rows as an array
 * @t: the table
 * @marks: say what has changed, as "-w" does
 * @processes: say which processes hold the sockets; they have been scanned for
 */
void print_json(const struct table *t, bool marks, bool processes)
{
	struct holders h = {};
	size_t i;

	json_open("rows", '[');
	for (i = 0; i < t->n; i++) {
		json_open(NULL, '{');
		put_row(t, &t->row[i]);
		if (processes) {
			procs_of(t, &t->row[i], &h);
			put_processes(&h);
		}
		if (marks)
			json_text("change", t->row[i].mark == '+' ? "new" :
				  t->row[i].mark == '*' ? "changed" :
				  t->row[i].mark == '-' ? "gone" : NULL);
		json_close('}');
	}
	json_close(']');
	free(h.process);
}
