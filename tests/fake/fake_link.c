/* SPDX-License-Identifier: MIT */
/*
 * Links and listeners without sockets: what one side says lies in a text of the other
 * until the world turns.
 *
 * A link and its end find each other by a made-up descriptor.  Bytes, closing and
 * tearing reach a link by a post to its home, as they would by its loop; what a link
 * does once a turn it does at the turn's end, as the real one.
 */
#include "fake/fake.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/table.h"
#include "loop/timer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_FD     1000
#define HANDSHAKE_MS SECONDS(30)
#define UNSENT_MAX   (1024 * 1024)
#define STALLED_MS   SECONDS(30)

enum link_state { OPEN, SHAKING, CLOSING, ENDED };

struct fake_end {
	struct list place;
	struct link *link;
	struct listener *listener; /* whose shard shall accept it */
	struct post accepting;
	struct text said;  /* to the peer, not taken yet */
	struct text inbox; /* by the peer, not heard yet */
	size_t heard;      /* of the inbox */
	size_t cut_left;
	struct fake_tls tls;
	bool cut, stalled, hung_up, torn, polite, ended, dropped, waiting;
	bool told_goodbye;
	enum link_end how;
	char *why;
	int fd;
	char peer[64];
};

struct link {
	const struct link_owner *functions;
	void *owner;
	struct fake_end *end;
	struct shard *home;
	struct post io, at_end;
	struct timer deadline, pause;
	struct text queue;
	size_t unsent_max;
	int64_t stalled_ms, deadline_left;
	int64_t rate, burst, allowance, allowed_at;
	enum link_state state;
	enum link_end how;
	char *why;
	bool reading, secured, detached, want_emptied;
	bool io_posted, scheduled, gone;
};

struct listener {
	struct list place;
	accepted_fn *fn;
	void *arg;
	char *address; /* or the path */
	uint16_t port; /* 0: a Unix socket */
	unsigned next;
	bool started[SHARDS_MAX];
};

struct count {
	struct entry entry;
	unsigned connections;
	char peer[64];
};

static struct list ends, listeners;
static struct table counts;
static unsigned limit, live_links;
static size_t chunk;
static int next_fd = FIRST_FD;

static struct fake_end *end_new(const char *peer);
static void end_free(struct fake_end *end);
static struct fake_end *end_of(int fd);
static struct fake_end *connect_to(struct listener *listener, const char *peer);
static struct listener *listener_at(const char *address, uint16_t port);
static struct listener *listener_make(const char *address, uint16_t port, accepted_fn *fn,
				      void *arg);
static void accept_it(void *arg);
static void schedule(struct link *link);
static void turn_ended(void *arg);
static void flush(struct link *link);
static void want_io(struct link *link);
static void io_came(void *arg);
static void hear_some(struct link *link);
static void finish(struct link *link);
static void end_link(struct link *link, enum link_end how, const char *why);
static void deadline_passed(void *arg);
static void pause_over(void *arg);
static void charge(struct link *link, size_t length);

/* ---- net/link.h ---- */

struct link *
link_new(int fd, const struct link_owner *functions, void *owner)
{
	struct link *link = zalloc(sizeof *link);

	link->end = end_of(fd);
	must(link->end != NULL && link->end->link == NULL);
	link->end->link = link;
	link->functions = functions;
	link->owner = owner;
	link->home = shard_here();
	link->unsent_max = UNSENT_MAX;
	link->stalled_ms = STALLED_MS;
	live_links++;
	if (link->end->torn)
		want_io(link);
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
	if (link->state == OPEN || link->state == SHAKING) {
		text_add_bytes(&link->queue, wire->bytes, wire->length);
		schedule(link);
	}
	wire_drop(wire);
}

size_t
link_unsent(const struct link *link)
{
	return link->queue.length;
}

void
link_set_limits(struct link *link, size_t unsent_max, int64_t stalled_ms)
{
	link->unsent_max = unsent_max;
	link->stalled_ms = stalled_ms;
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
	link->burst = burst;
	if (first || link->allowance > link->burst)
		link->allowance = link->burst;
	link->allowed_at = now_ms();
	if (bytes_a_second == 0 && timer_is_on(&link->pause)) {
		timer_stop(&link->pause);
		schedule(link);
	}
}

void
link_start_tls(struct link *link, struct tls_context *context, bool direct, const char *name)
{
	(void)context;
	(void)direct;
	(void)name;
	if (link->state == CLOSING || link->state == ENDED)
		return;
	must(!link->reading && !link->secured && !link->detached && link->state == OPEN);
	flush(link);
	if (link->state == ENDED)
		return;
	link->state = SHAKING;
	timer_start(&link->deadline, HANDSHAKE_MS, deadline_passed, link);
	want_io(link);
}

void
link_tls_info(const struct link *link, struct link_tls_info *info)
{
	memset(info, 0, sizeof *info);
	if (!link->secured)
		return;
	*info = link->end->tls.info;
	info->secured = true;
}

bool
link_tls_exporter(const struct link *link, uint8_t out[32])
{
	if (!link->secured || !link->end->tls.has_exporter)
		return false;
	memcpy(out, link->end->tls.exporter, 32);
	return true;
}

bool
link_tls_server_end_point(const struct link *link, uint8_t out[CHANNEL_BINDING_MAX], size_t *length)
{
	if (!link->secured || !link->end->tls.has_end_point)
		return false;
	*length = sizeof link->end->tls.end_point;
	memcpy(out, link->end->tls.end_point, *length);
	return true;
}

void
link_close(struct link *link, int64_t patience_ms)
{
	if (link->state == CLOSING || link->state == ENDED)
		return;
	if (link->state == SHAKING) {
		end_link(link, LINK_CLOSED, "closed during the TLS handshake");
		return;
	}
	link->state = CLOSING;
	link->reading = false;
	timer_stop(&link->pause);
	if (link->detached)
		link->deadline_left = patience_ms;
	else
		timer_start(&link->deadline, patience_ms, deadline_passed, link);
	schedule(link);
}

void
link_abort(struct link *link, const char *why)
{
	text_clear(&link->queue);
	end_link(link, LINK_BROKEN, why);
}

void
link_detach(struct link *link)
{
	int64_t left = link->deadline.due - now_ms();

	must(!link->detached && shard_here() == link->home);
	if (link->scheduled)
		shard_not_at_turn_end(&link->at_end);
	link->scheduled = false;
	link->deadline_left = timer_is_on(&link->deadline) ? left : -1;
	timer_stop(&link->deadline);
	timer_stop(&link->pause);
	link->reading = false;
	link->detached = true;
}

void
link_attach(struct link *link, const struct link_owner *functions, void *owner)
{
	must(link->detached);
	link->detached = false;
	link->home = shard_here();
	link->functions = functions;
	link->owner = owner;
	if (link->deadline_left >= 0)
		timer_start(&link->deadline, link->deadline_left, deadline_passed, link);
	schedule(link);
	want_io(link);
}

const char *
link_peer(const struct link *link, char out[64])
{
	snprintf(out, 64, "%s", link->end->peer);
	return out;
}

uint16_t
link_peer_port(const struct link *link)
{
	return (uint16_t)link->end->fd;
}

size_t
link_memory(const struct link *link)
{
	return sizeof *link + link->queue.room;
}

/* ---- net/listener.h ---- */

struct listener *
listener_new(const char *address, uint16_t port, accepted_fn *fn, void *arg, struct err *err)
{
	static uint16_t free_port = 40000;

	if (!listener_can_bind(address, port, err))
		return NULL;
	return listener_make(address, port != 0 ? port : free_port++, fn, arg);
}

struct listener *
listener_new_unix(const char *path, accepted_fn *fn, void *arg, struct err *err)
{
	if (listener_at(path, 0) != NULL) {
		err_fail(err, ERR_EXISTS, "cannot listen on \"%s\": somebody does already", path);
		return NULL;
	}
	return listener_make(path, 0, fn, arg);
}

void
listener_start(struct listener *listener)
{
	unsigned here = shard_index(shard_here());

	if (listener->port != 0 || here == 0)
		listener->started[here] = true;
}

void
listener_stop(struct listener *listener)
{
	listener->started[shard_index(shard_here())] = false;
}

void
listener_free(struct listener **listener)
{
	struct list *each;

	if (*listener == NULL)
		return;
	for (each = ends.next; each != &ends; each = each->next)
		if (LIST_ITEM(each, struct fake_end, place)->listener == *listener)
			LIST_ITEM(each, struct fake_end, place)->listener = NULL;
	list_remove(&(*listener)->place);
	free((*listener)->address);
	free(*listener);
	*listener = NULL;
}

uint16_t
listener_port(const struct listener *listener)
{
	return listener->port;
}

bool
listener_can_bind(const char *address, uint16_t port, struct err *err)
{
	if (port != 0 && listener_at(address, port) != NULL)
		return err_fail(err, ERR_EXISTS,
				"cannot listen on %s port %u: another program "
				"has the port",
				address, port);
	return true;
}

void
listener_set_limit(unsigned an_address)
{
	limit = an_address;
}

void
listener_gone(const char *peer)
{
	struct count *count = TABLE_ITEM(table_get(&counts, peer), struct count, entry);

	if (count == NULL || --count->connections > 0)
		return;
	table_remove(&counts, &count->entry);
	free(count);
	if (counts.count == 0)
		table_clear(&counts);
}

/* ---- fake/fake.h ---- */

struct fake_end *
fake_connect(uint16_t port, const char *peer)
{
	struct listener *listener = listener_at(NULL, port);
	struct count *count;

	if (listener == NULL)
		return NULL;
	count = TABLE_ITEM(table_get(&counts, peer), struct count, entry);
	if (count != NULL && limit > 0 && count->connections >= limit)
		return NULL;
	if (count == NULL) {
		count = zalloc(sizeof *count);
		snprintf(count->peer, sizeof count->peer, "%s", peer);
		table_put(&counts, &count->entry, count->peer);
	}
	count->connections++;
	return connect_to(listener, peer);
}

struct fake_end *
fake_connect_unix(const char *path)
{
	struct listener *listener = listener_at(path, 0);

	return listener != NULL ? connect_to(listener, "local") : NULL;
}

struct fake_end *
fake_link_new(const struct link_owner *functions, void *owner)
{
	struct fake_end *end = end_new("192.0.2.1");

	link_new(end->fd, functions, owner);
	return end;
}

void
fake_drop(struct fake_end **end)
{
	if (*end == NULL)
		return;
	fake_hang_up(*end);
	(*end)->dropped = true;
	if ((*end)->link == NULL && !(*end)->waiting)
		end_free(*end);
	*end = NULL;
}

struct link *
fake_link(const struct fake_end *end)
{
	return end->link;
}

void
fake_hear(struct fake_end *end, const char *bytes, size_t length)
{
	must(!end->hung_up && !end->torn);
	text_add_bytes(&end->inbox, bytes, length);
	if (end->link != NULL)
		want_io(end->link);
}

void
fake_say(struct fake_end *end, const char *words)
{
	fake_hear(end, words, strlen(words));
}

bool
fake_take(struct fake_end *end, struct text *said)
{
	if (end->said.length == 0)
		return false;
	text_add_bytes(said, end->said.bytes, end->said.length);
	text_empty(&end->said);
	return true;
}

const char *
fake_said(const struct fake_end *end)
{
	return end->said.length > 0 ? end->said.bytes : "";
}

void
fake_chunk(size_t bytes)
{
	chunk = bytes;
}

void
fake_hang_up(struct fake_end *end)
{
	end->hung_up = true;
	if (end->link != NULL)
		want_io(end->link);
}

void
fake_reset(struct fake_end *end)
{
	end->torn = true;
	if (end->link != NULL)
		want_io(end->link);
}

void
fake_stall(struct fake_end *end, bool stalled)
{
	end->stalled = stalled;
	if (!stalled && end->link != NULL)
		want_io(end->link);
}

void
fake_link_cut_after(struct fake_end *end, size_t bytes)
{
	end->cut = true;
	end->cut_left = bytes;
}

void
fake_polite(struct fake_end *end, bool polite)
{
	end->polite = polite;
}

struct fake_tls *
fake_tls(struct fake_end *end)
{
	return &end->tls;
}

bool
fake_ended(const struct fake_end *end, enum link_end *how, const char **why)
{
	if (!end->ended)
		return false;
	if (how != NULL)
		*how = end->how;
	if (why != NULL)
		*why = end->why;
	return true;
}

bool
fake_told_goodbye(const struct fake_end *end)
{
	return end->told_goodbye;
}

unsigned
fake_links(void)
{
	return live_links;
}

unsigned
fake_counted(const char *peer)
{
	struct count *count = TABLE_ITEM(table_get(&counts, peer), struct count, entry);

	return count != NULL ? count->connections : 0;
}

/* ---- ends ---- */

static struct fake_end *
end_new(const char *peer)
{
	struct fake_end *end = zalloc(sizeof *end);

	if (ends.next == NULL)
		list_init(&ends);
	end->fd = next_fd++;
	end->polite = true;
	snprintf(end->peer, sizeof end->peer, "%s", peer);
	end->tls.info.version = "TLS1.3";
	end->tls.info.cipher = "TLS_AES_128_GCM_SHA256";
	end->tls.has_exporter = end->tls.has_end_point = true;
	for (int i = 0; i < 32; i++) {
		end->tls.exporter[i] = (uint8_t)(end->fd * 7 + i);
		end->tls.end_point[i] = (uint8_t)(200 - i);
	}
	list_append(&ends, &end->place);
	return end;
}

static void
end_free(struct fake_end *end)
{
	list_remove(&end->place);
	text_clear(&end->said);
	text_clear(&end->inbox);
	free(end->why);
	free(end);
}

static struct fake_end *
end_of(int fd)
{
	if (ends.next == NULL)
		return NULL;
	for (struct list *each = ends.next; each != &ends; each = each->next)
		if (LIST_ITEM(each, struct fake_end, place)->fd == fd)
			return LIST_ITEM(each, struct fake_end, place);
	return NULL;
}

static struct fake_end *
connect_to(struct listener *listener, const char *peer)
{
	unsigned i = listener->next;
	struct fake_end *end;

	while (!listener->started[i % shard_count()])
		i++;
	listener->next = i + 1;
	end = end_new(peer);
	end->listener = listener;
	end->waiting = true;
	shard_post(shard_at(i % shard_count()), &end->accepting, accept_it, end);
	return end;
}

static void
accept_it(void *arg)
{
	struct fake_end *end = arg;
	struct listener *listener = end->listener;

	end->waiting = false;
	end->listener = NULL;
	if (listener != NULL && listener->started[shard_index(shard_here())]) {
		listener->fn(listener->arg, end->fd);
		must(end->link != NULL); /* who accepts makes a link of it */
		return;
	}
	if (strcmp(end->peer, "local") != 0)
		listener_gone(end->peer);
	end->ended = true;
	end->how = LINK_CLOSED;
	end->why = copy_text("the listener was stopped");
	if (end->dropped)
		end_free(end);
}

/* One that accepts; with an address, any. */
static struct listener *
listener_at(const char *address, uint16_t port)
{
	if (listeners.next == NULL)
		return NULL;
	for (struct list *at = listeners.next; at != &listeners; at = at->next) {
		struct listener *each = LIST_ITEM(at, struct listener, place);

		if (each->port != port || (address != NULL && strcmp(each->address, address) != 0))
			continue;
		if (address != NULL && port != 0)
			return each;
		for (unsigned i = 0; i < shard_count(); i++)
			if (each->started[i])
				return each;
	}
	return NULL;
}

static struct listener *
listener_make(const char *address, uint16_t port, accepted_fn *fn, void *arg)
{
	struct listener *listener = zalloc(sizeof *listener);

	if (listeners.next == NULL)
		list_init(&listeners);
	listener->address = copy_text(address);
	listener->port = port;
	listener->fn = fn;
	listener->arg = arg;
	list_append(&listeners, &listener->place);
	return listener;
}

/* ---- links ---- */

static void
schedule(struct link *link)
{
	if (link->scheduled || link->detached || link->gone)
		return;
	must(shard_here() == link->home);
	link->scheduled = true;
	shard_at_turn_end(&link->at_end, turn_ended, link);
}

static void
turn_ended(void *arg)
{
	struct link *link = arg;

	link->scheduled = false;
	flush(link);
	if (link->state == CLOSING && link->queue.length == 0 && !link->end->told_goodbye) {
		link->end->told_goodbye = true;
		if (link->end->polite)
			fake_hang_up(link->end);
	}
	if (link->state != ENDED && link->queue.length > link->unsent_max)
		end_link(link, LINK_STALLED, "too many bytes unsent");
	if (link->state == ENDED) {
		finish(link);
		return;
	}
	if (link->state == OPEN && link->queue.length == 0)
		timer_stop(&link->deadline);
	else if (link->state == OPEN && !timer_is_on(&link->deadline))
		timer_start(&link->deadline, link->stalled_ms, deadline_passed, link);
	want_io(link); /* before the owner may give it away */
	if (link->want_emptied && link->queue.length == 0) {
		link->want_emptied = false;
		if (link->functions->emptied != NULL)
			link->functions->emptied(link->owner);
	}
}

static void
flush(struct link *link)
{
	struct fake_end *end = link->end;
	size_t length = link->queue.length;

	if (length == 0 || end->stalled || link->state == SHAKING ||
	    (link->state == ENDED && link->how != LINK_CLOSED))
		return;
	if (end->torn)
		length = 0;
	else if (end->cut && length > end->cut_left)
		length = end->cut_left;
	if (length > 0)
		text_add_bytes(&end->said, link->queue.bytes, length);
	text_clear(&link->queue);
	if (!end->cut || end->torn)
		return;
	end->cut_left -= length;
	if (end->cut_left == 0)
		fake_reset(end);
}

/* Posts what waits for the link to its home, as a loop would say that it is ready. */
static void
want_io(struct link *link)
{
	if (link->io_posted || link->detached || link->gone)
		return;
	link->io_posted = true;
	shard_post(link->home, &link->io, io_came, link);
}

static void
io_came(void *arg)
{
	struct link *link = arg;

	link->io_posted = false;
	if (link->gone) {
		free(link);
		return;
	}
	if (link->detached || link->state == ENDED)
		return;
	if (shard_here() != link->home) { /* it moved meanwhile */
		want_io(link);
		return;
	}
	if (link->end->torn) {
		end_link(link, LINK_BROKEN, "Connection reset by peer");
		return;
	}
	if (link->queue.length > 0 && !link->end->stalled && link->state != SHAKING)
		schedule(link);
	if (link->state == SHAKING && link->end->tls.refused) {
		end_link(link, LINK_BROKEN, "TLS: the handshake failed");
	} else if (link->state == SHAKING) {
		timer_stop(&link->deadline);
		link->state = OPEN;
		link->secured = true;
		schedule(link);
		if (link->functions->secured != NULL)
			link->functions->secured(link->owner);
	} else if (link->state == CLOSING && link->end->hung_up) {
		end_link(link, LINK_CLOSED, "the peer closed");
	} else if (link->state == OPEN && link->reading && !timer_is_on(&link->pause)) {
		hear_some(link);
	}
}

static void
hear_some(struct link *link)
{
	struct fake_end *end = link->end;
	size_t length = end->inbox.length - end->heard;
	char *bytes;

	if (length == 0) {
		if (end->hung_up)
			end_link(link, LINK_CLOSED, "the peer closed");
		return;
	}
	if (chunk > 0 && length > chunk)
		length = chunk;
	/* A copy of the right size, so that reading beyond it is noticed. */
	bytes = zalloc(length);
	memcpy(bytes, end->inbox.bytes + end->heard, length);
	end->heard += length;
	if (end->heard == end->inbox.length) {
		text_empty(&end->inbox);
		end->heard = 0;
	}
	if (end->inbox.length > 0 || end->hung_up)
		want_io(link);
	charge(link, length);
	link->functions->heard(link->owner, bytes, length);
	free(bytes);
}

static void
end_link(struct link *link, enum link_end how, const char *why)
{
	if (link->state == ENDED)
		return;
	link->state = ENDED;
	link->how = how;
	link->why = copy_text(why);
	link->reading = false;
	link->deadline_left = -1;
	if (!link->detached) {
		timer_stop(&link->deadline);
		timer_stop(&link->pause);
	}
	schedule(link);
}

static void
finish(struct link *link)
{
	struct fake_end *end = link->end;

	end->ended = true;
	end->how = link->how;
	end->why = link->why;
	if (link->functions != NULL && link->functions->ended != NULL)
		link->functions->ended(link->owner, link->how, link->why);
	must(!link->detached);
	if (link->scheduled)
		shard_not_at_turn_end(&link->at_end);
	timer_stop(&link->deadline);
	timer_stop(&link->pause);
	text_clear(&link->queue);
	end->link = NULL;
	if (end->dropped)
		end_free(end);
	live_links--;
	link->gone = true;
	if (!link->io_posted)
		free(link);
}

static void
deadline_passed(void *arg)
{
	struct link *link = arg;

	if (link->state == SHAKING)
		end_link(link, LINK_BROKEN, "the TLS handshake took too long");
	else if (link->state == OPEN || link->queue.length > 0)
		end_link(link, LINK_STALLED, "the peer does not take its bytes");
	else
		end_link(link, LINK_CLOSED, "closed");
}

static void
pause_over(void *arg)
{
	want_io(arg);
}

static void
charge(struct link *link, size_t length)
{
	if (link->rate == 0)
		return;
	link->allowance += (now_ms() - link->allowed_at) * link->rate / 1000;
	if (link->allowance > link->burst)
		link->allowance = link->burst;
	link->allowance -= (int64_t)length;
	link->allowed_at = now_ms();
	if (link->allowance <= 0)
		timer_start(&link->pause, -link->allowance * 1000 / link->rate + 1, pause_over,
			    link);
}
