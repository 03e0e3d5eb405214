/* SPDX-License-Identifier: MIT */
/* How a store is named on a command line. */
#include "main/store_url.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static struct store_url
is_read(const char *text)
{
	struct store_url url;
	struct err err;

	if (!store_url_read(&url, arena, text, &err))
		fail_msg("%s", err.text);
	return url;
}

static void
is_refused(const char *text, const char *because)
{
	struct store_url url;
	struct err err;

	assert_false(store_url_read(&url, arena, text, &err));
	assert_int_equal(err.kind, ERR_SYNTAX);
	if (strstr(err.text, because) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, because);
}

static void
sqlite_is_one_word(void **state)
{
	(void)state;
	assert_string_equal(is_read("sqlite").driver, "sqlite");
	is_refused("sqlite3", "it is not understood");
	is_refused("sqlte", "did you mean \"sqlite\"");
	is_refused("", "is no store");
}

static void
a_host_may_have_a_port(void **state)
{
	struct store_url url = is_read("mariadb://stentor@db.example/chat");

	(void)state;
	assert_string_equal(url.driver, "mariadb");
	assert_string_equal(url.user, "stentor");
	assert_string_equal(url.host, "db.example");
	assert_int_equal(url.port, 3306);
	assert_string_equal(url.database, "chat");
	assert_null(url.socket);
	url = is_read("mariadb://stentor@127.0.0.1:3307/chat");
	assert_string_equal(url.host, "127.0.0.1");
	assert_int_equal(url.port, 3307);
	url = is_read("mariadb://stentor@[2001:db8::1]:3307/chat");
	assert_string_equal(url.host, "2001:db8::1");
	assert_int_equal(url.port, 3307);
	assert_int_equal(is_read("mariadb://stentor@[::1]/chat").port, 3306);
	is_refused("mariadb://stentor@[::1/chat", "a bracket is missing");
	is_refused("mariadb://stentor@db:0/chat", "the port");
	is_refused("mariadb://stentor@db:65536/chat", "the port");
	is_refused("mariadb://stentor@db:/chat", "the port");
	is_refused("mariadb://stentor@db:x/chat", "the port");
}

static void
a_socket_stands_for_the_host(void **state)
{
	struct store_url url = is_read("mariadb://stentor@/chat?socket=/run/mysqld/mysqld.sock");

	(void)state;
	assert_null(url.host);
	assert_string_equal(url.socket, "/run/mysqld/mysqld.sock");
	assert_string_equal(url.database, "chat");
	is_refused("mariadb://stentor@db/chat?socket=/run/s", "a host or a socket, and not both");
	is_refused("mariadb://stentor@/chat", "a host or a socket, and not both");
	is_refused("mariadb://stentor@/chat?socket=run/s", "a socket with its whole path");
	is_refused("mariadb://stentor@/chat?tls=off", "a socket with its whole path");
}

static void
what_is_special_is_written_in_hex(void **state)
{
	struct store_url url = is_read("mariadb://a%40b%2f@db/c%20d");

	(void)state;
	assert_string_equal(url.user, "a@b/");
	assert_string_equal(url.database, "c d");
	is_refused("mariadb://a%4@db/c", "two digits");
	is_refused("mariadb://a%00@db/c", "two digits");
	is_refused("mariadb://a%zz@db/c", "two digits");
}

static void
a_password_has_no_place_there(void **state)
{
	(void)state;
	is_refused("mariadb://stentor:secret@db/chat", "--store-password-file");
	is_refused("mariadb://db/chat", "the user is missing");
	is_refused("mariadb://@db/chat", "the user is missing");
	is_refused("mariadb://stentor@db", "the database is missing");
	is_refused("mariadb://stentor@db/", "the database is missing");
	is_refused("mariadb:stentor", "it is not understood");
}

static int
arena_make(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int
arena_free(void **state)
{
	(void)state;
	arena_drop(arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sqlite_is_one_word),
		cmocka_unit_test(a_host_may_have_a_port),
		cmocka_unit_test(a_socket_stands_for_the_host),
		cmocka_unit_test(what_is_special_is_written_in_hex),
		cmocka_unit_test(a_password_has_no_place_there),
	};

	return cmocka_run_group_tests_name("main/store_url", tests, arena_make, arena_free);
}
