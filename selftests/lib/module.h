/* SPDX-License-Identifier: GPL-2.0 */
/* The module under test: loaded, unloaded, and in what state it is. */
#ifndef REUSE_MODULE_H
#define REUSE_MODULE_H

#include <stdbool.h>

/* Of the network namespace */
#define SEMANTICS	"/proc/sys/net/reuse/semantics"
#define AVAILABLE	"/proc/sys/net/reuse/available_semantics"

/* The latter reads like this: the words in the order of enum semantics */
#define ALL_SEMANTICS	"native pre39 bsd freebsd15 openbsd netbsd darwin\n"

enum semantics { NATIVE, PRE39, BSD, FREEBSD15, OPENBSD, NETBSD, DARWIN, SEMANTICS_COUNT };
extern const char * const semantics_name[];

/* Functions that the module may intercept, NULL-terminated; not every kernel has all */
extern const char * const semantics_functions[];

/* Of the module, as root may set them */
#define PARAMETERS	"/sys/module/reuse/parameters/"

/* Functions that the module or any other tracer intercepts */
#define HOOKED		"/sys/kernel/tracing/enabled_functions"

int module_insert(const char *path);
int module_remove(const char *name);
const char *reuse_ko(void);
void reuse_load(void);
int reuse_try_load_with(const char *parameters);
int reuse_try_load_as(const char *semantics);
void reuse_load_as(const char *semantics);
void reuse_unload(void);
int reuse_log(void);
const char *reuse_said(int log);
const char *reuse_left_behind(bool symbols);
void reuse_load_again(void);
int functions_hooked(void);
bool nothing_hooked(void *unused);
void stay_hooked(void);

enum semantics semantics_bsd(void);
bool semantics_tried(enum semantics semantics);
enum semantics semantics_nth(unsigned int n);
int semantics_try(enum semantics semantics);
void semantics_set(enum semantics semantics);
bool semantics_is(enum semantics semantics);
enum semantics semantics_seen(int port);

#endif
