/* SPDX-License-Identifier: MIT */
/* store move, on a thread that may block; `call` has its arguments. */
#pragma once

#include <jansson.h>

#include "conf/conf.h"
#include "core/command.h"

bool move_work(struct call *call, struct conf *conf, json_t **result, struct err *err);
