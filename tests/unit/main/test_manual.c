/* SPDX-License-Identifier: MIT */
/* The manual pages: complete, and good roff. */
#include "main/local.h"

#include "core/loader.h"
#include "main/commands.h"
#include "main/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A word as roff writes it. */
static void
add_roff(struct text *out, const char *words)
{
	for (; *words != '\0'; words++)
		if (*words == '-')
			text_add(out, "\\-");
		else
			text_add_char(out, *words);
}

static void
is_named(const struct text *page, const char *words)
{
	struct text roff = { 0 };

	add_roff(&roff, words);
	if (strstr(page->bytes, roff.bytes) == NULL)
		fail_msg("no \"%s\"", roff.bytes);
	text_clear(&roff);
}

static void
every_page_begins_and_ends_like_one(void **state)
{
	(void)state;
	for (size_t i = 0; manual_pages[i] != NULL; i++) {
		struct text page = { 0 };

		assert_true(manual_write(&page, manual_pages[i]));
		assert_non_null(strstr(page.bytes, "\n.TH "));
		assert_non_null(strstr(page.bytes, "\n.SH NAME\n"));
		assert_non_null(strstr(page.bytes, "\n.SH SEE ALSO\n"));
		assert_int_equal(page.bytes[page.length - 1], '\n');
		text_clear(&page);
	}
}

static void
no_line_is_a_request_by_accident(void **state)
{
	(void)state;
	for (size_t i = 0; manual_pages[i] != NULL; i++) {
		struct text page = { 0 };

		assert_true(manual_write(&page, manual_pages[i]));
		for (const char *line = page.bytes; *line != '\0';) {
			size_t length = strcspn(line, "\n");

			if (line[0] == '\'')
				fail_msg("%s: %.*s", manual_pages[i], (int)length, line);
			if (line[0] == '.' && (line[1] < 'A' || line[1] > 'Z') && line[1] != '\\' &&
			    strncmp(line, ".br\n", 4) != 0)
				fail_msg("%s: %.*s", manual_pages[i], (int)length, line);
			line += length + (line[length] == '\n');
		}
		text_clear(&page);
	}
}

static void
every_command_and_option_is_there(void **state)
{
	struct text page = { 0 };

	(void)state;
	assert_true(manual_write(&page, "stentorctl.1"));
	for (const struct command *c = commands_shown(NULL); c != NULL; c = commands_shown(c)) {
		struct text usage = { 0 };

		command_usage(&usage, c);
		is_named(&page, usage.bytes);
		text_clear(&usage);
	}
	text_clear(&page);

	assert_true(manual_write(&page, "stentor.conf.5"));
	for (const struct section *const *s = settings_root()->sections; *s != NULL; s++) {
		is_named(&page, (*s)->name);
		for (const struct option *o = (*s)->options; o->type != OPTION_END_; o++)
			is_named(&page, o->name);
	}
	text_clear(&page);
}

static void
there_is_no_other_page(void **state)
{
	struct text page = { 0 };

	(void)state;
	assert_false(manual_write(&page, "stentor.1"));
	assert_int_equal(page.length, 0);
}

static int
open_all(void **state)
{
	char none[] = "/tmp/stentor-modules-XXXXXX";
	struct err err;
	bool good;

	(void)state;
	commands_open();
	if (mkdtemp(none) == NULL)
		return -1;
	good = loader_open(none, &err);
	return rmdir(none) != 0 || !good;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_page_begins_and_ends_like_one),
		cmocka_unit_test(no_line_is_a_request_by_accident),
		cmocka_unit_test(every_command_and_option_is_there),
		cmocka_unit_test(there_is_no_other_page),
	};

	return cmocka_run_group_tests_name("main/manual", tests, open_all, NULL);
}
