/* SPDX-License-Identifier: MIT */
/*
 * A handler writes the signal's number into a socket, and a link at its other end hears it
 * on shard 0.  A socket, because a link reads sockets; whatever thread the kernel picks for
 * a signal, it is dealt with at home.
 */
#include "main/signals.h"

#include "base/log.h"
#include "net/link.h"
#include "main/reload.h"
#include "main/server.h"
#include "main/stop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STOPS_PATIENTLY 2 /* the third is for a server that hangs */

static int ends[2] = { -1, -1 };
static struct link *ear;

static void
caught(int number)
{
	static volatile sig_atomic_t stops;
	unsigned char byte = (unsigned char)number;
	int kept = errno;

	if (number == SIGTERM || number == SIGINT) {
		stops = stops + 1;
		if (stops > STOPS_PATIENTLY)
			_exit(1);
	}
	(void)!write(ends[1], &byte, 1);
	errno = kept;
}

static void
log_anew(void)
{
	struct err err;

	if (log_reopen(server.conf, &err))
		log_info(&log_root, "log opened anew");
	else
		log_error(&log_root, "the log stays where it is: %s", err.text);
}

static void
signals_heard(void *owner, const char *bytes, size_t length)
{
	(void)owner;
	for (size_t i = 0; i < length; i++)
		switch (bytes[i]) {
		case SIGTERM:
			stop_start("SIGTERM");
			break;
		case SIGINT:
			stop_start("SIGINT");
			break;
		case SIGHUP:
			reload_start(NULL, NULL);
			break;
		case SIGUSR1:
			log_anew();
			break;
		default:
			break;
		}
}

static void
nothing(void *owner)
{
	(void)owner;
}

static void
signals_ended(void *owner, enum link_end how, const char *why)
{
	(void)owner;
	(void)how;
	(void)why;
	ear = NULL;
}

static const struct link_owner functions = {
	.heard = signals_heard,
	.secured = nothing,
	.emptied = nothing,
	.ended = signals_ended,
};

bool
signals_open(struct err *err)
{
	const int ours[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };
	struct sigaction action = { .sa_handler = caught, .sa_flags = SA_RESTART };

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
		return err_fail(err, ERR_SYSTEM, "could not make a socket for signals: %s",
				strerror(errno));
	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < COUNT(ours); i++)
		sigaction(ours[i], &action, NULL);
	return true;
}

void
signals_start(void)
{
	ear = link_new(ends[0], &functions, NULL);
	link_read(ear, true);
}

void
signals_close(void)
{
	if (ear != NULL)
		link_abort(ear, "the server stops");
}
