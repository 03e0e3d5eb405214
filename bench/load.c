/* SPDX-License-Identifier: MIT */
/*
 * stentor-load: puts a load on an XMPP server, counts every message, and measures what it
 * costs the server.  One thread; the clients are cheap, so that they are not the limit.
 *
 *	load_options	the command line
 *	load_loop	who is ready
 *	load_conn	bytes, TLS, and the stanzas in them (load_scan)
 *	load_client	a login (load_scram), then stanzas
 *	load_crowd	many of them
 *	load_talk	messages that can be counted
 *	load_proc	what the server's processes use
 *	load_report	intervals, and the result
 *	load_NAME	one scenario each
 */
#include "bench/load_client.h"
#include "bench/load_options.h"
#include "bench/load_scenario.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define FILES 65536

const struct scenario scenarios[] = {
	{ "register", "make accounts in-band (XEP-0077), one connection each", run_register },
	{ "login", "TLS, SASL, a resource, goodbye; over and over", run_login },
	{ "idle", "sessions that are present and do nothing", run_idle },
	{ "chat", "pairs that talk; every message is counted", run_chat },
	{ "prepare-roster", "mutual contacts within groups of --roster + 1 accounts",
	  run_prepare_roster },
	{ "presence", "a storm of logins with those rosters", run_presence },
	{ "roster", "fetch rosters, one question a session at a time", run_roster },
	{ "fanout", "one speaks, all hear it (--protocol raw)", run_fanout },
	{ 0 },
};

const char scenario_help[] =
	"\n"
	"The result is one JSON object:\n"
	"  scenario, parameters   what was asked for (without the password)\n"
	"  seconds, count, rate   the measured interval, operations in it, operations a second\n"
	"  cpu_us                 {total, user, system}: the server's CPU time for each operation\n"
	"  server_cpu             cores the server used in the interval\n"
	"  generator_cpu          cores we used (1 is the most); generator_cpu_us: for each "
	"operation\n"
	"  bytes                  {said, heard} for each operation, before encryption\n"
	"  latency                {count, p50, p95, p99, p99_9, max, mean} in microseconds\n"
	"  ack_latency            the same, until the server's acknowledgement (--ack)\n"
	"  memory                 {rss_before, rss_after, pss_before, pss_after, rss_a_session,\n"
	"                         pss_a_session} in bytes, of all the server's processes\n"
	"  errors                 {lost, duplicated, reordered, failed}\n"
	"  tls                    what was agreed on\n"
	"  said                   chat, fanout: messages sent in all, warm-up included\n"
	"  existing, resumed      register: accounts that were there; login: resumed TLS sessions\n"
	"  sessions, rss_at_end   idle: who was there; the memory after --seconds of rest\n"
	"  entering               idle: {seconds, cpu_us, latency} of the logins before\n"
	"  presences              presence: how many were delivered; cpu_us_a_presence: all of\n"
	"                         the server's CPU time, shared among them\n"
	"  versions_offered       roster: whether the server keeps versions; empty_answers: how\n"
	"                         often nothing had changed; items: contacts in an answer\n"
	"  groups                 prepare-roster: how many are as they should be\n"
	"\n"
	"An operation is a message (of a fanout: a copy) that arrived, a login, an account made, "
	"a\n"
	"roster fetched, a subscription, and a second of idle.\n"
	"cpu_us, server_cpu and memory need --pids.\n"
	"\n"
	"The exit code is 1 when anything was lost, duplicated, reordered or refused, 2 when the\n"
	"command line was wrong.\n";

static const struct scenario *
scenario_find(const char *name)
{
	for (const struct scenario *it = scenarios; it->name != NULL; it++)
		if (option_is(it->name, name))
			return it;
	fprintf(stderr, "stentor-load: there is no scenario \"%s\"; see stentor-load --help\n",
		name);
	exit(2);
}

/* As many open files as we may have. */
static void
raise_limits(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	if (limit.rlim_max < FILES)
		limit.rlim_cur = limit.rlim_max = FILES;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
		getrlimit(RLIMIT_NOFILE, &limit);
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int
main(int count, char **words)
{
	const struct scenario *scenario;
	struct report report;

	options_read(count, words);
	scenario = scenario_find(options.scenario);
	signal(SIGPIPE, SIG_IGN);
	raise_limits();
	loop_start();
	conn_start(&(struct conn_place) { .connect = options.connect,
					  .domain = options.domain,
					  .priority = options.priority,
					  .sources = (unsigned)options.sources });
	proc_start(options.pids);
	report_start(&report);
	scenario->run(&report);
	return report_finish(&report);
}
