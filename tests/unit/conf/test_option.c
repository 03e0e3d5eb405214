/* SPDX-License-Identifier: MIT */
#include "conf/conf.h"

#include "kinds.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct option *
option_called(const char *name)
{
	for (const struct option *o = listen_options; o->type != OPTION_END_; o++)
		if (text_is(o->name, name))
			return o;
	return NULL;
}

static int64_t
number_read(const char *name, const char *text)
{
	const struct option *option = option_called(name);
	struct listening values = { 0 };
	struct err err = { 0 };

	if (!option_read(option, &values, text, &err))
		fail_msg("%s: %s", text, err.text);
	return *(int64_t *)(void *)((char *)&values + option->offset);
}

static void
assert_refused(const char *name, const char *text, enum err_kind kind, const char *words)
{
	struct listening values, before;
	struct err err = { 0 };

	memset(&values, 0x55, sizeof values);
	before = values;
	assert_false(option_read(option_called(name), &values, text, &err));
	assert_int_equal(err.kind, kind);
	assert_string_equal(err.text, words);
	assert_memory_equal(&values, &before, sizeof values);
}

static void
assert_written(const char *name, const char *text, const char *written)
{
	const struct option *option = option_called(name);
	struct listening values = { 0 };
	struct text out = { 0 };

	assert_true(option_read(option, &values, text, NULL));
	option_write(&out, option, &values);
	assert_string_equal(out.bytes, written);
	text_clear(&out);
}

static void
fallbacks_fill_a_struct(void **state)
{
	struct listening values;

	(void)state;
	memset(&values, 0x55, sizeof values);
	options_default(listen_options, &values);
	assert_int_equal(values.port, 5222);
	assert_int_equal(values.tls, 2);
	assert_int_equal(values.silence, 300000);
	assert_int_equal(values.stanza, 262144);
	assert_false(values.direct);
	assert_string_equal(values.addresses[0], "0.0.0.0");
	assert_string_equal(values.addresses[1], "::");
	assert_null(values.addresses[2]);
}

static void
a_text_without_fallback_is_null_and_an_empty_list_ends_at_once(void **state)
{
	struct domaining values;

	(void)state;
	memset(&values, 0x55, sizeof values);
	options_default(domain_options, &values);
	assert_null(values.certificate);
	assert_non_null(values.admins);
	assert_null(values.admins[0]);
}

static void
yes_and_no_have_three_words_each(void **state)
{
	static const char *const yes[] = { "yes", "true", "on", "YES" };
	static const char *const no[] = { "no", "false", "off", "Off" };
	const struct option *option = option_called("direct");
	struct listening values = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(yes); i++) {
		values.direct = false;
		assert_true(option_read(option, &values, yes[i], NULL));
		assert_true(values.direct);
		assert_true(option_read(option, &values, no[i], NULL));
		assert_false(values.direct);
	}
	assert_refused("direct", "ture", ERR_SYNTAX,
		       "\"ture\" is not yes or no for \"direct\": did you mean \"true\"?  say yes "
		       "or "
		       "no, as in: direct = no");
	assert_refused("direct", "1", ERR_SYNTAX,
		       "\"1\" is not yes or no for \"direct\": say yes or no, as in: direct = no");
}

static void
a_number_keeps_its_bounds(void **state)
{
	(void)state;
	assert_int_equal(number_read("port", "1"), 1);
	assert_int_equal(number_read("port", "65535"), 65535);
	assert_refused("port", "70000", ERR_LIMIT, "port 70000 is not between 1 and 65535");
	assert_refused("port", "0", ERR_LIMIT, "port 0 is not between 1 and 65535");
	assert_refused("port", "-5", ERR_LIMIT, "port -5 is not between 1 and 65535");
	assert_refused("port", "99999999999999999999", ERR_LIMIT,
		       "port 99999999999999999999 is beyond all bounds; say a number between 1 and "
		       "65535");
}

static void
what_is_no_number_is_refused_with_an_example(void **state)
{
	static const char *const words[] = { "http", "", "-", "5222x", "0x10", "5 222" };

	(void)state;
	for (size_t i = 0; i < COUNT(words); i++) {
		char why[256];

		snprintf(why, sizeof why,
			 "\"%s\" is not a number for \"port\": say a whole number between 1 and "
			 "65535, as in: port = 5222",
			 words[i]);
		assert_refused("port", words[i], ERR_SYNTAX, why);
	}
}

static void
periods_have_units(void **state)
{
	(void)state;
	assert_int_equal(number_read("silence", "5 minutes"), 300000);
	assert_int_equal(number_read("silence", "5minutes"), 300000);
	assert_int_equal(number_read("silence", " 90000 ms "), 90000);
	assert_int_equal(number_read("silence", "90 s"), 90000);
	assert_int_equal(number_read("silence", "1.5 hours"), 5400000);
	assert_int_equal(number_read("silence", "1 hour 30 minutes"), 5400000);
	assert_int_equal(number_read("silence", "1h30min"), 5400000);
	assert_int_equal(number_read("silence", "1 Day"), 86400000);
}

static void
a_period_without_its_unit_is_refused(void **state)
{
	(void)state;
	assert_refused("silence", "five minutes", ERR_SYNTAX,
		       "\"five minutes\" is not a period for \"silence\": say a number and a unit "
		       "(ms, s, minutes, hours, days), as in: silence = 5 minutes");
	assert_refused("silence", "300", ERR_SYNTAX,
		       "\"300\" is not a period for \"silence\": say a number and a unit (ms, s, "
		       "minutes, hours, days), as in: silence = 5 minutes");
	assert_refused("silence", "5 minuets", ERR_SYNTAX,
		       "\"5 minuets\" is not a period for \"silence\": did you mean \"minutes\"?  "
		       "say a number and a unit (ms, s, minutes, hours, days), as in: silence = 5 "
		       "minutes");
	assert_refused("silence", "10 s", ERR_LIMIT,
		       "silence 10 s is not between 1 minute and 1 day");
	assert_refused("silence", "0", ERR_LIMIT, "silence 0 s is not between 1 minute and 1 day");
	assert_refused("silence", "9223372036854775807 days", ERR_LIMIT,
		       "silence 9223372036854775807 days is beyond all bounds; say a period "
		       "between 1 "
		       "minute and 1 day");
}

static void
sizes_count_in_thousands_and_in_powers_of_two(void **state)
{
	(void)state;
	assert_int_equal(number_read("stanza", "64 KiB"), 65536);
	assert_int_equal(number_read("stanza", "64 kB"), 64000);
	assert_int_equal(number_read("stanza", "1 MB"), 1000000);
	assert_int_equal(number_read("stanza", "1 MiB"), 1048576);
	assert_int_equal(number_read("stanza", "1.5 MiB"), 1572864);
	assert_int_equal(number_read("stanza", "20000"), 20000);
	assert_int_equal(number_read("stanza", "20000 bytes"), 20000);
	assert_refused("stanza", "1 GiB", ERR_LIMIT,
		       "stanza 1 GiB is not between 10 kB and 16 MiB");
	assert_refused("stanza", "big", ERR_SYNTAX,
		       "\"big\" is not a size for \"stanza\": say a number and a unit (B, kB, KiB, "
		       "MB, "
		       "MiB, GB, GiB), as in: stanza = 256 KiB");
	assert_refused("stanza", "64 K", ERR_SYNTAX,
		       "\"64 K\" is not a size for \"stanza\": say a number and a unit (B, kB, "
		       "KiB, "
		       "MB, MiB, GB, GiB), as in: stanza = 256 KiB");
	assert_refused("stanza", "9999999999 GiB", ERR_LIMIT,
		       "stanza 9999999999 GiB is beyond all bounds; say a size between 10 kB and "
		       "16 "
		       "MiB");
}

static void
a_choice_knows_its_words(void **state)
{
	(void)state;
	assert_int_equal(number_read("tls", "off"), 0);
	assert_int_equal(number_read("tls", "Required"), 2);
	assert_refused("tls", "requird", ERR_SYNTAX,
		       "\"requird\" is not a word for \"tls\": did you mean \"required\"?  say "
		       "\"off\", \"offered\" or \"required\", as in: tls = required");
}

static void
a_list_is_split_at_commas_and_blanks(void **state)
{
	struct listening values = { 0 };

	(void)state;
	assert_true(option_read(option_called("addresses"), &values, " a, b  c,\n", NULL));
	assert_string_equal(values.addresses[0], "a");
	assert_string_equal(values.addresses[1], "b");
	assert_string_equal(values.addresses[2], "c");
	assert_null(values.addresses[3]);
}

static void
a_text_that_is_not_utf8_is_refused_and_not_repeated(void **state)
{
	struct domaining values = { 0 };
	struct err err;

	(void)state;
	assert_false(option_read(&domain_options[0], &values, "x\xff", &err));
	assert_string_equal(err.text, "the text of \"certificate\" is not UTF-8");
	assert_null(values.certificate);
}

static void
values_are_written_as_the_file_says_them(void **state)
{
	(void)state;
	assert_written("silence", "300 s", "5 minutes");
	assert_written("silence", "60 s", "1 minute");
	assert_written("silence", "90 s", "90 s");
	assert_written("silence", "60001 ms", "60001 ms");
	assert_written("silence", "24 hours", "1 day");
	assert_written("stanza", "65536", "64 KiB");
	assert_written("stanza", "10000", "10 kB");
	assert_written("stanza", "1000000", "1 MB");
	assert_written("stanza", "10001", "10001 B");
	assert_written("direct", "on", "yes");
	assert_written("tls", "offered", "offered");
	assert_written("port", "443", "443");
	assert_written("addresses", "a b", "{ \"a\", \"b\" }");
	assert_written("addresses", "", "{ }");
}

static void
what_is_written_reads_as_the_same(void **state)
{
	static const int64_t sizes[] = { 10000, 10001, 10240, 65536, 1000000, 1048576, 16777216 };
	const struct option *option = option_called("stanza");

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct listening values = { .stanza = sizes[i] }, again = { 0 };
		struct text out = { 0 };

		option_write(&out, option, &values);
		assert_true(option_read(option, &again, out.bytes, NULL));
		assert_int_equal(again.stanza, sizes[i]);
		text_clear(&out);
	}
}

static void
quotes_and_backslashes_in_a_text_are_escaped(void **state)
{
	struct domaining values = { .certificate = "a\"b\\c\n${d}\x01" };
	struct text out = { 0 };

	(void)state;
	option_write(&out, &domain_options[0], &values);
	assert_string_equal(out.bytes, "\"a\\\"b\\\\c\\n\\${d}\\x01\"");
	text_clear(&out);
	values.certificate = NULL;
	option_write(&out, &domain_options[0], &values);
	assert_int_equal(out.length, 0);
	text_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fallbacks_fill_a_struct),
		cmocka_unit_test(a_text_without_fallback_is_null_and_an_empty_list_ends_at_once),
		cmocka_unit_test(yes_and_no_have_three_words_each),
		cmocka_unit_test(a_number_keeps_its_bounds),
		cmocka_unit_test(what_is_no_number_is_refused_with_an_example),
		cmocka_unit_test(periods_have_units),
		cmocka_unit_test(a_period_without_its_unit_is_refused),
		cmocka_unit_test(sizes_count_in_thousands_and_in_powers_of_two),
		cmocka_unit_test(a_choice_knows_its_words),
		cmocka_unit_test(a_list_is_split_at_commas_and_blanks),
		cmocka_unit_test(a_text_that_is_not_utf8_is_refused_and_not_repeated),
		cmocka_unit_test(values_are_written_as_the_file_says_them),
		cmocka_unit_test(what_is_written_reads_as_the_same),
		cmocka_unit_test(quotes_and_backslashes_in_a_text_are_escaped),
	};

	return cmocka_run_group_tests_name("conf/option", tests, NULL, NULL);
}
