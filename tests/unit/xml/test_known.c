/* SPDX-License-Identifier: MIT */
/* The namespaces that XMPP has. */
#include "xml/internal.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void
a_known_namespace_is_one_string_for_all(void **state)
{
	static const char *const some[] = {
		"jabber:client",
		"jabber:server",
		"http://etherx.jabber.org/streams",
		"urn:xmpp:sm:3",
		"http://jabber.org/protocol/muc#user",
		"urn:xmpp:mam:2",
		"vcard-temp",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(some); i++) {
		char copy[64];
		const char *known;

		strcpy(copy, some[i]);
		known = ns_known(copy, strlen(copy));
		assert_non_null(known);
		assert_string_equal(known, some[i]);
		assert_ptr_not_equal(known, copy);
		assert_ptr_equal(ns_known(known, strlen(known)), known);
	}
}

static void
what_is_nearly_known_is_not(void **state)
{
	(void)state;
	assert_null(ns_known("jabber:client ", 14));
	assert_null(ns_known("jabber:client", 12));
	assert_null(ns_known("Jabber:client", 13));
	assert_null(ns_known("x", 1));
	assert_string_equal(ns_known("anything", 0), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_known_namespace_is_one_string_for_all),
		cmocka_unit_test(what_is_nearly_known_is_not),
	};

	return cmocka_run_group_tests_name("xml/known", tests, NULL, NULL);
}
