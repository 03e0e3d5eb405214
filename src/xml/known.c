/* SPDX-License-Identifier: MIT */
/*
 * The namespaces that XMPP has.  An element in one of them points here, so that it
 * costs nothing to remember its namespace and nearly nothing to compare it.
 */
#include "xml/internal.h"

#include <string.h>

static const char *const known[] = {
	NS_XML,
	"",
	"http://etherx.jabber.org/streams",
	"http://jabber.org/features/iq-register",
	"http://jabber.org/protocol/activity",
	"http://jabber.org/protocol/address",
	"http://jabber.org/protocol/amp",
	"http://jabber.org/protocol/bytestreams",
	"http://jabber.org/protocol/caps",
	"http://jabber.org/protocol/chatstates",
	"http://jabber.org/protocol/commands",
	"http://jabber.org/protocol/compress",
	"http://jabber.org/protocol/disco#info",
	"http://jabber.org/protocol/disco#items",
	"http://jabber.org/protocol/geoloc",
	"http://jabber.org/protocol/httpbind",
	"http://jabber.org/protocol/ibb",
	"http://jabber.org/protocol/mood",
	"http://jabber.org/protocol/muc",
	"http://jabber.org/protocol/muc#admin",
	"http://jabber.org/protocol/muc#owner",
	"http://jabber.org/protocol/muc#user",
	"http://jabber.org/protocol/nick",
	"http://jabber.org/protocol/offline",
	"http://jabber.org/protocol/pubsub",
	"http://jabber.org/protocol/pubsub#errors",
	"http://jabber.org/protocol/pubsub#event",
	"http://jabber.org/protocol/pubsub#owner",
	"http://jabber.org/protocol/rosterx",
	"http://jabber.org/protocol/rsm",
	"http://jabber.org/protocol/si",
	"http://jabber.org/protocol/tune",
	"http://jabber.org/protocol/xhtml-im",
	"http://www.w3.org/1999/xhtml",
	"eu.siacs.conversations.axolotl",
	"jabber:client",
	"jabber:component:accept",
	"jabber:iq:auth",
	"jabber:iq:last",
	"jabber:iq:oob",
	"jabber:iq:private",
	"jabber:iq:privacy",
	"jabber:iq:register",
	"jabber:iq:roster",
	"jabber:iq:rpc",
	"jabber:iq:search",
	"jabber:iq:time",
	"jabber:iq:version",
	"jabber:server",
	"jabber:server:dialback",
	"jabber:x:conference",
	"jabber:x:data",
	"jabber:x:delay",
	"jabber:x:encrypted",
	"jabber:x:event",
	"jabber:x:oob",
	"jabber:x:roster",
	"storage:bookmarks",
	"urn:ietf:params:xml:ns:xmpp-bind",
	"urn:ietf:params:xml:ns:xmpp-framing",
	"urn:ietf:params:xml:ns:xmpp-sasl",
	"urn:ietf:params:xml:ns:xmpp-session",
	"urn:ietf:params:xml:ns:xmpp-stanzas",
	"urn:ietf:params:xml:ns:xmpp-streams",
	"urn:ietf:params:xml:ns:xmpp-tls",
	"urn:xmpp:attention:0",
	"urn:xmpp:avatar:data",
	"urn:xmpp:avatar:metadata",
	"urn:xmpp:bidi",
	"urn:xmpp:bind:0",
	"urn:xmpp:blocking",
	"urn:xmpp:blocking:errors",
	"urn:xmpp:bob",
	"urn:xmpp:bookmarks:1",
	"urn:xmpp:caps",
	"urn:xmpp:carbons:2",
	"urn:xmpp:chat-markers:0",
	"urn:xmpp:csi:0",
	"urn:xmpp:delay",
	"urn:xmpp:eme:0",
	"urn:xmpp:extdisco:2",
	"urn:xmpp:fallback:0",
	"urn:xmpp:fast:0",
	"urn:xmpp:fasten:0",
	"urn:xmpp:features:dialback",
	"urn:xmpp:features:rosterver",
	"urn:xmpp:forward:0",
	"urn:xmpp:hashes:2",
	"urn:xmpp:hints",
	"urn:xmpp:http:upload:0",
	"urn:xmpp:idle:1",
	"urn:xmpp:inbox:1",
	"urn:xmpp:jingle:1",
	"urn:xmpp:jingle-message:0",
	"urn:xmpp:jingle:apps:rtp:1",
	"urn:xmpp:jingle:transports:ice-udp:1",
	"urn:xmpp:mam:2",
	"urn:xmpp:mds:displayed:0",
	"urn:xmpp:message-correct:0",
	"urn:xmpp:message-moderate:1",
	"urn:xmpp:message-retract:1",
	"urn:xmpp:occupant-id:0",
	"urn:xmpp:omemo:2",
	"urn:xmpp:ping",
	"urn:xmpp:push:0",
	"urn:xmpp:reactions:0",
	"urn:xmpp:receipts",
	"urn:xmpp:reference:0",
	"urn:xmpp:reply:0",
	"urn:xmpp:sasl-cb:0",
	"urn:xmpp:sasl:2",
	"urn:xmpp:serverinfo:0",
	"urn:xmpp:sfs:0",
	"urn:xmpp:sid:0",
	"urn:xmpp:sm:3",
	"urn:xmpp:spoiler:0",
	"urn:xmpp:styling:0",
	"urn:xmpp:time",
	"urn:xmpp:vcard4",
	"vcard-temp",
	"vcard-temp:x:update",
};

/* Half full, so that most are found at once; open addressing. */
enum { SLOTS = 256 };

static struct slot {
	const char *ns;
	size_t length;
} slots[SLOTS];

_Static_assert(COUNT(known) <= SLOTS / 2, "the table of known namespaces is too full");

/* The characters that differ most between those above. */
static inline unsigned
slot_of(const char *ns, size_t length)
{
	unsigned hash = (unsigned)length;

	if (length > 4)
		hash += (unsigned char)ns[length - 1] * 31u + (unsigned char)ns[length - 3] * 131u +
			(unsigned char)ns[length / 2] * 7u +
			(unsigned char)ns[length * 3 / 4] * 59u;
	return hash % SLOTS;
}

__attribute__((constructor)) static void
fill_slots(void)
{
	for (size_t i = 0; i < COUNT(known); i++) {
		size_t length = strlen(known[i]);
		unsigned at = slot_of(known[i], length);

		while (slots[at].ns != NULL)
			at = (at + 1) % SLOTS;
		slots[at] = (struct slot) { known[i], length };
	}
}

const char *
ns_known(const char *ns, size_t length)
{
	for (unsigned at = slot_of(ns, length); slots[at].ns != NULL; at = (at + 1) % SLOTS)
		if (slots[at].length == length && memcmp(slots[at].ns, ns, length) == 0)
			return slots[at].ns;
	return NULL;
}
