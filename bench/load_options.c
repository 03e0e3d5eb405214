/* SPDX-License-Identifier: MIT */
/* What is asked for on the command line: one table is reader, help and record. */
#include "bench/load_options.h"

#include "bench/load_scenario.h"
#include "bench/load_scram.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options options = {
	.domain = "localhost",
	.tls = "starttls",
	.protocol = "xmpp",
	.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM",
	.mechanism = "SCRAM-SHA-256",
	.password = "secret",
	.resource = "load",
	.users = 2,
	.parallel = 16,
	.window = 4,
	.body = 100,
	.bytes = 300,
	.roster = 100,
	.settle = 2,
	.direction = "both",
	.to = "full",
	.seconds = 5,
	.warmup = 1,
	.patience = 10,
};

enum kind { WORD, NUMBER, REAL, SWITCH };

static const struct line {
	const char *name;
	enum kind kind;
	size_t place;
	long min, max;
	const char *value, *help;
} lines[] = {
#define LINE(name, kind, field, min, max, value, help)                             \
	{                                                                          \
		name, kind, offsetof(struct options, field), min, max, value, help \
	}
	LINE("connect", WORD, connect, 0, 0, "HOST:PORT", "where the server is"),
	LINE("domain", WORD, domain, 0, 0, "D", "the domain of the accounts"),
	LINE("tls", WORD, tls, 0, 0, "none|starttls|direct", "certificates are not looked at"),
	LINE("protocol", WORD, protocol, 0, 0, "xmpp|raw", "raw: speak with stentor-floor"),
	LINE("priority", WORD, priority, 0, 0, "TEXT", "what TLS may use, in GnuTLS' words"),
	LINE("mechanism", WORD, mechanism, 0, 0, "NAME",
	     "SCRAM-SHA-1, SCRAM-SHA-256, SCRAM-SHA-512 or PLAIN"),
	LINE("users", NUMBER, users, 1, 1000000, "N", "accounts u0 to u(N-1)"),
	LINE("sessions", NUMBER, users, 1, 1000000, "N", "the same as --users"),
	LINE("first", NUMBER, first, 0, 100000000, "I", "begin with uI instead of u0"),
	LINE("password", WORD, password, 0, 0, "P", "of all accounts"),
	LINE("resource", WORD, resource, 0, 0, "R", "to ask for"),
	LINE("parallel", NUMBER, parallel, 1, 100000, "N", "logins that are under way at once"),
	LINE("sources", NUMBER, sources, 0, 250, "N",
	     "come from the addresses 127.0.0.2 to 127.0.0.(N+1), in turn"),
	LINE("tls-resume", SWITCH, tls_resume, 0, 0, NULL,
	     "login: take up the last TLS session of each of the --parallel places"),
	LINE("seconds", REAL, seconds, 0, 86400, "S", "how long is measured"),
	LINE("warmup", REAL, warmup, 0, 86400, "S", "load before that"),
	LINE("rate", REAL, rate, 0, 100000000, "R",
	     "messages a second in all, on a clock (open loop); 0: as fast as answers come"),
	LINE("window", NUMBER, window, 1, 100000, "W",
	     "messages under way in each pair, without --rate"),
	LINE("body", NUMBER, body, 52, 200000, "BYTES", "of each message's text"),
	LINE("direction", WORD, direction, 0, 0, "both|one", "who of a pair speaks"),
	LINE("to", WORD, to, 0, 0, "full|bare", "whom messages are addressed to"),
	LINE("ack", SWITCH, ack, 0, 0, NULL,
	     "chat: stream management (XEP-0198), and how long until a message is acknowledged"),
	LINE("bytes", NUMBER, bytes, 150, 16000, "B", "fanout: of each message as a whole"),
	LINE("roster", NUMBER, roster, 1, 10000, "M", "contacts of each account"),
	LINE("versioned", SWITCH, versioned, 0, 0, NULL,
	     "roster: say the version we have (XEP-0237)"),
	LINE("settle", NUMBER, settle, 0, 3600, "S", "how long the server may rest before a look"),
	LINE("hold", REAL, hold, 0, 86400, "S", "idle: stay that long after all is measured"),
	LINE("patience", REAL, patience, 1, 3600, "S",
	     "after that long without any progress what has not come is lost"),
	LINE("pids", WORD, pids, 0, 0, "P[,P...]",
	     "the server's processes; their children are found"),
	LINE("json", WORD, json, 0, 0, "FILE", "where the result goes (else stdout)"),
};

static void *
place_of(const struct line *line)
{
	return (char *)&options + line->place;
}

static void
print_line(const struct line *line)
{
	char word[64], value[64] = "";
	const void *place = place_of(line);

	snprintf(word, sizeof word, "--%s %s", line->name, line->value != NULL ? line->value : "");
	if (line->kind == WORD && *(const char *const *)place != NULL)
		snprintf(value, sizeof value, " (%.60s)", *(const char *const *)place);
	else if (line->kind == NUMBER)
		snprintf(value, sizeof value, " (%ld)", *(const long *)place);
	else if (line->kind == REAL)
		snprintf(value, sizeof value, " (%g)", *(const double *)place);
	printf("  %-28s %s%s\n", word, line->help, value);
}

static void
print_help(void)
{
	printf("stentor-load SCENARIO --connect HOST:PORT [OPTION...]\n\n"
	       "Puts a load on an XMPP server and measures what it costs.\n\n"
	       "Scenarios:\n");
	for (const struct scenario *it = scenarios; it->name != NULL; it++)
		printf("  %-15s %s\n", it->name, it->about);
	printf("\nOptions (what holds if they are not given):\n");
	for (size_t i = 0; i < COUNT(lines); i++)
		print_line(&lines[i]);
	fputs(scenario_help, stdout);
}

static _Noreturn void mistake(const char *format, ...) PRINTF_LIKE(1, 2);

static _Noreturn void
mistake(const char *format, ...)
{
	va_list list;

	fputs("stentor-load: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputs("; see stentor-load --help\n", stderr);
	exit(2);
}

static void
read_value(const struct line *line, const char *word)
{
	void *place = place_of(line);
	char *end = NULL;

	if (line->kind == WORD) {
		*(const char **)place = word;
		return;
	}
	if (line->kind == NUMBER) {
		long value = strtol(word, &end, 10);

		if (*word == '\0' || *end != '\0' || value < line->min || value > line->max)
			mistake("\"%s\" is not a value for --%s", word, line->name);
		*(long *)place = value;
	} else {
		double value = strtod(word, &end);

		if (*word == '\0' || *end != '\0' || !(value >= (double)line->min) ||
		    value > (double)line->max)
			mistake("\"%s\" is not a value for --%s", word, line->name);
		*(double *)place = value;
	}
}

bool
option_is(const char *value, const char *word)
{
	return strcmp(value, word) == 0;
}

static void
one_of(const char *name, const char *value, const char *a, const char *b, const char *c)
{
	if (!option_is(value, a) && !option_is(value, b) && !option_is(value, c))
		mistake("\"%s\" is not a value for --%s", value, name);
}

/* What no single option can know. */
static void
check(void)
{
	if (options.connect == NULL)
		mistake("--connect is missing");
	one_of("tls", options.tls, "none", "starttls", "direct");
	one_of("protocol", options.protocol, "xmpp", "raw", "raw");
	one_of("direction", options.direction, "both", "one", "one");
	one_of("to", options.to, "full", "bare", "bare");
	if (!option_is(options.mechanism, "PLAIN") && !scram_client_knows(options.mechanism))
		mistake("\"%s\" is not a value for --%s", options.mechanism, "mechanism");
}

void
options_read(int count, char **words)
{
	for (int i = 1; i < count; i++) {
		const char *word = words[i];
		char name[32], *equals;
		const struct line *line = NULL;

		if (option_is(word, "--help") || option_is(word, "-h") || option_is(word, "help")) {
			print_help();
			exit(0);
		}
		if (!text_starts(word, "--")) {
			if (options.scenario != NULL)
				mistake("\"%s\" is one word too many", word);
			options.scenario = word;
			continue;
		}
		snprintf(name, sizeof name, "%s", word + 2);
		equals = strchr(name, '=');
		if (equals != NULL)
			*equals = '\0';
		for (size_t k = 0; k < COUNT(lines); k++)
			if (option_is(lines[k].name, name))
				line = &lines[k];
		if (line == NULL)
			mistake("there is no option --%s", name);
		if (line->kind == SWITCH)
			*(bool *)place_of(line) = true;
		else if (equals != NULL)
			read_value(line, strchr(word, '=') + 1);
		else if (i + 1 < count)
			read_value(line, words[++i]);
		else
			mistake("--%s wants a value: %s", name, line->value);
	}
	if (options.scenario == NULL)
		mistake("which scenario?");
	check();
}

json_t *
options_json(void)
{
	json_t *all = json_object();

	for (size_t i = 0; i < COUNT(lines); i++) {
		const void *place = place_of(&lines[i]);
		json_t *value = NULL;

		if (option_is(lines[i].name, "sessions") || option_is(lines[i].name, "password"))
			continue;
		switch (lines[i].kind) {
		case WORD:
			value = *(const char *const *)place != NULL
					? json_string(*(const char *const *)place)
					: json_null();
			break;
		case NUMBER:
			value = json_integer(*(const long *)place);
			break;
		case REAL:
			value = json_real(*(const double *)place);
			break;
		case SWITCH:
			value = json_boolean(*(const bool *)place);
			break;
		}
		json_object_set_new(all, lines[i].name, value);
	}
	return all;
}
