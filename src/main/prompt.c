/* SPDX-License-Identifier: MIT */
#include "main/prompt.h"

#include "base/text.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static struct termios terminal;
static volatile sig_atomic_t is_silent;

static void
echo_again(int number)
{
	if (is_silent)
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
	if (number != 0)
		_exit(128 + number);
}

bool
line_read(char *line, size_t room, FILE *from)
{
	size_t length;

	if (fgets(line, (int)room, from) == NULL)
		return false;
	length = strcspn(line, "\r\n");
	line[length] = '\0';
	return true;
}

bool
password_prompt(char *password, size_t room, const char *prompt)
{
	struct termios silent;
	bool good;

	if (tcgetattr(STDIN_FILENO, &terminal) != 0)
		return false;
	signal(SIGINT, echo_again);
	signal(SIGTERM, echo_again);
	silent = terminal;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	is_silent = 1;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	fprintf(stderr, "%s: ", prompt);
	good = line_read(password, room, stdin);
	fputc('\n', stderr);
	echo_again(0);
	is_silent = 0;
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	return good;
}

bool
password_from_file(char *password, size_t room, const char *path, struct err *err)
{
	FILE *file = text_is(path, "-") ? stdin : fopen(path, "re");
	bool good;

	if (file == NULL)
		return err_fail(err, ERR_SYSTEM, "could not read \"%s\": %s", path,
				strerror(errno));
	good = line_read(password, room, file);
	if (file != stdin)
		fclose(file);
	return good || err_fail(err, ERR_ABSENT, "there is no password in what was to be read");
}
