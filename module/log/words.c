// SPDX-License-Identifier: GPL-2.0
/* The words that lines of a log, and tracepoints, have for numbers. */
#include <linux/errno.h>
#include <linux/kernel.h>

#include "log.h"

static const char * const call_words[] = {
	"bind", "listen", "connect", "setsockopt", "datagram", "syn",
};

static const char * const state_words[] = { "bound", "listen", "connected", "timewait" };

static const char * const fate_words[] = { "delivered", "refused", "dropped" };

static const struct {
	int err;
	const char *name;
} errors[] = {
	{ 0, "ok" },
	{ -EADDRINUSE, "EADDRINUSE" },
	{ -EADDRNOTAVAIL, "EADDRNOTAVAIL" },
	{ -EACCES, "EACCES" },
	{ -EAGAIN, "EAGAIN" },
	{ -EINVAL, "EINVAL" },
	{ -ENOPROTOOPT, "ENOPROTOOPT" },
};

/**
 * reuse_log_call_word() - the word for a call, or for a kind of packets
 * @call: enum reuse_call
 *
 * Context: any.
 * Return: the word.
 */
const char *reuse_log_call_word(u8 call)
{
	return call_words[call];
}

/**
 * reuse_log_fate_word() - the word for what became of a packet
 * @fate: enum reuse_fate
 *
 * Context: any.
 * Return: the word.
 */
const char *reuse_log_fate_word(u8 fate)
{
	return fate_words[fate];
}

/**
 * reuse_log_state_word() - the word for the state of a socket
 * @state: enum sem_state
 *
 * Context: any.
 * Return: the word.
 */
const char *reuse_log_state_word(u8 state)
{
	return state_words[state];
}

/**
 * reuse_log_error_word() - the name of an error
 * @err: 0 or a negative errno
 *
 * Context: any.
 * Return: the name; "ok" for 0; NULL if the log knows no such error.
 */
const char *reuse_log_error_word(int err)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		if (errors[i].err == err)
			return errors[i].name;
	}
	return NULL;
}
