/* SPDX-License-Identifier: MIT */
/*
 * An address, prepared.  Each part is first copied as ASCII, byte by byte through a
 * table; the first byte that is not ASCII sends the part the long way, through libidn
 * (local part, resource) or libidn2 (domain).  The three prepared parts are then laid
 * out in one piece of memory:
 *
 *	bare NUL  [full NUL, when there is a resource]  [local NUL, when there is one]
 *
 * where the domain points into the bare address and the resource into the full one.
 *
 * Whatever comes out stays as it is when it goes in again: what libidn would change a
 * second time is refused.
 */
#include "xmpp/jid.h"
#include "base/table.h"
#include "base/text.h"

#include <idn2.h>
#include <stringprep.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_MAX 63

struct part {
	size_t length;
	bool there;
	char bytes[JID_PART_MAX + 1];
};

/* --- the table --- */

enum {
	IN_LOCAL = 1,    /* RFC 7622 §3.3.1: printable, but " & ' / : < > @ and space */
	IN_DOMAIN = 2,   /* letters, digits, hyphen */
	IN_RESOURCE = 4, /* printable, space too */
	UPPER = 8,       /* becomes a small letter in local part and domain */
};

#define L IN_LOCAL
#define D IN_DOMAIN
#define R IN_RESOURCE
#define U UPPER
static const uint8_t kinds[128] = {
	/* 0x20 */
	[' '] = R,
	['!'] = L | R,
	['"'] = R,
	['#'] = L | R,
	['$'] = L | R,
	['%'] = L | R,
	['&'] = R,
	['\''] = R,
	['('] = L | R,
	[')'] = L | R,
	['*'] = L | R,
	['+'] = L | R,
	[','] = L | R,
	['-'] = L | D | R,
	['.'] = L | R,
	['/'] = R,
	['0' ... '9'] = L | D | R,
	[':'] = R,
	[';'] = L | R,
	['<'] = R,
	['='] = L | R,
	['>'] = R,
	['?'] = L | R,
	/* 0x40 */
	['@'] = R,
	['A' ... 'Z'] = L | D | R | U,
	['['] = L | R,
	['\\'] = L | R,
	[']'] = L | R,
	['^'] = L | R,
	['_'] = L | R,
	/* 0x60 */
	['`'] = L | R,
	['a' ... 'z'] = L | D | R,
	['{'] = L | R,
	['|'] = L | R,
	['}'] = L | R,
	['~'] = L | R,
};
#undef L
#undef D
#undef R
#undef U

static inline bool
is_ascii(char c)
{
	return ((unsigned char)c & 0x80) == 0;
}

static inline char
lower(char c)
{
	return (char)(c | (kinds[(unsigned char)c] & UPPER) << 2);
}

/* Says which character `where` does not like, in a way that can be read. */
static bool
refuse_character(struct err *err, char c, const char *where)
{
	if (c > ' ' && c < 0x7f)
		return err_fail(err, ERR_SYNTAX, "'%c' is not allowed %s", c, where);
	if (c == ' ')
		return err_fail(err, ERR_SYNTAX, "a space is not allowed %s", where);
	return err_fail(err, ERR_SYNTAX, "a control character is not allowed %s", where);
}

/* --- local part and resource --- */

static bool
prepare_by_profile(struct part *part, const char *text, size_t length,
		   const Stringprep_profile *profile, const char *where, struct err *err)
{
	char again[JID_PART_MAX + 1];
	int code;

	if (!text_is_utf8(text, length))
		return err_fail(err, ERR_SYNTAX, "what is %s is not UTF-8", where);
	memcpy(part->bytes, text, length);
	part->bytes[length] = '\0';
	code = stringprep(part->bytes, sizeof part->bytes, STRINGPREP_NO_UNASSIGNED, profile);
	if (code == STRINGPREP_TOO_SMALL_BUFFER)
		return err_fail(err, ERR_LIMIT, "more than %d bytes %s", JID_PART_MAX, where);
	if (code == STRINGPREP_CONTAINS_UNASSIGNED)
		return err_fail(err, ERR_SYNTAX, "an unassigned character is not allowed %s",
				where);
	if (code != STRINGPREP_OK)
		return err_fail(err, ERR_SYNTAX, "what is %s cannot be prepared: %s", where,
				stringprep_strerror((Stringprep_rc)code));
	part->length = strlen(part->bytes);
	if (part->length == 0)
		return err_fail(err, ERR_SYNTAX, "nothing %s", where);

	memcpy(again, part->bytes, part->length + 1);
	if (stringprep(again, sizeof again, STRINGPREP_NO_UNASSIGNED, profile) != STRINGPREP_OK ||
	    strcmp(again, part->bytes) != 0)
		return err_fail(err, ERR_SYNTAX, "what is %s has no stable form", where);
	return true;
}

static bool
prepare_local(struct part *part, const char *text, size_t length, struct err *err)
{
	const char *where = "before the \"@\"";

	part->there = true;
	if (length == 0)
		return err_fail(err, ERR_SYNTAX, "nothing %s", where);
	if (length > JID_PART_MAX)
		return err_fail(err, ERR_LIMIT, "more than %d bytes %s", JID_PART_MAX, where);
	for (size_t i = 0; i < length; i++) {
		if (!is_ascii(text[i]))
			return prepare_by_profile(part, text, length, stringprep_xmpp_nodeprep,
						  where, err);
		if ((kinds[(unsigned char)text[i]] & IN_LOCAL) == 0)
			return refuse_character(err, text[i], where);
		part->bytes[i] = lower(text[i]);
	}
	part->bytes[length] = '\0';
	part->length = length;
	return true;
}

static bool
prepare_resource(struct part *part, const char *text, size_t length, struct err *err)
{
	const char *where = "behind the \"/\"";

	part->there = true;
	if (length == 0)
		return err_fail(err, ERR_SYNTAX, "nothing %s", where);
	if (length > JID_PART_MAX)
		return err_fail(err, ERR_LIMIT, "more than %d bytes %s", JID_PART_MAX, where);
	for (size_t i = 0; i < length; i++) {
		if (!is_ascii(text[i]))
			return prepare_by_profile(part, text, length, stringprep_xmpp_resourceprep,
						  where, err);
		if ((kinds[(unsigned char)text[i]] & IN_RESOURCE) == 0)
			return refuse_character(err, text[i], where);
		part->bytes[i] = text[i];
	}
	part->bytes[length] = '\0';
	part->length = length;
	return true;
}

/* --- domain --- */

static bool
prepare_ipv6(struct part *part, const char *text, size_t length, struct err *err)
{
	char inner[INET6_ADDRSTRLEN + 1], name[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (length < 2 || length - 2 >= sizeof inner || text[length - 1] != ']')
		return err_fail(err, ERR_SYNTAX, "the domain is not an IPv6 address in brackets");
	memcpy(inner, text + 1, length - 2);
	inner[length - 2] = '\0';
	if (inet_pton(AF_INET6, inner, &address) != 1 ||
	    inet_ntop(AF_INET6, &address, name, sizeof name) == NULL)
		return err_fail(err, ERR_SYNTAX, "the domain is not an IPv6 address in brackets");
	part->length = strlen(name) + 2;
	part->bytes[0] = '[';
	memcpy(part->bytes + 1, name, part->length - 2);
	part->bytes[part->length - 1] = ']';
	part->bytes[part->length] = '\0';
	return true;
}

/* What one pass over a domain finds out. */
enum labels { LABELS_PLAIN, LABELS_FOREIGN, LABELS_WRONG };

/* Checks labels and copies them in small letters.  LABELS_FOREIGN: some are not ASCII or
 * are A-labels (xn--), and were checked for their length only as far as they go. */
static enum labels
read_labels(char *out, const char *text, size_t length, struct err *err)
{
	enum labels labels = LABELS_PLAIN;
	size_t start = 0;
	bool ascii = true;

	for (size_t i = 0; i <= length; i++) {
		char c = i < length ? text[i] : '.';

		if (!is_ascii(c)) {
			labels = LABELS_FOREIGN;
			ascii = false;
			out[i] = c;
			continue;
		}
		if (c != '.') {
			if ((kinds[(unsigned char)c] & IN_DOMAIN) == 0) {
				refuse_character(err, c, "in the domain");
				return LABELS_WRONG;
			}
			out[i] = lower(c);
			continue;
		}
		if (i == start) {
			err_fail(err, ERR_SYNTAX, "the domain has an empty label");
			return LABELS_WRONG;
		}
		if (ascii && i - start > LABEL_MAX) {
			err_fail(err, ERR_LIMIT, "a label of the domain has more than %d bytes",
				 LABEL_MAX);
			return LABELS_WRONG;
		}
		if (text[start] == '-' || text[i - 1] == '-') {
			err_fail(err, ERR_SYNTAX,
				 "a label of the domain begins or ends with a hyphen");
			return LABELS_WRONG;
		}
		if (i - start >= 4 && memcmp(out + start, "xn--", 4) == 0)
			labels = LABELS_FOREIGN;
		out[i] = c;
		start = i + 1;
		ascii = true;
	}
	out[length] = '\0';
	return labels;
}

/* A domain with letters of the world: mapped and tested by libidn2 (UTS 46), then, as
 * that admits more than IDNA2008, tested again without mapping.  The canonical form has
 * U-labels. */
static bool
prepare_idn(struct part *part, const char *text, size_t length, struct err *err)
{
	char *ascii = NULL, *unicode = NULL, *again = NULL;
	char name[JID_PART_MAX + 1];
	enum labels labels;
	size_t unicode_length;
	bool good = false;
	int code;

	memcpy(name, text, length);
	name[length] = '\0';
	code = idn2_to_ascii_8z(name, &ascii,
				IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL | IDN2_USE_STD3_ASCII_RULES);
	if (code == IDN2_OK)
		code = idn2_to_unicode_8z8z(ascii, &unicode, 0);
	if (code == IDN2_OK)
		code = idn2_to_ascii_8z(unicode, &again, IDN2_NO_TR46);
	if (code != IDN2_OK) {
		err_fail(err, ERR_SYNTAX, "the domain is no internationalised name: %s",
			 idn2_strerror(code));
		goto end;
	}

	unicode_length = strlen(unicode);
	if (unicode_length > 0 && unicode[unicode_length - 1] == '.')
		unicode_length--; /* a full stop of another script was behind it */
	if (unicode_length == 0 || unicode_length > JID_PART_MAX) {
		err_fail(err, ERR_LIMIT, "the domain has no byte or more than %d", JID_PART_MAX);
		goto end;
	}
	labels = read_labels(part->bytes, unicode, unicode_length, err);
	if (labels == LABELS_WRONG)
		goto end;
	/* An A-label that decodes to what nobody would encode so stays an A-label, or comes
	 * out as another name. */
	part->length = unicode_length;
	if (strcmp(ascii, again) != 0 || strstr(part->bytes, "xn--") == part->bytes ||
	    strstr(part->bytes, ".xn--") != NULL) {
		err_fail(err, ERR_SYNTAX, "the domain is no internationalised name");
		goto end;
	}
	good = true;
end:
	idn2_free(ascii);
	idn2_free(unicode);
	idn2_free(again);
	return good;
}

static bool
prepare_domain(struct part *part, const char *text, size_t length, struct err *err)
{
	enum labels labels;

	part->there = true;
	if (length > 0 && text[0] == '[')
		return prepare_ipv6(part, text, length, err);
	if (length > 0 && text[length - 1] == '.') /* RFC 7622 §3.2: the root is implied */
		length--;
	if (length == 0)
		return err_fail(err, ERR_SYNTAX, "there is no domain");
	if (length > JID_PART_MAX)
		return err_fail(err, ERR_LIMIT, "the domain has more than %d bytes", JID_PART_MAX);
	labels = read_labels(part->bytes, text, length, err);
	part->length = length;
	if (labels == LABELS_FOREIGN) {
		if (!text_is_utf8(text, length))
			return err_fail(err, ERR_SYNTAX, "the domain is not UTF-8");
		return prepare_idn(part, text, length, err);
	}
	return labels == LABELS_PLAIN;
}

/* --- the whole --- */

struct piece {
	const char *bytes; /* NULL: not there */
	size_t length;
};

static size_t
size_of(struct piece local, struct piece domain, struct piece resource)
{
	size_t bare = domain.length + 1, size;

	if (local.bytes != NULL)
		bare += local.length + 1;
	size = bare;
	if (resource.bytes != NULL)
		size += bare + 1 + resource.length;
	if (local.bytes != NULL)
		size += local.length + 1;
	return size;
}

static void
lay_out(struct jid *jid, char *memory, struct piece local, struct piece domain,
	struct piece resource)
{
	char *at = memory;
	size_t bare_length;

	jid->bare = jid->full = memory;
	jid->local = jid->resource = NULL;
	if (local.bytes != NULL) {
		memcpy(at, local.bytes, local.length);
		at += local.length;
		*at++ = '@';
	}
	jid->domain = at;
	memcpy(at, domain.bytes, domain.length);
	at += domain.length;
	bare_length = (size_t)(at - memory);
	*at++ = '\0';
	if (resource.bytes != NULL) {
		jid->full = at;
		memcpy(at, memory, bare_length);
		at += bare_length;
		*at++ = '/';
		jid->resource = at;
		memcpy(at, resource.bytes, resource.length);
		at += resource.length;
		*at++ = '\0';
	}
	if (local.bytes != NULL) {
		jid->local = at;
		memcpy(at, local.bytes, local.length);
		at[local.length] = '\0';
	}
}

static struct piece
piece_of(const char *text)
{
	return (struct piece) { text, text != NULL ? strlen(text) : 0 };
}

static struct piece
piece_of_part(const struct part *part)
{
	return (struct piece) { part->there ? part->bytes : NULL, part->there ? part->length : 0 };
}

static bool
make(struct jid *jid, struct arena *arena, struct piece local, struct piece domain,
     struct piece resource, struct err *err)
{
	struct part parts[3];

	parts[0].there = parts[2].there = false;
	if ((local.bytes != NULL && !prepare_local(&parts[0], local.bytes, local.length, err)) ||
	    !prepare_domain(&parts[1], domain.bytes, domain.length, err) ||
	    (resource.bytes != NULL &&
	     !prepare_resource(&parts[2], resource.bytes, resource.length, err)))
		return false;
	local = piece_of_part(&parts[0]);
	domain = piece_of_part(&parts[1]);
	resource = piece_of_part(&parts[2]);
	lay_out(jid, arena_bytes(arena, size_of(local, domain, resource)), local, domain, resource);
	return true;
}

bool
jid_parse(struct jid *jid, struct arena *arena, const char *text, struct err *err)
{
	/* RFC 7622 §3.2: the first "/" ends the address proper, then the first "@" ends the
	 * local part; both may come again in the resource. */
	const char *slash = strchrnul(text, '/');
	const char *at = memchr(text, '@', (size_t)(slash - text));
	struct piece local = { 0 }, domain = { text, 0 }, resource = { 0 };

	if (at != NULL) {
		local.bytes = text;
		local.length = (size_t)(at - text);
		domain.bytes = at + 1;
	}
	domain.length = (size_t)(slash - domain.bytes);
	if (*slash == '/')
		resource = piece_of(slash + 1);
	return make(jid, arena, local, domain, resource, err);
}

bool
jid_make(struct jid *jid, struct arena *arena, const char *local, const char *domain,
	 const char *resource, struct err *err)
{
	return make(jid, arena, piece_of(local), piece_of(domain), piece_of(resource), err);
}

void
jid_join(struct jid *jid, struct arena *arena, const char *local, const char *domain,
	 const char *resource)
{
	struct piece pieces[] = { piece_of(local), piece_of(domain), piece_of(resource) };

	lay_out(jid, arena_bytes(arena, size_of(pieces[0], pieces[1], pieces[2])), pieces[0],
		pieces[1], pieces[2]);
}

void
jid_copy(struct jid *to, struct arena *arena, const struct jid *from)
{
	jid_join(to, arena, from->local, from->domain, from->resource);
}

struct jid
jid_bare(const struct jid *from)
{
	return (struct jid) {
		.full = from->bare, .bare = from->bare, .local = from->local, .domain = from->domain
	};
}

struct jid *
jid_own(const struct jid *from)
{
	struct piece pieces[] = { piece_of(from->local), piece_of(from->domain),
				  piece_of(from->resource) };
	size_t size = size_of(pieces[0], pieces[1], pieces[2]);
	struct jid *jid = zalloc(sizeof *jid + size);

	lay_out(jid, (char *)(jid + 1), pieces[0], pieces[1], pieces[2]);
	return jid;
}

bool
jid_equal(const struct jid *a, const struct jid *b)
{
	return a->full == b->full || strcmp(a->full, b->full) == 0;
}

bool
jid_equal_bare(const struct jid *a, const struct jid *b)
{
	return a->bare == b->bare || strcmp(a->bare, b->bare) == 0;
}

uint64_t
jid_home_hash(const struct jid *jid)
{
	return hash_stable(jid->bare, strlen(jid->bare));
}

/* --- single parts --- */

const char *
jid_prepare_local(struct arena *arena, const char *text, struct err *err)
{
	struct part part;

	return prepare_local(&part, text, strlen(text), err)
		       ? arena_copy_bytes(arena, part.bytes, part.length)
		       : NULL;
}

const char *
jid_prepare_domain(struct arena *arena, const char *text, struct err *err)
{
	struct part part;

	return prepare_domain(&part, text, strlen(text), err)
		       ? arena_copy_bytes(arena, part.bytes, part.length)
		       : NULL;
}

const char *
jid_prepare_resource(struct arena *arena, const char *text, struct err *err)
{
	struct part part;

	return prepare_resource(&part, text, strlen(text), err)
		       ? arena_copy_bytes(arena, part.bytes, part.length)
		       : NULL;
}
