/* SPDX-License-Identifier: MIT */
/*
 * Links over real sockets.  Each test is a scene: the server's side runs on shards in the
 * test's thread, the peer is a thread with blocking calls.  What must be true on either
 * side is said by `expect`, because cmocka's asserts work on the test's thread only.
 */
#include "net/link.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "loop/timer.h"
#include "net/listener.h"
#include "net/tls.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum kind { TCP, PIECES }; /* PIECES: each write is read as one */

struct scene {
	unsigned shards;
	enum kind kind;
	bool tls, direct, mute;                          /* mute: not an echo */
	const char *meant;                               /* whose certificate, without SNI */
	void (*began)(void);                             /* on shard 0, when the link is there */
	void (*heard)(const char *bytes, size_t length); /* besides the echo */
	void (*secured)(void);
	void (*peer)(void); /* on the peer's thread */
};

static struct scene scene;
static struct link *the_link;
static struct tls_context *context;
static struct text all_heard;
static int peer_fd, ends, emptied_count, hops;
static enum link_end how_ended;
static char why_ended[256];
static struct link_tls_info tls_info;
static bool inside; /* a call of ours to the link */
static _Atomic unsigned faults;
static struct timer timer;
static char folder[] = "/tmp/test-link-XXXXXX";
static char paths[2][2][64]; /* certificate and key of two domains */

#define expect(condition)      \
	((condition) ? (void)0 \
		     : (fprintf(stderr, "%d: %s\n", __LINE__, #condition), (void)faults++))

static void on_heard(void *owner, const char *bytes, size_t length);
static void on_secured(void *owner);
static void on_emptied(void *owner);
static void on_ended(void *owner, enum link_end how, const char *why);

static const struct link_owner functions = { on_heard, on_secured, on_emptied, on_ended };

static void
say(const char *words)
{
	inside = true;
	link_say(the_link, wire_new(words, strlen(words)));
	inside = false;
}

static void
on_heard(void *owner, const char *bytes, size_t length)
{
	expect(owner == &scene && !inside);
	text_add_bytes(&all_heard, bytes, length);
	if (!scene.mute) {
		inside = true;
		link_say(the_link, wire_new(bytes, length));
		inside = false;
	}
	if (scene.heard != NULL)
		scene.heard(bytes, length);
}

static void
on_secured(void *owner)
{
	(void)owner;
	expect(!inside);
	if (scene.secured != NULL)
		scene.secured();
	link_tls_info(the_link, &tls_info);
	link_read(the_link, true);
}

static void
on_emptied(void *owner)
{
	(void)owner;
	expect(!inside);
	expect(link_unsent(the_link) == 0);
	emptied_count++;
}

static void
on_ended(void *owner, enum link_end how, const char *why)
{
	(void)owner;
	expect(!inside);
	ends++;
	how_ended = how;
	snprintf(why_ended, sizeof why_ended, "%s", why);
	shards_stop();
}

static int server_fd;

static void
begin(void *arg)
{
	(void)arg;
	if (shard_here() != shard_at(0))
		return;
	inside = true;
	the_link = link_new(server_fd, &functions, &scene);
	if (scene.tls)
		link_start_tls(the_link, context, scene.direct, scene.meant);
	else
		link_read(the_link, true);
	inside = false;
	if (scene.began != NULL)
		scene.began();
}

static void *
run_peer(void *arg)
{
	(void)arg;
	scene.peer();
	if (peer_fd >= 0)
		close(peer_fd);
	peer_fd = -1;
	return NULL;
}

static void
make_sockets(void)
{
	int pair[2];

	if (scene.kind == PIECES) {
		must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
		server_fd = pair[0];
		peer_fd = pair[1];
	} else {
		struct sockaddr_in place = { .sin_family = AF_INET,
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t length = sizeof place;
		int listening = socket(AF_INET, SOCK_STREAM, 0);

		must(bind(listening, (struct sockaddr *)&place, sizeof place) == 0);
		must(listen(listening, 1) == 0);
		getsockname(listening, (struct sockaddr *)&place, &length);
		peer_fd = socket(AF_INET, SOCK_STREAM, 0);
		must(connect(peer_fd, (struct sockaddr *)&place, sizeof place) == 0);
		server_fd = accept(listening, NULL, NULL);
		close(listening);
	}
	must(fcntl(server_fd, F_SETFL, O_NONBLOCK) == 0);
}

/* Plays a scene to its end: the link's end, after which the peer is waited for. */
static void
play(struct scene played)
{
	pthread_t peer;

	scene = played;
	faults = 0;
	ends = emptied_count = hops = 0;
	why_ended[0] = '\0';
	how_ended = LINK_CLOSED;
	memset(&tls_info, 0, sizeof tls_info);
	text_clear(&all_heard);
	shards_open(played.shards > 0 ? played.shards : 1);
	if (context == NULL) {
		context = tls_context_new(NULL);
		must(tls_set_certificate(context, "capulet.example", paths[0][0], paths[0][1], NULL,
					 NULL));
		must(tls_set_certificate(context, "montague.example", paths[1][0], paths[1][1],
					 NULL, NULL));
	}
	make_sockets();
	alarm(60);
	must(pthread_create(&peer, NULL, run_peer, NULL) == 0);
	shards_run(begin, NULL);
	pthread_join(peer, NULL);
	alarm(0);
	timer_stop(&timer);
	tls_context_free(&context);
	shards_close();
	assert_int_equal(faults, 0);
	assert_int_equal(ends, 1);
	text_clear(&all_heard);
}

/* ---- the peer in the clear */

static void
send_all(const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(peer_fd, bytes, length, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		bytes += sent;
		length -= (size_t)sent;
	}
}

static void
hear_exactly(const char *wanted)
{
	char got[4096];
	size_t length = strlen(wanted), have = 0;

	while (have < length) {
		ssize_t n = recv(peer_fd, got + have, length - have, 0);

		if (n <= 0)
			break;
		have += (size_t)n;
	}
	expect(have == length && memcmp(got, wanted, length) == 0);
}

static bool
hears_the_end(void)
{
	char byte;

	return recv(peer_fd, &byte, 1, 0) <= 0;
}

/* ---- the peer with TLS */

struct client {
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	const char *name, *protocol, *priorities;
	const gnutls_datum_t *ticket;
};

static int
client_start(struct client *client)
{
	int code;

	must(gnutls_init(&client->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL) == 0);
	must(gnutls_certificate_allocate_credentials(&client->credentials) == 0);
	must(gnutls_priority_set_direct(client->session,
					client->priorities ? client->priorities : "NORMAL",
					NULL) == 0);
	gnutls_credentials_set(client->session, GNUTLS_CRD_CERTIFICATE, client->credentials);
	if (client->name != NULL)
		gnutls_server_name_set(client->session, GNUTLS_NAME_DNS, client->name,
				       strlen(client->name));
	if (client->protocol != NULL) {
		gnutls_datum_t protocol = { (unsigned char *)client->protocol,
					    (unsigned)strlen(client->protocol) };

		gnutls_alpn_set_protocols(client->session, &protocol, 1, 0);
	}
	if (client->ticket != NULL)
		gnutls_session_set_data(client->session, client->ticket->data,
					client->ticket->size);
	gnutls_transport_set_int(client->session, peer_fd);
	do
		code = gnutls_handshake(client->session);
	while (code < 0 && !gnutls_error_is_fatal(code));
	return code;
}

static void
client_end(struct client *client)
{
	gnutls_deinit(client->session);
	gnutls_certificate_free_credentials(client->credentials);
}

static void
client_send(struct client *client, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = gnutls_record_send(client->session, bytes, length);

		if (sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED)
			continue;
		if (sent <= 0) {
			expect(!"sent");
			return;
		}
		bytes += sent;
		length -= (size_t)sent;
	}
}

static ssize_t
client_recv(struct client *client, void *bytes, size_t room)
{
	ssize_t got;

	do
		got = gnutls_record_recv(client->session, bytes, room);
	while (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED ||
	       got == GNUTLS_E_WARNING_ALERT_RECEIVED);
	return got;
}

static void
client_hears(struct client *client, const char *wanted)
{
	char got[4096];
	size_t length = strlen(wanted), have = 0;

	while (have < length) {
		ssize_t n = client_recv(client, got + have, length - have);

		if (n <= 0)
			break;
		have += (size_t)n;
	}
	expect(have == length && memcmp(got, wanted, length) == 0);
}

static void
client_says_and_hears(struct client *client, const char *words)
{
	client_send(client, words, strlen(words));
	client_hears(client, words);
}

/* ---- in the clear */

static void
check_address(const char *bytes, size_t length)
{
	char address[64];

	(void)bytes;
	(void)length;
	expect(strcmp(link_peer(the_link, address), "127.0.0.1") == 0);
	expect(link_peer_port(the_link) != 0);
}

static void
echo_peer(void)
{
	send_all("hello", 5);
	hear_exactly("hello");
}

static void
what_is_heard_can_be_said(void **state)
{
	(void)state;
	play((struct scene) { .heard = check_address, .peer = echo_peer });
	assert_int_equal(how_ended, LINK_CLOSED);
	assert_string_equal(why_ended, "the peer closed");
}

static void
say_three(const char *bytes, size_t length)
{
	(void)bytes;
	(void)length;
	say("one ");
	link_read(the_link, false);
	say("two ");
	link_read(the_link, true);
	say("three");
	expect(link_unsent(the_link) == 13);
	link_want_emptied(the_link);
}

static void
piece_peer(void)
{
	char got[100];

	send_all("x", 1);
	expect(recv(peer_fd, got, sizeof got, 0) == 13);
	expect(memcmp(got, "one two three", 13) == 0);
}

static void
all_of_a_turn_leaves_in_one_write(void **state)
{
	(void)state;
	play((struct scene) {
		.kind = PIECES, .mute = true, .heard = say_three, .peer = piece_peer });
	assert_int_equal(emptied_count, 1);
}

static void
abort_it(const char *bytes, size_t length)
{
	(void)bytes;
	(void)length;
	inside = true;
	link_abort(the_link, "enough");
	link_abort(the_link, "more than enough");
	link_say(the_link, wire_new("too late", 8));
	link_close(the_link, 1000);
	link_read(the_link, true);
	expect(ends == 0);
	inside = false;
}

static void
talkative_peer(void)
{
	send_all("one", 3);
	expect(hears_the_end());
}

static void
an_aborted_link_ends_later_with_its_first_reason(void **state)
{
	(void)state;
	play((struct scene) { .heard = abort_it, .peer = talkative_peer });
	assert_int_equal(how_ended, LINK_BROKEN);
	assert_string_equal(why_ended, "enough");
}

static void
close_it(const char *bytes, size_t length)
{
	(void)bytes;
	(void)length;
	say("goodbye");
	link_close(the_link, 5000);
	say("not sent");
}

static void
closing_peer(void)
{
	send_all("x", 1);
	hear_exactly("xgoodbye");
	expect(hears_the_end());
	send_all("not heard", 9);
}

static void
a_closed_link_sends_what_it_has(void **state)
{
	(void)state;
	play((struct scene) { .heard = close_it, .peer = closing_peer });
	assert_int_equal(how_ended, LINK_CLOSED);
}

static void
close_soon(const char *bytes, size_t length)
{
	(void)bytes;
	(void)length;
	link_close(the_link, 100);
}

static void
staying_peer(void)
{
	struct timespec half = { 0, 500000000 };

	send_all("x", 1);
	nanosleep(&half, NULL);
}

static void
our_patience_with_a_peer_that_stays_is_finite(void **state)
{
	int64_t began = now_ms();

	(void)state;
	play((struct scene) { .heard = close_soon, .peer = staying_peer });
	assert_int_equal(how_ended, LINK_CLOSED);
	assert_true(now_ms() - began >= 100);
}

static void
answer_and_leave_peer(void)
{
	char got[16];

	send_all("last words", 10);
	shutdown(peer_fd, SHUT_WR);
	expect(recv(peer_fd, got, 10, MSG_WAITALL) == 10);
}

static void
the_answer_to_a_peers_last_words_still_leaves(void **state)
{
	(void)state;
	play((struct scene) { .peer = answer_and_leave_peer });
	assert_int_equal(how_ended, LINK_CLOSED);
}

static void
reset_peer(void)
{
	struct linger at_once = { 1, 0 };

	send_all("x", 1);
	hear_exactly("x");
	setsockopt(peer_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static void
a_reset_breaks_the_link(void **state)
{
	(void)state;
	play((struct scene) { .peer = reset_peer });
	assert_int_equal(how_ended, LINK_BROKEN);
}

static void
say_a_lot(void)
{
	struct wire *wire = wire_new(NULL, 100000);

	memset(wire->bytes, 'x', wire->length);
	link_set_limits(the_link, 64 * 1024 * 1024, 300);
	for (int i = 0; i < 200; i++)
		link_say(the_link, wire_hold(wire));
	wire_drop(wire);
}

static void
deaf_peer(void)
{
	struct timespec second = { 1, 0 };

	nanosleep(&second, NULL);
}

static void
a_peer_that_takes_nothing_is_ended(void **state)
{
	(void)state;
	play((struct scene) { .began = say_a_lot, .peer = deaf_peer });
	assert_int_equal(how_ended, LINK_STALLED);
}

static void
say_too_much(void)
{
	say_a_lot();
	link_set_limits(the_link, 100000, 60000);
}

static void
more_unsent_than_the_bound_ends_it(void **state)
{
	(void)state;
	play((struct scene) { .began = say_too_much, .peer = deaf_peer });
	assert_int_equal(how_ended, LINK_STALLED);
	assert_non_null(strstr(why_ended, "unsent"));
}

static void
slow_peer(void)
{
	struct timespec moment = { 0, 20000000 };
	static char got[1000000];
	size_t all = 0;
	ssize_t n;

	while (all < 20000000 && (n = recv(peer_fd, got, sizeof got, 0)) > 0) {
		all += (size_t)n;
		nanosleep(&moment, NULL);
	}
	expect(all == 20000000);
}

static void
say_a_lot_and_wait(void)
{
	say_a_lot();
	link_want_emptied(the_link);
}

static void
a_slow_peer_is_waited_for(void **state)
{
	(void)state;
	play((struct scene) { .began = say_a_lot_and_wait, .peer = slow_peer });
	assert_int_equal(how_ended, LINK_CLOSED);
	assert_int_equal(emptied_count, 1);
}

static void
set_rate(void)
{
	link_set_rate(the_link, 100000, 10000);
}

static void
fast_peer(void)
{
	static char bytes[60000];
	int64_t began = now_ms();

	send_all(bytes, sizeof bytes);
	expect(recv(peer_fd, bytes, sizeof bytes, MSG_WAITALL) == sizeof bytes);
	expect(now_ms() - began >= 300); /* all but the burst and the last read */
}

static void
a_fast_peer_is_slowed_down(void **state)
{
	(void)state;
	play((struct scene) { .began = set_rate, .peer = fast_peer });
}

static void
stop_reading(const char *bytes, size_t length)
{
	(void)bytes;
	(void)length;
	link_read(the_link, false);
}

static void
resume(void *arg)
{
	(void)arg;
	expect(all_heard.length == 1);
	scene.heard = NULL;
	link_read(the_link, true);
}

static void
resume_later(void)
{
	timer_start(&timer, 100, resume, NULL);
}

static void
waiting_peer(void)
{
	struct timespec moment = { 0, 20000000 };

	send_all("1", 1);
	nanosleep(&moment, NULL);
	send_all("2", 1);
	hear_exactly("12");
}

static void
a_link_that_does_not_read_hears_nothing(void **state)
{
	(void)state;
	play((struct scene) { .began = resume_later, .heard = stop_reading, .peer = waiting_peer });
}

/* ---- TLS */

static struct client
newest(void)
{
	return (struct client) { .name = "capulet.example", .protocol = "xmpp-client" };
}

static uint8_t exporters[2][32];
static uint8_t end_point[CHANNEL_BINDING_MAX];
static size_t end_point_length;
static bool had_exporter, had_end_point;

static void
read_bindings(void)
{
	had_exporter = link_tls_exporter(the_link, exporters[0]);
	had_end_point = link_tls_server_end_point(the_link, end_point, &end_point_length);
}

static void
check_bindings(struct client *client)
{
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(client->session, NULL);
	gnutls_datum_t exporter;
	uint8_t hash[32];

	expect(had_exporter && had_end_point && end_point_length == sizeof hash);
	expect(gnutls_session_channel_binding(client->session, GNUTLS_CB_TLS_EXPORTER, &exporter) ==
	       0);
	expect(exporter.size == 32 && memcmp(exporter.data, exporters[0], 32) == 0);
	gnutls_free(exporter.data);
	if (chain == NULL) {
		expect(gnutls_session_is_resumed(client->session));
		return;
	}
	must(gnutls_hash_fast(GNUTLS_DIG_SHA256, chain[0].data, chain[0].size, hash) == 0);
	expect(memcmp(hash, end_point, sizeof hash) == 0);
}

static void
tls13_peer(void)
{
	struct client client = newest();

	expect(client_start(&client) == 0);
	client_says_and_hears(&client, "hello");
	check_bindings(&client);
	expect(gnutls_session_key_update(client.session, GNUTLS_KU_PEER) == 0);
	client_says_and_hears(&client, "with new keys");
	client_says_and_hears(&client, "again");
	gnutls_bye(client.session, GNUTLS_SHUT_RDWR);
	client_end(&client);
}

static void
tls_1_3_is_spoken(void **state)
{
	(void)state;
	play((struct scene) {
		.tls = true, .direct = true, .secured = read_bindings, .peer = tls13_peer });
	assert_true(tls_info.secured);
	assert_string_equal(tls_info.version, "TLS1.3");
	assert_string_equal(tls_info.cipher, "TLS_AES_128_GCM_SHA256");
	assert_false(tls_info.resumed);
	assert_int_equal(how_ended, LINK_CLOSED);
	assert_string_equal(why_ended, "the peer closed");
}

static void
tls12_peer(void)
{
	struct client client = newest();
	int code;

	client.priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.2";
	expect(client_start(&client) == 0);
	client_says_and_hears(&client, "hello");
	check_bindings(&client);

	/* A new handshake is refused without harm, once. */
	do
		code = gnutls_handshake(client.session);
	while (code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED);
	expect(code == GNUTLS_E_WARNING_ALERT_RECEIVED || code == GNUTLS_E_GOT_APPLICATION_DATA);
	client_end(&client);
}

static void
tls_1_2_is_spoken_and_not_renegotiated(void **state)
{
	(void)state;
	play((struct scene) { .tls = true, .secured = read_bindings, .peer = tls12_peer });
	assert_string_equal(tls_info.version, "TLS1.2");
	assert_string_equal(tls_info.cipher, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
}

static void
weak_peer(void)
{
	struct client client = newest();

	client.priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC";
	expect(client_start(&client) == GNUTLS_E_FATAL_ALERT_RECEIVED);
	expect(gnutls_alert_get(client.session) == GNUTLS_A_HANDSHAKE_FAILURE);
	client_end(&client);
}

static void
cbc_is_refused(void **state)
{
	(void)state;
	play((struct scene) { .tls = true, .peer = weak_peer });
	assert_int_equal(how_ended, LINK_BROKEN);
	assert_false(tls_info.secured);
}

static void
old_peer(void)
{
	struct client client = newest();

	client.priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.1";
	expect(client_start(&client) < 0);
	client_end(&client);
}

static void
tls_1_1_is_refused(void **state)
{
	(void)state;
	play((struct scene) { .tls = true, .peer = old_peer });
	assert_int_equal(how_ended, LINK_BROKEN);
}

static const char *asked_name, *served_name;

static void
name_peer(void)
{
	struct client client = { .name = asked_name };
	const gnutls_datum_t *chain;
	gnutls_x509_crt_t crt;

	expect(client_start(&client) == 0);
	chain = gnutls_certificate_get_peers(client.session, NULL);
	gnutls_x509_crt_init(&crt);
	must(gnutls_x509_crt_import(crt, chain, GNUTLS_X509_FMT_DER) == 0);
	expect(gnutls_x509_crt_check_hostname(crt, served_name));
	gnutls_x509_crt_deinit(crt);
	client_says_and_hears(&client, "x");
	client_end(&client);
}

static void
the_name_asked_for_chooses_the_certificate(void **state)
{
	static const char *const cases[][3] = {
		{ "montague.example", "montague.example", NULL },
		{ "MONTAGUE.Example", "montague.example", NULL },
		{ "xmpp.montague.example", "montague.example", NULL },
		{ "capulet.example", "capulet.example", NULL },
		{ "verona.example", "capulet.example", NULL },
		{ NULL, "capulet.example", NULL },
		{ NULL, "montague.example", "montague.example" },
		{ "capulet.example", "capulet.example", "montague.example" },
		{ "verona.example", "montague.example", "montague.example" },
		{ NULL, "capulet.example", "verona.example" },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		asked_name = cases[i][0];
		served_name = cases[i][1];
		play((struct scene) { .tls = true, .meant = cases[i][2], .peer = name_peer });
		if (asked_name == NULL)
			assert_null(tls_info.sni);
		else
			assert_string_equal(tls_info.sni, asked_name);
	}
}

static void
web_peer(void)
{
	struct client client = newest();

	client.protocol = "http/1.1";
	expect(client_start(&client) == GNUTLS_E_FATAL_ALERT_RECEIVED);
	expect(gnutls_alert_get(client.session) == GNUTLS_A_NO_APPLICATION_PROTOCOL);
	client_end(&client);
}

static void
another_protocol_is_refused_on_a_direct_port(void **state)
{
	(void)state;
	play((struct scene) { .tls = true, .direct = true, .peer = web_peer });
	assert_int_equal(how_ended, LINK_BROKEN);
}

static void
quiet_peer(void)
{
	struct client client = newest();

	client.protocol = NULL;
	expect(client_start(&client) == 0);
	client_says_and_hears(&client, "x");
	client_end(&client);
}

static void
no_protocol_is_fine_on_a_direct_port(void **state)
{
	(void)state;
	play((struct scene) { .tls = true, .direct = true, .peer = quiet_peer });
	assert_true(tls_info.secured);
}

static void
junk_peer(void)
{
	static const char junk[] = "<stream:stream xmlns='jabber:client'>";

	send_all(junk, sizeof junk - 1);
	while (!hears_the_end())
		;
}

static void
junk_instead_of_a_handshake_breaks_the_link(void **state)
{
	(void)state;
	play((struct scene) { .tls = true, .peer = junk_peer });
	assert_int_equal(how_ended, LINK_BROKEN);
	assert_int_equal(strncmp(why_ended, "TLS: ", 5), 0);
}

static void
torn_peer(void)
{
	struct client client = newest();

	expect(client_start(&client) == 0);
	client_says_and_hears(&client, "x");
	send_all("\x17\x03\x03\x00\x20"
		 "this is not what it should be...",
		 37);
	expect(client_recv(&client, (char[1]) { 0 }, 1) == GNUTLS_E_FATAL_ALERT_RECEIVED);
	client_end(&client);
}

static void
a_forged_record_breaks_the_link(void **state)
{
	(void)state;
	play((struct scene) { .tls = true, .peer = torn_peer });
	assert_int_equal(how_ended, LINK_BROKEN);
	assert_string_equal(all_heard.bytes ? all_heard.bytes : "", "");
}

static void
bulk_peer(void)
{
	enum { ALL = 4000000 };
	struct client client = newest();
	char *sent = zalloc(ALL), *got = zalloc(ALL);
	size_t heard = 0, n = 0;

	for (size_t i = 0; i < ALL; i++)
		sent[i] = (char)(i * 7 + i / 251);
	expect(client_start(&client) == 0);
	for (size_t step = 100; n < ALL; step = step * 3 % 60000 + 1) {
		size_t length = step < ALL - n ? step : ALL - n;

		client_send(&client, sent + n, length);
		n += length;
		while (n - heard > 100000) {
			ssize_t more = client_recv(&client, got + heard, ALL - heard);

			if (more <= 0) {
				expect(!"heard");
				n = heard = ALL;
				break;
			}
			heard += (size_t)more;
		}
	}
	while (heard < ALL) {
		ssize_t more = client_recv(&client, got + heard, ALL - heard);

		if (more <= 0) {
			expect(!"heard to the end");
			break;
		}
		heard += (size_t)more;
	}
	expect(memcmp(sent, got, ALL) == 0);
	free(sent);
	free(got);
	client_end(&client);
}

static void
megabytes_come_back_unharmed(void **state)
{
	(void)state;
	play((struct scene) { .tls = true, .peer = bulk_peer });
}

static void
flood_peer(void)
{
	enum { ALL = 20000000 };
	struct client client = newest();
	static char got[65536];
	struct timespec moment = { 0, 5000000 };
	size_t heard = 0;

	expect(client_start(&client) == 0);
	while (heard < ALL) {
		ssize_t more = client_recv(&client, got, sizeof got);

		if (more <= 0)
			break;
		heard += (size_t)more;
		if (heard % 7 == 0)
			nanosleep(&moment, NULL);
	}
	expect(heard == ALL);
	client_end(&client);
}

static void
a_full_socket_does_not_harm_tls(void **state)
{
	(void)state;
	play((struct scene) { .tls = true, .secured = say_a_lot_and_wait, .peer = flood_peer });
	assert_int_equal(emptied_count, 1);
}

static void
tls_closing_peer(void)
{
	struct client client = newest();
	char byte;

	expect(client_start(&client) == 0);
	client_send(&client, "x", 1);
	client_hears(&client, "xgoodbye");
	expect(client_recv(&client, &byte, 1) == 0); /* a close_notify, not a torn socket */
	client_end(&client);
}

static void
a_close_is_said_in_tls_too(void **state)
{
	(void)state;
	play((struct scene) { .tls = true, .heard = close_it, .peer = tls_closing_peer });
	assert_int_equal(how_ended, LINK_CLOSED);
}

static void
upgrade(const char *bytes, size_t length)
{
	(void)bytes;
	(void)length;
	if (tls_info.secured)
		return;
	link_read(the_link, false);
	say("<proceed/>");
	link_start_tls(the_link, context, false, NULL);
	say("said in TLS");
	scene.mute = false;
}

static void
starttls_peer(void)
{
	struct client client = newest();

	send_all("<starttls/>", 11);
	hear_exactly("<proceed/>");
	client.protocol = NULL;
	expect(client_start(&client) == 0);
	client_hears(&client, "said in TLS");
	client_says_and_hears(&client, "hello");
	client_end(&client);
}

static void
tls_may_start_later(void **state)
{
	(void)state;
	play((struct scene) { .mute = true, .heard = upgrade, .peer = starttls_peer });
	assert_true(tls_info.secured);
}

static gnutls_datum_t ticket;

static void
ticket_peer(void)
{
	struct client client = newest();

	client.ticket = ticket.data != NULL ? &ticket : NULL;
	client.priorities = asked_name;
	expect(client_start(&client) == 0);
	client_says_and_hears(&client, "x");
	check_bindings(&client);
	gnutls_free(ticket.data);
	expect(gnutls_session_get_data2(client.session, &ticket) == 0);
	client_end(&client);
}

static struct tls_context *kept;

static void
keep_context(void)
{
	read_bindings();
}

/* Two connections to one context, so that the second may resume the first. */
static struct link *links[2];
static int link_count, sockets[2];

static void
next_ended(void *owner, enum link_end how, const char *why)
{
	(void)owner;
	(void)how;
	(void)why;
	if (++ends == 2)
		shards_stop();
}

static const struct link_owner resuming = { on_heard, on_secured, NULL, next_ended };

static void
begin_next(void *arg)
{
	(void)arg;
	if (link_count == 1 && kept != NULL) /* a new certificate between the two */
		must(tls_set_certificate(context, "capulet.example", paths[0][0], paths[0][1], NULL,
					 NULL));
	the_link = links[link_count] = link_new(sockets[link_count], &resuming, &scene);
	link_count++;
	link_start_tls(the_link, context, false, NULL);
}

static void *
two_peers(void *arg)
{
	static struct post posts[2];

	for (int i = 0; i < 2; i++) {
		int pair[2];

		must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
		must(fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0);
		sockets[i] = pair[0];
		peer_fd = pair[1];
		shard_post(shard_at(0), &posts[i], begin_next, NULL);
		ticket_peer();
		close(peer_fd);
	}
	return arg;
}

static void
resume_twice(const char *priorities, bool change)
{
	pthread_t peer;

	scene = (struct scene) { .secured = keep_context };
	faults = 0;
	ends = link_count = 0;
	asked_name = priorities;
	ticket.data = NULL;
	shards_open(1);
	context = tls_context_new(NULL);
	must(tls_set_certificate(context, "capulet.example", paths[0][0], paths[0][1], NULL, NULL));
	kept = change ? context : NULL;
	alarm(60);
	must(pthread_create(&peer, NULL, two_peers, NULL) == 0);
	shards_run(NULL, NULL);
	pthread_join(peer, NULL);
	alarm(0);
	tls_context_free(&context);
	shards_close();
	gnutls_free(ticket.data);
	text_clear(&all_heard);
	assert_int_equal(faults, 0);
	assert_int_equal(tls_info.resumed, !change);
	assert_string_equal(tls_info.sni, "capulet.example");
}

static void
a_session_is_resumed_and_bound_to_the_certificate(void **state)
{
	(void)state;
	resume_twice("NORMAL", false);
	resume_twice("NORMAL:-VERS-ALL:+VERS-TLS1.2", false);
}

static void
a_new_certificate_is_not_resumed_onto(void **state)
{
	(void)state;
	resume_twice("NORMAL", true);
	resume_twice("NORMAL:-VERS-ALL:+VERS-TLS1.2", true);
}

/* ---- moving home */

static struct post moving;

static void
arrive(void *arg)
{
	struct link *link = arg;

	link_attach(link, &functions, &scene);
	link_read(link, true);
	if (hops % 3 == 0)
		link_say(link, wire_new("*", 1));
}

/* Each time something is heard, the link goes to the next shard. */
static void
move_on(const char *bytes, size_t length)
{
	struct link *link = the_link;
	unsigned next = (shard_index(shard_here()) + 1) % shard_count();

	(void)bytes;
	(void)length;
	hops++;
	if (hops % 2 == 0)
		say("+"); /* said here, sent there */
	link_detach(link);
	shard_post(shard_at(next), &moving, arrive, link);
}

static void
pipelining_peer(void)
{
	struct client client = newest();
	char wanted[8000] = "", got[200000], *end = wanted;
	size_t heard = 0;

	if (scene.tls)
		expect(client_start(&client) == 0);
	for (int i = 0; i < 1000; i++) {
		char words[16];
		int length = snprintf(words, sizeof words, "<%d>", i);

		if (scene.tls)
			client_send(&client, words, (size_t)length);
		else
			send_all(words, (size_t)length);
		end += sprintf(end, "%s", words);
	}
	while (heard < strlen(wanted)) {
		ssize_t n = scene.tls ? client_recv(&client, got + heard, 1000)
				      : recv(peer_fd, got + heard, 1000, 0);

		if (n <= 0)
			break;
		for (ssize_t i = 0, end_of = n; i < end_of; i++)
			if (got[heard + (size_t)i] == '*' || got[heard + (size_t)i] == '+') {
				memmove(got + heard + i, got + heard + i + 1,
					(size_t)(end_of - i - 1));
				end_of--, n--, i--;
			}
		heard += (size_t)n;
	}
	expect(heard == strlen(wanted) && memcmp(got, wanted, heard) == 0);
	if (scene.tls)
		client_end(&client);
}

static void
a_link_moves_with_all_it_has_heard(void **state)
{
	(void)state;
	play((struct scene) { .shards = 4, .heard = move_on, .peer = pipelining_peer });
	play((struct scene) {
		.shards = 4, .tls = true, .heard = move_on, .peer = pipelining_peer });
	assert_true(hops > 900); /* each record was heard for itself */
}

static void
arrive_broken(void *arg)
{
	link_attach(arg, &functions, &scene);
}

static void
abort_and_move(const char *bytes, size_t length)
{
	(void)bytes;
	(void)length;
	link_abort(the_link, "on its way");
	link_detach(the_link);
	shard_post(shard_at(1), &moving, arrive_broken, the_link);
}

static void
a_link_that_ends_on_its_way_ends_at_its_new_home(void **state)
{
	(void)state;
	play((struct scene) { .shards = 2, .heard = abort_and_move, .peer = talkative_peer });
	assert_string_equal(why_ended, "on its way");
}

static void
check_memory(void *arg)
{
	(void)arg;
	expect(all_heard.length == 1);
	expect(link_memory(the_link) < 400); /* GnuTLS not counted */
	link_close(the_link, 1000);
}

static void
check_memory_later(const char *bytes, size_t length)
{
	(void)bytes;
	(void)length;
	timer_start(&timer, 50, check_memory, NULL);
}

static void
idle_peer(void)
{
	struct client client = newest();
	char byte;

	expect(client_start(&client) == 0);
	client_says_and_hears(&client, "x");
	expect(client_recv(&client, &byte, 1) == 0);
	client_end(&client);
}

static void
an_idle_link_is_small(void **state)
{
	(void)state;
	play((struct scene) { .tls = true, .heard = check_memory_later, .peer = idle_peer });
}

static int
make_certificates(void **state)
{
	static const char *const names[2] = { "capulet.example", "montague.example" };

	(void)state;
	must(mkdtemp(folder) != NULL);
	for (int i = 0; i < 2; i++) {
		snprintf(paths[i][0], sizeof paths[i][0], "%s/%d.crt", folder, i);
		snprintf(paths[i][1], sizeof paths[i][1], "%s/%d.key", folder, i);
		must(tls_make_self_signed((const char *[]) { names[i], NULL }, paths[i][0],
					  paths[i][1], NULL));
	}
	return 0;
}

static int
remove_certificates(void **state)
{
	char *command = format_text("rm -rf %s", folder);

	(void)state;
	must(system(command) == 0);
	free(command);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_heard_can_be_said),
		cmocka_unit_test(all_of_a_turn_leaves_in_one_write),
		cmocka_unit_test(an_aborted_link_ends_later_with_its_first_reason),
		cmocka_unit_test(a_closed_link_sends_what_it_has),
		cmocka_unit_test(our_patience_with_a_peer_that_stays_is_finite),
		cmocka_unit_test(the_answer_to_a_peers_last_words_still_leaves),
		cmocka_unit_test(a_reset_breaks_the_link),
		cmocka_unit_test(a_peer_that_takes_nothing_is_ended),
		cmocka_unit_test(more_unsent_than_the_bound_ends_it),
		cmocka_unit_test(a_slow_peer_is_waited_for),
		cmocka_unit_test(a_fast_peer_is_slowed_down),
		cmocka_unit_test(a_link_that_does_not_read_hears_nothing),
		cmocka_unit_test(tls_1_3_is_spoken),
		cmocka_unit_test(tls_1_2_is_spoken_and_not_renegotiated),
		cmocka_unit_test(cbc_is_refused),
		cmocka_unit_test(tls_1_1_is_refused),
		cmocka_unit_test(the_name_asked_for_chooses_the_certificate),
		cmocka_unit_test(another_protocol_is_refused_on_a_direct_port),
		cmocka_unit_test(no_protocol_is_fine_on_a_direct_port),
		cmocka_unit_test(junk_instead_of_a_handshake_breaks_the_link),
		cmocka_unit_test(a_forged_record_breaks_the_link),
		cmocka_unit_test(megabytes_come_back_unharmed),
		cmocka_unit_test(a_full_socket_does_not_harm_tls),
		cmocka_unit_test(a_close_is_said_in_tls_too),
		cmocka_unit_test(tls_may_start_later),
		cmocka_unit_test(a_session_is_resumed_and_bound_to_the_certificate),
		cmocka_unit_test(a_new_certificate_is_not_resumed_onto),
		cmocka_unit_test(a_link_moves_with_all_it_has_heard),
		cmocka_unit_test(a_link_that_ends_on_its_way_ends_at_its_new_home),
		cmocka_unit_test(an_idle_link_is_small),
	};

	return cmocka_run_group_tests_name("net/link", tests, make_certificates,
					   remove_certificates);
}
