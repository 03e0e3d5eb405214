/* SPDX-License-Identifier: MIT */
/*
 * A client on libstrophe that does what it is told, a command a line:
 *
 *	strophe_chat HOST PORT JID CAFILE starttls|direct	(the password in $PASSWORD)
 *
 *	say JID TEXT	sends a message
 *	add JID NAME	puts a contact into the roster
 *	roster		asks for the roster
 *	leave		says goodbye
 *
 * It prints "online JID", "heard FROM TEXT", "late FROM TEXT" (it was said before), "contact JID
 * NAME" (the roster, or a push), "done ID", "offline", a line each.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <strophe.h>

struct chat {
	xmpp_ctx_t *ctx;
	xmpp_conn_t *conn;
	char line[4096];
	size_t length;
	bool online;
	bool over;
};

static void
say(const char *what, const char *who, const char *text)
{
	printf("%s%s%s%s%s\n", what, who ? " " : "", who ? who : "", text ? " " : "",
	       text ? text : "");
	fflush(stdout);
}

static int
hear_message(xmpp_conn_t *conn, xmpp_stanza_t *stanza, void *arg)
{
	struct chat *chat = arg;
	char *body = xmpp_message_get_body(stanza);
	bool late = xmpp_stanza_get_child_by_ns(stanza, "urn:xmpp:delay") != NULL;

	(void)conn;
	if (body != NULL)
		say(late ? "late" : "heard", xmpp_stanza_get_from(stanza), body);
	if (body != NULL)
		xmpp_free(chat->ctx, body);
	return 1;
}

static int
hear_iq(xmpp_conn_t *conn, xmpp_stanza_t *stanza, void *arg)
{
	struct chat *chat = arg;
	const char *type = xmpp_stanza_get_type(stanza);
	xmpp_stanza_t *query = xmpp_stanza_get_child_by_ns(stanza, XMPP_NS_ROSTER);
	xmpp_stanza_t *item = query ? xmpp_stanza_get_children(query) : NULL;

	if (type == NULL)
		return 1;
	for (; item != NULL; item = xmpp_stanza_get_next(item))
		say("contact", xmpp_stanza_get_attribute(item, "jid"),
		    xmpp_stanza_get_attribute(item, "name"));
	if (strcmp(type, "result") == 0) {
		say("done", xmpp_stanza_get_id(stanza), NULL);
	} else if (strcmp(type, "error") == 0) {
		say("error", xmpp_stanza_get_id(stanza), NULL);
	} else if (query != NULL || xmpp_stanza_get_child_by_ns(stanza, "urn:xmpp:ping") != NULL) {
		/* xmpp_stanza_reply() wants a sender, and our own server names none. */
		xmpp_stanza_t *answer =
			xmpp_iq_new(chat->ctx, "result", xmpp_stanza_get_id(stanza));

		if (xmpp_stanza_get_from(stanza) != NULL)
			xmpp_stanza_set_to(answer, xmpp_stanza_get_from(stanza));
		xmpp_send(conn, answer);
		xmpp_stanza_release(answer);
	}
	return 1;
}

static void
connected(xmpp_conn_t *conn, xmpp_conn_event_t event, int error, xmpp_stream_error_t *stream_error,
	  void *arg)
{
	struct chat *chat = arg;
	xmpp_stanza_t *presence;

	(void)error;
	(void)stream_error;
	if (event != XMPP_CONN_CONNECT) {
		chat->over = true;
		return;
	}
	if (!xmpp_conn_is_secured(conn)) {
		say("insecure", NULL, NULL);
		chat->over = true;
		return;
	}
	xmpp_handler_add(conn, hear_message, NULL, "message", NULL, chat);
	xmpp_handler_add(conn, hear_iq, NULL, "iq", NULL, chat);
	presence = xmpp_presence_new(chat->ctx);
	xmpp_send(conn, presence);
	xmpp_stanza_release(presence);
	chat->online = true;
	say("online", xmpp_conn_get_bound_jid(conn), NULL);
}

static void
ask_roster(struct chat *chat, const char *type, const char *id, const char *jid, const char *name)
{
	xmpp_stanza_t *iq = xmpp_iq_new(chat->ctx, type, id);
	xmpp_stanza_t *query = xmpp_stanza_new(chat->ctx);

	xmpp_stanza_set_name(query, "query");
	xmpp_stanza_set_ns(query, XMPP_NS_ROSTER);
	if (jid != NULL) {
		xmpp_stanza_t *item = xmpp_stanza_new(chat->ctx);

		xmpp_stanza_set_name(item, "item");
		xmpp_stanza_set_attribute(item, "jid", jid);
		xmpp_stanza_set_attribute(item, "name", name);
		xmpp_stanza_add_child(query, item);
		xmpp_stanza_release(item);
	}
	xmpp_stanza_add_child(iq, query);
	xmpp_stanza_release(query);
	xmpp_send(chat->conn, iq);
	xmpp_stanza_release(iq);
}

static void
obey(struct chat *chat, char *line)
{
	char *verb = strtok(line, " ");
	char *jid = strtok(NULL, " ");
	char *rest = strtok(NULL, "");

	if (verb == NULL)
		return;
	if (strcmp(verb, "say") == 0 && rest != NULL) {
		xmpp_stanza_t *message = xmpp_message_new(chat->ctx, "chat", jid, NULL);

		xmpp_message_set_body(message, rest);
		xmpp_send(chat->conn, message);
		xmpp_stanza_release(message);
	} else if (strcmp(verb, "add") == 0 && rest != NULL) {
		ask_roster(chat, "set", "add", jid, rest);
	} else if (strcmp(verb, "roster") == 0) {
		ask_roster(chat, "get", "roster", NULL, NULL);
	} else if (strcmp(verb, "leave") == 0) {
		xmpp_disconnect(chat->conn);
	} else {
		say("what?", verb, NULL);
	}
}

/* Commands that have come, without waiting for more. */
static void
listen_to_master(struct chat *chat)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char *end;

	if (poll(&input, 1, 0) == 1) {
		ssize_t got = read(STDIN_FILENO, chat->line + chat->length,
				   sizeof(chat->line) - 1 - chat->length);

		if (got <= 0) {
			chat->over = true;
			return;
		}
		chat->length += (size_t)got;
	}
	chat->line[chat->length] = '\0';
	while ((end = strchr(chat->line, '\n')) != NULL) {
		size_t used = (size_t)(end + 1 - chat->line);

		*end = '\0';
		obey(chat, chat->line);
		memmove(chat->line, chat->line + used, chat->length - used + 1);
		chat->length -= used;
	}
}

int
main(int argc, char **argv)
{
	struct chat chat = { .over = false };
	long flags = XMPP_CONN_FLAG_MANDATORY_TLS;

	if (argc != 6 || getenv("PASSWORD") == NULL) {
		fprintf(stderr, "usage: strophe_chat HOST PORT JID CAFILE starttls|direct\n");
		return 2;
	}
	if (strcmp(argv[5], "direct") == 0)
		flags = XMPP_CONN_FLAG_LEGACY_SSL;
	xmpp_initialize();
	chat.ctx = xmpp_ctx_new(NULL, xmpp_get_default_logger(XMPP_LEVEL_WARN));
	chat.conn = xmpp_conn_new(chat.ctx);
	xmpp_conn_set_jid(chat.conn, argv[3]);
	xmpp_conn_set_pass(chat.conn, getenv("PASSWORD"));
	xmpp_conn_set_flags(chat.conn, flags);
	xmpp_conn_set_cafile(chat.conn, argv[4]);
	if (xmpp_connect_client(chat.conn, argv[1], (unsigned short)atoi(argv[2]), connected,
				&chat) != XMPP_EOK) {
		fprintf(stderr, "strophe_chat: no connection\n");
		return 1;
	}
	while (!chat.over) {
		xmpp_run_once(chat.ctx, 20);
		if (chat.online && !chat.over)
			listen_to_master(&chat);
	}
	say("offline", NULL, NULL);
	xmpp_conn_release(chat.conn);
	xmpp_ctx_free(chat.ctx);
	xmpp_shutdown();
	return chat.online ? 0 : 1;
}
