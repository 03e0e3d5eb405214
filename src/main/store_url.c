/* SPDX-License-Identifier: MIT */
#include "main/store_url.h"

#include "base/codec.h"
#include "base/text.h"
#include "main/prompt.h"
#include "main/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define USUAL_PORT 3306
#define EXAMPLE    "mariadb://USER@HOST[:PORT]/DATABASE or mariadb://USER@/DATABASE?socket=PATH"

static int
hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* %XX becomes its byte, in place. */
static bool
decode(char *text)
{
	char *to = text;

	for (const char *at = text; *at != '\0'; at++) {
		int high = *at == '%' ? hex_of(at[1]) : -1;
		int low = high >= 0 ? hex_of(at[2]) : -1;

		if (*at != '%') {
			*to++ = *at;
			continue;
		}
		if (low < 0 || high + low == 0)
			return false;
		*to++ = (char)(high << 4 | low);
		at += 2;
	}
	*to = '\0';
	return true;
}

static bool
wrong(struct err *err, const char *text, const char *why)
{
	return err_fail(err, ERR_SYNTAX, "\"%s\": %s; say %s", text, why, EXAMPLE);
}

/* "HOST", "HOST:PORT", "[ADDRESS]:PORT" */
static bool
place_read(struct store_url *url, char *place, const char *text, struct err *err)
{
	char *port = place, *end;

	if (*place == '[') {
		port = strchr(++place, ']');
		if (port == NULL)
			return wrong(err, text, "a bracket is missing");
		*port++ = '\0';
	}
	port = strchr(port, ':');
	if (port != NULL)
		*port++ = '\0';
	url->host = place;
	url->port = USUAL_PORT;
	if (port != NULL) {
		unsigned long number = strtoul(port, &end, 10);

		if (*port < '0' || *port > '9' || *end != '\0' || number < 1 || number > 65535)
			return wrong(err, text, "the port is not between 1 and 65535");
		url->port = (unsigned)number;
	}
	return true;
}

static bool
mariadb_read(struct store_url *url, struct arena *arena, const char *text, struct err *err)
{
	char *user = arena_copy(arena, text + strlen("mariadb://"));
	char *place = strchr(user, '@'), *database, *question;

	if (place == NULL || place == user)
		return wrong(err, text, "the user is missing");
	*place++ = '\0';
	database = strchr(place, '/');
	if (strchr(user, ':') != NULL)
		return err_fail(err, ERR_SYNTAX,
				"everybody on this machine can read a command line: leave the "
				"password out and say --store-password-file FILE, or "
				"--store-password-file - for standard input");
	if (database == NULL || database[1] == '\0' || database[1] == '?')
		return wrong(err, text, "the database is missing");
	*database++ = '\0';
	question = strchr(database, '?');
	if (question != NULL) {
		*question++ = '\0';
		if (!text_starts(question, "socket=/"))
			return wrong(err, text,
				     "behind the '?' there is a socket with its whole path");
		url->socket = question + strlen("socket=");
	}
	if ((*place == '\0') != (url->socket != NULL))
		return wrong(err, text, "there must be a host or a socket, and not both");
	if (*place != '\0' && !place_read(url, place, text, err))
		return false;
	url->user = user;
	url->database = database;
	if (!decode(user) || !decode(database) ||
	    (url->socket != NULL && !decode((char *)url->socket)))
		return wrong(err, text, "behind a '%' there are two digits, as in %2F");
	return true;
}

bool
store_url_read(struct store_url *url, struct arena *arena, const char *text, struct err *err)
{
	const char *near;

	*url = (struct store_url) { 0 };
	for (size_t i = 0; storage_drivers[i] != NULL; i++) {
		const char *driver = storage_drivers[i];

		if (!text_starts(text, driver))
			continue;
		url->driver = driver;
		if (text_is(driver, "sqlite") && text[strlen(driver)] == '\0')
			return true;
		if (text_is(driver, "mariadb") && text_starts(text, "mariadb://"))
			return mariadb_read(url, arena, text, err);
	}
	if (url->driver != NULL)
		return wrong(err, text, "it is not understood");
	near = text_nearest(text, storage_drivers);
	return err_fail(err, ERR_SYNTAX, "\"%s\" is no store: say sqlite, %s%s%s%s", text, EXAMPLE,
			near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* --- as a configuration says it --- */

static const char *
quoted(struct arena *arena, const char *text)
{
	struct text out = { 0 };
	const char *copy;

	text_add_char(&out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			text_add_char(&out, '\\');
		text_add_char(&out, *text);
	}
	text_add_char(&out, '"');
	copy = arena_copy(arena, out.bytes);
	text_clear(&out);
	return copy;
}

void
store_url_options(const struct store_url *url, struct arena *arena, const char *ca,
		  const char *password_file,
		  void (*give)(void *ctx, const char *name, const char *value), void *ctx)
{
	give(ctx, "driver", quoted(arena, url->driver));
	if (text_is(url->driver, "sqlite"))
		return;
	if (url->socket != NULL) {
		give(ctx, "socket", quoted(arena, url->socket));
	} else {
		give(ctx, "host", quoted(arena, url->host));
		give(ctx, "port", arena_format(arena, "%u", url->port));
	}
	/* What does not leave the machine need not be hidden. */
	if (ca != NULL)
		give(ctx, "ca", quoted(arena, ca));
	else if (store_url_is_near(url))
		give(ctx, "tls", "\"optional\"");
	give(ctx, "user", quoted(arena, url->user));
	give(ctx, "database", quoted(arena, url->database));
	if (password_file != NULL)
		give(ctx, "password_file", quoted(arena, password_file));
}

bool
store_url_is_near(const struct store_url *url)
{
	return url->host != NULL &&
	       (text_is(url->host, "localhost") || settings_is_loopback(url->host));
}

/* --- the password --- */

bool
store_password_read(char password[STORE_PASSWORD_ROOM], const struct store_url *url,
		    const char *file, struct err *err)
{
	if (text_is(url->driver, "sqlite"))
		return file == NULL ||
		       err_fail(err, ERR_SYNTAX, "--store-password-file is for a store on MariaDB");
	if (file != NULL) {
		if (!password_from_file(password, STORE_PASSWORD_ROOM, file, err))
			return err_add(err, "--store-password-file");
	} else if (url->host != NULL && isatty(STDIN_FILENO)) {
		if (!password_prompt(password, STORE_PASSWORD_ROOM, "Password for the database"))
			return err_fail(err, ERR_ABSENT, "there is no password");
	}
	return strlen(password) < STORE_PASSWORD_ROOM - 1 ||
	       err_fail(err, ERR_LIMIT, "the store's password is longer than %d bytes",
			STORE_PASSWORD_ROOM - 2);
}

bool
store_password_write(const char *folder, const char *password, struct err *err)
{
	char *path = format_text("%s/" STORE_PASSWORD_FILE, folder);
	char *line = format_text("%s\n", password);
	size_t length = strlen(line);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool good = fd >= 0 && write(fd, line, length) == (ssize_t)length && fsync(fd) == 0;

	if (!good)
		err_fail(err, ERR_SYSTEM, "could not write \"%s\": %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (!good && fd >= 0)
		unlink(path);
	wipe(line, length);
	free(line);
	free(path);
	return good;
}
