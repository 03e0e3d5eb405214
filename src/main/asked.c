/* SPDX-License-Identifier: MIT */
#include "main/asked.h"

#include "base/text.h"
#include "main/commands.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct reading {
	struct asked *asked;
	int argc;
	char **argv;
	int at;
	bool only_words;  /* after "--" */
	size_t positions; /* positional arguments so far */
	const char *noun; /* said, and no command yet */
};

static const char *const common[] = { "--config", "--json", "--yes", "--help", "--version", NULL };

const struct argument *
command_argument(const struct command *command, enum argument_kind kind)
{
	for (const struct argument *a = command->arguments; a != NULL && a->name != NULL; a++)
		if (a->kind == kind)
			return a;
	return NULL;
}

static bool
is_named(const struct argument *argument)
{
	return text_starts(argument->name, "--");
}

static const char *
key_of(const struct argument *argument)
{
	return argument->name + (is_named(argument) ? 2 : 0);
}

/* Several values of one argument travel in one text, with spaces between them. */
static bool
is_one_word(const struct argument *argument, const char *value, struct err *err)
{
	return strpbrk(value, " \t\n") == NULL ||
	       err_fail(err, ERR_SYNTAX, "%s: \"%s\" has white space in it", argument->name, value);
}

static bool
keep(struct reading *reading, const struct argument *argument, const char *value, struct err *err)
{
	struct asked *asked = reading->asked;
	const char *key = key_of(argument);
	json_t *before = json_object_get(asked->arguments, key);
	char *made = NULL;
	char folder[4096];

	if (before != NULL && (asked->command->flags & COMMAND_MANY) == 0)
		return err_fail(err, ERR_SYNTAX, "%s is said twice", argument->name);
	if (argument->kind == ARGUMENT_DOMAIN && !is_one_word(argument, value, err))
		return false;
	if (before != NULL)
		made = format_text("%s %s", json_string_value(before), value);
	else if (argument->kind == ARGUMENT_FILE && value[0] != '/' && value[0] != '\0' &&
		 !text_is(value, "-") && getcwd(folder, sizeof folder) != NULL)
		made = format_text("%s/%s", folder, value); /* the server is elsewhere */
	if (json_object_set_new(asked->arguments, key, json_string(made ? made : value)) != 0) {
		free(made);
		return err_fail(err, ERR_SYNTAX, "%s is not UTF-8", argument->name);
	}
	free(made);
	return true;
}

/* --- options --- */

/* The value behind "--name=" or in the next word; NULL with the reason. */
static const char *
value_of(struct reading *reading, const char *word, const char *equals, struct err *err)
{
	if (equals != NULL)
		return equals + 1;
	if (reading->at + 1 < reading->argc)
		return reading->argv[++reading->at];
	err_fail(err, ERR_SYNTAX, "%s wants a value", word);
	return NULL;
}

static bool
unknown_option(struct reading *reading, const char *word, size_t length, struct err *err)
{
	const char *words[64] = { NULL }, *near;
	char *plain = copy_bytes(word, length);
	size_t count = 0;
	const struct command *command = reading->asked->command;

	for (size_t i = 0; common[i] != NULL; i++)
		words[count++] = common[i];
	if (command != NULL && command_argument(command, ARGUMENT_PASSWORD) != NULL) {
		words[count++] = "--password-file";
		words[count++] = "--generate";
	}
	for (const struct argument *a = command ? command->arguments : NULL;
	     a != NULL && a->name != NULL && count < COUNT(words) - 1; a++)
		if (is_named(a) && a->kind != ARGUMENT_PASSWORD)
			words[count++] = a->name;
	near = text_nearest(plain, words);
	err_fail(err, ERR_SYNTAX, "there is no option \"%s\"%s%s%s", plain,
		 near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	free(plain);
	return false;
}

static bool
password_option(struct reading *reading, const char *word, size_t length, const char *equals,
		bool *taken, struct err *err)
{
	struct asked *asked = reading->asked;
	const char *value;

	*taken = true;
	if (length == strlen("--password-file") && text_starts(word, "--password-file")) {
		value = value_of(reading, "--password-file", equals, err);
		if (value == NULL)
			return false;
		free(asked->password_file);
		asked->password_file = copy_text(value);
	} else if (text_is(word, "--generate") && (asked->command->flags & COMMAND_PROVES) == 0) {
		asked->generate = true;
	} else if (length == strlen("--password") && text_starts(word, "--password")) {
		return err_fail(err, ERR_SYNTAX,
				"everybody on this machine can read a command line: say "
				"--password-file FILE, --password-file - for standard "
				"input, or --generate");
	} else {
		*taken = false;
	}
	return true;
}

static bool
common_option(struct reading *reading, const char *word, const char *equals, bool *taken,
	      struct err *err)
{
	struct asked *asked = reading->asked;
	const char *value = NULL;

	*taken = true;
	if (text_is(word, "--json")) {
		asked->json = true;
	} else if (text_is(word, "--yes") || text_is(word, "-y")) {
		asked->yes = true;
	} else if (text_is(word, "--help") || text_is(word, "-h")) {
		asked->help = true;
	} else if (text_is(word, "--version") || text_is(word, "-V")) {
		asked->version = true;
	} else if (text_is(word, "-c") || text_is(word, "--config") ||
		   text_starts(word, "--config=")) {
		value = value_of(reading, "-c", equals, err);
	} else if (text_starts(word, "-c") && word[1] == 'c') {
		value = word + 2; /* -cFILE */
	} else {
		*taken = false;
		return true;
	}
	if (value == NULL)
		return !text_starts(word, "-c") && !text_starts(word, "--config");
	free(asked->conf);
	asked->conf = copy_text(value);
	return true;
}

static bool
option_given(struct reading *reading, const char *word, struct err *err)
{
	const char *equals = text_starts(word, "--") ? strchr(word, '=') : NULL;
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	const struct command *command = reading->asked->command;
	bool taken;

	if (!common_option(reading, word, equals, &taken, err))
		return false;
	if (taken)
		return true;
	if (command != NULL && command_argument(command, ARGUMENT_PASSWORD) != NULL) {
		if (!password_option(reading, word, length, equals, &taken, err))
			return false;
		if (taken)
			return true;
	}
	for (const struct argument *a = command ? command->arguments : NULL;
	     a != NULL && a->name != NULL; a++) {
		const char *value;

		if (!is_named(a) || strlen(a->name) != length ||
		    strncmp(a->name, word, length) != 0)
			continue;
		if (a->kind == ARGUMENT_FLAG && equals != NULL)
			return err_fail(err, ERR_SYNTAX, "%s takes no value", a->name);
		if (a->kind == ARGUMENT_FLAG) {
			json_object_set_new(reading->asked->arguments, key_of(a), json_true());
			return true;
		}
		value = value_of(reading, a->name, equals, err);
		return value != NULL && keep(reading, a, value, err);
	}
	return unknown_option(reading, word, length, err);
}

/* --- words --- */

static bool
positional_given(struct reading *reading, const char *word, struct err *err)
{
	const struct command *command = reading->asked->command;
	struct text name = { 0 };
	size_t position = 0;

	for (const struct argument *a = command->arguments; a != NULL && a->name != NULL; a++) {
		if (is_named(a) || position++ < reading->positions)
			continue;
		reading->positions++;
		return keep(reading, a, word, err);
	}
	command_name(&name, command);
	err_fail(err, ERR_SYNTAX, "\"%s\" has no place behind \"%s\"", word, name.bytes);
	text_clear(&name);
	return false;
}

static bool
explain_unknown(const char *noun, const char *verb, struct err *err)
{
	struct text text = { 0 };

	commands_explain_unknown(&text, noun, verb);
	err_fail(err, ERR_SYNTAX, "%s", text.bytes);
	text_clear(&text);
	return false;
}

static bool
word_given(struct reading *reading, const char *word, struct err *err)
{
	struct asked *asked = reading->asked;

	if (asked->command != NULL)
		return positional_given(reading, word, err);
	if (reading->noun == NULL) {
		bool has_verbs = false;

		for (const struct command *c = command_next(NULL); c != NULL; c = command_next(c))
			if (c->verb != NULL && text_is(c->noun, word))
				has_verbs = true;
		if (!has_verbs) {
			asked->command = command_find(word, NULL);
			return asked->command != NULL || explain_unknown(word, NULL, err);
		}
		reading->noun = word;
		return true;
	}
	asked->command = command_find(reading->noun, word);
	return asked->command != NULL || explain_unknown(reading->noun, word, err);
}

/* Every argument that must be there is. */
static bool
complete(const struct asked *asked, struct err *err)
{
	for (const struct argument *a = asked->command->arguments; a != NULL && a->name != NULL;
	     a++) {
		if (is_named(a) || a->optional ||
		    json_object_get(asked->arguments, key_of(a)) != NULL)
			continue;
		return err_fail(err, ERR_SYNTAX, "%s is missing: %s", a->name, a->help);
	}
	return true;
}

bool
asked_read(struct asked *asked, int argc, char **argv, struct err *err)
{
	struct reading reading = { .asked = asked, .argc = argc, .argv = argv };

	*asked = (struct asked) { .arguments = json_object() };
	for (reading.at = 1; reading.at < argc; reading.at++) {
		const char *word = argv[reading.at];
		bool good;

		if (!reading.only_words && text_is(word, "--")) {
			reading.only_words = true;
			continue;
		}
		if (!reading.only_words && word[0] == '-' && word[1] != '\0')
			good = option_given(&reading, word, err);
		else
			good = word_given(&reading, word, err);
		if (!good)
			return false;
	}
	asked->noun = reading.noun;
	if (asked->help || asked->version)
		return true;
	if (asked->command == NULL && reading.noun != NULL)
		asked->command = command_find(reading.noun, NULL);
	if (asked->command == NULL)
		return reading.noun != NULL
			       ? explain_unknown(reading.noun, NULL, err)
			       : err_fail(err, ERR_SYNTAX,
					  "no command was given; `stentorctl help` lists "
					  "them");
	return complete(asked, err);
}

void
asked_clear(struct asked *asked)
{
	free(asked->conf);
	free(asked->password_file);
	json_decref(asked->arguments);
	*asked = (struct asked) { 0 };
}
