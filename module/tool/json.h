/* SPDX-License-Identifier: GPL-2.0 */
/* JSON, written piece by piece. */
#ifndef REUSE_JSON_H
#define REUSE_JSON_H

void json_open(const char *key, char bracket);
void json_close(char bracket);
void json_text(const char *key, const char *text);
void json_number(const char *key, unsigned long number);
void json_integer(const char *key, const char *text);
void json_decimal(const char *key, const char *text);
void json_numbers(const char *key, const char *text);
void json_bool(const char *key, const char *text);
void json_end(void);

#endif
