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

#define STORE_PASSWORD_FILE "store-password" /* beside the configuration */
#define STORE_PASSWORD_ROOM 1025

/* The strings are in `arena`. */
bool store_url_read(struct store_url *url, struct arena *arena, const char *text, struct err *err);
/* Whether what goes there stays on this machine. */
bool store_url_is_near(const struct store_url *url);
/* What the section "store" of a configuration says of it, an option a call: `value` as the file
 * has it.  `ca` and `password_file` may be NULL. */
void store_url_options(const struct store_url *url, struct arena *arena, const char *ca,
		       const char *password_file,
		       void (*give)(void *ctx, const char *name, const char *value), void *ctx);
/* The password for it: the first line of `file` ("-": of standard input); when that is NULL, of
 * a host it is asked for at the terminal, and a socket needs none.  Left empty when there is
 * none. */
bool store_password_read(char password[STORE_PASSWORD_ROOM], const struct store_url *url,
			 const char *file, struct err *err);
/* Into FOLDER/store-password, for nobody else to read; it must not be there. */
bool store_password_write(const char *folder, const char *password, struct err *err);
