/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets by the ten thousand: numbers instead of text, errors end the test. */
#ifndef REUSE_BULK_H
#define REUSE_BULK_H

#include <stddef.h>
#include <stdint.h>

/* Address number @i of 127.0.0.0/8, from 127.0.0.1 on */
#define LOOPBACK(i)	(0x7f000001u + (uint32_t)(i))

int bulk_less(int n);
int bulk_more(int n);
void bulk_files(unsigned long n);
int bulk_bind(const char *proto, uint32_t addr, uint16_t port, unsigned int flags);
int bulk_connect(uint32_t from, uint32_t to, uint16_t port);
const char *bulk_name(uint32_t addr, uint16_t port, char *buf, size_t size);

#endif
