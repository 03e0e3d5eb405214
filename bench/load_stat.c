/* SPDX-License-Identifier: MIT */
/* How long things took. */
#include "bench/load_stat.h"

#define PARTS 64 /* classes in each power of two */

/* Below 64 each number is its own class; above, the six bits after the first count. */
static size_t
class_of(uint64_t ns)
{
	unsigned shift;
	size_t class;

	if (ns < PARTS)
		return (size_t)ns;
	shift = 63 - (unsigned)__builtin_clzll(ns) - 6;
	class = (size_t)(shift + 1) * PARTS + (size_t)((ns >> shift) - PARTS);
	return class < STAT_CLASSES ? class : STAT_CLASSES - 1;
}

/* The middle of a class. */
static double
class_value(size_t class)
{
	size_t shift;

	if (class < PARTS)
		return (double)class;
	shift = class / PARTS - 1;
	return ((double)(class % PARTS + PARTS) + 0.5) * (double)(1ULL << shift);
}

void
stat_add(struct stat_times *times, int64_t ns)
{
	uint64_t value = ns > 0 ? (uint64_t)ns : 0;

	times->count++;
	times->sum += value;
	if (value > times->max)
		times->max = value;
	times->classes[class_of(value)]++;
}

double
stat_part(const struct stat_times *times, double part)
{
	double wanted = part * (double)times->count;
	uint64_t seen = 0;

	for (size_t i = 0; i < STAT_CLASSES; i++) {
		seen += times->classes[i];
		if (times->classes[i] > 0 && (double)seen >= wanted) {
			double value = class_value(i);

			return value < (double)times->max ? value : (double)times->max;
		}
	}
	return (double)times->max;
}

json_t *
stat_json(const struct stat_times *times)
{
	if (times->count == 0)
		return json_null();
	return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f}", "count", (json_int_t)times->count,
			 "p50", stat_part(times, 0.5) / 1e3, "p95", stat_part(times, 0.95) / 1e3,
			 "p99", stat_part(times, 0.99) / 1e3, "p99_9",
			 stat_part(times, 0.999) / 1e3, "max", (double)times->max / 1e3, "mean",
			 (double)times->sum / (double)times->count / 1e3);
}
