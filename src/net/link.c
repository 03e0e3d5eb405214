/* SPDX-License-Identifier: MIT */
/*
 * Bytes to and from a peer.  A link lives from link_new until its `ended` has returned;
 * only its home touches it.
 *
 * Everything that would call the owner back or ask the kernel for something is done once,
 * at the end of the turn (turn_ended): flush what was said, say goodbye, tell that all
 * is sent, report the end, change what the loop watches for.  So a link that is told to
 * read, not to read, and to read again costs nothing.
 *
 * What is said goes wire -> `queue` -> (TLS record) -> kernel.  GnuTLS never sees a full
 * socket: what it wants to write is collected in a buffer of the thread, leaves in one
 * write, and what the kernel does not take becomes the link's `rest`; nothing new is
 * encrypted before the rest has left.
 *
 * What is heard is read ahead into a buffer of the thread, from which GnuTLS takes its
 * records: one read for many.  When the owner stops reading in the middle, what is left
 * in that buffer is kept as `ahead` and comes first the next time.
 *
 * The owner may do anything to the link inside a callback, even give it away; `current`
 * says afterwards whether it is still ours to touch.
 */
#include "net/link.h"

#include "base/clock.h"
#include "loop/timer.h"
#include "net/internal.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <gnutls/gnutls.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HANDSHAKE_MS      SECONDS(30)
#define UNSENT_MAX        (1024 * 1024)
#define STALLED_MS        SECONDS(30)
#define TURN_BYTES        (64 * 1024) /* what one link may read in one turn */
#define RECORD_MAX        16384       /* RFC 8446 §5.1 */
#define READ_MAX          (32 * 1024)
#define WRITE_FULL        (64 * 1024) /* enough encrypted for one write */
#define WRITE_MAX         (WRITE_FULL + 2 * RECORD_MAX)
#define PIECES_MAX        64
#define KEEPALIVE_SECONDS 600

enum link_state {
	OPEN,
	SHAKING, /* the TLS handshake is under way */
	CLOSING, /* link_close: the rest leaves, then we wait for the peer */
	ENDED,   /* `ended` is still to be called */
};

/* Wires said and not yet sent; there only while there are some. */
struct queue {
	uint32_t first, count, room;
	uint32_t offset; /* what was sent of the first */
	struct wire *wires[];
};

struct bytes {
	uint32_t at, length;
	char bytes[];
};

struct link {
	const struct link_owner *functions;
	void *owner;
	struct event event;
	struct timer deadline; /* of the handshake, of unsent bytes, or of our patience */
	struct timer pause;    /* on while the peer has said too much too fast */
	struct post at_end;
	gnutls_session_t session;
	struct tls_context *context;
	struct wire *end_point;
	char *meant; /* whose certificate it is for, without SNI; NULL when it has been shown */
	struct queue *queue;
	struct bytes *rest;  /* raw bytes that the kernel did not take */
	struct bytes *ahead; /* raw bytes read, but not by GnuTLS */
	char *why;
	uint32_t queued; /* bytes in `queue` */
	uint32_t unsent_max, stalled_ms;
	uint32_t rate, burst;
	int32_t allowance;  /* what the peer may say now; negative: a debt */
	int64_t allowed_at; /* when that was so */
	int fd;
	int deadline_left; /* while detached; -1: off */
	uint16_t home, port;
	uint8_t address[16];
	uint8_t family;
	uint8_t state, how;
	uint8_t watching; /* EV_READ, EV_WRITE: what the loop knows */
	bool reading : 1;
	bool secured : 1;
	bool full : 1; /* the kernel takes nothing now */
	bool scheduled : 1;
	bool detached : 1;
	bool want_emptied : 1;
	bool said_goodbye : 1;
	bool refused_renegotiation : 1;
};

_Static_assert(sizeof(struct link) < 400, "an idle link is small");

static _Thread_local struct link *current;

static _Thread_local struct {
	size_t at, end;
	bool dry; /* the kernel has no more for now */
	char raw[READ_MAX];
	char plain[RECORD_MAX];
} in;

static _Thread_local struct {
	size_t length;
	char raw[WRITE_MAX];
	char plain[RECORD_MAX];
} out;

static void ready(evutil_socket_t fd, short what, void *arg);
static void turn_ended(void *arg);
static void schedule(struct link *link);
static void watch(struct link *link);
static void end(struct link *link, enum link_end how, const char *format, ...) PRINTF_LIKE(3, 4);
static void finish(struct link *link);
static void say_goodbye(struct link *link);
static bool wants_bytes(const struct link *link);
static void hear(struct link *link, const char *bytes, size_t length);
static void read_plain(struct link *link);
static void read_tls(struct link *link);
static void tls_broke(struct link *link, int code);
static void refuse_renegotiation(struct link *link);
static void shake(struct link *link);
static int client_said_hello(gnutls_session_t session);
static void take_ahead(struct link *link);
static void keep_ahead(struct link *link);
static ssize_t pull(gnutls_transport_ptr_t arg, void *bytes, size_t room);
static int pull_timeout(gnutls_transport_ptr_t arg, unsigned ms);
static ssize_t push(gnutls_transport_ptr_t arg, const void *bytes, size_t length);
static void push_out(struct link *link);
static void flush(struct link *link);
static void flush_rest(struct link *link);
static void flush_plain(struct link *link);
static void flush_tls(struct link *link);
static size_t gather(const struct link *link, const char **bytes);
static size_t offer(struct link *link, const struct iovec *pieces, int count);
static void keep_rest(struct link *link, const char *bytes, size_t length);
static void queue_add(struct link *link, struct wire *wire);
static void queue_sent(struct link *link, size_t length);
static void queue_free(struct link *link);
static void mind_the_deadline(struct link *link, size_t unsent_before);
static void deadline_passed(void *arg);
static void pause_over(void *arg);
static void charge(struct link *link, size_t length);
static void remember_peer(struct link *link);
static void set_options(struct link *link);

struct link *
link_new(int fd, const struct link_owner *functions, void *owner)
{
	struct link *link = zalloc(sizeof *link);

	link->fd = fd;
	link->functions = functions;
	link->owner = owner;
	link->home = (uint16_t)shard_index(shard_here());
	link->unsent_max = UNSENT_MAX;
	link->stalled_ms = STALLED_MS;
	event_assign(&link->event, shard_base(shard_here()), fd, 0, ready, link);
	remember_peer(link);
	set_options(link);
	return link;
}

void
link_set_owner(struct link *link, const struct link_owner *functions, void *owner)
{
	link->functions = functions;
	link->owner = owner;
}

void
link_read(struct link *link, bool on)
{
	if (link->state != OPEN && link->state != SHAKING)
		return;
	link->reading = on;
	schedule(link);
}

void
link_say(struct link *link, struct wire *wire)
{
	if (wire->length == 0 || link->state == CLOSING || link->state == ENDED) {
		wire_drop(wire);
		return;
	}
	queue_add(link, wire);
	schedule(link);
}

size_t
link_unsent(const struct link *link)
{
	return link->queued + (link->rest != NULL ? link->rest->length - link->rest->at : 0);
}

void
link_set_limits(struct link *link, size_t unsent_max, int64_t stalled_ms)
{
	link->unsent_max = unsent_max > UINT32_MAX ? UINT32_MAX : (uint32_t)unsent_max;
	link->stalled_ms = stalled_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)stalled_ms;
}

void
link_want_emptied(struct link *link)
{
	link->want_emptied = true;
	schedule(link);
}

void
link_set_rate(struct link *link, uint32_t bytes_a_second, uint32_t burst)
{
	bool first = link->rate == 0;

	link->rate = bytes_a_second;
	link->burst = burst > INT32_MAX ? INT32_MAX : burst;
	if (first || link->allowance > (int32_t)link->burst)
		link->allowance = (int32_t)link->burst;
	link->allowed_at = now_ms();
	if (bytes_a_second == 0 && timer_is_on(&link->pause)) {
		timer_stop(&link->pause);
		schedule(link);
	}
}

void
link_start_tls(struct link *link, struct tls_context *context, bool direct, const char *name)
{
	int code;

	if (link->state == CLOSING || link->state == ENDED)
		return;
	must(!link->reading && link->session == NULL && !link->detached);

	/* What was said so far was meant to be said in the clear. */
	flush(link);
	while (link->queue != NULL) {
		const char *bytes;
		size_t length = gather(link, &bytes);

		keep_rest(link, bytes, length);
		queue_sent(link, length);
	}
	if (link->state == ENDED)
		return;
	code = tls_session_new(&link->session, context, direct);
	if (code < 0) {
		link->session = NULL;
		end(link, LINK_BROKEN, "TLS: %s", gnutls_strerror(code));
		return;
	}
	gnutls_session_set_ptr(link->session, link);
	gnutls_transport_set_ptr(link->session, link);
	gnutls_transport_set_pull_function(link->session, pull);
	gnutls_transport_set_pull_timeout_function(link->session, pull_timeout);
	gnutls_transport_set_push_function(link->session, push);
	gnutls_handshake_set_post_client_hello_function(link->session, client_said_hello);
	link->context = context;
	link->meant = copy_text(name);
	link->state = SHAKING;
	timer_start(&link->deadline, HANDSHAKE_MS, deadline_passed, link);
	schedule(link);
}

void
link_tls_info(const struct link *link, struct link_tls_info *info)
{
	static _Thread_local char sni[256];
	size_t length = sizeof sni - 1;
	unsigned type;

	memset(info, 0, sizeof *info);
	if (!link->secured)
		return;
	info->secured = true;
	info->version = gnutls_protocol_get_name(gnutls_protocol_get_version(link->session));
	info->cipher = gnutls_ciphersuite_get(link->session);
	info->resumed = gnutls_session_is_resumed(link->session) != 0;
	if (gnutls_server_name_get(link->session, sni, &length, &type, 0) == 0 && length > 0) {
		sni[length] = '\0';
		info->sni = sni;
	}
}

bool
link_tls_exporter(const struct link *link, uint8_t out_[32])
{
	gnutls_datum_t binding;
	bool got;

	/* RFC 9266 §4.2: with TLS 1.2 only if the master secret is bound to its handshake. */
	if (!link->secured ||
	    (gnutls_protocol_get_version(link->session) < GNUTLS_TLS1_3 &&
	     gnutls_session_ext_master_secret_status(link->session) == 0) ||
	    gnutls_session_channel_binding(link->session, GNUTLS_CB_TLS_EXPORTER, &binding) != 0)
		return false;
	got = binding.size == 32;
	if (got)
		memcpy(out_, binding.data, 32);
	gnutls_free(binding.data);
	return got;
}

bool
link_tls_server_end_point(const struct link *link, uint8_t out_[CHANNEL_BINDING_MAX],
			  size_t *length)
{
	const struct wire *binding = link->end_point;

	if (!link->secured || binding == NULL || binding->length == 0 ||
	    binding->length > CHANNEL_BINDING_MAX)
		return false;
	memcpy(out_, binding->bytes, binding->length);
	*length = binding->length;
	return true;
}

void
link_close(struct link *link, int64_t patience_ms)
{
	if (link->state == CLOSING || link->state == ENDED)
		return;
	if (link->state == SHAKING) {
		end(link, LINK_CLOSED, "closed during the TLS handshake");
		return;
	}
	link->state = CLOSING;
	link->reading = false;
	timer_stop(&link->pause);
	if (patience_ms > INT32_MAX)
		patience_ms = INT32_MAX;
	if (link->detached)
		link->deadline_left = (int)patience_ms;
	else
		timer_start(&link->deadline, patience_ms, deadline_passed, link);
	schedule(link);
}

void
link_abort(struct link *link, const char *why)
{
	queue_free(link);
	end(link, LINK_BROKEN, "%s", why);
}

void
link_detach(struct link *link)
{
	int64_t left = link->deadline.due - now_ms();

	must(!link->detached && shard_index(shard_here()) == link->home);
	if (current == link) { /* what the thread's buffers hold travels too */
		push_out(link);
		keep_ahead(link);
		current = NULL;
	}
	if (link->scheduled) {
		shard_not_at_turn_end(&link->at_end);
		link->scheduled = false;
	}
	link->deadline_left = !timer_is_on(&link->deadline) ? -1 : left > 0 ? (int)left : 0;
	timer_stop(&link->deadline);
	timer_stop(&link->pause);
	event_del(&link->event);
	link->watching = 0;
	link->reading = false;
	link->detached = true;
}

void
link_attach(struct link *link, const struct link_owner *functions, void *owner)
{
	must(link->detached);
	link->detached = false;
	link->home = (uint16_t)shard_index(shard_here());
	link->functions = functions;
	link->owner = owner;
	event_assign(&link->event, shard_base(shard_here()), link->fd, 0, ready, link);
	if (link->deadline_left >= 0)
		timer_start(&link->deadline, link->deadline_left, deadline_passed, link);
	link->full = false;
	schedule(link);
}

const char *
link_peer(const struct link *link, char out_[64])
{
	if (link->family == AF_UNSPEC || inet_ntop(link->family, link->address, out_, 64) == NULL)
		snprintf(out_, 64, "local");
	return out_;
}

uint16_t
link_peer_port(const struct link *link)
{
	return link->port;
}

size_t
link_memory(const struct link *link)
{
	size_t bytes = sizeof *link;

	if (link->queue != NULL)
		bytes += sizeof *link->queue + link->queue->room * sizeof link->queue->wires[0];
	if (link->rest != NULL)
		bytes += sizeof *link->rest + link->rest->length;
	if (link->ahead != NULL)
		bytes += sizeof *link->ahead + link->ahead->length;
	return bytes;
}

/* The loop says: there is something to read, or room to write, or (EV_TIMEOUT) we asked
 * to go on with what is read ahead. */
static void
ready(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;

	(void)fd;
	current = link;
	if ((what & EV_WRITE) != 0) {
		link->full = false;
		schedule(link);
	}
	if ((what & (EV_READ | EV_TIMEOUT)) != 0) {
		if (link->state == SHAKING)
			shake(link);
		else if (!wants_bytes(link))
			schedule(link);
		else if (link->session != NULL)
			read_tls(link);
		else
			read_plain(link);
	}
	current = NULL;
}

static void
schedule(struct link *link)
{
	if (link->scheduled || link->detached)
		return;
	must(shard_index(shard_here()) == link->home);
	link->scheduled = true;
	shard_at_turn_end(&link->at_end, turn_ended, link);
}

static void
turn_ended(void *arg)
{
	struct link *link = arg;

	link->scheduled = false;
	flush(link);
	if (link->state == CLOSING && link_unsent(link) == 0)
		say_goodbye(link);
	if (link->state != ENDED && link_unsent(link) > link->unsent_max)
		end(link, LINK_STALLED, "more than %u bytes unsent", link->unsent_max);
	if (link->state == ENDED) {
		finish(link);
		return;
	}
	if (link->want_emptied && link_unsent(link) == 0) {
		link->want_emptied = false;
		current = link;
		if (link->functions != NULL && link->functions->emptied != NULL)
			link->functions->emptied(link->owner);
		if (current != link)
			return;
		current = NULL;
	}
	if (link->state != ENDED)
		watch(link);
}

/* Tells the loop what we wait for, if that has changed. */
static void
watch(struct link *link)
{
	short wanted = 0;

	if (link->state == SHAKING || wants_bytes(link))
		wanted |= EV_READ;
	if (link->full)
		wanted |= EV_WRITE;
	if (wanted != link->watching) {
		event_del(&link->event);
		event_assign(&link->event, shard_base(shard_here()), link->fd,
			     (short)(wanted | EV_PERSIST), ready, link);
		if (wanted != 0)
			event_add(&link->event, NULL);
		link->watching = (uint8_t)wanted;
	}
	if ((wanted & EV_READ) != 0 && link->session != NULL &&
	    (link->ahead != NULL || gnutls_record_check_pending(link->session) > 0))
		event_active(&link->event, EV_TIMEOUT, 0); /* in the next turn */
}

/* The first end counts.  The owner hears of it when the turn is over. */
static void
end(struct link *link, enum link_end how, const char *format, ...)
{
	va_list words;

	if (link->state == ENDED)
		return;
	link->state = ENDED;
	link->how = (uint8_t)how;
	va_start(words, format);
	if (vasprintf(&link->why, format, words) < 0)
		link->why = NULL;
	va_end(words);
	link->reading = false;
	link->deadline_left = -1;
	if (!link->detached) {
		timer_stop(&link->deadline);
		timer_stop(&link->pause);
		event_del(&link->event);
		link->watching = 0;
	}
	schedule(link);
}

static void
finish(struct link *link)
{
	/* The last words are out, if the kernel took them: close now, so that the owner
	 * may open the same port or count the descriptor as free. */
	close(link->fd);
	link->fd = -1;
	if (link->functions != NULL && link->functions->ended != NULL)
		link->functions->ended(link->owner, link->how, link->why != NULL ? link->why : "");
	must(!link->detached);
	if (link->scheduled)
		shard_not_at_turn_end(&link->at_end);
	timer_stop(&link->deadline);
	timer_stop(&link->pause);
	queue_free(link);
	free(link->rest);
	free(link->ahead);
	if (link->session != NULL)
		gnutls_deinit(link->session);
	if (link->end_point != NULL) /* which keeps the session's credentials */
		wire_drop(link->end_point);
	free(link->meant);
	free(link->why);
	free(link);
}

static void
say_goodbye(struct link *link)
{
	if (!link->said_goodbye && link->secured) {
		gnutls_bye(link->session, GNUTLS_SHUT_WR);
		push_out(link);
	}
	link->said_goodbye = true;
	if (link->rest == NULL) /* else we come back when it has left */
		shutdown(link->fd, SHUT_WR);
}

static bool
wants_bytes(const struct link *link)
{
	return (link->reading && link->state == OPEN && !timer_is_on(&link->pause)) ||
	       link->state == CLOSING;
}

/* Shows bytes to the owner; afterwards `current` must be asked. */
static void
hear(struct link *link, const char *bytes, size_t length)
{
	if (link->state != OPEN)
		return;
	charge(link, length);
	link->functions->heard(link->owner, bytes, length);
}

static void
read_plain(struct link *link)
{
	for (size_t budget = TURN_BYTES; budget > 0 && wants_bytes(link);) {
		ssize_t got = recv(link->fd, in.plain, sizeof in.plain, MSG_DONTWAIT);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (got < 0) {
			end(link, LINK_BROKEN, "%s", strerrordesc_np(errno));
			return;
		}
		if (got == 0) {
			end(link, LINK_CLOSED, "the peer closed");
			return;
		}
		hear(link, in.plain, (size_t)got);
		if (current != link)
			return;
		if ((size_t)got < sizeof in.plain)
			break;
		budget -= (size_t)got;
	}
	if (!wants_bytes(link))
		schedule(link);
}

static void
read_tls(struct link *link)
{
	ssize_t budget = TURN_BYTES;

	take_ahead(link);
	while (budget > 0 && wants_bytes(link)) {
		ssize_t got = gnutls_record_recv(link->session, in.plain, sizeof in.plain);

		budget -= got > 0 ? got : 1024;
		if (got > 0) {
			hear(link, in.plain, (size_t)got);
			if (current != link)
				return;
			/* To ask GnuTLS in vain costs half of what a record does. */
			if (in.at == in.end && in.dry &&
			    gnutls_record_check_pending(link->session) == 0)
				break;
		} else if (got == 0) {
			end(link, LINK_CLOSED, "the peer closed");
		} else if (got == GNUTLS_E_AGAIN) {
			break;
		} else if (got == GNUTLS_E_PREMATURE_TERMINATION) {
			/* XML tells where it ends, so nothing can be cut off unseen. */
			end(link, LINK_CLOSED, "the peer closed without a close_notify");
		} else if (got == GNUTLS_E_REHANDSHAKE) {
			refuse_renegotiation(link);
		} else if (gnutls_error_is_fatal((int)got)) {
			tls_broke(link, (int)got);
		}
	}
	push_out(link); /* an answer of GnuTLS' own */
	keep_ahead(link);
	if (link->state != ENDED && (link->ahead != NULL || link->full || !wants_bytes(link) ||
				     gnutls_record_check_pending(link->session) > 0))
		schedule(link);
}

static void
tls_broke(struct link *link, int code)
{
	if (code == GNUTLS_E_FATAL_ALERT_RECEIVED)
		end(link, LINK_BROKEN, "TLS: the peer says \"%s\"",
		    gnutls_alert_get_name(gnutls_alert_get(link->session)));
	else if (link->state != ENDED) {
		gnutls_alert_send_appropriate(link->session, code);
		end(link, LINK_BROKEN, "TLS: %s", gnutls_strerror(code));
	}
}

/* TLS 1.2 only: nobody needs it, and each costs us a handshake.  RFC 5246 §7.2.2 lets us
 * say so once. */
static void
refuse_renegotiation(struct link *link)
{
	if (link->refused_renegotiation) {
		end(link, LINK_BROKEN, "TLS: the peer insists on a new handshake");
		return;
	}
	link->refused_renegotiation = true;
	gnutls_alert_send(link->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
}

static void
shake(struct link *link)
{
	int code, patience = 100; /* with warnings, which could come without end */

	take_ahead(link);
	do
		code = gnutls_handshake(link->session);
	while (code < 0 && code != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(code) &&
	       --patience > 0);
	if (code == GNUTLS_E_PREMATURE_TERMINATION)
		end(link, LINK_CLOSED, "the peer closed during the TLS handshake");
	else if (code < 0 && code != GNUTLS_E_AGAIN)
		tls_broke(link, code);
	push_out(link);
	keep_ahead(link);
	schedule(link);
	if (code < 0 || link->state == ENDED)
		return;

	/* A resumed TLS 1.2 session does not ask for credentials. */
	if (link->end_point == NULL)
		link->end_point = tls_choose(link->context, link->session, link->meant, false);
	free(link->meant);
	link->meant = NULL;
	timer_stop(&link->deadline);
	link->state = OPEN;
	link->secured = true;
	if (link->functions->secured != NULL)
		link->functions->secured(link->owner);
}

static int
client_said_hello(gnutls_session_t session)
{
	struct link *link = gnutls_session_get_ptr(session);
	struct wire *end_point = tls_choose(link->context, session, link->meant, true);

	if (end_point == NULL)
		return GNUTLS_E_NO_CERTIFICATE_FOUND;
	if (link->end_point != NULL) /* after a HelloRetryRequest it says hello again */
		wire_drop(link->end_point);
	link->end_point = end_point;
	return 0;
}

/* What was read ahead comes first. */
static void
take_ahead(struct link *link)
{
	in.at = in.end = 0;
	in.dry = false;
	if (link->ahead == NULL)
		return;
	in.end = link->ahead->length;
	memcpy(in.raw, link->ahead->bytes, in.end);
	free(link->ahead);
	link->ahead = NULL;
}

static void
keep_ahead(struct link *link)
{
	size_t length = in.end - in.at;

	if (length > 0 && link->state != ENDED) {
		link->ahead = zalloc(sizeof *link->ahead + length);
		link->ahead->length = (uint32_t)length;
		memcpy(link->ahead->bytes, in.raw + in.at, length);
	}
	in.at = in.end = 0;
}

static ssize_t
pull(gnutls_transport_ptr_t arg, void *bytes, size_t room)
{
	struct link *link = arg;
	size_t length;

	if (in.at == in.end) {
		ssize_t got = -1;

		errno = EAGAIN;
		if (!in.dry)
			got = recv(link->fd, in.raw, sizeof in.raw, MSG_DONTWAIT);
		if (got < 0) {
			gnutls_transport_set_errno(link->session, errno);
			return -1;
		}
		/* A short read: what comes later wakes the loop again. */
		in.dry = (size_t)got < sizeof in.raw;
		in.at = 0;
		in.end = (size_t)got;
	}
	length = in.end - in.at < room ? in.end - in.at : room;
	memcpy(bytes, in.raw + in.at, length);
	in.at += length;
	return (ssize_t)length;
}

static int
pull_timeout(gnutls_transport_ptr_t arg, unsigned ms)
{
	(void)arg;
	(void)ms;
	return in.at < in.end;
}

/* GnuTLS believes that everything is sent at once. */
static ssize_t
push(gnutls_transport_ptr_t arg, const void *bytes, size_t length)
{
	struct link *link = arg;

	if (length > sizeof out.raw - out.length)
		push_out(link);
	if (length > sizeof out.raw) {
		keep_rest(link, bytes, length);
	} else {
		memcpy(out.raw + out.length, bytes, length);
		out.length += length;
	}
	return (ssize_t)length;
}

/* Gives the kernel what GnuTLS has pushed, in one write. */
static void
push_out(struct link *link)
{
	struct iovec all = { out.raw, out.length };
	size_t taken = 0;

	if (out.length == 0)
		return;
	if (link->rest == NULL)
		taken = offer(link, &all, 1);
	if (taken < out.length)
		keep_rest(link, out.raw + taken, out.length - taken);
	out.length = 0;
}

static void
flush(struct link *link)
{
	size_t before = link_unsent(link);

	if (before == 0 || link->full || (link->state == ENDED && link->how != LINK_CLOSED))
		return;
	flush_rest(link);
	if (link->rest == NULL && link->state != SHAKING) {
		if (link->session == NULL)
			flush_plain(link);
		else if (link->secured)
			flush_tls(link);
	}
	mind_the_deadline(link, before);
}

static void
flush_rest(struct link *link)
{
	struct bytes *rest = link->rest;
	struct iovec all;

	if (rest == NULL)
		return;
	all.iov_base = rest->bytes + rest->at;
	all.iov_len = rest->length - rest->at;
	rest->at += (uint32_t)offer(link, &all, 1);
	if (rest->at < rest->length)
		return;
	free(rest);
	link->rest = NULL;
}

static void
flush_plain(struct link *link)
{
	while (link->queue != NULL && !link->full) {
		struct queue *queue = link->queue;
		struct iovec pieces[PIECES_MAX];
		int n = 0;

		for (; n < PIECES_MAX && (uint32_t)n < queue->count; n++) {
			struct wire *wire = queue->wires[queue->first + (uint32_t)n];
			uint32_t sent = n == 0 ? queue->offset : 0;

			pieces[n].iov_base = wire->bytes + sent;
			pieces[n].iov_len = wire->length - sent;
		}
		queue_sent(link, offer(link, pieces, n));
	}
}

static void
flush_tls(struct link *link)
{
	while (link->queue != NULL && link->rest == NULL) {
		while (link->queue != NULL && out.length < WRITE_FULL) {
			const char *bytes;
			size_t length = gather(link, &bytes);
			ssize_t sent = gnutls_record_send(link->session, bytes, length);

			if (sent == GNUTLS_E_INTERRUPTED)
				continue;
			if (sent < 0) {
				out.length = 0;
				queue_free(link);
				end(link, LINK_BROKEN, "TLS: %s", gnutls_strerror((int)sent));
				return;
			}
			queue_sent(link, (size_t)sent);
		}
		push_out(link);
	}
}

/* The next bytes for one record, in one piece. */
static size_t
gather(const struct link *link, const char **bytes)
{
	const struct queue *queue = link->queue;
	const struct wire *first = queue->wires[queue->first];
	size_t length = first->length - queue->offset;

	*bytes = first->bytes + queue->offset;
	if (length >= RECORD_MAX)
		return RECORD_MAX;
	if (queue->count == 1)
		return length;
	memcpy(out.plain, *bytes, length);
	*bytes = out.plain;
	for (uint32_t i = 1; i < queue->count && length < RECORD_MAX; i++) {
		const struct wire *wire = queue->wires[queue->first + i];
		size_t more = RECORD_MAX - length;

		if (more > wire->length)
			more = wire->length;
		memcpy(out.plain + length, wire->bytes, more);
		length += more;
	}
	return length;
}

/* Offers bytes to the kernel and says how many it took; on an error, which ends the
 * link, all of them. */
static size_t
offer(struct link *link, const struct iovec *pieces, int count)
{
	struct msghdr message = { .msg_iov = (struct iovec *)pieces, .msg_iovlen = (size_t)count };
	size_t length = 0;
	ssize_t taken;

	for (int i = 0; i < count; i++)
		length += pieces[i].iov_len;
	do
		taken = sendmsg(link->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (taken < 0 && errno == EINTR);
	if (taken >= 0) {
		link->full = (size_t)taken < length;
		return (size_t)taken;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK) {
		link->full = true;
		return 0;
	}
	end(link, LINK_BROKEN, "%s", strerrordesc_np(errno));
	return length;
}

static void
keep_rest(struct link *link, const char *bytes, size_t length)
{
	struct bytes *rest = link->rest;
	size_t kept = rest != NULL ? rest->length - rest->at : 0;

	if (rest != NULL && rest->at > 0) {
		memmove(rest->bytes, rest->bytes + rest->at, kept);
		rest->at = 0;
	}
	rest = resize(rest, sizeof *rest + kept + length);
	rest->at = 0;
	rest->length = (uint32_t)(kept + length);
	memcpy(rest->bytes + kept, bytes, length);
	link->rest = rest;
}

static void
queue_add(struct link *link, struct wire *wire)
{
	struct queue *queue = link->queue;

	if (queue == NULL) {
		queue = zalloc(sizeof *queue + 6 * sizeof queue->wires[0]);
		queue->room = 6;
	} else if (queue->first + queue->count == queue->room && queue->first > queue->count) {
		memmove(queue->wires, queue->wires + queue->first,
			queue->count * sizeof queue->wires[0]);
		queue->first = 0;
	} else if (queue->first + queue->count == queue->room) {
		queue->room *= 2;
		queue = resize(queue, sizeof *queue + queue->room * sizeof queue->wires[0]);
	}
	queue->wires[queue->first + queue->count++] = wire;
	link->queued += wire->length;
	link->queue = queue;
}

static void
queue_sent(struct link *link, size_t length)
{
	struct queue *queue = link->queue;

	link->queued -= (uint32_t)length;
	while (queue->count > 0) {
		struct wire *wire = queue->wires[queue->first];
		size_t left = wire->length - queue->offset;

		if (length < left) {
			queue->offset += (uint32_t)length;
			return;
		}
		length -= left;
		queue->offset = 0;
		queue->first++;
		queue->count--;
		wire_drop(wire);
	}
	free(queue);
	link->queue = NULL;
}

static void
queue_free(struct link *link)
{
	if (link->queue != NULL)
		queue_sent(link, link->queued);
}

/* The deadline runs while bytes are unsent, anew whenever the kernel takes some; during
 * a handshake or our patience it is another one and is left alone. */
static void
mind_the_deadline(struct link *link, size_t unsent_before)
{
	size_t unsent = link_unsent(link);

	if (link->state != OPEN)
		return;
	if (unsent == 0)
		timer_stop(&link->deadline);
	else if (unsent != unsent_before || !timer_is_on(&link->deadline))
		timer_start(&link->deadline, link->stalled_ms, deadline_passed, link);
}

static void
deadline_passed(void *arg)
{
	struct link *link = arg;

	if (link->state == SHAKING)
		end(link, LINK_BROKEN, "the TLS handshake took too long");
	else if (link->state == OPEN || link_unsent(link) > 0)
		end(link, LINK_STALLED, "the peer does not take its bytes");
	else
		end(link, LINK_CLOSED, "closed");
}

static void
charge(struct link *link, size_t length)
{
	int64_t now, allowance;

	if (link->rate == 0)
		return;
	now = now_ms();
	allowance = link->allowance + (now - link->allowed_at) * link->rate / 1000;
	if (allowance > (int64_t)link->burst)
		allowance = link->burst;
	allowance -= (int64_t)length;
	link->allowance = allowance < INT32_MIN ? INT32_MIN : (int32_t)allowance;
	link->allowed_at = now;
	if (allowance <= 0)
		timer_start(&link->pause, -allowance * 1000 / link->rate + 1, pause_over, link);
}

static void
pause_over(void *arg)
{
	schedule(arg);
}

static void
remember_peer(struct link *link)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof peer;

	link->family = AF_UNSPEC;
	if (getpeername(link->fd, (struct sockaddr *)&peer, &length) != 0)
		return;
	if (peer.ss_family == AF_INET) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)&peer;

		memcpy(link->address, &v4->sin_addr, sizeof v4->sin_addr);
		link->port = ntohs(v4->sin_port);
		link->family = AF_INET;
	} else if (peer.ss_family == AF_INET6) {
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&peer;

		memcpy(link->address, &v6->sin6_addr, sizeof v6->sin6_addr);
		link->port = ntohs(v6->sin6_port);
		link->family = AF_INET6;
	}
}

/* Keepalive finds peers that vanished; seldom, because it wakes a sleeping phone. */
static void
set_options(struct link *link)
{
	int on = 1, idle = KEEPALIVE_SECONDS, between = 60, tries = 5;

	if (link->family == AF_UNSPEC)
		return;
	setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(link->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(link->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	setsockopt(link->fd, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof between);
	setsockopt(link->fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof tries);
}
