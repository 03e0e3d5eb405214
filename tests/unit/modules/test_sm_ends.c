/* SPDX-License-Identifier: MIT */
#include "../../../modules/mod_sm/ends.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "xml/parser.h"

static bool
is(enum content content, const enum content *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == content)
			return true;
	return false;
}

/* What people said to each other, and must reach somebody or go back. */
static bool
is_talk(enum content content)
{
	static const enum content talk[] = { CONTENT_CHAT, CONTENT_NORMAL, CONTENT_RECEIVED };

	return is(content, talk, COUNT(talk));
}

static bool
stays(enum cause cause)
{
	return cause == CAUSE_AWAY || cause == CAUSE_TAKEN_UP || cause == CAUSE_LOST_AGAIN;
}

/* Others of the account can still hear something. */
static bool
goes_on(enum cause cause)
{
	return cause != CAUSE_DISABLED && cause != CAUSE_REMOVED && cause != CAUSE_HOST_GONE &&
	       cause != CAUSE_STOPPING;
}

/* Said again, in other words than the table's. */
static enum fate
expected(enum cause cause, enum content content, bool archived, bool shared)
{
	if (stays(cause))
		return FATE_KEEP;
	if (content == CONTENT_REQUEST)
		return FATE_RETURN;
	if (content == CONTENT_GROUPCHAT)
		return shared ? FATE_DROP : FATE_RETURN;
	if (content == CONTENT_ROOM_PRIVATE) {
		if (shared)
			return FATE_DROP;
		return archived && cause != CAUSE_REMOVED ? FATE_ARCHIVE : FATE_RETURN;
	}
	if (!is_talk(content) || shared)
		return FATE_DROP;
	if (goes_on(cause))
		return FATE_REDELIVER;
	return archived && cause != CAUSE_REMOVED ? FATE_ARCHIVE : FATE_RETURN;
}

static void
everything_has_the_fate_it_should(void **state)
{
	(void)state;
	for (unsigned cause = 0; cause < CAUSES; cause++)
		for (unsigned content = 0; content < CONTENTS; content++)
			for (unsigned both = 0; both < 4; both++) {
				bool archived = (both & 1) != 0, shared = (both & 2) != 0;
				enum fate fate = fate_of(cause, content, archived, shared);

				if (fate != expected(cause, content, archived, shared))
					fail_msg("cause %u content %u archived %d shared %d: %d",
						 cause, content, archived, shared, (int)fate);
			}
}

static void
what_was_said_goes_neither_nowhere_nor_twice(void **state)
{
	(void)state;
	for (unsigned cause = 0; cause < CAUSES; cause++)
		for (unsigned content = 0; content < CONTENTS; content++)
			for (unsigned archived = 0; archived < 2; archived++) {
				enum fate alone = fate_of(cause, content, archived, false);
				enum fate shared = fate_of(cause, content, archived, true);

				if (is_talk(content))
					assert_int_not_equal(alone, FATE_DROP);
				assert_int_not_equal(shared, FATE_REDELIVER);
				if (!archived)
					assert_int_not_equal(alone, FATE_ARCHIVE);
			}
}

static void
the_causes_of_core_have_the_same_numbers(void **state)
{
	(void)state;
	assert_int_equal(CAUSE_TIMED_OUT, DEPARTURES);
}

/* --- contents --- */

static enum content
content(const char *text)
{
	struct arena *arena = arena_new();
	struct element *message = element_parse(arena, text, strlen(text), NULL);
	struct jid account;
	enum stanza_type type;
	enum content found;

	assert_non_null(message);
	assert_true(jid_parse(&account, arena, "juliet@capulet.example", NULL));
	assert_true(stanza_type_read(&type, STANZA_MESSAGE, element_get(message, "type")));
	found = content_of_message(message, type, &account);
	arena_drop(arena);
	return found;
}

#define FROM(more, inside)                                                                   \
	"<message xmlns='jabber:client' from='romeo@capulet.example/o'" more ">" inside "</" \
	"message>"
#define OWN(inside) \
	"<message xmlns='jabber:client' from='juliet@capulet.example'>" inside "</message>"
#define COMPOSING "<composing xmlns='http://jabber.org/protocol/chatstates'/>"

static void
messages_are_what_they_carry(void **state)
{
	(void)state;
	assert_int_equal(content(FROM(" type='chat'", "<body>o</body>")), CONTENT_CHAT);
	assert_int_equal(content(FROM(" type='chat'", "<body>o</body>" COMPOSING)), CONTENT_CHAT);
	assert_int_equal(content(FROM(" type='chat'", COMPOSING)), CONTENT_FLEETING);
	assert_int_equal(content(FROM(" type='chat'", COMPOSING
				      "<thread>t</thread><no-store xmlns='urn:xmpp:hints'/>")),
			 CONTENT_FLEETING);
	assert_int_equal(content(FROM("", "<body>o</body>")), CONTENT_NORMAL);
	assert_int_equal(content(FROM("", "")), CONTENT_NORMAL);
	assert_int_equal(content(FROM(" type='headline'", "<body>o</body>")), CONTENT_HEADLINE);
	assert_int_equal(content(FROM(" type='groupchat'", "<body>o</body>")), CONTENT_GROUPCHAT);
	assert_int_equal(content(FROM(" type='error'", "<body>o</body>")), CONTENT_ERROR);
	assert_int_equal(content(FROM(" type='headline'",
				      "<event xmlns='http://jabber.org/protocol/pubsub#event'/>")),
			 CONTENT_EVENT);
	assert_int_equal(content(FROM("",
				      "<event xmlns='http://jabber.org/protocol/pubsub#event'/>")),
			 CONTENT_EVENT);
	assert_int_equal(content(FROM(" type='chat'", "<body>o</body><x xmlns='http://jabber.org/"
						      "protocol/muc#user'/>")),
			 CONTENT_ROOM_PRIVATE);
	assert_int_equal(
		content(FROM("", "<x xmlns='http://jabber.org/protocol/muc#user'><invite/></x>")),
		CONTENT_NORMAL);
}

static void
only_the_account_itself_makes_copies(void **state)
{
	(void)state;
	assert_int_equal(content(OWN("<received xmlns='urn:xmpp:carbons:2'><forwarded "
				     "xmlns='urn:xmpp:forward:0'><message "
				     "xmlns='jabber:client'/></forwarded></received>")),
			 CONTENT_RECEIVED);
	assert_int_equal(content(OWN("<received xmlns='urn:xmpp:carbons:2'/>")), CONTENT_SERVER);
	assert_int_equal(content(OWN("<sent xmlns='urn:xmpp:carbons:2'/>")), CONTENT_SENT);
	assert_int_equal(content(OWN("<result xmlns='urn:xmpp:mam:2'/>")), CONTENT_SERVER);
	assert_int_equal(content(FROM(" type='chat'", "<received xmlns='urn:xmpp:carbons:2'/>")),
			 CONTENT_CHAT);
	assert_int_equal(content("<message xmlns='jabber:client' type='chat'"
				 " from='juliet@capulet.example/b'><body>note</body></message>"),
			 CONTENT_CHAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_has_the_fate_it_should),
		cmocka_unit_test(what_was_said_goes_neither_nowhere_nor_twice),
		cmocka_unit_test(the_causes_of_core_have_the_same_numbers),
		cmocka_unit_test(messages_are_what_they_carry),
		cmocka_unit_test(only_the_account_itself_makes_copies),
	};

	return cmocka_run_group_tests_name("modules/sm_ends", tests, NULL, NULL);
}
