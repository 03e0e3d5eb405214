/* SPDX-License-Identifier: MIT */
/*
 * Logins from strangers: the first byte chooses a mechanism, a line feed divides the first
 * message from the last.  Nobody who does not know the password gets a signature, and PLAIN
 * gives back what it was given.
 */
#include "xmpp/scram.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *const mechanisms[] = { "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", NULL };
static const char *const bindings[] = { "tls-exporter", "tls-server-end-point", NULL };

static void
log_in(struct arena *arena, const uint8_t *bytes, size_t size)
{
	const struct scram_mechanism *mechanism = &scram_mechanisms[bytes[0] % SCRAM_MECHANISMS];
	struct scram_offer offer = { (bytes[0] & 0x80) != 0 ? mechanisms : NULL, bindings };
	const char *text = (const char *)bytes + 1, *signature = NULL;
	const char *feed = memchr(text, '\n', size - 1), *end = text + size - 1;
	struct scram_keys keys;
	struct scram scram;
	enum scram_fault fault;

	fault = scram_hear_first(&scram, arena, mechanism, &offer, text,
				 (size_t)((feed != NULL ? feed : end) - text));
	if (fault != SCRAM_GOOD) {
		must(scram_fault_name(fault) != NULL && scram.stage == SCRAM_OVER);
		return;
	}
	must(*scram.name != '\0');
	must((scram.binding != NULL) == mechanism->plus);
	scram_fake(&keys, mechanism->hash, "secret", 6, scram.name);
	must(strlen(scram_challenge(&scram, arena, &keys, "server")) > 0);
	if (feed == NULL)
		return;
	fault = scram_hear_final(&signature, &scram, arena, feed + 1, (size_t)(end - feed) - 1,
				 "data", 4);
	must(fault != SCRAM_GOOD && signature == NULL);
}

static void
say_plainly(struct arena *arena, const uint8_t *bytes, size_t size)
{
	size_t authzid, name, password;
	struct plain plain;

	if (!plain_parse(&plain, arena, (const char *)bytes, size))
		return;
	authzid = plain.authzid != NULL ? strlen(plain.authzid) : 0;
	name = strlen(plain.name);
	password = strlen(plain.password);
	must(name > 0 && password > 0 && authzid + name + password + 2 == size);
	must(memcmp(bytes + authzid + 1, plain.name, name + 1) == 0);
	must(memcmp(bytes + authzid + name + 2, plain.password, password) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct arena *arena = arena_new();

	if (size > 0) {
		log_in(arena, bytes, size);
		say_plainly(arena, bytes, size);
	}
	arena_drop(arena);
	return 0;
}
