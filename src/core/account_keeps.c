/* SPDX-License-Identifier: MIT */
/* What core keeps of a user, said as XEP-0227 has it: keys, roster, requests. */
#include "core/keep.h"

#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/text.h"
#include "core/internal.h"
#include "xml/parser.h"
#include "xml/writer.h"
#include "xmpp/datetime.h"
#include "xmpp/ns.h"
#include "xmpp/scram.h"

#define GROUP_END      '\x1f' /* as in roster.c */
#define REQUEST_BYTES  4096   /* as in presence.c */
#define ITERATIONS_MAX 10000000

static const struct statement account_keep = {
	.name = "account.keep",
	.in = "t",
	.out = "ii",
	.sqlite = "SELECT created, disabled FROM accounts WHERE owner = ?",
	.hot = true,
};
static const struct statement account_bring = {
	.name = "account.bring",
	.in = "it",
	.sqlite = "UPDATE accounts SET created = ? WHERE owner = ?",
	.hot = true,
};
static const struct statement keys_keep = {
	.name = "credentials.keep",
	.in = "t",
	.out = "iibbb",
	.sqlite = "SELECT hash, iterations, salt, stored_key, server_key FROM credentials"
		  " WHERE owner = ? ORDER BY hash",
	.hot = true,
};
static const struct statement keys_bring = {
	.name = "credentials.bring",
	.in = "iibbbt",
	.sqlite = "REPLACE INTO credentials (hash, iterations, salt, stored_key, server_key, owner)"
		  " VALUES (?, ?, ?, ?, ?, ?)",
};
static const struct statement keys_erase = {
	.name = "credentials.erase",
	.in = "t",
	.sqlite = "DELETE FROM credentials WHERE owner = ?",
	.hot = true,
};
static const struct statement roster_keep = {
	.name = "roster.keep",
	.in = "tt",
	.out = "tttiii",
	.sqlite = "SELECT contact, name, groups, how, pending_out, approved FROM roster"
		  " WHERE owner = ? AND contact > ? AND listed = 1 ORDER BY contact LIMIT ?",
	.hot = true,
};
static const struct statement roster_bring = {
	.name = "roster.bring",
	.in = "tttiiit",
	.sqlite = "INSERT INTO roster (contact, name, groups, how, pending_out, approved, owner,"
		  " pending_in, listed, version) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 1, 0)"
		  " ON CONFLICT (owner, contact) DO UPDATE SET name = excluded.name,"
		  " groups = excluded.groups, how = excluded.how, pending_out ="
		  " excluded.pending_out, approved = excluded.approved, listed = 1, pending_in ="
		  " CASE WHEN excluded.how >= 2 THEN 0 ELSE pending_in END",
	.mariadb = "INSERT INTO roster (contact, name, groups, how, pending_out, approved, owner,"
		   " pending_in, listed, version) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 1, 0)"
		   " ON DUPLICATE KEY UPDATE name = VALUES(name), groups = VALUES(groups),"
		   " how = VALUES(how), pending_out = VALUES(pending_out),"
		   " approved = VALUES(approved), listed = 1,"
		   " pending_in = CASE WHEN VALUES(how) >= 2 THEN 0 ELSE pending_in END",
};
static const struct statement roster_erase = {
	.name = "roster.erase",
	.in = "t",
	.sqlite = "DELETE FROM roster WHERE owner = ?",
	.hot = true,
};
static const struct statement requests_keep = {
	.name = "requests.keep",
	.in = "tt",
	.out = "tt",
	.sqlite = "SELECT contact, request FROM roster WHERE owner = ? AND contact > ?"
		  " AND pending_in = 1 ORDER BY contact LIMIT ?",
	.hot = true,
};
/* Who may see it already does not ask for it: some servers say so nevertheless. */
static const struct statement requests_bring = {
	.name = "requests.bring",
	.in = "ttt",
	.sqlite = "INSERT INTO roster (contact, request, owner, groups, how, pending_out,"
		  " approved, pending_in, listed, version) VALUES (?, ?, ?, '', 0, 0, 0, 1, 0, 0)"
		  " ON CONFLICT (owner, contact) DO UPDATE SET request = excluded.request,"
		  " pending_in = CASE WHEN how >= 2 THEN 0 ELSE 1 END",
	.mariadb = "INSERT INTO roster (contact, request, owner, groups, how, pending_out,"
		   " approved, pending_in, listed, version) VALUES (?, ?, ?, '', 0, 0, 0, 1, 0, 0)"
		   " ON DUPLICATE KEY UPDATE request = VALUES(request),"
		   " pending_in = CASE WHEN how >= 2 THEN 0 ELSE 1 END",
};
/* What modules that no longer exist have left. */
static const struct statement documents_erase = {
	.name = "documents.erase",
	.in = "t",
	.sqlite = "DELETE FROM documents WHERE owner = ?",
	.hot = true,
};

const struct statement *const core_keep_statements[] = {
	&account_keep,  &account_bring,  &keys_keep,       &keys_bring,
	&keys_erase,    &roster_keep,    &roster_bring,    &roster_erase,
	&requests_keep, &requests_bring, &documents_erase, NULL,
};

/* --- the account --- */

static struct element *
account_show(struct arena *arena, const char *owner, const struct value *row)
{
	struct element *account = element_new(arena, NS_EXPORT, "account");

	(void)owner;
	element_set(arena, account, "created", datetime_seconds(arena, row[0].integer));
	if (row[1].integer != 0)
		element_set(arena, account, "disabled", "true");
	return account;
}

/* Whether it is disabled is for who opens it when all is there. */
static bool
account_take(struct taking *taking, const struct element *account)
{
	const char *created = element_get(account, "created");
	int64_t unix_ms;

	if (created == NULL || !datetime_parse(&unix_ms, created))
		return false;
	taking_add(taking, &account_bring, (struct value[]) { INTEGER_VALUE(unix_ms / 1000) });
	return true;
}

static const struct form account_forms[] = {
	{ NS_EXPORT, "account", false, account_show, account_take },
	{ 0 },
};

/* --- keys --- */

static const char *const mechanisms[SCRAM_HASHES] = {
	[SCRAM_SHA1] = "SCRAM-SHA-1",
	[SCRAM_SHA256] = "SCRAM-SHA-256",
	[SCRAM_SHA512] = "SCRAM-SHA-512",
};

static const char *
packed(struct arena *arena, const void *bytes, size_t length)
{
	char *text = arena_bytes(arena, BASE64_LENGTH(length) + 1);

	base64_encode(text, bytes, length);
	return text;
}

static void
add_packed(struct arena *arena, struct element *element, const char *name,
	   const struct value *value)
{
	element_add_text(arena, element, NULL, name, packed(arena, value->bytes, value->length));
}

static struct element *
keys_show(struct arena *arena, const char *owner, const struct value *row)
{
	struct element *keys = element_new(arena, NS_PIE_SCRAM, "scram-credentials");

	(void)owner;
	if (row[0].integer < 0 || row[0].integer >= SCRAM_HASHES)
		return NULL;
	element_set(arena, keys, "mechanism", mechanisms[row[0].integer]);
	element_add_text(arena, keys, NULL, "iter-count",
			 arena_format(arena, "%lld", (long long)row[1].integer));
	add_packed(arena, keys, "salt", &row[2]);
	add_packed(arena, keys, "server-key", &row[4]);
	add_packed(arena, keys, "stored-key", &row[3]);
	return keys;
}

/* What another server says of the keys of one hash, in base64. */
struct said_keys {
	const char *iterations, *salt, *stored_key, *server_key;
};

/* Decodes base64 so many times; false when it is none. */
static bool
unpack(struct arena *arena, const char *text, unsigned times, struct value *value)
{
	for (; times > 0; times--) {
		size_t room = text != NULL ? strlen(text) : 0, length;
		char *bytes = arena_bytes(arena, room + 1);

		if (room == 0 || !base64_decode(bytes, room, &length, text, room))
			return false;
		bytes[length] = '\0';
		*value = blob_value(bytes, length);
		text = bytes;
	}
	return true;
}

/* Keys are kept when they can be the keys of that hash. */
static bool
keys_add(struct taking *taking, int hash, const struct said_keys *said)
{
	size_t size = scram_hash_size((enum scram_hash)hash);
	struct value in[5] = { INTEGER_VALUE(hash) };
	char *end = NULL;

	if (said->iterations != NULL)
		in[1] = INTEGER_VALUE(strtoll(said->iterations, &end, 10));
	if (end == NULL || *end != '\0' || in[1].integer < 1 || in[1].integer > ITERATIONS_MAX)
		return false;
	/* ejabberd (23.01) says base64 of base64. */
	for (unsigned times = 1; times <= 2; times++) {
		if (!unpack(taking->arena, said->salt, times, &in[2]) ||
		    !unpack(taking->arena, said->stored_key, times, &in[3]) ||
		    !unpack(taking->arena, said->server_key, times, &in[4]))
			return false;
		if (in[3].length != size || in[4].length != size || in[2].length > SCRAM_SALT_MAX)
			continue;
		taking_add(taking, &keys_bring, in);
		return true;
	}
	return false;
}

static const char *
text_of(struct arena *arena, const struct element *element, const char *name)
{
	return element_child_text(arena, element, NULL, name);
}

static bool
keys_take(struct taking *taking, const struct element *keys)
{
	const char *mechanism = element_get(keys, "mechanism");
	struct arena *arena = taking->arena;
	struct said_keys said = {
		.iterations = text_of(arena, keys, "iter-count"),
		.salt = text_of(arena, keys, "salt"),
		.stored_key = text_of(arena, keys, "stored-key"),
		.server_key = text_of(arena, keys, "server-key"),
	};

	if (!taking->keys)
		return true;
	for (int hash = 0; hash < SCRAM_HASHES; hash++)
		if (text_is(mechanisms[hash], mechanism))
			return keys_add(taking, hash, &said);
	return false;
}

/* ejabberd: "scram:[HASH,]STORED-KEY,SERVER-KEY,SALT,ITERATIONS" in the place of a password. */
static bool
keys_take_password(struct taking *taking, const char *password)
{
	static const char *const hashes[SCRAM_HASHES] = { "sha", "sha256", "sha512" };
	char *words[6] = { NULL }, *rest = arena_copy(taking->arena, password + strlen("scram:"));
	size_t count = 0;
	int hash = 0;

	while (count < COUNT(words) && rest != NULL)
		words[count++] = strsep(&rest, ",");
	if (count == 5) {
		while (hash < SCRAM_HASHES && strcmp(hashes[hash], words[0]) != 0)
			hash++;
		memmove(words, words + 1, 4 * sizeof words[0]);
		count--;
	}
	return count == 4 && hash < SCRAM_HASHES &&
	       keys_add(taking, hash,
			&(struct said_keys) { .iterations = words[3],
					      .salt = words[2],
					      .stored_key = words[0],
					      .server_key = words[1] });
}

#define NS_PROSODY "http://prosody.im/protocol/extended-xep0227"

static const char *
packed_from_hex(struct arena *arena, const char *hex)
{
	uint8_t bytes[SCRAM_HASH_MAX];
	size_t length;

	if (hex == NULL || !hex_decode(bytes, sizeof bytes, &length, hex))
		return NULL;
	return packed(arena, bytes, length);
}

/* Prosody before 0.12: attributes in a namespace of its own, keys in hex, the salt as it is. */
static bool
keys_take_prosody(struct taking *taking, const struct element *user, const char *iterations)
{
	const char *salt = element_get_ns(user, NS_PROSODY, "salt");
	struct arena *arena = taking->arena;
	struct said_keys said = {
		.iterations = iterations,
		.salt = salt != NULL ? packed(arena, salt, strlen(salt)) : NULL,
		.stored_key =
			packed_from_hex(arena, element_get_ns(user, NS_PROSODY, "stored_key")),
		.server_key =
			packed_from_hex(arena, element_get_ns(user, NS_PROSODY, "server_key")),
	};

	return keys_add(taking, SCRAM_SHA1, &said);
}

bool
keys_take_attributes(struct taking *taking, const struct element *user)
{
	const char *password = element_get(user, "password");
	const char *iterations = element_get_ns(user, NS_PROSODY, "iteration_count");

	if (password != NULL && text_starts(password, "scram:"))
		return keys_take_password(taking, password);
	return iterations == NULL || keys_take_prosody(taking, user, iterations);
}

const char *
kept_password(const struct element *user)
{
	const char *password = element_get(user, "password");

	if (password == NULL || *password == '\0' || text_starts(password, "scram:"))
		return NULL;
	return password;
}

static const struct form keys_forms[] = {
	{ NS_PIE_SCRAM, "scram-credentials", false, keys_show, keys_take },
	{ 0 },
};

/* --- the roster --- */

static const char *const ways[] = { "none", "to", "from", "both" };

static struct element *
contact_show(struct arena *arena, const char *owner, const struct value *row)
{
	struct element *item = element_new(arena, NS_ROSTER, "item");
	const char *group = row[2].bytes;

	(void)owner;
	element_set(arena, item, "jid", row[0].bytes);
	if (!row[1].null)
		element_set(arena, item, "name", row[1].bytes);
	element_set(arena, item, "subscription", ways[row[3].integer & SUBSCRIBED_BOTH]);
	if (row[4].integer != 0)
		element_set(arena, item, "ask", "subscribe");
	if (row[5].integer != 0)
		element_set(arena, item, "approved", "true");
	for (const char *end; (end = strchr(group, GROUP_END)) != NULL; group = end + 1)
		element_add_text(arena, item, NULL, "group",
				 arena_copy_bytes(arena, group, (size_t)(end - group)));
	return item;
}

static const char *
groups_of(struct arena *arena, const struct element *item)
{
	struct text groups = { 0 };
	const char *made;

	ELEMENT_EACH (item, group) {
		const char *name = element_text(arena, group);

		if (element_is(group, NS_ROSTER, "group") && *name != '\0')
			text_addf(&groups, "%s%c", name, GROUP_END);
	}
	made = arena_copy(arena, groups.bytes != NULL ? groups.bytes : "");
	text_clear(&groups);
	return made;
}

static bool
contact_take(struct taking *taking, const struct element *item)
{
	const char *address = element_get(item, "jid"), *how = element_get(item, "subscription");
	struct arena *arena = taking->arena;
	int64_t way = SUBSCRIBED_NONE;
	struct jid jid;

	if (!element_is(item, NS_ROSTER, "item") || address == NULL ||
	    !jid_parse(&jid, arena, address, NULL))
		return false;
	for (size_t i = 0; i < COUNT(ways); i++)
		if (text_is(how, ways[i]))
			way = (int64_t)i;
	if (text_is(how, "remove"))
		return false;
	taking_add(taking, &roster_bring,
		   (struct value[]) { text_value(jid.full), text_value(element_get(item, "name")),
				      text_value(groups_of(arena, item)), INTEGER_VALUE(way),
				      INTEGER_VALUE(text_is(element_get(item, "ask"), "subscribe")),
				      INTEGER_VALUE(element_get_bool(item, "approved")) });
	return true;
}

static const struct form roster_forms[] = {
	{ NS_ROSTER, "query", true, contact_show, contact_take },
	{ 0 },
};

/* --- requests that wait --- */

static struct element *
request_show(struct arena *arena, const char *owner, const struct value *row)
{
	struct element *request = NULL;

	if (!row[1].null)
		request = element_parse(arena, row[1].bytes, row[1].length, NULL);
	if (request == NULL) {
		request = element_new(arena, NS_CLIENT, "presence");
		element_set(arena, request, "type", "subscribe");
		element_set(arena, request, "to", owner);
	}
	element_set(arena, request, "from", row[0].bytes);
	return request;
}

static bool
request_take(struct taking *taking, const struct element *request)
{
	const char *from = element_get(request, "from");
	struct arena *arena = taking->arena;
	struct element *copy = element_copy(arena, request);
	const char *text;
	struct jid jid;

	if (!text_is(element_get(request, "type"), "subscribe") || from == NULL ||
	    !jid_parse(&jid, arena, from, NULL))
		return false;
	copy->ns = NS_CLIENT;
	element_set(arena, copy, "from", jid.bare);
	element_set(arena, copy, "to", taking->owner);
	text = xml_text(arena, copy, NULL);
	if (strlen(text) > REQUEST_BYTES)
		text = xml_text(arena, element_copy_shell(arena, copy), NULL);
	taking_add(taking, &requests_bring,
		   (struct value[]) { text_value(jid.bare), text_value(text) });
	return true;
}

static const struct form requests_forms[] = {
	{ NS_CLIENT, "presence", false, request_show, request_take },
	{ NS_PIE, "presence", false, NULL, request_take }, /* Prosody forgets the namespace */
	{ 0 },
};

const struct keep core_keeps[] = {
	{ .what = "when the account was made", .rows = &account_keep, .forms = account_forms },
	{ .what = "keys made of the password",
	  .rows = &keys_keep,
	  .erase = &keys_erase,
	  .forms = keys_forms },
	{ .what = "the roster",
	  .rows = &roster_keep,
	  .erase = &roster_erase,
	  .forms = roster_forms },
	{ .what = "requests for subscription that wait",
	  .rows = &requests_keep,
	  .forms = requests_forms },
	{ .what = "documents that no module knows", .erase = &documents_erase },
	{ 0 },
};
