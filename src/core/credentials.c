/* SPDX-License-Identifier: MIT */
/*
 * What accounts prove themselves by; making, changing and erasing accounts.
 *
 * Hashing takes milliseconds, so it runs on helper threads of its own.  A change, in the
 * order it happens:
 *
 *   change_start		the password (if one is given) goes to a helper
 *   change_hashed		its keys are made: go to the account's home
 *   change_at_home		is it there, is the name free?  ask the store
 *   change_found		decide; write what changes in one batch
 *   change_stored		the store has it: sessions and contacts hear of it
 *   change_forget		not even the name is to be kept
 *   change_end			answer where it was asked
 */
#include "core/credentials.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/random.h"
#include "core/account.h"
#include "core/directory.h"
#include "core/domain.h"
#include "core/internal.h"
#include "core/loader.h"
#include "loop/helper.h"

#define HASHERS            2
#define HASHES_WAITING_MAX 1000
#define SALT_BYTES         16
#define ERASING_SECONDS    86400 /* nobody takes a name that is being forgotten */

/* Shared by all shards, never changed between open and close. */
static struct helper_pool *hashers;
static uint8_t secret[32];

static const struct statement credentials_read = {
	.name = "account.credentials",
	.in = "t",
	.out = "iiiibbb",
	.sqlite = "SELECT a.disabled, a.reserved_until, c.hash, c.iterations, c.salt, c.stored_key,"
		  " c.server_key FROM accounts a LEFT JOIN credentials c ON c.owner = a.owner"
		  " WHERE a.owner = ?",
	.hot = true,
};
static const struct statement account_state_read = {
	.name = "account.state",
	.in = "t",
	.out = "ii",
	.sqlite = "SELECT disabled, reserved_until FROM accounts WHERE owner = ?",
	.hot = true,
};
static const struct statement account_insert = {
	.name = "account.insert",
	.in = "tti",
	.sqlite = "REPLACE INTO accounts (owner, domain, created) VALUES (?, ?, ?)",
};
static const struct statement account_disable = {
	.name = "account.disable",
	.in = "it",
	.sqlite = "UPDATE accounts SET disabled = ? WHERE owner = ?",
};
static const struct statement account_reserve = {
	.name = "account.reserve",
	.in = "it",
	.sqlite = "UPDATE accounts SET reserved_until = ?, disabled = 0, roster_version = 0 WHERE "
		  "owner = ?",
};
static const struct statement credentials_write = {
	.name = "account.set-credentials",
	.in = "tiibbb",
	.sqlite = "REPLACE INTO credentials (owner, hash, iterations, salt, stored_key,"
		  " server_key) VALUES (?, ?, ?, ?, ?, ?)",
};
static const struct statement account_forget = {
	.name = "account.forget",
	.in = "t",
	.sqlite = "DELETE FROM accounts WHERE owner = ?",
};
static const struct statement roster_age = {
	.name = "roster.age",
	.in = "iit",
	.sqlite = "UPDATE accounts SET roster_version = CASE WHEN roster_version < ? THEN ?"
		  " ELSE roster_version + 1 END WHERE owner = ?",
};
static const struct statement secret_read = {
	.name = "secret.read",
	.in = "t",
	.out = "b",
	.sqlite = "SELECT value FROM secrets WHERE name = ?",
};
static const struct statement secret_write = {
	.name = "secret.write",
	.in = "tb",
	.sqlite = "INSERT INTO secrets (name, value) VALUES (?, ?)",
};
const struct statement account_list_statement = {
	.name = "account.list",
	.in = "tt",
	.out = "tiii",
	.sqlite = "SELECT owner, created, disabled, reserved_until FROM accounts WHERE domain = ? "
		  "AND owner > ?"
		  " ORDER BY owner LIMIT ?",
};
const struct statement account_show_statement = {
	.name = "account.show",
	.in = "t",
	.out = "iiii",
	.sqlite = "SELECT created, disabled, reserved_until,"
		  " (SELECT count(*) FROM roster r WHERE r.owner = a.owner AND r.listed = 1)"
		  " FROM accounts a WHERE owner = ?",
};
const struct statement account_number_statement = {
	.name = "account.number",
	.in = "t",
	.out = "i",
	.sqlite = "SELECT count(*) FROM accounts WHERE domain = ? AND reserved_until = 0",
};

const struct statement *const credentials_statements[] = {
	&credentials_read,
	&account_state_read,
	&account_insert,
	&account_disable,
	&account_reserve,
	&credentials_write,
	&account_forget,
	&roster_age,
	&secret_read,
	&secret_write,
	&account_list_statement,
	&account_show_statement,
	&account_number_statement,
	NULL,
};

/* --- opening --- */

bool
credentials_open(struct store *store, struct err *err)
{
	size_t length = 0;
	bool found = false;

	if (!store_read_now(store, &secret_read, (struct value[]) { text_value("login") }, secret,
			    sizeof secret, &length, &found, err))
		return false;
	if (!found || length != sizeof secret) {
		random_bytes(secret, sizeof secret);
		if (!store_write_now(store, &secret_write,
				     (struct value[]) { text_value("login"),
							blob_value(secret, sizeof secret) },
				     err))
			return false;
	}
	hashers = helper_pool_new("hash", HASHERS, HASHES_WAITING_MAX);
	return true;
}

void
credentials_close(void)
{
	if (hashers != NULL)
		helper_pool_free(&hashers);
	wipe(secret, sizeof secret);
}

/* --- loading --- */

struct load {
	credentials_fn *fn;
	void *ctx;
	char owner[];
};

static void
credentials_loaded(void *ctx, enum stored result, const struct rows *rows)
{
	struct load *load = ctx;
	struct credentials credentials = { 0 };
	enum account_found found = FOUND;

	if (result != STORE_OK)
		found = FAILED;
	else if (rows->count == 0 || ROW(rows, 0)[1].integer != 0)
		found = ABSENT;
	else if (ROW(rows, 0)[0].integer != 0)
		found = FOUND_DISABLED;
	for (size_t i = 0; (found == FOUND || found == FOUND_DISABLED) && i < rows->count; i++) {
		const struct value *row = ROW(rows, i);

		if (!row[2].null && row[2].integer >= 0 && row[2].integer < SCRAM_HASHES)
			scram_keys_set(&credentials.keys[row[2].integer],
				       (enum scram_hash)row[2].integer, (uint32_t)row[3].integer,
				       row[4].bytes, row[4].length, row[5].bytes, row[5].length,
				       row[6].bytes, row[6].length);
	}
	/* Who does not exist has keys too, the same each time: a stranger who asks learns
	 * nothing from the answer or its time. */
	if (found == ABSENT)
		for (int hash = 0; hash < SCRAM_HASHES; hash++)
			scram_fake(&credentials.keys[hash], (enum scram_hash)hash, secret,
				   sizeof secret, load->owner);
	load->fn(load->ctx, found, &credentials);
	wipe(&credentials, sizeof credentials);
	free(load);
}

void
credentials_load(struct domain *domain, const char *local, credentials_fn *fn, void *ctx)
{
	size_t size = strlen(local) + strlen(domain->name) + 2;
	struct load *load = zalloc(sizeof *load + size);
	struct value owner;

	load->fn = fn;
	load->ctx = ctx;
	(void)snprintf(load->owner, size, "%s@%s", local, domain->name);
	owner = text_value(load->owner);
	store_read(domain->store, &credentials_read, load->owner, &owner, credentials_loaded, load);
}

/* --- PLAIN --- */

struct check {
	struct job job;
	struct scram_keys keys;
	char *password;
	bool right;
	password_fn *fn;
	void *ctx;
};

static void
check_work(struct job *job)
{
	struct check *check = (struct check *)job;

	check->right = scram_plain_check(&check->keys, check->password);
}

static void
secret_free(char *text)
{
	if (text != NULL)
		wipe(text, strlen(text));
	free(text);
}

static void
check_done(struct job *job)
{
	struct check *check = (struct check *)job;

	check->fn(check->ctx, check->right);
	secret_free(check->password);
	wipe(&check->keys, sizeof check->keys);
	free(check);
}

bool
password_check(const struct credentials *credentials, const char *password, password_fn *fn,
	       void *ctx)
{
	struct check *check = zalloc(sizeof *check);

	/* SHA-256 is the cheapest of those that are there (measured: a quarter of SHA-512). */
	check->keys = credentials->keys[SCRAM_SHA256];
	for (int hash = 0; check->keys.iterations == 0 && hash < SCRAM_HASHES; hash++)
		check->keys = credentials->keys[hash]; /* an import need not bring them all */
	check->password = copy_text(password);
	check->fn = fn;
	check->ctx = ctx;
	if (helper_start(hashers, &check->job, 0, check_work, check_done))
		return true;
	secret_free(check->password);
	free(check);
	return false;
}

/* --- changing --- */

enum change_kind {
	CHANGE_MAKE,
	CHANGE_PASSWORD,
	CHANGE_ENABLED,
	CHANGE_ERASE,
	CHANGE_TAKEN, /* an import is over */
};

struct change {
	struct job job;
	struct post post;
	struct account_want want;
	enum change_kind kind;
	struct shard *asked_at;
	char *domain;
	struct jid *who;
	char *password;
	struct credentials credentials;
	bool enabled;
	bool imports; /* CHANGE_MAKE: disabled until all is there; a reserved name is free */
	int64_t reserve_ms;
	struct account *account; /* in memory, to be ended; NULL */
	bool frozen;             /* it is */
	struct entry making;     /* CHANGE_MAKE: nobody else makes it meanwhile */
	bool makes;
	struct err err;
	account_changed_fn *fn;
	void *ctx;
};

static void change_hash(struct job *job);
static void change_hashed(struct job *job);
static void change_at_home(void *arg);
static void change_found(void *ctx, enum stored result, const struct rows *rows);
static void change_account_ready(void *ctx, struct account *account);
static void change_disabled(void *ctx, struct account *account);
static void change_write(struct change *change);
static void change_stored(void *ctx, enum stored result);
static void change_forget(struct change *change, struct domain *domain);
static void change_forgotten(void *ctx, enum stored result);
static void change_end(struct change *change);
static void change_answer(void *arg);
static void change_close(void *arg);

static struct change *
change_new(struct domain *domain, const struct jid *who, enum change_kind kind,
	   account_changed_fn *fn, void *ctx)
{
	struct change *change = zalloc(sizeof *change);
	struct jid bare = jid_bare(who);

	change->kind = kind;
	change->asked_at = shard_here();
	change->domain = copy_text(domain->name);
	change->who = jid_own(&bare);
	change->fn = fn;
	change->ctx = ctx;
	return change;
}

static void
change_start(struct change *change, const char *password)
{
	if (password == NULL) {
		shard_post(directory_home(change->who), &change->post, change_at_home, change);
		return;
	}
	change->password = copy_text(password);
	if (!helper_start(hashers, &change->job, 0, change_hash, change_hashed)) {
		err_fail(&change->err, ERR_DOWN, "too many passwords wait to be hashed");
		change_end(change);
	}
}

static void
change_hash(struct job *job)
{
	struct change *change = (struct change *)job;

	for (int hash = 0; hash < SCRAM_HASHES; hash++) {
		uint8_t salt[SALT_BYTES];

		random_bytes(salt, sizeof salt);
		if (!scram_derive(&change->credentials.keys[hash], (enum scram_hash)hash,
				  change->password, salt, sizeof salt, SCRAM_ITERATIONS,
				  &change->err))
			return;
	}
}

static void
change_hashed(struct job *job)
{
	struct change *change = (struct change *)job;

	if (change->err.kind != ERR_NONE)
		change_end(change);
	else
		shard_post(directory_home(change->who), &change->post, change_at_home, change);
}

static void
change_at_home(void *arg)
{
	struct change *change = arg;
	struct domain *domain = domain_find(change->domain);
	struct value owner = text_value(change->who->bare);

	if (domain == NULL) {
		err_fail(&change->err, ERR_ABSENT, "\"%s\" is not served here", change->domain);
		change_end(change);
		return;
	}
	if (change->kind == CHANGE_MAKE) {
		if (table_get(&here()->making, change->who->bare) != NULL) {
			err_fail(&change->err, ERR_EXISTS, "the account \"%s\" is just being made",
				 change->who->bare);
			change_end(change);
			return;
		}
		table_put(&here()->making, &change->making, change->who->bare);
		change->makes = true;
	}
	store_read(domain->store, &account_state_read, change->who->bare, &owner, change_found,
		   change);
}

static void
change_found(void *ctx, enum stored result, const struct rows *rows)
{
	struct change *change = ctx;
	struct domain *domain = domain_find(change->domain);
	int64_t reserved = result == STORE_OK && rows->count > 0 ? ROW(rows, 0)[1].integer : 0;
	bool there = result == STORE_OK && rows->count > 0 && reserved == 0;

	if (result != STORE_OK || domain == NULL)
		err_fail(&change->err, ERR_DOWN, "the store cannot be read now");
	else if (change->kind == CHANGE_MAKE && there)
		err_fail(&change->err, ERR_EXISTS, "the account \"%s\" exists already",
			 change->who->bare);
	else if (change->kind == CHANGE_MAKE && !change->imports && reserved > now_seconds())
		err_fail(&change->err, ERR_REFUSED,
			 "the name \"%s\" was erased not long ago and is reserved",
			 change->who->bare);
	else if (change->kind == CHANGE_ERASE && reserved > now_seconds() &&
		 change->reserve_ms <= 0)
		; /* only the name is left, and now it goes, too */
	else if (change->kind != CHANGE_MAKE && !there)
		err_fail(&change->err, ERR_ABSENT, "there is no account \"%s\"", change->who->bare);

	if (change->err.kind != ERR_NONE)
		change_end(change);
	else if (change->kind == CHANGE_ERASE)
		account_get(domain, change->who, &change->want, change_account_ready, change);
	else
		change_write(change);
}

static void
change_account_ready(void *ctx, struct account *account)
{
	struct change *change = ctx;

	change->account = account;
	if (account->state == ACCOUNT_UNKNOWN || domain_find(change->domain) == NULL) {
		err_fail(&change->err, ERR_DOWN, "the account cannot be read now");
		change_end(change);
		return;
	}
	/* Nothing that comes now is to be kept behind the erasure. */
	account_freeze(account, true);
	change->frozen = true;
	change_write(change);
}

static void
change_disabled(void *ctx, struct account *account)
{
	struct change *change = ctx;

	change->account = account;
	change_end(change);
}

static void
write_credentials(struct change *change, struct batch *batch)
{
	for (int hash = 0; hash < SCRAM_HASHES; hash++) {
		const struct scram_keys *keys = &change->credentials.keys[hash];
		size_t size = scram_hash_size((enum scram_hash)hash);

		batch_add(batch, &credentials_write,
			  (struct value[]) { text_value(change->who->bare), INTEGER_VALUE(hash),
					     INTEGER_VALUE(keys->iterations),
					     blob_value(keys->salt, keys->salt_length),
					     blob_value(keys->stored_key, size),
					     blob_value(keys->server_key, size) });
	}
}

/* What every module keeps goes, of those that are switched off too. */
static void
write_module_erasure(const struct jid *who, struct domain *domain, struct batch *batch)
{
	kept_erase(batch, who->bare, KEPT_BY_MODULES);
	FACTS(domain, account_erasing, who, batch);
}

static void
write_erasure(struct change *change, struct domain *domain, struct batch *batch)
{
	int64_t reserved = change->reserve_ms / 1000;

	kept_erase(batch, change->who->bare, KEPT_BY_CORE);
	write_module_erasure(change->who, domain, batch);
	if (change->reserve_ms == ERASE_THE_NAME)
		reserved = ERASING_SECONDS;
	batch_add(batch, &account_reserve,
		  (struct value[]) { INTEGER_VALUE(now_seconds() + reserved + 1),
				     text_value(change->who->bare) });
}

static void
change_write(struct change *change)
{
	struct domain *domain = domain_find(change->domain);
	struct value owner = text_value(change->who->bare);
	struct batch *batch = batch_new(domain->store, change->who->bare);

	switch (change->kind) {
	case CHANGE_MAKE:
		batch_add(batch, &account_insert,
			  (struct value[]) { owner, text_value(domain->name),
					     INTEGER_VALUE(now_seconds()) });
		if (change->password != NULL)
			write_credentials(change, batch);
		if (change->imports)
			batch_add(batch, &account_disable,
				  (struct value[]) { INTEGER_VALUE(1), owner });
		FACTS(domain, account_making, change->who, batch);
		break;
	case CHANGE_PASSWORD:
		write_credentials(change, batch);
		break;
	case CHANGE_ENABLED:
		batch_add(batch, &account_disable,
			  (struct value[]) { INTEGER_VALUE(change->enabled ? 0 : 1), owner });
		break;
	case CHANGE_ERASE:
		write_erasure(change, domain, batch);
		break;
	case CHANGE_TAKEN:
		batch_add(batch, &roster_age,
			  (struct value[]) { INTEGER_VALUE(now_unix_ms()),
					     INTEGER_VALUE(now_unix_ms()), owner });
		if (change->imports)
			batch_add(batch, &account_disable,
				  (struct value[]) { INTEGER_VALUE(change->enabled ? 0 : 1),
						     owner });
		break;
	}
	batch_commit(batch, change_stored, change);
}

static void
change_stored(void *ctx, enum stored result)
{
	struct change *change = ctx;
	struct domain *domain = domain_find(change->domain);
	const struct contact *contact = NULL;

	if (result != STORE_OK) {
		err_fail(&change->err, ERR_DOWN, "it cannot be stored now");
	} else if (change->kind == CHANGE_ENABLED && !change->enabled && domain != NULL &&
		   account_is_in_memory(change->who)) {
		/* If it is just being loaded, it may be from what was before. */
		account_get(domain, change->who, &change->want, change_disabled, change);
		return;
	} else if (change->kind == CHANGE_TAKEN && account_find(change->who) != NULL) {
		account_reload(account_find(change->who));
	} else if (change->kind == CHANGE_ERASE && change->account != NULL &&
		   change->account->roster != NULL) {
		/* XEP-0077 §3.2: whoever knew it learns that it is gone. */
		while ((contact = roster_next(change->account->roster, contact)) != NULL)
			contact_end(change->account, contact);
		change->account->erased = true;
		/* They have heard it all: its sessions go without another word to them. */
		roster_free(&change->account->roster);
		change->account->roster = roster_new();
	}
	if (change->frozen)
		account_freeze(change->account, false);
	if (change->kind == CHANGE_ERASE && change->reserve_ms == ERASE_THE_NAME &&
	    result == STORE_OK && domain != NULL)
		change_forget(change, domain);
	else
		change_end(change);
}

/* Its sessions end first, and what they leave behind goes with the name. */
static void
change_forget(struct change *change, struct domain *domain)
{
	struct batch *batch = batch_new(domain->store, change->who->bare);
	struct value owner = text_value(change->who->bare);

	if (change->account != NULL) {
		account_end(change->account, STREAM_NOT_AUTHORIZED, "this account was removed");
		account_drop(change->account);
		change->account = NULL;
	}
	write_module_erasure(change->who, domain, batch);
	batch_add(batch, &account_forget, &owner);
	batch_commit(batch, change_forgotten, change);
}

static void
change_forgotten(void *ctx, enum stored result)
{
	struct change *change = ctx;

	if (result != STORE_OK)
		err_fail(&change->err, ERR_DOWN, "it cannot be stored now");
	change_end(change);
}

static void
change_end(struct change *change)
{
	if (change->makes)
		table_remove(&here()->making, &change->making);
	shard_post(change->asked_at, &change->post, change_answer, change);
}

static void
change_answer(void *arg)
{
	struct change *change = arg;

	if (change->fn != NULL)
		change->fn(change->ctx, change->err.kind != ERR_NONE ? &change->err : NULL);
	shard_post(directory_home(change->who), &change->post, change_close, change);
}

/* What modules have kept of the account's last sessions as they went: it goes, too. */
static void
erase_the_rest(struct change *change)
{
	struct domain *domain = domain_find(change->domain);
	struct batch *batch;

	if (domain == NULL)
		return;
	batch = batch_new(domain->store, change->who->bare);
	write_module_erasure(change->who, domain, batch);
	batch_commit(batch, NULL, NULL);
}

/* An account that removes itself hears the answer first, then its streams end. */
static void
change_close(void *arg)
{
	struct change *change = arg;
	bool had_sessions = change->account != NULL && change->account->session_count > 0;

	if (change->account != NULL && change->err.kind == ERR_NONE)
		account_end(change->account,
			    change->kind == CHANGE_ERASE ? STREAM_NOT_AUTHORIZED
							 : STREAM_POLICY_VIOLATION,
			    change->kind == CHANGE_ERASE ? "this account was removed"
							 : "this account was disabled");
	if (change->kind == CHANGE_ERASE && change->err.kind == ERR_NONE && had_sessions)
		erase_the_rest(change);
	if (change->account != NULL)
		account_drop(change->account);
	secret_free(change->password);
	wipe(&change->credentials, sizeof change->credentials);
	free(change->domain);
	free(change->who);
	free(change);
}

void
account_make(struct domain *domain, const struct jid *who, const char *password,
	     account_changed_fn *fn, void *ctx)
{
	change_start(change_new(domain, who, CHANGE_MAKE, fn, ctx), password);
}

void
account_set_password(struct domain *domain, const struct jid *who, const char *password,
		     account_changed_fn *fn, void *ctx)
{
	change_start(change_new(domain, who, CHANGE_PASSWORD, fn, ctx), password);
}

void
account_set_enabled(struct domain *domain, const struct jid *who, bool enabled,
		    account_changed_fn *fn, void *ctx)
{
	struct change *change = change_new(domain, who, CHANGE_ENABLED, fn, ctx);

	change->enabled = enabled;
	change_start(change, NULL);
}

void
account_erase(struct domain *domain, const struct jid *who, int64_t reserve_ms,
	      account_changed_fn *fn, void *ctx)
{
	struct change *change = change_new(domain, who, CHANGE_ERASE, fn, ctx);

	change->reserve_ms = reserve_ms;
	change_start(change, NULL);
}

void
account_import(struct domain *domain, const struct jid *who, const char *password,
	       account_changed_fn *fn, void *ctx)
{
	struct change *change = change_new(domain, who, CHANGE_MAKE, fn, ctx);

	change->imports = true;
	change_start(change, password);
}

void
account_imported(struct domain *domain, const struct jid *who, bool made, bool enabled,
		 account_changed_fn *fn, void *ctx)
{
	struct change *change = change_new(domain, who, CHANGE_TAKEN, fn, ctx);

	change->imports = made;
	change->enabled = enabled;
	change_start(change, NULL);
}
