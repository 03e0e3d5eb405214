/* SPDX-License-Identifier: MIT */
/* A page of an export and a piece of an import, for the table in commands_accounts.c. */
#pragma once

#include "core/command.h"

void run_page(struct call *call);
void run_take(struct call *call);
