/* SPDX-License-Identifier: MIT */
/* Commands of the tool itself: they need no server and do not ask one. */
#pragma once

#include <jansson.h>

#include "base/text.h"
#include "core/command.h"

/* The configuration file the tool was told of or has found; for conf check and show. */
extern const char *local_conf;

/* Runs a COMMAND_LOCAL; an answer as the socket gives it. */
json_t *local_run(const struct command *command, const json_t *arguments);

void run_init(struct call *call);       /* init.c */
void completion_bash(struct text *out); /* completion.c */
/* help.c: what `help` says; of one command when `noun` is given.  False: there is none. */
bool help_write(struct text *out, const char *noun, const char *verb);
/* manual.c: "stentord.8", "stentorctl.1", "stentor.conf.5", "stentor-modules.7" in roff. */
bool manual_write(struct text *out, const char *page);
extern const char *const manual_pages[];
