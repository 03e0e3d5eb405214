/* SPDX-License-Identifier: MIT */
/*
 * Where the program's own files are: its modules, its schemas, the usual configuration.
 *
 * A program that was not installed finds them in its build: the environment comes first
 * (STENTOR_MODULES, STENTOR_SCHEMAS), then what lies beside the program, then where
 * `make install` puts things.  The strings are made once, before any other thread runs, and
 * stay.
 */
#pragma once

#include "base/base.h"

const char *places_modules(void); /* folders with ':' between them */
const char *places_schemas(void); /* the folder that has sqlite/ in it */
const char *places_conf(void);    /* "/etc/stentor/stentor.conf" */
const char *places_version(void); /* "0.1.0" */
