/* SPDX-License-Identifier: MIT */
/* XEP-0082 by its own calendar: no locale, no time zone of the machine, no leap seconds. */
#include "xmpp/datetime.h"

#include <stdio.h>

#define DAY_SECONDS 86400
#define FIRST_DAY   -719162 /* 0001-01-01 */
#define LAST_DAY    2932896 /* 9999-12-31 */

static const int days_before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365 };

static bool
is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int
month_days(int year, int month)
{
	return days_before[month] - days_before[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970-01-01 to the first of January of `year`, 1 to 9999. */
static int64_t
year_start(int year)
{
	int past = year - 1;

	return (int64_t)past * 365 + past / 4 - past / 100 + past / 400 + FIRST_DAY;
}

/* --- writing --- */

static void
write_time(char out[DATETIME_MAX], int64_t seconds, int ms)
{
	int64_t days = seconds / DAY_SECONDS;
	int rest = (int)(seconds % DAY_SECONDS), year, month = 12, day;
	char fraction[8] = "";

	if (rest < 0) {
		rest += DAY_SECONDS;
		days--;
	}
	if (days < FIRST_DAY) {
		days = FIRST_DAY;
		rest = 0;
	} else if (days > LAST_DAY) {
		days = LAST_DAY;
		rest = DAY_SECONDS - 1;
	}
	year = (int)((days - FIRST_DAY) / 366) + 1; /* at most a few too early */
	while (year < 9999 && year_start(year + 1) <= days)
		year++;
	day = (int)(days - year_start(year));
	while (month > 1 && day < days_before[month - 1] + (month > 2 && is_leap(year)))
		month--;
	day -= days_before[month - 1] + (month > 2 && is_leap(year));
	if (ms >= 0) {
		fraction[0] = '.';
		fraction[1] = (char)('0' + ms / 100);
		fraction[2] = (char)('0' + ms / 10 % 10);
		fraction[3] = (char)('0' + ms % 10);
	}
	(void)snprintf(out, DATETIME_MAX, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", year, month, day + 1,
		       rest / 3600, rest / 60 % 60, rest % 60, fraction);
}

void
datetime_write(char out[DATETIME_MAX], int64_t unix_ms, bool with_ms)
{
	int64_t seconds = unix_ms / 1000;
	int ms = (int)(unix_ms % 1000);

	if (ms < 0) {
		ms += 1000;
		seconds--;
	}
	write_time(out, seconds, with_ms ? ms : -1);
}

const char *
datetime_seconds(struct arena *arena, int64_t seconds)
{
	char *out = arena_bytes(arena, DATETIME_MAX);

	write_time(out, seconds, -1);
	return out;
}

const char *
datetime_ms(struct arena *arena, int64_t unix_ms)
{
	char *out = arena_bytes(arena, DATETIME_MAX);

	datetime_write(out, unix_ms, true);
	return out;
}

/* --- reading --- */

/* Reads exactly `digits` digits between `min` and `max`. */
static bool
take_number(int *number, const char **text, int digits, int min, int max)
{
	int n = 0;

	for (; digits > 0; digits--, (*text)++) {
		if (**text < '0' || **text > '9')
			return false;
		n = n * 10 + (**text - '0');
	}
	*number = n;
	return n >= min && n <= max;
}

static bool
take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

bool
datetime_parse(int64_t *unix_ms, const char *text)
{
	int year, month, day, hour, minute, second, ms = 0, zone_hour = 0, zone_minute = 0;
	int64_t days, seconds, zone;
	char sign;

	if (!take_number(&year, &text, 4, 1, 9999) || !take_char(&text, '-') ||
	    !take_number(&month, &text, 2, 1, 12) || !take_char(&text, '-') ||
	    !take_number(&day, &text, 2, 1, month_days(year, month)) || !take_char(&text, 'T') ||
	    !take_number(&hour, &text, 2, 0, 23) || !take_char(&text, ':') ||
	    !take_number(&minute, &text, 2, 0, 59) || !take_char(&text, ':') ||
	    !take_number(&second, &text, 2, 0, 59))
		return false;
	if (take_char(&text, '.')) {
		int weight = 100;

		if (*text < '0' || *text > '9')
			return false;
		for (; *text >= '0' && *text <= '9'; text++, weight /= 10)
			ms += (*text - '0') * weight;
	}
	sign = *text++;
	if (sign == '+' || sign == '-') {
		if (!take_number(&zone_hour, &text, 2, 0, 14) || !take_char(&text, ':') ||
		    !take_number(&zone_minute, &text, 2, 0, zone_hour == 14 ? 0 : 59))
			return false;
	} else if (sign != 'Z') {
		return false;
	}
	if (*text != '\0')
		return false;

	zone = (zone_hour * 60 + zone_minute) * 60;
	days = year_start(year) + days_before[month - 1] + (month > 2 && is_leap(year)) + day - 1;
	seconds = days * DAY_SECONDS + hour * 3600 + minute * 60 + second;
	seconds -= sign == '-' ? -zone : zone;
	*unix_ms = seconds * 1000 + ms;
	return true;
}
