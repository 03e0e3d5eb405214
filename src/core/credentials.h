/* SPDX-License-Identifier: MIT */
/*
 * What an account proves itself by, and how accounts are made and unmade.
 *
 * No password is kept: a StoredKey and ServerKey of each hash, made when the password is
 * set (RFC 5802 §3).  All functions may be called on any shard; answers come there, once,
 * later.
 */
#pragma once

#include "store/store.h"
#include "xmpp/jid.h"
#include "xmpp/scram.h"

struct domain;

enum account_found { FOUND, FOUND_DISABLED, ABSENT, FAILED }; /* FAILED: cannot tell now */

struct credentials {
	struct scram_keys keys[3]; /* by enum scram_hash; iterations 0: none of that hash */
};

/* Credentials of an account.  For an ABSENT one they are made up, the same at each try. */
typedef void credentials_fn(void *ctx, enum account_found found,
			    const struct credentials *credentials);
void credentials_load(struct domain *domain, const char *local, credentials_fn *fn, void *ctx);

/* Checks a PLAIN password on a helper thread (bounded: TRY_LATER when too many wait). */
typedef void password_fn(void *ctx, bool right);
bool password_check(const struct credentials *credentials, const char *password, password_fn *fn,
		    void *ctx);

/* Changes; `err` NULL: done and kept.  ERR_EXISTS, ERR_ABSENT, ERR_SYNTAX (the password
 * cannot be prepared), ERR_REFUSED (the name is reserved), ERR_DOWN. */
typedef void account_changed_fn(void *ctx, const struct err *err);
PUBLIC void account_make(struct domain *domain, const struct jid *who, const char *password,
			 account_changed_fn *fn, void *ctx);
PUBLIC void account_set_password(struct domain *domain, const struct jid *who, const char *password,
				 account_changed_fn *fn, void *ctx);
PUBLIC void account_set_enabled(struct domain *domain, const struct jid *who, bool enabled,
				account_changed_fn *fn, void *ctx);
/* Contacts hear unsubscribe and unsubscribed, sessions end, everything modules keep of it
 * goes, and the name stays reserved for `reserve_ms`.  ERASE_THE_NAME: it goes, too. */
#define ERASE_THE_NAME INT64_MIN
PUBLIC void account_erase(struct domain *domain, const struct jid *who, int64_t reserve_ms,
			  account_changed_fn *fn, void *ctx);

/* An import begins: the account is made, with a password or (NULL) without, and nobody can log
 * in to it before it ends.  A reserved name is no obstacle.  ERR_EXISTS: it is there. */
void account_import(struct domain *domain, const struct jid *who, const char *password,
		    account_changed_fn *fn, void *ctx);
/* And ends: what is in memory is loaded anew; an account that it `made` is opened, if it is
 * `enabled`. */
void account_imported(struct domain *domain, const struct jid *who, bool made, bool enabled,
		      account_changed_fn *fn, void *ctx);

extern const struct statement account_list_statement; /* domain, after, LIMIT -> see .c */
extern const struct statement account_show_statement;
extern const struct statement account_number_statement; /* domain -> how many */

/* The secret behind made-up credentials, from the store (made at the first start).  Blocks;
 * main only. */
bool credentials_open(struct store *store, struct err *err);
void credentials_close(void);
