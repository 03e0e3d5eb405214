/* SPDX-License-Identifier: MIT */
/*
 * The admin socket: a line of JSON asks, a line of JSON answers.
 *
 *   {"command": ["account", "add"], "arguments": {"jid": "...", "password": "..."}}
 *   {"ok": true, "result": ...}
 *   {"ok": false, "kind": "exists", "error": "...", "faults": ["...", "..."]}
 *
 * It is the file "admin.sock" in the data folder, mode 0600, and answers nobody but root
 * and the server's own user.  Requests of one client run one after the other.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "base/text.h"
#include "core/command.h"

bool admin_open(struct err *err); /* on shard 0, whose loop runs */
void admin_close(void);           /* what is under way is still answered */
void admin_end(void);             /* after the loops */

/* "usage", "absent", "exists", ... as answers say it. */
const char *admin_kind(enum err_kind kind);
/* Reads one request: `call->command` and `call->arguments` are good then.  False with the
 * reason when it cannot be understood, or is not for a server that runs. */
bool admin_understand(struct call *call, const char *line, size_t length, struct text *because);
/* The answer with a command's result; one with "faults" is a refusal. */
json_t *admin_answer(json_t *result);
