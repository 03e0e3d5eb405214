/* SPDX-License-Identifier: MIT */
/*
 * A stream's way, in the order it happens:
 *
 *	stream_start		a socket was accepted
 *	link_heard, feed	bytes; a parser makes a header and elements of them
 *	parser_header		our header goes out, then the kind's features
 *	parser_element		the kind hears it
 *	stream_close		somebody has had enough, or the peer said its end tag
 *	work			at the end of a turn: go on reading, or go on closing
 *	goodbye			what was owed has left: the last words
 *	link_ended		the link is gone, one way or the other
 */
#include "stream/stream.h"

#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "core/domain.h"
#include "net/link.h"
#include "net/listener.h"
#include "stream/internal.h"
#include "xml/writer.h"
#include "xmpp/jid.h"
#include "xmpp/ns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE_MS SECONDS(5) /* for the peer to end its side after our goodbye */

struct leftover {
	size_t start, end;
	char bytes[];
};

/* Where each state may lead. */
static const struct {
	unsigned from, to;
} roads[] = {
	{ OPENED, SECURING | PROVING | CHECKING | DRAINING | CLOSED },
	{ SECURING, SECURED | CLOSED },
	{ SECURED, PROVING | CHECKING | DRAINING | CLOSED },
	{ PROVING, OPENED | SECURED | CHECKING | ADMITTED | DRAINING | CLOSED },
	{ CHECKING, OPENED | SECURED | PROVING | ADMITTED | DRAINING | CLOSED },
	{ ADMITTED, BINDING | BOUND | DRAINING | CLOSED },
	{ BINDING, ADMITTED | BOUND | DRAINING | CLOSED },
	{ BOUND, DRAINING | CLOSED },
	{ DRAINING, CLOSED },
};

/* While one of these, the peer is heard. */
#define HEARING (OPENED | SECURED | PROVING | ADMITTED | BOUND)
/* While one of these, the peer must hurry. */
#define UNBOUND (OPENED | SECURING | SECURED | PROVING | CHECKING | ADMITTED | BINDING)

static void feed(struct stream *stream);
static void work(void *arg);
static void look(struct stream *stream);
static void set_reading(struct stream *stream, bool on);
static void finished(struct stream *stream);
static void unfinished(struct stream *stream);
static void secure(struct stream *stream);
static void goodbye(struct stream *stream);
static void depart(struct stream *stream);
static void time_up(void *arg);
static void say_header(struct stream *stream, const struct element *theirs);
static void arrived(void *arg);

/* --- states --- */

static const char *const state_names[] = {
	"OPENED",   "SECURING", "SECURED", "PROVING",  "CHECKING",
	"ADMITTED", "BINDING",  "BOUND",   "DRAINING", "CLOSED",
};

const char *
stream_state_name(enum stream_state state)
{
	for (unsigned i = 0; i < COUNT(state_names); i++)
		if (1U << i == (unsigned)state)
			return state_names[i];
	must(!"a state");
}

bool
stream_has_road(enum stream_state from, enum stream_state to)
{
	for (size_t i = 0; i < COUNT(roads); i++)
		if (roads[i].from == (unsigned)from && (roads[i].to & (unsigned)to) != 0)
			return true;
	return false;
}

void
stream_enter(struct stream *stream, enum stream_state next)
{
	must(stream_has_road(stream->state, next));
	log_debug(&stream->log, "%s -> %s", stream_state_name(stream->state),
		  stream_state_name(next));
	stream_here()->bound += (next == BOUND) - (unsigned)(stream->state == BOUND);
	stream->state = next;
	if (next == ADMITTED)
		stream_more_time(stream);
	if (next == BOUND) {
		const struct stream_settings *settings = stream_settings();

		timer_stop(&stream->timer);
		if (settings->keepalive > 0)
			timer_start(&stream->timer, settings->keepalive, time_up, stream);
	}
}

bool
stream_is_open(const struct stream *stream)
{
	return stream->link != NULL && (stream->state & (DRAINING | CLOSED)) == 0;
}

/* Whether the peer may be heard now. */
static bool
may_hear(const struct stream *stream)
{
	return stream->link != NULL && (stream->state & HEARING) != 0 &&
	       stream->destination == NULL && stream->kind->is_ready(stream);
}

/* --- making and unmaking --- */

static void
describe(const struct log_scope *scope, char *out, size_t room)
{
	const struct stream *stream = CONTAINER(scope, struct stream, log);
	char more[512] = "";

	stream->kind->describe(stream, more, sizeof more);
	(void)snprintf(out, room, "%s[%u]%s%s", stream->kind->name, stream->number,
		       more[0] ? " " : "", more);
}

static void
outbox_emptied(struct outbox *outbox)
{
	struct stream *stream = CONTAINER(outbox, struct stream, outbox);

	if (stream->state == DRAINING)
		stream_wake(stream);
}

static void
join_shard(struct stream *stream)
{
	struct stream_here *here = stream_here();

	list_append(&here->streams, &stream->place);
	here->count++;
}

static void
leave_shard(struct stream *stream)
{
	if (!list_has(&stream->place))
		return;
	list_remove(&stream->place);
	stream_here()->count--;
}

static void
set_limits(struct stream *stream)
{
	const struct stream_settings *settings = stream_settings();

	link_set_limits(stream->link, (size_t)settings->unsent, settings->stalled);
	link_set_rate(stream->link, (uint32_t)settings->rate, (uint32_t)settings->burst);
}

void
stream_start(struct stream *stream, const struct stream_kind *kind, int fd, bool direct)
{
	struct stream_here *here = stream_here();

	stream->kind = kind;
	stream->number = here->accepted++ * shard_count() + shard_index(shard_here());
	stream->log = (struct log_scope) { .parent = &log_root, .describe = describe };
	stream->state = OPENED;
	stream->holds = 1; /* the link's */
	stream->direct = direct;
	stream->counted = true;
	stream->link = link_new(fd, &stream_link_owner, stream);
	outbox_init(&stream->outbox, stream->link, outbox_emptied);
	set_limits(stream);
	join_shard(stream);
	stream_more_time(stream);
	if (direct)
		stream_enter(stream, SECURING);
	if (here->leaving)
		streams_end(stream);
	look(stream);
}

void
stream_more_time(struct stream *stream)
{
	timer_start(&stream->timer, stream_settings()->login_time, time_up, stream);
}

struct stream *
stream_hold(struct stream *stream)
{
	must(stream->holds > 0);
	stream->holds++;
	return stream;
}

void
stream_drop(struct stream *stream)
{
	must(stream->holds > 0);
	if (--stream->holds > 0)
		return;
	must(stream->link == NULL && stream->parser == NULL);
	shard_not_at_turn_end(&stream->post);
	timer_stop(&stream->timer);
	outbox_clear(&stream->outbox);
	if (stream->root != NULL)
		parser_root_drop(stream->root);
	free(stream->leftover);
	free(stream->lang);
	free(stream->last_words);
	free(stream->last_detail);
	stream->kind->freed(stream);
}

/* --- saying --- */

static void
say_wire(struct stream *stream, struct wire *wire)
{
	stream->active = true;
	outbox_say(&stream->outbox, (struct parcel) { .head = wire });
}

void
stream_say_text(struct stream *stream, const char *bytes, size_t length)
{
	say_wire(stream, wire_new(bytes, length));
}

void
stream_say(struct stream *stream, const struct element *element)
{
	say_wire(stream, xml_wire(element, stream->kind->ns));
}

void
stream_interject(struct stream *stream, const struct element *element)
{
	stream->active = true;
	if (stream->link != NULL)
		link_say(stream->link, xml_wire(element, stream->kind->ns));
}

void
stream_say_features(struct stream *stream, const struct element *features)
{
	struct text text = { 0 };

	text_add(&text, "<stream:features>");
	ELEMENT_EACH (features, child)
		xml_write(&text, child, stream->kind->ns);
	text_add(&text, "</stream:features>");
	stream_say_text(stream, text.bytes, text.length);
	text_clear(&text);
}

static void
add_attribute(struct text *text, const char *name, const char *value)
{
	text_addf(text, " %s='", name);
	xml_escape(text, value, strlen(value));
	text_add(text, "'");
}

/* Our header; `theirs` is NULL when the peer's did not come or could not be read. */
static void
say_header(struct stream *stream, const struct element *theirs)
{
	const char *from = theirs != NULL ? element_get(theirs, "from") : NULL;
	struct domain *first = domain_next(NULL);
	struct text text = { 0 };
	char id[27];

	random_name(id, sizeof id - 1); /* 130 bits (RFC 6120 §4.7.3) */
	text_addf(&text, "<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='%s'",
		  stream->kind->ns, NS_STREAMS);
	add_attribute(&text, "id", id);
	if (stream->domain != NULL)
		add_attribute(&text, "from", stream->domain->name);
	else if (first != NULL)
		add_attribute(&text, "from", first->name);
	if (from != NULL) {
		struct arena *arena = arena_new();
		struct jid jid;

		if (jid_parse(&jid, arena, from, NULL))
			add_attribute(&text, "to", jid.bare); /* §4.7.2 */
		arena_drop(arena);
	}
	/* §4.7.5: who says no version is of the time before there was one. */
	if (theirs == NULL || element_get(theirs, "version") != NULL)
		text_add(&text, " version='1.0'");
	text_add(&text, " xml:lang='en'>");
	stream_say_text(stream, text.bytes, text.length);
	text_clear(&text);
	stream->spoke = true;
}

/* --- hearing: from bytes to elements --- */

/* RFC 6120 §4.7.5: without a version, it is the protocol before it. */
static bool
is_version_one(const char *version)
{
	char *end;
	long major;

	if (version == NULL || version[0] < '0' || version[0] > '9')
		return false;
	major = strtol(version, &end, 10);
	return major >= 1 && *end == '.' && end[1] >= '0' && end[1] <= '9';
}

/* The domain that a header names; NULL: none of ours.  RFC 6120 §4.7.2 wants patience with
 * who names none: where there is but one, that is meant. */
static struct domain *
domain_named(const struct stream *stream, const char *name)
{
	struct domain *domain = domain_next(NULL);
	struct arena *arena;
	const char *prepared;

	/* §5.4.3.3: what was said in the clear is forgotten. */
	if (name == NULL && (stream->state & (ADMITTED | BOUND)) != 0)
		return stream->domain;
	if (name == NULL)
		return domain != NULL && domain_next(domain) == NULL ? domain : NULL;
	arena = arena_new();
	prepared = jid_prepare_domain(arena, name, NULL);
	domain = prepared != NULL ? domain_find(prepared) : NULL;
	arena_drop(arena);
	return domain;
}

static void
remember_lang(struct stream *stream, const struct element *header)
{
	const char *lang = element_get_ns(header, NS_XML, "lang");

	free(stream->lang);
	stream->lang = NULL;
	/* RFC 5646 §4.4.1: nobody needs more than 35. */
	if (lang != NULL && lang[0] != '\0' && strlen(lang) <= 35)
		stream->lang = copy_text(lang);
}

static bool
parser_header(void *listener, struct element *header, struct arena *arena)
{
	struct stream *stream = listener;
	const char *to = element_get(header, "to");
	struct domain *domain = domain_named(stream, to);
	bool changed = domain != NULL && (stream->state & (ADMITTED | BOUND)) != 0 &&
		       domain != stream->domain;
	bool refused = true;

	(void)arena;
	if (domain != NULL && !changed) {
		stream->domain = domain;
		stream->log.parent = &domain->log;
	}
	remember_lang(stream, header);
	/* RFC 6120 §4.9.1.2: an error comes behind a header of ours in any case. */
	say_header(stream, header);
	stream->root = parser_root(stream->parser);

	if (header->ns == NULL || strcmp(header->ns, NS_STREAMS) != 0)
		stream_close(stream, STREAM_INVALID_NAMESPACE,
			     "the root's namespace must be that of streams");
	else if (strcmp(header->name, "stream") != 0)
		stream_close(stream, STREAM_BAD_FORMAT, "the root must be <stream/>");
	else if (strcmp(parser_root_ns(stream->root), stream->kind->ns) != 0)
		stream_close(stream, STREAM_INVALID_NAMESPACE,
			     "the default namespace must be that of stanzas");
	else if (domain == NULL)
		stream_close(stream, STREAM_HOST_UNKNOWN,
			     to == NULL ? "the header must say 'to' whom"
					: "that is none of our domains");
	else if (changed)
		stream_close(stream, STREAM_HOST_UNKNOWN,
			     "'to' must stay what it was before the login");
	else if (!is_version_one(element_get(header, "version")))
		stream_close(stream, STREAM_UNSUPPORTED_VERSION, "this is version 1.0");
	else
		refused = false;

	if (refused || !stream->kind->opened(stream, header) || !may_hear(stream))
		stream->stopped = true;
	return !stream->stopped;
}

static void
add_lang(struct stream *stream, struct element *element, struct arena *arena)
{
	/* RFC 6120 §8.1.5: the stream's language is its stanzas' language. */
	if (stream->lang != NULL && element->ns != NULL &&
	    strcmp(element->ns, stream->kind->ns) == 0 &&
	    element_get_ns(element, NS_XML, "lang") == NULL)
		element_set_ns(arena, element, NS_XML, "lang", stream->lang);
}

static bool
parser_element(void *listener, struct element *element, struct arena *arena)
{
	struct stream *stream = listener;

	finished(stream);
	add_lang(stream, element, arena);
	stream->kind->heard(stream, element, arena);
	if (stream->restarting || !may_hear(stream))
		stream->stopped = true;
	return !stream->stopped;
}

static void
parser_footer(void *listener)
{
	struct stream *stream = listener;

	stream->heard_end = true;
	stream->stopped = true;
	stream_close(stream, STREAM_NONE, NULL);
}

static void
parser_fault(void *listener, enum parser_fault fault, const char *why)
{
	static const enum stream_condition conditions[] = {
		[PARSER_NOT_WELL_FORMED] = STREAM_NOT_WELL_FORMED,
		[PARSER_RESTRICTED] = STREAM_RESTRICTED_XML,
		[PARSER_ENCODING] = STREAM_UNSUPPORTED_ENCODING,
		[PARSER_XML_VERSION] = STREAM_NOT_WELL_FORMED,
		[PARSER_TOO_BIG] = STREAM_POLICY_VIOLATION,
		[PARSER_NAMESPACE] = STREAM_NOT_WELL_FORMED, /* RFC 6120 §11.3 */
		[PARSER_TEXT_IN_STREAM] = STREAM_NOT_WELL_FORMED,
	};
	struct stream *stream = listener;

	stream->stopped = true;
	stream_close(stream, conditions[fault], why);
}

static const struct parser_listener parser_listener = {
	.header = parser_header,
	.element = parser_element,
	.footer = parser_footer,
	.fault = parser_fault,
};

static struct parser *
find_parser(struct stream *stream)
{
	const struct stream_settings *settings = stream_settings();
	struct parser_limits limits = {
		.bytes = (uint32_t)settings->stanza_bytes,
		.depth = (uint16_t)settings->depth,
		.attributes = (uint16_t)settings->attributes,
		.elements = (uint16_t)settings->elements,
		.namespaces = (uint16_t)settings->namespaces,
	};

	if (stream->root == NULL)
		return parser_new(&parser_listener, stream, &limits);
	return parser_borrow(stream->root, &parser_listener, stream, &limits);
}

/* Nothing is begun that is not complete. */
static void
finished(struct stream *stream)
{
	if (stream->unfinished_since == 0)
		return;
	stream->unfinished_since = 0;
	stream_here()->unfinished--;
}

/* The turn is over, and there is half an element or a header: it keeps a parser. */
static void
unfinished(struct stream *stream)
{
	const struct stream_settings *settings = stream_settings();

	stream->unfinished_since = now_ms();
	if (++stream_here()->unfinished > settings->unfinished_most)
		stream_close(stream, STREAM_RESOURCE_CONSTRAINT,
			     "too many clients are in the middle of a stanza");
	else if (stream->state == BOUND)
		timer_start(&stream->timer, settings->unfinished, time_up, stream);
}

static void
return_parser(struct stream *stream)
{
	if (stream->parser != NULL)
		parser_return(stream->parser);
	stream->parser = NULL;
	stream->stopped = false;
	finished(stream);
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Parses what may be heard of `bytes`; returns how many were taken. */
static size_t
parse(struct stream *stream, const char *bytes, size_t length)
{
	size_t taken = 0;

	while (taken < length && may_hear(stream)) {
		/* Between elements white space says nothing but "I am here"; before a
		 * restarted header it would be a fault, and comes from clients that put a
		 * line end behind their <auth/>. */
		if (stream->parser == NULL && is_space(bytes[taken])) {
			taken++;
			continue;
		}
		if (stream->parser == NULL)
			stream->parser = find_parser(stream);
		stream->feeding = true;
		taken += parser_feed(stream->parser, bytes + taken, length - taken);
		stream->feeding = false;
		if (stream->stopped)
			return_parser(stream);
		if (stream->restarting)
			stream_restart(stream);
	}
	if (stream->parser != NULL && stream->root != NULL && parser_is_idle(stream->parser))
		return_parser(stream);
	return taken;
}

/* Keeps bytes that cannot be heard now, behind those that are kept already. */
static void
keep(struct stream *stream, const char *bytes, size_t length)
{
	struct leftover *leftover = stream->leftover;
	size_t start = leftover != NULL ? leftover->start : 0;
	size_t end = leftover != NULL ? leftover->end : 0;

	leftover = resize(leftover, sizeof *leftover + end + length);
	memcpy(leftover->bytes + end, bytes, length);
	leftover->start = start;
	leftover->end = end + length;
	stream->leftover = leftover;
}

/* Parses what was kept. */
static void
feed(struct stream *stream)
{
	struct leftover *leftover = stream->leftover;

	/* What is heard may close the stream, and closing drops what is kept. */
	stream->leftover = NULL;
	leftover->start +=
		parse(stream, leftover->bytes + leftover->start, leftover->end - leftover->start);
	if (leftover->start < leftover->end && stream_is_open(stream))
		stream->leftover = leftover;
	else
		free(leftover);
}

static void
link_heard(void *owner, const char *bytes, size_t length)
{
	struct stream *stream = owner;
	size_t taken;

	if (!stream_is_open(stream))
		return;
	stream_hold(stream);
	stream->active = true;
	if ((stream->state & (OPENED | SECURED | PROVING | CHECKING)) != 0) {
		stream->early_bytes += (uint32_t)length;
		if (stream->early_bytes > stream_settings()->login_bytes)
			stream_close(stream, STREAM_POLICY_VIOLATION,
				     "too many bytes before a login");
	}
	if (stream->leftover != NULL) {
		keep(stream, bytes, length);
		feed(stream);
	} else {
		taken = parse(stream, bytes, length);
		if (taken < length && stream_is_open(stream))
			keep(stream, bytes + taken, length - taken);
	}
	look(stream);
	stream_drop(stream);
}

void
stream_restart(struct stream *stream)
{
	if (stream->feeding) { /* not under the parser's feet */
		stream->restarting = true;
		return;
	}
	stream->restarting = false;
	return_parser(stream);
	if (stream->root != NULL)
		parser_root_drop(stream->root);
	stream->root = NULL;
	stream->spoke = false;
}

/* --- what the next thing is --- */

void
stream_wake(struct stream *stream)
{
	if (stream->waking)
		return;
	stream->waking = true;
	shard_at_turn_end(&stream->post, work, stream);
}

static void
work(void *arg)
{
	struct stream *stream = stream_hold(arg);
	bool leaves;

	stream->waking = false;
	stream->kind->woken(stream);
	if (stream->leftover != NULL && may_hear(stream))
		feed(stream);
	look(stream);
	leaves = stream->destination != NULL && stream_is_open(stream);
	stream_drop(stream);
	if (leaves) /* then its link still holds it */
		depart(stream);
}

/* Reads on, or not; goes on closing. */
static void
look(struct stream *stream)
{
	bool hear = may_hear(stream);

	if (stream->link == NULL)
		return;
	if (stream->state == DRAINING && outbox_is_empty(&stream->outbox) &&
	    (!stream->waits_settled || stream->kind->is_settled(stream))) {
		goodbye(stream);
		return;
	}
	if (hear && stream->leftover != NULL)
		stream_wake(stream);
	set_reading(stream, hear && stream->leftover == NULL);
	if (stream->state == SECURING)
		secure(stream);
	if (stream->parser != NULL && stream->unfinished_since == 0)
		unfinished(stream);
}

static void
set_reading(struct stream *stream, bool on)
{
	if (on == stream->reading)
		return;
	stream->reading = on;
	link_read(stream->link, on);
}

static void
time_up(void *arg)
{
	struct stream *stream = arg;

	if (stream->state == SECURING) {
		stream_abort(stream, "no TLS handshake in time");
	} else if ((stream->state & UNBOUND) != 0) {
		stream_close(stream, STREAM_CONNECTION_TIMEOUT, "no login in time");
	} else if (stream->state == DRAINING) {
		log_debug(&stream->log, "closes with something still open");
		goodbye(stream);
	} else if (stream->state == BOUND && stream->unfinished_since != 0) {
		int64_t left = stream->unfinished_since + stream_settings()->unfinished - now_ms();

		if (left > 0)
			timer_start(&stream->timer, left, time_up, stream);
		else
			stream_close(stream, STREAM_POLICY_VIOLATION,
				     "a stanza was not finished in time");
	} else if (stream->state == BOUND && stream_settings()->keepalive > 0) {
		if (!stream->active)
			stream_say_text(stream, " ", 1);
		stream->active = false;
		timer_start(&stream->timer, stream_settings()->keepalive, time_up, stream);
	}
}

/* --- TLS --- */

void
stream_secure(struct stream *stream)
{
	stream_enter(stream, SECURING);
	stream_restart(stream);
	stream_wake(stream);
}

/* White space behind an element is no harm; some clients end their lines. */
static bool
is_white(const struct leftover *leftover)
{
	for (size_t i = leftover->start; i < leftover->end; i++)
		if (strchr(" \t\r\n", leftover->bytes[i]) == NULL || leftover->bytes[i] == '\0')
			return false;
	return true;
}

static void
secure(struct stream *stream)
{
	if (stream->leftover != NULL && is_white(stream->leftover)) {
		free(stream->leftover);
		stream->leftover = NULL;
	}
	if (stream->leftover != NULL) {
		/* Somebody between us and the client may have written that. */
		stream_abort(stream, "bytes in the clear behind <starttls/>");
	} else if (!stream->shaking) {
		stream->shaking = true;
		link_start_tls(stream->link, stream_tls(), stream->direct,
			       stream->domain != NULL ? stream->domain->name : NULL);
	}
}

static void
link_secured(void *owner)
{
	struct stream *stream = owner;
	struct link_tls_info info;

	if (stream->state != SECURING)
		return;
	stream->secured = true;
	link_tls_info(stream->link, &info);
	log_debug(&stream->log, "%s %s%s", info.version, info.cipher,
		  info.resumed ? ", resumed" : "");
	stream_enter(stream, SECURED);
	stream_wake(stream);
}

/* --- ending --- */

void
stream_close(struct stream *stream, enum stream_condition condition, const char *text)
{
	stream_close_with(stream, condition, text, NULL);
}

void
stream_close_with(struct stream *stream, enum stream_condition condition, const char *text,
		  const struct element *detail)
{
	if (!stream_is_open(stream))
		return;
	if (condition != STREAM_NONE)
		log_debug(&stream->log, "closing: %s%s%s", stream_condition_name(condition),
			  text != NULL ? ": " : "", text != NULL ? text : "");
	if (stream->state == SECURING) { /* nothing can be said in the middle of a handshake */
		stream_abort(stream, text != NULL ? text : "closed during the TLS handshake");
		return;
	}
	stream->condition = condition;
	stream->last_words = copy_text(text);
	if (detail != NULL) {
		struct text more = { 0 };

		xml_write(&more, detail, stream->kind->ns);
		stream->last_detail = text_take(&more);
	}
	/* After a mistake of the client, what it wants to know is the mistake. */
	stream->waits_settled = condition == STREAM_NONE || condition == STREAM_SYSTEM_SHUTDOWN ||
				condition == STREAM_SEE_OTHER_HOST || condition == STREAM_RESET;
	stream_enter(stream, DRAINING);
	free(stream->leftover);
	stream->leftover = NULL;
	if (stream->feeding)
		stream->stopped = true;
	timer_start(&stream->timer, stream_settings()->drain, time_up, stream);
	stream_wake(stream);
}

static void
add_error(struct text *text, enum stream_condition condition, const char *words, const char *detail)
{
	const char *name = stream_condition_name(condition);

	text_addf(text, "<stream:error><%s xmlns='%s'", name, NS_STREAM_ERRORS);
	if (condition == STREAM_SEE_OTHER_HOST && words != NULL) {
		text_add(text, ">");
		xml_escape(text, words, strlen(words));
		text_addf(text, "</%s>", name);
	} else {
		text_add(text, "/>");
		if (words != NULL) {
			text_addf(text, "<text xmlns='%s' xml:lang='en'>", NS_STREAM_ERRORS);
			xml_escape(text, words, strlen(words));
			text_add(text, "</text>");
		}
	}
	if (detail != NULL) /* RFC 6120 §4.9.2: behind the condition and the text */
		text_add(text, detail);
	text_add(text, "</stream:error>");
}

static void
goodbye(struct stream *stream)
{
	struct text text = { 0 };

	must(stream->state == DRAINING);
	stream_hold(stream);
	stream->kind->ending(stream, false);
	outbox_clear(&stream->outbox);
	if (!stream->spoke)
		say_header(stream, NULL);
	if (stream->condition != STREAM_NONE)
		add_error(&text, stream->condition, stream->last_words, stream->last_detail);
	text_add(&text, "</stream:stream>");
	stream_say_text(stream, text.bytes, text.length);
	text_clear(&text);
	stream_enter(stream, CLOSED);
	timer_stop(&stream->timer);
	return_parser(stream);
	set_reading(stream, false);
	link_close(stream->link, CLOSE_MS);
	stream_drop(stream);
}

void
stream_abort(struct stream *stream, const char *why)
{
	if (stream->link == NULL || stream->state == CLOSED)
		return;
	log_debug(&stream->log, "closing: %s", why);
	stream->kind->ending(stream, true);
	stream_enter(stream, CLOSED);
	timer_stop(&stream->timer);
	if (stream->feeding)
		stream->stopped = true;
	else
		return_parser(stream);
	link_abort(stream->link, why);
}

static void
link_emptied(void *owner)
{
	(void)owner;
}

static void
link_ended(void *owner, enum link_end how, const char *why)
{
	struct stream *stream = owner;
	char peer[64];

	if (stream->counted)
		listener_gone(link_peer(stream->link, peer));
	stream->link = NULL;
	stream->outbox.link = NULL;
	leave_shard(stream);
	timer_stop(&stream->timer);
	return_parser(stream);
	if (stream->state != CLOSED) {
		log_debug(&stream->log, "the link is gone: %s%s", why != NULL ? why : "",
			  how == LINK_STALLED ? " (it took nothing)" : "");
		stream->kind->ending(stream, true);
		stream_enter(stream, CLOSED);
	}
	outbox_clear(&stream->outbox);
	stream_drop(stream);
}

const struct link_owner stream_link_owner = {
	.heard = link_heard,
	.secured = link_secured,
	.emptied = link_emptied,
	.ended = link_ended,
};

/* --- moving home --- */

struct passage {
	struct stream *stream;
	char domain[];
};

void
stream_move(struct stream *stream, struct shard *home)
{
	if (home == shard_here()) {
		stream->kind->arrived(stream);
		return;
	}
	stream->destination = home;
	stream_wake(stream);
}

static void
depart(struct stream *stream)
{
	size_t length = strlen(stream->domain->name) + 1;
	struct passage *passage = zalloc(sizeof *passage + length);
	struct shard *home = stream->destination;

	must(stream->holds == 1 && stream->parser == NULL && outbox_is_empty(&stream->outbox));
	passage->stream = stream;
	memcpy(passage->domain, stream->domain->name, length);
	stream->domain = NULL;
	stream->log.parent = &log_root;
	stream->reading = false;
	timer_stop(&stream->timer);
	shard_not_at_turn_end(&stream->post);
	stream->waking = false;
	leave_shard(stream);
	link_detach(stream->link);
	shard_post(home, &stream->post, arrived, passage);
}

static void
arrived(void *arg)
{
	struct passage *passage = arg;
	struct stream *stream = passage->stream;

	stream->destination = NULL;
	stream->domain = domain_find(passage->domain);
	free(passage);
	join_shard(stream);
	link_attach(stream->link, &stream_link_owner, stream);
	stream_more_time(stream);
	if (stream->domain == NULL) {
		stream_close(stream, STREAM_HOST_GONE, "this domain is no longer served");
		return;
	}
	stream->log.parent = &stream->domain->log;
	stream->kind->arrived(stream);
	if (stream_here()->leaving)
		streams_end(stream);
	stream_wake(stream);
}

/* --- asking --- */

const char *
stream_peer(const struct stream *stream, char out[64])
{
	if (stream->link == NULL)
		return strcpy(out, "");
	return link_peer(stream->link, out);
}

void
stream_describe(const struct stream *stream, char *out, size_t room)
{
	struct link_tls_info info = { 0 };
	char peer[64];

	if (stream->link == NULL) {
		(void)snprintf(out, room, "gone");
		return;
	}
	link_tls_info(stream->link, &info);
	if (info.secured)
		(void)snprintf(out, room, "%s, %s, %s", stream_peer(stream, peer), info.version,
			       info.cipher);
	else
		(void)snprintf(out, room, "%s, not encrypted", stream_peer(stream, peer));
}

size_t
stream_unsent(const struct stream *stream)
{
	return stream->outbox.bytes + (stream->link != NULL ? link_unsent(stream->link) : 0);
}
