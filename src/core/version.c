/* SPDX-License-Identifier: MIT */
/* The version, as configure.ac has it. */
#include "core/version.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

const char *
server_version(void)
{
	return PACKAGE_VERSION;
}
