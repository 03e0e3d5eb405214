/* SPDX-License-Identifier: MIT */
/*
 * What went wrong in the world, as a value: a kind for the program and a sentence
 * for people.  It lives on the caller's stack; nobody owns or frees it.
 */
#pragma once

#include "base/base.h"

enum err_kind {
	ERR_NONE,
	ERR_SYNTAX,  /* it cannot be read as what it should be */
	ERR_LIMIT,   /* readable, but out of bounds */
	ERR_ABSENT,  /* it is not there */
	ERR_EXISTS,  /* it is there already */
	ERR_REFUSED, /* somebody said no */
	ERR_SYSTEM,  /* the operating system said no */
	ERR_TIMEOUT, /* nobody answered in time */
	ERR_DOWN,    /* what we need is not working now */
};

struct err {
	enum err_kind kind;
	char text[256];
};

/* Fills `err` (NULL: the caller only wants to know whether) and returns false, so
 * that a function can say `return err_fail(err, ERR_LIMIT, "...", ...)`. */
PUBLIC bool err_fail(struct err *err, enum err_kind kind, const char *format, ...)
	PRINTF_LIKE(3, 4);

/* Puts "context: " before what `err` says already; returns false. */
PUBLIC bool err_add(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);
