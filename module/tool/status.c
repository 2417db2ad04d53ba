// SPDX-License-Identifier: GPL-2.0
/* "reuse status": what is loaded, which rules are in force where, and what is in the way. */
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "module.h"
#include "netns.h"
#include "term.h"
#include "util.h"

static const char help[] =
"usage: reuse status [-j]\n"
"\n"
"Says whether the module is loaded, which semantics each network namespace has\n"
"and whether it has a log, which functions of the kernel are intercepted, and\n"
"what is in the way of that. -j: as JSON. Exit status 3 if the module is not\n"
"loaded. What needs root is left out for others.\n";

/* The functions that the module redirects: ftrace lets only one do so, see reuse(7) */
static const char * const redirected[] = {
	"inet_csk_get_port", "udp_v4_get_port", "udp_v6_get_port", "inet_rcv_saddr_equal",
	"__inet_lookup_listener", "inet6_lookup_listener", "__ip4_datagram_connect",
	"__ip6_datagram_connect", "tcp_v4_connect", "tcp_v6_connect", "__inet_bind", "__inet6_bind",
	"udp_init_sock", "udpv6_init_sock", "inet_sock_destruct",
	"udp_lib_unhash",
};

/* The functions that it only watches */
static const char * const watched[] = {
	"__inet_inherit_port", "tcp_v6_init_sock", "ipv6_setsockopt", "tcp_twsk_destructor",
	"udp_disconnect", "inet_twsk_hashdance_schedule", "inet_twsk_hashdance", "sk_setsockopt",
	"sock_setsockopt", "sk_getsockopt", "sock_getsockopt",
};

/*
 * A function that enabled_functions lists. @told: it says by whom it is intercepted. It does not
 * where several do so, nor, up to Linux 6.1, on arm64.
 */
struct hook {
	char name[128];
	bool redirect;
	bool direct;
	bool told;
	bool ours;
};

/* All that is known */
struct state {
	struct hook *hook;
	size_t hooks;
	bool hooks_known;
	struct netns *ns;
	char (*semantics)[SEMANTICS_LEN];
	char (*log)[SEMANTICS_LEN];
	size_t namespaces;
	size_t hidden;
	bool active;
	char way[8][256];
	size_t ways;
};

static void read_namespaces(struct state *s)
{
	size_t i;

	s->ns = netns_all(&s->namespaces, &s->hidden);
	s->semantics = need_memory(calloc(s->namespaces, sizeof(*s->semantics)));
	s->log = need_memory(calloc(s->namespaces, sizeof(*s->log)));
	for (i = 0; i < s->namespaces; i++) {
		if (netns_sysctl(&s->ns[i], "log", s->log[i]) && strcmp(s->log[i], "off"))
			s->active = true;
		if (netns_sysctl(&s->ns[i], "semantics", s->semantics[i]) &&
		    strcmp(s->semantics[i], "native"))
			s->active = true;
	}
}

static bool is_among(const char *name, const char * const *names, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!strcmp(name, names[i]))
			return true;
	}
	return false;
}

static bool is_redirected(const char *name)
{
	return is_among(name, redirected, ARRAY_SIZE(redirected));
}

static bool is_watched(const char *name)
{
	return is_among(name, watched, ARRAY_SIZE(watched));
}

/* While the module is active, what it may intercept is its own, if the kernel does not tell */
static bool is_ours(const struct state *s, const struct hook *h)
{
	if (h->told || !s->active)
		return h->ours;
	return is_redirected(h->name) || (is_watched(h->name) && !h->redirect);
}

/* "NAME (2) R I   tramp: ...": the letters say what kind; a line that begins with a tab goes on */
static void read_hook(struct hook *h, const char *line, size_t len)
{
	const char *flag = memchr(line, ')', len);
	size_t name = strcspn(line, " ");

	*h = (struct hook){};
	snprintf(h->name, sizeof(h->name), "%.*s", (int)(name < len ? name : len), line);
	h->ours = memmem(line, len, "[reuse]", 7);
	h->told = flag && memchr(flag, '(', line + len - flag);
	for (; flag && flag < line + len && *flag != '\t' && *flag != '-'; flag++) {
		h->redirect = h->redirect || *flag == 'I';
		h->direct = h->direct || *flag == 'D';
	}
}

/* Reads a file of tracefs, which older systems have in debugfs only; NULL if it cannot */
static char *read_tracing(const char *name)
{
	char path[PATH_LEN], *text;

	path_print(path, "%s/kernel/tracing/%s", sys_dir(), name);
	text = slurp(path, NULL);
	if (text)
		return text;
	path_print(path, "%s/kernel/debug/tracing/%s", sys_dir(), name);
	return slurp(path, NULL);
}

static void read_hooks(struct state *s)
{
	char *traced = read_tracing("events/reuse/enable"), *text, *line;
	size_t room = 0, len;

	/* The tracepoints take hooks, too */
	s->active = s->active || (traced && *traced != '0');
	free(traced);
	text = read_tracing("enabled_functions");
	s->hooks_known = text;
	for (line = text; line && *line; line += len + !!line[len]) {
		len = strcspn(line, "\n");
		if (*line == '\t' || !len)
			continue;
		s->hook = grow(s->hook, s->hooks, &room, sizeof(*s->hook));
		read_hook(&s->hook[s->hooks], line, len);
		s->active = s->active || s->hook[s->hooks].ours;
		s->hooks++;
	}
	free(text);
}

__printf(2, 3) static void in_the_way(struct state *s, const char *fmt, ...)
{
	va_list args;

	if (s->ways == ARRAY_SIZE(s->way))
		return;
	va_start(args, fmt);
	vsnprintf(s->way[s->ways++], sizeof(*s->way), fmt, args);
	va_end(args);
}

/* The names of the livepatches that are loaded, or nothing */
static void livepatches(char *names, size_t size)
{
	char path[PATH_LEN];
	struct dirent *e;
	size_t n = 0;
	DIR *dir;

	*names = '\0';
	path_print(path, "%s/kernel/livepatch", sys_dir());
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		if (*e->d_name != '.' && n < size)
			n += snprintf(names + n, size - n, " %s", e->d_name);
	}
	if (dir)
		closedir(dir);
}

/* Before Linux 6.0 no function has a BPF program and is redirected */
static bool bpf_is_rival(void)
{
	char path[PATH_LEN], release[64];
	unsigned long major;

	path_print(path, "%s/sys/kernel/osrelease", proc_dir());
	read_word(path, release, sizeof(release));
	read_digits(release, &major);
	return major < 6;
}

static void find_rivals(struct state *s)
{
	const struct hook *h;
	char patches[128];

	livepatches(patches, sizeof(patches));
	for (h = s->hook; h < s->hook + s->hooks; h++) {
		if (!is_redirected(h->name) || is_ours(s, h))
			continue;
		if (h->redirect)
			in_the_way(s, "%s() is redirected%s%s%s", h->name, h->told ?
				   " by something else" : "; this kernel does not say by what",
				   *patches ? "; livepatches:" : ", maybe a livepatch", patches);
		else if (h->direct && bpf_is_rival())
			in_the_way(s, "%s() has a BPF program: this kernel cannot redirect it then",
				   h->name);
	}
}

static void find_obstacles(struct state *s)
{
	char path[PATH_LEN], word[64], *available;

	path_print(path, "%s/sys/kernel/ftrace_enabled", proc_dir());
	if (!read_word(path, word, sizeof(word)))
		in_the_way(s, "this kernel has no ftrace: all namespaces stay native");
	else if (!strcmp(word, "0"))
		in_the_way(s, "kernel.ftrace_enabled is 0: sysctl -w kernel.ftrace_enabled=1");
	path_print(path, "%s/sys/kernel/modules_disabled", proc_dir());
	if (!module_loaded() && read_word(path, word, sizeof(word)) && !strcmp(word, "1"))
		in_the_way(s, "kernel.modules_disabled is 1: no module loads until the next boot");
	path_print(path, "%s/sys/net/reuse/available_semantics", proc_dir());
	available = slurp(path, NULL);
	if (available && !strcmp(available, "native\n"))
		in_the_way(s, "this kernel cannot redirect functions: only native is available");
	free(available);
	path_print(path, "%s/module/reuse/parameters/host_only", sys_dir());
	if (read_word(path, word, sizeof(word)) && !strcmp(word, "Y"))
		in_the_way(s, "host_only is set: a container's root may choose native only");
	find_rivals(s);
}

static void print_module(bool loaded)
{
	char path[PATH_LEN], version[64], semantics[SEMANTICS_LEN], host_only[8];

	if (!loaded) {
		puts("module      not loaded; as root: reuse load");
		return;
	}
	path_print(path, "%s/module/reuse/version", sys_dir());
	read_word(path, version, sizeof(version));
	path_print(path, "%s/module/reuse/parameters/semantics", sys_dir());
	read_word(path, semantics, sizeof(semantics));
	path_print(path, "%s/module/reuse/parameters/host_only", sys_dir());
	read_word(path, host_only, sizeof(host_only));
	printf("module      reuse %s, semantics=%s host_only=%s\n", version, semantics, host_only);
}

static void print_namespaces(const struct state *s)
{
	size_t i;

	for (i = 0; i < s->namespaces; i++) {
		printf("%-11s %-10s ", i ? "" : "namespaces",
		       *s->semantics[i] ? s->semantics[i] : "unknown");
		if (*s->ns[i].path)
			netns_print(&s->ns[i]);
		else
			fputs("this one", stdout);
		if (*s->log[i] && strcmp(s->log[i], "off"))
			printf(", log %s", s->log[i]);
		putchar('\n');
	}
	if (s->hidden)
		printf("%12s%-10s of %zu process%s that root can see\n", "", "unknown", s->hidden,
		       s->hidden == 1 ? "" : "es");
}

static void print_hooks(const struct state *s)
{
	size_t i, n = 0;

	if (!s->hooks_known) {
		puts("hooks       unknown: it takes root, and tracefs, to read enabled_functions");
		return;
	}
	for (i = 0; i < s->hooks; i++) {
		if (!is_ours(s, &s->hook[i]))
			continue;
		printf("%-11s %-10s ", n++ ? "" : "hooks",
		       s->hook[i].redirect ? "redirects" : "watches");
		print_clean(s->hook[i].name);
		puts("()");
	}
	if (!n)
		puts("hooks       none");
}

static void print_people(const struct state *s, bool loaded)
{
	size_t i;

	print_module(loaded);
	if (loaded)
		print_namespaces(s);
	print_hooks(s);
	for (i = 0; i < s->ways; i++)
		term_wrap_behind(i ? "            " : "in the way  ", s->way[i]);
	if (!s->ways)
		printf("in the way  nothing%s\n", s->hooks_known ? "" : " that can be seen");
}

static void print_object(const struct state *s, bool loaded)
{
	size_t i;

	json_open(NULL, '{');
	json_bool("loaded", loaded ? "1" : "0");
	json_open("namespaces", '[');
	for (i = 0; loaded && i < s->namespaces; i++) {
		json_open(NULL, '{');
		json_text("netns", s->ns[i].label);
		json_number("netns_inode", s->ns[i].ino);
		json_text("comm", *s->ns[i].comm ? s->ns[i].comm : NULL);
		json_text("semantics", *s->semantics[i] ? s->semantics[i] : NULL);
		json_text("log", *s->log[i] ? s->log[i] : NULL);
		json_close('}');
	}
	json_close(']');
	json_open("hooks", '[');
	for (i = 0; i < s->hooks; i++) {
		if (is_ours(s, &s->hook[i]))
			json_text(NULL, s->hook[i].name);
	}
	json_close(']');
	json_bool("hooks_known", s->hooks_known ? "1" : "0");
	json_open("in_the_way", '[');
	for (i = 0; i < s->ways; i++)
		json_text(NULL, s->way[i]);
	json_close(']');
	json_close('}');
	json_end();
}

/**
 * status_main() - "reuse status"
 * @argc: number of arguments
 * @argv: the arguments; the first is the command
 *
 * Return: an exit status.
 */
int status_main(int argc, char **argv)
{
	bool loaded = module_loaded();
	struct state s = {};

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return DONE;
	}
	if (argc > 2 || (argc == 2 && strcmp(argv[1], "-j"))) {
		say("status takes no argument '%s'", argv[argc - 1]);
		return USAGE;
	}
	if (loaded)
		read_namespaces(&s);
	read_hooks(&s);
	find_obstacles(&s);
	if (argc == 2)
		print_object(&s, loaded);
	else
		print_people(&s, loaded);
	free(s.ns);
	free(s.semantics);
	free(s.log);
	free(s.hook);
	return loaded ? DONE : NO_MODULE;
}
