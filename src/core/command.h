/* SPDX-License-Identifier: MIT */
/*
 * What an admin can ask for, declared once: the CLI, ad-hoc commands, completion and the
 * manual all come from it.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "base/base.h"

struct domain;

enum argument_kind {
	ARGUMENT_END_,
	ARGUMENT_TEXT,
	ARGUMENT_JID,
	ARGUMENT_DOMAIN,
	ARGUMENT_NUMBER,
	ARGUMENT_FLAG,
	ARGUMENT_PASSWORD,
	ARGUMENT_CHOICE,
	ARGUMENT_FILE
};

struct argument {
	enum argument_kind kind;
	const char *name; /* "jid": positional; "--reason": by name */
	const char *help;
	bool optional;            /* positional only */
	const char *const *words; /* ARGUMENT_CHOICE */
	const char *field;        /* its name in an ad-hoc form (XEP-0133); NULL: `name` */
	bool lines;               /* ARGUMENT_TEXT: of several lines */
};

enum command_flags {
	COMMAND_OFFLINE = 1,   /* also works while no server runs */
	COMMAND_DANGEROUS = 2, /* the CLI asks first unless --yes is given */
	COMMAND_ADHOC = 4,     /* offered to admins through XEP-0050 as well */
};

struct call;

struct command {
	const char *noun, *verb; /* verb NULL: a noun alone ("status") */
	const char *about;       /* one line */
	const char *help;        /* paragraphs; NULL */
	const char *example;     /* "stentorctl account add juliet@capulet.example" */
	const char *node;        /* the ad-hoc node of XEP-0133; NULL: made from the names */
	const struct argument *arguments; /* ended by { 0 } */
	unsigned flags;
	/* Runs on shard 0; answers once, at once or later. */
	void (*run)(struct call *call);
};

/* What was asked; freed by its answer. */
struct call {
	const struct command *command;
	json_t *arguments;     /* by name, without "--" */
	struct domain *domain; /* of ad-hoc commands: whose admin asks; else NULL */
	void *module;          /* self on shard 0 of a module's command; NULL */
	/* Takes `result`; frees the call itself if it was allocated. */
	void (*answered)(struct call *call, json_t *result, const struct err *err);
	void *ctx;
};

PUBLIC const char *call_text(const struct call *call, const char *name); /* NULL: not given */
PUBLIC int64_t call_number(const struct call *call, const char *name, int64_t fallback);
PUBLIC bool call_flag(const struct call *call, const char *name);
/* `result` becomes the callee's: an object, or an array of objects shown as a table. */
PUBLIC void call_result(struct call *call, json_t *result);
PUBLIC void call_fail(struct call *call, enum err_kind kind, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* Checks names and kinds and fills `call->arguments` from `given` (borrowed); false with
 * the reason and the nearest valid word. */
bool call_read(struct call *call, const json_t *given, struct err *err);
/* Runs; from here on the answer comes through call->answered. */
void call_run(struct call *call);
/* The same from any shard, for a module: the command runs on shard 0 and `answered` is
 * called here.  `given` (arguments by name) becomes the callee's.  `domain` is whose admin
 * asks. */
PUBLIC void command_ask(const struct command *command, struct domain *domain, json_t *given,
			void (*answered)(void *ctx, json_t *result, const struct err *err),
			void *ctx);

/* Whether a domain has it: a module's commands are there where the module is. */
PUBLIC bool command_is_in(const struct command *command, const struct domain *domain);

/* The commands of the program and of all loaded modules; ends with NULL. */
PUBLIC const struct command *command_next(const struct command *before);
const struct command *command_find(const char *noun, const char *verb);
/* Adds a table (ended by noun NULL) of the program's own. */
void commands_add(const struct command *table);
