/* SPDX-License-Identifier: MIT */
/*
 * What the tool asks: one question, or several of which the next depends on the last answer
 * (account export, account import).  Each is a request of its own, so what is long travels in
 * pieces, and no side holds all of it.
 */
#pragma once

#include "main/asked.h"

struct talk {
	const struct command *command; /* what to ask; NULL: it is over */
	json_t *arguments;
	/* Takes the answer, as the socket gives it, and sets the next question or the result. */
	void (*heard)(struct talk *talk, json_t *answer);
	json_t *result; /* in the end: an answer as the socket gives it */
	/* Nobody answers any more; frees it. */
	void (*end)(struct talk *talk);
};

/* The talk of a command with COMMAND_TALKS; NULL with the reason. */
struct talk *talk_start(const struct asked *asked, const char *conf_path, struct err *err);

/* export.c, import.c */
struct talk *export_start(const struct asked *asked, struct err *err);
struct talk *import_start(const struct asked *asked, const char *conf_path, struct err *err);

/* The next question: `arguments` becomes the talk's. */
void talk_ask(struct talk *talk, const char *noun, const char *verb, json_t *arguments);
/* It is over, and `result` is there. */
void talk_over(struct talk *talk, json_t *result);
/* An answer that says no. */
json_t *talk_refusal(const char *kind, const char *text);
