/* SPDX-License-Identifier: MIT */
/* What a message asks of those who keep and copy it (XEP-0334). */
#pragma once

#include "xml/element.h"

enum hint {
	HINT_NO_PERMANENT_STORE = 1, /* not in archives */
	HINT_NO_STORE = 2,           /* not even offline */
	HINT_NO_COPY = 4,            /* not to other resources */
	HINT_STORE = 8,              /* keep it, whatever it looks like */
};

/* The hints of a message, ored. */
PUBLIC unsigned hints_read(const struct element *message);
