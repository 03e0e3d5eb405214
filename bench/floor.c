/* SPDX-License-Identifier: MIT */
/*
 * stentor-floor: what moving messages costs when nothing is understood of them.
 *
 *	relay	reads a record from a client and writes it to the client's partner
 *	fanout	reads a record and writes it to every client
 *
 * One thread, epoll, no XML: one write for each record, TLS or plain (where a message is one).
 * It gathers nothing of what it writes, and with TLS it does not read ahead, so a server that
 * finds several messages ready can be cheaper than this.
 *
 * A client's first record is a word and a number ("pair 12\n"); numbers 2n and 2n+1 are
 * partners.  Without a number, whoever comes next is.  When the partner is there (in a
 * fan-out: at once) the client is told "<ready/>".
 *
 * A client that does not take what is written to it stops whoever writes to it: its link
 * keeps one record, and the writers are not read until that has gone.
 */
#include "base/text.h"

#include <gnutls/gnutls.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECORD_BYTES 16384
#define EVENTS       256
#define FILES        65536
#define READY        "<ready/>"
#define PRIORITIES   "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM"

enum phase { SHAKING, GREETING, WAITING, MOVING };

struct link {
	int fd;
	enum phase phase;
	uint32_t events; /* what is waited for */
	gnutls_session_t tls;
	long number;
	struct link *partner;
	bool flushing;            /* GnuTLS holds a record */
	struct text kept;         /* plain: what the socket did not take */
	struct link *next, *prev; /* fan-out: all who are there */
};

static struct {
	int loop, listener;
	bool fanout;
	gnutls_certificate_credentials_t credentials; /* NULL: plain */
	gnutls_priority_t priorities;
	struct link **waiting; /* by number, those whose partner is missing */
	long room;
	struct link *first;    /* fan-out */
	struct link *unpaired; /* one without a number */
	struct link *closed;   /* to be freed when this turn's events are over */
} the;

static void greet(struct link *link, const char *words, size_t length);
static void link_close(struct link *link);

static _Noreturn void
stop(const char *what, const char *why)
{
	fprintf(stderr, "stentor-floor: %s%s%s\n", what, why != NULL ? ": " : "",
		why != NULL ? why : "");
	exit(2);
}

/* --- one link --- */

static void
wait_for(struct link *link, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = link };

	if (link->events == events || link->fd == -1)
		return;
	link->events = events;
	must(epoll_ctl(the.loop, EPOLL_CTL_MOD, link->fd, &event) == 0);
}

static bool
is_stuck(const struct link *link)
{
	return link->flushing || link->kept.length > 0;
}

/* Who writes to this one is read again, or is not. */
static void
hold_writers(struct link *link, bool hold)
{
	if (the.fanout) {
		for (struct link *each = the.first; each != NULL; each = each->next)
			wait_for(each,
				 (hold ? 0 : EPOLLIN) | (is_stuck(each) ? (uint32_t)EPOLLOUT : 0));
	} else if (link->partner != NULL) {
		struct link *writer = link->partner;

		wait_for(writer,
			 (hold ? 0 : EPOLLIN) | (is_stuck(writer) ? (uint32_t)EPOLLOUT : 0));
	}
}

static void
write_record(struct link *link, const char *bytes, size_t length)
{
	ssize_t sent;

	if (link->fd == -1)
		return;
	if (link->tls != NULL) {
		sent = gnutls_record_send(link->tls, bytes, length);
		if (sent == GNUTLS_E_AGAIN)
			link->flushing = true;
	} else {
		sent = link->kept.length > 0 ? 0 : send(link->fd, bytes, length, MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN)
			sent = 0;
		if (sent >= 0 && (size_t)sent < length)
			text_add_bytes(&link->kept, bytes + sent, length - (size_t)sent);
	}
	if (is_stuck(link)) {
		hold_writers(link, true);
		wait_for(link, link->events | EPOLLOUT);
	}
}

static void
write_kept(struct link *link)
{
	if (link->flushing && gnutls_record_send(link->tls, NULL, 0) != GNUTLS_E_AGAIN)
		link->flushing = false;
	if (link->kept.length > 0) {
		ssize_t sent = send(link->fd, link->kept.bytes, link->kept.length, MSG_NOSIGNAL);

		if (sent > 0) {
			link->kept.length -= (size_t)sent;
			memmove(link->kept.bytes, link->kept.bytes + sent, link->kept.length);
		}
	}
	if (!is_stuck(link)) {
		wait_for(link, link->events & ~(uint32_t)EPOLLOUT);
		hold_writers(link, false);
	}
}

static void
pass_on(struct link *link, const char *bytes, size_t length)
{
	struct link *next;

	if (!the.fanout) {
		if (link->partner != NULL)
			write_record(link->partner, bytes, length);
		return;
	}
	for (struct link *each = the.first; each != NULL; each = next) {
		next = each->next;
		write_record(each, bytes, length);
	}
}

/* A plain socket has no records: one read may bring several messages, and each is written by
 * itself, as it is with TLS. */
static void
pass_on_each(struct link *link, const char *bytes, size_t length)
{
	static const char last[] = "</message>";

	while (length > 0) {
		const char *end = memmem(bytes, length, last, sizeof last - 1);
		size_t piece = end != NULL ? (size_t)(end - bytes) + sizeof last - 1 : length;

		pass_on(link, bytes, piece);
		bytes += piece;
		length -= piece;
	}
}

/* One record, or what a plain socket has; 0: there is none now; negative: it is over. */
static ssize_t
read_record(struct link *link, char *bytes, size_t room)
{
	ssize_t got;

	if (link->tls == NULL) {
		got = recv(link->fd, bytes, room, 0);
		return got > 0 ? got : got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	}
	got = gnutls_record_recv(link->tls, bytes, room);
	if (got > 0)
		return got;
	return got < 0 && gnutls_error_is_fatal((int)got) == 0 ? 0 : -1;
}

static void
read_link(struct link *link)
{
	static char bytes[RECORD_BYTES];

	do {
		ssize_t got = read_record(link, bytes, sizeof bytes);

		if (got < 0) {
			link_close(link);
			return;
		}
		if (got == 0)
			return;
		if (link->phase == MOVING && link->tls == NULL)
			pass_on_each(link, bytes, (size_t)got);
		else if (link->phase == MOVING)
			pass_on(link, bytes, (size_t)got);
		else if (link->phase == GREETING)
			greet(link, bytes, (size_t)got);
		/* Who is waiting has been told nothing, and should say nothing. */
	} while (link->tls != NULL && gnutls_record_check_pending(link->tls) > 0);
}

static void
shake(struct link *link)
{
	int code = gnutls_handshake(link->tls);

	if (code == 0) {
		link->phase = GREETING;
		wait_for(link, EPOLLIN);
		read_link(link);
	} else if (gnutls_error_is_fatal(code) != 0) {
		link_close(link);
	} else {
		wait_for(link, gnutls_record_get_direction(link->tls) == 1 ? EPOLLOUT : EPOLLIN);
	}
}

static void
link_close(struct link *link)
{
	if (link->fd == -1)
		return;
	if (link->tls != NULL) {
		gnutls_bye(link->tls, GNUTLS_SHUT_WR);
		gnutls_deinit(link->tls);
	}
	close(link->fd);
	link->fd = -1;
	text_clear(&link->kept);
	if (link->partner != NULL) {
		wait_for(link->partner, link->partner->events | EPOLLIN);
		link->partner->partner = NULL;
	}
	if (the.unpaired == link)
		the.unpaired = NULL;
	if (link->number >= 0 && link->number < the.room && the.waiting[link->number] == link)
		the.waiting[link->number] = NULL;
	if (link->prev != NULL)
		link->prev->next = link->next;
	else if (the.first == link)
		the.first = link->next;
	if (link->next != NULL)
		link->next->prev = link->prev;
	link->next = the.closed;
	the.closed = link;
}

/* --- who belongs to whom --- */

static void
be_partners(struct link *a, struct link *b)
{
	a->partner = b;
	b->partner = a;
	a->phase = b->phase = MOVING;
	write_record(a, READY, strlen(READY));
	write_record(b, READY, strlen(READY));
}

static struct link **
place_of(long number)
{
	while (number >= the.room) {
		long room = the.room > 0 ? the.room * 2 : 1024;

		the.waiting = resize(the.waiting, (size_t)room * sizeof(struct link *));
		memset(the.waiting + the.room, 0,
		       (size_t)(room - the.room) * sizeof(struct link *));
		the.room = room;
	}
	return &the.waiting[number];
}

static void
greet(struct link *link, const char *words, size_t length)
{
	char line[64] = "";
	struct link **place, *other;

	memcpy(line, words, length < sizeof line - 1 ? length : sizeof line - 1);
	link->phase = WAITING;
	if (the.fanout) {
		link->next = the.first;
		if (the.first != NULL)
			the.first->prev = link;
		the.first = link;
		link->phase = MOVING;
		write_record(link, READY, strlen(READY));
		return;
	}
	if (sscanf(line, "%*s %ld", &link->number) != 1 || link->number < 0 ||
	    link->number > 10000000) {
		link->number = -1;
		place = &the.unpaired;
	} else {
		place = place_of(link->number ^ 1);
	}
	other = *place;
	if (other != NULL) {
		*place = NULL;
		be_partners(link, other);
	} else if (link->number < 0) {
		the.unpaired = link;
	} else {
		*place_of(link->number) = link;
	}
}

/* --- the program --- */

static void
accept_all(void)
{
	int fd, one = 1;

	while ((fd = accept4(the.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct link *link = zalloc(sizeof *link);
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = link };

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		link->fd = fd;
		link->number = -1;
		link->events = EPOLLIN;
		link->phase = GREETING;
		if (the.credentials != NULL) {
			link->phase = SHAKING;
			must(gnutls_init(&link->tls,
					 GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) == 0);
			gnutls_priority_set(link->tls, the.priorities);
			gnutls_credentials_set(link->tls, GNUTLS_CRD_CERTIFICATE, the.credentials);
			gnutls_transport_set_int(link->tls, fd);
		}
		must(epoll_ctl(the.loop, EPOLL_CTL_ADD, fd, &event) == 0);
	}
}

static void
link_ready(struct link *link, uint32_t events)
{
	if (link->fd == -1)
		return;
	if (link->phase == SHAKING) {
		shake(link);
		return;
	}
	if ((events & EPOLLOUT) != 0)
		write_kept(link);
	if (link->fd != -1 && (events & ~(uint32_t)EPOLLOUT) != 0)
		read_link(link);
}

static _Noreturn void
run(void)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		int count = epoll_wait(the.loop, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == NULL)
				accept_all();
			else
				link_ready(events[i].data.ptr, events[i].events);
		}
		while (the.closed != NULL) {
			struct link *link = the.closed;

			the.closed = link->next;
			free(link);
		}
	}
}

static void
listen_at(const char *where)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *found;
	struct sockaddr_in address;
	socklen_t length = sizeof address;
	struct epoll_event event = { .events = EPOLLIN };
	char *host = copy_text(where), *port = strrchr(host, ':');
	int one = 1, code;

	if (port == NULL)
		stop(where, "is not HOST:PORT");
	*port++ = '\0';
	code = getaddrinfo(host, port, &hints, &found);
	if (code != 0)
		stop(where, gai_strerror(code));
	the.listener = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(the.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(the.listener, found->ai_addr, found->ai_addrlen) != 0 ||
	    listen(the.listener, 4096) != 0)
		stop(where, strerror(errno));
	freeaddrinfo(found);
	free(host);
	must(epoll_ctl(the.loop, EPOLL_CTL_ADD, the.listener, &event) == 0);
	if (getsockname(the.listener, (struct sockaddr *)&address, &length) == 0)
		printf("listening on port %u\n", ntohs(address.sin_port));
	fflush(stdout);
}

static void
prepare_tls(const char *certificate, const char *key)
{
	int code;

	if (certificate == NULL || key == NULL)
		stop("--tls wants --cert and --key", NULL);
	gnutls_certificate_allocate_credentials(&the.credentials);
	code = gnutls_certificate_set_x509_key_file(the.credentials, certificate, key,
						    GNUTLS_X509_FMT_PEM);
	if (code < 0)
		stop(certificate, gnutls_strerror(code));
	must(gnutls_priority_init(&the.priorities, PRIORITIES, NULL) == 0);
}

static const char help[] =
	"stentor-floor relay|fanout --listen HOST:PORT [--tls --cert FILE --key FILE]\n\n"
	"Moves records between clients without looking at them: the floor under what an XMPP\n"
	"server can cost.  Port 0 is any; the port is printed.  Ends with SIGTERM.\n\n"
	"  relay    each record goes to the sender's partner\n"
	"  fanout   each record goes to everybody\n";

int
main(int count, char **words)
{
	const char *where = NULL, *certificate = NULL, *key = NULL, *mode = NULL;
	bool tls = false;
	struct rlimit limit = { FILES, FILES };

	for (int i = 1; i < count; i++) {
		const char **value = strcmp(words[i], "--listen") == 0 ? &where
				     : strcmp(words[i], "--cert") == 0 ? &certificate
				     : strcmp(words[i], "--key") == 0  ? &key
								       : NULL;

		if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) {
			fputs(help, stdout);
			return 0;
		}
		if (strcmp(words[i], "--tls") == 0)
			tls = true;
		else if (value != NULL && i + 1 < count)
			*value = words[++i];
		else if (value == NULL && words[i][0] != '-' && mode == NULL)
			mode = words[i];
		else
			stop(words[i], "is not understood; see --help");
	}
	if (mode == NULL || (strcmp(mode, "relay") != 0 && strcmp(mode, "fanout") != 0))
		stop("relay or fanout? see --help", NULL);
	if (where == NULL)
		stop("--listen is missing; see --help", NULL);
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
		getrlimit(RLIMIT_NOFILE, &limit);
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	signal(SIGPIPE, SIG_IGN);
	the.fanout = strcmp(mode, "fanout") == 0;
	the.loop = epoll_create1(EPOLL_CLOEXEC);
	if (tls)
		prepare_tls(certificate, key);
	listen_at(where);
	run();
}
