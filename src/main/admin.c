/* SPDX-License-Identifier: MIT */
/*
 * One client lives from its connection to its end, or, when it goes while a command of its
 * runs, to that command's answer.
 *
 *   admin_accepted	somebody is there: is it somebody who may?
 *   client_heard	bytes came; a line is a request
 *   request_read	is it a command that exists, with arguments it takes?  run it
 *   request_answered	the one answer; then the next line
 */
#include "main/admin.h"

#include "base/codec.h"
#include "base/list.h"
#include "base/log.h"
#include "base/text.h"
#include "base/wire.h"
#include "net/link.h"
#include "net/listener.h"
#include "core/command.h"
#include "main/commands.h"
#include "main/server.h"
#include "main/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define UNSENT_MAX    (256u << 20) /* a list of everybody is long, and made by us */
#define STALLED_MS    60000
#define FAREWELL_MS   2000
#define REQUEST_DEPTH 8

struct client {
	struct list place;
	struct link *link; /* NULL: it has gone */
	struct text heard;
	bool busy;    /* a command runs */
	bool reading; /* client_go_on is on the stack */
	bool refused;
};

static struct {
	struct listener *listener;
	int folder;
	struct list clients;
	unsigned count;
	struct log_scope log;
} admin;

static void
admin_describe(const struct log_scope *scope, char *out, size_t room)
{
	(void)scope;
	if (room > 0)
		strncpy(out, "admin", room);
}

static void
client_free(struct client *client)
{
	list_remove(&client->place);
	admin.count--;
	if (client->heard.bytes != NULL) /* there may have been a password in it */
		wipe(client->heard.bytes, client->heard.room);
	text_clear(&client->heard);
	free(client);
}

static void
client_say(struct client *client, json_t *answer)
{
	char *line = json_dumps(answer, JSON_COMPACT);

	json_decref(answer);
	if (client->link != NULL) {
		size_t length = strlen(line);
		struct wire *wire = wire_new(NULL, length + 1);

		memcpy(wire->bytes, line, length);
		wire->bytes[length] = '\n';
		link_say(client->link, wire);
	}
	free(line);
}

static void
client_deny(struct client *client, const char *kind, const char *text)
{
	client_say(client, json_pack("{s:b, s:s, s:s}", "ok", 0, "kind", kind, "error", text));
}

/* What it says cannot be understood, so neither can what follows. */
static void
client_refuse(struct client *client, const char *text)
{
	client->refused = true;
	text_empty(&client->heard);
	client_deny(client, "usage", text);
	if (client->link != NULL) {
		link_read(client->link, false);
		link_close(client->link, FAREWELL_MS);
	}
}

const char *
admin_kind(enum err_kind kind)
{
	switch (kind) {
	case ERR_SYNTAX:
		return "syntax";
	case ERR_LIMIT:
		return "limit";
	case ERR_ABSENT:
		return "absent";
	case ERR_EXISTS:
		return "exists";
	case ERR_REFUSED:
		return "refused";
	case ERR_SYSTEM:
		return "system";
	case ERR_TIMEOUT:
		return "timeout";
	case ERR_DOWN:
		return "down";
	case ERR_NONE:
		break;
	}
	return "failed";
}

json_t *
admin_answer(json_t *result)
{
	json_t *faults = json_object_get(result, "faults");
	json_t *answer;

	if (faults == NULL)
		return json_pack("{s:b, s:o}", "ok", 1, "result", result ? result : json_object());
	answer = json_pack("{s:b, s:s, s:s, s:O}", "ok", 0, "kind", "refused", "error",
			   "there are faults, and nothing was changed", "faults", faults);
	json_decref(result);
	return answer;
}

static void client_go_on(struct client *client);

static void
request_answered(struct call *call, json_t *result, const struct err *err)
{
	struct client *client = call->ctx;

	client->busy = false;
	if (err != NULL) {
		json_decref(result);
		client_deny(client, admin_kind(err->kind), err->text);
	} else {
		client_say(client, admin_answer(result));
	}
	free(call);
	if (client->link == NULL && !client->reading)
		client_free(client);
	else if (!client->reading)
		client_go_on(client);
}

bool
admin_understand(struct call *call, const char *line, size_t length, struct text *because)
{
	json_error_t why;
	json_t *request = json_loadb(line, length, JSON_REJECT_DUPLICATES, &why);
	json_t *words = json_object_get(request, "command");
	json_t *given = json_object_get(request, "arguments");
	const char *noun = json_string_value(json_array_get(words, 0));
	const char *verb = json_string_value(json_array_get(words, 1));
	json_t *none = json_object();
	bool good = false;
	struct err err;

	if (request == NULL) {
		text_addf(because, "this is not JSON: %s", why.text);
	} else if (noun == NULL || json_array_size(words) > 2 ||
		   (json_array_size(words) == 2 && verb == NULL)) {
		text_add(because,
			 "a request says {\"command\": [\"noun\", \"verb\"], \"arguments\": {}}");
	} else if (given != NULL && !json_is_object(given)) {
		text_add(because, "\"arguments\" is an object");
	} else if ((call->command = command_find(noun, verb)) == NULL) {
		commands_explain_unknown(because, noun, verb);
	} else if ((call->command->flags & (COMMAND_LOCAL | COMMAND_TALKS)) != 0) {
		text_addf(because, "\"%s\" is a command of the tool, not of the server", noun);
	} else if ((call->command->flags & COMMAND_ALONE) != 0) {
		text_addf(because, "\"%s %s\" is for when no server runs", noun, verb);
	} else if (!call_read(call, given ? given : none, &err)) {
		text_add(because, err.text);
		json_decref(call->arguments);
		call->arguments = NULL;
	} else {
		good = true;
	}
	json_decref(none);
	json_decref(request);
	return good;
}

static void
request_read(struct client *client, const char *line, size_t length)
{
	struct call *call = zalloc(sizeof *call);
	struct text because = { 0 };

	call->answered = request_answered;
	call->ctx = client;
	if (!admin_understand(call, line, length, &because)) {
		client_deny(client, "usage", because.bytes);
		text_clear(&because);
		free(call);
		return;
	}
	/* What the tool asks for in pieces is one command to its user. */
	if ((call->command->flags & COMMAND_HIDDEN) != 0)
		log_debug(&admin.log, "command %s %s", call->command->noun, call->command->verb);
	else
		log_info(&admin.log, "command %s%s%s", call->command->noun,
			 call->command->verb ? " " : "",
			 call->command->verb ? call->command->verb : "");
	client->busy = true;
	command_run(call);
}

static void
client_go_on(struct client *client)
{
	client->reading = true;
	while (!client->busy && !client->refused && client->link != NULL) {
		char *end = client->heard.length > 0
				    ? memchr(client->heard.bytes, '\n', client->heard.length)
				    : NULL;
		size_t length;

		if (end == NULL)
			break;
		length = (size_t)(end - client->heard.bytes);
		if (length > 0)
			request_read(client, client->heard.bytes, length);
		if (client->refused)
			break;
		client->heard.length -= length + 1;
		memmove(client->heard.bytes, end + 1, client->heard.length + 1);
	}
	client->reading = false;

	if (client->link == NULL) {
		if (!client->busy)
			client_free(client);
		return;
	}
	if (!client->refused)
		link_read(client->link, !client->busy);
}

static void
client_heard(void *owner, const char *bytes, size_t length)
{
	struct client *client = owner;
	size_t most = (size_t)settings_admin(server.conf)->request_max;

	if (client->refused)
		return;
	text_add_bytes(&client->heard, bytes, length);
	if (!client->busy)
		client_go_on(client);
	if (!client->refused && client->heard.length > most &&
	    memchr(client->heard.bytes, '\n', client->heard.length) == NULL)
		client_refuse(client, "the request is longer than admin.request_max allows");
}

static void
client_secured(void *owner)
{
	(void)owner;
}

static void
client_emptied(void *owner)
{
	(void)owner;
}

static void
client_ended(void *owner, enum link_end how, const char *why)
{
	struct client *client = owner;

	(void)how;
	(void)why;
	client->link = NULL;
	if (!client->busy && !client->reading)
		client_free(client);
}

static const struct link_owner functions = {
	.heard = client_heard,
	.secured = client_secured,
	.emptied = client_emptied,
	.ended = client_ended,
};

static bool
peer_may(int fd)
{
	struct ucred who;
	socklen_t length = sizeof who;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) != 0)
		return false;
	return who.uid == 0 || who.uid == geteuid();
}

static void
admin_accepted(void *arg, int fd)
{
	struct client *client;

	(void)arg;
	if (!peer_may(fd)) {
		log_warn(&admin.log, "somebody else's process was turned away");
		close(fd);
		return;
	}
	client = zalloc(sizeof *client);
	list_append(&admin.clients, &client->place);
	admin.count++;
	client->link = link_new(fd, &functions, client);
	link_set_limits(client->link, UNSENT_MAX, STALLED_MS);
	if (admin.count > (unsigned)settings_admin(server.conf)->clients_max)
		client_refuse(client, "too many tools are connected (admin.clients_max)");
	else
		link_read(client->link, true);
}

bool
admin_open(struct err *err)
{
	char *path = admin_path(server.data, &admin.folder, err);

	if (path == NULL)
		return false;
	admin.log = (struct log_scope) { .parent = &log_root, .describe = admin_describe };
	list_init(&admin.clients);
	admin.listener = listener_new_unix(path, admin_accepted, NULL, err);
	free(path);
	if (admin.listener == NULL) {
		close(admin.folder);
		return err_add(err, "admin socket");
	}
	listener_start(admin.listener);
	return true;
}

void
admin_close(void)
{
	if (admin.listener == NULL)
		return;
	listener_stop(admin.listener);
	if (unlinkat(admin.folder, "admin.sock", 0) != 0 && errno != ENOENT)
		log_warn(&admin.log, "could not remove the socket: %s", strerror(errno));
}

void
admin_end(void)
{
	struct client *client;

	if (admin.listener == NULL)
		return;
	listener_free(&admin.listener);
	close(admin.folder);
	LIST_EACH (&admin.clients, client, struct client, place) {
		if (client->link != NULL)
			link_abort(client->link, "the server stops");
		client->link = NULL;
	}
}
