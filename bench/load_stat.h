/* SPDX-License-Identifier: MIT */
/*
 * How long things took: a histogram whose classes are at most 1/64 wide, so that a
 * percentile is off by less than 1.6 %; the largest and the mean are exact.
 */
#pragma once

#include "base/base.h"

#include <jansson.h>

#define STAT_CLASSES (64 * 44)

struct stat_times {
	uint64_t count, sum, max;
	uint64_t classes[STAT_CLASSES];
};

void stat_add(struct stat_times *times, int64_t ns);
/* Nanoseconds that `part` (0 to 1) of all did not exceed. */
double stat_part(const struct stat_times *times, double part);
/* {"count", "p50", "p95", "p99", "p99_9", "max", "mean"} in microseconds; null: none. */
json_t *stat_json(const struct stat_times *times);
