/* SPDX-License-Identifier: MIT */
/*
 * Commands that also work while no server runs: the tool holds the data folder's lock,
 * opens the store and one shard with the domains and their modules, runs the very same
 * command there, and stops.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "base/text.h"
#include "core/command.h"

/* With the lock held, which becomes its own.  An answer as the socket gives it. */
json_t *offline_run(const char *conf_path, int lock, const struct command *command,
		    const json_t *arguments);
