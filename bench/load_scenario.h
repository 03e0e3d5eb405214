/* SPDX-License-Identifier: MIT */
/* What there is to be measured: one file a scenario, one line in the table of load.c. */
#pragma once

#include "bench/load_report.h"

struct scenario {
	const char *name, *about;
	/* Does it, and fills the report; what went wrong is in report->errors. */
	void (*run)(struct report *report);
};

extern const struct scenario scenarios[]; /* ended by one without a name */
extern const char scenario_help[];        /* what the fields of the result mean */

void run_register(struct report *report);
void run_login(struct report *report);
void run_idle(struct report *report);
void run_chat(struct report *report);
void run_fanout(struct report *report);
void run_prepare_roster(struct report *report);
void run_presence(struct report *report);
void run_roster(struct report *report);
