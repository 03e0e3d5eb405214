/* SPDX-License-Identifier: MIT */
/*
 * Sessions that do nothing: what each takes of the server's memory, and what all of them
 * take of its time.
 *
 * The server is looked at before the first connection, and again when all are present and
 * --settle seconds have passed; then its time is measured for --seconds.  An operation is
 * a second.
 */
#include "bench/load_scenario.h"

#include "bench/load_crowd.h"
#include "bench/load_options.h"

#include <math.h>

static struct stat_times entries;

static void
on_entered(struct member *member, int64_t ns)
{
	(void)member;
	stat_add(&entries, ns);
}

static void
on_heard(struct member *member, struct slice stanza)
{
	if (member->is_here)
		client_answer(&member->client, stanza);
}

void
run_idle(struct report *report)
{
	struct crowd crowd;
	struct interval entering, idle;
	struct proc_mark before = proc_read(true), settled, after;
	bool all;

	crowd_init(&crowd, sizeof(struct member), (unsigned)options.users, CROWD_PRESENT);
	crowd.entered = on_entered;
	crowd.heard = on_heard;
	interval_begin(&entering);
	all = crowd_enter(&crowd);
	interval_end(&entering);
	all = all && crowd_rest(&crowd, now_ns() + options.settle * NS_A_SECOND);
	proc_find();
	settled = proc_read(true);
	interval_begin(&idle);
	all = all && crowd_rest(&crowd, idle.begun + (int64_t)(options.seconds * 1e9));
	interval_end(&idle);
	after = proc_read(true);
	report_interval(report, &idle, (uint64_t)llround(interval_seconds(&idle)));
	report_memory(report, &before, &settled, crowd.count);
	report_add(report, "sessions", json_integer((json_int_t)crowd.here));
	if (proc_is_watched())
		report_add(report, "rss_at_end", json_real(after.rss));
	report_add(report, "entering",
		   json_pack("{s:f, s:f, s:o}", "seconds", interval_seconds(&entering), "cpu_us",
			     proc_between(&entering.from, &entering.to).seconds * 1e6 / crowd.count,
			     "latency", stat_json(&entries)));
	if (all && options.hold > 0)
		crowd_rest(&crowd, now_ns() + (int64_t)(options.hold * 1e9));
	report->errors.failed = crowd.failed + crowd.gone;
	crowd_leave(&crowd);
}
