/* SPDX-License-Identifier: MIT */
/* Where things are at home; a single node answers from the address alone. */
#include "core/directory.h"

#include <string.h>

struct shard *
directory_home(const struct jid *who)
{
	return shard_for(jid_home_hash(who));
}

struct shard *
directory_link_home(const char *from_domain, const char *to_domain)
{
	uint64_t from = hash_stable(from_domain, strlen(from_domain));
	uint64_t to = hash_stable(to_domain, strlen(to_domain));

	return shard_for(from * 31 + to);
}
