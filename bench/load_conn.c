/* SPDX-License-Identifier: MIT */
/*
 * Bytes to and from the server, plain or TLS.
 *
 * Reading is cheap: one recv takes what there is, and GnuTLS is served from that.  Whatever
 * recv gave, GnuTLS takes all of it before the event ends, so that one buffer does for all.
 */
#include "bench/load_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define AHEAD_BYTES  (256 * 1024)
#define RECORD_BYTES 16384

uint64_t conn_bytes_said, conn_bytes_heard;

static struct place {
	struct sockaddr_storage address;
	socklen_t length;
	const char *domain;
	unsigned sources;
	gnutls_priority_t priority;
	gnutls_certificate_credentials_t credentials;
} place;

static struct ahead {
	size_t at, end;
	bool dry; /* recv gave all it had */
	char bytes[AHEAD_BYTES];
} ahead;

static void on_ready(struct watch *watch, uint32_t events);
static void dialled(struct conn *conn);
static void shake(struct conn *conn);
static void read_plain(struct conn *conn);
static void read_secure(struct conn *conn);
static void take(struct conn *conn, const char *bytes, size_t length);
static void flush(struct conn *conn);
static void fail_with(struct conn *conn, const char *why);
static ssize_t pull(gnutls_transport_ptr_t pointer, void *bytes, size_t length);
static ssize_t push(gnutls_transport_ptr_t pointer, const void *bytes, size_t length);

static _Noreturn void
stop(const char *what, const char *why)
{
	fprintf(stderr, "stentor-load: %s: %s\n", what, why);
	exit(2);
}

void
conn_start(const struct conn_place *wanted)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
	char *host = copy_text(wanted->connect), *port = strrchr(host, ':'), *name = host;
	const char *at;
	int code;

	if (port == NULL)
		stop(wanted->connect, "is not HOST:PORT");
	*port++ = '\0';
	if (*name == '[' && port[-2] == ']') {
		name++;
		port[-2] = '\0';
	}
	code = getaddrinfo(name, port, &hints, &found);
	if (code != 0)
		stop(wanted->connect, gai_strerror(code));
	memcpy(&place.address, found->ai_addr, found->ai_addrlen);
	place.length = found->ai_addrlen;
	freeaddrinfo(found);
	free(host);

	place.domain = wanted->domain;
	place.sources = place.address.ss_family == AF_INET ? wanted->sources : 0;
	code = gnutls_priority_init(&place.priority, wanted->priority, &at);
	if (code < 0)
		stop(at, gnutls_strerror(code));
	gnutls_certificate_allocate_credentials(&place.credentials);
}

/* --- opening and closing --- */

void
conn_init(struct conn *conn, const struct conn_kind *kind)
{
	memset(conn, 0, sizeof *conn);
	conn->kind = kind;
	conn->fd = -1;
	conn->watch.ready = on_ready;
}

/* The address we come from: 127.0.0.2 and those after it. */
static bool
choose_source(int fd, unsigned number)
{
	struct sockaddr_in source = { .sin_family = AF_INET };
	int one = 1;

	source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + number % place.sources);
	/* The port is chosen with the peer in mind, so that each peer may have all of them. */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
	return bind(fd, (struct sockaddr *)&source, sizeof source) == 0;
}

bool
conn_open(struct conn *conn, unsigned number)
{
	int one = 1, fd;

	must(conn->fd == -1);
	fd = socket(place.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if ((place.sources > 0 && !choose_source(fd, number)) ||
	    (connect(fd, (struct sockaddr *)&place.address, place.length) != 0 &&
	     errno != EINPROGRESS)) {
		close(fd);
		return false;
	}
	conn->fd = fd;
	conn->phase = CONN_DIALLING;
	conn->flushing = conn->ended = false;
	scan_init(&conn->scan, false);
	loop_watch(&conn->watch, fd, EPOLLOUT);
	return true;
}

void
conn_secure(struct conn *conn, const gnutls_datum_t *resume)
{
	must(conn->phase == CONN_PLAIN && conn->tls == NULL);
	must(gnutls_init(&conn->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) == 0);
	gnutls_priority_set(conn->tls, place.priority);
	gnutls_credentials_set(conn->tls, GNUTLS_CRD_CERTIFICATE, place.credentials);
	gnutls_server_name_set(conn->tls, GNUTLS_NAME_DNS, place.domain, strlen(place.domain));
	gnutls_transport_set_ptr(conn->tls, conn);
	gnutls_transport_set_pull_function(conn->tls, pull);
	gnutls_transport_set_push_function(conn->tls, push);
	if (resume != NULL && resume->size > 0)
		gnutls_session_set_data(conn->tls, resume->data, resume->size);
	conn->phase = CONN_SHAKING;
	scan_init(&conn->scan, false);
	ahead.at = ahead.end = 0;
	ahead.dry = true;
	shake(conn);
}

void
conn_restart(struct conn *conn, bool open)
{
	scan_init(&conn->scan, open);
}

void
conn_end(struct conn *conn)
{
	if (conn->phase == CONN_CLOSED || conn->ended)
		return;
	conn->ended = true;
	if (conn->phase == CONN_SECURE)
		gnutls_bye(conn->tls, GNUTLS_SHUT_WR);
	shutdown(conn->fd, SHUT_WR);
}

void
conn_close(struct conn *conn)
{
	struct linger at_once = { .l_onoff = 1 };

	if (conn->fd == -1)
		return;
	/* No port waits for stragglers: there are only so many. */
	setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(conn->fd);
	conn->fd = -1;
	conn->phase = CONN_CLOSED;
	if (conn->tls != NULL)
		gnutls_deinit(conn->tls);
	conn->tls = NULL;
	text_clear(&conn->in);
	text_clear(&conn->out);
	conn->out_at = 0;
}

static void
fail_with(struct conn *conn, const char *why)
{
	conn_close(conn);
	conn->kind->gone(conn, why);
}

/* --- events --- */

static void
on_ready(struct watch *watch, uint32_t events)
{
	struct conn *conn = CONTAINER(watch, struct conn, watch);

	if (conn->phase == CONN_DIALLING) {
		dialled(conn);
		return;
	}
	ahead.at = ahead.end = 0;
	ahead.dry = false;
	if (conn->phase == CONN_SHAKING) {
		shake(conn);
		return;
	}
	if (conn->fd != -1 && (events & EPOLLOUT) != 0)
		flush(conn);
	if (conn->fd == -1 || (events & ~(uint32_t)EPOLLOUT) == 0)
		return;
	if (conn->phase == CONN_SECURE)
		read_secure(conn);
	else
		read_plain(conn);
}

static void
dialled(struct conn *conn)
{
	int code = 0;
	socklen_t length = sizeof code;

	getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &code, &length);
	if (code != 0) {
		fail_with(conn, strerror(code));
		return;
	}
	conn->phase = CONN_PLAIN;
	loop_rewatch(&conn->watch, conn->fd, EPOLLIN);
	conn->kind->connected(conn);
}

static void
shake(struct conn *conn)
{
	int code;

	do
		code = gnutls_handshake(conn->tls);
	while (code < 0 && code != GNUTLS_E_AGAIN && gnutls_error_is_fatal(code) == 0);
	if (code == GNUTLS_E_AGAIN) {
		loop_rewatch(&conn->watch, conn->fd,
			     gnutls_record_get_direction(conn->tls) == 1 ? EPOLLOUT | EPOLLIN
									 : EPOLLIN);
		return;
	}
	if (code < 0) {
		fail_with(conn, gnutls_strerror(code));
		return;
	}
	conn->phase = CONN_SECURE;
	loop_rewatch(&conn->watch, conn->fd, EPOLLIN);
	conn->kind->secured(conn);
	if (conn->phase == CONN_SECURE)
		read_secure(conn);
}

static void
read_plain(struct conn *conn)
{
	ssize_t got = recv(conn->fd, ahead.bytes, sizeof ahead.bytes, 0);

	if (got > 0)
		take(conn, ahead.bytes, (size_t)got);
	else if (got == 0)
		fail_with(conn, conn->ended ? NULL : "the server hung up");
	else if (errno != EAGAIN && errno != EINTR)
		fail_with(conn, conn->ended ? NULL : strerror(errno));
}

static void
read_secure(struct conn *conn)
{
	static char record[RECORD_BYTES];

	while (conn->phase == CONN_SECURE) {
		ssize_t got = gnutls_record_recv(conn->tls, record, sizeof record);

		if (got > 0)
			take(conn, record, (size_t)got);
		else if (got == GNUTLS_E_AGAIN && ahead.at == ahead.end && ahead.dry)
			return; /* GnuTLS says it after each ticket, too */
		else if (got == 0 || got == GNUTLS_E_PREMATURE_TERMINATION)
			fail_with(conn, conn->ended ? NULL : "the server hung up");
		else if (got < 0 && gnutls_error_is_fatal((int)got) != 0)
			/* When all is said, some servers answer our farewell by a reset. */
			fail_with(conn, conn->ended ? NULL : gnutls_strerror((int)got));
	}
}

static ssize_t
pull(gnutls_transport_ptr_t pointer, void *bytes, size_t length)
{
	struct conn *conn = pointer;
	size_t some = ahead.end - ahead.at;

	if (some == 0) {
		ssize_t got;

		if (ahead.dry) {
			gnutls_transport_set_errno(conn->tls, EAGAIN);
			return -1;
		}
		got = recv(conn->fd, ahead.bytes, sizeof ahead.bytes, 0);
		ahead.dry = got < (ssize_t)sizeof ahead.bytes;
		if (got <= 0) {
			gnutls_transport_set_errno(conn->tls, got == 0 ? 0 : errno);
			return got;
		}
		ahead.at = 0;
		ahead.end = some = (size_t)got;
	}
	if (some > length)
		some = length;
	memcpy(bytes, ahead.bytes + ahead.at, some);
	ahead.at += some;
	return (ssize_t)some;
}

static ssize_t
push(gnutls_transport_ptr_t pointer, const void *bytes, size_t length)
{
	struct conn *conn = pointer;
	ssize_t sent = send(conn->fd, bytes, length, MSG_NOSIGNAL);

	if (sent < 0)
		gnutls_transport_set_errno(conn->tls, errno);
	return sent;
}

/* --- what comes --- */

static void
take(struct conn *conn, const char *bytes, size_t length)
{
	bool kept = conn->in.length > 0;

	conn_bytes_heard += length;
	if (kept) {
		text_add_bytes(&conn->in, bytes, length);
		bytes = conn->in.bytes;
		length = conn->in.length;
	}
	while (length > 0) {
		size_t start, end;
		enum scanned what = scan_next(&conn->scan, bytes, length, &start, &end);

		if (what == SCAN_BAD) {
			fail_with(conn, "the server says what is not XMPP");
			return;
		}
		if (what != SCAN_MORE) {
			conn->kind->heard(conn, what,
					  (struct slice) { bytes + start, end - start });
			if (conn->fd == -1)
				return;
		}
		bytes += end;
		length -= end;
		if (what == SCAN_MORE)
			break;
	}
	if (kept) {
		memmove(conn->in.bytes, bytes, length);
		conn->in.length = length;
	} else if (length > 0) {
		text_add_bytes(&conn->in, bytes, length);
	}
	if (conn->in.length == 0)
		text_clear(&conn->in);
}

/* --- what goes --- */

static void
wait_to_write(struct conn *conn)
{
	loop_rewatch(&conn->watch, conn->fd, EPOLLIN | EPOLLOUT);
}

/* Sends; what the socket does not take is not counted.  False: it is broken, which reading
 * will notice. */
static bool
send_some(struct conn *conn, const char *bytes, size_t length, size_t *taken)
{
	ssize_t sent;

	*taken = 0;
	if (conn->phase != CONN_SECURE) {
		sent = send(conn->fd, bytes, length, MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN || errno == EINTR;
		*taken = (size_t)sent;
		return true;
	}
	do
		sent = gnutls_record_send(conn->tls, bytes, length);
	while (sent == GNUTLS_E_INTERRUPTED);
	if (sent == GNUTLS_E_AGAIN) { /* the record is made, and GnuTLS keeps it */
		conn->flushing = true;
		*taken = length > RECORD_BYTES ? RECORD_BYTES : length;
		return true;
	}
	if (sent < 0)
		return false;
	*taken = (size_t)sent;
	return true;
}

void
conn_say(struct conn *conn, const char *bytes, size_t length)
{
	size_t taken = 0;

	if (conn->phase != CONN_PLAIN && conn->phase != CONN_SECURE)
		return;
	conn_bytes_said += length;
	if (conn->out.length == 0 && !conn->flushing && !send_some(conn, bytes, length, &taken))
		return;
	if (taken < length)
		text_add_bytes(&conn->out, bytes + taken, length - taken);
	if (conn->out.length > 0 || conn->flushing)
		wait_to_write(conn);
}

static void
flush(struct conn *conn)
{
	size_t taken;

	if (conn->flushing) {
		ssize_t sent = gnutls_record_send(conn->tls, NULL, 0);

		if (sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED)
			return;
		conn->flushing = false;
	}
	while (conn->out_at < conn->out.length && !conn->flushing) {
		if (!send_some(conn, conn->out.bytes + conn->out_at,
			       conn->out.length - conn->out_at, &taken) ||
		    taken == 0)
			return;
		conn->out_at += taken;
	}
	if (conn->out_at == conn->out.length) {
		text_empty(&conn->out);
		conn->out_at = 0;
	}
	if (!conn->flushing)
		loop_rewatch(&conn->watch, conn->fd, EPOLLIN);
}
