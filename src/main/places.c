/* SPDX-License-Identifier: MIT */
/* Where the program's own files are. */
#include "main/places.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "core/version.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef STENTOR_MODULES_DIR
#define STENTOR_MODULES_DIR "/usr/local/lib/stentor"
#endif
#ifndef STENTOR_SCHEMAS_DIR
#define STENTOR_SCHEMAS_DIR "/usr/local/share/stentor/schemas"
#endif
#ifndef STENTOR_SYSCONF_DIR
#define STENTOR_SYSCONF_DIR "/usr/local/etc"
#endif

/* "PROGRAM'S FOLDER/relative" if that exists, on the heap; NULL. */
static char *
beside_program(const char *relative)
{
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
	char *slash, *path;

	if (length <= 0)
		return NULL;
	program[length] = '\0';
	slash = strrchr(program, '/');
	if (slash == NULL)
		return NULL;
	*slash = '\0';
	/* libtool keeps a program that was not installed in .libs/. */
	slash = strrchr(program, '/');
	if (slash != NULL && strcmp(slash, "/.libs") == 0)
		*slash = '\0';
	path = format_text("%s/%s", program, relative);
	if (access(path, R_OK) == 0)
		return path;
	free(path);
	return NULL;
}

static const char *
find(const char *variable, const char *const *relative, const char *installed)
{
	const char *given = getenv(variable);
	char *beside;

	if (given != NULL && *given != '\0')
		return given;
	for (; *relative != NULL; relative++)
		if ((beside = beside_program(*relative)) != NULL)
			return beside;
	return installed;
}

const char *
places_modules(void)
{
	static const char *const beside[] = { "modules/.libs", NULL };
	static const char *place;

	if (place == NULL)
		place = find("STENTOR_MODULES", beside, STENTOR_MODULES_DIR);
	return place;
}

const char *
places_schemas(void)
{
	static const char *const beside[] = { "schemas", "../schemas", NULL };
	static const char *place;

	if (place == NULL)
		place = find("STENTOR_SCHEMAS", beside, STENTOR_SCHEMAS_DIR);
	return place;
}

const char *
places_conf(void)
{
	return STENTOR_SYSCONF_DIR "/stentor/stentor.conf";
}

const char *
places_version(void)
{
	return server_version();
}
