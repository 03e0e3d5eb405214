/* SPDX-License-Identifier: MIT */
/* A bash script that completes stentorctl's words, from the commands' own tables. */
#include "main/local.h"

#include "main/commands.h"

#include <string.h>

static bool
noun_is_new(const struct command *command)
{
	for (const struct command *c = commands_shown(NULL); c != command; c = commands_shown(c))
		if (text_is(c->noun, command->noun))
			return false;
	return true;
}

static void
add_options(struct text *out, const struct command *command)
{
	for (const struct argument *a = command->arguments; a != NULL && a->name != NULL; a++) {
		if (a->kind == ARGUMENT_PASSWORD) {
			text_add(out, " --password-file");
			if ((command->flags & COMMAND_PROVES) == 0)
				text_add(out, " --generate");
		} else if (text_starts(a->name, "--")) {
			text_addf(out, " %s", a->name);
		}
	}
}

/* What may follow an option of this command: words of a choice, or files. */
static void
add_values(struct text *out, const struct command *command)
{
	for (const struct argument *a = command->arguments; a != NULL && a->name != NULL; a++) {
		if (a->kind != ARGUMENT_CHOICE || !text_starts(a->name, "--"))
			continue;
		text_addf(out, "\t\t%s) files= words=\"", a->name);
		for (const char *const *w = a->words; *w != NULL; w++)
			text_addf(out, "%s%s", w == a->words ? "" : " ", *w);
		text_add(out, "\" ;;\n");
	}
}

static void
add_positional(struct text *out, const struct command *command)
{
	for (const struct argument *a = command->arguments; a != NULL && a->name != NULL; a++) {
		if (text_starts(a->name, "--") || a->kind == ARGUMENT_PASSWORD)
			continue;
		if (a->kind == ARGUMENT_CHOICE)
			for (const char *const *w = a->words; *w != NULL; w++)
				text_addf(out, " %s", *w);
	}
}

static bool
wants_file(const struct command *command)
{
	for (const struct argument *a = command->arguments; a != NULL && a->name != NULL; a++)
		if (a->kind == ARGUMENT_FILE)
			return true;
	return false;
}

static void
add_command(struct text *out, const struct command *command)
{
	text_addf(out, "\t\"%s%s%s\"", command->noun, command->verb ? " " : "",
		  command->verb ? command->verb : "");
	if (command->verb == NULL) /* what stands behind it is an argument already */
		text_addf(out, "|\"%s \"*", command->noun);
	text_add(out, ")\n\t\twords=\"");
	add_positional(out, command);
	add_options(out, command);
	text_add(out, "\"\n");
	if (wants_file(command))
		text_add(out, "\t\tfiles=yes\n");
	text_add(out, "\t\tcase $before in\n");
	add_values(out, command);
	text_add(out, "\t\tesac\n\t\t;;\n");
}

/* The verbs of a noun, from the first command that has it. */
static void
add_verbs(struct text *out, const struct command *first)
{
	for (const struct command *c = first; c != NULL && text_is(c->noun, first->noun);
	     c = commands_shown(c))
		if (c->verb != NULL)
			text_addf(out, "%s ", c->verb);
}

void
completion_bash(struct text *out)
{
	text_add(out, "# bash completion for stentorctl; made by `stentorctl completion bash`\n"
		      "_stentorctl()\n"
		      "{\n"
		      "\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
		      "\tlocal noun= verb= words= files= common=\"--json --yes --help\" i\n"
		      "\n"
		      "\t# bash cuts --tls=WORD into three.\n"
		      "\tif [[ $word == = ]]; then word=\n"
		      "\telif [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
		      "\tcase $before in\n"
		      "\t-c|--config|--password-file)\n"
		      "\t\tcompopt -o filenames 2>/dev/null\n"
		      "\t\tCOMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
		      "\tesac\n"
		      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		      "\t\tcase ${COMP_WORDS[i]} in\n"
		      "\t\t-c|--config) ((i++)) ;;\n"
		      "\t\t-*) ;;\n"
		      "\t\t*)\tif [[ -z $noun ]]; then noun=${COMP_WORDS[i]}\n"
		      "\t\t\telif [[ -z $verb ]]; then verb=${COMP_WORDS[i]}; fi ;;\n"
		      "\t\tesac\n"
		      "\tdone\n"
		      "\n"
		      "\tcase $noun in\n\t\"\")\n\t\twords=\"");
	for (const struct command *c = commands_shown(NULL); c != NULL; c = commands_shown(c))
		if (noun_is_new(c))
			text_addf(out, "%s ", c->noun);
	text_add(out, "-c --version\" ;;\n");
	for (const struct command *c = commands_shown(NULL); c != NULL; c = commands_shown(c)) {
		if (c->verb == NULL || !noun_is_new(c))
			continue;
		text_addf(out, "\t%s)\n\t\t[[ -z $verb ]] && words=\"", c->noun);
		add_verbs(out, c);
		text_add(out, "\" ;;\n");
	}
	text_add(out, "\thelp)\n\t\tcase $verb in\n\t\t\"\") words=\"");
	for (const struct command *c = commands_shown(NULL); c != NULL; c = commands_shown(c))
		if (noun_is_new(c))
			text_addf(out, "%s ", c->noun);
	text_add(out, "\" ;;\n");
	for (const struct command *c = commands_shown(NULL); c != NULL; c = commands_shown(c)) {
		if (c->verb == NULL || !noun_is_new(c))
			continue;
		text_addf(out, "\t\t%s) words=\"", c->noun);
		add_verbs(out, c);
		text_add(out, "\" ;;\n");
	}
	text_add(out, "\t\tesac ;;\n\tesac\n\n\tcase \"$noun${verb:+ $verb}\" in\n");
	for (const struct command *c = commands_shown(NULL); c != NULL; c = commands_shown(c))
		if (!text_is(c->noun, "help"))
			add_command(out, c);
	text_add(out, "\tesac\n"
		      "\t[[ $word == -* ]] && words=\"$words $common\"\n"
		      "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
		      "\tif [[ -n $files && $word != -* ]]; then\n"
		      "\t\tcompopt -o filenames 2>/dev/null\n"
		      "\t\tCOMPREPLY+=($(compgen -f -- \"$word\"))\n"
		      "\tfi\n"
		      "}\n"
		      "complete -F _stentorctl stentorctl\n");
}
