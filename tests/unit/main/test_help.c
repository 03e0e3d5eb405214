/* SPDX-License-Identifier: MIT */
/* Help, from the commands' tables. */
#include "main/local.h"

#include "main/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
all_commands_are_listed_but_the_hidden(void **state)
{
	struct text help = { 0 };

	(void)state;
	assert_true(help_write(&help, NULL, NULL));
	for (const struct command *c = command_next(NULL); c != NULL; c = command_next(c)) {
		struct text line = { 0 };

		text_add(&line, "\n  ");
		command_name(&line, c);
		text_add(&line, " ");
		if ((c->flags & COMMAND_HIDDEN) != 0)
			assert_null(strstr(help.bytes, line.bytes));
		else
			assert_non_null(strstr(help.bytes, line.bytes));
		text_clear(&line);
	}
	text_clear(&help);
}

static void
no_line_is_longer_than_a_terminal(void **state)
{
	(void)state;
	for (const struct command *c = commands_shown(NULL); c != NULL; c = commands_shown(c)) {
		struct text help = { 0 };

		assert_true(help_write(&help, c->noun, c->verb));
		/* But for the first, which may be broken anywhere. */
		for (const char *line = strchr(help.bytes, '\n'); *line != '\0';) {
			size_t length = strcspn(line, "\n");

			if (length > 110)
				fail_msg("%.*s", (int)length, line);
			line += length + (line[length] == '\n');
		}
		text_clear(&help);
	}
}

static void
one_command_tells_its_use_and_an_example(void **state)
{
	struct text help = { 0 };

	(void)state;
	assert_true(help_write(&help, "account", "add"));
	assert_non_null(strstr(help.bytes, "stentorctl account add JID"));
	assert_non_null(strstr(help.bytes, "--password-file"));
	assert_non_null(strstr(help.bytes, "--generate"));
	assert_non_null(strstr(help.bytes, "For example:"));
	text_clear(&help);
}

static void
a_noun_tells_all_its_verbs(void **state)
{
	struct text help = { 0 };

	(void)state;
	assert_true(help_write(&help, "session", NULL));
	assert_non_null(strstr(help.bytes, "session list"));
	assert_non_null(strstr(help.bytes, "session show"));
	assert_non_null(strstr(help.bytes, "session kick"));
	text_clear(&help);
}

static void
there_is_no_help_for_what_does_not_exist(void **state)
{
	struct text help = { 0 };

	(void)state;
	assert_false(help_write(&help, "session", "dance"));
	assert_false(help_write(&help, "dance", NULL));
	assert_int_equal(help.length, 0);
}

static void
the_nearest_command_is_named(void **state)
{
	struct text said = { 0 };

	(void)state;
	commands_explain_unknown(&said, "stauts", NULL);
	assert_non_null(strstr(said.bytes, "did you mean \"status\"?"));
	text_empty(&said);
	commands_explain_unknown(&said, "session", "kik");
	assert_non_null(strstr(said.bytes, "did you mean \"session kick\"?"));
	text_clear(&said);
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
		cmocka_unit_test(all_commands_are_listed_but_the_hidden),
		cmocka_unit_test(no_line_is_longer_than_a_terminal),
		cmocka_unit_test(one_command_tells_its_use_and_an_example),
		cmocka_unit_test(a_noun_tells_all_its_verbs),
		cmocka_unit_test(there_is_no_help_for_what_does_not_exist),
		cmocka_unit_test(the_nearest_command_is_named),
	};

	return cmocka_run_group_tests_name("main/help", tests, open_commands, NULL);
}
