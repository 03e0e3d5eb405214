/* SPDX-License-Identifier: MIT */
/* Copies of messages for a user's other clients (XEP-0280), as elements. */
#pragma once

#include "xml/element.h"

enum carbon { CARBON_NONE, CARBON_RECEIVED, CARBON_SENT };

/* A copy around `message`, which is put into it; the account at `bare` says it. */
PUBLIC struct element *carbon_wrap(struct arena *arena, enum carbon carbon, const char *bare,
				   struct element *message);
/* Whether a message is such a copy; whether the account itself has made it is for who asks. */
PUBLIC enum carbon carbon_of(const struct element *message);
/* What it is of; NULL when there is nothing in it. */
PUBLIC struct element *carbon_message(const struct element *copy);
