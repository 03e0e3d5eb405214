/* SPDX-License-Identifier: MIT */
/*
 * mod_skeleton_archive -- what an archive needs: an id stamped on what arrives, a row beside
 * it in the transaction that the stanza waits for, on the sender's side and on the
 * recipient's, and pages read back.
 */
#include "module.h"

#define NS_SKELETON "urn:stentor:skeleton:archive"

struct archive {
	uint64_t stamped;
};

/* Its id from now on, as text. */
static const char *
take_id(struct stanza *stanza)
{
	char text[ID_TEXT];

	if (stanza->archive_id == 0)
		stanza_archived(stanza, id_next(0));
	id_write(text, stanza->archive_id);
	return arena_copy(stanza->arena, text);
}

static enum outcome
on_stamping(void *self, struct stanza *stanza)
{
	struct archive *archive = self;
	struct element *edited = stanza_edit(stanza);
	struct element *id = element_add(stanza->arena, edited, "urn:xmpp:sid:0", "stanza-id");

	element_set(stanza->arena, id, "by", stanza->account->jid->bare);
	element_set(stanza->arena, id, "id", take_id(stanza));
	archive->stamped++;
	return PASS;
}

static enum outcome
keep(void *self, struct stanza *stanza)
{
	(void)self;
	if (stanza->type == TYPE_ERROR)
		return PASS;
	batch_put(stanza_batch(stanza), "skeleton", take_id(stanza),
		  xml_text(stanza->arena, stanza->element, NULL));
	id_keep(stanza_batch(stanza), stanza->archive_id);
	return PASS;
}

static void
counted(void *ctx, enum stored result, const struct rows *rows)
{
	struct iq *iq = ctx;
	struct element *answer = element_new(iq->arena, NS_SKELETON, "count");

	if (result == STORE_FAILED) {
		(void)iq_error(iq, INTERNAL_SERVER_ERROR, NULL);
		return;
	}
	element_setf(iq->arena, answer, "rows", "%zu", rows->count);
	(void)iq_result(iq, answer);
}

static enum outcome
on_count(void *self, struct iq *iq)
{
	(void)self;
	store_list(iq->domain->store, iq->account->jid->bare, "skeleton", counted, iq_hold(iq));
	return LATER;
}

static const struct iq_rule iqs[] = {
	{ IQ_GET, TO_SELF, NS_SKELETON, "count", on_count },
	{ 0 },
};

static const struct hook hooks[] = {
	HOOK(message_arriving, STAMP, on_stamping),
	HOOK(message_arriving, ARCHIVE, keep),
	HOOK(message_leaving, ARCHIVE, keep),
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "skeleton_archive",
	.about = "The skeleton of an archive",
	.iqs = iqs,
	.hooks = hooks,
	.size = sizeof(struct archive),
};
