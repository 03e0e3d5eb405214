/* SPDX-License-Identifier: MIT */
/*
 * The stage: runs a play (tests/plays/README) in this process, on a clock and a network of
 * ours.
 *
 *	stage [--shards N] [--seed N | --seeds N] [--fail-each] PLAY ...
 *
 * The world is the real program from the stream upwards: streams, core, the store in memory
 * and the modules; below it are tests/fake/.  Each performance has a process of its own, so
 * that one that dies does not end the evening.
 *
 * Unless told otherwise a play is performed with one shard and with three.  --seeds N: with
 * three, and N times, what comes next decided by lot.  --fail-each: those that begin with
 * "# Fails anywhere." are performed again and again, and each time another call of the store
 * fails; what is heard is then not compared, but nobody crashes, leaks or hangs, and every
 * question is answered.
 */
#include "base/clock.h"
#include "base/codec.h"
#include "base/log.h"
#include "base/text.h"
#include "conf/conf.h"
#include "core/account.h"
#include "core/credentials.h"
#include "core/directory.h"
#include "core/id.h"
#include "core/loader.h"
#include "fake/fake.h"
#include "net/tls.h"
#include "store/store.h"
#include "stream/client.h"
#include "stream/settings.h"
#include "xml/parser.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

#include <ctype.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT        5222
#define DOMAIN      "capulet.example"
#define PASSWORD    "wherefore art thou"
#define HEARD_MAX   10000
#define FAILING_MAX 2000 /* calls of the store in one play */

enum { PASSED, FAILED_, NOTHING_FAILED, SKIPPED }; /* how a performance went */

struct heard {
	struct heard *next;
	struct arena *arena;
	struct element *element;
};

struct asked { /* an IQ of somebody's that waits for its answer */
	struct asked *next;
	char *id;
};

struct known { /* "$name", and the value it was heard with */
	struct known *next;
	char *name, *value;
};

struct password { /* where it is not the usual one */
	struct password *next;
	char *account, *words;
};

struct person { /* a client on the stage */
	struct person *next;
	char *name; /* "juliet", "juliet/balcony" */
	char *local, *domain, *resource;
	struct fake_end *end;
	struct parser *parser;
	struct heard *first, *last;
	char *question; /* id and from of the last IQ get, for "answers" */
	char *asker;
	struct asked *asked;
	bool by_hand; /* says and hears headers and features, too */
	bool hung_up; /* by us */
	bool over;    /* the stream was closed */
	bool restarted;
	char condition[64]; /* of a stream error */
};

static struct {
	const char *file;
	int line;
	unsigned shards;
	uint64_t seed;
	long failing; /* the call of the store that fails; 0: none */
	bool quiet;
	struct person *people;
	struct password *passwords;
	struct known *known;
	struct option_line { /* of a domain, of a module's section or its own */
		char *domain, *module, *name, *line;
	} options[16];
	unsigned option_count;
	char *domains[4];
	struct text accounts; /* " juliet@capulet.example romeo@..." */
	struct store *store;
	struct conf *conf;
	struct tls_context *tls;
	struct listener *listener;
	bool open;
	jmp_buf failed;
	char why[8192];
} stage;

static _Noreturn void fails(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void
fails(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(stage.why, sizeof stage.why, format, args);
	va_end(args);
	longjmp(stage.failed, 1);
}

/* --- the world --- */

static void
on_each_shard(void (*fn)(void *arg), void *arg)
{
	for (unsigned i = 0; i < shard_count(); i++) {
		fake_be(shard_at(i));
		fn(arg);
	}
	fake_be(shard_at(0));
}

static bool
is_of(const struct option_line *option, const char *domain, const char *module)
{
	return text_is(option->domain, domain) && text_is(option->module, module);
}

/* The domain's own options, and then a section for each module that has some. */
static void
write_domain(struct text *out, const char *domain)
{
	text_addf(out, "domain \"%s\" {\n\tadmins = { \"escalus@%s\" }\n", domain, DOMAIN);
	for (unsigned i = 0; i < stage.option_count; i++)
		if (is_of(&stage.options[i], domain, NULL))
			text_addf(out, "\t%s\n", stage.options[i].line);
	for (unsigned i = 0; i < stage.option_count; i++) {
		const char *module = stage.options[i].module;
		bool written = module == NULL || !text_is(stage.options[i].domain, domain);

		for (unsigned j = 0; j < i; j++)
			written |= is_of(&stage.options[j], domain, module);
		if (written)
			continue;
		text_addf(out, "\t%s {\n", module);
		for (unsigned j = i; j < stage.option_count; j++)
			if (is_of(&stage.options[j], domain, module))
				text_addf(out, "\t\t%s\n", stage.options[j].line);
		text_add(out, "\t}\n");
	}
	text_add(out, "}\n");
}

static void
write_conf(struct text *out)
{
	write_domain(out, DOMAIN);
	for (unsigned i = 0; i < COUNT(stage.domains) && stage.domains[i] != NULL; i++)
		write_domain(out, stage.domains[i]);
}

static void
read_conf(void)
{
	static struct section root;
	static const struct section *sections[2];
	struct text text = { 0 }, faults = { 0 };
	char path[] = "/tmp/stage-XXXXXX";
	int fd = mkstemp(path);

	sections[0] = loader_domain_section();
	root = (struct section) { .name = "stage", .sections = sections };
	write_conf(&text);
	if (fd < 0 || write(fd, text.bytes, text.length) != (ssize_t)text.length)
		fails("could not write %s", path);
	close(fd);
	stage.conf = conf_read(path, &root, &faults);
	unlink(path);
	if (stage.conf == NULL)
		fails("%s", faults.bytes);
	text_clear(&text);
	text_clear(&faults);
}

static void
apply(void *arg)
{
	struct stream_settings settings;
	struct err err;

	(void)arg;
	options_default(stream_options, &settings);
	streams_apply(&settings, stage.tls);
	if (!domains_apply(stage.conf, stage.store, &err))
		fails("%s", err.text);
}

static void
listen_here(void *arg)
{
	(void)arg;
	listener_start(stage.listener);
}

static void
stop_here(void *arg)
{
	(void)arg;
	listener_stop(stage.listener);
}

static void
close_here(void *arg)
{
	(void)arg;
	domains_close();
}

static void
open_house(void)
{
	struct err err;

	on_each_shard(apply, NULL);
	stage.listener = client_listen("127.0.0.1", PORT, false, &err);
	if (stage.listener == NULL)
		fails("%s", err.text);
	on_each_shard(listen_here, NULL);
}

static void
open_world(void)
{
	struct store_settings settings = {
		.driver = "sqlite",
		.folder = "/tmp",
		.path = ":memory:",
		.schemas = getenv("STENTOR_SCHEMAS"),
		.readers = 1,
		.automigrate = true,
	};
	struct err err;
	const char **migrating;

	clock_freeze(1700000000000);
	shards_open(stage.shards);
	stage.tls = tls_context_new(&err);
	if (stage.tls == NULL)
		fails("%s", err.text);
	read_conf();
	stage.store = store_open(&settings, &err);
	if (stage.store == NULL)
		fails("%s", err.text);
	migrating = loader_migrating(stage.conf);
	if (!store_migrate(stage.store, migrating, &err))
		fails("%s", err.text);
	free(migrating);
	if (!credentials_open(stage.store, &err) || !ids_open(stage.store, &err))
		fails("%s", err.text);
	open_house();
	fake_shuffle(stage.seed);
	stage.open = true;
	store_fail(stage.store, stage.failing);
}

static void
person_leave(struct person *person)
{
	struct heard *heard;

	if (person->end != NULL)
		fake_drop(&person->end);
	if (person->parser != NULL)
		parser_return(person->parser);
	person->parser = NULL;
	while ((heard = person->first) != NULL) {
		person->first = heard->next;
		arena_drop(heard->arena);
		free(heard);
	}
	person->last = NULL;
	while (person->asked != NULL) {
		struct asked *asked = person->asked;

		person->asked = asked->next;
		free(asked->id);
		free(asked);
	}
}

static void
close_house(void)
{
	for (struct person *p = stage.people; p != NULL; p = p->next)
		person_leave(p);
	fake_pass(SECONDS(30));
	on_each_shard(stop_here, NULL);
	fake_settle();
	on_each_shard(close_here, NULL);
	fake_settle();
	listener_free(&stage.listener);
}

static void
close_world(void)
{
	struct person *person;

	if (stage.open) {
		fake_hold_helpers(false);
		store_fail(stage.store, 0);
		close_house();
		credentials_close();
		ids_close();
		store_close(&stage.store);
		tls_context_free(&stage.tls);
		shards_close();
		conf_drop(stage.conf);
	}
	while ((person = stage.people) != NULL) {
		stage.people = person->next;
		free(person->name);
		free(person->local);
		free(person->domain);
		free(person->resource);
		free(person->question);
		free(person->asker);
		free(person);
	}
	for (unsigned i = 0; i < stage.option_count; i++) {
		free(stage.options[i].domain);
		free(stage.options[i].module);
		free(stage.options[i].name);
		free(stage.options[i].line);
	}
	while (stage.passwords != NULL) {
		struct password *password = stage.passwords;

		stage.passwords = password->next;
		free(password->account);
		free(password->words);
		free(password);
	}
	while (stage.known != NULL) {
		struct known *known = stage.known;

		stage.known = known->next;
		free(known->name);
		free(known->value);
		free(known);
	}
	for (unsigned i = 0; i < COUNT(stage.domains); i++)
		free(stage.domains[i]);
	text_clear(&stage.accounts);
}

static void
need_world(void)
{
	if (!stage.open)
		open_world();
}

/* --- people --- */

static struct person *
person_named(const char *name, const char *domain)
{
	struct person *person;
	char lower[128];
	char *slash;
	size_t i;

	for (i = 0; name[i] != '\0' && i < sizeof lower - 1; i++)
		lower[i] = (char)(i == 0 ? tolower((unsigned char)name[i]) : name[i]);
	lower[i] = '\0';
	for (person = stage.people; person != NULL; person = person->next)
		if (strcmp(person->name, lower) == 0)
			return person;
	person = zalloc(sizeof *person);
	person->name = copy_text(lower);
	slash = strchr(lower, '/');
	person->resource = copy_text(slash != NULL ? slash + 1 : "client");
	if (slash != NULL)
		*slash = '\0';
	person->local = copy_text(lower);
	person->domain = copy_text(domain != NULL ? domain : DOMAIN);
	person->next = stage.people;
	stage.people = person;
	return person;
}

static void
account_made(void *ctx, const struct err *err)
{
	bool *made = ctx;

	/* One that made itself is there already. */
	*made = err == NULL || err->kind == ERR_EXISTS || stage.failing != 0;
}

static void
need_account(struct person *person)
{
	static bool made;
	struct arena *arena = arena_new();
	char key[256];
	struct jid who;

	made = false;
	(void)snprintf(key, sizeof key, " %s@%s ", person->local, person->domain);
	if (stage.accounts.bytes != NULL && strstr(stage.accounts.bytes, key) != NULL) {
		arena_drop(arena);
		return;
	}
	text_add(&stage.accounts, key);
	jid_join(&who, arena, person->local, person->domain, NULL);
	if (domain_find(person->domain) == NULL)
		fails("nobody serves %s", person->domain);
	account_make(domain_find(person->domain), &who, PASSWORD, account_made, &made);
	fake_settle();
	if (!made) /* a store that failed is asked again */
		fake_pass(SECONDS(15));
	arena_drop(arena);
	if (!made)
		fails("the account could not be made");
}

static const char *
password_of(const struct person *person)
{
	char account[256];

	(void)snprintf(account, sizeof account, "%s@%s", person->local, person->domain);
	for (struct password *p = stage.passwords; p != NULL; p = p->next)
		if (strcmp(p->account, account) == 0)
			return p->words;
	return PASSWORD;
}

static void
change_password(const struct person *person, const char *words)
{
	struct password *password = zalloc(sizeof *password);
	char account[256];

	(void)snprintf(account, sizeof account, "%s@%s", person->local, person->domain);
	password->account = copy_text(account);
	password->words = copy_text(words);
	password->next = stage.passwords;
	stage.passwords = password;
}

/* --- hearing --- */

static void
has_asked(struct person *person, const struct element *stanza)
{
	const char *type = element_get(stanza, "type"), *id = element_get(stanza, "id");
	struct asked *asked;

	if (strcmp(stanza->name, "iq") != 0 || id == NULL ||
	    (!text_is(type, "get") && !text_is(type, "set")))
		return;
	asked = zalloc(sizeof *asked);
	asked->id = copy_text(id);
	asked->next = person->asked;
	person->asked = asked;
}

static void
is_answered(struct person *person, const struct element *stanza)
{
	const char *type = element_get(stanza, "type"), *id = element_get(stanza, "id");

	if (strcmp(stanza->name, "iq") != 0 ||
	    (!text_is(type, "result") && !text_is(type, "error")))
		return;
	for (struct asked **a = &person->asked, *asked; (asked = *a) != NULL; a = &asked->next) {
		if (!text_is(id, asked->id))
			continue;
		*a = asked->next;
		free(asked->id);
		free(asked);
		return;
	}
}

static void
queue(struct person *person, struct element *element, struct arena *arena)
{
	struct heard *heard = zalloc(sizeof *heard);

	heard->arena = arena;
	heard->element = element;
	if (person->last != NULL)
		person->last->next = heard;
	else
		person->first = heard;
	person->last = heard;
	is_answered(person, element);
	if (strcmp(element->name, "iq") == 0 && text_is(element_get(element, "type"), "get")) {
		free(person->question);
		free(person->asker);
		person->question = copy_text(element_get(element, "id"));
		person->asker = copy_text(element_get(element, "from"));
	}
}

static bool
on_header(void *listener, struct element *header, struct arena *arena)
{
	struct person *person = listener;

	if (person->by_hand) {
		struct arena *own = arena_new();

		queue(person, element_copy(own, header), own);
	}
	(void)arena;
	return true;
}

static bool
on_element(void *listener, struct element *element, struct arena *arena)
{
	struct person *person = listener;

	if (element_is(element, NS_STREAMS, "error")) {
		const struct element *condition = element_first(element);

		(void)snprintf(person->condition, sizeof person->condition, "%s",
			       condition != NULL ? condition->name : "");
		arena_drop(arena);
		return true;
	}
	if (element_is(element, NS_STREAMS, "features") && !person->by_hand) {
		arena_drop(arena);
		return true;
	}
	person->restarted =
		element_is(element, NS_SASL, "success") || element_is(element, NS_TLS, "proceed");
	queue(person, element, arena);
	return !person->restarted;
}

static void
on_footer(void *listener)
{
	struct person *person = listener;

	person->over = true;
}

static void
on_fault(void *listener, enum parser_fault fault, const char *why)
{
	struct person *person = listener;

	fails("%s heard what is not XML: %s (%d)", person->name, why, (int)fault);
}

static const struct parser_listener ears = { on_header, on_element, on_footer, on_fault };
static const struct parser_limits no_limits = { 10000000, 1000, 1000, 60000, 1000 };

static void
listen_to_all(void)
{
	fake_settle();
	for (struct person *p = stage.people; p != NULL; p = p->next) {
		struct text said = { 0 };
		size_t done = 0;

		if (p->end == NULL || !fake_take(p->end, &said))
			continue;
		while (done < said.length) {
			if (p->parser == NULL)
				p->parser = parser_new(&ears, p, &no_limits);
			p->restarted = false;
			done += parser_feed(p->parser, said.bytes + done, said.length - done);
			if (!p->restarted)
				break;
			parser_return(p->parser);
			p->parser = NULL;
		}
		text_clear(&said);
	}
}

static struct heard *
next_heard(struct person *person)
{
	struct heard *heard;

	listen_to_all();
	heard = person->first;
	if (heard == NULL)
		return NULL;
	person->first = heard->next;
	if (person->first == NULL)
		person->last = NULL;
	return heard;
}

static void
heard_free(struct heard *heard)
{
	arena_drop(heard->arena);
	free(heard);
}

/* --- comparing --- */

static bool
is_dots(const struct element *node)
{
	const char *text = node->text;

	if (node->name != NULL)
		return false;
	while (isspace((unsigned char)*text))
		text++;
	return strncmp(text, "...", 3) == 0;
}

static bool
is_blank(const struct element *node)
{
	return node->name == NULL && strspn(node->text, " \t\r\n") == strlen(node->text);
}

static bool matches(const struct element *want, const struct element *got, bool top);

/* "$name" is anything the first time, and the same ever after. */
static const char *
known_value(const char *name)
{
	for (struct known *known = stage.known; known != NULL; known = known->next)
		if (strcmp(known->name, name) == 0)
			return known->value;
	return NULL;
}

static bool
value_matches(const char *want, const char *got)
{
	if (want[0] == '$' && (want = known_value(want)) == NULL)
		return true;
	return strcmp(want, "*") == 0 || strcmp(want, got) == 0;
}

static void
remember(const struct element *want, const struct element *got)
{
	for (const struct attribute *a = want->attributes; a != NULL; a = a->next) {
		const char *value = element_get(got, a->name);
		struct known *known;

		if (a->value[0] != '$' || a->ns != NULL || value == NULL ||
		    known_value(a->value) != NULL)
			continue;
		known = zalloc(sizeof *known);
		known->name = copy_text(a->value);
		known->value = copy_text(value);
		known->next = stage.known;
		stage.known = known;
	}
	ELEMENT_EACH (want, child)
		ELEMENT_EACH (got, other)
			if (matches(child, other, false)) {
				remember(child, other);
				break;
			}
}

/* Of an error only what is written must be there, and conditions need no namespace. */
static bool
error_matches(const struct element *want, const struct element *got)
{
	const char *type = element_get(want, "type");

	if (type != NULL && strcmp(type, "*") != 0 && !text_is(element_get(got, "type"), type))
		return false;
	ELEMENT_EACH (want, child) {
		bool found = false;

		ELEMENT_EACH (got, other)
			found |= matches(child, other, false) ||
				 (strcmp(child->name, other->name) == 0 && child->first == NULL &&
				  strcmp(child->ns, NS_CLIENT) == 0);
		if (!found)
			return false;
	}
	return true;
}

static const struct element *
skip_blank(const struct element *node)
{
	while (node != NULL && is_blank(node))
		node = node->next;
	return node;
}

/* Children in order; "..." stands for any number of them. */
static bool
children_match(const struct element *want, const struct element *got)
{
	want = skip_blank(want);
	got = skip_blank(got);
	if (want == NULL)
		return got == NULL;
	if (is_dots(want)) {
		for (;; got = got->next) {
			if (children_match(want->next, got))
				return true;
			if (got == NULL)
				return false;
		}
	}
	if (got == NULL)
		return false;
	if (want->name == NULL || got->name == NULL) {
		if (want->name != NULL || got->name != NULL || strcmp(want->text, got->text) != 0)
			return false;
	} else if (!matches(want, got, false)) {
		return false;
	}
	return children_match(want->next, got->next);
}

static bool
matches(const struct element *want, const struct element *got, bool top)
{
	if (strcmp(want->name, "any") == 0)
		return true;
	if (strcmp(want->name, got->name) != 0 || strcmp(want->ns, got->ns) != 0)
		return false;
	if (element_is(want, NS_CLIENT, "error"))
		return error_matches(want, got);
	for (const struct attribute *a = want->attributes; a != NULL; a = a->next) {
		const char *value = a->ns == NULL ? element_get(got, a->name)
						  : element_get_ns(got, a->ns, a->name);

		if (value == NULL || !value_matches(a->value, value))
			return false;
	}
	for (const struct attribute *a = got->attributes; a != NULL; a = a->next) {
		if (top && strcmp(a->name, "type") != 0)
			continue;
		if (strcmp(a->name, "stamp") == 0 || a->ns != NULL)
			continue;
		if (element_get(want, a->name) == NULL)
			return false;
	}
	return children_match(want->first, got->first);
}

/* --- speaking --- */

/* While calls of the store fail somebody may not be here, and then says nothing. */
static bool
can_speak(struct person *person)
{
	if (person->end != NULL && !person->hung_up && !fake_ended(person->end, NULL, NULL) &&
	    !fake_told_goodbye(person->end))
		return true;
	if (stage.failing == 0)
		fails("%s is not connected", person->name);
	return false;
}

static void
say(struct person *person, const char *words)
{
	if (can_speak(person))
		fake_say(person->end, words);
}

static void
open_stream(struct person *person, const char *domain)
{
	struct text text = { 0 };

	text_addf(&text,
		  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
		  "xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='%s'>",
		  domain);
	say(person, text.bytes);
	text_clear(&text);
}

/* What must come next for somebody to get in; false: it did not (and something fails). */
static bool
expect(struct person *person, const char *name, const char *type, const char *what)
{
	struct heard *heard = next_heard(person);
	bool good;

	while (heard != NULL && person->by_hand && strcmp(heard->element->name, name) != 0 &&
	       text_is(heard->element->ns, NS_STREAMS)) { /* what went before */
		heard_free(heard);
		heard = next_heard(person);
	}
	good = heard != NULL && strcmp(heard->element->name, name) == 0 &&
	       (type == NULL || text_is(element_get(heard->element, "type"), type));

	if (!good && stage.failing == 0 && heard == NULL)
		fails("%s hears nothing, not %s", person->name, what);
	if (!good && stage.failing == 0)
		fails("%s hears, instead of %s: %s", person->name, what,
		      xml_text(heard->arena, heard->element, NS_CLIENT));
	if (heard != NULL)
		heard_free(heard);
	return good;
}

static void
call(struct person *person, bool by_hand)
{
	need_world();
	person_leave(person);
	person->over = false;
	person->hung_up = false;
	person->by_hand = by_hand;
	person->condition[0] = '\0';
	person->end = fake_connect(PORT, "127.0.0.1");
	if (person->end == NULL)
		fails("%s could not connect", person->name);
}

static void
start_tls(struct person *person)
{
	say(person, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
	(void)expect(person, "proceed", NULL, "leave to start TLS");
}

static bool
prove(struct person *person, const struct person *as)
{
	struct text text = { 0 };
	char plain[256], base64[BASE64_LENGTH(256) + 1];
	int length =
		snprintf(plain, sizeof plain, "%c%s%c%s", '\0', as->local, '\0', password_of(as));

	base64_encode(base64, plain, (size_t)length);
	text_addf(&text, "<auth xmlns='%s' mechanism='PLAIN'>%s</auth>", NS_SASL, base64);
	say(person, text.bytes);
	text_clear(&text);
	return expect(person, "success", NULL, "the success of the login");
}

static bool
authenticate(struct person *person)
{
	need_world();
	need_account(person);
	call(person, false);
	open_stream(person, person->domain);
	start_tls(person);
	open_stream(person, person->domain);
	if (!prove(person, person))
		return false;
	person->by_hand = true;
	open_stream(person, person->domain);
	if (!expect(person, "stream", NULL, "a header") ||
	    !expect(person, "features", NULL, "features"))
		return false;
	return true;
}

static void
log_in(struct person *person, bool available)
{
	struct text text = { 0 };

	if (!authenticate(person)) {
		person_leave(person);
		return;
	}
	person->by_hand = false;
	text_addf(&text,
		  "<iq type='set' id='bind'><bind xmlns='%s'><resource>%s</resource></bind></iq>",
		  NS_BIND, person->resource);
	say(person, text.bytes);
	text_clear(&text);
	if (!expect(person, "iq", "result", "the answer to binding")) {
		person_leave(person);
		return;
	}
	if (!available)
		return;
	say(person, "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>");
	(void)expect(person, "iq", "result", "the roster");
	say(person, "<presence/>");
	(void)expect(person, "presence", NULL, "one's own presence");
}

static void
cannot_log_in(struct person *person)
{
	struct heard *heard;
	struct text text = { 0 };
	char plain[256], base64[BASE64_LENGTH(256) + 1];
	int length = snprintf(plain, sizeof plain, "%c%s%c%s", '\0', person->local, '\0',
			      password_of(person));

	call(person, false);
	open_stream(person, person->domain);
	start_tls(person);
	open_stream(person, person->domain);
	base64_encode(base64, plain, (size_t)length);
	text_addf(&text, "<auth xmlns='%s' mechanism='PLAIN'>%s</auth>", NS_SASL, base64);
	say(person, text.bytes);
	text_clear(&text);
	heard = next_heard(person);
	if (stage.failing == 0 && (heard == NULL || strcmp(heard->element->name, "failure") != 0))
		fails("%s does not hear that the login failed", person->name);
	if (heard != NULL)
		heard_free(heard);
	person_leave(person);
}

/* --- sentences --- */

struct words {
	char *word[32];
	unsigned count;
};

static void
friends_stored(void *ctx, enum stored result)
{
	*(enum stored *)ctx = result;
}

static void
befriend(struct person *a, struct person *b)
{
	static const struct statement befriend_statement = {
		.name = "stage.befriend",
		.in = "tt",
		.sqlite = "REPLACE INTO roster (owner, contact, how, pending_out, "
			  "pending_in,"
			  " approved, listed, version) VALUES (?, ?, 3, 0, 0, 0, 1, 1)",
	};
	char owner[256], contact[256];
	static enum stored result; /* while calls fail the answer may come later */
	struct batch *batch;

	need_world();
	result = STORE_FAILED;
	need_account(a);
	need_account(b);
	(void)snprintf(owner, sizeof owner, "%s@%s", a->local, a->domain);
	(void)snprintf(contact, sizeof contact, "%s@%s", b->local, b->domain);
	batch = batch_new(stage.store, owner);
	batch_add(batch, &befriend_statement,
		  (struct value[]) { text_value(owner), text_value(contact) });
	batch_commit(batch, friends_stored, &result);
	fake_settle();
	if (result != STORE_OK)
		fake_pass(SECONDS(15));
	if (result != STORE_OK && stage.failing == 0)
		fails("they could not be made friends");
}

static int64_t
number_of(const char *word)
{
	static const char *const names[] = { "zero", "one",   "two",   "three", "four", "five",
					     "six",  "seven", "eight", "nine",  "ten" };

	for (unsigned i = 0; i < COUNT(names); i++)
		if (strcasecmp(word, names[i]) == 0)
			return i;
	if (!isdigit((unsigned char)*word))
		fails("\"%s\" is no number", word);
	return strtoll(word, NULL, 10);
}

static int64_t
unit_of(const char *word)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {
		{ "second", 1000 }, { "minute", 60000 }, { "hour", 3600000 }, { "day", 86400000 }
	};

	for (unsigned i = 0; i < COUNT(units); i++)
		if (strncmp(word, units[i].name, strlen(units[i].name)) == 0)
			return units[i].ms;
	fails("\"%s\" is no unit of time", word);
}

/* "modules = a, b" becomes a list. */
static char *
option_line(const char *name, const char *value)
{
	struct text line = { 0 }, list = { 0 };
	char *copy, *rest = NULL;

	if (strstr(name, "modules") == NULL && strstr(name, "addresses") == NULL) {
		text_addf(&line, "%s = %s", name, value);
		return text_take(&line);
	}
	copy = copy_text(value);
	for (char *word = strtok_r(copy, " ,", &rest); word != NULL;
	     word = strtok_r(NULL, " ,", &rest))
		text_addf(&list, "%s\"%s\"", list.length > 0 ? ", " : "", word);
	text_addf(&line, "%s = { %s }", name, list.bytes != NULL ? list.bytes : "");
	free(copy);
	text_clear(&list);
	return text_take(&line);
}

/* "[MODULE.]NAME = VALUE", for a domain; one said again replaces the earlier one. */
static void
option(const char *domain, const char *text)
{
	const char *equals = strstr(text, " = ");
	const char *dot = strchr(text, '.');
	char *module = NULL, *name;
	struct option_line *option = NULL;

	if (equals == NULL)
		fails("Option NAME = VALUE");
	if (dot != NULL && dot < equals) {
		module = copy_bytes(text, (size_t)(dot - text));
		text = dot + 1;
	}
	name = copy_bytes(text, (size_t)(equals - text));
	for (unsigned i = 0; i < stage.option_count; i++)
		if (text_is(stage.options[i].domain, domain) &&
		    text_is(stage.options[i].name, name) &&
		    (module == NULL ? stage.options[i].module == NULL
				    : text_is(stage.options[i].module, module)))
			option = &stage.options[i];
	if (option != NULL) {
		free(option->module);
		free(option->name);
		free(option->line);
	} else if (stage.option_count == COUNT(stage.options)) {
		free(module);
		free(name);
		fails("sixteen options at most");
	} else {
		option = &stage.options[stage.option_count++];
		option->domain = copy_text(domain);
	}
	option->module = module;
	option->name = name;
	option->line = option_line(name, equals + 3);
}

static void
restart(void)
{
	need_world();
	close_house();
	open_house();
}

/* As SIGHUP does: the file is read anew, and each shard applies it. */
static void
reload(void)
{
	struct conf *before = stage.conf;

	need_world();
	read_conf();
	on_each_shard(apply, NULL);
	fake_settle();
	conf_drop(before);
}

static bool
person_can_hang_up(struct person *person)
{
	if (person->end == NULL || person->hung_up || fake_link(person->end) == NULL)
		return false;
	person->hung_up = true;
	return true;
}

/* NULL: without an error. */
static void
is_closed(struct person *person, const char *condition)
{
	listen_to_all();
	if (stage.failing != 0)
		return;
	if (!person->over)
		fails("%s is not closed%s%s", person->name, person->condition[0] ? " after " : "",
		      person->condition);
	if (strcmp(person->condition, condition != NULL ? condition : "") != 0)
		fails("%s was closed with \"%s\", not \"%s\"", person->name, person->condition,
		      condition != NULL ? condition : "");
}

static void
is_still_here(struct person *person)
{
	listen_to_all();
	if (stage.failing == 0 &&
	    (person->end == NULL || person->over || person->condition[0] != '\0'))
		fails("%s was closed with \"%s\"", person->name, person->condition);
}

static void
answers(struct person *person)
{
	struct text text = { 0 };

	if (person->question == NULL && stage.failing != 0)
		return;
	if (person->question == NULL)
		fails("nobody has asked %s anything", person->name);
	text_addf(&text, "<iq type='result' id='%s' to='%s'/>", person->question,
		  person->asker != NULL ? person->asker : person->domain);
	say(person, text.bytes);
	text_clear(&text);
	fake_settle();
}

static void
has_heard_enough(struct person *person)
{
	struct heard *heard;

	while ((heard = next_heard(person)) != NULL)
		heard_free(heard);
}

static void
hears_nothing(struct person *person)
{
	struct heard *heard = next_heard(person);

	if (heard != NULL && stage.failing == 0)
		fails("%s hears %s", person->name,
		      xml_text(heard->arena, heard->element, NS_CLIENT));
	if (heard != NULL)
		heard_free(heard);
	has_heard_enough(person);
}

static struct shard *
home_of(struct person *person)
{
	struct arena *arena = arena_new();
	struct shard *home;
	struct jid who;

	need_world();
	jid_join(&who, arena, person->local, person->domain, NULL);
	home = directory_home(&who);
	arena_drop(arena);
	return home;
}

static void
live_apart(struct person *a, struct person *b)
{
	if (shard_count() > 1 && home_of(a) == home_of(b))
		fails("%s and %s live on the same shard", a->name, b->name);
}

static void
store_answers(int64_t times)
{
	fake_settle();
	for (int64_t i = 0; i < times; i++) {
		(void)fake_help_once();
		fake_settle();
	}
}

static void
add_domain(const char *name)
{
	for (unsigned i = 0; i < COUNT(stage.domains); i++)
		if (stage.domains[i] == NULL) {
			stage.domains[i] = copy_text(name);
			return;
		}
	fails("four domains more at most");
}

/* Somebody of another resource than the usual one. */
static struct person *
person_as(const char *name, const char *resource)
{
	char both[256];

	(void)snprintf(both, sizeof both, "%.100s/%.100s", name, resource);
	return person_named(both, NULL);
}

static bool
is_like(const struct words *words, const char *pattern)
{
	char copy[256], *rest = NULL;
	unsigned i = 0;

	(void)snprintf(copy, sizeof copy, "%s", pattern);
	for (char *word = strtok_r(copy, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest), i++)
		if (i >= words->count ||
		    (strcmp(word, "_") != 0 && strcmp(word, words->word[i]) != 0))
			return false;
	return i == words->count;
}

/* Splits a sentence; "A stranger" and "The stranger" are the same. */
static void
split(struct words *w, char *sentence)
{
	char *rest = NULL;

	for (char *word = strtok_r(sentence, " ", &rest); word != NULL && w->count < COUNT(w->word);
	     word = strtok_r(NULL, " ", &rest)) {
		bool article = strcmp(word, "A") == 0 || strcmp(word, "The") == 0 ||
			       strcmp(word, "Another") == 0;

		if (!article || w->count > 0)
			w->word[w->count++] = word;
	}
}

/* A sentence that ends with a full stop. */
static void
perform(char *sentence)
{
	struct words w = { 0 };
	char *copy;

	if (strncmp(sentence, "Option ", 7) == 0) {
		option(DOMAIN, sentence + 7);
		return;
	}
	copy = copy_text(sentence);
	split(&w, copy);
#define IS(pattern) is_like(&w, pattern)
#define WHO(i)      person_named(w.word[i], NULL)
	if (w.count > 4 && strcmp(w.word[0], "At") == 0 && strcmp(w.word[2], "option") == 0)
		option(w.word[1], strstr(sentence, " option ") + 8);
	else if (IS("_ connects"))
		log_in(WHO(0), true);
	else if (IS("_ connects as _"))
		log_in(person_as(w.word[0], w.word[3]), true);
	else if (IS("_ logs in as _"))
		log_in(person_as(w.word[0], w.word[4]), false);
	else if (IS("_ of _ connects"))
		log_in(person_named(w.word[0], w.word[2]), true);
	else if (IS("_ of _ logs in"))
		log_in(person_named(w.word[0], w.word[2]), false);
	else if (IS("_ of _ is away"))
		need_world(), need_account(person_named(w.word[0], w.word[2]));
	else if (IS("_ logs in"))
		log_in(WHO(0), false);
	else if (IS("_ cannot log in"))
		cannot_log_in(WHO(0));
	else if (IS("_ authenticates"))
		(void)authenticate(WHO(0));
	else if (IS("_ authenticates as _"))
		(void)authenticate(person_as(w.word[0], w.word[3]));
	else if (IS("_ calls"))
		call(WHO(0), true);
	else if (IS("_ opens a stream"))
		open_stream(WHO(0), WHO(0)->domain);
	else if (IS("_ opens a stream to _"))
		open_stream(WHO(0), w.word[5]);
	else if (IS("_ starts TLS"))
		start_tls(WHO(0));
	else if (IS("_ proves to be _"))
		need_account(WHO(4)), (void)prove(WHO(0), WHO(4));
	else if (IS("_ has the password _"))
		change_password(WHO(0), w.word[4]);
	else if (IS("_ disconnects")) {
		say(WHO(0), "</stream:stream>");
		listen_to_all();
		if (person_can_hang_up(WHO(0)))
			fake_hang_up(WHO(0)->end);
		fake_settle();
	} else if (w.count == 3 && IS("_ link breaks") && strstr(w.word[0], "'s") != NULL) {
		*strstr(w.word[0], "'s") = '\0';
		if (person_can_hang_up(WHO(0)))
			fake_reset(WHO(0)->end);
		fake_settle();
	} else if (IS("_ and _ are friends"))
		befriend(WHO(0), WHO(2)), befriend(WHO(2), WHO(0));
	else if (IS("_ is away"))
		need_world(), need_account(WHO(0));
	else if (IS("_ answers"))
		answers(WHO(0));
	else if (IS("_ hears nothing"))
		hears_nothing(WHO(0));
	else if (IS("_ has heard enough"))
		has_heard_enough(WHO(0));
	else if (IS("_ is closed with _"))
		is_closed(WHO(0), w.word[4]);
	else if (IS("_ is closed"))
		is_closed(WHO(0), NULL);
	else if (IS("_ is still here"))
		is_still_here(WHO(0));
	else if (IS("_ and _ live apart"))
		live_apart(WHO(0), WHO(2));
	else if (IS("_ _ pass") || IS("_ _ passes"))
		need_world(), fake_pass(number_of(w.word[0]) * unit_of(w.word[1]));
	else if (IS("store fails"))
		need_world(), fake_settle(), store_fail(stage.store, -1);
	else if (IS("store works"))
		store_fail(stage.store, 0);
	else if (IS("store is slow"))
		need_world(), fake_settle(), fake_hold_helpers(true);
	else if (IS("store answers _ times"))
		store_answers(number_of(w.word[2]));
	else if (IS("store is quick"))
		fake_hold_helpers(false), fake_settle();
	else if (IS("server restarts"))
		restart();
	else if (IS("configuration is read anew"))
		reload();
	else if (IS("Domain _"))
		add_domain(w.word[1]);
	else if (IS("Over sockets only"))
		exit(SKIPPED);
	else
		fails("what is \"%s\"?", sentence);
#undef IS
#undef WHO
	free(copy);
}

static struct element *
read_stanzas(struct arena *arena, const char *text)
{
	struct text wrapped = { 0 };
	struct element *element;
	struct err err;

	text_addf(&wrapped, "<play xmlns='jabber:client' xmlns:stream='" NS_STREAMS "'>%s</play>",
		  text);
	element = element_parse(arena, wrapped.bytes, wrapped.length, &err);
	text_clear(&wrapped);
	if (element == NULL)
		fails("%s", err.text);
	return element;
}

/* "%n" is the number of the time. */
static char *
numbered(const char *text, int64_t n)
{
	struct text out = { 0 };
	const char *at;

	for (; (at = strstr(text, "%n")) != NULL; text = at + 2) {
		text_add_bytes(&out, text, (size_t)(at - text));
		text_addf(&out, "%lld", (long long)n);
	}
	text_add(&out, text);
	return text_take(&out);
}

/* What is said in the place of each "$name" that was heard. */
static char *
filled_in(const char *text)
{
	struct text out = { 0 };

	while (*text != '\0') {
		size_t length = strcspn(text, "$");
		const char *value = NULL;
		char *name;

		text_add_bytes(&out, text, length);
		text += length;
		for (length = 1; *text == '$' && isalnum((unsigned char)text[length]); length++)
			;
		if (*text != '$')
			break;
		name = copy_bytes(text, length);
		value = known_value(name);
		text_add(&out, value != NULL ? value : name);
		free(name);
		text += length;
	}
	return text_take(&out);
}

static void
person_says(struct person *person, const char *text, int64_t times)
{
	for (int64_t n = 1; n <= times; n++) {
		struct arena *arena = arena_new();
		char *numbers = numbered(text, n), *words = filled_in(numbers);
		struct element *all = read_stanzas(arena, words);

		free(numbers);
		ELEMENT_EACH (all, stanza) {
			if (can_speak(person))
				has_asked(person, stanza);
			say(person, xml_text(arena, stanza, NS_CLIENT));
		}
		free(words);
		arena_drop(arena);
	}
	fake_settle();
}

/* Bytes as they are: not even line ends. */
static void
person_writes(struct person *person, const char *text, int64_t times)
{
	struct text bytes = { 0 };

	for (const char *at = text; *at != '\0'; at++)
		if (*at != '\n')
			text_add_bytes(&bytes, at, 1);
	for (int64_t n = 1; n <= times; n++) {
		char *words = numbered(bytes.bytes != NULL ? bytes.bytes : "", n);

		say(person, words);
		free(words);
	}
	text_clear(&bytes);
	fake_settle();
}

static void
person_hears(struct person *person, const char *text, int64_t times, bool any_order)
{
	static const struct element *wanted[HEARD_MAX];
	struct arena *arena = arena_new();
	unsigned count = 0;

	for (int64_t n = 1; n <= times; n++) {
		char *words = numbered(text, n);
		struct element *all = read_stanzas(arena, words);

		free(words);
		ELEMENT_EACH (all, stanza) {
			if (count == HEARD_MAX)
				fails("that is more than fits in");
			wanted[count++] = stanza;
		}
	}
	for (unsigned n = 0; n < count; n++) {
		struct heard *heard = next_heard(person);
		unsigned i = any_order ? 0 : n, end = any_order ? count : n + 1;

		if (stage.failing != 0) {
			if (heard != NULL)
				heard_free(heard);
			continue;
		}
		for (; heard != NULL && i < end; i++)
			if (wanted[i] != NULL && matches(wanted[i], heard->element, true))
				break;
		if (heard == NULL) {
			for (i = any_order ? 0 : n; wanted[i] == NULL; i++)
				;
			fails("%s hears nothing more, not %s", person->name,
			      xml_text(arena, wanted[i], NS_CLIENT));
		}
		if (i == end)
			fails("%s hears\n\t%s\nnot\n\t%s", person->name,
			      xml_text(heard->arena, heard->element, NS_CLIENT),
			      wanted[n] != NULL ? xml_text(arena, wanted[n], NS_CLIENT)
						: "(any of them)");
		remember(wanted[i], heard->element);
		wanted[i] = NULL;
		heard_free(heard);
	}
	arena_drop(arena);
}

/* --- the text --- */

static void
perform_line(char *line)
{
	char *at = line, *end;

	while (*at != '\0') {
		while (*at == ' ')
			at++;
		/* A sentence ends at a full stop before white space or the end. */
		for (end = at; *end != '\0' && !(*end == '.' && (end[1] == ' ' || end[1] == '\0'));
		     end++)
			;
		if (end == at)
			break;
		if (*end == '\0')
			fails("a sentence without a full stop: \"%s\"", at);
		*end = '\0';
		perform(at);
		at = end + 1;
	}
}

/* "Juliet says", "The stranger writes 100 times", "Romeo hears in any order": what follows
 * is indented.  False: it is no such line. */
static bool
is_head(struct words *w, char *line)
{
	const char *verb;

	memset(w, 0, sizeof *w);
	split(w, line);
	if (w->count < 2)
		return false;
	verb = w->word[1];
	if (strcmp(verb, "says") != 0 && strcmp(verb, "writes") != 0 && strcmp(verb, "hears") != 0)
		return false;
	return w->count == 2 || is_like(w, "_ _ _ times") || is_like(w, "_ hears in any order");
}

static void
perform_block(char *head, const char *block)
{
	struct words w;
	int64_t times = 1;
	struct person *person;

	(void)is_head(&w, head);
	person = person_named(w.word[0], NULL);
	if (w.count == 4 && (times = number_of(w.word[2])) == 0)
		fails("how often?");
	if (strcmp(w.word[1], "says") == 0)
		person_says(person, block, times);
	else if (strcmp(w.word[1], "writes") == 0)
		person_writes(person, block, times);
	else
		person_hears(person, block, times, w.count == 5);
}

static void
run(FILE *file)
{
	char *line = NULL;
	size_t room = 0;
	struct text block = { 0 };
	char *head = NULL;
	int head_line = 0, at = 0;

	for (;;) {
		bool more = getline(&line, &room, file) >= 0;
		struct words w;
		char *copy;

		at++;
		if (more)
			line[strcspn(line, "\r\n")] = '\0';
		if (more && line[0] == '\t') {
			text_add(&block, line + 1);
			text_add(&block, "\n");
			continue;
		}
		if (head != NULL) {
			stage.line = head_line;
			perform_block(head, block.bytes != NULL ? block.bytes : "");
			free(head);
			head = NULL;
			text_clear(&block);
		}
		if (!more)
			break;
		stage.line = at;
		if (line[0] == '\0' || line[0] == '#')
			continue;
		copy = copy_text(line);
		if (is_head(&w, copy)) {
			head = copy_text(line);
			head_line = at;
		} else {
			perform_line(line);
		}
		free(copy);
	}
	free(line);
	text_clear(&block);
}

/* --- the evening --- */

/* Who is still here has heard an answer to all that was asked. */
static void
check_answers(void)
{
	listen_to_all();
	for (struct person *p = stage.people; p != NULL; p = p->next)
		if (p->end != NULL && !p->over && !fake_ended(p->end, NULL, NULL) &&
		    p->asked != NULL)
			fails("%s was never answered \"%s\"", p->name, p->asked->id);
}

static void
died(int number)
{
	fprintf(stderr, "%s:%d: (%u shard%s, seed %llu, failing %ld) died\n", stage.file,
		stage.line, stage.shards, stage.shards == 1 ? "" : "s",
		(unsigned long long)stage.seed, stage.failing);
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

/* One performance, in this process. */
static int
perform_play(FILE *file)
{
	struct store_state state = { 0 };

	(void)signal(SIGABRT, died);
	(void)signal(SIGALRM, died);
	(void)alarm(120);
	if (setjmp(stage.failed) != 0) {
		fprintf(stderr, "%s:%d: (%u shard%s", stage.file, stage.line, stage.shards,
			stage.shards == 1 ? "" : "s");
		if (stage.seed != 0)
			fprintf(stderr, ", seed %llu", (unsigned long long)stage.seed);
		if (stage.failing != 0)
			fprintf(stderr, ", failing %ld", stage.failing);
		fprintf(stderr, ") %s\n", stage.why);
		_exit(FAILED_);
	}
	run(file);
	fclose(file);
	if (stage.failing != 0) {
		need_world();
		store_fail(stage.store, stage.failing > 0 ? 0 : stage.failing);
		fake_pass(SECONDS(30));
		check_answers();
	}
	if (stage.open)
		store_state(stage.store, &state);
	close_world();
	if (fake_links() > 0)
		fails("%u links are left", fake_links());
	loader_close();
	return stage.failing != 0 && state.failures == 0 ? NOTHING_FAILED : PASSED;
}

/* One performance in a process of its own. */
static int
play(const char *path, unsigned shards, uint64_t seed, long failing)
{
	FILE *file = fopen(path, "r");
	int status = 0;
	pid_t child;

	if (file == NULL) {
		fprintf(stderr, "could not open %s\n", path);
		return FAILED_;
	}
	fflush(NULL);
	child = fork();
	if (child == 0) {
		memset(&stage, 0, sizeof stage);
		stage.file = path;
		stage.shards = shards;
		stage.seed = seed;
		stage.failing = failing;
		exit(perform_play(file));
	}
	fclose(file);
	if (child < 0 || waitpid(child, &status, 0) != child)
		return FAILED_;
	if (WIFSIGNALED(status) || WEXITSTATUS(status) > SKIPPED) {
		fprintf(stderr, "%s: (%u shard%s, seed %llu, failing %ld) ended by %s %d\n", path,
			shards, shards == 1 ? "" : "s", (unsigned long long)seed, failing,
			WIFSIGNALED(status) ? "signal" : "exit",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		return FAILED_;
	}
	return WEXITSTATUS(status);
}

static bool
has_mark(const char *path, const char *mark)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	bool found = false;

	if (file == NULL)
		return false;
	for (int i = 0; i < 5 && getline(&line, &room, file) >= 0; i++)
		found |= strncmp(line, mark, strlen(mark)) == 0;
	free(line);
	fclose(file);
	return found;
}

static int
play_failing(const char *path, unsigned shards, uint64_t seed)
{
	int how = PASSED;

	if (!has_mark(path, "# Fails anywhere."))
		return SKIPPED;
	for (long n = 1; n < FAILING_MAX && how == PASSED; n++)
		how = play(path, shards, seed, n);
	if (how == PASSED)
		fprintf(stderr, "%s: has no end of calls that could fail\n", path);
	return how == NOTHING_FAILED ? PASSED : FAILED_;
}

int
main(int argc, char **argv)
{
	unsigned shards = 0, seeds = 0;
	uint64_t seed = 0;
	bool fail_each = false;
	int counts[SKIPPED + 1] = { 0 };
	struct err err;
	const char *level = getenv("STAGE_LOG"), *modules = getenv("STENTOR_MODULES");
	enum log_level parsed = LOG_ERROR_;

	if (level != NULL)
		(void)log_level_read(&parsed, level);
	log_set_level(parsed);
	if (!loader_open(modules != NULL ? modules : "modules/.libs", &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	for (int i = 1; i < argc; i++) {
		int how = PASSED;

		if (strcmp(argv[i], "--shards") == 0 && i + 1 < argc) {
			shards = (unsigned)atoi(argv[++i]);
			continue;
		} else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
			seed = strtoull(argv[++i], NULL, 10);
			continue;
		} else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) {
			seeds = (unsigned)atoi(argv[++i]);
			continue;
		} else if (strcmp(argv[i], "--fail-each") == 0) {
			fail_each = true;
			continue;
		}
		if (fail_each) {
			how = play_failing(argv[i], shards > 0 ? shards : 3, seed);
		} else if (seeds > 0 && has_mark(argv[i], "# Not by lot.")) {
			how = SKIPPED;
		} else if (seeds > 0) {
			for (uint64_t n = 1; n <= seeds && how == PASSED; n++)
				how = play(argv[i], shards > 0 ? shards : 3, n, 0);
		} else if (shards > 0) {
			how = play(argv[i], shards, seed, 0);
		} else {
			how = play(argv[i], 1, seed, 0);
			if (how == PASSED)
				how = play(argv[i], 3, seed, 0);
		}
		counts[how == PASSED || how == SKIPPED ? how : FAILED_]++;
	}
	loader_close();
	printf("%d passed, %d failed, %d skipped\n", counts[PASSED], counts[FAILED_],
	       counts[SKIPPED]);
	return counts[FAILED_] > 0;
}
