/* SPDX-License-Identifier: MIT */
/*
 * What the server's processes have used: those that were named, and their descendants.
 *
 * Time is that of the processes' CPU clocks, which are exact to the nanosecond and know all
 * threads, those that have ended, too.  What children used that have ended comes from
 * /proc/PID/stat.  How much of it was the kernel's is taken from there as well: the kernel
 * counts that by ticks, so it is good only over some seconds.
 */
#pragma once

#include "base/base.h"

struct proc_mark {
	double seconds; /* of CPU, in all */
	double user, system;
	double rss, pss; /* bytes; 0 when it was not asked for */
	unsigned processes;
};

/* Names the processes: "P[,P...]", or NULL.  Stops the program when one is not there. */
void proc_start(const char *pids);
bool proc_is_watched(void);
/* Whether those that were named are all alive. */
bool proc_is_alive(void);
/* Looks for descendants again, which takes milliseconds. */
void proc_find(void);
struct proc_mark proc_read(bool memory);
/* Adds to `mark` what descendants have used that were not there at proc_find. */
void proc_add_newcomers(struct proc_mark *mark);
/* What was used between two marks. */
struct proc_mark proc_between(const struct proc_mark *from, const struct proc_mark *to);
/* Seconds of CPU that we ourselves have used. */
double proc_own_seconds(void);
