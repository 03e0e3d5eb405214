/* SPDX-License-Identifier: MIT */
/*
 * How an admin names a store on a command line:
 *
 *	sqlite
 *	mariadb://USER@HOST[:PORT]/DATABASE
 *	mariadb://USER@/DATABASE?socket=PATH
 *
 * What is special in a name is written %XX.  There is no place for a password: everybody on
 * the machine can read a command line.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct store_url {
	const char *driver; /* "sqlite", "mariadb" */
	const char *user, *host, *socket, *database;
	unsigned port;
};

/* The strings are in `arena`. */
bool store_url_read(struct store_url *url, struct arena *arena, const char *text, struct err *err);
