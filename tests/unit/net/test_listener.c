/* SPDX-License-Identifier: MIT */
/* Listening for real: on loopback, with several shards, and when descriptors run out. */
#include "net/listener.h"

#include "base/clock.h"
#include "base/log.h"
#include "loop/shard.h"
#include "loop/timer.h"
#include "net/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static struct listener *listener;
static unsigned accepted_count[SHARDS_MAX]; /* each counted by its shard */
static char logged[1000];
static char path[100]; /* of a Unix socket, for the test of those */
static unsigned complaints;
static void (*peer)(void);
static _Atomic unsigned faults;
static struct post stopping[8];
static unsigned stopped; /* shard 0's */

#define expect(condition)      \
	((condition) ? (void)0 \
		     : (fprintf(stderr, "%d: %s\n", __LINE__, #condition), (void)faults++))

struct guest { /* of its link's shard; not by fd, which is another's as soon as it is closed */
	struct link *link;
};

static void
on_heard(void *owner, const char *bytes, size_t length)
{
	link_say(((struct guest *)owner)->link, wire_new(bytes, length));
}

static void
on_ended(void *owner, enum link_end how, const char *why)
{
	struct guest *guest = owner;
	char address[64];

	(void)how;
	(void)why;
	listener_gone(link_peer(guest->link, address));
	free(guest);
}

static const struct link_owner functions = { on_heard, NULL, NULL, on_ended };

static void
accepted(void *arg, int fd)
{
	struct guest *guest = zalloc(sizeof *guest);

	expect(arg == &listener);
	accepted_count[shard_index(shard_here())]++;
	guest->link = link_new(fd, &functions, guest);
	link_read(guest->link, true);
}

static void
all_stopped(void *arg)
{
	(void)arg;
	if (++stopped == shard_count())
		shards_stop();
}

static void
stop_here(void *arg)
{
	listener_stop(listener);
	shard_post(shard_at(0), arg, all_stopped, NULL);
}

static void *
run_peer(void *arg)
{
	peer();
	/* Links end before the shards do: whoever hung up is heard within a moment. */
	usleep(100000);
	for (unsigned i = 0; i < shard_count(); i++)
		shard_post(shard_at(i), &stopping[i], stop_here, &stopping[i]);
	return arg;
}

static void
start_here(void *arg)
{
	(void)arg;
	listener_start(listener);
}

static unsigned
run(unsigned shards, void (*played)(void))
{
	pthread_t thread;
	unsigned sum = 0;
	struct err err;

	faults = stopped = complaints = 0;
	memset(accepted_count, 0, sizeof accepted_count);
	shards_open(shards);
	if (path[0] != '\0')
		listener = listener_new_unix(path, accepted, &listener, &err);
	else
		listener = listener_new("127.0.0.1", 0, accepted, &listener, &err);
	must(listener != NULL);
	peer = played;
	alarm(60);
	must(pthread_create(&thread, NULL, run_peer, NULL) == 0);
	shards_run(start_here, NULL);
	pthread_join(thread, NULL);
	alarm(0);
	listener_free(&listener);
	shards_close();
	assert_int_equal(faults, 0);
	for (unsigned i = 0; i < shards; i++)
		sum += accepted_count[i];
	return sum;
}

static int
dial_from(const char *address)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(listener_port(listener)) };
	struct sockaddr_in from = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	must(inet_pton(AF_INET, "127.0.0.1", &to.sin_addr) == 1);
	must(inet_pton(AF_INET, address, &from.sin_addr) == 1);
	must(bind(fd, (struct sockaddr *)&from, sizeof from) == 0);
	must(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
	return fd;
}

/* Whether the other side lets us in: it then echoes. */
static bool
is_let_in(int fd)
{
	char byte;

	return send(fd, "x", 1, MSG_NOSIGNAL) == 1 && recv(fd, &byte, 1, 0) == 1;
}

static void
many_peers(void)
{
	int fds[200];

	for (int i = 0; i < 200; i++)
		fds[i] = dial_from(i % 2 ? "127.0.0.1" : "127.0.0.2");
	for (int i = 0; i < 200; i++) {
		expect(is_let_in(fds[i]));
		close(fds[i]);
	}
}

static void
connections_are_spread_over_the_shards(void **state)
{
	(void)state;
	assert_int_equal(run(4, many_peers), 200);
	for (int i = 0; i < 4; i++)
		assert_true(accepted_count[i] > 0);
}

static void
limited_peers(void)
{
	int fds[6], other;

	for (int i = 0; i < 3; i++) {
		fds[i] = dial_from("127.0.0.1");
		expect(is_let_in(fds[i]));
	}
	fds[3] = dial_from("127.0.0.1");
	expect(!is_let_in(fds[3]));
	other = dial_from("127.0.0.2");
	expect(is_let_in(other));

	/* Who leaves makes room. */
	close(fds[0]);
	usleep(50000);
	fds[4] = dial_from("127.0.0.1");
	expect(is_let_in(fds[4]));
	fds[5] = dial_from("127.0.0.1");
	expect(!is_let_in(fds[5]));
	for (int i = 1; i < 6; i++)
		close(fds[i]);
	close(other);
}

static void
an_address_has_a_limit_on_all_shards_together(void **state)
{
	(void)state;
	listener_set_limit(0);
	shards_open(3);
	listener_set_limit(3);
	shards_close();
	assert_int_equal(run(3, limited_peers), 5);
	shards_open(3);
	listener_set_limit(0);
	shards_close();
	assert_int_equal(run(1, many_peers), 200);
}

static void
a_port_that_is_taken_is_named(void **state)
{
	struct listener *first, *second;
	struct err err;

	(void)state;
	shards_open(2);
	first = listener_new("127.0.0.1", 0, accepted, NULL, &err);
	assert_non_null(first);
	assert_true(listener_port(first) != 0);
	second = listener_new("127.0.0.1", listener_port(first), accepted, NULL, &err);
	assert_null(second);
	assert_int_equal(err.kind, ERR_EXISTS);
	assert_non_null(strstr(err.text, "cannot listen on 127.0.0.1 port "));
	assert_non_null(strstr(err.text, "another program has the port"));
	assert_false(listener_can_bind("127.0.0.1", listener_port(first), NULL));
	listener_free(&first);
	assert_null(first);
	shards_close();
}

static void
what_is_not_an_address_is_refused(void **state)
{
	struct err err;

	(void)state;
	shards_open(1);
	assert_null(listener_new("localhost", 5222, accepted, NULL, &err));
	assert_int_equal(err.kind, ERR_SYNTAX);
	assert_null(listener_new("203.0.113.1", 5222, accepted, NULL, &err));
	assert_non_null(strstr(err.text, "this machine has no such address"));
	assert_null(listener_new("", 5222, accepted, NULL, &err));
	assert_true(listener_can_bind("::1", 0, &err));
	shards_close();
}

static void
listen_to_log(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	complaints++;
	snprintf(logged, sizeof logged, "%s", line);
}

static unsigned descriptors_left;

static void
use_up_descriptors(void)
{
	struct rlimit limit, less;
	int before = dial_from("127.0.0.1"), waiting[3], spare[600], n = 0, last;
	struct rusage usage;
	int64_t cpu;
	char byte;

	expect(is_let_in(before));
	for (int i = 0; i < 3; i++) {
		waiting[i] = socket(AF_INET, SOCK_STREAM, 0);
		expect(waiting[i] >= 0);
	}
	getrlimit(RLIMIT_NOFILE, &limit);
	less = limit;
	less.rlim_cur = 500;
	setrlimit(RLIMIT_NOFILE, &less);
	while (n < 600 && (spare[n] = dup(0)) >= 0 &&
	       (size_t)spare[n++] + descriptors_left < less.rlim_cur)
		;

	getrusage(RUSAGE_SELF, &usage);
	cpu = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec +
	      1000000 * (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
	for (int i = 0; i < 3; i++) {
		struct sockaddr_in to = { .sin_family = AF_INET,
					  .sin_port = htons(listener_port(listener)),
					  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

		expect(connect(waiting[i], (struct sockaddr *)&to, sizeof to) == 0);
	}
	usleep(1500000);
	getrusage(RUSAGE_SELF, &usage);
	cpu = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec +
	      1000000 * (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) - cpu;
	expect(cpu < 200000);      /* it rests, it does not spin */
	expect(is_let_in(before)); /* and who is there is not touched */
	expect(recv(waiting[0], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	if (descriptors_left > 0) { /* which are not for peers */
		last = dup(0);
		expect(last >= 0);
		close(last);
	}

	while (n > 0)
		close(spare[--n]);
	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < 3; i++) {
		expect(is_let_in(waiting[i]));
		close(waiting[i]);
	}
	last = dial_from("127.0.0.1");
	expect(is_let_in(last));
	close(last);
	close(before);
}

static void
without_descriptors_it_rests_and_goes_on(void **state)
{
	(void)state;
	descriptors_left = 0;
	log_capture(listen_to_log, NULL);
	assert_int_equal(run(1, use_up_descriptors), 5);
	log_capture(NULL, NULL);
	assert_int_equal(complaints, 1);
	assert_non_null(strstr(logged, "could not accept connections on 127.0.0.1 port "));
	assert_non_null(strstr(logged, "ulimit -n"));
}

static void
the_last_descriptors_are_not_for_peers(void **state)
{
	(void)state;
	complaints = 0;
	descriptors_left = 20;
	log_capture(listen_to_log, NULL);
	assert_int_equal(run(1, use_up_descriptors), 5);
	log_capture(NULL, NULL);
	assert_int_equal(complaints, 1);
}

static void
local_peer(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(to.sun_path, path);
	expect(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
	expect(is_let_in(fd));
	close(fd);
}

static void
a_unix_socket_is_ours_alone(void **state)
{
	struct stat file;
	struct err err;
	FILE *other;

	(void)state;
	snprintf(path, sizeof path, "/tmp/test-listener-%d.sock", (int)getpid());
	shards_open(1);
	listener = listener_new_unix(path, accepted, &listener, &err);
	assert_non_null(listener);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
	assert_null(listener_new_unix(path, accepted, NULL, &err));
	assert_non_null(strstr(err.text, "somebody does already"));
	listener_free(&listener);
	assert_int_equal(stat(path, &file), -1); /* taken away when it was freed */
	shards_close();

	assert_int_equal(run(2, local_peer), 1);
	assert_int_equal(accepted_count[0], 1);
	assert_int_equal(stat(path, &file), -1); /* taken away when it was freed */

	/* One left behind is replaced, a file is not. */
	shards_open(1);
	{
		struct sockaddr_un at = { .sun_family = AF_UNIX };
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		strcpy(at.sun_path, path);
		must(bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
		close(fd);
	}
	listener = listener_new_unix(path, accepted, NULL, &err);
	assert_non_null(listener);
	listener_free(&listener);
	other = fopen(path, "w");
	fclose(other);
	assert_null(listener_new_unix(path, accepted, NULL, &err));
	assert_non_null(strstr(err.text, "a file is there"));
	unlink(path);
	assert_null(listener_new_unix("/nowhere/x", accepted, NULL, &err));
	assert_non_null(strstr(err.text, "\"/nowhere/x\""));
	shards_close();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_are_spread_over_the_shards),
		cmocka_unit_test(an_address_has_a_limit_on_all_shards_together),
		cmocka_unit_test(a_port_that_is_taken_is_named),
		cmocka_unit_test(what_is_not_an_address_is_refused),
		cmocka_unit_test(without_descriptors_it_rests_and_goes_on),
		cmocka_unit_test(the_last_descriptors_are_not_for_peers),
		cmocka_unit_test(a_unix_socket_is_ours_alone),
	};

	return cmocka_run_group_tests_name("net/listener", tests, NULL, NULL);
}
