/* SPDX-License-Identifier: MIT */
/* The tool's end of the admin socket.  It blocks: tools do not run a loop. */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "core/command.h"

enum reached { REACHED, NOBODY_THERE, UNREACHABLE };

/* Connects to the server of a data folder.  NOBODY_THERE: no server runs.  UNREACHABLE: one
 * may, but it cannot be spoken to; `err` says why. */
enum reached ask_connect(int *fd, const char *folder, struct err *err);
/* Says one request and waits for its answer; NULL with the reason. */
json_t *ask(int fd, const struct command *command, const json_t *arguments, struct err *err);
