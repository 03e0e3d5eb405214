/* SPDX-License-Identifier: MIT */
/* What is said at the end, and on the way. */
#include "bench/load_report.h"

#include "bench/load_client.h"
#include "bench/load_options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPLAINTS_MAX 10
#define BUSY           0.9 /* of a core: beyond that we measure ourselves */

static unsigned complaints;

/* --- intervals --- */

void
interval_begin(struct interval *interval)
{
	interval->own_from = proc_own_seconds();
	interval->from = proc_read(false);
	interval->said_from = conn_bytes_said;
	interval->heard_from = conn_bytes_heard;
	interval->begun = now_ns();
}

void
interval_end(struct interval *interval)
{
	interval->to = proc_read(false);
	interval->own_to = proc_own_seconds();
	interval->said_to = conn_bytes_said;
	interval->heard_to = conn_bytes_heard;
	interval->ended = now_ns();
}

double
interval_seconds(const struct interval *interval)
{
	return (double)(interval->ended - interval->begun) / 1e9;
}

/* --- the report --- */

void
report_start(struct report *report)
{
	memset(report, 0, sizeof *report);
	report->root = json_object();
	report_add(report, "scenario", json_string(options.scenario));
	report_add(report, "parameters", options_json());
}

void
report_add(struct report *report, const char *name, json_t *value)
{
	json_object_set_new(report->root, name, value);
}

void
report_interval(struct report *report, const struct interval *interval, uint64_t count)
{
	double seconds = interval_seconds(interval);
	double own = (interval->own_to - interval->own_from) / seconds;
	double operations = count > 0 ? (double)count : 1;
	struct proc_mark to = interval->to, used;

	proc_add_newcomers(&to);
	used = proc_between(&interval->from, &to);
	report_add(report, "seconds", json_real(seconds));
	report_add(report, "count", json_integer((json_int_t)count));
	report_add(report, "rate", json_real((double)count / seconds));
	if (proc_is_watched() && count > 0) {
		report_add(report, "cpu_us",
			   json_pack("{s:f, s:f, s:f}", "total", used.seconds * 1e6 / operations,
				     "user", used.user * 1e6 / operations, "system",
				     used.system * 1e6 / operations));
	}
	if (proc_is_watched()) {
		report_add(report, "server_cpu", json_real(used.seconds / seconds));
		report_add(report, "processes", json_integer((json_int_t)to.processes));
	}
	report_add(report, "generator_cpu", json_real(own));
	report_add(report, "generator_cpu_us", json_real(own * seconds * 1e6 / operations));
	report_add(report, "bytes",
		   json_pack("{s:f, s:f}", "said",
			     (double)(interval->said_to - interval->said_from) / operations,
			     "heard",
			     (double)(interval->heard_to - interval->heard_from) / operations));
	if (own > BUSY)
		complain("the generator took %.2f of a core: it may be the limit", own);
}

void
report_memory(struct report *report, const struct proc_mark *before, const struct proc_mark *after,
	      unsigned sessions)
{
	if (!proc_is_watched())
		return;
	report_add(report, "memory",
		   json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "rss_before", before->rss,
			     "rss_after", after->rss, "pss_before", before->pss, "pss_after",
			     after->pss, "rss_a_session", (after->rss - before->rss) / sessions,
			     "pss_a_session", (after->pss - before->pss) / sessions));
}

int
report_finish(struct report *report)
{
	const struct errors *errors = &report->errors;
	bool good = errors->lost + errors->duplicated + errors->reordered + errors->failed == 0;
	FILE *file = stdout;

	report_add(report, "tls", client_tls[0] != '\0' ? json_string(client_tls) : json_null());
	report_add(report, "errors",
		   json_pack("{s:I, s:I, s:I, s:I}", "lost", (json_int_t)errors->lost, "duplicated",
			     (json_int_t)errors->duplicated, "reordered",
			     (json_int_t)errors->reordered, "failed", (json_int_t)errors->failed));
	if (options.json != NULL) {
		file = fopen(options.json, "we");
		if (file == NULL) {
			perror(options.json);
			return 2;
		}
	}
	json_dumpf(report->root, file, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	fputc('\n', file);
	if (file != stdout)
		fclose(file);
	if (!good)
		fprintf(stderr, "ERRORS: %llu lost, %llu duplicated, %llu reordered, %llu failed\n",
			(unsigned long long)errors->lost, (unsigned long long)errors->duplicated,
			(unsigned long long)errors->reordered, (unsigned long long)errors->failed);
	json_decref(report->root);
	return good ? 0 : 1;
}

/* --- to people --- */

void
progress(const char *format, ...)
{
	static int64_t last;
	int64_t now = now_ns();
	va_list list;

	if (now - last < NS_A_SECOND)
		return;
	last = now;
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

void
complain(const char *format, ...)
{
	va_list list;

	if (++complaints > COMPLAINTS_MAX)
		return;
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputs(complaints == COMPLAINTS_MAX ? "\n(and so on)\n" : "\n", stderr);
}
