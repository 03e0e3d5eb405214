/* SPDX-License-Identifier: MIT */
/*
 * The commands of the program itself, and what only the tool needs to know of commands.
 */
#pragma once

#include "base/text.h"
#include "core/command.h"

struct arena;

enum {                          /* beside enum command_flags */
       COMMAND_LOCAL = 0x100,   /* runs in the tool, with or without a server */
       COMMAND_HIDDEN = 0x200,  /* not in help, completion, manual */
       COMMAND_ALONE = 0x400,   /* only while no server runs */
       COMMAND_SHUT = 0x800,    /* offline it wants the store closed: only the lock is held */
       COMMAND_BARE = 0x4000,   /* offline it wants the store as it is, without domains */
       COMMAND_MANY = 0x1000,   /* --name may be said several times: words joined by spaces */
       COMMAND_PROVES = 0x2000, /* its password is compared, not set: asked for once */
       COMMAND_TALKS = 0x8000,  /* runs in the tool, which asks the server for pieces (talk.h) */
};

extern const struct command server_commands[];
extern const struct command account_commands[];
extern const struct command session_commands[];
extern const struct command store_commands[];
extern const struct command local_commands[]; /* init, conf, completion, help, manual */

/* Adds all of them. */
void commands_open(void);

/* "there is no command "stats"; did you mean "status"?" */
void commands_explain_unknown(struct text *out, const char *noun, const char *verb);

/* The next command that people should know of; ends with NULL.  In order of nouns. */
const struct command *commands_shown(const struct command *before);
/* "account add JID [--domain DOMAIN]" */
void command_usage(struct text *out, const struct command *command);
/* "account add" */
void command_name(struct text *out, const struct command *command);

/* Runs a call whose arguments were read: on shard 0, with the module's own self when the
 * command is a module's. */
void command_run(struct call *call);

/* The address that a command is about, in `arena`; NULL after answering that it is none,
 * or not of a domain of ours. */
struct jid;
struct domain;
const struct jid *command_jid(struct call *call, struct arena *arena, const char *name,
			      struct domain **domain);

/* The argument "domain" in `name`; an admin of a domain means that one.  NULL: all.  False
 * after answering that it cannot be. */
bool command_domain(struct call *call, const char **name);

/* "2026-11-25T03:04:45Z", or null for 0. */
json_t *json_time(int64_t seconds);
/* The lines of a text as an array. */
json_t *json_lines(const char *text);
