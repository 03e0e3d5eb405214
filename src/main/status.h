/* SPDX-License-Identifier: MIT */
/* Parts of what `stentorctl status` shows. */
#pragma once

#include <jansson.h>

json_t *store_json(void);
