/* SPDX-License-Identifier: MIT */
#include "main/commands.h"

#include "base/arena.h"
#include "xmpp/jid.h"
#include "core/domain.h"
#include "core/loader.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORDS_MAX 256

void
commands_open(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	commands_add(server_commands);
	commands_add(account_commands);
	commands_add(session_commands);
	commands_add(store_commands);
	commands_add(local_commands);
}

/* --- naming --- */

static int
compare(const struct command *a, const struct command *b)
{
	int order = strcmp(a->noun, b->noun);

	if (order != 0)
		return order;
	return strcmp(a->verb ? a->verb : "", b->verb ? b->verb : "");
}

const struct command *
commands_shown(const struct command *before)
{
	const struct command *next = NULL;

	for (const struct command *c = command_next(NULL); c != NULL; c = command_next(c))
		if ((c->flags & COMMAND_HIDDEN) == 0 &&
		    (before == NULL || compare(before, c) < 0) &&
		    (next == NULL || compare(c, next) < 0))
			next = c;
	return next;
}

void
command_name(struct text *out, const struct command *command)
{
	text_add(out, command->noun);
	if (command->verb != NULL)
		text_addf(out, " %s", command->verb);
}

static void
upper(struct text *out, const char *word)
{
	for (; *word != '\0'; word++)
		text_add_char(out,
			      (char)(*word >= 'a' && *word <= 'z' ? *word - 'a' + 'A' : *word));
}

static void
argument_usage(struct text *out, const struct command *command, const struct argument *a)
{
	const char *bare = a->name + (text_starts(a->name, "--") ? 2 : 0);

	if (a->kind == ARGUMENT_PASSWORD) {
		if ((command->flags & COMMAND_PROVES) != 0)
			text_add(out, " [--password-file FILE]");
		else
			text_add(out, " [--password-file FILE | --generate]");
	} else if (bare == a->name) {
		text_add(out, a->optional ? " [" : " ");
		upper(out, a->name);
		text_add(out, a->optional ? "]" : "");
	} else if (a->kind == ARGUMENT_FLAG) {
		text_addf(out, " [%s]", a->name);
	} else {
		text_addf(out, " [%s ", a->name);
		if (a->kind == ARGUMENT_CHOICE)
			for (const char *const *w = a->words; *w != NULL; w++)
				text_addf(out, "%s%s", w == a->words ? "" : "|", *w);
		else
			upper(out, bare);
		text_add(out, "]");
	}
}

void
command_usage(struct text *out, const struct command *command)
{
	command_name(out, command);
	for (const struct argument *a = command->arguments; a != NULL && a->name != NULL; a++)
		argument_usage(out, command, a);
}

/* Adds a word unless it is there already. */
static void
word_add(const char **words, const char *word)
{
	size_t n = 0;

	while (words[n] != NULL)
		if (text_is(words[n++], word))
			return;
	if (n < WORDS_MAX)
		words[n] = word;
}

void
commands_explain_unknown(struct text *out, const char *noun, const char *verb)
{
	const char *nouns[WORDS_MAX + 1] = { NULL }, *verbs[WORDS_MAX + 1] = { NULL };
	const char *near;
	bool alone = false;

	for (const struct command *c = command_next(NULL); c != NULL; c = command_next(c)) {
		if ((c->flags & COMMAND_HIDDEN) != 0)
			continue;
		word_add(nouns, c->noun);
		if (!text_is(c->noun, noun))
			continue;
		if (c->verb == NULL)
			alone = true;
		else
			word_add(verbs, c->verb);
	}

	if (verbs[0] == NULL && !alone) {
		near = text_nearest(noun, nouns);
		text_addf(out, "there is no command \"%s\"", noun);
		if (near != NULL)
			text_addf(out, "; did you mean \"%s\"?", near);
		else
			text_add(out, "; `stentorctl help` lists them");
		return;
	}
	if (verbs[0] == NULL) {
		text_addf(out, "\"%s\" stands alone: \"%s\" has no place behind it", noun, verb);
		return;
	}
	if (verb == NULL) {
		text_addf(out, "\"%s\" wants one word more:", noun);
	} else {
		near = text_nearest(verb, verbs);
		text_addf(out, "\"%s\" cannot \"%s\"", noun, verb);
		if (near != NULL) {
			text_addf(out, "; did you mean \"%s %s\"?", noun, near);
			return;
		}
		text_add(out, "; it can");
	}
	for (size_t i = 0; verbs[i] != NULL; i++)
		text_addf(out, "%s%s", i == 0 ? " " : ", ", verbs[i]);
}

/* --- running --- */

static const struct module *
module_of(const struct command *command)
{
	const struct module *module = NULL;

	while ((module = loader_next(module)) != NULL)
		for (const struct command *c = module->commands; c != NULL && c->noun != NULL; c++)
			if (c == command)
				return module;
	return NULL;
}

/* A module's command is run by its instance in the domain that is named, by itself or in
 * an address, or else in the first that has it. */
static struct instance *
instance_for(struct call *call, const struct module *module)
{
	const char *name = call_text(call, "domain");
	const char *jid = call_text(call, "jid");
	struct domain *domain = NULL;
	struct instance *instance;

	if (call->domain != NULL)
		return domain_instance(call->domain, module->name);
	if (name == NULL && jid != NULL && strchr(jid, '@') != NULL) {
		struct arena *arena = arena_new();
		struct jid who;
		struct domain *named = NULL;

		if (jid_parse(&who, arena, jid, NULL))
			named = domain_find(who.domain);
		arena_drop(arena);
		return named ? domain_instance(named, module->name) : NULL;
	}
	if (name != NULL) {
		domain = domain_find(name);
		return domain ? domain_instance(domain, module->name) : NULL;
	}
	while ((domain = domain_next(domain)) != NULL) {
		instance = domain_instance(domain, module->name);
		if (instance != NULL)
			return instance;
	}
	return NULL;
}

static void
fail_unserved(struct call *call, const char *name)
{
	const char *names[WORDS_MAX + 1] = { NULL }, *near;

	for (struct domain *d = domain_next(NULL); d != NULL; d = domain_next(d))
		word_add(names, d->name);
	near = text_nearest(name, names);
	call_fail(call, ERR_ABSENT, "the domain \"%s\" is not served here%s%s%s", name,
		  near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

void
command_run(struct call *call)
{
	const struct module *module = module_of(call->command);

	if (module != NULL && call->module == NULL) {
		struct instance *instance = instance_for(call, module);
		const char *name = call_text(call, "domain");

		if (instance == NULL && name != NULL && domain_find(name) == NULL) {
			fail_unserved(call, name);
			return;
		}
		if (instance == NULL) {
			call_fail(call, ERR_ABSENT, "the module \"%s\" is not in use there",
				  module->name);
			return;
		}
		call->module = instance->self;
	}
	call_run(call);
}

const struct jid *
command_jid(struct call *call, struct arena *arena, const char *name, struct domain **domain)
{
	struct jid *jid = NEW(arena, struct jid);
	struct err err;

	if (!jid_parse(jid, arena, call_text(call, name), &err)) {
		call_fail(call, err.kind, "%s", err.text);
		return NULL;
	}
	*domain = domain_find(jid->domain);
	if (*domain != NULL && call->domain != NULL && call->domain != *domain) {
		call_fail(call, ERR_REFUSED, "\"%s\" is not of \"%s\", whose admin you are",
			  jid->bare, call->domain->name);
		return NULL;
	}
	if (*domain != NULL)
		return jid;
	fail_unserved(call, jid->domain);
	return NULL;
}

bool
command_domain(struct call *call, const char **name)
{
	*name = call_text(call, "domain");
	if (*name != NULL && domain_find(*name) == NULL) {
		fail_unserved(call, *name);
		return false;
	}
	if (call->domain == NULL)
		return true;
	if (*name != NULL && !text_is(*name, call->domain->name)) {
		call_fail(call, ERR_REFUSED, "you are the admin of \"%s\"", call->domain->name);
		return false;
	}
	*name = call->domain->name;
	return true;
}

json_t *
json_time(int64_t seconds)
{
	time_t when = (time_t)seconds;
	char text[32];
	struct tm parts;

	if (seconds == 0)
		return json_null();
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&when, &parts));
	return json_string(text);
}

json_t *
json_lines(const char *text)
{
	json_t *lines = json_array();

	while (text != NULL && *text != '\0') {
		size_t length = strcspn(text, "\n");

		if (length > 0)
			json_array_append_new(lines, json_stringn(text, length));
		text += length + (text[length] == '\n');
	}
	return lines;
}
