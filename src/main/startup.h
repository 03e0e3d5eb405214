/* SPDX-License-Identifier: MIT */
/*
 * From a configuration to a server that listens.  Everything that is wrong is told at once,
 * where it can be; nothing is open to clients before everything works.
 */
#pragma once

#include "base/text.h"
#include "store/store.h"
#include "conf/conf.h"

/* Before anything else in both programs: limits of the process, the allocator, the modules. */
bool process_prepare(struct text *faults);

/* Runs the server until it is stopped; the exit code. */
int startup_run(const char *conf_path, bool background);

/* Opens the store of a configuration and brings it up to date; NULL with a line a fault. */
struct store *startup_store(const struct conf *conf, struct text *faults);
