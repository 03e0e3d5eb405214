/* SPDX-License-Identifier: MIT */
/* Which Stentor this is. */
#pragma once

#include "base/base.h"

PUBLIC const char *server_version(void); /* "0.1.0" */
