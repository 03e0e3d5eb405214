/* SPDX-License-Identifier: MIT */
/*
 * account export, the tool's side: asks for page after page and writes them one behind the other.
 * The file is the tool's, so it is its user who must be allowed to write it, and nobody else
 * may read it.
 */
#include "base/text.h"
#include "main/talk.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct export
{
	struct talk talk;
	char *jid, *file; /* file NULL: standard output */
	int fd;
	int64_t bytes, rows;
	bool begun, good;
};

static void export_heard(struct talk *talk, json_t *answer);
static void export_end(struct talk *talk);

struct talk *
export_start(const struct asked *asked, struct err *err)
{
	const char *file = json_string_value(json_object_get(asked->arguments, "file"));
	struct export *export;
	int fd = STDOUT_FILENO;

	if (file != NULL)
		fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		if (errno == EEXIST)
			err_fail(err, ERR_EXISTS, "\"%s\" is there already; say another name",
				 file);
		else
			err_fail(err, ERR_SYSTEM, "could not write \"%s\": %m", file);
		return NULL;
	}
	export = zalloc(sizeof *export);
	export->talk.heard = export_heard;
	export->talk.end = export_end;
	export->jid = copy_text(json_string_value(json_object_get(asked->arguments, "jid")));
	export->file = copy_text(file);
	export->fd = fd;
	talk_ask(&export->talk, "account", "page", json_pack("{s:s}", "jid", export->jid));
	return &export->talk;
}

static bool
put(struct export *export, const char *bytes, size_t length)
{
	export->bytes += (int64_t)length;
	while (length > 0) {
		ssize_t written = write(export->fd, bytes, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		bytes += written;
		length -= (size_t)written;
	}
	return true;
}

static bool
put_text(struct export *export, struct text *text)
{
	bool good = put(export, text->bytes, text->length);

	text_clear(text);
	return good;
}

static void
add_attribute(struct text *text, const char *name, const char *value)
{
	text_addf(text, " %s='", name);
	xml_escape(text, value, strlen(value));
	text_add(text, "'");
}

/* The document around the user, whose address is as the server writes it. */
static bool
put_head(struct export *export, const json_t *page)
{
	struct text head = { 0 };

	text_add(&head, "<?xml version='1.0' encoding='UTF-8'?>\n"
			"<server-data xmlns='" NS_PIE "'>\n<host");
	add_attribute(&head, "jid", json_string_value(json_object_get(page, "host")));
	text_add(&head, ">\n<user");
	add_attribute(&head, "name", json_string_value(json_object_get(page, "name")));
	text_add(&head, ">\n");
	export->begun = true;
	return put_text(export, &head);
}

static bool
put_tail(struct export *export)
{
	static const char tail[] = "</user>\n</host>\n</server-data>\n";

	return put(export, tail, sizeof tail - 1) &&
	       (export->file == NULL || fsync(export->fd) == 0);
}

static void
fail(struct export *export)
{
	char *why = format_text("could not write the export: %s", strerror(errno));

	talk_over(&export->talk, talk_refusal("system", why));
	free(why);
}

static void
export_heard(struct talk *talk, json_t *answer)
{
	struct export *export = CONTAINER(talk, struct export, talk);
	json_t *page = json_object_get(answer, "result");
	json_t *xml = json_object_get(page, "xml"), *after = json_object_get(page, "after");

	if (!json_is_true(json_object_get(answer, "ok"))) {
		talk_over(talk, answer);
		return;
	}
	export->rows += json_integer_value(json_object_get(page, "rows"));
	if ((!export->begun && !put_head(export, page)) ||
	    !put(export, json_string_value(xml), json_string_length(xml)) ||
	    (after == NULL && !put_tail(export))) {
		fail(export);
	} else if (after != NULL) {
		talk_ask(talk, "account", "page",
			 json_pack("{s:s, s:O}", "jid", export->jid, "after", after));
	} else {
		export->good = true;
		talk_over(talk,
			  json_pack("{s:b, s:o}", "ok", 1, "result",
				    export->file == NULL
					    ? json_null()
					    : json_pack("{s:s, s:s, s:I, s:I}", "account",
							export->jid, "file", export->file, "rows",
							(json_int_t) export->rows, "bytes",
							(json_int_t) export->bytes)));
	}
	json_decref(answer);
}

/* Half an export is none. */
static void
export_end(struct talk *talk)
{
	struct export *export = CONTAINER(talk, struct export, talk);

	if (export->file != NULL) {
		close(export->fd);
		if (!export->good)
			unlink(export->file);
	}
	json_decref(talk->arguments);
	free(export->jid);
	free(export->file);
	free(export);
}
