// SPDX-License-Identifier: GPL-2.0
/*
 * Every packet reaches its receiver, which is another one than natively, while sockets that
 * precede it in its bucket come and go, and pass from this port to another: they are bound to a
 * device that no packet comes by.
 */
#include <poll.h>
#include <pthread.h>

#include "harness.h"

#define PORTS		2
#define CLIENTS		16
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
	struct pollfd server[2];
	int client;
	int receiver;
};

FIXTURE_VARIANT(churn) {
	const char *proto;
};

FIXTURE_VARIANT_ADD(churn, udp) { "udp" };
FIXTURE_VARIANT_ADD(churn, tcp) { "tcp" };

/* The newest comes first in its bucket, so these precede the servers */
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

/* Sends a packet: which of the servers gets it, -1 if none does */
static int receiver_of(const char *proto, int client, struct pollfd *server)
{
	bool udp = !strcmp(proto, "udp");
	int i, child;
	char c;

	if (udp ? send(client, "", 1, 0) != 1 : sock_try_connect(client, addresses[0]))
		return -1;
	if (poll(server, 2, 10000) != 1)
		return -1;
	i = server[1].revents ? 1 : 0;
	if (udp)
		return recv(server[i].fd, &c, 1, MSG_DONTWAIT) == 1 ? i : -1;
	child = sock_accept(server[i].fd);
	sock_disconnect(client);
	close(child);
	return i;
}

/*
 * Natively the two servers share by hash: the client that goes to the other one than under bsd.
 * Sets *@receiver to the server that it goes to under bsd
 */
static int choose_client(const char *proto, struct pollfd *server, int *receiver)
{
	int client[CLIENTS], native[CLIENTS], i;

	for (i = 0; i < CLIENTS; i++) {
		client[i] = sock_bind(proto, "127.0.0.1:0", 0);
		if (!strcmp(proto, "udp"))
			sock_connect(client[i], addresses[0]);
		native[i] = receiver_of(proto, client[i], server);
	}
	semantics_set(BSD);
	*receiver = receiver_of(proto, client[0], server);
	for (i = 0; i < CLIENTS; i++) {
		if (*receiver >= 0 && native[i] == !*receiver)
			return client[i];
	}
	errno = 0;
	die("no client goes to another server than under bsd");
}

FIXTURE_SETUP(churn)
{
	unsigned int listens = strcmp(variant->proto, "tcp") ? 0 : S_LISTEN;
	int i;

	new_netns();
	lo_up();
	if (!add_device("away", "dummy"))
		SKIP(return, "no dummy devices in this kernel");
	for (i = 0; i < 2; i++) {
		self->server[i].fd = sock_bind(variant->proto, addresses[0],
					       S_REUSEPORT | listens);
		self->server[i].events = POLLIN;
	}
	self->client = choose_client(variant->proto, self->server, &self->receiver);
	passing.proto = variant->proto;
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&self->thread[i], NULL, come_and_go, NULL));
}

FIXTURE_TEARDOWN(churn)
{
	int i;

	__atomic_store_n(&passing.over, true, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++)
		pthread_join(self->thread[i], NULL);
}

TEST_F(churn, each_packet_reaches_its_server)
{
	long long end = now_ns() + test_seconds(SECONDS) * 1000000000LL;
	int n;

	for (n = 0; n < PACKETS || now_ns() < end; n++) {
		ASSERT_EQ(self->receiver, receiver_of(variant->proto, self->client, self->server))
			TH_LOG("packet %d (%s)", n, strerror(errno));
	}
}

TEST_HARNESS_MAIN
