/* SPDX-License-Identifier: MIT */
/*
 * Results for people: an array of objects is a table, an object is a list of names and
 * values.  What strangers chose (resources, reasons) cannot move the cursor.
 */
#pragma once

#include <jansson.h>

#include "base/text.h"

void show_result(struct text *out, const json_t *result);
