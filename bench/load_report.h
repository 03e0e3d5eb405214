/* SPDX-License-Identifier: MIT */
/*
 * What is said at the end, as one JSON object, and on the way, to people.
 *
 * A measured interval has two ends, each a look at the clock, at the server's processes
 * and at ourselves.  That takes some 100 microseconds; proc_find, which takes longer, is
 * called before the load begins.
 */
#pragma once

#include "bench/load_proc.h"
#include "bench/load_stat.h"

struct interval {
	int64_t begun, ended; /* now_ns() */
	struct proc_mark from, to;
	double own_from, own_to;
	uint64_t said_from, said_to, heard_from, heard_to;
};

void interval_begin(struct interval *interval);
void interval_end(struct interval *interval);
double interval_seconds(const struct interval *interval);

struct errors {
	uint64_t lost, duplicated, reordered, failed;
};

struct report {
	json_t *root;
	struct errors errors;
};

void report_start(struct report *report);
/* Adds a field; the value is taken. */
void report_add(struct report *report, const char *name, json_t *value);
/* `count` operations were done in the interval: how many a second, and what each cost. */
void report_interval(struct report *report, const struct interval *interval, uint64_t count);
void report_memory(struct report *report, const struct proc_mark *before,
		   const struct proc_mark *after, unsigned sessions);
/* Writes it all.  The program's exit code: 1 when there were errors. */
int report_finish(struct report *report);

/* To people, on stderr.  Progress is said once a second; of complaints the first few. */
void progress(const char *format, ...) PRINTF_LIKE(1, 2);
void complain(const char *format, ...) PRINTF_LIKE(1, 2);
