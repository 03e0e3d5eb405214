/* SPDX-License-Identifier: MIT */
/*
 * What is kept of a user: read for an export, taken from one, erased.
 *
 * A module names each kind of row it keeps of an account (`keeps` in core/declare.h).  An export
 * is a document of XEP-0227; what has a place there is said as the specification wants it
 * (struct form), anything else as rows in a namespace of ours:
 *
 *	<rows xmlns='urn:stentor:export:0' of='last.get'><row><v>...</v><v>...</v></row></rows>
 *
 * Both ways it is a page or a piece at a time, so that an archive of any length takes no memory.
 */
#pragma once

#include "store/store.h"
#include "xml/element.h"
#include "xmpp/jid.h"

struct domain;
struct form;

struct keep {
	const char *what; /* "messages received while offline" */
	/* A query by owner ("t" in): its rows are what is exported, under the statement's name.
	 * NULL: there is nothing to say of it.  A second parameter makes it a page
	 * (store_page): rows come in the order of the first column, those behind the parameter. */
	const struct statement *rows;
	/* A write by owner: deletes all of it, behind those that are declared before.  NULL: what
	 * another one deletes. */
	const struct statement *erase;
	/* A write of one row of `rows`: its columns, and then the owner.  NULL: only forms take
	 * it, or it is not taken at all. */
	const struct statement *put;
	/* How it is said and taken, ended by { 0 }; the first says it.  NULL: as rows of ours. */
	const struct form *forms;
	/* A table whose `owner` is a domain and no user: nothing of a person is in it. */
	const char *shared;
};

/* What of an import is being written. */
struct taking {
	struct arena *arena; /* gone when the batch is */
	const char *owner;   /* bare */
	struct domain *domain;
	struct batch *batch;
	unsigned rows;
	bool keys; /* what it proves itself by is taken, too */
};

struct form {
	const char *ns, *name; /* an element below <user/> */
	bool wraps;            /* each element in it is one; else it is one itself */
	/* A row as such an element; NULL: it cannot be said.  NULL function: never said so. */
	struct element *(*show)(struct arena *arena, const char *owner, const struct value *row);
	/* Writes what an element says (taking_add); false: it is not understood. */
	bool (*take)(struct taking *taking, const struct element *element);
};

/* Adds a row: the parameters of `put` but the last, which is the owner. */
PUBLIC void taking_add(struct taking *taking, const struct statement *put, const struct value *in);

/* --- core's own, for main and tests --- */

struct kept_kind {
	const char *by; /* the module's name; "core" */
	const struct keep *keep;
};
/* Those of core, then those of every module there is, in use or not; false at the end. */
bool kept_next(struct kept_kind *kept);
/* Adds what erases all that is kept by them, but not the account's name. */
enum kept_by { KEPT_BY_CORE, KEPT_BY_MODULES };
void kept_erase(struct batch *batch, const char *owner, enum kept_by by);

struct kept_page {
	struct text *xml; /* children of <user/>, whole but for a container that goes on */
	const char *next; /* where to go on; NULL: that was all */
	unsigned rows;
};
/* Reads what is kept, from the beginning (`after` NULL) or where a page before ended.  `page` is
 * NULL when it cannot be read, and good during the call only. */
typedef void kept_page_fn(void *ctx, const struct kept_page *page, const struct err *err);
void kept_read(struct domain *domain, const char *owner, const char *after, kept_page_fn *fn,
	       void *ctx);

/* Writes what a <user/> says; without `keys` it keeps those it has.  What was not understood
 * comes as text, a line each, "" when there is nothing. */
typedef void kept_taken_fn(void *ctx, enum stored stored, unsigned rows, const char *ignored);
void kept_take(struct domain *domain, const char *owner, const struct element *user, bool keys,
	       kept_taken_fn *fn, void *ctx);
/* The password that a <user/> says as it is; NULL: none, or keys made of one. */
const char *kept_password(const struct element *user);

/* --- core/account_keeps.c --- */
extern const struct keep core_keeps[];
/* Keys that other servers put into attributes of <user/>; false: there are some, and they are not
 * understood. */
bool keys_take_attributes(struct taking *taking, const struct element *user);
