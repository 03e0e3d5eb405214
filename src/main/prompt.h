/* SPDX-License-Identifier: MIT */
/* Passwords, from who sits at the terminal or from a file. */
#pragma once

#include "base/err.h"

#include <stdio.h>

/* A line without its end; false: there was none. */
bool line_read(char *line, size_t room, FILE *from);
/* One line from the terminal, without showing it. */
bool password_prompt(char *password, size_t room, const char *prompt);
/* The first line of the file, or of standard input ("-"). */
bool password_from_file(char *password, size_t room, const char *path, struct err *err);
