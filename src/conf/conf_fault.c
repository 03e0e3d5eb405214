/* SPDX-License-Identifier: MIT */
/* Faults of a reading: collected by place, because the steps that find them go over the
 * files one after the other. */
#include "conf/internal.h"

#include <stdarg.h>
#include <stdio.h>

static bool
place_same(const struct place *a, const struct place *b)
{
	return a->source == b->source && a->line == b->line;
}

static void fault_keep(struct reading *reading, struct place place, const char *format,
		       va_list args) PRINTF_LIKE(3, 0);

static void
fault_keep(struct reading *reading, struct place place, const char *format, va_list args)
{
	struct fault *fault;
	char words[1024];

	if (reading->fault_count == FAULTS_MAX) {
		reading->more_faults++;
		return;
	}
	vsnprintf(words, sizeof words, format, args);
	for (char *c = words; *c != '\0'; c++) /* one line each, whatever was quoted */
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	fault = &reading->faults[reading->fault_count];
	fault->place = place;
	fault->order = reading->fault_count++;
	fault->words = arena_copy(reading->arena, words);
}

void
fault_add(struct reading *reading, struct place place, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fault_keep(reading, place, format, args);
	va_end(args);
}

void
fault_follow(struct reading *reading, struct place place, const char *format, ...)
{
	va_list args;

	for (size_t i = 0; i < reading->fault_count; i++)
		if (place_same(&reading->faults[i].place, &place))
			return;
	va_start(args, format);
	fault_keep(reading, place, format, args);
	va_end(args);
}
