/* SPDX-License-Identifier: MIT */
/*
 * An address: localpart@domainpart/resourcepart (RFC 7622), prepared and canonical,
 * so that equal addresses are equal bytes.
 *
 * Read-only once made.  All strings are NUL-terminated and live in one arena (or, for
 * a jid that an object owns, in one heap block: jid_own).  ASCII takes a fast path;
 * the rest goes through nodeprep, resourceprep (libidn, unassigned code points
 * refused) and libidn2.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#define JID_PART_MAX 1023 /* bytes a part, RFC 7622 §3 */

struct jid {
	const char *full;     /* all of it; equals `bare` when there is no resource */
	const char *bare;     /* localpart@domainpart, or the domainpart alone */
	const char *local;    /* NULL: none */
	const char *domain;   /* never NULL */
	const char *resource; /* NULL: none */
};

/* Prepares and checks `text`.  False with the reason, `*jid` unchanged. */
PUBLIC bool jid_parse(struct jid *jid, struct arena *arena, const char *text, struct err *err);
/* From parts as users type them; `local` and `resource` may be NULL. */
PUBLIC bool jid_make(struct jid *jid, struct arena *arena, const char *local, const char *domain,
		     const char *resource, struct err *err);
/* Parts known to be prepared already. */
PUBLIC void jid_join(struct jid *jid, struct arena *arena, const char *local, const char *domain,
		     const char *resource);
PUBLIC void jid_copy(struct jid *to, struct arena *arena, const struct jid *from);
/* `from` without its resource; shares its strings. */
PUBLIC struct jid jid_bare(const struct jid *from);

/* A copy in one heap block that starts at the returned pointer; released with free(). */
PUBLIC struct jid *jid_own(const struct jid *from);

PUBLIC bool jid_equal(const struct jid *a, const struct jid *b);
PUBLIC bool jid_equal_bare(const struct jid *a, const struct jid *b);
/* hash_stable of the bare address: names the home. */
PUBLIC uint64_t jid_home_hash(const struct jid *jid);

/* The single parts, prepared into `arena`; NULL with the reason. */
PUBLIC const char *jid_prepare_local(struct arena *arena, const char *text, struct err *err);
PUBLIC const char *jid_prepare_domain(struct arena *arena, const char *text, struct err *err);
PUBLIC const char *jid_prepare_resource(struct arena *arena, const char *text, struct err *err);
