// SPDX-License-Identifier: GPL-2.0
/* TIME_WAIT ends. Apart from timewait.c, because it takes a minute. */
#include "harness.h"

#define EXPIRY_MS	60000	/* TCP_TIMEWAIT_LEN, which is no option */

FIXTURE(expiry) {
};

FIXTURE_SETUP(expiry)
{
	new_netns();
}

FIXTURE_TEARDOWN(expiry)
{
}

static bool no_rows(void *arg)
{
	struct table table;
	size_t n;

	table_read(arg, &table);
	n = table.n;
	table_free(&table);
	return !n;
}

static long ms_since(long long start)
{
	return (now_ns() - start) / 1000000;
}

/* TIME_WAIT of each family stays for a minute and is gone after it */
TEST_F_TIMEOUT(expiry, minute, 100)
{
	char rows[1024] = "";
	long long start = now_ns();
	struct pair p;
	int i, l;

	for (i = 0; i < FAMILIES; i++) {
		const struct family *f = &families[i];

		l = sock_bind("tcp", f->listen, f->flags | S_LISTEN | S_REUSEADDR);
		sock_pair(&p, l, f->connect);
		close(l);
		strcat(rows, text("tcp %s timewait=1 uid=-\n", sock_row(p.client)));
		sock_close_pair(p.client, p.server);
	}
	EXPECT_REUSE("%s", rows);
	usleep((EXPIRY_MS - 10000 - ms_since(start)) * 1000);
	EXPECT_REUSE("%s", rows);
	EXPECT_TRUE(wait_for(no_rows, REUSE_FILE, 20000));
	EXPECT_GE(ms_since(start), EXPIRY_MS - 1000);
}

TEST_HARNESS_MAIN
