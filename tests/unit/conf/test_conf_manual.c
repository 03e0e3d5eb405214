/* SPDX-License-Identifier: MIT */
#include "conf/conf.h"

#include "kinds.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
every_option_has_its_entry(void **state)
{
	struct text out = { 0 };

	(void)state;
	conf_manual(&out, &root_kind);
	assert_non_null(strstr(out.bytes, ".SS \"Section listen\"\nWhere clients come in.\n"));
	assert_non_null(strstr(out.bytes, ".TP\n.B port\nWhere clients come in.\n"
					  "It is a number between 1 and 65535.\n"
					  "If not given:\n.B 5222\n.br\n"
					  "Example:\n.B port = 5222\n"));
	assert_non_null(strstr(out.bytes, ".SS \"Section domain \\(dq...\\(dq, archive\"\n"));
	assert_non_null(strstr(out.bytes, "A change takes effect after a restart.\n"));
	text_clear(&out);
}

static void
nothing_in_a_help_is_a_request_or_an_escape(void **state)
{
	static const struct option options[] = {
		OPTION_TEXT(struct routing, to, "\\-'.", ".so /etc/passwd \\n \"it's\"\n.ex ~^`"),
		{ 0 }
	};
	static const struct section kind = {
		.name = "x",
		.help = "'quoted' at the begin",
		.options = options,
		.size = sizeof(struct routing),
	};
	struct text out = { 0 };

	(void)state;
	conf_manual(&out, &kind);
	assert_non_null(strstr(out.bytes, "\n\\&\\(aqquoted\\(aq at the begin.\n"));
	assert_non_null(strstr(out.bytes, "\n\\&.so /etc/passwd \\en \\(dqit\\(aqs\\(dq .ex "
					  "\\(ti\\(ha\\(ga.\n"));
	assert_null(strstr(out.bytes, "\n.so"));
	assert_null(strstr(out.bytes, "\n.ex"));
	text_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_option_has_its_entry),
		cmocka_unit_test(nothing_in_a_help_is_a_request_or_an_escape),
	};

	return cmocka_run_group_tests_name("conf/conf_manual", tests, NULL, NULL);
}
