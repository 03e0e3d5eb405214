/* SPDX-License-Identifier: MIT */
/*
 * Signals, brought to shard 0: SIGTERM and SIGINT stop the server (a second one at once),
 * SIGHUP reads the configuration anew, SIGUSR1 opens the log anew.
 */
#pragma once

#include "base/err.h"

/* Before the loops run: signals wait from here on. */
bool signals_open(struct err *err);
/* On shard 0, whose loop runs: what waits is dealt with. */
void signals_start(void);
void signals_close(void);
