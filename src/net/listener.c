/* SPDX-License-Identifier: MIT */
/*
 * Where peers come in.
 *
 * The way of a connection: it is accepted on the shard whose socket it came to; a visit
 * goes to the home of its address, where that address' connections are counted; it comes
 * back let in or turned away.  So the counts need no lock, and where there is one shard
 * (or the address is at home here) nothing travels.
 *
 * A listener is made and freed on shard 0; each of its parts belongs to its shard.  A
 * visit that returns to a part that was stopped meanwhile is hung up on.
 */
#include "net/listener.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/table.h"
#include "loop/timer.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define WAITING_MAX 1024       /* connections that the kernel keeps for us */
#define TURN_MAX    64         /* connections accepted in one turn */
#define REST_MS     SECONDS(1) /* after running out of descriptors */
#define KEPT_MAX    32         /* descriptors that peers do not get: the admin, the store */

/* Where to listen, as the kernel wants it. */
struct place {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address;
	socklen_t length;
};

struct part {
	struct listener *listener;
	struct event event;
	struct timer rest;
	struct list visits; /* those on their way to the home of their address */
	int fd;             /* -1: none on this shard */
	int held;           /* accepted, but for want of descriptors not let in yet; -1 */
	bool started, complained;
};

struct listener {
	accepted_fn *fn;
	void *arg;
	uint16_t port;
	char name[80]; /* "192.0.2.1 port 5222", for the log */
	char *path;    /* of a Unix socket */
	unsigned count;
	struct part parts[];
};

struct visit {
	struct post post;
	struct list place;
	struct part *part; /* NULL: it was stopped */
	struct shard *from;
	int fd;
	bool let_in;
	char address[INET6_ADDRSTRLEN];
};

/* An address with connections; there while it has some. */
struct count {
	struct entry entry;
	unsigned connections;
	char address[INET6_ADDRSTRLEN];
};

struct farewell {
	struct post post;
	char address[INET6_ADDRSTRLEN];
};

struct new_limit {
	struct post post;
	unsigned an_address;
};

static struct table counts[SHARDS_MAX]; /* each touched by its shard alone */
static unsigned limits[SHARDS_MAX];

static struct listener *listener_make(unsigned count, accepted_fn *fn, void *arg);
static void came(evutil_socket_t fd, short what, void *arg);
static void take_a_rest(struct part *part, int why);
static void rest_over(void *arg);
static void arrive(struct part *part, int fd, const struct sockaddr_storage *peer);
static void visit_counted(void *arg);
static void visit_returned(void *arg);
static void peer_gone(void *arg);
static void set_limit(void *arg);
static bool count_in(const char *address);
static void count_out(const char *address);
static struct shard *home_of(const char *address);
static void address_of(char *out, const struct sockaddr_storage *peer);
static bool place_read(struct place *place, const char *address, uint16_t port, struct err *err);
static int bind_at(const struct place *place, bool shared, int *why);
static bool bind_fail(struct err *err, const char *address, uint16_t port, int why);
static int bind_unix(const char *path, struct err *err);
static bool somebody_answers(const struct sockaddr_un *place);
static void describe(const struct log_scope *self, char *out, size_t room);

static const struct log_scope scope = { NULL, describe };

struct listener *
listener_new(const char *address, uint16_t port, accepted_fn *fn, void *arg, struct err *err)
{
	struct listener *listener;
	struct place place;
	int why;

	/* Shared ports can be joined by a second server of the same user without an error;
	 * so first see whether the port is really free. */
	if (!listener_can_bind(address, port, err) || !place_read(&place, address, port, err))
		return NULL;
	listener = listener_make(shard_count(), fn, arg);
	for (unsigned i = 0; i < listener->count; i++) {
		struct part *part = &listener->parts[i];

		part->fd = bind_at(&place, true, &why);
		if (part->fd < 0 || listen(part->fd, WAITING_MAX) != 0) {
			bind_fail(err, address, port, part->fd < 0 ? why : errno);
			listener_free(&listener);
			return NULL;
		}
		if (i == 0) /* port 0: the others take what the system chose for the first */
			getsockname(part->fd, &place.address.any, &place.length);
	}
	listener->port = ntohs(place.address.any.sa_family == AF_INET ? place.address.v4.sin_port
								      : place.address.v6.sin6_port);
	snprintf(listener->name, sizeof listener->name, "%.64s port %u", address, listener->port);
	return listener;
}

struct listener *
listener_new_unix(const char *path, accepted_fn *fn, void *arg, struct err *err)
{
	int fd = bind_unix(path, err);
	struct listener *listener;

	if (fd < 0)
		return NULL;
	listener = listener_make(shard_count(), fn, arg);
	listener->parts[0].fd = fd;
	listener->path = copy_text(path);
	/* Its folder may be said as a descriptor, which is nothing to tell anybody. */
	snprintf(listener->name, sizeof listener->name, "%.79s",
		 strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path);
	return listener;
}

void
listener_start(struct listener *listener)
{
	struct part *part = &listener->parts[shard_index(shard_here())];

	if (part->fd < 0 || part->started)
		return;
	part->started = true;
	event_assign(&part->event, shard_base(shard_here()), part->fd, EV_READ | EV_PERSIST, came,
		     part);
	event_add(&part->event, NULL);
}

void
listener_stop(struct listener *listener)
{
	struct part *part = &listener->parts[shard_index(shard_here())];
	struct list *node;

	if (part->started)
		event_del(&part->event);
	part->started = false;
	timer_stop(&part->rest);
	if (part->fd >= 0)
		close(part->fd);
	if (part->held >= 0)
		close(part->held);
	part->fd = part->held = -1;
	while ((node = list_shift(&part->visits)) != NULL)
		LIST_ITEM(node, struct visit, place)->part = NULL;
}

void
listener_free(struct listener **freed)
{
	struct listener *listener = *freed;

	if (listener == NULL)
		return;
	for (unsigned i = 0; i < listener->count; i++) {
		must(!listener->parts[i].started);
		if (listener->parts[i].fd >= 0)
			close(listener->parts[i].fd);
		if (listener->parts[i].held >= 0)
			close(listener->parts[i].held);
	}
	if (listener->path != NULL)
		unlink(listener->path);
	free(listener->path);
	free(listener);
	*freed = NULL;
}

uint16_t
listener_port(const struct listener *listener)
{
	return listener->port;
}

bool
listener_can_bind(const char *address, uint16_t port, struct err *err)
{
	struct place place;
	int fd, why;

	if (!place_read(&place, address, port, err))
		return false;
	fd = bind_at(&place, false, &why);
	if (fd >= 0 && listen(fd, 1) != 0) {
		why = errno;
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		return bind_fail(err, address, port, why);
	close(fd);
	return true;
}

void
listener_set_limit(unsigned an_address)
{
	for (unsigned i = 0; i < shard_count(); i++) {
		struct new_limit *new_limit;

		if (shard_at(i) == shard_here() || !shards_are_running()) {
			limits[i] = an_address;
			continue;
		}
		new_limit = zalloc(sizeof *new_limit);
		new_limit->an_address = an_address;
		shard_post(shard_at(i), &new_limit->post, set_limit, new_limit);
	}
}

void
listener_gone(const char *peer)
{
	struct sockaddr_storage from = { 0 };
	char address[INET6_ADDRSTRLEN];
	struct farewell *farewell;

	if (inet_pton(AF_INET, peer, &((struct sockaddr_in *)&from)->sin_addr) == 1)
		from.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, peer, &((struct sockaddr_in6 *)&from)->sin6_addr) == 1)
		from.ss_family = AF_INET6;
	else
		return; /* from a Unix socket: not counted */
	address_of(address, &from);
	if (home_of(address) == shard_here()) {
		count_out(address);
		return;
	}
	farewell = zalloc(sizeof *farewell);
	memcpy(farewell->address, address, sizeof address);
	shard_post(home_of(address), &farewell->post, peer_gone, farewell);
}

static struct listener *
listener_make(unsigned count, accepted_fn *fn, void *arg)
{
	struct listener *listener = zalloc(sizeof *listener + count * sizeof listener->parts[0]);

	listener->fn = fn;
	listener->arg = arg;
	listener->count = count;
	for (unsigned i = 0; i < count; i++) {
		listener->parts[i].listener = listener;
		listener->parts[i].fd = listener->parts[i].held = -1;
		list_init(&listener->parts[i].visits);
	}
	return listener;
}

/* Without some to spare nobody could ask the server what is the matter. */
static rlim_t
descriptors_for_peers(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY)
		return RLIM_INFINITY;
	return files.rlim_cur - (files.rlim_cur / 4 < KEPT_MAX ? files.rlim_cur / 4 : KEPT_MAX);
}

/* Descriptors are given from below, so a high one tells that few are left. */
static bool
is_of_the_last(const struct part *part, int fd)
{
	return part->listener->path == NULL && (rlim_t)fd >= descriptors_for_peers();
}

static void
came(evutil_socket_t listening, short what, void *arg)
{
	struct part *part = arg;

	(void)what;
	for (int n = 0; n < TURN_MAX && part->started; n++) {
		struct sockaddr_storage peer;
		socklen_t length = sizeof peer;
		int fd = accept4(listening, (struct sockaddr *)&peer, &length,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0 && is_of_the_last(part, fd)) {
			part->held = fd;
			take_a_rest(part, EMFILE);
			return;
		}
		if (fd >= 0) {
			part->complained = false;
			arrive(part, fd, &peer);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			take_a_rest(part, errno);
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

/* The connections wait in the kernel meanwhile; not listening to them is what keeps the
 * loop from spinning. */
static void
take_a_rest(struct part *part, int why)
{
	if (!part->complained)
		log_error(&scope, "could not accept connections on %s, trying on: %s%s",
			  part->listener->name, strerrordesc_np(why),
			  why == EMFILE ? " (allow more: LimitNOFILE in the unit, or ulimit -n)"
					: "");
	part->complained = true;
	event_del(&part->event);
	timer_start(&part->rest, REST_MS, rest_over, part);
	errno = why;
}

static void
rest_over(void *arg)
{
	struct part *part = arg;
	struct sockaddr_storage peer = { 0 };
	socklen_t length = sizeof peer;
	int fd;

	if (part->held >= 0) {
		fd = fcntl(part->held, F_DUPFD_CLOEXEC, 0);
		if (fd < 0 || is_of_the_last(part, fd)) {
			if (fd >= 0)
				close(fd);
			timer_start(&part->rest, REST_MS, rest_over, part);
			return;
		}
		close(part->held);
		part->held = -1;
		if (getpeername(fd, (struct sockaddr *)&peer, &length) == 0)
			arrive(part, fd, &peer);
		else
			close(fd); /* it has gone meanwhile */
	}
	if (part->started)
		event_add(&part->event, NULL);
}

static void
arrive(struct part *part, int fd, const struct sockaddr_storage *peer)
{
	struct listener *listener = part->listener;
	char address[INET6_ADDRSTRLEN];
	struct visit *visit;

	if (peer->ss_family != AF_INET && peer->ss_family != AF_INET6) {
		listener->fn(listener->arg, fd);
		return;
	}
	address_of(address, peer);
	if (home_of(address) == shard_here()) {
		if (count_in(address))
			listener->fn(listener->arg, fd);
		else
			close(fd);
		return;
	}
	visit = zalloc(sizeof *visit);
	visit->part = part;
	visit->from = shard_here();
	visit->fd = fd;
	memcpy(visit->address, address, sizeof address);
	list_append(&part->visits, &visit->place);
	shard_post(home_of(address), &visit->post, visit_counted, visit);
}

static void
visit_counted(void *arg) /* at the home of its address */
{
	struct visit *visit = arg;

	visit->let_in = count_in(visit->address);
	shard_post(visit->from, &visit->post, visit_returned, visit);
}

static void
visit_returned(void *arg) /* on the shard that accepted */
{
	struct visit *visit = arg;
	struct listener *listener = visit->part != NULL ? visit->part->listener : NULL;

	list_remove(&visit->place);
	if (visit->let_in && listener != NULL) {
		listener->fn(listener->arg, visit->fd);
		free(visit);
		return;
	}
	close(visit->fd);
	if (visit->let_in)
		listener_gone(visit->address);
	free(visit);
}

static void
peer_gone(void *arg) /* at the home of its address */
{
	struct farewell *farewell = arg;

	count_out(farewell->address);
	free(farewell);
}

static void
set_limit(void *arg)
{
	struct new_limit *new_limit = arg;

	limits[shard_index(shard_here())] = new_limit->an_address;
	free(new_limit);
}

static bool
count_in(const char *address)
{
	unsigned here = shard_index(shard_here());
	struct count *count = TABLE_ITEM(table_get(&counts[here], address), struct count, entry);

	if (count != NULL && limits[here] > 0 && count->connections >= limits[here])
		return false;
	if (count == NULL) {
		count = zalloc(sizeof *count);
		snprintf(count->address, sizeof count->address, "%s", address);
		table_put(&counts[here], &count->entry, count->address);
	}
	count->connections++;
	return true;
}

static void
count_out(const char *address)
{
	unsigned here = shard_index(shard_here());
	struct count *count = TABLE_ITEM(table_get(&counts[here], address), struct count, entry);

	if (count == NULL || --count->connections > 0)
		return;
	table_remove(&counts[here], &count->entry);
	free(count);
	if (counts[here].count == 0)
		table_clear(&counts[here]);
}

static struct shard *
home_of(const char *address)
{
	return shard_for(hash_bytes(address, strlen(address)));
}

/* What is counted as one address: of IPv6 a /64, which is what one customer has. */
static void
address_of(char *out, const struct sockaddr_storage *peer)
{
	if (peer->ss_family == AF_INET) {
		inet_ntop(AF_INET, &((const struct sockaddr_in *)peer)->sin_addr, out,
			  INET6_ADDRSTRLEN);
	} else {
		struct in6_addr address = ((const struct sockaddr_in6 *)peer)->sin6_addr;

		memset(address.s6_addr + 8, 0, 8);
		inet_ntop(AF_INET6, &address, out, INET6_ADDRSTRLEN);
	}
}

static bool
place_read(struct place *place, const char *address, uint16_t port, struct err *err)
{
	memset(place, 0, sizeof *place);
	if (inet_pton(AF_INET, address, &place->address.v4.sin_addr) == 1) {
		place->address.v4.sin_family = AF_INET;
		place->address.v4.sin_port = htons(port);
		place->length = sizeof place->address.v4;
	} else if (inet_pton(AF_INET6, address, &place->address.v6.sin6_addr) == 1) {
		place->address.v6.sin6_family = AF_INET6;
		place->address.v6.sin6_port = htons(port);
		place->length = sizeof place->address.v6;
	} else {
		return err_fail(err, ERR_SYNTAX,
				"cannot listen on \"%.100s\" port %u: this is not an IP address",
				address, port);
	}
	return true;
}

static int
bind_at(const struct place *place, bool shared, int *why)
{
	int on = 1;
	int fd =
		socket(place->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	    (!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) &&
	    (place->address.any.sa_family != AF_INET6 ||
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
	    bind(fd, &place->address.any, place->length) == 0)
		return fd;
	*why = errno;
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool
bind_fail(struct err *err, const char *address, uint16_t port, int why)
{
	const char *reason = strerrordesc_np(why);

	if (why == EADDRINUSE)
		return err_fail(err, ERR_EXISTS,
				"cannot listen on %s port %u: another program has the port "
				"(\"ss -ltnp sport = :%u\" shows which)",
				address, port, port);
	if (why == EADDRNOTAVAIL)
		reason = "this machine has no such address";
	else if (why == EACCES && port < 1024)
		reason = "ports below 1024 are for root or who has CAP_NET_BIND_SERVICE";
	return err_fail(err, ERR_SYSTEM, "cannot listen on %s port %u: %s", address, port, reason);
}

static int
bind_unix(const char *path, struct err *err)
{
	struct sockaddr_un place = { .sun_family = AF_UNIX };
	struct stat file;
	int fd, why;

	if (strlen(path) >= sizeof place.sun_path) {
		err_fail(err, ERR_LIMIT, "cannot listen on \"%.100s\": longer than %zu bytes", path,
			 sizeof place.sun_path - 1);
		return -1;
	}
	strcpy(place.sun_path, path);
	if (lstat(path, &file) == 0) {
		if (!S_ISSOCK(file.st_mode)) {
			err_fail(err, ERR_EXISTS, "cannot listen on \"%s\": a file is there", path);
			return -1;
		}
		if (somebody_answers(&place)) {
			err_fail(err, ERR_EXISTS, "cannot listen on \"%s\": somebody does already",
				 path);
			return -1;
		}
		unlink(path); /* left behind by a server that is gone */
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* The mode of the socket becomes that of its file, so nobody else can be quicker. */
	if (fd >= 0 && fchmod(fd, 0600) == 0 &&
	    bind(fd, (struct sockaddr *)&place, sizeof place) == 0 && listen(fd, 16) == 0)
		return fd;
	why = errno;
	if (fd >= 0)
		close(fd);
	err_fail(err, ERR_SYSTEM, "cannot listen on \"%s\": %s", path, strerrordesc_np(why));
	return -1;
}

static bool
somebody_answers(const struct sockaddr_un *place)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool answers =
		fd >= 0 && (connect(fd, (const struct sockaddr *)place, sizeof *place) == 0 ||
			    errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return answers;
}

static void
describe(const struct log_scope *self, char *out, size_t room)
{
	(void)self;
	snprintf(out, room, "net");
}
