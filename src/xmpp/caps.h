/* SPDX-License-Identifier: MIT */
/* What an entity can do, as a hash in its presence (XEP-0115). */
#pragma once

#include "base/err.h"
#include "xml/element.h"

struct caps {
	const char *hash, *node, *ver; /* of <c/>; share its strings */
};

/* Reads <c/> below a presence; false when there is none, or none with all three (§5.4: the
 * old format without 'hash' is passed over). */
PUBLIC bool caps_read(struct caps *caps, const struct element *presence);
/* <c/> with a ver made by SHA-1. */
PUBLIC struct element *caps_element(struct arena *arena, const char *node, const char *ver);

/* Whether we can compute this hash: "sha-1", "sha-256", "sha-512". */
PUBLIC bool caps_knows(const char *hash);
/* The verification string of the <query/> of disco#info `info` (§5.1).  NULL with the
 * reason when `info` is ill-formed (§5.4) or the hash is unknown. */
PUBLIC const char *caps_ver(struct arena *arena, const struct element *info, const char *hash,
			    struct err *err);
/* Whether `info` is what `caps` promises.  False with the reason. */
PUBLIC bool caps_verify(struct arena *arena, const struct caps *caps, const struct element *info,
			struct err *err);
