/* SPDX-License-Identifier: MIT */
/*
 * account import, the tool's side: reads a document of XEP-0227, with what it includes, and asks
 * the server to take one piece of a user after the other.
 *
 *   import_go_on	read on until a piece is full, or a user ends
 *   piece_ask		that piece is the next question
 *   import_heard	it was taken, or why not: go on
 *
 * What goes wrong with one user does not keep the others from being taken.
 */
#include "base/text.h"
#include "main/settings.h"
#include "main/talk.h"
#include "xml/document.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX    8           /* included in one another */
#define ELEMENT_MAX  (64u << 20) /* bytes of one element, which is in memory as a whole */
#define REQUEST_LESS 2048        /* of a request are not the piece */
#define NOTES_MAX    1000

enum level { NOWHERE, IN_DATA, IN_HOST, IN_USER, IN_PART }; /* server-data, host, user, query */

struct file { /* being read; what it includes is read from its inside */
	char *path;
	int fd;
	struct document *document;
	enum level level;     /* where its root stands */
	enum level levels[8]; /* of what is open in it */
	unsigned open;
};

struct import {
	struct talk talk;
	struct file files[FILES_MAX];
	unsigned count; /* of files */
	size_t most;    /* bytes of a piece */
	bool merges;

	char *host;
	char *user_tag; /* "<user ...>" with all it says, and after the first piece with its name */
	char *jid;      /* NULL: nobody is being taken */
	char *part_tag, *part_end;
	struct text piece;
	bool is_first, made, disabled, has_failed;
	bool part_is_open; /* in the piece */

	int64_t accounts, rows;
	json_t *faults, *ignored;
};

static void import_go_on(struct import *import);
static void import_heard(struct talk *talk, json_t *answer);
static void import_end(struct talk *talk);
static void piece_ask(struct import *import, bool is_last);

static void
note(json_t *notes, const char *about, const char *text)
{
	char *line;

	if (json_array_size(notes) > NOTES_MAX)
		return;
	if (json_array_size(notes) == NOTES_MAX) {
		json_array_append_new(notes, json_string("... and more"));
		return;
	}
	line = format_text("%s: %s", about, text);
	json_array_append_new(notes, json_string(line));
	free(line);
}

/* --- files --- */

static long
file_read(void *ctx, char *bytes, size_t room)
{
	const struct import *import = ctx;
	ssize_t count;

	do
		count = read(import->files[import->count - 1].fd, bytes, room);
	while (count < 0 && errno == EINTR);
	return count;
}

static bool
is_pie(const struct element *element, const char *name)
{
	return element_is(element, NS_PIE, name) || element_is(element, NS_PIE_OLD, name);
}

/* What is below a user and may be long. */
static bool
is_part(const struct element *element)
{
	return is_pie(element, "offline-messages") || element_is(element, NS_PIE_MAM, "archive") ||
	       element_is(element, NS_ROSTER, "query") ||
	       element_is(element, NS_PRIVATE, "query") || element_is(element, NS_EXPORT, "rows") ||
	       element_is(element, NS_BLOCKING, "blocklist");
}

static enum level
level_here(const struct file *file)
{
	return file->open > 0 ? file->levels[file->open - 1] : file->level;
}

/* The level below a start tag that stands at `level`; NOWHERE: it is wanted whole. */
static enum level
level_below(enum level level, const struct element *tag)
{
	if (level == NOWHERE && is_pie(tag, "server-data"))
		return IN_DATA;
	if ((level == IN_DATA || level == NOWHERE) && is_pie(tag, "host"))
		return IN_HOST;
	if (level == IN_HOST && is_pie(tag, "user"))
		return IN_USER;
	if (level == IN_USER && is_part(tag))
		return IN_PART;
	return NOWHERE;
}

static bool
is_whole(void *ctx, const struct element *tag, unsigned depth)
{
	const struct import *import = ctx;

	(void)depth;
	return level_below(level_here(&import->files[import->count - 1]), tag) == NOWHERE;
}

static bool
file_open(struct import *import, const char *path, enum level level, struct err *err)
{
	struct document_source source = { file_read, is_whole, import };
	struct file *file = &import->files[import->count];
	int fd = STDIN_FILENO;

	if (import->count == FILES_MAX)
		return err_fail(err, ERR_LIMIT, "more than %d files include one another",
				FILES_MAX);
	if (strcmp(path, "-") != 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_fail(err, ERR_SYSTEM, "could not read \"%s\": %m", path);
	*file = (struct file) { .path = copy_text(path), .fd = fd, .level = level };
	file->document = document_new(&source, ELEMENT_MAX);
	import->count++;
	return true;
}

static void
file_close(struct import *import)
{
	struct file *file = &import->files[--import->count];

	document_free(&file->document);
	if (file->fd != STDIN_FILENO)
		close(file->fd);
	free(file->path);
}

/* XEP-0227 §5: a relative reference and nothing more. */
static void
include(struct import *import, const struct file *from, const struct element *element)
{
	const char *href = element_get(element, "href"), *slash = strrchr(from->path, '/');
	enum level level = level_here(from);
	struct err err;
	char *path;

	if (href == NULL || *href == '/' || strstr(href, "://") != NULL ||
	    element_get(element, "parse") != NULL || element_get(element, "xpointer") != NULL) {
		note(import->faults, from->path, "only files beside it can be included");
		return;
	}
	path = slash != NULL ? format_text("%.*s/%s", (int)(slash - from->path), from->path, href)
			     : copy_text(href);
	if (!file_open(import, path, level, &err))
		note(import->faults, from->path, err.text);
	free(path);
}

/* --- users --- */

static void
replace(char **text, char *with)
{
	free(*text);
	*text = with;
}

static char *
tag_text(const struct element *tag)
{
	struct text text = { 0 };

	xml_write_start(&text, tag, NULL);
	return text_take(&text);
}

static void
user_begin(struct import *import, const struct element *tag)
{
	const char *name = element_get(tag, "name");

	replace(&import->jid, NULL);
	import->is_first = true;
	import->made = import->disabled = import->has_failed = false;
	text_empty(&import->piece);
	if (name == NULL || import->host == NULL) {
		note(import->faults, import->host ? import->host : "somewhere",
		     "a <user/> without a name, or outside a host");
		return;
	}
	replace(&import->jid, format_text("%s@%s", name, import->host));
	replace(&import->user_tag, tag_text(tag));
}

/* Further pieces need not say the password again. */
static void
user_tag_shorten(struct import *import)
{
	replace(&import->user_tag, copy_text("<user xmlns='" NS_PIE "'>"));
}

static bool
is_taking(const struct import *import)
{
	return import->jid != NULL && !import->has_failed;
}

static void
part_begin(struct import *import, const struct element *tag)
{
	struct text end = { 0 };

	replace(&import->part_tag, tag_text(tag));
	text_addf(&end, "</%s>", tag->name);
	replace(&import->part_end, text_take(&end));
	import->part_is_open = false;
}

static void
part_end(struct import *import)
{
	if (import->part_is_open)
		text_add(&import->piece, import->part_end);
	import->part_is_open = false;
	replace(&import->part_tag, NULL);
}

static size_t
piece_size(const struct import *import)
{
	return import->piece.length + strlen(import->user_tag) +
	       (import->part_tag != NULL ? 2 * strlen(import->part_tag) : 0);
}

/* Adds an element to the piece; true when the piece before it must go first, and is the next
 * question. */
static bool
piece_add(struct import *import, const struct element *element)
{
	struct text text = { 0 };
	bool asks = false;

	if (element_is(element, NS_EXPORT, "account"))
		import->disabled = element_get_bool(element, "disabled");
	xml_write(&text, element, NULL);
	if (text.length + strlen(import->user_tag) + REQUEST_LESS > import->most) {
		note(import->ignored, import->jid,
		     "an element is longer than a request may be (admin.request_max)");
		text_clear(&text);
		return false;
	}
	if (import->piece.length > 0 && piece_size(import) + text.length > import->most) {
		piece_ask(import, false);
		asks = true;
	}
	if (import->part_tag != NULL && !import->part_is_open) {
		text_add(&import->piece, import->part_tag);
		import->part_is_open = true;
	}
	text_add_bytes(&import->piece, text.bytes, text.length);
	text_clear(&text);
	return asks;
}

static void
piece_ask(struct import *import, bool is_last)
{
	struct text data = { 0 };

	text_add(&data, import->user_tag);
	text_add_bytes(&data, import->piece.bytes ? import->piece.bytes : "", import->piece.length);
	if (import->part_is_open)
		text_add(&data, import->part_end);
	text_add(&data, "</user>");
	talk_ask(&import->talk, "account", "take",
		 json_pack("{s:s, s:s, s:b, s:b, s:b, s:b, s:b}", "jid", import->jid, "data",
			   data.bytes, "first", import->is_first, "last", is_last, "merge",
			   import->merges, "made", import->made, "disabled", import->disabled));
	text_clear(&data);
	text_empty(&import->piece);
	import->part_is_open = false;
	import->is_first = false;
	user_tag_shorten(import);
}

/* --- reading on --- */

/* True: there is a question. */
static bool
opened(struct import *import, struct file *file, const struct element *tag)
{
	enum level level = level_below(level_here(file), tag);

	if (level == IN_HOST)
		replace(&import->host, copy_text(element_get(tag, "jid")));
	if (level == IN_USER)
		user_begin(import, tag);
	if (level == IN_PART)
		part_begin(import, tag);
	must(file->open < COUNT(file->levels));
	file->levels[file->open++] = level;
	return false;
}

static bool
closed(struct import *import, struct file *file)
{
	enum level level = file->levels[--file->open];

	if (level == IN_PART)
		part_end(import);
	if (level != IN_USER || !is_taking(import))
		return false;
	piece_ask(import, true);
	return true;
}

static bool
element_read(struct import *import, struct file *file, const struct element *element)
{
	enum level level = level_here(file);

	if (element_is(element, NS_XINCLUDE, "include") && level != IN_PART && level != NOWHERE)
		include(import, file, element);
	else if (level == IN_USER || level == IN_PART)
		return is_taking(import) && piece_add(import, element);
	else if (level == NOWHERE)
		note(import->faults, file->path, "this is no document of XEP-0227");
	else
		note(import->ignored, file->path, element->name);
	return false;
}

static bool
event_read(struct import *import, struct file *file, const struct document_event *event)
{
	bool asks = false;

	switch (event->kind) {
	case DOCUMENT_OPENED:
		return opened(import, file, event->element);
	case DOCUMENT_CLOSED:
		return closed(import, file);
	case DOCUMENT_ELEMENT:
		asks = element_read(import, file, event->element);
		arena_drop(event->arena);
		return asks;
	case DOCUMENT_END:
		file_close(import);
		break;
	}
	return false;
}

static void
finish(struct import *import)
{
	size_t faults = json_array_size(import->faults);
	json_t *answer;
	char *text;

	if (faults == 0) {
		answer = json_pack("{s:b, s:{s:I, s:I, s:O}}", "ok", 1, "result", "accounts",
				   (json_int_t)import->accounts, "rows", (json_int_t)import->rows,
				   "ignored", import->ignored);
	} else {
		text = format_text("not everything could be taken; %lld accounts were",
				   (long long)import->accounts);
		answer = talk_refusal("refused", text);
		free(text);
		json_array_extend(import->faults, import->ignored);
		json_object_set(answer, "faults", import->faults);
	}
	talk_over(&import->talk, answer);
}

static void
import_go_on(struct import *import)
{
	struct document_event event;
	struct err err;

	while (import->count > 0) {
		struct file *file = &import->files[import->count - 1];

		if (!document_next(file->document, &event, &err)) {
			note(import->faults, file->path, err.text);
			/* What stands around it cannot be told any more. */
			while (import->count > 0)
				file_close(import);
			break;
		}
		if (event_read(import, file, &event))
			return;
	}
	finish(import);
}

static void
import_heard(struct talk *talk, json_t *answer)
{
	struct import *import = CONTAINER(talk, struct import, talk);
	json_t *result = json_object_get(answer, "result"), *line;
	size_t i;

	if (!json_is_true(json_object_get(answer, "ok"))) {
		import->has_failed = true;
		note(import->faults, import->jid,
		     json_string_value(json_object_get(answer, "error")));
		if (import->made)
			note(import->faults, import->jid,
			     "it is there in part, and disabled: remove it, and try again");
	} else {
		import->rows += json_integer_value(json_object_get(result, "rows"));
		import->made = json_is_true(json_object_get(result, "made"));
		import->accounts += json_is_true(json_object_get(result, "whole"));
		json_array_foreach(json_object_get(result, "ignored"), i, line)
			note(import->ignored, import->jid, json_string_value(line));
	}
	json_decref(answer);
	import_go_on(import);
}

/* --- from the beginning to the end --- */

static size_t
piece_most(const char *conf_path)
{
	struct text faults = { 0 };
	struct conf *conf = settings_read(conf_path, &faults);
	size_t most = 65536;

	if (conf != NULL) {
		most = (size_t)settings_admin(conf)->request_max;
		conf_drop(conf);
	}
	text_clear(&faults);
	/* As JSON a line's end takes two bytes. */
	return most / 2 - REQUEST_LESS / 2;
}

struct talk *
import_start(const struct asked *asked, const char *conf_path, struct err *err)
{
	const char *file = json_string_value(json_object_get(asked->arguments, "file"));
	struct import *import = zalloc(sizeof *import);

	import->talk.heard = import_heard;
	import->talk.end = import_end;
	import->merges = json_is_true(json_object_get(asked->arguments, "merge"));
	import->most = piece_most(conf_path);
	import->faults = json_array();
	import->ignored = json_array();
	if (!file_open(import, file, NOWHERE, err)) {
		import_end(&import->talk);
		return NULL;
	}
	import_go_on(import);
	return &import->talk;
}

static void
import_end(struct talk *talk)
{
	struct import *import = CONTAINER(talk, struct import, talk);

	while (import->count > 0)
		file_close(import);
	json_decref(talk->arguments);
	json_decref(import->faults);
	json_decref(import->ignored);
	free(import->host);
	free(import->user_tag);
	free(import->jid);
	free(import->part_tag);
	free(import->part_end);
	text_clear(&import->piece);
	free(import);
}
