/* SPDX-License-Identifier: MIT */
/*
 * What stentorctl was asked on its command line: noun, verb, arguments as the command's
 * table declares them, and the options every command has.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "core/command.h"

struct asked {
	char *conf; /* -c; NULL: not said */
	bool json, yes, help, version;
	char *password_file;
	bool generate;
	const char *noun;              /* the first word, when more are wanted; NULL */
	const struct command *command; /* NULL: none was said, or `help` and `version` came first */
	json_t *arguments;             /* by name, as the socket takes them */
};

/* False with the reason when it cannot be understood. */
bool asked_read(struct asked *asked, int argc, char **argv, struct err *err);
void asked_clear(struct asked *asked);

/* The argument of that kind; NULL: the command has none. */
const struct argument *command_argument(const struct command *command, enum argument_kind kind);
