// SPDX-License-Identifier: GPL-2.0
/*
 * Every packet reaches its receiver while sockets that precede it in its bucket come and go, and
 * pass from this port to another: they are bound to a device that no packet comes by.
 */
#include <pthread.h>

#include "harness.h"

#define PORTS		2
#define HELD		12	/* sockets that a thread has at a time */
#define THREADS		2
#define PACKETS		200	/* at least, however slow the machine */
#define SECONDS		4

static const char * const addresses[PORTS] = { "127.0.0.1:30000", "127.0.0.1:30001" };

/* The threads read this */
static struct {
	const char *proto;
	int port_of_next;
	bool over;
} passing;

FIXTURE(churn) {
	pthread_t thread[THREADS];
	int server;
};

FIXTURE_VARIANT(churn) {
	const char *proto;
};

FIXTURE_VARIANT_ADD(churn, udp) { "udp" };
FIXTURE_VARIANT_ADD(churn, tcp) { "tcp" };

/* The newest comes first in its bucket, so these precede the server */
static void *come_and_go(void *unused)
{
	int fd[HELD], i;

	(void)unused;
	for (i = 0; i < HELD; i++)
		fd[i] = -1;
	for (i = 0; !__atomic_load_n(&passing.over, __ATOMIC_RELAXED); i = (i + 1) % HELD) {
		int n = __atomic_fetch_add(&passing.port_of_next, 1, __ATOMIC_RELAXED);

		close(fd[i]);
		fd[i] = sock_bind_dev(passing.proto, addresses[n % PORTS], S_REUSEPORT, "away");
	}
	for (i = 0; i < HELD; i++)
		close(fd[i]);
	return NULL;
}

FIXTURE_SETUP(churn)
{
	unsigned int listens = strcmp(variant->proto, "tcp") ? 0 : S_LISTEN;
	int i;

	new_netns();
	lo_up();
	if (!add_device("away", "dummy"))
		SKIP(return, "no dummy devices in this kernel");
	semantics_set(BSD);
	passing.proto = variant->proto;
	self->server = sock_bind(variant->proto, addresses[0], S_REUSEPORT | listens);
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&self->thread[i], NULL, come_and_go, NULL));
}

FIXTURE_TEARDOWN(churn)
{
	int i;

	__atomic_store_n(&passing.over, true, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++)
		pthread_join(self->thread[i], NULL);
	close(self->server);
}

static bool has_datagram(void *server)
{
	char c;

	return recv(*(int *)server, &c, 1, MSG_DONTWAIT) == 1;
}

/* False if the server has not got it */
static bool send_one(const char *proto, int client, int *server)
{
	int child;

	if (strcmp(proto, "tcp"))
		return send(client, "", 1, 0) == 1 && wait_for(has_datagram, server, 10000);
	if (sock_try_connect(client, addresses[0]))
		return false;
	child = sock_accept(*server);
	sock_disconnect(client);
	close(child);
	return true;
}

TEST_F(churn, each_packet_reaches_the_server)
{
	long long end = now_ns() + test_seconds(SECONDS) * 1000000000LL;
	int client = sock_bind(variant->proto, "127.0.0.1:0", 0), n;

	if (!strcmp(variant->proto, "udp"))
		sock_connect(client, addresses[0]);
	for (n = 0; n < PACKETS || now_ns() < end; n++) {
		ASSERT_TRUE(send_one(variant->proto, client, &self->server))
			TH_LOG("packet %d did not reach the server (%s)", n, strerror(errno));
	}
	close(client);
}

TEST_HARNESS_MAIN
