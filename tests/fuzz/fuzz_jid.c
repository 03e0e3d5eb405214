/* SPDX-License-Identifier: MIT */
/*
 * Addresses from strangers: whatever is taken comes back the same when its full form is
 * parsed again, its parts make it again, and its memory is laid out as it should be.
 */
#include "xmpp/jid.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void
check_part(const char *part)
{
	must(part == NULL || (*part != '\0' && strlen(part) <= JID_PART_MAX));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct arena *arena = arena_new();
	char *text = copy_bytes((const char *)bytes, size);
	struct jid jid, again, *owned;
	struct err err = { 0 };

	if (!jid_parse(&jid, arena, text, &err)) {
		must(err.kind != ERR_NONE && err.text[0] != '\0');
	} else {
		check_part(jid.local);
		check_part(jid.domain);
		check_part(jid.resource);
		must(strncmp(jid.full, jid.bare, strlen(jid.bare)) == 0);
		must((jid.full == jid.bare) == (jid.resource == NULL));
		must(jid_parse(&again, arena, jid.full, NULL) && jid_equal(&jid, &again));
		must(jid_parse(&again, arena, jid.bare, NULL) && jid_equal_bare(&jid, &again));
		must(jid_make(&again, arena, jid.local, jid.domain, jid.resource, NULL));
		must(jid_equal(&jid, &again));
		owned = jid_own(&jid);
		must(jid_equal(&jid, owned) && jid_home_hash(&jid) == jid_home_hash(owned));
		free(owned);
	}
	free(text);
	arena_drop(arena);
	return 0;
}
