/* SPDX-License-Identifier: MIT */
/* What `stentorctl help` says, from the commands' own tables. */
#include "main/local.h"

#include "main/commands.h"

#include <string.h>

#define LINE 78

static void
add_wrapped(struct text *out, const char *words, size_t indent)
{
	size_t column = 0;

	while (*words != '\0') {
		size_t length = strcspn(words, " \n");

		if (column > 0 && column + 1 + length > LINE) {
			text_add_char(out, '\n');
			column = 0;
		}
		if (column == 0) {
			text_addf(out, "%*s", (int)indent, "");
			column = indent;
		} else {
			text_add_char(out, ' ');
			column++;
		}
		text_add_bytes(out, words, length);
		column += length;
		words += length;
		while (*words == ' ' || *words == '\n')
			words++;
	}
	text_add_char(out, '\n');
}

static void
all_commands(struct text *out)
{
	size_t widest = 0;

	text_add(out, "stentorctl [-c FILE] [--json] COMMAND\n\n");
	for (const struct command *c = commands_shown(NULL); c != NULL; c = commands_shown(c)) {
		struct text name = { 0 };

		command_name(&name, c);
		if (name.length > widest)
			widest = name.length;
		text_clear(&name);
	}
	for (const struct command *c = commands_shown(NULL); c != NULL; c = commands_shown(c)) {
		struct text name = { 0 };

		command_name(&name, c);
		text_addf(out, "  %-*s  %s\n", (int)widest, name.bytes, c->about);
		text_clear(&name);
	}
	text_add(out,
		 "\n"
		 "-c, --config FILE  the configuration; else $STENTOR_CONF, ./stentor.conf,\n"
		 "                   ./run/stentor.conf, or the system's\n"
		 "    --json         answer in JSON\n"
		 "-y, --yes          do not ask before something dangerous\n"
		 "-h, --help         with a command: what it does\n"
		 "-V, --version      this program's version\n"
		 "\n"
		 "It ends with 0, 1 when the command failed, 2 when it was not understood, 3 when\n"
		 "no server runs.  `stentorctl help COMMAND` says more.\n");
}

static void
argument_help(struct text *out, const struct command *command, const struct argument *a)
{
	if (a->kind == ARGUMENT_PASSWORD) {
		text_addf(out,
			  "  --password-file FILE  %s: the first line of FILE, - is standard "
			  "input\n",
			  a->help);
		if ((command->flags & COMMAND_PROVES) == 0)
			text_add(out, "  --generate            make one up and show it once\n");
		return;
	}
	text_addf(out, "  %-20s  %s", a->name, a->help);
	if (a->kind == ARGUMENT_CHOICE) {
		text_add(out, " (");
		for (const char *const *w = a->words; *w != NULL; w++)
			text_addf(out, "%s%s", w == a->words ? "" : ", ", *w);
		text_add(out, ")");
	}
	text_add(out, "\n");
}

static void
one_command(struct text *out, const struct command *command)
{
	text_add(out, "stentorctl ");
	command_usage(out, command);
	text_addf(out, "\n\n  %s\n", command->about);
	if (command->help != NULL) {
		text_add_char(out, '\n');
		add_wrapped(out, command->help, 2);
	}
	if (command->arguments != NULL && command->arguments[0].name != NULL)
		text_add_char(out, '\n');
	for (const struct argument *a = command->arguments; a != NULL && a->name != NULL; a++)
		argument_help(out, command, a);
	if ((command->flags & (COMMAND_OFFLINE | COMMAND_LOCAL)) == 0)
		text_add(out, "\n  The server must run.\n");
	else if ((command->flags & COMMAND_ALONE) != 0)
		text_add(out, "\n  The server must not run.\n");
	if (command->example != NULL)
		text_addf(out, "\n  For example:  %s\n", command->example);
}

bool
help_write(struct text *out, const char *noun, const char *verb)
{
	const struct command *one;
	bool any = false;

	if (noun == NULL) {
		all_commands(out);
		return true;
	}
	one = command_find(noun, verb);
	if (one != NULL) {
		one_command(out, one);
		return true;
	}
	if (verb != NULL)
		return false;
	for (const struct command *c = commands_shown(NULL); c != NULL; c = commands_shown(c)) {
		if (!text_is(c->noun, noun))
			continue;
		if (any)
			text_add_char(out, '\n');
		one_command(out, c);
		any = true;
	}
	return any;
}
