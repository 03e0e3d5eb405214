/* SPDX-License-Identifier: MIT */
/*
 * The end of a server: clients are told, what is owed to them and to the store is waited
 * for, and only then the loops end.
 */
#pragma once

#include "base/base.h"

/* On shard 0.  Asked a second time, it does not wait any longer. */
void stop_start(const char *why);
