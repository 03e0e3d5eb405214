/* SPDX-License-Identifier: MIT */
#include "conf/conf.h"

#include "kinds.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct conf *
read_good(const char *bytes)
{
	struct text faults = { 0 };
	struct conf *conf = conf_read_bytes("f", bytes, strlen(bytes), &root_kind, &faults);

	if (conf == NULL)
		fail_msg("%s\nof\n%s", faults.bytes, bytes);
	return conf;
}

static char *
shown(const struct conf *conf)
{
	struct text out = { 0 };

	conf_show(&out, conf);
	return text_take(&out);
}

static char *
sample_of(const struct conf_given *given, size_t count)
{
	struct text out = { 0 };

	conf_sample(&out, &root_kind, given, count);
	return text_take(&out);
}

/* Takes the "#" away that switches a line off. */
static char *
switched_on(const char *sample)
{
	struct text out = { 0 };
	bool line_begins = true;

	for (; *sample != '\0'; sample++) {
		if (line_begins && *sample == '#' && sample[1] != ' ' && sample[1] != '\n') {
			if (sample[1] == '\t')
				line_begins = true;
			else
				line_begins = false;
			continue;
		}
		text_add_char(&out, *sample);
		line_begins = *sample == '\n' || (line_begins && *sample == '\t');
	}
	return text_take(&out);
}

static void
a_sample_as_it_is_gives_the_fallbacks(void **state)
{
	char *sample = sample_of(NULL, 0), *a, *b;
	struct conf *conf = read_good(sample), *empty = read_good("");

	(void)state;
	a = shown(conf);
	b = shown(empty);
	assert_string_equal(a, b);
	assert_non_null(strstr(sample, "\n\t#port = 5222\n"));
	assert_non_null(strstr(sample, "\n#domain \"NAME\" {\n#\t# file with the certificate"));
	free(a);
	free(b);
	free(sample);
	conf_drop(conf);
	conf_drop(empty);
}

static void
a_sample_with_all_switched_on_gives_the_fallbacks_too(void **state)
{
	char *sample = sample_of(NULL, 0), *on = switched_on(sample);
	struct conf *conf = read_good(on);
	const struct conf_section *root = conf_root(conf);
	const struct listening *listen = conf_find(root, "listen")->values;

	(void)state;
	assert_int_equal(listen->port, 5222);
	assert_int_equal(listen->silence, PERIOD_MINUTES(5));
	assert_int_equal(listen->stanza, 256 << 10);
	assert_string_equal(listen->addresses[1], "::");
	assert_string_equal(((const struct server *)root->values)->user, "stentor");
	assert_string_equal(conf_find(root, "domain")->title, "NAME");
	free(on);
	free(sample);
	conf_drop(conf);
}

static void
a_sample_keeps_within_its_columns(void **state)
{
	char *sample = sample_of(NULL, 0);

	(void)state;
	for (char *line = strtok(sample, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		size_t column = 0;

		for (const char *at = line; *at != '\0'; at++)
			column = *at == '\t' ? (column / 8 + 1) * 8 : column + 1;
		assert_true(column <= 78);
	}
	free(sample);
}

static void
what_is_given_is_set_in_the_sample(void **state)
{
	const struct conf_given given[] = {
		{ "listen.port", "443" },
		{ "domain:a.example.certificate", "\"certs/a.crt\"" },
		{ "domain:a.example.archive.keep", "3 days" },
		{ "domain:localhost", NULL },
		{ "admin_password", "\"x\"" },
	};
	char *sample = sample_of(given, COUNT(given));
	struct conf *conf = read_good(sample);
	const struct conf_section *root = conf_root(conf), *domain = conf_find(root, "domain");

	(void)state;
	assert_int_equal(((const struct listening *)conf_find(root, "listen")->values)->port, 443);
	assert_string_equal(((const struct server *)root->values)->admin_password, "x");
	assert_string_equal(domain->title, "a.example");
	assert_string_equal(((const struct domaining *)domain->values)->certificate, "certs/a.crt");
	assert_int_equal(((const struct archiving *)conf_find(domain, "archive")->values)->keep,
			 PERIOD_DAYS(3));
	domain = conf_next(domain);
	assert_string_equal(domain->title, "localhost");
	assert_null(conf_next(domain));
	assert_null(conf_find(root, "route"));
	free(sample);
	conf_drop(conf);
}

static void
what_is_shown_reads_as_the_same(void **state)
{
	struct conf *conf =
		read_good("shards = 3 data = \"a \\\"b\\\" \\${c}\\n\"\n"
			  "listen { silence = 90 s addresses = { } tls = off }\n"
			  "route { to = x } route { }\n"
			  "domain \"a\" { archive { bodies = no } admins = { a, b } }\n");
	char *once = shown(conf), *twice;
	struct conf *again = read_good(once);

	(void)state;
	twice = shown(again);
	assert_string_equal(once, twice);
	assert_non_null(strstr(once, "\tsilence = 90 s\n"));
	assert_non_null(strstr(once, "data = \"a \\\"b\\\" \\${c}\\n\"\n"));
	assert_non_null(strstr(once, "domain \"a\" {\n\t# certificate is not set\n"));
	free(once);
	free(twice);
	conf_drop(conf);
	conf_drop(again);
}

static void
a_secret_is_named_and_not_shown(void **state)
{
	struct conf *conf = read_good("admin_password = geheim\n");
	char *words = shown(conf);

	(void)state;
	assert_null(strstr(words, "geheim"));
	assert_non_null(strstr(words, "# admin_password is set, and not shown\n"));
	free(words);
	conf_drop(conf);
}

static void
assert_changes(const char *before, const char *after, const char *changed, const char *restart)
{
	struct conf *a = read_good(before), *b = read_good(after);
	struct text changes = { 0 }, restarts = { 0 };

	conf_compare(a, b, &changes, &restarts);
	assert_string_equal(changes.bytes != NULL ? changes.bytes : "", changed);
	assert_string_equal(restarts.bytes != NULL ? restarts.bytes : "", restart);
	text_clear(&changes);
	text_clear(&restarts);
	conf_drop(a);
	conf_drop(b);
}

static void
changes_are_told_with_both_values(void **state)
{
	(void)state;
	assert_changes("", "", "", "");
	assert_changes("listen { port = 5222 }", "", "", "");
	assert_changes("", "listen { port = 443 direct = yes addresses = { x } }",
		       "listen.addresses: { \"0.0.0.0\", \"::\" } -> { \"x\" }\n"
		       "listen.port: 5222 -> 443\n"
		       "listen.direct: no -> yes\n",
		       "");
	assert_changes("user = a", "data = b",
		       "data: \"data\" -> \"b\"\nuser: \"a\" -> (not set)\n", "");
	assert_changes("shards = 1", "shards = 2", "", "shards: 1 -> 2\n");
}

static void
sections_are_compared_by_title_or_by_number(void **state)
{
	(void)state;
	assert_changes("domain a { certificate = x } domain b { } domain c { }",
		       "domain c { archive { keep = 1 day } } domain a { certificate = y } domain "
		       "d { }",
		       "domain:c.archive.keep: 7 days -> 1 day\n"
		       "domain:a.certificate: \"x\" -> \"y\"\n"
		       "domain:d: new\n"
		       "domain:b: gone\n",
		       "");
	assert_changes("route { to = a } route { to = b }", "route { to = a } route { to = c }",
		       "route.to: \"b\" -> \"c\"\n", "");
	assert_changes("route { } route { }", "route { }", "route: gone\n", "");
}

static void
a_changed_secret_is_not_shown(void **state)
{
	(void)state;
	assert_changes("admin_password = a", "admin_password = b", "admin_password: another one\n",
		       "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sample_as_it_is_gives_the_fallbacks),
		cmocka_unit_test(a_sample_with_all_switched_on_gives_the_fallbacks_too),
		cmocka_unit_test(a_sample_keeps_within_its_columns),
		cmocka_unit_test(what_is_given_is_set_in_the_sample),
		cmocka_unit_test(what_is_shown_reads_as_the_same),
		cmocka_unit_test(a_secret_is_named_and_not_shown),
		cmocka_unit_test(changes_are_told_with_both_values),
		cmocka_unit_test(sections_are_compared_by_title_or_by_number),
		cmocka_unit_test(a_changed_secret_is_not_shown),
	};

	return cmocka_run_group_tests_name("conf/conf_write", tests, NULL, NULL);
}
