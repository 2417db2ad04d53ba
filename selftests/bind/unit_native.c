// SPDX-License-Identifier: GPL-2.0
/* The profile native about one owner of a port, where no sequence of operations can ask it. */
#include "unit.h"

#define V4(a, b, c, d)	{ [10] = 0xff, [11] = 0xff, a, b, c, d }
#define LOCAL4		V4(127, 0, 0, 1)
#define ANY4		V4(0, 0, 0, 0)
#define BY_ADDRESS	(SEM_NATIVE_BY_ADDRESS | SEM_NATIVE_TIMEWAIT)

static const struct {
	const char *what;
	u32 native;
	bool udp;
	bool search;
	struct sem_sock sk;
	struct sem_sock owner;
	enum sem_rule rule;
} cases[] = {
	{ "TIME_WAIT has no user", 0, false, false,
	  { .addr = LOCAL4, .uid = 1, .reuseport = true },
	  { .addr = LOCAL4, .uid = 2, .reuseport = true, .state = SEM_TIMEWAIT }, SEM_RULE_NONE },
	{ "a connection has one", 0, false, false,
	  { .addr = LOCAL4, .uid = 1, .reuseport = true },
	  { .addr = LOCAL4, .uid = 2, .reuseport = true, .state = SEM_CONNECTED },
	  SEM_RULE_REUSEPORT_USER },
	{ "TIME_WAIT, the newcomer without SO_REUSEADDR", BY_ADDRESS, false, false,
	  { .addr = LOCAL4 },
	  { .addr = LOCAL4, .reuseaddr = true, .state = SEM_TIMEWAIT }, SEM_RULE_TIMEWAIT },
	{ "TIME_WAIT without SO_REUSEADDR", BY_ADDRESS, false, false,
	  { .addr = LOCAL4, .reuseaddr = true },
	  { .addr = LOCAL4, .state = SEM_TIMEWAIT }, SEM_RULE_TIMEWAIT_NO_REUSEADDR },
	{ "TIME_WAIT that is not looked for by address", SEM_NATIVE_BY_ADDRESS, false, false,
	  { .addr = LOCAL4 },
	  { .addr = LOCAL4, .state = SEM_TIMEWAIT }, SEM_RULE_NONE },
	{ "the same, for the wildcard address", SEM_NATIVE_BY_ADDRESS, false, false,
	  { .addr = ANY4 },
	  { .addr = LOCAL4, .state = SEM_TIMEWAIT }, SEM_RULE_TIMEWAIT_NO_REUSEADDR },
	{ "the same, without addresses", 0, false, false,
	  { .addr = LOCAL4 },
	  { .addr = LOCAL4, .state = SEM_TIMEWAIT }, SEM_RULE_TIMEWAIT_NO_REUSEADDR },
	{ "TCP shares no port in a search", 0, false, true,
	  { .addr = LOCAL4, .reuseaddr = true },
	  { .addr = LOCAL4, .reuseaddr = true }, SEM_RULE_SEARCH },
	{ "but for another address", 0, false, true,
	  { .addr = V4(127, 0, 0, 2) }, { .addr = LOCAL4 }, SEM_RULE_NONE },
	{ "UDP shares in a search by SO_REUSEADDR", 0, true, true,
	  { .addr = LOCAL4, .reuseaddr = true },
	  { .addr = LOCAL4, .reuseaddr = true }, SEM_RULE_NONE },
	{ "and by SO_REUSEPORT of one user", 0, true, true,
	  { .addr = LOCAL4, .uid = 1, .reuseport = true },
	  { .addr = LOCAL4, .uid = 2, .reuseport = true }, SEM_RULE_REUSEPORT_USER },
	{ "a listener", 0, false, false,
	  { .addr = LOCAL4, .reuseaddr = true },
	  { .addr = LOCAL4, .reuseaddr = true, .state = SEM_LISTEN }, SEM_RULE_LISTENS },
	{ "a listener on 0.0.0.0 without options", BY_ADDRESS, false, false,
	  { .addr = LOCAL4 }, { .addr = ANY4, .state = SEM_LISTEN }, SEM_RULE_WILDCARD },
};

/* One owner of one port */
bool rules_of_native(void)
{
	bool good = true;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sem_cache cache = { .reuse = 0 };
		struct sem_bind b = {
			.sk = &cases[i].sk, .udp = cases[i].udp, .search = cases[i].search,
			.native = cases[i].native, .cache = &cache, .owners = 1,
		};
		int err;

		sem_native.begin(&b);
		sem_native.owner(&b, &cases[i].owner, &cases[i]);
		err = sem_native.verdict(&b);
		if (b.rule == cases[i].rule && !err == !b.rule)
			continue;
		printf("# %s: %d, %s\n", cases[i].what, err, sem_rules[b.rule].word);
		good = false;
	}
	return good;
}
