/* SPDX-License-Identifier: MIT */
/* What the files of xml/ share. */
#pragma once

#include "xml/element.h"

/* The namespace as a string that lives for ever, when XMPP has it; NULL when not. */
const char *ns_known(const char *ns, size_t length);

/* The node behind `element` in document order, inside `top`; NULL at the end. */
struct element *element_after(const struct element *element, const struct element *top);

/* Has the pool and the writer's memory freed when the calling thread ends. */
void watch_thread(void);

/* Frees what the calling thread's writer keeps. */
void writer_trim(void);
