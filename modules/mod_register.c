/* SPDX-License-Identifier: MIT */
/*
 * mod_register -- XEP-0077: an account made, its password changed, or itself removed, from
 * a client.
 *
 * A stranger may make an account before logging in where the domain's registration is
 * open.  In the order it happens:
 *
 *   apply		the name and the password will do: may this address make one more?
 *   count		on the shard that counts for the address, wherever it connects
 *   counted		it may: make the account
 *   made		tell the client
 *
 * Who is logged in may change the password (other sessions end, since they may be whom the
 * password was changed for) or remove the account: contacts hear of it, everything it owned
 * goes, and its name stays reserved for some days.
 */
#include <arpa/inet.h>
#include <string.h>

#include "module.h"

#define HOUR           3600
#define REGISTRARS_MAX 100000

struct registering {
	int64_t an_hour;
	int64_t reserve;
	int64_t name_min;
	int64_t password_min;
	const char *const *refused_names;
	struct table addresses; /* struct registrar: who made accounts lately */
	struct timer sweep;
};

struct registrar {
	struct entry entry;
	int64_t since; /* seconds since 1970 */
	int64_t count;
	char address[];
};

/* --- before login --- */

struct applying {
	struct post post;
	struct shard *home;
	struct client *client;
	char *id;
	char *domain;
	struct jid *who;
	char *password;
	bool allowed;
	char address[INET6_ADDRSTRLEN];
};

static void count(void *arg);
static void counted(void *arg);
static void made(void *ctx, const struct err *err);

static void
say_result(struct client *client, const char *id, struct element *payload, struct arena *arena)
{
	struct element *iq = element_new(arena, NS_CLIENT, "iq");

	element_set(arena, iq, "type", "result");
	element_set(arena, iq, "id", id);
	element_set(arena, iq, "from", client->domain->name);
	if (payload != NULL)
		element_put(iq, payload);
	client_say(client, iq);
}

static enum outcome
say_error(struct client *client, const char *id, enum condition condition, const char *text)
{
	struct arena *arena = arena_new();
	struct element *iq = element_new(arena, NS_CLIENT, "iq");

	element_set(arena, iq, "type", "error");
	element_set(arena, iq, "id", id);
	element_set(arena, iq, "from", client->domain->name);
	element_put(iq, error_element(arena, condition, NULL, text));
	client_say(client, iq);
	arena_drop(arena);
	return DONE;
}

static struct element *
fields(struct arena *arena, const char *instructions)
{
	struct element *query = element_new(arena, NS_REGISTER, "query");

	element_add_text(arena, query, NULL, "instructions", instructions);
	element_add(arena, query, NULL, "username");
	element_add(arena, query, NULL, "password");
	return query;
}

/* An address as it is counted: of IPv6 the network, since whoever has one has 2^64. */
static void
address_key(char key[static INET6_ADDRSTRLEN], const char *address)
{
	struct in6_addr six;

	if (inet_pton(AF_INET6, address, &six) == 1) {
		memset(&six.s6_addr[8], 0, 8);
		(void)inet_ntop(AF_INET6, &six, key, INET6_ADDRSTRLEN);
	} else {
		(void)snprintf(key, INET6_ADDRSTRLEN, "%s", address);
	}
}

/* NULL: more addresses than are counted. */
static struct registrar *
registrar_of(struct registering *self, const char *address)
{
	struct entry *entry = table_get(&self->addresses, address);
	struct registrar *registrar = TABLE_ITEM(entry, struct registrar, entry);

	if (registrar == NULL) {
		if (self->addresses.count >= REGISTRARS_MAX)
			return NULL;
		registrar = zalloc(sizeof *registrar + strlen(address) + 1);
		strcpy(registrar->address, address);
		registrar->since = now_seconds();
		table_put(&self->addresses, &registrar->entry, registrar->address);
	}
	if (now_seconds() - registrar->since >= HOUR) {
		registrar->since = now_seconds();
		registrar->count = 0;
	}
	return registrar;
}

/* Forgets whose hour is over. */
static void
sweep(void *arg)
{
	struct registering *self = arg;
	struct entry *entry, *next;

	for (entry = table_next(&self->addresses, NULL); entry != NULL; entry = next) {
		struct registrar *registrar = CONTAINER(entry, struct registrar, entry);

		next = table_next(&self->addresses, entry);
		if (now_seconds() - registrar->since < HOUR)
			continue;
		table_remove(&self->addresses, entry);
		free(registrar);
	}
	timer_start(&self->sweep, PERIOD_MINUTES(10), sweep, self);
}

static bool
is_refused(const struct registering *self, const char *local)
{
	const char *const *name = self->refused_names;

	for (; name != NULL && *name != NULL; name++)
		if (strcmp(*name, local) == 0)
			return true;
	return false;
}

static enum outcome
apply(struct registering *self, struct client *client, const struct element *iq,
      const struct element *query)
{
	struct arena *arena = arena_new();
	const char *name = element_child_text(arena, query, NS_REGISTER, "username");
	const char *password = element_child_text(arena, query, NS_REGISTER, "password");
	const char *id = element_get(iq, "id");
	char peer[64];
	struct applying *applying;
	struct err err;
	struct jid who;
	enum outcome refused = PASS;

	if (element_child(query, NS_REGISTER, "remove") != NULL) /* §3.2: of whom? */
		refused = say_error(client, id, UNEXPECTED_REQUEST, "log in first");
	else if (name == NULL || password == NULL || *name == '\0')
		refused = say_error(client, id, NOT_ACCEPTABLE, "a name and a password, please");
	else if (!jid_make(&who, arena, name, client->domain->name, NULL, &err))
		refused = say_error(client, id, JID_MALFORMED, err.text);
	else if ((int64_t)strlen(who.local) < self->name_min)
		refused = say_error(client, id, NOT_ACCEPTABLE, "that name is too short");
	else if ((int64_t)strlen(password) < self->password_min)
		refused = say_error(client, id, NOT_ACCEPTABLE, "that password is too short");
	else if (is_refused(self, who.local))
		refused = say_error(client, id, CONFLICT, "that name is not given away");
	if (refused == PASS) {
		applying = zalloc(sizeof *applying);
		applying->home = shard_here();
		applying->client = client;
		applying->id = copy_text(id);
		applying->domain = copy_text(client->domain->name);
		applying->who = jid_own(&who);
		applying->password = copy_text(password);
		address_key(applying->address, client->ops->peer(client, peer));
		shard_post(shard_for(hash_stable(applying->address, strlen(applying->address))),
			   &applying->post, count, applying);
	}
	arena_drop(arena);
	return refused == PASS ? LATER : DONE;
}

static void
count(void *arg)
{
	struct applying *applying = arg;
	struct domain *domain = domain_find(applying->domain);
	struct instance *instance = domain != NULL ? domain_instance(domain, "register") : NULL;
	struct registering *self = instance != NULL ? instance->self : NULL;
	struct registrar *registrar = self != NULL ? registrar_of(self, applying->address) : NULL;

	if (registrar != NULL && registrar->count < self->an_hour) {
		registrar->count++;
		applying->allowed = true;
	}
	shard_post(applying->home, &applying->post, counted, applying);
}

static void
applying_free(struct applying *applying)
{
	wipe(applying->password, strlen(applying->password));
	free(applying->password);
	free(applying->who);
	free(applying->domain);
	free(applying->id);
	free(applying);
}

static void
counted(void *arg)
{
	struct applying *applying = arg;

	if (applying->allowed) {
		account_make(applying->client->domain, applying->who, applying->password, made,
			     applying);
		return;
	}
	(void)say_error(applying->client, applying->id, RESOURCE_CONSTRAINT,
			"too many accounts from your address, try again in an hour");
	applying_free(applying);
}

static void
made(void *ctx, const struct err *err)
{
	struct applying *applying = ctx;
	struct client *client = applying->client;
	struct arena *arena = arena_new();

	if (err == NULL)
		say_result(client, applying->id, NULL, arena);
	else if (err->kind == ERR_EXISTS || err->kind == ERR_REFUSED)
		(void)say_error(client, applying->id, CONFLICT, "somebody has that name");
	else
		(void)say_error(client, applying->id,
				err->kind == ERR_SYNTAX ? NOT_ACCEPTABLE : INTERNAL_SERVER_ERROR,
				err->text);
	applying_free(applying);
	arena_drop(arena);
}

static enum outcome
on_stranger(void *self, struct client *client, struct session *session, const struct element *iq)
{
	const struct element *query = element_child(iq, NS_REGISTER, "query");
	const char *type = element_get(iq, "type");
	const char *id = element_get(iq, "id");
	struct arena *arena;

	(void)session;
	if (query == NULL || type == NULL || id == NULL)
		return PASS;
	if (client->domain->settings->registration != REGISTRATION_OPEN)
		return say_error(client, id, SERVICE_UNAVAILABLE,
				 "accounts are made by the admin here");
	if (strcmp(type, "set") == 0)
		return apply(self, client, iq, query);
	if (strcmp(type, "get") != 0)
		return PASS;
	arena = arena_new();
	say_result(client, id, fields(arena, "Choose a name and a password."), arena);
	arena_drop(arena);
	return DONE;
}

static void
on_offering(void *self, struct stream_features *features)
{
	(void)self;
	if (!features->admitted && features->domain->settings->registration == REGISTRATION_OPEN &&
	    features->may_log_in)
		element_add(features->arena, features->element, NS_REGISTER_FEATURE, "register");
}

/* --- after login --- */

static enum outcome
on_get(void *self, struct iq *iq)
{
	struct element *query = fields(iq->arena, "This is your account; you may choose another "
						  "password.");

	(void)self;
	element_add(iq->arena, query, NULL, "registered");
	element_put_text(iq->arena, element_child(query, NULL, "username"), iq->from.local);
	return iq_result(iq, query);
}

static enum outcome
answer(struct iq *iq, const struct err *err)
{
	if (err == NULL)
		return iq_result(iq, NULL);
	return iq_error(iq, err->kind == ERR_SYNTAX ? NOT_ACCEPTABLE : INTERNAL_SERVER_ERROR,
			err->text);
}

static void
removed(void *ctx, const struct err *err)
{
	(void)answer(ctx, err);
}

/* Who knows the old password only is out. */
static void
end_others(struct account *account, const struct jid *who)
{
	struct session *session;

	account_hold(account);
	LIST_EACH (&account->sessions, session, struct session, place)
		if (!jid_equal(session->jid, who))
			session_end(session, STREAM_RESET, "the password was changed");
	account_drop(account);
}

static void
password_changed(void *ctx, const struct err *err)
{
	struct iq *iq = ctx;
	struct account *account = err == NULL ? account_find(&iq->from) : NULL;
	struct jid *who = jid_own(&iq->from);

	(void)answer(iq, err);
	if (account != NULL)
		end_others(account, who);
	free(who);
}

static enum outcome
on_set(void *self, struct iq *iq)
{
	const struct registering *registering = self;
	const char *name = element_child_text(iq->arena, iq->query, NS_REGISTER, "username");
	const char *password = element_child_text(iq->arena, iq->query, NS_REGISTER, "password");
	struct jid who;

	if (element_child(iq->query, NS_REGISTER, "remove") != NULL) {
		if (element_only_child(iq->query) == NULL)
			return iq_error(iq, BAD_REQUEST, "<remove/> stands alone");
		account_erase(iq->domain, &iq->from, registering->reserve, removed, iq_hold(iq));
		return LATER;
	}
	if (password == NULL)
		return iq_error(iq, BAD_REQUEST, "a password, please");
	if (name != NULL && (!jid_make(&who, iq->arena, name, iq->domain->name, NULL, NULL) ||
			     !jid_equal_bare(&who, &iq->from)))
		return iq_error(iq, NOT_ALLOWED, "that is somebody else");
	if ((int64_t)strlen(password) < registering->password_min)
		return iq_error(iq, NOT_ACCEPTABLE, "that password is too short");
	account_set_password(iq->domain, &iq->from, password, password_changed, iq_hold(iq));
	return LATER;
}

static bool
start(void *self, struct domain *domain, struct err *err)
{
	(void)domain;
	(void)err;
	sweep(self);
	return true;
}

static void
stop(void *self)
{
	struct registering *registering = self;
	struct entry *entry, *next;

	timer_stop(&registering->sweep);
	for (entry = table_next(&registering->addresses, NULL); entry != NULL; entry = next) {
		next = table_next(&registering->addresses, entry);
		table_remove(&registering->addresses, entry);
		free(CONTAINER(entry, struct registrar, entry));
	}
	table_clear(&registering->addresses);
}

static const struct option options[] = {
	OPTION_NUMBER(struct registering, an_hour, 5, 1, 1000000,
		      "how many accounts one address may make in an hour"),
	OPTION_PERIOD(struct registering, reserve, PERIOD_DAYS(30), 0, PERIOD_DAYS(3650),
		      "how long the name of a removed account is not given away"),
	OPTION_NUMBER(struct registering, name_min, 1, 1, 64, "how many bytes a name has at least"),
	OPTION_NUMBER(struct registering, password_min, 8, 1, 128,
		      "how many bytes a password has at least"),
	OPTION_LIST(struct registering, refused_names,
		    "abuse admin administrator hostmaster postmaster root security support "
		    "webmaster",
		    "names that a stranger cannot take"),
	{ 0 },
};

static const struct iq_rule iqs[] = {
	{ IQ_GET, TO_DOMAIN_USERS | TO_SELF, NS_REGISTER, "query", on_get },
	{ IQ_SET, TO_DOMAIN_USERS | TO_SELF, NS_REGISTER, "query", on_set },
	{ 0 },
};

static const struct element_rule elements[] = {
	{ ELEMENT_SECURED, NS_CLIENT, "iq", on_stranger },
	{ 0 },
};

static const struct hook hooks[] = {
	FACT(features_offering, on_offering),
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "register",
	.about = "In-Band Registration (XEP-0077)",
	.help = "Whether strangers may make accounts is said by the domain's option "
		"\"registration\".  Users change their password and remove their account from "
		"their "
		"client in any case; after a new password their other clients must log in anew.",
	.features = NAMES(NS_REGISTER),
	.options = options,
	.iqs = iqs,
	.elements = elements,
	.hooks = hooks,
	.size = sizeof(struct registering),
	.start = start,
	.stop = stop,
};
