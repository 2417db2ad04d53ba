// SPDX-License-Identifier: GPL-2.0
/* The file as such. */
#include "harness.h"

/* An empty namespace has a header and nothing else */
TEST(header_only)
{
	char *s;

	new_netns();
	s = slurp(REUSE_FILE);
	EXPECT_STREQ(REUSE_HEADER "\n", s);
}

TEST(one)
{
	new_netns();
	sock_bind("tcp", "127.0.0.1:80", S_LISTEN | S_REUSEADDR);
	sock_bind("udp", "[::]:80", S_REUSEPORT);
	EXPECT_REUSE("tcp 127.0.0.1:80 listen=1 reuseaddr=1\nudp [::]:80 bound=1 reuseport=1\n");
}

TEST_HARNESS_MAIN
