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
assert_faults(const char *bytes, const char *words)
{
	struct text faults = { 0 };

	assert_null(conf_read_bytes("f", bytes, strlen(bytes), &root_kind, &faults));
	assert_string_equal(faults.bytes, words);
	text_clear(&faults);
}

static void
assert_good(const char *bytes)
{
	struct text faults = { 0 };
	struct conf *conf = conf_read_bytes("f", bytes, strlen(bytes), &root_kind, &faults);

	if (conf == NULL)
		fail_msg("%s", faults.bytes);
	conf_drop(conf);
}

static void
what_is_good_is_good(void **state)
{
	(void)state;
	assert_good("listen{port=1 tls=off silence=5 minutes direct=no}domain a{}domain b{}");
	assert_good("listen { silence = 1 hour 5 minutes stanza = 1 MiB }");
	assert_good("route { to = a route } domain x { }");
	assert_good("listen\n{\n}\ndomain x\n{\n}\n");
	assert_good("data =\n\t\"a text in the next line\"\n");
	assert_good("listen { addresses = x }");
	assert_good("listen { addresses = { x, } }");
	assert_good("listen { addresses = { } }");
}

static void
an_unknown_option_names_the_nearest_or_its_home_or_all(void **state)
{
	(void)state;
	assert_faults("listen { prot = 5 }",
		      "f:1: unknown option \"prot\" in section \"listen\": did you mean \"port\"?  "
		      "example: port = 5222\n");
	assert_faults("keep = 5 days",
		      "f:1: unknown option \"keep\" outside all sections: it belongs in section "
		      "\"archive\"\n");
	assert_faults("domain x { data = y }", "f:1: unknown option \"data\" in section \"domain\" "
					       "\"x\": it belongs outside "
					       "all sections\n");
	assert_faults("route { weather = fair }",
		      "f:1: unknown option \"weather\" in section \"route\": there may be to\n");
	assert_faults("domain x { archive = 3 }", "f:1: unknown option \"archive\" in section "
						  "\"domain\" \"x\": it is a section: "
						  "archive { }\n");
}

static void
an_unknown_section_is_judged_as_the_nearest(void **state)
{
	(void)state;
	assert_faults("lsiten { port = 0 prot = 1 }",
		      "f:1: unknown section \"lsiten\" outside all sections: did you mean "
		      "\"listen\"?  example: listen { }\n"
		      "f:1: unknown option \"prot\" in section \"listen\": did you mean \"port\"?  "
		      "example: port = 5222\n"
		      "f:1: port 0 is not between 1 and 65535\n");
	assert_faults("weather { sun { x = 1 y { } z = { a, b } } } port = 1",
		      "f:1: unknown section \"weather\" outside all sections: there may be listen, "
		      "route, domain\n"
		      "f:1: unknown option \"port\" outside all sections: it belongs in section "
		      "\"listen\"\n");
	assert_faults("archive { keep = 1 day }", "f:1: unknown section \"archive\" outside all "
						  "sections: it belongs in section "
						  "\"domain\"\n");
	assert_faults("shards { }", "f:1: unknown section \"shards\" outside all sections: it is "
				    "an option: shards "
				    "= 0\n");
}

static void
doubles_name_both_lines(void **state)
{
	(void)state;
	assert_faults("shards = 1\n\nshards = 1\n",
		      "f:3: option \"shards\" is said twice outside all sections: here and in line "
		      "1\n");
	assert_faults("domain a { }\ndomain b { }\ndomain \"a\" { }\n",
		      "f:3: section \"domain\" \"a\" is there twice: here and in line 1\n");
	assert_faults("listen { }\nlisten { port = x }\n",
		      "f:2: section \"listen\" is there twice, and may be there once: here and in "
		      "line "
		      "1\n"
		      "f:2: \"x\" is not a number for \"port\": say a whole number between 1 and "
		      "65535, as in: port = 5222\n");
	assert_good("route { to = x }\nroute { to = x }\n");
}

static void
a_section_that_is_not_closed_is_named_where_it_begins(void **state)
{
	(void)state;
	assert_faults("shards = 1\nlisten {\n\tport = 1\n",
		      "f:2: section \"listen\" that begins here is not closed: a \"}\" is "
		      "missing\n");
	assert_faults("listen {\n\tport = 0\n\ndomain a {\n\tport = 1\n}\n",
		      "f:1: section \"listen\" that begins here is not closed: a \"}\" is missing "
		      "before \"domain\" in line 4\n"
		      "f:2: port 0 is not between 1 and 65535\n"
		      "f:5: unknown option \"port\" in section \"domain\" \"a\": it belongs in "
		      "section "
		      "\"listen\"\n");
	assert_faults("domain a {\n\tarchive {\n\t\tkeep = 1 day\n}\ndomain b { }\n",
		      "f:1: section \"domain\" that begins here is not closed: a \"}\" is missing "
		      "before \"domain\" in line 5\n");
	assert_faults("weather {\n x = 1\n",
		      "f:1: unknown section \"weather\" outside all sections: there may be listen, "
		      "route, domain\n"
		      "f:1: the \"{\" after \"weather\" is not closed: a \"}\" is missing\n");
}

static void
a_brace_too_many_is_told_and_passed_over(void **state)
{
	(void)state;
	assert_faults(
		"listen { }\n}\nshards = x\n",
		"f:2: this \"}\" closes nothing: it is one too many, or a \"{\" is missing before "
		"it\n"
		"f:3: \"x\" is not a number for \"shards\": say a whole number between 0 and 64, "
		"as in: shards = 0\n");
	assert_faults("{ port = 1 }\n",
		      "f:1: this \"{\" belongs to nothing: a section has its name before it\n");
}

static void
a_section_without_its_brace_is_taken_as_open(void **state)
{
	(void)state;
	assert_faults("listen\n\tport = 0\n}\nshards = 65\n",
		      "f:1: section \"listen\" needs a \"{\": listen { }\n"
		      "f:2: port 0 is not between 1 and 65535\n"
		      "f:4: shards 65 is not between 0 and 64\n");
	assert_faults("domain a\n\tprot = 0\n}\n",
		      "f:1: section \"domain\" needs a \"{\": domain \"...\" { }\n"
		      "f:2: unknown option \"prot\" in section \"domain\" \"a\": there may be "
		      "certificate, modules, admins\n");
}

static void
titles_are_where_they_belong(void **state)
{
	(void)state;
	assert_faults("domain { }", "f:1: section \"domain\" needs a title: domain \"...\" { }\n");
	assert_faults("domain \"\" { }", "f:1: the title of section \"domain\" is empty\n");
	assert_faults("domain \"a\\nb\" { }",
		      "f:1: the title of section \"domain\" has a tab or a line's end in it\n");
	assert_good("domain \"a\\\"\\\\\" { } domain 'b\"\\c' { }");
	assert_faults("domain 'a\"\\b' { }\ndomain \"a\\\"\\\\b\" { }",
		      "f:2: section \"domain\" \"a\"\\b\" is there twice: here and in line 1\n");
	assert_faults("listen \"a\" { port = 0 }",
		      "f:1: section \"listen\" has no title: listen { }\n"
		      "f:1: port 0 is not between 1 and 65535\n");
}

static void
an_option_has_one_sign_and_one_value(void **state)
{
	(void)state;
	assert_faults("listen { port 443 }", "f:1: \"port\" needs a \"=\": port = 5222\n");
	assert_faults("listen { port = }", "f:1: \"port\" has no value; example: port = 5222\n");
	assert_faults("listen {\n port =\n tls = off\n}",
		      "f:2: \"port\" has no value; example: port = 5222\n");
	assert_faults("listen { port = { 1, 2 } }",
		      "f:1: \"port\" takes one value, not a list; example: port = 5222\n");
	assert_faults("listen { port = 1, 2 tls = x }", "f:1: \"port\" takes one value\n"
							"f:1: \"x\" is not a word for \"tls\": say "
							"\"off\", \"offered\" or \"required\", "
							"as in: tls = required\n");
	assert_faults("listen { port += 1 }", "f:1: \"+=\" is not known here; say port = 5222\n");
	assert_faults("data = \"a\" \"b\"", "f:1: \"data\" takes one value; a text of several "
					    "words has its quotes around "
					    "all of them\n");
}

static void
lists_have_braces_and_commas(void **state)
{
	(void)state;
	assert_faults("domain x { modules = a, b }",
		      "f:1: a list of several stands in braces: modules = { \"a\", \"b\" }\n");
	assert_faults("domain x { modules = a b\n}", "f:1: a list of several stands in braces, "
						     "with commas: modules = { \"a\", \"b\" "
						     "}\n");
	assert_faults("domain x { modules = { \"a\" \"b\"\n\"c\" } }",
		      "f:1: a \",\" is missing before \"b\" in the list of \"modules\"\n"
		      "f:2: a \",\" is missing before \"c\" in the list of \"modules\"\n");
	assert_faults("domain x { modules = { , a,, b } }",
		      "f:1: there is nothing before this \",\" in the list of \"modules\"\n");
	assert_faults("domain x {\n modules = { a, b\n certificate = 1 2\n admins = { c }\n}",
		      "f:2: the list of \"modules\" that begins here is not closed: a \"}\" is "
		      "missing "
		      "before \"certificate\"\n");
	assert_faults(
		"domain x { modules = { a",
		"f:1: the list of \"modules\" that begins here is not closed: a \"}\" is missing "
		"before the end of the file\n"
		"f:1: section \"domain\" that begins here is not closed: a \"}\" is missing\n");
}

static void
habits_of_other_files_are_understood_and_corrected(void **state)
{
	(void)state;
	assert_faults("shards = 3;\nlisten { port = 1; tls = off; };\n",
		      "f:1: no \";\" is needed at the end of a line\n"
		      "f:2: no \";\" is needed at the end of a line\n");
	assert_faults("shards: 3\n", "f:1: \"shards:\" is no statement: did you mean \"shards\"?  "
				     "example: shards = 0\n");
	assert_faults("include \"a.conf\"\nshards = x y\n",
		      "f:1: a file is included like this: include(\"more.conf\")\n"
		      "f:2: \"x y\" is not a number for \"shards\": say a whole number between 0 "
		      "and "
		      "64, as in: shards = 0\n");
	assert_faults("include(\"\")", "f:1: include needs the name of a file: "
				       "include(\"more.conf\")\n");
	assert_faults("shards(3)\n", "f:1: \"shards\" needs a \"=\": shards = 0\n");
	assert_faults("[listen]\n", "f:1: \"[listen]\" is no statement: did you mean \"listen\"?  "
				    "example: listen { }\n");
}

static void
no_words_of_the_file_break_a_message_into_lines(void **state)
{
	(void)state;
	assert_faults(
		"\"a\\\nb\" = 1\n",
		"f:1: \"a?b\" is not expected here: a line begins with the name of an option or a "
		"section\n"
		"f:2: \"=\" is not expected here: a line begins with the name of an option or a "
		"section\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_good_is_good),
		cmocka_unit_test(an_unknown_option_names_the_nearest_or_its_home_or_all),
		cmocka_unit_test(an_unknown_section_is_judged_as_the_nearest),
		cmocka_unit_test(doubles_name_both_lines),
		cmocka_unit_test(a_section_that_is_not_closed_is_named_where_it_begins),
		cmocka_unit_test(a_brace_too_many_is_told_and_passed_over),
		cmocka_unit_test(a_section_without_its_brace_is_taken_as_open),
		cmocka_unit_test(titles_are_where_they_belong),
		cmocka_unit_test(an_option_has_one_sign_and_one_value),
		cmocka_unit_test(lists_have_braces_and_commas),
		cmocka_unit_test(habits_of_other_files_are_understood_and_corrected),
		cmocka_unit_test(no_words_of_the_file_break_a_message_into_lines),
	};

	return cmocka_run_group_tests_name("conf/conf_shape", tests, NULL, NULL);
}
