/* SPDX-License-Identifier: MIT */
/* Command lines, as people write them. */
#include "main/asked.h"

#include "base/text.h"
#include "main/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MAX 16

/* asked_read on words separated by single spaces. */
static bool
read_line(struct asked *asked, const char *line, struct err *err)
{
	static char words[512];
	char *argv[WORDS_MAX + 1] = { (char *)"stentorctl" }, *rest = words, *word;
	int argc = 1;

	strncpy(words, line, sizeof words - 1);
	while ((word = strsep(&rest, " ")) != NULL && argc < WORDS_MAX)
		argv[argc++] = word;
	return asked_read(asked, argc, argv, err);
}

static void
is_understood(struct asked *asked, const char *line)
{
	struct err err = { 0 };

	if (!read_line(asked, line, &err))
		fail_msg("\"%s\": %s", line, err.text);
}

static void
is_refused(const char *line, const char *because)
{
	struct asked asked;
	struct err err = { 0 };

	if (read_line(&asked, line, &err))
		fail_msg("\"%s\" was understood", line);
	if (strstr(err.text, because) == NULL)
		fail_msg("\"%s\": %s", line, err.text);
	asked_clear(&asked);
}

static const char *
argument(const struct asked *asked, const char *name)
{
	return json_string_value(json_object_get(asked->arguments, name));
}

static void
a_noun_and_a_verb_name_a_command(void **state)
{
	struct asked asked;

	(void)state;
	is_understood(&asked, "account add juliet@capulet.example");
	assert_string_equal(asked.command->noun, "account");
	assert_string_equal(asked.command->verb, "add");
	assert_string_equal(argument(&asked, "jid"), "juliet@capulet.example");
	asked_clear(&asked);
}

static void
a_noun_may_stand_alone(void **state)
{
	struct asked asked;

	(void)state;
	is_understood(&asked, "status");
	assert_string_equal(asked.command->noun, "status");
	assert_null(asked.command->verb);
	asked_clear(&asked);
}

static void
common_options_may_stand_anywhere(void **state)
{
	static const char *const lines[] = {
		"-c a.conf --json account list",       "account -c a.conf list --json",
		"account list --json --config a.conf", "account list --json --config=a.conf",
		"--json account list -ca.conf",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct asked asked;

		is_understood(&asked, lines[i]);
		assert_string_equal(asked.conf, "a.conf");
		assert_true(asked.json);
		asked_clear(&asked);
	}
}

static void
an_option_takes_the_next_word_or_what_is_behind_the_sign(void **state)
{
	struct asked asked;

	(void)state;
	is_understood(&asked, "session kick a@b --reason enough");
	assert_string_equal(argument(&asked, "reason"), "enough");
	asked_clear(&asked);
	is_understood(&asked, "session kick a@b --reason=a=b");
	assert_string_equal(argument(&asked, "reason"), "a=b");
	asked_clear(&asked);
	is_refused("session kick a@b --reason", "wants a value");
}

static void
unknown_words_are_told_with_the_nearest_one(void **state)
{
	(void)state;
	is_refused("acount list", "did you mean \"account\"");
	is_refused("account lst", "did you mean \"account list\"");
	is_refused("account list --limt 5", "did you mean \"--limit\"");
	is_refused("--jsn status", "did you mean \"--json\"");
	is_refused("zzzzzzzzz", "there is no command \"zzzzzzzzz\"");
}

static void
a_noun_that_wants_a_verb_says_which_there_are(void **state)
{
	(void)state;
	is_refused("session", "list, show, kick");
}

static void
a_missing_argument_is_named(void **state)
{
	(void)state;
	is_refused("account add", "jid is missing");
	is_refused("", "there is no command");
}

static void
a_word_too_many_is_named(void **state)
{
	(void)state;
	is_refused("account add a@b c@d", "\"c@d\" has no place behind \"account add\"");
	is_refused("status now", "\"now\" has no place");
}

static void
a_password_is_not_taken_from_the_command_line(void **state)
{
	(void)state;
	is_refused("account add a@b --password secret", "--password-file");
	is_refused("account add a@b --password=secret", "--password-file");
	is_refused("status --password-file x", "there is no option");
}

static void
a_password_may_come_from_a_file_or_be_made_up(void **state)
{
	struct asked asked;

	(void)state;
	is_understood(&asked, "account add a@b --password-file -");
	assert_string_equal(asked.password_file, "-");
	asked_clear(&asked);
	is_understood(&asked, "account add a@b --generate");
	assert_true(asked.generate);
	asked_clear(&asked);
	is_refused("account check a@b --generate", "there is no option");
}

static void
an_option_is_said_once_but_domains_of_init_are_many(void **state)
{
	struct asked asked;

	(void)state;
	is_refused("account list --limit 1 --limit 2", "said twice");
	is_understood(&asked, "init /x --domain a.example --domain b.example");
	assert_string_equal(argument(&asked, "domain"), "a.example b.example");
	asked_clear(&asked);
}

static void
files_are_named_so_that_the_server_finds_them(void **state)
{
	struct asked asked;

	(void)state;
	is_understood(&asked, "store backup b.sqlite");
	assert_int_equal(argument(&asked, "file")[0], '/');
	assert_non_null(strstr(argument(&asked, "file"), "/b.sqlite"));
	asked_clear(&asked);
	is_understood(&asked, "store backup /b.sqlite");
	assert_string_equal(argument(&asked, "file"), "/b.sqlite");
	asked_clear(&asked);
}

static void
behind_two_dashes_nothing_is_an_option(void **state)
{
	struct asked asked;

	(void)state;
	is_understood(&asked, "account show -- --json");
	assert_string_equal(argument(&asked, "jid"), "--json");
	assert_false(asked.json);
	asked_clear(&asked);
}

static void
help_needs_no_arguments(void **state)
{
	struct asked asked;

	(void)state;
	is_understood(&asked, "account add --help");
	assert_true(asked.help);
	assert_string_equal(asked.command->verb, "add");
	asked_clear(&asked);
	is_understood(&asked, "--help");
	assert_null(asked.command);
	asked_clear(&asked);
}

static void
what_is_not_utf8_is_refused(void **state)
{
	(void)state;
	is_refused("account show \xff\xfe@b", "not UTF-8");
}

static void
every_command_says_what_it_is(void **state)
{
	(void)state;
	for (const struct command *c = command_next(NULL); c != NULL; c = command_next(c)) {
		assert_non_null(c->about);
		assert_true((c->run == NULL) == ((c->flags & COMMAND_TALKS) != 0));
		assert_ptr_equal(command_find(c->noun, c->verb), c);
		if ((c->flags & COMMAND_HIDDEN) == 0)
			assert_non_null(c->example);
		for (const struct argument *a = c->arguments; a != NULL && a->name != NULL; a++) {
			assert_non_null(a->help);
			if (a->kind == ARGUMENT_CHOICE)
				assert_non_null(a->words);
		}
	}
}

static void
every_example_is_understood(void **state)
{
	(void)state;
	for (const struct command *c = commands_shown(NULL); c != NULL; c = commands_shown(c)) {
		struct asked asked;
		char line[256];
		char *redirected;

		strncpy(line, c->example + strlen("stentorctl "), sizeof line - 1);
		line[sizeof line - 1] = '\0';
		redirected = strstr(line, " >");
		if (redirected != NULL)
			*redirected = '\0';
		is_understood(&asked, line);
		assert_ptr_equal(asked.command, c);
		asked_clear(&asked);
	}
}

static int
open_commands(void **state)
{
	(void)state;
	commands_open();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_noun_and_a_verb_name_a_command),
		cmocka_unit_test(a_noun_may_stand_alone),
		cmocka_unit_test(common_options_may_stand_anywhere),
		cmocka_unit_test(an_option_takes_the_next_word_or_what_is_behind_the_sign),
		cmocka_unit_test(unknown_words_are_told_with_the_nearest_one),
		cmocka_unit_test(a_noun_that_wants_a_verb_says_which_there_are),
		cmocka_unit_test(a_missing_argument_is_named),
		cmocka_unit_test(a_word_too_many_is_named),
		cmocka_unit_test(a_password_is_not_taken_from_the_command_line),
		cmocka_unit_test(a_password_may_come_from_a_file_or_be_made_up),
		cmocka_unit_test(an_option_is_said_once_but_domains_of_init_are_many),
		cmocka_unit_test(files_are_named_so_that_the_server_finds_them),
		cmocka_unit_test(behind_two_dashes_nothing_is_an_option),
		cmocka_unit_test(help_needs_no_arguments),
		cmocka_unit_test(what_is_not_utf8_is_refused),
		cmocka_unit_test(every_command_says_what_it_is),
		cmocka_unit_test(every_example_is_understood),
	};

	return cmocka_run_group_tests_name("main/asked", tests, open_commands, NULL);
}
