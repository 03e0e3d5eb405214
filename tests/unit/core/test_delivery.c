/* SPDX-License-Identifier: MIT */
/*
 * Every kind of address × stanza and type × state of the resources, against RFC 6121 §8.5.4
 * (messages) and §8.5.2, §8.5.3 (presence and IQ), written as the RFC's summary has them.
 */
#include "core/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

/* One letter a cell: D the resource, A all non-negative, P all available, O kept offline, E
 * service-unavailable, S silence, H the server answers. */
static char
letter(struct delivery d)
{
	if (d.verdict == VERDICT_HANDLE)
		return 'H';
	if (d.verdict == VERDICT_IGNORE)
		return 'S';
	if (d.verdict == VERDICT_STORE)
		return 'O';
	if (d.verdict == VERDICT_REFUSE)
		return d.condition == SERVICE_UNAVAILABLE ? 'E' : '?';
	return d.target == TARGET_RESOURCE         ? 'D' :
	       d.target == TARGET_ALL_NON_NEGATIVE ? 'A' :
	       d.target == TARGET_ALL_AVAILABLE    ? 'P' :
	                                             '?';
}

static void
check(enum address_kind address, enum stanza_kind kind, const enum stanza_type *types, size_t count,
      const char *const rows[3])
{
	static const enum resources resources[] = { RESOURCES_NONE, RESOURCES_NEGATIVE,
		                                    RESOURCES_AVAILABLE };

	for (unsigned r = 0; r < 3; r++) {
		assert_int_equal(strlen(rows[r]), count);
		for (size_t t = 0; t < count; t++) {
			char got = letter(delivery_for(address, kind, types[t], resources[r]));

			if (got != rows[r][t])
				fail_msg("address %d, %s of type %d, resources %u: %c, not %c",
				         (int)address, stanza_kind_name(kind), (int)types[t], r, got,
				         rows[r][t]);
		}
	}
}

static const enum stanza_type messages[] = { TYPE_NORMAL, TYPE_CHAT, TYPE_GROUPCHAT, TYPE_HEADLINE,
	                                     TYPE_ERROR };
static const enum stanza_type presences[] = { TYPE_AVAILABLE,   TYPE_UNAVAILABLE, TYPE_SUBSCRIBE,
	                                      TYPE_SUBSCRIBED,  TYPE_UNSUBSCRIBE,
	                                      TYPE_UNSUBSCRIBED, TYPE_PROBE, TYPE_ERROR };
static const enum stanza_type iqs[] = { TYPE_GET, TYPE_SET, TYPE_RESULT, TYPE_ERROR };

static void
messages_follow_the_summary(void **state)
{
	(void)state;
	check(ADDRESS_BARE, STANZA_MESSAGE, messages, COUNT(messages),
	      (const char *const[]){ "OOESS", "OOESS", "AAEAS" });
	check(ADDRESS_FULL_MATCHES, STANZA_MESSAGE, messages, COUNT(messages),
	      (const char *const[]){ "DDDDD", "DDDDD", "DDDDD" });
	check(ADDRESS_FULL_MATCHES_NOBODY, STANZA_MESSAGE, messages, COUNT(messages),
	      (const char *const[]){ "EOESS", "EOESS", "EAESS" });
}

static void
presence_follows_8_5(void **state)
{
	(void)state;
	check(ADDRESS_BARE, STANZA_PRESENCE, presences, COUNT(presences),
	      (const char *const[]){ "SSHHHHHS", "PPHHHHHS", "PPHHHHHS" });
	check(ADDRESS_FULL_MATCHES, STANZA_PRESENCE, presences, COUNT(presences),
	      (const char *const[]){ "DDHHHHHD", "DDHHHHHD", "DDHHHHHD" });
	check(ADDRESS_FULL_MATCHES_NOBODY, STANZA_PRESENCE, presences, COUNT(presences),
	      (const char *const[]){ "SSHSSSHS", "SSHSSSHS", "SSHSSSHS" });
}

static void
questions_for_the_bare_address_are_the_servers(void **state)
{
	(void)state;
	check(ADDRESS_BARE, STANZA_IQ, iqs, COUNT(iqs),
	      (const char *const[]){ "HHHH", "HHHH", "HHHH" });
	check(ADDRESS_FULL_MATCHES, STANZA_IQ, iqs, COUNT(iqs),
	      (const char *const[]){ "DDDD", "DDDD", "DDDD" });
	check(ADDRESS_FULL_MATCHES_NOBODY, STANZA_IQ, iqs, COUNT(iqs),
	      (const char *const[]){ "EESS", "EESS", "EESS" });
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_follow_the_summary),
		cmocka_unit_test(presence_follows_8_5),
		cmocka_unit_test(questions_for_the_bare_address_are_the_servers),
	};

	return cmocka_run_group_tests_name("core/delivery", tests, NULL, NULL);
}
