/* SPDX-License-Identifier: MIT */
#include "conf/conf.h"

#include "kinds.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct conf *
read_good(const char *bytes)
{
	struct text faults = { 0 };
	struct conf *conf = conf_read_bytes("test.conf", bytes, strlen(bytes), &root_kind, &faults);

	if (conf == NULL)
		fail_msg("%s", faults.bytes);
	assert_int_equal(faults.length, 0);
	return conf;
}

static void
assert_faults(const char *bytes, const char *words)
{
	struct text faults = { 0 };

	assert_null(conf_read_bytes("test.conf", bytes, strlen(bytes), &root_kind, &faults));
	assert_string_equal(faults.bytes, words);
	text_clear(&faults);
}

/* --- files on a disk --- */

static char folder[64];

static int
make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test_conf.XXXXXX");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int
remove_folder(void **state)
{
	char *command = format_text("rm -rf %s", folder);
	int status = system(command);

	(void)state;
	free(command);
	return status;
}

static const char *
file_path(const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void
file_write(const char *name, const char *words)
{
	FILE *file = fopen(file_path(name), "w");

	assert_non_null(file);
	fputs(words, file);
	fclose(file);
}

/* What is said of a file, with the folder's name taken out. */
static char *
faults_of(const char *name)
{
	struct text faults = { 0 }, plain = { 0 };
	struct conf *conf = conf_read(file_path(name), &root_kind, &faults);
	size_t length = strlen(folder) + 1;

	assert_null(conf);
	for (const char *at = faults.bytes; *at != '\0';) {
		if (strncmp(at, folder, length - 1) == 0 && at[length - 1] == '/')
			at += length;
		else
			text_add_char(&plain, *at++);
	}
	text_clear(&faults);
	return text_take(&plain);
}

static void
assert_file_faults(const char *name, const char *words)
{
	char *faults = faults_of(name);

	assert_string_equal(faults, words);
	free(faults);
}

/* --- tests --- */

static void
an_empty_file_gives_all_fallbacks(void **state)
{
	struct conf *conf = read_good("");
	const struct conf_section *root = conf_root(conf), *listen = conf_find(root, "listen");
	const struct server *server = root->values;
	const struct listening *values = listen->values;

	(void)state;
	assert_string_equal(root->file, "test.conf");
	assert_string_equal(server->data, "data");
	assert_null(server->user);
	assert_int_equal(listen->line, 0);
	assert_int_equal(values->port, 5222);
	assert_string_equal(values->addresses[1], "::");
	assert_null(conf_next(listen));
	assert_null(conf_find(root, "domain"));
	assert_null(conf_find(root, "route"));
	assert_null(conf_find(root, "nonsense"));
	conf_drop(conf);
}

static void
options_and_sections_are_read(void **state)
{
	struct conf *conf = read_good("shards = 4\n"
				      "listen {\n"
				      "	port = 443	# a comment\n"
				      "	silence = 10 minutes\n"
				      "	stanza = \"1 MiB\"\n"
				      "	tls = offered  direct = on\n"
				      "	addresses = {\n\"::1\",\n127.0.0.1,\n}\n"
				      "}\n");
	const struct conf_section *listen = conf_find(conf_root(conf), "listen");
	const struct listening *values = listen->values;

	(void)state;
	assert_int_equal(((const struct server *)conf_root(conf)->values)->shards, 4);
	assert_int_equal(listen->line, 2);
	assert_int_equal(values->port, 443);
	assert_int_equal(values->silence, 600000);
	assert_int_equal(values->stanza, 1048576);
	assert_int_equal(values->tls, 1);
	assert_true(values->direct);
	assert_string_equal(values->addresses[0], "::1");
	assert_string_equal(values->addresses[1], "127.0.0.1");
	assert_null(values->addresses[2]);
	conf_drop(conf);
}

static void
titled_sections_come_in_the_order_of_the_file(void **state)
{
	struct conf *conf = read_good("domain \"b.example\" { archive { keep = 3 days } }\n"
				      "domain a.example { modules = { } }\n"
				      "domain 'c.example'\n{\n}\n");
	const struct conf_section *domain = conf_find(conf_root(conf), "domain");
	const struct archiving *archive = conf_find(domain, "archive")->values;

	(void)state;
	assert_string_equal(domain->title, "b.example");
	assert_int_equal(archive->keep, PERIOD_DAYS(3));
	assert_true(archive->bodies);
	assert_string_equal(((const struct domaining *)domain->values)->modules[0], "ping");
	domain = conf_next(domain);
	assert_string_equal(domain->title, "a.example");
	assert_int_equal(domain->line, 2);
	assert_null(((const struct domaining *)domain->values)->modules[0]);
	assert_int_equal(conf_find(domain, "archive")->line, 0);
	domain = conf_next(domain);
	assert_string_equal(domain->title, "c.example");
	assert_int_equal(domain->line, 3);
	assert_null(conf_next(domain));
	conf_drop(conf);
}

static void
an_untitled_section_may_be_there_several_times(void **state)
{
	struct conf *conf = read_good("route { to = a }\nroute { to = \"b\" }\nroute { }\n");
	const struct conf_section *route = conf_find(conf_root(conf), "route");

	(void)state;
	assert_string_equal(((const struct routing *)route->values)->to, "a");
	route = conf_next(route);
	assert_string_equal(((const struct routing *)route->values)->to, "b");
	route = conf_next(route);
	assert_null(((const struct routing *)route->values)->to);
	assert_int_equal(route->line, 3);
	assert_null(conf_next(route));
	conf_drop(conf);
}

static void
comments_do_not_move_the_lines(void **state)
{
	(void)state;
	assert_faults("# one\n// two\n/* three\nfour */\n\nshards = x\n",
		      "test.conf:6: \"x\" is not a number for \"shards\": say a whole number "
		      "between 0 "
		      "and 64, as in: shards = 0\n");
}

static void
texts_may_hold_anything_in_quotes(void **state)
{
	struct conf *conf =
		read_good("data = \"a \\\"b\\\" # {c} \\\\ \\n,;=\"\nuser = 'x\"y\\z'\n");
	const struct server *server = conf_root(conf)->values;

	(void)state;
	assert_string_equal(server->data, "a \"b\" # {c} \\ \n,;=");
	assert_string_equal(server->user, "x\"y\\z");
	conf_drop(conf);
}

static void
unquoted_texts_may_look_like_comments_inside(void **state)
{
	struct conf *conf = read_good("data = http://host/#part*  // a comment\nuser = a+b\n");
	const struct server *server = conf_root(conf)->values;

	(void)state;
	assert_string_equal(server->data, "http://host/#part*");
	assert_string_equal(server->user, "a+b");
	conf_drop(conf);
}

static void
the_environment_is_read(void **state)
{
	struct conf *conf;
	const struct server *server;

	(void)state;
	setenv("TEST_CONF_DATA", "a \"quoted\" {folder}", 1);
	unsetenv("TEST_CONF_NONE");
	conf = read_good("data = \"/${TEST_CONF_DATA}/x\"\nuser = \"${TEST_CONF_NONE:-nobody}\"\n");
	server = conf_root(conf)->values;
	assert_string_equal(server->data, "/a \"quoted\" {folder}/x");
	assert_string_equal(server->user, "nobody");
	conf_drop(conf);
	assert_faults("data = \"${TEST_CONF_NONE}\"\n",
		      "test.conf:1: the environment has no \"TEST_CONF_NONE\"; "
		      "\"${TEST_CONF_NONE:-words}\" would stand for \"words\" then\n");
}

static void
all_faults_are_told_at_once_in_the_order_of_the_file(void **state)
{
	(void)state;
	assert_faults("shards = many\n"
		      "listen {\n"
		      "	tsl = required\n"
		      "	silence = five minutes\n"
		      "	port = 70000\n"
		      "}\n"
		      "domian \"a\" { certificat = \"x\" }\n",
		      "test.conf:1: \"many\" is not a number for \"shards\": say a whole number "
		      "between 0 and "
		      "64, as in: shards = 0\n"
		      "test.conf:3: unknown option \"tsl\" in section \"listen\": did you mean "
		      "\"tls\"?  "
		      "example: tls = required\n"
		      "test.conf:4: \"five minutes\" is not a period for \"silence\": say a number "
		      "and a unit "
		      "(ms, s, minutes, hours, days), as in: silence = 5 minutes\n"
		      "test.conf:5: port 70000 is not between 1 and 65535\n"
		      "test.conf:7: unknown section \"domian\" outside all sections: did you mean "
		      "\"domain\"?  example: domain \"...\" { }\n"
		      "test.conf:7: unknown option \"certificat\" in section \"domain\" \"a\": did "
		      "you mean "
		      "\"certificate\"?  example: certificate = \"...\"\n");
}

static void
a_value_said_twice_is_judged_twice(void **state)
{
	(void)state;
	assert_faults(
		"listen {\n port = 0\n port = x\n}\nlisten { tls = no }\n",
		"test.conf:2: port 0 is not between 1 and 65535\n"
		"test.conf:3: option \"port\" is said twice in section \"listen\": here and in "
		"line 2\n"
		"test.conf:3: \"x\" is not a number for \"port\": say a whole number between 1 "
		"and 65535, as in: port = 5222\n"
		"test.conf:5: section \"listen\" is there twice, and may be there once: here and "
		"in line 1\n"
		"test.conf:5: \"no\" is not a word for \"tls\": say "
		"\"off\", \"offered\" or \"required\", as in: tls = required\n");
}

static void
a_secret_is_in_no_message(void **state)
{
	(void)state;
	assert_faults(
		"admin_password = \"geheim\"\nadmin_password = \"geheim\" \"geheim\"\n"
		"admin_password = { geheim }\n",
		"test.conf:2: \"admin_password\" takes one value; a text of several words has "
		"its quotes around all of them\n"
		"test.conf:2: option \"admin_password\" is said twice outside all sections: here "
		"and in line 1\n"
		"test.conf:3: \"admin_password\" takes one value, not a list; example: "
		"admin_password = \"...\"\n"
		"test.conf:3: option \"admin_password\" is said twice outside all sections: here "
		"and in line 1\n");
}

static void
the_same_title_in_other_words_is_found_too(void **state)
{
	(void)state;
	setenv("TEST_CONF_HOST", "a.example", 1);
	assert_faults("domain a.example { }\ndomain \"${TEST_CONF_HOST}\" { }\n",
		      "test.conf:2: it cannot be read: found duplicate title 'a.example'\n");
}

static void
too_many_faults_are_counted(void **state)
{
	struct text bytes = { 0 }, faults = { 0 };
	size_t lines = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		text_addf(&bytes, "nonsense_%d = 1\n", i);
	assert_null(conf_read_bytes("test.conf", bytes.bytes, bytes.length, &root_kind, &faults));
	for (const char *at = faults.bytes; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_int_equal(lines, 201);
	assert_non_null(strstr(faults.bytes, "\nand 800 more\n"));
	text_clear(&bytes);
	text_clear(&faults);
}

static void
a_file_that_is_not_there_is_told(void **state)
{
	(void)state;
	assert_file_faults("none.conf",
			   "none.conf: it cannot be read: No such file or directory\n");
	mkdir(file_path("folder"), 0700);
	assert_file_faults("folder", "folder: it cannot be read: it is a folder, not a file\n");
}

static void
a_file_that_is_too_long_is_refused(void **state)
{
	FILE *file = fopen(file_path("long.conf"), "w");

	(void)state;
	for (int i = 0; i < 100000; i++)
		fputs("# fifteen bytes\n", file);
	fclose(file);
	assert_file_faults("long.conf",
			   "long.conf: it cannot be read: it is longer than 1048576 bytes\n");
}

static void
included_files_go_on_where_they_are_included(void **state)
{
	struct text faults = { 0 };
	struct conf *conf;
	const struct conf_section *domain;

	(void)state;
	mkdir(file_path("parts"), 0700);
	mkdir(file_path("parts/deeper"), 0700);
	file_write("main.conf", "include(\"parts/all.conf\")\ndomain b.example { "
				"include(parts/archive.conf) }\n");
	file_write("parts/all.conf", "\ndomain a.example {\n}\ninclude(\"deeper/listen.conf\")\n");
	file_write("parts/archive.conf", "archive {\n keep = 9 days\n}\n");
	file_write("parts/deeper/listen.conf", "listen {\n port = 443\n}\n");
	conf = conf_read(file_path("main.conf"), &root_kind, &faults);
	assert_non_null(conf);
	domain = conf_find(conf_root(conf), "domain");
	assert_string_equal(domain->title, "a.example");
	assert_string_equal(domain->file, file_path("parts/all.conf"));
	assert_int_equal(domain->line, 2);
	domain = conf_find(conf_next(domain), "archive");
	assert_string_equal(domain->file, file_path("parts/archive.conf"));
	assert_int_equal(domain->line, 1);
	assert_int_equal(((const struct archiving *)domain->values)->keep, PERIOD_DAYS(9));
	assert_int_equal(((const struct listening *)conf_find(conf_root(conf), "listen")->values)
				 ->port,
			 443);
	conf_drop(conf);
}

static void
faults_of_included_files_name_them(void **state)
{
	(void)state;
	file_write("inside.conf", "\n\nport = x\nport = 7\n tsl = off }\n");
	file_write("outside.conf",
		   "listen {\n include(\"inside.conf\")\n port = 8\n}\nshards = z\n");
	assert_file_faults("outside.conf", "outside.conf:3: option \"port\" is said twice in "
					   "section \"listen\": here and in "
					   "inside.conf:3\n"
					   "outside.conf:5: \"z\" is not a number for \"shards\": "
					   "say a whole number between 0 "
					   "and 64, as in: shards = 0\n"
					   "inside.conf:3: \"x\" is not a number for \"port\": say "
					   "a whole number between 1 and "
					   "65535, as in: port = 5222\n"
					   "inside.conf:4: option \"port\" is said twice in "
					   "section \"listen\": here and in line "
					   "3\n"
					   "inside.conf:5: unknown option \"tsl\" in section "
					   "\"listen\": did you mean \"tls\"?  "
					   "example: tls = required\n"
					   "inside.conf:5: this \"}\" closes nothing: it is one "
					   "too many, or a \"{\" is missing "
					   "before it\n");
}

static void
a_file_cannot_include_itself(void **state)
{
	(void)state;
	file_write("one.conf", "include(\"two.conf\")\n");
	file_write("two.conf", "\ninclude(\"one.conf\")\n");
	assert_file_faults("one.conf", "two.conf:2: \"one.conf\" would include itself for ever\n");
}

static void
files_include_one_another_ten_deep(void **state)
{
	struct text faults = { 0 };
	struct conf *conf;
	char name[32], words[64];

	(void)state;
	for (int i = 0; i < 12; i++) {
		snprintf(name, sizeof name, "deep%d.conf", i);
		snprintf(words, sizeof words, "include(\"deep%d.conf\")\n", i + 1);
		file_write(name, i < 11 ? words : "shards = 3\n");
	}
	assert_file_faults("deep0.conf",
			   "deep10.conf:1: files include one another more than 10 deep: "
			   "\"deep11.conf\" is not read\n");
	conf = conf_read(file_path("deep1.conf"), &root_kind, &faults);
	assert_non_null(conf);
	assert_int_equal(((const struct server *)conf_root(conf)->values)->shards, 3);
	conf_drop(conf);
}

static void
an_avalanche_of_includes_ends(void **state)
{
	char name[32], *faults;

	(void)state;
	for (int i = 0; i < 10; i++) {
		struct text words = { 0 };

		for (int n = 0; n < 20; n++)
			text_addf(&words, "include(\"fall%d.conf\")\n", i + 1);
		snprintf(name, sizeof name, "fall%d.conf", i);
		file_write(name, i < 9 ? words.bytes : "");
		text_clear(&words);
	}
	faults = faults_of("fall0.conf");
	assert_non_null(strstr(faults, "more than 500 files are included\n"));
	free(faults);
}

static void
a_star_includes_what_fits_and_may_fit_nothing(void **state)
{
	struct text faults = { 0 };
	struct conf *conf;
	const struct conf_section *domain;

	(void)state;
	mkdir(file_path("conf.d"), 0700);
	file_write("conf.d/20.conf", "domain b.example { }\n");
	file_write("conf.d/10.conf", "domain a.example { }\n");
	file_write("star.conf", "include(\"conf.d/*.conf\")\ninclude(\"nothing/*.conf\")\n");
	conf = conf_read(file_path("star.conf"), &root_kind, &faults);
	assert_non_null(conf);
	domain = conf_find(conf_root(conf), "domain");
	assert_string_equal(domain->title, "a.example");
	assert_string_equal(conf_next(domain)->title, "b.example");
	conf_drop(conf);
}

static void
a_configuration_outlives_what_it_was_read_from(void **state)
{
	char *bytes = copy_text("domain \"a.example\" { certificate = \"x\" admins = { a, b } }\n");
	struct conf *conf = read_good(bytes), *held = conf_hold(conf);
	const struct conf_section *domain;
	const struct domaining *values;

	(void)state;
	memset(bytes, 'x', strlen(bytes));
	free(bytes);
	conf_drop(conf);
	domain = conf_find(conf_root(held), "domain");
	values = domain->values;
	assert_string_equal(domain->title, "a.example");
	assert_string_equal(values->certificate, "x");
	assert_string_equal(values->admins[1], "b");
	assert_null(values->admins[2]);
	conf_drop(held);
}

static void
a_complaint_has_the_usual_form(void **state)
{
	struct conf *conf = read_good("\ndomain \"a.example\" { }\n");
	const struct conf_section *root = conf_root(conf);
	struct text faults = { 0 };

	(void)state;
	conf_complain(&faults, conf_find(root, "domain"), "no \"%s\" here", "certificate");
	conf_complain(&faults, root, "nothing %d", 7);
	assert_string_equal(faults.bytes, "test.conf:2: no \"certificate\" here\n"
					  "test.conf: nothing 7\n");
	text_clear(&faults);
	conf_drop(conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_gives_all_fallbacks),
		cmocka_unit_test(options_and_sections_are_read),
		cmocka_unit_test(titled_sections_come_in_the_order_of_the_file),
		cmocka_unit_test(an_untitled_section_may_be_there_several_times),
		cmocka_unit_test(comments_do_not_move_the_lines),
		cmocka_unit_test(texts_may_hold_anything_in_quotes),
		cmocka_unit_test(unquoted_texts_may_look_like_comments_inside),
		cmocka_unit_test(the_environment_is_read),
		cmocka_unit_test(all_faults_are_told_at_once_in_the_order_of_the_file),
		cmocka_unit_test(a_value_said_twice_is_judged_twice),
		cmocka_unit_test(a_secret_is_in_no_message),
		cmocka_unit_test(the_same_title_in_other_words_is_found_too),
		cmocka_unit_test(too_many_faults_are_counted),
		cmocka_unit_test(a_file_that_is_not_there_is_told),
		cmocka_unit_test(a_file_that_is_too_long_is_refused),
		cmocka_unit_test(included_files_go_on_where_they_are_included),
		cmocka_unit_test(faults_of_included_files_name_them),
		cmocka_unit_test(a_file_cannot_include_itself),
		cmocka_unit_test(files_include_one_another_ten_deep),
		cmocka_unit_test(an_avalanche_of_includes_ends),
		cmocka_unit_test(a_star_includes_what_fits_and_may_fit_nothing),
		cmocka_unit_test(a_configuration_outlives_what_it_was_read_from),
		cmocka_unit_test(a_complaint_has_the_usual_form),
	};

	return cmocka_run_group_tests_name("conf/conf", tests, make_folder, remove_folder);
}
