/* SPDX-License-Identifier: MIT */
/*
 * The stage: runs a play (tests/plays/README) in this process, on a clock and a network of
 * ours.
 *
 *	stage [--shards N] [--seed N] PLAY ...
 *
 * The world is the real program from the stream upwards: streams, core, the store in memory
 * and the modules; below it are tests/fake/.
 */
#include "base/clock.h"
#include "base/codec.h"
#include "base/log.h"
#include "base/text.h"
#include "conf/conf.h"
#include "core/account.h"
#include "core/credentials.h"
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
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORT 5222
#define DOMAIN "capulet.example"
#define PASSWORD "wherefore art thou"
#define HEARD_MAX 1000

struct heard {
	struct heard *next;
	struct arena *arena;
	struct element *element;
};

struct person {			/* a client on the stage */
	struct person *next;
	char *name;			/* "juliet", "juliet/balcony" */
	char *local, *domain, *resource;
	struct fake_end *end;
	struct parser *parser;
	struct heard *first, *last;
	char *question;			/* id and from of the last IQ get, for "answers" */
	char *asker;
	bool over;			/* the stream was closed */
	bool restarted;
	char condition[64];		/* of a stream error */
};

static struct {
	const char *file;
	int line;
	unsigned shards;
	uint64_t seed;
	struct person *people;
	struct text options[16];	/* lines of a module's section */
	char *option_modules[16];
	unsigned option_count;
	char *modules;
	char *domains[4];
	struct text accounts;		/* " juliet@capulet.example romeo@..." */
	struct store *store;
	struct conf *conf;
	struct tls_context *tls;
	struct listener *listener;
	bool open;
	jmp_buf failed;
	char why[8192];
} stage;

static _Noreturn void
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

static void
write_conf(struct text *out)
{
	text_addf(out, "domain \"%s\" {\n", DOMAIN);
	if (stage.modules != NULL)
		text_addf(out, "\tmodules = { %s }\n", stage.modules);
	text_addf(out, "\tadmins = { \"escalus@%s\" }\n", DOMAIN);
	for (unsigned i = 0; i < stage.option_count; i++) {
		if (stage.option_modules[i] == NULL)
			text_addf(out, "\t%s\n", stage.options[i].bytes);
		else
			text_addf(out, "\t%s {\n\t\t%s\n\t}\n", stage.option_modules[i],
			          stage.options[i].bytes);
	}
	text_add(out, "}\n");
	for (unsigned i = 0; i < COUNT(stage.domains) && stage.domains[i] != NULL; i++)
		text_addf(out, "domain \"%s\" {\n}\n", stage.domains[i]);
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
	root = (struct section){ .name = "stage", .sections = sections };
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
	static const char *const nobody[] = { NULL };
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

	(void)nobody;
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
	if (!credentials_open(stage.store, &err))
		fails("%s", err.text);
	open_house();
	fake_shuffle(stage.seed);
	stage.open = true;
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
		store_fail(stage.store, 0);
		close_house();
		credentials_close();
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
		text_clear(&stage.options[i]);
		free(stage.option_modules[i]);
	}
	for (unsigned i = 0; i < COUNT(stage.domains); i++)
		free(stage.domains[i]);
	free(stage.modules);
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

	*made = true;
	if (err != NULL)
		fails("the account could not be made: %s", err->text);
}

static void
need_account(struct person *person)
{
	struct arena *arena = arena_new();
	bool made = false;
	char key[256];
	struct jid who;

	(void)snprintf(key, sizeof key, " %s@%s ", person->local, person->domain);
	if (stage.accounts.bytes != NULL && strstr(stage.accounts.bytes, key) != NULL) {
		arena_drop(arena);
		return;
	}
	text_add(&stage.accounts, key);
	jid_join(&who, arena, person->local, person->domain, NULL);
	account_make(domain_find(person->domain), &who, PASSWORD, account_made, &made);
	fake_settle();
	arena_drop(arena);
	if (!made)
		fails("the account was never made");
}

/* --- hearing --- */

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
	(void)listener;
	(void)header;
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
	if (element_is(element, NS_STREAMS, "features")) {
		arena_drop(arena);
		return true;
	}
	person->restarted = element_is(element, NS_SASL, "success") ||
	                    element_is(element, NS_TLS, "proceed");
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
	for (const struct attribute *a = want->attributes; a != NULL; a = a->next) {
		const char *value = a->ns == NULL ? element_get(got, a->name) :
		                                    element_get_ns(got, a->ns, a->name);

		if (value == NULL || (strcmp(a->value, "*") != 0 && strcmp(a->value, value) != 0))
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

static void
say(struct person *person, const char *words)
{
	if (person->end == NULL)
		fails("%s is not connected", person->name);
	fake_say(person->end, words);
}

static void
say_header(struct person *person)
{
	struct text text = { 0 };

	text_addf(&text,
	          "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
	          "xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='%s'>",
	          person->domain);
	say(person, text.bytes);
	text_clear(&text);
}

static void
expect(struct person *person, const char *name, const char *type, const char *what)
{
	struct heard *heard = next_heard(person);

	if (heard == NULL)
		fails("%s hears nothing, not %s", person->name, what);
	if (strcmp(heard->element->name, name) != 0 ||
	    (type != NULL && !text_is(element_get(heard->element, "type"), type)))
		fails("%s hears, instead of %s: %s", person->name, what,
		      xml_text(heard->arena, heard->element, NS_CLIENT));
	heard_free(heard);
}

static void
log_in(struct person *person, bool available)
{
	struct text text = { 0 };
	char plain[256], base64[BASE64_LENGTH(256) + 1];
	int length;

	need_world();
	need_account(person);
	person_leave(person);
	person->over = false;
	person->condition[0] = '\0';
	person->end = fake_connect(PORT, "127.0.0.1");
	if (person->end == NULL)
		fails("%s could not connect", person->name);
	say_header(person);
	say(person, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
	expect(person, "proceed", NULL, "leave to start TLS");
	say_header(person);
	length = snprintf(plain, sizeof plain, "%c%s%c%s", '\0', person->local, '\0', PASSWORD);
	base64_encode(base64, plain, (size_t)length);
	text_addf(&text, "<auth xmlns='%s' mechanism='PLAIN'>%s</auth>", NS_SASL, base64);
	say(person, text.bytes);
	expect(person, "success", NULL, "the success of the login");
	say_header(person);
	text_empty(&text);
	text_addf(&text,
	          "<iq type='set' id='bind'><bind xmlns='%s'><resource>%s</resource></bind></iq>",
	          NS_BIND, person->resource);
	say(person, text.bytes);
	expect(person, "iq", "result", "the answer to binding");
	if (available) {
		say(person, "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>");
		expect(person, "iq", "result", "the roster");
		say(person, "<presence/>");
		expect(person, "presence", NULL, "one's own presence");
	}
	text_clear(&text);
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
		.sqlite = "INSERT OR REPLACE INTO roster (owner, contact, how, pending_out, pending_in,"
		          " approved, listed, version) VALUES (?, ?, 3, 0, 0, 0, 1, 1)",
	};
	char owner[256], contact[256];
	struct batch *batch;
	enum stored result = STORE_FAILED;

	need_world();
	need_account(a);
	need_account(b);
	(void)snprintf(owner, sizeof owner, "%s@%s", a->local, a->domain);
	(void)snprintf(contact, sizeof contact, "%s@%s", b->local, b->domain);
	batch = batch_new(stage.store, owner);
	batch_add(batch, &befriend_statement,
	          (struct value[]){ text_value(owner), text_value(contact) });
	batch_commit(batch, friends_stored, &result);
	fake_settle();
	if (result != STORE_OK)
		fails("they could not be made friends");
}

static int64_t
number_of(const char *word)
{
	static const char *const names[] = { "zero", "one", "two",   "three", "four", "five",
		                             "six",  "seven", "eight", "nine",  "ten" };

	for (unsigned i = 0; i < COUNT(names); i++)
		if (strcasecmp(word, names[i]) == 0)
			return i;
	return strtoll(word, NULL, 10);
}

static int64_t
unit_of(const char *word)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "second", 1000 }, { "minute", 60000 }, { "hour", 3600000 }, { "day", 86400000 } };

	for (unsigned i = 0; i < COUNT(units); i++)
		if (strncmp(word, units[i].name, strlen(units[i].name)) == 0)
			return units[i].ms;
	fails("\"%s\" is no unit of time", word);
}

static void
option(const char *text)
{
	const char *equals = strchr(text, '=');
	const char *dot = strchr(text, '.');
	unsigned n = stage.option_count;

	if (stage.open)
		fails("options come before anybody is mentioned");
	if (equals == NULL || n == COUNT(stage.options))
		fails("Option NAME = VALUE, sixteen at most");
	if (strncmp(text, "modules", 7) == 0) {
		struct text list = { 0 };
		char *copy = copy_text(equals + 1), *rest = NULL;

		for (char *word = strtok_r(copy, " ,", &rest); word != NULL;
		     word = strtok_r(NULL, " ,", &rest))
			text_addf(&list, "%s\"%s\"", list.length > 0 ? ", " : "", word);
		stage.modules = text_take(&list);
		free(copy);
		return;
	}
	if (dot != NULL && dot < equals) {
		stage.option_modules[n] = copy_bytes(text, (size_t)(dot - text));
		text = dot + 1;
	}
	text_add(&stage.options[n], text);
	stage.option_count++;
}

static void
restart(void)
{
	need_world();
	close_house();
	open_house();
}

static void
closed_with(struct person *person, const char *condition)
{
	listen_to_all();
	if (strcmp(person->condition, condition) != 0)
		fails("%s was closed with \"%s\", not \"%s\"", person->name, person->condition,
		      condition);
}

static bool
is_like(const struct words *words, const char *pattern)
{
	char copy[256], *rest = NULL;
	unsigned i = 0;

	(void)snprintf(copy, sizeof copy, "%s", pattern);
	for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest), i++)
		if (i >= words->count || (strcmp(word, "_") != 0 && strcmp(word, words->word[i]) != 0))
			return false;
	return i == words->count;
}

/* A sentence that ends with a full stop. */
static void
perform(char *sentence)
{
	struct words w = { 0 };
	char *copy, *rest = NULL;

	if (strncmp(sentence, "Option ", 7) == 0) {
		option(sentence + 7);
		return;
	}
	copy = copy_text(sentence);
	for (char *word = strtok_r(copy, " ", &rest); word != NULL && w.count < COUNT(w.word);
	     word = strtok_r(NULL, " ", &rest))
		w.word[w.count++] = word;
#define WHO(i) person_named(w.word[i], NULL)
	if (is_like(&w, "_ connects"))
		log_in(WHO(0), true);
	else if (is_like(&w, "_ connects as _") || is_like(&w, "_ logs in as _"))
		log_in(person_named(strcat(strcat(strcpy((char[256]){ 0 }, w.word[0]), "/"),
		                           w.word[w.count - 1]),
		                    NULL),
		       strcmp(w.word[1], "connects") == 0);
	else if (is_like(&w, "_ of _ connects"))
		log_in(person_named(w.word[0], w.word[2]), true);
	else if (is_like(&w, "_ logs in"))
		log_in(WHO(0), false);
	else if (is_like(&w, "_ disconnects"))
		say(WHO(0), "</stream:stream>"), listen_to_all(), fake_hang_up(WHO(0)->end),
			fake_settle();
	else if (w.count == 3 && is_like(&w, "_ link breaks") && strstr(w.word[0], "'s") != NULL)
		*strstr(w.word[0], "'s") = '\0', fake_reset(WHO(0)->end), fake_settle();
	else if (is_like(&w, "_ and _ are friends"))
		befriend(WHO(0), WHO(2)), befriend(WHO(2), WHO(0));
	else if (is_like(&w, "_ is away"))
		need_world(), need_account(WHO(0));
	else if (is_like(&w, "_ answers")) {
		struct text text = { 0 };

		if (WHO(0)->question == NULL)
			fails("nobody has asked %s anything", w.word[0]);
		text_addf(&text, "<iq type='result' id='%s' to='%s'/>", WHO(0)->question,
		          WHO(0)->asker != NULL ? WHO(0)->asker : DOMAIN);
		say(WHO(0), text.bytes);
		text_clear(&text);
		fake_settle();
	} else if (is_like(&w, "_ hears nothing")) {
		struct heard *heard = next_heard(WHO(0));

		if (heard != NULL)
			fails("%s hears %s", w.word[0], xml_text(heard->arena, heard->element, NS_CLIENT));
	} else if (is_like(&w, "_ is closed with _"))
		closed_with(WHO(0), w.word[4]);
	else if (is_like(&w, "_ _ pass") || is_like(&w, "_ _ passes"))
		fake_pass(number_of(w.word[0]) * unit_of(w.word[1]));
	else if (is_like(&w, "The store fails"))
		need_world(), fake_settle(), store_fail(stage.store, -1);
	else if (is_like(&w, "The store works"))
		store_fail(stage.store, 0);
	else if (is_like(&w, "The server restarts"))
		restart();
	else if (is_like(&w, "Domain _")) {
		for (unsigned i = 0; i < COUNT(stage.domains); i++)
			if (stage.domains[i] == NULL) {
				stage.domains[i] = copy_text(w.word[1]);
				break;
			}
	} else
		fails("what is \"%s\"?", sentence);
#undef WHO
	free(copy);
}

static struct element *
read_stanzas(struct arena *arena, const char *text)
{
	struct text wrapped = { 0 };
	struct element *element;
	struct err err;

	text_addf(&wrapped, "<play xmlns='jabber:client'>%s</play>", text);
	element = element_parse(arena, wrapped.bytes, wrapped.length, &err);
	text_clear(&wrapped);
	if (element == NULL)
		fails("%s", err.text);
	return element;
}

static void
person_says(struct person *person, const char *text)
{
	struct arena *arena = arena_new();
	struct element *all = read_stanzas(arena, text);

	ELEMENT_EACH (all, stanza)
		say(person, xml_text(arena, stanza, NS_CLIENT));
	arena_drop(arena);
	fake_settle();
}

static void
person_hears(struct person *person, const char *text, bool any_order)
{
	struct arena *arena = arena_new();
	struct element *all = read_stanzas(arena, text);
	const struct element *wanted[HEARD_MAX];
	unsigned count = 0, left;

	ELEMENT_EACH (all, stanza)
		wanted[count++] = stanza;
	left = count;
	for (unsigned n = 0; n < count; n++) {
		struct heard *heard = next_heard(person);
		unsigned i = any_order ? 0 : n;

		if (heard == NULL)
			fails("%s hears nothing more, not %s", person->name,
			      xml_text(arena, wanted[n], NS_CLIENT));
		for (; i < (any_order ? count : n + 1); i++)
			if (wanted[i] != NULL && matches(wanted[i], heard->element, true))
				break;
		if (i == (any_order ? count : n + 1))
			fails("%s hears\n\t%s\nnot\n\t%s", person->name,
			      xml_text(heard->arena, heard->element, NS_CLIENT),
			      wanted[n] != NULL ? xml_text(arena, wanted[n], NS_CLIENT) : "(any of them)");
		wanted[i] = NULL;
		left--;
		heard_free(heard);
	}
	must(left == 0);
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
		for (end = at; *end != '\0' && !(*end == '.' && (end[1] == ' ' || end[1] == '\0')); end++)
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

static bool
ends(const char *line, const char *with)
{
	size_t a = strlen(line), b = strlen(with);

	return a > b && strcmp(line + a - b, with) == 0;
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

		at++;
		if (more)
			line[strcspn(line, "\r\n")] = '\0';
		if (more && line[0] == '\t') {
			text_add(&block, line + 1);
			text_add(&block, "\n");
			continue;
		}
		if (head != NULL) {
			char name[128];

			stage.line = head_line;
			(void)sscanf(head, "%127s", name);
			if (ends(head, " says"))
				person_says(person_named(name, NULL), block.bytes ? block.bytes : "");
			else
				person_hears(person_named(name, NULL), block.bytes ? block.bytes : "",
				             ends(head, " in any order"));
			free(head);
			head = NULL;
			text_empty(&block);
			if (block.bytes != NULL)
				block.bytes[0] = '\0';
		}
		if (!more)
			break;
		stage.line = at;
		if (line[0] == '\0' || line[0] == '#')
			continue;
		if (ends(line, " says") || ends(line, " hears") || ends(line, " hears in any order")) {
			head = copy_text(line);
			head_line = at;
		} else {
			perform_line(line);
		}
	}
	free(line);
	text_clear(&block);
}

static bool
play(const char *path, unsigned shards, uint64_t seed)
{
	FILE *file = fopen(path, "r");
	bool good = true;

	memset(&stage, 0, sizeof stage);
	stage.file = path;
	stage.shards = shards;
	stage.seed = seed;
	if (file == NULL) {
		fprintf(stderr, "could not open %s\n", path);
		return false;
	}
	if (setjmp(stage.failed) == 0) {
		run(file);
	} else {
		good = false;
		fprintf(stderr, "%s:%d: (%u shard%s) %s\n", path, stage.line, shards,
		        shards == 1 ? "" : "s", stage.why);
	}
	fclose(file);
	if (!good)
		return false;	/* the world stays as it was: the process ends soon */
	close_world();
	return good;
}

int
main(int argc, char **argv)
{
	unsigned shards = 0;
	uint64_t seed = 0;
	int failed = 0, passed = 0;
	struct err err;
	const char *level = getenv("STAGE_LOG");
	enum log_level parsed = LOG_ERROR_;

	if (level != NULL)
		(void)log_level_read(&parsed, level);
	log_set_level(parsed);
	if (!loader_open(getenv("STENTOR_MODULES") ? getenv("STENTOR_MODULES") : "modules/.libs", &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--shards") == 0 && i + 1 < argc) {
			shards = (unsigned)atoi(argv[++i]);
		} else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
			seed = strtoull(argv[++i], NULL, 10);
		} else if (shards > 0) {
			*(play(argv[i], shards, seed) ? &passed : &failed) += 1;
		} else {
			*(play(argv[i], 1, seed) && play(argv[i], 3, seed) ? &passed : &failed) += 1;
		}
		if (failed > 0)
			break;
	}
	if (failed == 0)
		loader_close();
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
