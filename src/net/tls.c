/* SPDX-License-Identifier: MIT */
/*
 * Certificates by name, for every shard without a lock.
 *
 * Shard 0 keeps the list of credentials in the order they were set.  What the others see
 * is a roll: names, the default and the ticket key, never changed once it is published.
 * After each change shard 0 makes a new roll and posts it around; when the slips are back
 * nobody reads the old one, and it is freed.
 *
 * Credentials that were replaced are retired.  A link holds their `end_point` wire; when
 * nobody but the credentials themselves holds it, and no roll is on its way, they go.
 *
 * A new certificate brings a new ticket key: a resumed session would else be bound to
 * the certificate of the old one (RFC 5929), which we could not tell.
 */
#include "net/tls.h"

#include "base/clock.h"
#include "base/codec.h"
#include "base/list.h"
#include "base/log.h"
#include "base/random.h"
#include "base/table.h"
#include "base/text.h"
#include "loop/shard.h"
#include "net/internal.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHAIN_MAX           16
#define SELF_SIGNED_SECONDS ((int64_t)3650 * 86400)

/* Tells whether a file was written since; all zero when there is none. */
struct stamp {
	int64_t seconds, nanoseconds;
	uint64_t size, node;
};

/* A certificate chain and its key, read from two files. */
struct pair {
	gnutls_x509_crt_t chain[CHAIN_MAX];
	unsigned length;
	gnutls_x509_privkey_t key;
};

struct credentials {
	struct list place; /* in the context's list, or among the retired */
	char *domain;      /* as it was set */
	char *name;        /* as SNI says it: ASCII, lower case */
	char *certificate, *key, *staple;
	struct stamp stamps[3]; /* of the files when they were last tried */
	gnutls_certificate_credentials_t gnutls;
	struct wire *end_point;
};

struct roll {
	gnutls_datum_t ticket_key;
	struct credentials *fallback;
	struct table names;
	unsigned count;
	struct row {
		struct entry entry;
		struct credentials *credentials;
	} rows[];
};

struct publication {
	struct list place;
	struct tls_context *context;
	struct roll *roll, *old;
	unsigned awaited;
	struct slip {
		struct post post;
		struct publication *publication;
	} slips[];
};

struct tls_context {
	gnutls_priority_t priorities;
	struct list all, retired, publications;
	unsigned shards;
	struct roll *current[]; /* one a shard, touched by that shard */
};

static const struct log_scope scope;

static bool pair_read(struct pair *pair, const char *certificate, const char *key, struct err *err);
static void pair_clear(struct pair *pair);
static bool pair_is_trustworthy(const struct pair *pair, const char *domain, struct err *err);
static struct credentials *credentials_load(const char *domain, const char *certificate,
					    const char *key, const char *staple, struct err *err);
static void credentials_free(struct credentials *credentials);
static void credentials_stamp(struct credentials *credentials);
static void load_staple(struct credentials *credentials);
static struct credentials *credentials_of(struct tls_context *context, const char *domain);
static struct wire *end_point_of(gnutls_x509_crt_t certificate);
static void replace(struct tls_context *context, struct credentials *old, struct credentials *new);
static void publish(struct tls_context *context, bool new_ticket_key);
static void roll_arrived(void *arg);
static void slip_returned(void *arg);
static void sweep(struct tls_context *context);
static void roll_free(struct roll *roll);
static const struct credentials *look_up(const struct roll *roll, const char *name);
static bool read_file(gnutls_datum_t *out, const char *what, const char *path, struct err *err);
static bool write_file(const char *path, mode_t mode, const gnutls_datum_t *bytes, struct err *err);
static bool make_certificate(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key,
			     const char *const *names, struct err *err);
static bool name_certificate(gnutls_x509_crt_t crt, const char *name, bool append, struct err *err);
static char *ascii_name(const char *domain);
static struct stamp stamp_of(const char *path);
static bool tls_fail(struct err *err, int code, const char *what);
static void describe(const struct log_scope *self, char *out, size_t room);

static const struct log_scope scope = { NULL, describe };

struct tls_context *
tls_context_new(struct err *err)
{
	unsigned shards = shard_count();
	struct tls_context *context;
	const char *at;
	int code;

	must(shards > 0);
	context = zalloc(sizeof *context + shards * sizeof context->current[0]);
	context->shards = shards;
	list_init(&context->all);
	list_init(&context->retired);
	list_init(&context->publications);
	code = gnutls_priority_init(&context->priorities, TLS_PRIORITIES, &at);
	if (code < 0) {
		free(context);
		err_fail(err, ERR_SYSTEM, "GnuTLS cannot do \"%s\": %s", at, gnutls_strerror(code));
		return NULL;
	}
	publish(context, true);
	return context;
}

void
tls_context_free(struct tls_context **freed)
{
	struct tls_context *context = *freed;
	struct list *node;

	if (context == NULL)
		return;
	while ((node = list_shift(&context->publications)) != NULL) {
		struct publication *publication = LIST_ITEM(node, struct publication, place);

		roll_free(publication->old);
		free(publication);
	}
	roll_free(context->current[shard_index(shard_at(0))]);
	while ((node = list_shift(&context->all)) != NULL)
		credentials_free(LIST_ITEM(node, struct credentials, place));
	while ((node = list_shift(&context->retired)) != NULL)
		credentials_free(LIST_ITEM(node, struct credentials, place));
	gnutls_priority_deinit(context->priorities);
	free(context);
	*freed = NULL;
}

bool
tls_set_certificate(struct tls_context *context, const char *domain, const char *certificate,
		    const char *key, const char *staple, struct err *err)
{
	struct credentials *new = credentials_load(domain, certificate, key, staple, err);

	if (new == NULL)
		return false;
	replace(context, credentials_of(context, domain), new);
	return true;
}

void
tls_forget_certificate(struct tls_context *context, const char *domain)
{
	struct credentials *old = credentials_of(context, domain);

	if (old == NULL)
		return;
	list_remove(&old->place);
	list_append(&context->retired, &old->place);
	publish(context, true);
}

unsigned
tls_reload_changed(struct tls_context *context)
{
	unsigned swapped = 0;

	for (struct list *at = context->all.next, *next; at != &context->all; at = next) {
		struct credentials *each = LIST_ITEM(at, struct credentials, place);
		struct stamp now[3] = { stamp_of(each->certificate), stamp_of(each->key),
					stamp_of(each->staple) };
		struct credentials *new;
		struct err err;

		next = at->next;
		if (memcmp(now, each->stamps, sizeof now) == 0)
			continue;
		new = credentials_load(each->domain, each->certificate, each->key, each->staple,
				       &err);
		if (new == NULL) {
			/* Said once for each time the files change. */
			memcpy(each->stamps, now, sizeof now);
			log_warn(&scope,
				 "could not load the new certificate, the old one stays: %s",
				 err.text);
			continue;
		}
		log_info(&scope, "certificate of \"%s\" loaded anew", each->domain);
		replace(context, each, new);
		swapped++;
	}
	sweep(context);
	return swapped;
}

bool
tls_check_files(const char *domain, const char *certificate, const char *key, int64_t *expires,
		struct err *err)
{
	struct pair pair;
	bool fine;

	if (!pair_read(&pair, certificate, key, err))
		return false;
	if (expires != NULL)
		*expires = gnutls_x509_crt_get_expiration_time(pair.chain[0]);
	fine = pair_is_trustworthy(&pair, domain, err);
	if (!fine)
		err_add(err, "certificate \"%s\"", certificate);
	pair_clear(&pair);
	return fine;
}

bool
tls_make_self_signed(const char *const *names, const char *certificate, const char *key,
		     struct err *err)
{
	gnutls_x509_privkey_t secret;
	gnutls_x509_crt_t crt;
	gnutls_datum_t key_pem = { 0 }, crt_pem = { 0 };
	bool made;
	int code;

	must(names[0] != NULL);
	must(gnutls_x509_privkey_init(&secret) == 0 && gnutls_x509_crt_init(&crt) == 0);
	code = gnutls_x509_privkey_generate(secret, GNUTLS_PK_ECDSA,
					    GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	made = code < 0 ? tls_fail(err, code, "could not make a key")
			: make_certificate(crt, secret, names, err);
	if (made) {
		must(gnutls_x509_privkey_export2(secret, GNUTLS_X509_FMT_PEM, &key_pem) == 0);
		must(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &crt_pem) == 0);
		made = write_file(key, 0600, &key_pem, err) &&
		       write_file(certificate, 0644, &crt_pem, err);
	}
	if (key_pem.data != NULL)
		wipe(key_pem.data, key_pem.size);
	gnutls_free(key_pem.data);
	gnutls_free(crt_pem.data);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(secret);
	return made;
}

bool
tls_fingerprint(const char *certificate, char out[128], struct err *err)
{
	gnutls_datum_t pem, der;
	gnutls_x509_crt_t crt;
	uint8_t hash[32];
	int code;

	if (!read_file(&pem, "certificate", certificate, err))
		return false;
	must(gnutls_x509_crt_init(&crt) == 0);
	code = gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM);
	gnutls_free(pem.data);
	if (code == 0)
		code = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der);
	gnutls_x509_crt_deinit(crt);
	if (code < 0) {
		tls_fail(err, code, "cannot be read as PEM");
		return err_add(err, "certificate \"%s\"", certificate);
	}
	must(gnutls_hash_fast(GNUTLS_DIG_SHA256, der.data, der.size, hash) == 0);
	gnutls_free(der.data);
	out += sprintf(out, "sha-256 ");
	for (size_t i = 0; i < sizeof hash; i++)
		out += sprintf(out, i > 0 ? ":%02X" : "%02X", hash[i]);
	return true;
}

int
tls_session_new(gnutls_session_t *session, struct tls_context *context, bool direct)
{
	const struct roll *roll = context->current[shard_index(shard_here())];
	gnutls_datum_t protocol = { (unsigned char *)"xmpp-client", 11 };
	int code = gnutls_init(session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);

	if (code < 0)
		return code;
	code = gnutls_priority_set(*session, context->priorities);
	if (code == 0)
		code = gnutls_session_ticket_enable_server(*session, &roll->ticket_key);
	if (code == 0 && direct)
		code = gnutls_alpn_set_protocols(*session, &protocol, 1, GNUTLS_ALPN_MANDATORY);
	if (code < 0)
		gnutls_deinit(*session);
	return code;
}

struct wire *
tls_choose(struct tls_context *context, gnutls_session_t session, const char *meant, bool use)
{
	const struct roll *roll = context->current[shard_index(shard_here())];
	const struct credentials *chosen;
	char name[256];
	size_t length = sizeof name - 1;
	unsigned type;

	if (gnutls_server_name_get(session, name, &length, &type, 0) != 0 ||
	    type != GNUTLS_NAME_DNS)
		length = 0;
	name[length] = '\0';
	for (char *c = name; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';

	chosen = look_up(roll, name);
	if (chosen == NULL) /* RFC 6120 §5.4.3.1: the stream's 'to' says it as well */
		chosen = look_up(roll, meant);
	if (chosen == NULL)
		chosen = roll->fallback;
	if (chosen == NULL)
		return NULL;
	if (use && gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, chosen->gnutls) != 0)
		return NULL;
	return wire_hold(chosen->end_point);
}

/* A host of a domain of ours ("xmpp.capulet.example") is served with the domain's. */
static const struct credentials *
look_up(const struct roll *roll, const char *name)
{
	while (name != NULL && *name != '\0') {
		struct row *row = TABLE_ITEM(table_get(&roll->names, name), struct row, entry);

		if (row != NULL)
			return row->credentials;
		name = strchr(name, '.');
		if (name != NULL)
			name++;
	}
	return NULL;
}

/* Puts `new` in the place of `old`, or at the end of the list when there is none. */
static void
replace(struct tls_context *context, struct credentials *old, struct credentials *new)
{
	list_append(old != NULL ? &old->place : &context->all, &new->place);
	if (old != NULL) {
		list_remove(&old->place);
		list_append(&context->retired, &old->place);
	}
	publish(context, old != NULL);
}

static void
publish(struct tls_context *context, bool new_ticket_key)
{
	struct roll *old = context->current[0], *roll;
	struct publication *publication;
	unsigned n = 0;

	must(shard_here() == shard_at(0));
	for (struct list *at = context->all.next; at != &context->all; at = at->next)
		n++;
	roll = zalloc(sizeof *roll + n * sizeof roll->rows[0]);
	for (struct list *at = context->all.next; at != &context->all; at = at->next) {
		struct credentials *each = LIST_ITEM(at, struct credentials, place);
		struct row *row = &roll->rows[roll->count++];

		row->credentials = each;
		table_put(&roll->names, &row->entry, each->name);
		if (roll->fallback == NULL)
			roll->fallback = each;
	}
	if (new_ticket_key || old == NULL) {
		must(gnutls_session_ticket_key_generate(&roll->ticket_key) == 0);
	} else {
		roll->ticket_key.size = old->ticket_key.size;
		roll->ticket_key.data = gnutls_malloc(old->ticket_key.size);
		must(roll->ticket_key.data != NULL);
		memcpy(roll->ticket_key.data, old->ticket_key.data, old->ticket_key.size);
	}

	context->current[0] = roll;
	if (!shards_are_running() || context->shards == 1) {
		for (unsigned i = 1; i < context->shards; i++)
			context->current[i] = roll;
		roll_free(old);
		sweep(context);
		return;
	}
	publication = zalloc(sizeof *publication + context->shards * sizeof publication->slips[0]);
	publication->context = context;
	publication->roll = roll;
	publication->old = old;
	publication->awaited = context->shards - 1;
	list_append(&context->publications, &publication->place);
	for (unsigned i = 1; i < context->shards; i++) {
		publication->slips[i].publication = publication;
		shard_post(shard_at(i), &publication->slips[i].post, roll_arrived,
			   &publication->slips[i]);
	}
}

static void
roll_arrived(void *arg) /* on each shard but 0 */
{
	struct slip *slip = arg;
	struct publication *publication = slip->publication;

	publication->context->current[shard_index(shard_here())] = publication->roll;
	shard_post(shard_at(0), &slip->post, slip_returned, slip);
}

static void
slip_returned(void *arg) /* on shard 0, one at a time */
{
	struct publication *publication = ((struct slip *)arg)->publication;
	struct tls_context *context = publication->context;

	if (--publication->awaited > 0)
		return;
	list_remove(&publication->place);
	roll_free(publication->old);
	free(publication);
	sweep(context);
}

/* Frees the retired credentials that nobody uses any more. */
static void
sweep(struct tls_context *context)
{
	if (!list_is_empty(&context->publications))
		return;
	for (struct list *at = context->retired.next, *next; at != &context->retired; at = next) {
		struct credentials *each = LIST_ITEM(at, struct credentials, place);

		next = at->next;
		if (each->end_point->holds > 1)
			continue;
		list_remove(&each->place);
		credentials_free(each);
	}
}

static void
roll_free(struct roll *roll)
{
	if (roll == NULL)
		return;
	table_clear(&roll->names);
	wipe(roll->ticket_key.data, roll->ticket_key.size);
	gnutls_free(roll->ticket_key.data);
	free(roll);
}

static struct credentials *
credentials_of(struct tls_context *context, const char *domain)
{
	char *name = ascii_name(domain);
	struct credentials *found = NULL;

	for (struct list *at = context->all.next; at != &context->all; at = at->next)
		if (strcmp(LIST_ITEM(at, struct credentials, place)->name, name) == 0)
			found = LIST_ITEM(at, struct credentials, place);
	free(name);
	return found;
}

static struct credentials *
credentials_load(const char *domain, const char *certificate, const char *key, const char *staple,
		 struct err *err)
{
	struct credentials *credentials = zalloc(sizeof *credentials);
	struct pair pair;
	struct err doubt;
	int code;

	credentials->domain = copy_text(domain);
	credentials->name = ascii_name(domain);
	credentials->certificate = copy_text(certificate);
	credentials->key = copy_text(key);
	credentials->staple = copy_text(staple);

	/* Stamped before it is read: what is written meanwhile is then read again. */
	credentials_stamp(credentials);
	if (!pair_read(&pair, certificate, key, err)) {
		credentials_free(credentials);
		return NULL;
	}
	if (!pair_is_trustworthy(&pair, domain, &doubt))
		log_warn(&scope, "certificate \"%s\" will not be trusted: %s", certificate,
			 doubt.text);
	must(gnutls_certificate_allocate_credentials(&credentials->gnutls) == 0);
	code = gnutls_certificate_set_x509_key(credentials->gnutls, pair.chain, (int)pair.length,
					       pair.key);
	if (code >= 0)
		credentials->end_point = end_point_of(pair.chain[0]);
	pair_clear(&pair);
	if (code < 0) {
		tls_fail(err, code, "cannot be used");
		err_add(err, "certificate \"%s\"", certificate);
		credentials_free(credentials);
		return NULL;
	}
	load_staple(credentials);
	return credentials;
}

static void
credentials_free(struct credentials *credentials)
{
	if (credentials->gnutls != NULL)
		gnutls_certificate_free_credentials(credentials->gnutls);
	if (credentials->end_point != NULL)
		wire_drop(credentials->end_point);
	free(credentials->domain);
	free(credentials->name);
	free(credentials->certificate);
	free(credentials->key);
	free(credentials->staple);
	free(credentials);
}

static void
credentials_stamp(struct credentials *credentials)
{
	credentials->stamps[0] = stamp_of(credentials->certificate);
	credentials->stamps[1] = stamp_of(credentials->key);
	credentials->stamps[2] = stamp_of(credentials->staple);
}

/* A staple is a courtesy: without one, peers ask the authority themselves. */
static void
load_staple(struct credentials *credentials)
{
	int code;

	if (credentials->staple == NULL || access(credentials->staple, F_OK) != 0)
		return;
	code = gnutls_certificate_set_ocsp_status_request_file(credentials->gnutls,
							       credentials->staple, 0);
	if (code < 0)
		log_warn(&scope, "could not use the OCSP response \"%s\": %s", credentials->staple,
			 gnutls_strerror(code));
}

/* RFC 5929 §4.1: the certificate's hash, by the hash of its signature, but by SHA-256
 * where that is MD5 or SHA-1; undefined where a signature has no hash of its own. */
static struct wire *
end_point_of(gnutls_x509_crt_t certificate)
{
	int sign = gnutls_x509_crt_get_signature_algorithm(certificate);
	gnutls_digest_algorithm_t digest = gnutls_sign_get_hash_algorithm(sign);
	struct wire *end_point;
	gnutls_datum_t der;

	if (digest == GNUTLS_DIG_MD5 || digest == GNUTLS_DIG_SHA1)
		digest = GNUTLS_DIG_SHA256;
	if (sign < 0 || digest == GNUTLS_DIG_UNKNOWN || digest == GNUTLS_DIG_NULL ||
	    gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_DER, &der) < 0)
		return wire_new(NULL, 0);
	end_point = wire_new(NULL, gnutls_hash_get_len(digest));
	must(gnutls_hash_fast(digest, der.data, der.size, end_point->bytes) == 0);
	gnutls_free(der.data);
	return end_point;
}

static bool
pair_read(struct pair *pair, const char *certificate, const char *key, struct err *err)
{
	uint8_t public_id[64], secret_id[64];
	size_t public_length = sizeof public_id, secret_length = sizeof secret_id;
	gnutls_datum_t pem;
	int code;

	memset(pair, 0, sizeof *pair);
	if (!read_file(&pem, "certificate", certificate, err))
		return false;
	pair->length = CHAIN_MAX;
	code = gnutls_x509_crt_list_import(pair->chain, &pair->length, &pem, GNUTLS_X509_FMT_PEM,
					   GNUTLS_X509_CRT_LIST_SORT |
						   GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
	gnutls_free(pem.data);
	if (code <= 0) {
		pair->length = 0;
		tls_fail(err, code, "cannot be read as PEM");
		return err_add(err, "certificate \"%s\"", certificate);
	}

	if (!read_file(&pem, "key", key, err)) {
		pair_clear(pair);
		return false;
	}
	must(gnutls_x509_privkey_init(&pair->key) == 0);
	code = gnutls_x509_privkey_import2(pair->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	wipe(pem.data, pem.size);
	gnutls_free(pem.data);
	if (code == GNUTLS_E_DECRYPTION_FAILED) {
		pair_clear(pair);
		return err_fail(err, ERR_SYNTAX,
				"key \"%s\": it is locked by a password, which we cannot give",
				key);
	}
	if (code < 0) {
		pair_clear(pair);
		tls_fail(err, code, "cannot be read as PEM");
		return err_add(err, "key \"%s\"", key);
	}

	if (gnutls_x509_crt_get_key_id(pair->chain[0], GNUTLS_KEYID_USE_SHA256, public_id,
				       &public_length) != 0 ||
	    gnutls_x509_privkey_get_key_id(pair->key, GNUTLS_KEYID_USE_SHA256, secret_id,
					   &secret_length) != 0 ||
	    public_length != secret_length || memcmp(public_id, secret_id, public_length) != 0) {
		pair_clear(pair);
		return err_fail(err, ERR_REFUSED,
				"key \"%s\" does not belong to certificate \"%s\"", key,
				certificate);
	}
	return true;
}

static void
pair_clear(struct pair *pair)
{
	for (unsigned i = 0; i < pair->length; i++)
		gnutls_x509_crt_deinit(pair->chain[i]);
	if (pair->key != NULL)
		gnutls_x509_privkey_deinit(pair->key);
	memset(pair, 0, sizeof *pair);
}

static bool
pair_is_trustworthy(const struct pair *pair, const char *domain, struct err *err)
{
	time_t from = gnutls_x509_crt_get_activation_time(pair->chain[0]);
	time_t until = gnutls_x509_crt_get_expiration_time(pair->chain[0]);
	int64_t now = now_seconds();
	char day[32];
	struct tm tm;

	if (domain != NULL && !gnutls_x509_crt_check_hostname(pair->chain[0], domain))
		return err_fail(err, ERR_REFUSED, "it is not for \"%s\"", domain);
	if (now < from) {
		strftime(day, sizeof day, "%Y-%m-%d %H:%M UTC", gmtime_r(&from, &tm));
		return err_fail(err, ERR_REFUSED, "it is not valid before %s", day);
	}
	if (now > until) {
		strftime(day, sizeof day, "%Y-%m-%d %H:%M UTC", gmtime_r(&until, &tm));
		return err_fail(err, ERR_REFUSED, "it expired on %s", day);
	}
	return true;
}

static bool
make_certificate(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const char *const *names,
		 struct err *err)
{
	int64_t now = now_seconds();
	uint8_t serial[16], id[20];
	size_t id_length = sizeof id;
	bool localhost = false;
	char *common;
	int code;

	random_bytes(serial, sizeof serial);
	serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and of full length */
	common = ascii_name(names[0]);
	code = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, common,
					     (unsigned)strlen(common));
	free(common);
	if (code < 0)
		return tls_fail(err, code, "could not name a certificate");
	for (unsigned i = 0; names[i] != NULL; i++) {
		char *wide = format_text("*.%s", names[i]);
		bool named = name_certificate(crt, names[i], i > 0, err) &&
			     name_certificate(crt, wide, true, err);

		free(wide);
		if (!named)
			return false;
		if (strcmp(names[i], "localhost") == 0)
			localhost = true;
	}
	if (!localhost && !name_certificate(crt, "localhost", true, err))
		return false;
	if ((code = gnutls_x509_crt_set_version(crt, 3)) < 0 ||
	    (code = gnutls_x509_crt_set_serial(crt, serial, sizeof serial)) < 0 ||
	    (code = gnutls_x509_crt_set_activation_time(crt, now - 86400)) < 0 ||
	    (code = gnutls_x509_crt_set_expiration_time(crt, now + SELF_SIGNED_SECONDS)) < 0 ||
	    (code = gnutls_x509_crt_set_key(crt, key)) < 0 ||
	    (code = gnutls_x509_crt_set_basic_constraints(crt, 0, -1)) < 0 ||
	    (code = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE)) < 0 ||
	    (code = gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0)) < 0 ||
	    (code = gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_CLIENT, 0)) < 0 ||
	    (code = gnutls_x509_crt_get_key_id(crt, 0, id, &id_length)) < 0 ||
	    (code = gnutls_x509_crt_set_subject_key_id(crt, id, id_length)) < 0 ||
	    (code = gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0)) < 0)
		return tls_fail(err, code, "could not make a certificate");
	return true;
}

static bool
name_certificate(gnutls_x509_crt_t crt, const char *name, bool append, struct err *err)
{
	char *ascii = ascii_name(name);
	int code =
		gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, ascii,
						     (unsigned)strlen(ascii),
						     append ? GNUTLS_FSAN_APPEND : GNUTLS_FSAN_SET);

	free(ascii);
	return code >= 0 || tls_fail(err, code, "could not name a certificate");
}

/* A domain as DNS and TLS say it; what cannot be said so stays as it is and is never
 * asked for. */
static char *
ascii_name(const char *domain)
{
	gnutls_datum_t mapped;
	char *name;

	if (gnutls_idna_map(domain, (unsigned)strlen(domain), &mapped, 0) == 0) {
		name = copy_bytes((const char *)mapped.data, mapped.size);
		gnutls_free(mapped.data);
	} else {
		name = copy_text(domain);
	}
	for (char *c = name; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';
	return name;
}

static struct stamp
stamp_of(const char *path)
{
	struct stamp stamp = { 0 };
	struct stat file;

	if (path != NULL && stat(path, &file) == 0) {
		stamp.seconds = file.st_mtim.tv_sec;
		stamp.nanoseconds = file.st_mtim.tv_nsec;
		stamp.size = (uint64_t)file.st_size;
		stamp.node = file.st_ino;
	}
	return stamp;
}

static bool
read_file(gnutls_datum_t *out, const char *what, const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), why = errno;
	struct stat file;
	int code;

	if (fd < 0)
		return err_fail(err, why == ENOENT ? ERR_ABSENT : ERR_SYSTEM,
				"could not read %s \"%s\": %s", what, path, strerrordesc_np(why));
	if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) {
		close(fd);
		return err_fail(err, ERR_SYNTAX, "%s \"%s\" is not a file", what, path);
	}
	close(fd);
	code = gnutls_load_file(path, out);
	if (code < 0) {
		tls_fail(err, code, "could not be read");
		return err_add(err, "%s \"%s\"", what, path);
	}
	return true;
}

/* Written beside and renamed, so that nobody ever sees half of it. */
static bool
write_file(const char *path, mode_t mode, const gnutls_datum_t *bytes, struct err *err)
{
	char *beside = format_text("%s.new", path);
	bool written;
	int fd, why;

	unlink(beside);
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	written = fd >= 0 && write(fd, bytes->data, bytes->size) == (ssize_t)bytes->size &&
		  fsync(fd) == 0 && rename(beside, path) == 0;
	why = errno;
	if (fd >= 0)
		close(fd);
	if (!written)
		unlink(beside);
	free(beside);
	return written ||
	       err_fail(err, ERR_SYSTEM, "could not write \"%s\": %s", path, strerrordesc_np(why));
}

static bool
tls_fail(struct err *err, int code, const char *what)
{
	return err_fail(err, ERR_SYNTAX, "%s: %s", what,
			code < 0 ? gnutls_strerror(code) : "there is nothing in it");
}

static void
describe(const struct log_scope *self, char *out, size_t room)
{
	(void)self;
	snprintf(out, room, "tls");
}
