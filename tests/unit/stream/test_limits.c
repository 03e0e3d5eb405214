/* SPDX-License-Identifier: MIT */
#include "stream/limits.c"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *why;

static int
set_up(void **state)
{
	struct stream_settings settings = *stream_settings();

	(void)state;
	settings.failures_address = 10;
	settings.failures_account = 5;
	settings.failures_window = SECONDS(60);
	streams_apply(&settings, NULL);
	memset(stream_here()->tallies, 0, TALLY_ROWS * TALLY_WAYS * sizeof(struct tally));
	return 0;
}

static void
strangers_may_try(void **state)
{
	(void)state;
	assert_int_equal(limits_wait("192.0.2.1", "juliet@capulet.example", &why), 0);
}

static void
an_account_is_shut_to_strange_addresses_after_its_failures(void **state)
{
	char peer[64];

	(void)state;
	for (int i = 0; i < 5; i++) {
		snprintf(peer, sizeof peer, "192.0.2.%d", i);
		assert_int_equal(limits_wait(peer, "juliet@capulet.example", &why), 0);
		limits_failed(peer, "juliet@capulet.example");
	}
	assert_int_equal(limits_wait("192.0.2.99", "juliet@capulet.example", &why), 60);
	assert_string_equal(why, "too many failed logins to this account");
	assert_int_equal(limits_wait("192.0.2.99", "romeo@capulet.example", &why), 0);
}

static void
an_address_that_logged_in_before_is_not_kept_out(void **state)
{
	(void)state;
	limits_passed("192.0.2.7", "juliet@capulet.example");
	for (int i = 0; i < 5; i++)
		limits_failed("203.0.113.1", "juliet@capulet.example");
	assert_int_not_equal(limits_wait("203.0.113.1", "juliet@capulet.example", &why), 0);
	assert_int_equal(limits_wait("192.0.2.7", "juliet@capulet.example", &why), 0);
}

static void
an_address_is_shut_to_all_accounts_after_its_failures(void **state)
{
	char account[64];

	(void)state;
	for (int i = 0; i < 10; i++) {
		snprintf(account, sizeof account, "user%d@capulet.example", i);
		assert_int_equal(limits_wait("192.0.2.1", account, &why), 0);
		limits_failed("192.0.2.1", account);
	}
	assert_int_equal(limits_wait("192.0.2.1", "juliet@capulet.example", &why), 60);
	assert_string_equal(why, "too many failed logins from this address");
	assert_int_equal(limits_wait("192.0.2.2", "juliet@capulet.example", &why), 0);
}

static void
failures_are_forgotten_after_their_window(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		limits_failed("192.0.2.1", "juliet@capulet.example");
	clock_advance(SECONDS(40));
	assert_int_equal(limits_wait("192.0.2.9", "juliet@capulet.example", &why), 20);
	clock_advance(SECONDS(20));
	assert_int_equal(limits_wait("192.0.2.9", "juliet@capulet.example", &why), 0);
	limits_failed("192.0.2.9", "juliet@capulet.example");
	assert_int_equal(limits_wait("192.0.2.9", "juliet@capulet.example", &why), 0);
}

static void
an_ipv6_network_counts_as_one_address(void **state)
{
	char peer[64];

	(void)state;
	for (int i = 0; i < 10; i++) {
		char account[64];

		snprintf(account, sizeof account, "user%d@capulet.example", i);
		snprintf(peer, sizeof peer, "2001:db8:1:2:%x::1", i + 1);
		limits_failed(peer, account);
	}
	assert_int_not_equal(limits_wait("2001:db8:1:2::99", "a@b", &why), 0);
	assert_int_equal(limits_wait("2001:db8:1:3::99", "a@b", &why), 0);
}

static void
a_flood_of_names_takes_no_memory_and_hides_nobody(void **state)
{
	char account[64];

	(void)state;
	for (int i = 0; i < 10; i++)
		limits_failed("192.0.2.1", "nurse@capulet.example");
	for (int i = 0; i < 100000; i++) {
		snprintf(account, sizeof account, "user%d@capulet.example", i);
		limits_failed("198.51.100.1", account);
	}
	assert_int_not_equal(limits_wait("192.0.2.1", "juliet@capulet.example", &why), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(strangers_may_try, set_up),
		cmocka_unit_test_setup(an_account_is_shut_to_strange_addresses_after_its_failures,
				       set_up),
		cmocka_unit_test_setup(an_address_that_logged_in_before_is_not_kept_out, set_up),
		cmocka_unit_test_setup(an_address_is_shut_to_all_accounts_after_its_failures,
				       set_up),
		cmocka_unit_test_setup(failures_are_forgotten_after_their_window, set_up),
		cmocka_unit_test_setup(an_ipv6_network_counts_as_one_address, set_up),
		cmocka_unit_test_setup(a_flood_of_names_takes_no_memory_and_hides_nobody, set_up),
	};

	clock_freeze(1700000000000);
	shards_open(1);
	return cmocka_run_group_tests_name("stream/limits", tests, NULL, NULL);
}
