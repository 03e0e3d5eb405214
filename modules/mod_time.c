/* SPDX-License-Identifier: MIT */
/*
 * mod_time -- XEP-0202: what time is it there?
 */
#include <time.h>

#include "module.h"

static enum outcome
on_time(void *self, struct iq *iq)
{
	struct element *answer = element_new(iq->arena, NS_TIME, "time");
	time_t now = (time_t)now_seconds();
	struct tm here;
	char utc[DATETIME_MAX];
	long offset;

	(void)self;
	localtime_r(&now, &here);
	offset = here.tm_gmtoff / 60;
	datetime_write(utc, (int64_t)now * 1000, false);
	element_add_text(iq->arena, answer, NULL, "tzo",
			 arena_format(iq->arena, "%c%02ld:%02ld", offset < 0 ? '-' : '+',
				      labs(offset) / 60, labs(offset) % 60));
	element_add_text(iq->arena, answer, NULL, "utc", utc);
	return iq_result(iq, answer);
}

static const struct iq_rule iqs[] = {
	{ IQ_GET, TO_DOMAIN, NS_TIME, "time", on_time },
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "time",
	.about = "Entity Time (XEP-0202)",
	.help = "Tells what time it is at the server, and in which time zone it is.",
	.features = NAMES(NS_TIME),
	.iqs = iqs,
};
