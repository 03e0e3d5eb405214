/* SPDX-License-Identifier: MIT */
/* Results as people see them. */
#include "main/show.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
is_shown(const char *json, const char *expected)
{
	json_error_t why;
	json_t *result = json_loads(json, 0, &why);
	struct text shown = { 0 };

	assert_non_null(result);
	show_result(&shown, result);
	assert_string_equal(shown.length > 0 ? shown.bytes : "", expected);
	text_clear(&shown);
	json_decref(result);
}

static void
an_array_of_objects_is_a_table(void **state)
{
	(void)state;
	is_shown("[{\"jid\": \"a@b\", \"count\": 5}, {\"jid\": \"longer@b\", \"count\": 1234}]",
		 "JID       COUNT\n"
		 "a@b           5\n"
		 "longer@b   1234\n");
}

static void
a_cell_that_is_missing_is_empty(void **state)
{
	(void)state;
	is_shown("[{\"a\": \"x\", \"b\": \"y\"}, {\"a\": \"z\"}]", "A  B\nx  y\nz  \n");
}

static void
an_object_is_a_list_of_names_and_values(void **state)
{
	(void)state;
	is_shown("{\"state\": \"up\", \"rows\": 3, \"good\": true, \"since\": null}", "state: up\n"
										      "rows:  3\n"
										      "good:  yes\n"
										      "since: -\n");
}

static void
objects_and_tables_inside_are_indented(void **state)
{
	(void)state;
	is_shown("{\"store\": {\"state\": \"up\"}, \"ports\": [{\"port\": 5222}]}", "store:\n"
										    "  state: up\n"
										    "ports:\n"
										    "  PORT\n"
										    "  5222\n");
}

static void
a_text_alone_is_printed_as_it_is(void **state)
{
	(void)state;
	is_shown("{\"text\": \"one\\ntwo\\n\"}", "one\ntwo\n");
}

static void
an_empty_list_says_so(void **state)
{
	(void)state;
	is_shown("[]", "(none)\n");
}

static void
strangers_words_cannot_move_the_cursor(void **state)
{
	(void)state;
	is_shown("[{\"jid\": \"a@b/\\u001b[2J\\u0007\\n\\u009b1m\\u007f\"}]",
		 "JID\na@b/?[2J???1m?\n");
	is_shown("{\"reason\": \"a\\nb\"}", "reason: a?b\n");
}

static void
letters_count_as_one_each(void **state)
{
	(void)state;
	is_shown("[{\"jid\": \"jüliet@b\", \"x\": \"1\"}, {\"jid\": \"romeo@b\", \"x\": \"2\"}]",
		 "JID       X\njüliet@b  1\nromeo@b   2\n");
}

static void
wide_cells_keep_their_distance(void **state)
{
	char json[256], table[256], wide[81];

	(void)state;
	memset(wide, 'w', 80);
	wide[80] = '\0';
	snprintf(json, sizeof json, "[{\"a\": \"%s\", \"b\": \"1\"}]", wide);
	snprintf(table, sizeof table, "A%61sB\n%s  1\n", "", wide);
	is_shown(json, table);
}

static void
what_does_not_fit_a_cell_makes_blocks(void **state)
{
	(void)state;
	is_shown("[{\"module\": \"a\", \"sql\": \"-- one\\nCREATE (\\n\\tx);\\n\"},"
		 " {\"module\": \"b\", \"sql\": \"DROP\"}]",
		 "module: a\nsql:\n  -- one\n  CREATE (\n   x);\n\nmodule: b\nsql:\n  DROP\n");
	is_shown("[{\"domain\": \"d\", \"options\": [{\"option\": \"o\", \"value\": \"1\"}]}]",
		 "domain: d\noptions:\n  OPTION  VALUE\n  o       1\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_array_of_objects_is_a_table),
		cmocka_unit_test(a_cell_that_is_missing_is_empty),
		cmocka_unit_test(an_object_is_a_list_of_names_and_values),
		cmocka_unit_test(objects_and_tables_inside_are_indented),
		cmocka_unit_test(a_text_alone_is_printed_as_it_is),
		cmocka_unit_test(an_empty_list_says_so),
		cmocka_unit_test(strangers_words_cannot_move_the_cursor),
		cmocka_unit_test(letters_count_as_one_each),
		cmocka_unit_test(wide_cells_keep_their_distance),
		cmocka_unit_test(what_does_not_fit_a_cell_makes_blocks),
	};

	return cmocka_run_group_tests_name("main/show", tests, NULL, NULL);
}
