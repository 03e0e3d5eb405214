/* SPDX-License-Identifier: MIT */
/* Commands: found by their words, their arguments read, answered once. */
#include "core/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/domain.h"
#include "core/loader.h"
#include "loop/shard.h"
#include "xmpp/jid.h"

#define TABLES_MAX 32

/* Filled by main before any shard runs. */
static const struct command *tables[TABLES_MAX];
static unsigned table_count;

void
commands_add(const struct command *table)
{
	must(table_count < TABLES_MAX);
	tables[table_count++] = table;
}

static const struct command *
first_of_modules(const struct module *module)
{
	while ((module = loader_next(module)) != NULL)
		if (module->commands != NULL && module->commands->noun != NULL)
			return module->commands;
	return NULL;
}

static bool
is_in(const struct command *table, const struct command *command)
{
	for (; table != NULL && table->noun != NULL; table++)
		if (table == command)
			return true;
	return false;
}

const struct command *
command_next(const struct command *before)
{
	const struct module *module = NULL;

	if (before == NULL)
		return table_count > 0 ? tables[0] : first_of_modules(NULL);
	if (before[1].noun != NULL)
		return before + 1;
	for (unsigned i = 0; i < table_count; i++)
		if (is_in(tables[i], before))
			return i + 1 < table_count ? tables[i + 1] : first_of_modules(NULL);
	while ((module = loader_next(module)) != NULL)
		if (is_in(module->commands, before))
			return first_of_modules(module);
	return NULL;
}

/* NULL: it is the program's own. */
static const struct module *
module_of(const struct command *command)
{
	const struct module *module = NULL;

	while ((module = loader_next(module)) != NULL)
		if (is_in(module->commands, command))
			return module;
	return NULL;
}

bool
command_is_in(const struct command *command, const struct domain *domain)
{
	const struct module *module = module_of(command);

	return module == NULL || domain_instance(domain, module->name) != NULL;
}

const struct command *
command_find(const char *noun, const char *verb)
{
	for (const struct command *c = command_next(NULL); c != NULL; c = command_next(c))
		if (strcmp(c->noun, noun) == 0 && text_is(c->verb, verb))
			return c;
	return NULL;
}

static const char *
plain_name(const struct argument *argument)
{
	return strncmp(argument->name, "--", 2) == 0 ? argument->name + 2 : argument->name;
}

static bool
is_option(const struct argument *argument)
{
	return strncmp(argument->name, "--", 2) == 0;
}

static bool
read_jid(const struct argument *argument, const json_t *value, struct err *err)
{
	struct arena *arena = arena_new();
	struct jid jid;
	bool good = jid_parse(&jid, arena, json_string_value(value), err);

	if (good && jid.local == NULL)
		good = err_fail(err, ERR_SYNTAX,
				"\"%s\" is a domain; an account is said as  NAME@DOMAIN",
				json_string_value(value));
	arena_drop(arena);
	return good || err_add(err, "%s", plain_name(argument));
}

static bool
read_value(json_t *into, const struct argument *argument, const json_t *value, struct err *err)
{
	const char *name = plain_name(argument);
	const char *text = json_string_value(value);

	if (argument->kind == ARGUMENT_FLAG) {
		if (!json_is_boolean(value))
			return err_fail(err, ERR_SYNTAX, "%s takes no value", argument->name);
		json_object_set_new(into, name, json_boolean(json_is_true(value)));
		return true;
	}
	if (argument->kind == ARGUMENT_NUMBER) {
		char *end = NULL;
		long long number = json_integer_value(value);

		if (text != NULL)
			number = strtoll(text, &end, 10);
		if (!json_is_integer(value) && (text == NULL || *text == '\0' || *end != '\0'))
			return err_fail(err, ERR_SYNTAX, "%s: \"%s\" is not a number",
					argument->name, text != NULL ? text : "");
		json_object_set_new(into, name, json_integer(number));
		return true;
	}
	if (text == NULL || *text == '\0')
		return err_fail(err, ERR_SYNTAX, "%s must not be empty", argument->name);
	if (argument->kind == ARGUMENT_JID && !read_jid(argument, value, err))
		return false;
	if (argument->kind == ARGUMENT_CHOICE) {
		struct text words = { 0 };
		bool known = false;

		for (const char *const *word = argument->words; *word != NULL; word++) {
			known = known || strcmp(*word, text) == 0;
			text_addf(&words, "%s%s", word == argument->words ? "" : ", ", *word);
		}
		if (!known) {
			const char *near = text_nearest(text, argument->words);

			err_fail(err, ERR_SYNTAX, "%s: \"%s\" is none of: %s%s%s%s", argument->name,
				 text, words.bytes, near ? "; did you mean \"" : "",
				 near ? near : "", near ? "\"?" : "");
		}
		text_clear(&words);
		if (!known)
			return false;
	}
	json_object_set_new(into, name, json_string(text));
	return true;
}

static const struct argument *
argument_find(const struct command *command, const char *name)
{
	for (const struct argument *a = command->arguments; a != NULL && a->name != NULL; a++)
		if (strcmp(plain_name(a), name) == 0)
			return a;
	return NULL;
}

bool
call_read(struct call *call, const json_t *given, struct err *err)
{
	const struct argument *argument;
	const char *name;
	json_t *value;

	json_decref(call->arguments);
	call->arguments = json_object();
	json_object_foreach((json_t *)given, name, value)
	{
		argument = argument_find(call->command, name);
		if (argument == NULL) {
			const char *words[32] = { NULL };
			const char *near;
			size_t n = 0;

			for (argument = call->command->arguments;
			     argument != NULL && argument->name != NULL && n < COUNT(words) - 1;
			     argument++)
				words[n++] = plain_name(argument);
			near = text_nearest(name, words);
			return err_fail(err, ERR_SYNTAX, "unknown argument \"%s\"%s%s%s", name,
					near ? ": did you mean \"" : "", near ? near : "",
					near ? "\"?" : "");
		}
		if (!read_value(call->arguments, argument, value, err))
			return false;
	}
	for (argument = call->command->arguments; argument != NULL && argument->name != NULL;
	     argument++)
		if (!is_option(argument) && !argument->optional &&
		    json_object_get(call->arguments, argument->name) == NULL)
			return err_fail(err, ERR_SYNTAX, "%s is missing: %s", argument->name,
					argument->help);
	return true;
}

void
call_run(struct call *call)
{
	call->command->run(call);
}

const char *
call_text(const struct call *call, const char *name)
{
	return json_string_value(json_object_get(call->arguments, name));
}

int64_t
call_number(const struct call *call, const char *name, int64_t fallback)
{
	json_t *value = json_object_get(call->arguments, name);

	return value != NULL ? json_integer_value(value) : fallback;
}

bool
call_flag(const struct call *call, const char *name)
{
	return json_is_true(json_object_get(call->arguments, name));
}

static void
call_answer(struct call *call, json_t *result, const struct err *err)
{
	json_t *arguments = call->arguments;

	call->arguments = NULL;
	call->answered(call, result, err);
	json_decref(arguments);
}

void
call_result(struct call *call, json_t *result)
{
	call_answer(call, result, NULL);
}

void
call_fail(struct call *call, enum err_kind kind, const char *format, ...)
{
	struct err err;
	va_list args;

	err.kind = kind;
	va_start(args, format);
	(void)vsnprintf(err.text, sizeof err.text, format, args);
	va_end(args);
	call_answer(call, NULL, &err);
}

/* --- asked from another shard --- */

struct asked {
	struct call call;
	struct post post;
	struct shard *home;
	json_t *given, *result;
	char *domain;
	struct err err;
	void (*answered)(void *ctx, json_t *result, const struct err *err);
	void *ctx;
};

static void
asked_back(void *arg)
{
	struct asked *asked = arg;

	const struct err *err = asked->err.kind != ERR_NONE ? &asked->err : NULL;

	asked->answered(asked->ctx, asked->result, err);
	json_decref(asked->given);
	free(asked->domain);
	free(asked);
}

static void
asked_answered(struct call *call, json_t *result, const struct err *err)
{
	struct asked *asked = CONTAINER(call, struct asked, call);

	asked->result = result;
	if (err != NULL)
		asked->err = *err;
	shard_post(asked->home, &asked->post, asked_back, asked);
}

static void
asked_run(void *arg)
{
	struct asked *asked = arg;
	const struct module *module = module_of(asked->call.command);
	struct domain *domain = domain_find(asked->domain);
	struct instance *instance = NULL;
	struct err err;

	if (module != NULL && domain != NULL)
		instance = domain_instance(domain, module->name);
	asked->call.domain = domain;
	asked->call.module = instance != NULL ? instance->self : NULL;
	asked->call.answered = asked_answered;
	if (domain == NULL || (module != NULL && instance == NULL))
		call_fail(&asked->call, ERR_ABSENT, "\"%s\" has no such command", asked->domain);
	else if (call_read(&asked->call, asked->given, &err))
		call_run(&asked->call);
	else
		call_fail(&asked->call, err.kind, "%s", err.text);
}

void
command_ask(const struct command *command, struct domain *domain, json_t *given,
	    void (*answered)(void *ctx, json_t *result, const struct err *err), void *ctx)
{
	struct asked *asked = zalloc(sizeof *asked);

	asked->call.command = command;
	asked->home = shard_here();
	asked->given = given;
	asked->domain = copy_text(domain->name);
	asked->answered = answered;
	asked->ctx = ctx;
	shard_post(shard_at(0), &asked->post, asked_run, asked);
}
