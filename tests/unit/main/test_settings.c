/* SPDX-License-Identifier: MIT */
/* What a configuration may say as a whole. */
#include "main/settings.h"

#include "core/loader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DOMAIN "domain \"localhost\" { certificate = \"a.crt\" key = \"a.key\" }\n"

static char path[] = "/tmp/stentor-settings-XXXXXX";

static struct conf *
read_words(const char *words, struct text *faults)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(words, file);
	fclose(file);
	return settings_read(path, faults);
}

static void
has_faults(const char *words, const char *const *expected)
{
	struct text faults = { 0 };
	struct conf *conf = read_words(words, &faults);

	if (conf != NULL)
		fail_msg("nothing wrong with: %s", words);
	for (size_t i = 0; expected[i] != NULL; i++)
		if (strstr(faults.bytes, expected[i]) == NULL)
			fail_msg("no \"%s\" in:\n%s", expected[i], faults.bytes);
	text_clear(&faults);
}
#define FAULTS(words, ...) has_faults(words, (const char *const[]) { __VA_ARGS__, NULL })

static void
a_domain_with_its_certificate_is_enough(void **state)
{
	struct text faults = { 0 };
	struct conf *conf = read_words(DOMAIN, &faults);

	(void)state;
	if (conf == NULL)
		fail_msg("%s", faults.bytes);
	assert_int_equal(settings_listen(conf)->client_port, 5222);
	assert_int_equal(settings_log(conf)->level, 2);
	conf_drop(conf);
}

static void
all_that_is_wrong_is_said_at_once(void **state)
{
	(void)state;
	FAULTS("listen { addresses = { \"localhost\" } client_port = 1000 client_tls_port = 1000 "
	       "}\n"
	       "domain \"a.example\" { key = \"x\" }\n"
	       "domain \"b.example\" { admins = { \"@x\" } }\n",
	       "\"localhost\" is not an address", "port 1000 is given to", "needs its key",
	       "\"b.example\" has no certificate", "admin \"@x\"");
}

static void
there_must_be_a_domain(void **state)
{
	(void)state;
	FAULTS("log { json = true }\n", "there is no domain");
}

static void
a_domain_is_there_once(void **state)
{
	(void)state;
	FAULTS(DOMAIN DOMAIN, "localhost");
}

static void
a_domain_must_be_one(void **state)
{
	(void)state;
	FAULTS("domain \"a@b\" { certificate = \"x\" key = \"y\" }\n", "a@b");
	FAULTS("domain \"UPPER.example\" { certificate = \"x\" key = \"y\" }\n",
	       "must be written as \"upper.example\"");
}

static void
a_store_elsewhere_is_reached_by_tls(void **state)
{
	struct text faults = { 0 };
	struct conf *conf;

	(void)state;
#define STORE(words) DOMAIN "store { driver = \"mariadb\" " words " }\n"
	FAULTS(STORE("host = \"db.example\" tls = \"off\""), "\"db.example\" is another machine");
	FAULTS(STORE("host = \"10.0.0.1\" tls = \"optional\""), "\"10.0.0.1\" is another machine");
	FAULTS(STORE(""), "needs a host or a socket");
	FAULTS(STORE("host = \"a\" socket = \"/b\""), "a host or a socket, and not both");
	FAULTS(STORE("host = \"a\" user = \"\""), "needs a user and a database");
	conf = read_words(STORE("host = \"127.0.0.1\" tls = \"off\""), &faults);
	if (conf == NULL)
		fail_msg("%s", faults.bytes);
	conf_drop(conf);
	conf = read_words(STORE("host = \"localhost\" tls = \"optional\""), &faults);
	assert_non_null(conf);
	conf_drop(conf);
}

static void
optional_tls_is_for_loopback_only(void **state)
{
	struct text faults = { 0 };
	struct conf *conf;

	(void)state;
	FAULTS(DOMAIN "streams { tls = \"optional\" }\n", "TLS is optional");
	FAULTS(DOMAIN "streams { tls = \"optional\" }\n"
		      "listen { addresses = { \"127.0.0.1\", \"192.0.2.1\" } }\n",
	       "192.0.2.1");
	conf = read_words(DOMAIN
			  "streams { tls = \"optional\" }\n"
			  "listen { addresses = { \"127.0.0.1\", \"::1\", \"127.9.9.9\" } }\n",
			  &faults);
	if (conf == NULL)
		fail_msg("%s", faults.bytes);
	conf_drop(conf);
}

static void
unknown_words_are_told_with_the_nearest_one(void **state)
{
	(void)state;
	FAULTS(DOMAIN "lisen { client_port = 5 }\n", "lisen", "listen");
	FAULTS(DOMAIN "listen { clientport = 5 }\n", "client_port");
}

static void
some_client_must_be_able_to_come_in(void **state)
{
	(void)state;
	FAULTS(DOMAIN "listen { client_port = 0 client_tls_port = 0 }\n",
	       "no client could come in");
}

static void
relative_paths_begin_at_the_file(void **state)
{
	struct text faults = { 0 };
	struct conf *conf = read_words(DOMAIN, &faults);
	char *data, *other;

	(void)state;
	assert_non_null(conf);
	data = settings_data(conf);
	assert_string_equal(data, "/tmp/data");
	other = settings_path(conf, "/etc/x");
	assert_string_equal(other, "/etc/x");
	free(data);
	free(other);
	conf_drop(conf);
}

static void
loopback_is_what_the_kernel_says(void **state)
{
	(void)state;
	assert_true(settings_is_loopback("127.0.0.1"));
	assert_true(settings_is_loopback("127.255.1.2"));
	assert_true(settings_is_loopback("::1"));
	assert_false(settings_is_loopback("0.0.0.0"));
	assert_false(settings_is_loopback("::"));
	assert_false(settings_is_loopback("128.0.0.1"));
	assert_false(settings_is_loopback("localhost"));
}

static int
make_file(void **state)
{
	char none[] = "/tmp/stentor-modules-XXXXXX";
	int fd = mkstemp(path);
	struct err err;
	bool good;

	(void)state;
	if (fd < 0 || close(fd) != 0 || mkdtemp(none) == NULL)
		return -1;
	good = loader_open(none, &err);
	return rmdir(none) != 0 || !good;
}

static int
remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_domain_with_its_certificate_is_enough),
		cmocka_unit_test(all_that_is_wrong_is_said_at_once),
		cmocka_unit_test(there_must_be_a_domain),
		cmocka_unit_test(a_domain_is_there_once),
		cmocka_unit_test(a_domain_must_be_one),
		cmocka_unit_test(optional_tls_is_for_loopback_only),
		cmocka_unit_test(a_store_elsewhere_is_reached_by_tls),
		cmocka_unit_test(unknown_words_are_told_with_the_nearest_one),
		cmocka_unit_test(some_client_must_be_able_to_come_in),
		cmocka_unit_test(relative_paths_begin_at_the_file),
		cmocka_unit_test(loopback_is_what_the_kernel_says),
	};

	return cmocka_run_group_tests_name("main/settings", tests, make_file, remove_file);
}
