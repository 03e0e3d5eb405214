/* SPDX-License-Identifier: MIT */
/*
 * Every hook there is, with its type: the page that writers of modules read.
 *
 * A stoppable hook (HOOK) is named for what is happening and answers PASS, DONE or LATER.
 * A fact (FACT) is named for what has happened and answers nothing.  Hooks of one kind
 * run by stage; within a stage order must not matter.
 *
 * A hook runs on the shard named with it.  A handler that answers LATER has taken a hold
 * of its own on the object and resumes it once: stanza_resume, account_resume,
 * features_resume.
 */
#pragma once

#include "core/iq.h"
#include "core/outcome.h"
#include "core/session.h"
#include "core/stanza.h"

struct contact;

/* In the order a stanza meets them. */
enum stage {
	STAGE_GUARD,    /* may it pass?		blocking, limits */
	STAGE_STAMP,    /* what is written on it?	stanza-id, delay */
	STAGE_ARCHIVE,  /* must it be kept?	archive */
	STAGE_COPY,     /* who else wants it?	carbons, push */
	STAGE_DELIVER,  /* who gets it?		core */
	STAGE_FALLBACK, /* what if nobody did?	offline; only when the verdict is STORE */
};

struct disco;
struct stream_features;
struct removal;
struct text;

/*
 * X(name, type of answer, arguments)
 */
#define HOOKS(X)                                                                                \
	/* A client of ours says something; it has not left its account.  Home of the           \
	 * sender.  stanza->session says it.  Not called for what the server itself answers     \
	 * (an IQ without 'to'), which only iq_arriving sees. */                                \
	X(message_leaving, enum outcome, (void *self, struct stanza *stanza))                   \
	X(presence_leaving, enum outcome, (void *self, struct stanza *stanza))                  \
	X(iq_leaving, enum outcome, (void *self, struct stanza *stanza))                        \
	/* A stanza has reached the account it is for.  Home of the account.  From stage        \
	 * ARCHIVE on stanza->plan is there and may be amended.  presence_arriving sees         \
	 * updates, subscriptions and probes; iq_arriving what is asked of the account and      \
	 * what goes on to a session. */                                                        \
	X(message_arriving, enum outcome, (void *self, struct stanza *stanza))                  \
	X(presence_arriving, enum outcome, (void *self, struct stanza *stanza))                 \
	X(iq_arriving, enum outcome, (void *self, struct stanza *stanza))                       \
	/* The plan was made and amended and will be carried out now; it can still be changed.  \
	 * Home of the account. */                                                              \
	X(plan_made, enum outcome, (void *self, struct stanza *stanza))                         \
	/* A stanza is for a domain that is not ours.  Home of the pair (from's domain, to's    \
	 * domain).  DONE: the handler holds it and will deliver it or send an error. */        \
	X(routing_out, enum outcome, (void *self, struct stanza *stanza))                       \
	/* A stanza cannot be delivered and an error is about to go back.  Where that was       \
	 * found.  DONE: the handler has found another way. */                                  \
	X(undeliverable, enum outcome, (void *self, struct stanza *stanza, enum condition why)) \
	/* A message for the domain itself, from anybody.  Home of the sender. */               \
	X(message_to_domain, enum outcome, (void *self, struct stanza *stanza))                 \
	/* An account comes into memory; unseen by anybody until all have passed.  DONE: it     \
	 * cannot be used now.  Home of the account. */                                         \
	X(account_loading, enum outcome, (void *self, struct account *account))                 \
	/* An account leaves memory: free what the corner owns. */                              \
	X(account_unloading, void, (void *self, struct account *account))                       \
	/* A client is bound; it has no presence yet. */                                        \
	X(session_bound, void, (void *self, struct session *session))                           \
	/* A session has sent its first available presence (true), or a later one. */           \
	X(session_available, void, (void *self, struct session *session, bool first))           \
	/* A session has sent unavailable presence, or has left while available; `presence` is  \
	 * what it said, or NULL when it just went away. */                                     \
	X(session_unavailable, void,                                                            \
	  (void *self, struct session *session, const struct element *presence))                \
	/* What should outlive the process has changed of a session (core/lasting.h). */        \
	X(session_changed, void, (void *self, struct session *session))                         \
	/* A session's state is written down: put children of your own below it; and it is made \
	 * anew from what was. */                                                               \
	X(session_saving, void,                                                                 \
	  (void *self, struct session *session, struct arena *arena, struct element *state))    \
	X(session_reviving, void,                                                               \
	  (void *self, struct session *session, const struct element *state))                   \
	/* The server stops, and the session lasts beyond that: its module writes down what it  \
	 * has to. */                                                                           \
	X(session_put_by, void, (void *self, struct session *session))                          \
	/* A session has lost what carried it.  LATER: the handler keeps it and will call       \
	 * session_carry or session_end. */                                                     \
	X(carrier_lost, enum outcome, (void *self, struct session *session))                    \
	/* A session that had lost what carried it has another carrier, to which nothing was    \
	 * said yet. */                                                                         \
	X(session_carried, void, (void *self, struct session *session))                         \
	/* A session is gone for good; its fields can still be read. */                         \
	X(session_left, void, (void *self, struct session *session))                            \
	/* A session's memory goes, or the module was stopped: free what the corner owns. */    \
	X(session_unloading, void, (void *self, struct session *session))                       \
	/* An admin looks at a session: add what there is to say of it, in a few words. */      \
	X(session_describing, void, (void *self, struct session *session, struct text *about))  \
	/* Something is about to be said to a session.  DONE: the handler keeps it back and has \
	 * taken what it needs. */                                                              \
	X(parcel_leaving, enum outcome, (void *self, struct session *session, struct parcel *)) \
	/* A contact of the roster has changed, and the store has it. */                        \
	X(roster_changed, void,                                                                 \
	  (void *self, struct account *account, const struct contact *contact))                 \
	/* An account is about to tell a contact how it is, or to ask how they are.  DONE: it   \
	 * does not.  Home of the account. */                                                   \
	X(presence_showing, enum outcome,                                                       \
	  (void *self, struct account *account, const struct jid *contact))                     \
	/* The presence that a session broadcasts is about to leave: a handler may put children \
	 * into it (XEP-0153).  Home of the account. */                                         \
	X(presence_stamping, void,                                                              \
	  (void *self, struct session *session, struct arena *arena, struct element *presence)) \
	/* Stream features are offered to a client; add yours (core/features.h). */             \
	X(features_offering, void, (void *self, struct stream_features *features))              \
	/* Somebody asks who is there and what it can do (core/disco.h); add yours. */          \
	X(disco_asking, void, (void *self, struct disco *disco))                                \
	/* An account is made; the statements of `batch` are committed with it. */              \
	X(account_making, void, (void *self, const struct jid *who, struct batch *batch))       \
	/* An account is erased: add to `batch` what deletes all that is kept of it.  Any       \
	 * shard. */                                                                            \
	X(account_erasing, void, (void *self, const struct jid *who, struct batch *batch))      \
	/* The configuration was read anew and self's options have changed.  Every shard. */    \
	X(options_changed, void, (void *self))

enum hook_name {
#define X(name, answer, arguments) HOOK_##name,
	HOOKS(X)
#undef X
		HOOK_COUNT
};

union hook_fn {
#define X(name, answer, arguments) answer(*name) arguments;
	HOOKS(X)
#undef X
};

struct hook { /* one line of a module's table; `used` false ends it */
	bool used;
	enum hook_name name;
	enum stage stage;
	union hook_fn fn;
};

/* HOOK(message_arriving, GUARD, on_arriving) */
#define HOOK(name_, stage_, function)                                        \
	{                                                                    \
		.used = true, .name = HOOK_##name_, .stage = STAGE_##stage_, \
		.fn.name_ = (function)                                       \
	}
#define FACT(name_, function)                                                                      \
	{                                                                                          \
		.used = true, .name = HOOK_##name_, .stage = STAGE_DELIVER, .fn.name_ = (function) \
	}
