// SPDX-License-Identifier: GPL-2.0
/* The words that lines of a log, and tracepoints, have for numbers. */
#include "log.h"

static const char * const call_words[] = {
	"bind", "listen", "connect", "setsockopt", "datagram", "syn",
};

static const char * const fate_words[] = { "delivered", "refused", "dropped" };

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
