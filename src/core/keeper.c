/* SPDX-License-Identifier: MIT */
/* Who keeps a domain's messages. */
#include "core/keeper.h"

#include <stdlib.h>

#include "core/internal.h"

static const struct instance *
keeper_of(const struct domain *domain)
{
	for (struct instance **i = domain->instances; *i != NULL; i++)
		if ((*i)->module->keeper != NULL)
			return *i;
	return NULL;
}

bool
keeper_has(const struct domain *domain)
{
	return keeper_of(domain) != NULL;
}

struct asked {
	struct account *account;
	keeper_fn *fn;
	void *ctx;
	struct post post; /* when there is nobody to ask */
};

static void
answered(void *ctx, enum stored stored, const struct kept_message *messages, unsigned count)
{
	struct asked *asked = ctx;

	asked->fn(asked->ctx, stored, stored == STORE_OK ? messages : NULL,
		  stored == STORE_OK ? count : 0);
	account_drop(asked->account);
	free(asked);
}

static void
nobody_to_ask(void *arg)
{
	answered(arg, STORE_FAILED, NULL, 0);
}

void
keeper_read(struct account *account, const uint64_t *ids, unsigned count, keeper_fn *fn, void *ctx)
{
	const struct instance *keeper = keeper_of(account->domain);
	struct asked *asked = zalloc(sizeof *asked);

	must(count <= KEEPER_READ_MAX);
	*asked = (struct asked) { account_hold(account), fn, ctx, { 0 } };
	if (keeper != NULL)
		keeper->module->keeper->read(keeper->self, account, ids, count, answered, asked);
	else
		shard_post(shard_here(), &asked->post, nobody_to_ask, asked);
}
