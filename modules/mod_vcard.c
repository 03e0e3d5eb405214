/* SPDX-License-Identifier: MIT */
/*
 * mod_vcard -- XEP-0054: an account's card; XEP-0153: its photo's hash in presence.
 *
 * Anybody may read a card.  The hash of its photo is kept in memory while the account is,
 * so that every presence that leaves can carry it for clients that do not do so.
 */
#include <string.h>

#include "module.h"
#include "xml/parser.h"

struct vcard {
	int64_t card_max;
};

struct card {        /* a corner of the account */
	char *photo; /* SHA-1 of the photo in hex; "" without one; NULL: no card */
};

static const struct statement card_get = {
	.name = "vcard.get",
	.in = "t",
	.out = "tt",
	.sqlite = "SELECT card, photo FROM vcard WHERE owner = ?",
	.hot = true,
};
static const struct statement photo_get = {
	.name = "vcard.photo",
	.in = "t",
	.out = "t",
	.sqlite = "SELECT photo FROM vcard WHERE owner = ?",
	.hot = true,
};
static const struct statement card_put = {
	.name = "vcard.put",
	.in = "ttt",
	.sqlite = "REPLACE INTO vcard (owner, card, photo) VALUES (?, ?, ?)",
};
static const struct statement card_erase = {
	.name = "vcard.erase",
	.in = "t",
	.sqlite = "DELETE FROM vcard WHERE owner = ?",
	.hot = true,
};

static const struct statement card_bring = {
	.name = "vcard.bring",
	.in = "ttt",
	.sqlite = "REPLACE INTO vcard (card, photo, owner) VALUES (?, ?, ?)",
};

/* --- the photo's hash --- */

/* XEP-0153 §4: of the bytes, not of their base64. */
static const char *
photo_hash(struct arena *arena, const struct element *card)
{
	const struct element *photo = element_child(card, NS_VCARD, "PHOTO");
	const char *text =
		photo != NULL ? element_child_text(arena, photo, NS_VCARD, "BINVAL") : NULL;
	char *packed, *out;
	size_t length = 0, room, kept = 0;
	uint8_t *bytes;

	if (text == NULL)
		return "";
	room = strlen(text);
	packed = arena_bytes(arena, room + 1);
	for (const char *c = text; *c != '\0'; c++) /* clients break the lines */
		if (strchr(" \t\r\n", *c) == NULL)
			packed[kept++] = *c;
	packed[kept] = '\0';
	bytes = arena_alloc(arena, kept + 1);
	if (kept == 0 || !base64_decode(bytes, kept, &length, packed, kept))
		return "";
	out = arena_bytes(arena, 41);
	sha1_hex(out, bytes, length);
	return out;
}

static void
remember(struct account *account, void *self, const char *photo)
{
	struct card *card = account_corner(account, self);

	free(card->photo);
	card->photo = copy_text(photo);
}

static void
photo_loaded(void *self, struct account *account, const struct rows *rows)
{
	if (rows->count > 0)
		remember(account, self, ROW(rows, 0)[0].bytes);
}

static enum outcome
on_account_loading(void *self, struct account *account)
{
	return account_read(self, account, &photo_get, photo_loaded);
}

static void
on_unloading(void *self, struct account *account)
{
	struct card *card = account_corner(account, self);

	free(card->photo);
	card->photo = NULL;
}

/* XEP-0398 §3.1 in spirit: a client that says <x/> itself knows better, unless it is empty. */
static void
on_stamping(void *self, struct session *session, struct arena *arena, struct element *presence)
{
	const struct card *card = account_corner(session->account, self);
	struct element *update = element_child(presence, NS_VCARD_UPDATE, "x");

	if (card == NULL || card->photo == NULL ||
	    (update != NULL && element_first(update) != NULL))
		return;
	if (update == NULL)
		update = element_add(arena, presence, NS_VCARD_UPDATE, "x");
	element_add_text(arena, update, NULL, "photo", card->photo);
}

/* --- asking and setting --- */

static void
card_loaded(void *held, enum stored result, const struct rows *rows)
{
	struct iq *iq = held;
	struct element *card = NULL;

	if (result == STORE_FAILED) {
		(void)iq_error(iq, INTERNAL_SERVER_ERROR, NULL);
		return;
	}
	if (rows->count > 0)
		card = element_parse(iq->arena, ROW(rows, 0)[0].bytes, ROW(rows, 0)[0].length,
				     NULL);
	if (card != NULL)
		(void)iq_result(iq, card);
	else if (jid_equal_bare(&iq->from, &iq->to)) /* §3.1: one's own is empty */
		(void)iq_result(iq, element_new(iq->arena, NS_VCARD, "vCard"));
	else /* §3.3: as of an account that does not exist */
		(void)iq_error(iq, SERVICE_UNAVAILABLE, NULL);
}

static enum outcome
on_get(void *self, struct iq *iq)
{
	struct value owner = text_value(iq->account->jid->bare);

	(void)self;
	store_read(iq->domain->store, &card_get, iq->account->jid->bare, &owner, card_loaded,
		   iq_hold(iq));
	return LATER;
}

/* The hash went into memory before the card was kept. */
static void
card_stored(struct iq *iq, enum stored result)
{
	if (result != STORE_OK)
		account_reload(iq->account);
}

static enum outcome
on_set(void *self, struct iq *iq)
{
	const struct vcard *vcard = self;
	const char *text = xml_text(iq->arena, iq->query, NULL);
	const char *photo = photo_hash(iq->arena, iq->query);
	struct batch *batch;

	if (!jid_equal_bare(&iq->from, iq->account->jid))
		return iq_error(iq, FORBIDDEN, "that is somebody else's card");
	if ((int64_t)strlen(text) > vcard->card_max)
		return iq_error(iq, NOT_ACCEPTABLE, "that card is larger than is kept here");
	remember(iq->account, self, photo);
	batch = batch_new(iq->domain->store, iq->account->jid->bare);
	batch_add(batch, &card_put,
		  (struct value[]) { text_value(iq->account->jid->bare), text_value(text),
				     text_value(photo) });
	return iq_result_after(iq, batch, NULL, card_stored);
}

static const struct option options[] = {
	OPTION_SIZE(struct vcard, card_max, 131072, 1024, 1048576, "how large a card may be"),
	{ 0 },
};

static const struct iq_rule iqs[] = {
	{ IQ_GET, TO_ACCOUNT, NS_VCARD, "vCard", on_get },
	{ IQ_SET, TO_ACCOUNT, NS_VCARD, "vCard", on_set },
	{ 0 },
};

static const struct hook hooks[] = {
	HOOK(account_loading, GUARD, on_account_loading),
	FACT(account_unloading, on_unloading),
	FACT(presence_stamping, on_stamping),
	{ 0 },
};

/* --- taken along --- */

static struct element *
card_show(struct arena *arena, const char *owner, const struct value *row)
{
	(void)owner;
	return element_parse(arena, row[0].bytes, row[0].length, NULL);
}

static bool
card_take(struct taking *taking, const struct element *card)
{
	taking_add(taking, &card_bring,
		   (struct value[]) { text_value(xml_text(taking->arena, card, NULL)),
				      text_value(photo_hash(taking->arena, card)) });
	return true;
}

static const struct form forms[] = {
	{ NS_VCARD, "vCard", false, card_show, card_take },
	{ 0 },
};

static const struct keep keeps[] = {
	{ .what = "the account's card", .rows = &card_get, .erase = &card_erase, .forms = forms },
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "vcard",
	.about = "vCard and its photo's hash in presence (XEP-0054, XEP-0153)",
	.help = "An account's public card; anybody may read it.  Where a client does not "
		"say it, the server adds to its presence which photo is the current one.",
	.features = NAMES(NS_VCARD),
	.account_features = NAMES(NS_VCARD),
	.options = options,
	.statements = STATEMENTS(&card_get, &photo_get, &card_put, &card_erase, &card_bring),
	.migrates = true,
	.keeps = keeps,
	.iqs = iqs,
	.hooks = hooks,
	.size = sizeof(struct vcard),
	.account_size = sizeof(struct card),
};
