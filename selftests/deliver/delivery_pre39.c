// SPDX-License-Identifier: GPL-2.0
/* The rows of linux-3.8.delivery.tsv, and of linux-3.8.special.tsv about delivery. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "delivery.h"

/* Many rows are there for an address and for the wildcard */
static const char *where(void)
{
	return strstr(row_name(), "wildcard") ? ANY : ONE;
}

/* UDP: among equals the one bound last */
ROW("udp-same-*.1")
{
	fresh();
	udp("ABC", where(), RA);
	datagrams(ONE, 1);
}

ROW("udp-same-*.2")
{
	datagrams(ONE, 5);
}

/* Datagrams that C has not read when it closes are lost */
ROW("udp-same-*.3")
{
	int s = sender(ONE), who;
	struct sockaddr_storage ss;
	socklen_t len = sock_addr(at_port(ONE), &ss);

	if (sendto(s, "x", 1, 0, (struct sockaddr *)&ss, len) != 1)
		die("sendto");
	if (!host_ready(the('C'), 1, true, true, &who))
		answer("not C; ");
	closes("C");
	answer(host_ready(the('A'), 2, true, true, &who) ? "somebody" : "nobody");
}

ROW("udp-same-*.4")
{
	datagrams(ONE, 1);
}

ROW("udp-same-*.5")
{
	udp("C", where(), RA);
	datagrams(ONE, 1);
}

ROW("udp-same-*.6")
{
	closes("A");
	datagrams(ONE, 1);
}

ROW("udp-same-*.7")
{
	closes("C");
	datagrams(ONE, 1);
}

ROW("udp-same-*.8")
{
	sets("B", SO_REUSEADDR, false);
	opens("A", "udp", AF_INET, RA);
	answer("%s", host_error(binds('A', where())));
}

ROW("udp-same-*.9")
{
	int s;

	closes("AB");
	s = sender(ONE);
	sock_connect(s, at_port(ONE));
	if (send(s, "x", 1, 0) != 1)
		answer("the first: ");
	/* The answer to the first one is there when it returns, or soon */
	answer("%s", heard(s));
}

ROW("udp-wild-vs-specific.1")
{
	fresh();
	udp("A", ANY, RA);
	udp("B", ONE, RA);
	datagrams(ONE, 1);
}

ROW("udp-wild-vs-specific.4")
{
	fresh();
	udp("B", ONE, RA);
	udp("A", ANY, RA);
	datagrams(ONE, 1);
}

ROW("udp-wild-vs-specific.[25]")
{
	datagrams(TWO, 1);
}

ROW("udp-wild-vs-specific.[36]")
{
	closes("B");
	datagrams(ONE, 1);
}

/* UDP: connected before unconnected */
static int peer;

ROW("udp-connected-vs-not.1")
{
	fresh();
	peer = sender(ONE);
	udp("A", ONE, RA);
	sock_connect(the('A')->fd, sock_name(peer));
	udp("B", ONE, RA);
	datagrams_from(peer, ONE, 1);
}

ROW("udp-connected-vs-not.3")
{
	fresh();
	peer = sender(ONE);
	udp("B", ONE, RA);
	udp("A", ONE, RA);
	sock_connect(the('A')->fd, sock_name(peer));
	datagrams_from(peer, ONE, 1);
}

ROW("udp-connected-vs-not.[24]")
{
	datagrams(ONE, 1);
}

ROW("udp-connected-vs-not.5")
{
	fresh();
	peer = sender(ONE);
	udp("A", ANY, RA);
	sock_connect(the('A')->fd, sock_name(peer));
	udp("B", ONE, RA);
	datagrams_from(peer, ONE, 1);
}

/* More than ten in a hash slot are looked for by another way */
ROW("udp-12-same-*.1")
{
	fresh();
	udp("ABCDEFGHIJKL", where(), RA);
	datagrams(ONE, 1);
}

ROW("udp-12-same-*.2")
{
	closes("L");
	datagrams(ONE, 1);
}

ROW("udp-12-wildcard+1-specific.1")
{
	fresh();
	udp("M", ONE, RA);
	udp("ABCDEFGHIJKL", ANY, RA);
	datagrams(ONE, 1);
}

/* One each on 127.0.0.10 and so on */
static void crowd(const char *who)
{
	int at = 10;

	for (; *who; who++)
		udp(text("%c", *who), text("127.0.0.%d", at++), 0);
}

static void bind_another(const char *host)
{
	opens("Z", "udp", AF_INET, 0);
	answer("%s", host_error(binds('Z', host)));
	closes("Z");
}

ROW("udp-crowded-slot-bind.1")
{
	fresh();
	crowd("ABCDEFGHIJKL");
	not_here("a bug of 3.8, not emulated (reuse(7)); 6.1 and 6.12 say EADDRINUSE");
}

ROW("udp-crowded-slot-bind.2")
{
	bind_another(ONE);
}

ROW("udp-crowded-slot-bind.3")
{
	bind_another("127.0.0.12");
}

ROW("udp-crowded-slot-bind.4")
{
	fresh();
	crowd("ABCDEFGHI");
	bind_another(ANY);
}

/* Groups: a membership is the host's */
ROW("udp-multicast.1")
{
	fresh();
	udp("AB", ANY, RA);
	udp("C", GROUP, RA);
	udp("D", ONE, RA);
	udp("E", GROUP, RA);
	datagrams(GROUP, 1);
}

ROW("udp-multicast.2")
{
	joins("A", GROUP);
	datagrams(GROUP, 1);
	leaves("A", GROUP);
}

ROW("udp-multicast.3")
{
	joins("B", GROUP);
	datagrams(GROUP, 1);
}

ROW("udp-multicast.4")
{
	joins("A", GROUP);
	datagrams(GROUP, 1);
}

ROW("udp-multicast.5")
{
	fresh();
	udp("AB", ANY, RA);
	joins("A", GROUP);
	sock_set(the('B')->fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
	datagrams(GROUP, 1);
}

ROW("udp-multicast.6")
{
	leaves("A", GROUP);
	datagrams(GROUP, 1);
}

ROW("udp-multicast.7")
{
	fresh();
	udp("AB", ANY, RA);
	joins("AB", GROUP);
	closes("B");
	datagrams(GROUP, 1);
}

ROW("udp-multicast.8")
{
	datagrams(ONE, 1);
}

ROW("udp-broadcast.1")
{
	fresh();
	udp("AB", ANY, RA);
	udp("C", ONE, RA);
	udp("D", "127.255.255.255", RA);
	datagrams("127.255.255.255", 1);
}

ROW("udp-broadcast.2")
{
	datagrams(ONE, 1);
}

/* IPv6, and IPv6 sockets that take part in IPv4 */
ROW("udp-dual-stack.1")
{
	fresh();
	udp("A", ANY6, RA);
	udp("B", ANY, RA);
	datagrams(ONE, 1);
}

ROW("udp-dual-stack.3")
{
	fresh();
	udp("B", ANY, RA);
	udp("A", ANY6, RA);
	datagrams(ONE, 1);
}

ROW("udp-dual-stack.[24]")
{
	closes("B");
	datagrams(ONE, 1);
}

ROW("udp-dual-stack.5")
{
	fresh();
	udp("A", ANY6, RA | V6ONLY);
	udp("B", ANY6, RA);
	datagrams(ONE6, 1);
}

ROW("udp-dual-stack.6")
{
	datagrams(ONE, 1);
}

ROW("udp6-wild-vs-specific.1")
{
	fresh();
	udp("A", ONE6, RA);
	udp("B", ANY6, RA);
	udp("C", ONE6, RA);
	datagrams(ONE6, 1);
}

ROW("udp6-wild-vs-specific.2")
{
	closes("C");
	datagrams(ONE6, 1);
}

ROW("udp6-wild-vs-specific.3")
{
	closes("A");
	datagrams(ONE6, 1);
}

/* TCP */
static void connect_once(void)
{
	answer("connect=");
	if (connected(ONE) >= 0)
		answer("OK");
}

ROW("tcp-distinct-listeners.1")
{
	fresh();
	tcp("A", ONE, LISTENS);
	tcp("B", TWO, 0);
	answer("listenB=%s connect=", host_error(listens('B')));
	if (connected(TWO) >= 0)
		answer("OK");
	answer(" A:%s", accepts('A') < 0 ? "EAGAIN" : "accepted");
	answer(" B:%s", accepts('B') < 0 ? "EAGAIN" : "accepted");
}

ROW("tcp-bound-not-listening.1")
{
	fresh();
	tcp("A", ANY, RA);
	tcp("B", ONE, RA);
	answer("listenA=%s ", host_error(listens('A')));
	connect_once();
	answer(accepts('A') < 0 ? " A EAGAIN" : " A accepted");
	answer(" then listenB=%s closeA(child alive)", host_error(listens('B')));
	closes("A");
	answer(" listenB=%s", host_error(listens('B')));
}

ROW("tcp-restart.1")
{
	int client, child, queued;

	fresh();
	tcp("A", ONE, RA | LISTENS);
	client = connected(ONE);
	child = accepts('A');
	queued = connected(ONE);
	if (!waits_at('A'))
		answer("nothing in the queue; ");
	closes("A");
	opens("B", "tcp", AF_INET, RA);
	answer("bindB=%s ", host_error(binds('B', ONE)));
	answer("listenB=%s ", host_error(listens('B')));
	answer("queued-client-recv=%s ", heard(queued));
	connect_once();
	answer(accepts('B') < 0 ? " B EAGAIN" : " B accepted");
	if (send(client, "x", 1, MSG_NOSIGNAL) != 1)
		answer(" client cannot send");
	answer(" old-child-recv=%s", heard(child));
}

/* A datagram that does not fit into the buffer does not go to the other socket */
ROW("udp-full-buffer.1")
{
	struct sockaddr_storage ss;
	socklen_t len;
	int i, s, a = 0, b = 0;
	char c;

	fresh();
	len = sock_addr(at_port(ONE), &ss);
	s = sender(ONE);
	udp("AB", ONE, RA);
	sock_set(the('B')->fd, SOL_SOCKET, SO_RCVBUF, 1);
	for (i = 0; i < 300; i++) {
		if (sendto(s, "x", 1, 0, (struct sockaddr *)&ss, len) != 1)
			die("sendto");
	}
	host_arrived();
	while (recv(the('A')->fd, &c, 1, MSG_DONTWAIT) == 1)
		a++;
	while (recv(the('B')->fd, &c, 1, MSG_DONTWAIT) == 1)
		b++;
	answer("A=%d B=%s", a, b && b < 300 ? "some,rest dropped" : text("%d", b));
}

/* Rules without a recorded answer */
ROW("udp6-multicast.1")
{
	means("A,B");
	fresh();
	udp("AB", ANY6, RA);
	joins("A", GROUP6);
	datagrams(GROUP6, 1);
}

/* lo is the device D, C would be a better match on another one */
ROW("udp-bound-to-device.1")
{
	means("A; A");
	fresh();
	if (!has_ether())
		return;
	opens("A", "udp", AF_INET, RA);
	sock_dev(the('A')->fd, "lo");
	binds('A', ANY);
	udp("B", ANY, RA);
	datagrams(ONE, 1);
	opens("C", "udp", AF_INET, RA);
	sock_dev(the('C')->fd, ETHER);
	binds('C', ONE);
	datagrams(ONE, 1);
}

/*
 * The address first, and there the newest. Not asked for: that with more than ten
 * of them connect() and its undoing make a socket the newest, with fewer they do
 * not. As with bind(), the number of sockets in a slot is not what counts here.
 */
ROW("udp-hash-slot-note.1")
{
	means("M; L");
	fresh();
	udp("M", ONE, RA);
	udp("ABCDEFGHIJKL", ANY, RA);
	datagrams(ONE, 1);
	closes("M");
	datagrams(ONE, 1);
}

/* A listener on another device is none, one on :: and V6ONLY neither; the device counts */
ROW("tcp-listener-lookup.1")
{
	means("B; A");
	fresh();
	if (!has_ether())
		return;
	opens("AC", "tcp", AF_INET, RA);
	sock_dev(the('A')->fd, ETHER);
	sock_dev(the('C')->fd, ETHER);
	opens("B", "tcp", AF_INET, RA);
	sock_dev(the('B')->fd, "lo");
	answer(binds('C', ONE) || binds('B', ANY) || listens('C') || listens('B') ? "no " : "");
	tcp("D", ANY6, V6ONLY | LISTENS);
	connections(ONE, 1);
	fresh();
	tcp("B", ANY6, V6ONLY | LISTENS);
	tcp("A", ANY, LISTENS);
	connections(ONE, 1);
}

/* linux-3.8.special.tsv; where the only device has no route to groups */
ROW("linux-3.8.special.tsv udp6-multicast.1")
{
	int s;
	struct sockaddr_storage ss;
	socklen_t len;

	fresh_host();
	run("ip -6 route del local ff00::/8 dev lo table main");
	udp("AB", ANY6, RA);
	len = sock_addr(at_port(GROUP6), &ss);
	answer("join=%s", host_error(host_join(the('A'), GROUP6)));
	s = later(sock_open("udp", AF_INET6, 0));
	answer(" send=%s",
	       host_error(sendto(s, "x", 1, 0, (struct sockaddr *)&ss, len) == 1 ? 0 : errno));
	answer(" got:%s", waits_at('A') || waits_at('B') ? "somebody" : "nobody");
	answer(" unicast:%s", datagram(-1, ONE6));
	fresh_host();
}

ROW("dual-stack-listener.1")
{
	int child;

	fresh();
	opens("A", "tcp", AF_INET6, 0);
	answer("%s", host_error(binds('A', ANY6) ?: listens('A')));
	connected(ONE);
	child = accepts('A');
	answer(" mapped:%d", child >= 0 && !strncmp(sock_name(child), "[::ffff:127.0.0.1]", 18));
	closes("A");
	opens("B", "tcp", AF_INET, 0);
	answer(" noRA=%s", host_error(binds('B', ONE)));
	opens("B", "tcp", AF_INET, RA);
	answer(" RA=%s", host_error(binds('B', ONE)));
	opens("B", "tcp", AF_INET, 0);
	answer(" 127.0.0.2=%s", host_error(binds('B', TWO)));
}

ROW("v6only+v4-listeners.1")
{
	fresh();
	tcp("A", ANY6, V6ONLY | LISTENS);
	opens("B", "tcp", AF_INET, 0);
	answer("%s ", host_error(binds('B', ANY)));
	answer("listen=%s ", host_error(listens('B')));
	connect_once();
	answer(accepts('B') < 0 ? " v6" : " v4");
}
