/* SPDX-License-Identifier: MIT */
/* Digests that protocols name things by. */
#include "xmpp/digest.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void
known_digests_come_out(void **state)
{
	char text[SHA1_HEX_LENGTH + 1];
	uint8_t bytes[SHA256_BYTES];

	(void)state;
	sha1_hex(text, "", 0);
	assert_string_equal(text, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	sha1_hex(text, "abc", 3);
	assert_string_equal(text, "a9993e364706816aba3e25717850c26c9cd0d89d");
	sha256(bytes, "abc", 3);
	assert_memory_equal(bytes, "\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde", 12);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_digests_come_out),
	};

	return cmocka_run_group_tests_name("xmpp/digest", tests, NULL, NULL);
}
