/* SPDX-License-Identifier: MIT */
/*
 * Commands that also work while no server runs: the tool holds the data folder's lock,
 * opens the store and one shard with the domains and their modules, runs the very same
 * commands there, and stops.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "base/text.h"
#include "core/command.h"
#include "main/talk.h"

/* With the lock held, which becomes its own: answers what `talk` asks until it is over. */
void offline_run(const char *conf_path, int lock, struct talk *talk);
