/* SPDX-License-Identifier: MIT */
/*
 * A new instance: DIR/stentor.conf, DIR/certs/DOMAIN.crt and .key, DIR/data, and for a store
 * that wants a password DIR/store-password.
 *
 * Everything that can be wrong is found before anything is written; a folder that holds an
 * instance, or a part of one, is refused.
 */
#include "main/local.h"

#include "base/arena.h"
#include "base/codec.h"
#include "net/tls.h"
#include "xmpp/jid.h"
#include "main/settings.h"
#include "main/store_url.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DOMAINS_MAX 64
#define GIVEN_MAX   (24 + 3 * DOMAINS_MAX)

struct init {
	struct arena *arena;
	const char *folder;
	const char *domains[DOMAINS_MAX + 1]; /* NULL-terminated */
	size_t domain_count;
	int64_t base; /* 0: the usual ports */
	const char *tls, *registration, *ca;
	struct store_url store;
	char password[STORE_PASSWORD_ROOM]; /* of the store */
	struct conf_given given[GIVEN_MAX];
	size_t given_count;
};

static bool
domains_read(struct init *init, const char *words, struct err *err)
{
	char *rest = words ? arena_copy(init->arena, words) : NULL, *word;

	if (words == NULL)
		return err_fail(err, ERR_SYNTAX,
				"--domain is missing: say --domain NAME, for instance "
				"--domain localhost");
	while ((word = strsep(&rest, " ")) != NULL) {
		const char *name;

		if (*word == '\0')
			continue;
		name = jid_prepare_domain(init->arena, word, err);
		if (name == NULL)
			return err_add(err, "--domain \"%s\"", word);
		if (strchr(name, '/') != NULL || name[0] == '.')
			return err_fail(err, ERR_SYNTAX, "--domain: \"%s\" is not a domain", word);
		for (size_t i = 0; i < init->domain_count; i++)
			if (text_is(init->domains[i], name))
				return err_fail(err, ERR_SYNTAX, "--domain \"%s\" is said twice",
						name);
		if (init->domain_count == DOMAINS_MAX)
			return err_fail(err, ERR_LIMIT, "more than %d domains", DOMAINS_MAX);
		init->domains[init->domain_count++] = name;
	}
	return init->domain_count > 0 || err_fail(err, ERR_SYNTAX, "--domain must not be empty");
}

static bool
word_read(const char **word, const struct call *call, const char *name, const char *const *words,
	  struct err *err)
{
	const char *said = call_text(call, name), *near;

	*word = said ? said : words[0];
	for (const char *const *w = words; *w != NULL; w++)
		if (text_is(*w, *word))
			return true;
	near = text_nearest(said, words);
	return err_fail(err, ERR_SYNTAX, "--%s: \"%s\" is not %s%s%s%s%s%s", name, said, words[0],
			words[1] ? " or " : "", words[1] ? words[1] : "",
			near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static bool
store_read_words(struct init *init, const struct call *call, struct err *err)
{
	const char *said = call_text(call, "store");

	init->ca = call_text(call, "store-ca");
	if (!store_url_read(&init->store, init->arena, said ? said : storage_drivers[0], err))
		return err_add(err, "--store");
	if (init->ca != NULL && init->store.host == NULL)
		return err_fail(err, ERR_SYNTAX,
				"--store-ca is for a store on MariaDB that has a host");
	if (init->ca != NULL && access(init->ca, R_OK) != 0)
		return err_fail(err, ERR_SYSTEM, "--store-ca: could not read \"%s\": %s", init->ca,
				strerror(errno));
	return true;
}

static bool
init_read(struct init *init, const struct call *call, struct err *err)
{
	static const char *const tls[] = { "required", "optional", NULL };
	static const char *const registration[] = { "closed", "open", NULL };
	const char *base = call_text(call, "port-base");
	char *end = NULL;

	init->folder = call_text(call, "dir");
	if (!domains_read(init, call_text(call, "domain"), err) ||
	    !word_read(&init->tls, call, "tls", tls, err) ||
	    !word_read(&init->registration, call, "registration", registration, err) ||
	    !store_read_words(init, call, err))
		return false;
	if (base != NULL) {
		init->base = strtoll(base, &end, 10);
		if (*base == '\0' || *end != '\0')
			return err_fail(err, ERR_SYNTAX, "--port-base: \"%s\" is not a number",
					base);
		if (init->base < 1 || init->base > 65535 - 80)
			return err_fail(err, ERR_LIMIT,
					"--port-base: %" PRId64 " is not between 1 and %d",
					init->base, 65535 - 80);
	}
	if (text_is(init->tls, "optional") && init->base == 0)
		return err_fail(err, ERR_SYNTAX,
				"--tls optional is accepted on loopback addresses only: say "
				"--port-base N as well, which listens on 127.0.0.1 and ::1");
	return store_password_read(init->password, &init->store,
				   call_text(call, "store-password-file"), err);
}

/* --- the configuration --- */

static void
give(struct init *init, const char *path, const char *value)
{
	must(init->given_count < GIVEN_MAX);
	init->given[init->given_count++] = (struct conf_given) { path, value };
}

static void
give_port(struct init *init, const char *path, int usual, int offset)
{
	int64_t port = init->base ? init->base + offset : usual;

	give(init, path, arena_format(init->arena, "%" PRId64, port));
}

static void
give_option(void *ctx, const char *name, const char *value)
{
	struct init *init = ctx;

	give(init, arena_format(init->arena, "store.%s", name), value);
}

static void
configuration_write(struct init *init, struct text *out)
{
	struct arena *arena = init->arena;

	give(init, "data", "\"data\"");
	give(init, "listen.addresses",
	     init->base ? "{ \"127.0.0.1\", \"::1\" }" : "{ \"0.0.0.0\", \"::\" }");
	give_port(init, "listen.client_port", 5222, 22);
	give_port(init, "listen.client_tls_port", 5223, 23);
	give_port(init, "listen.server_port", 5269, 69);
	give_port(init, "listen.server_tls_port", 5270, 70);
	give_port(init, "listen.http_port", 5280, 80);
	give_port(init, "listen.https_port", 5443, 43);
	store_url_options(&init->store, arena, init->ca,
			  init->password[0] != '\0' ? STORE_PASSWORD_FILE : NULL, give_option,
			  init);
	give(init, "streams.tls", arena_format(arena, "\"%s\"", init->tls));
	for (size_t i = 0; i < init->domain_count; i++) {
		const char *name = init->domains[i];

		give(init, arena_format(arena, "domain:%s.registration", name),
		     arena_format(arena, "\"%s\"", init->registration));
		give(init, arena_format(arena, "domain:%s.certificate", name),
		     arena_format(arena, "\"certs/%s.crt\"", name));
		give(init, arena_format(arena, "domain:%s.key", name),
		     arena_format(arena, "\"certs/%s.key\"", name));
	}
	text_add(out,
		 "# The configuration of a Stentor server, made by `stentorctl init`.\n"
		 "# Every option there is stands here; those behind a # have the value shown.\n"
		 "# `stentorctl conf check` looks whether all is well, `stentorctl reload` "
		 "applies\n"
		 "# changes.  stentor.conf(5) says the same at length.\n\n");
	conf_sample(out, settings_root(), init->given, init->given_count);
}

/* --- files --- */

static bool
folder_make(const char *path, mode_t mode, struct err *err)
{
	struct stat about;

	if (mkdir(path, mode) == 0)
		return true;
	if (errno == EEXIST && stat(path, &about) == 0 && S_ISDIR(about.st_mode))
		return true;
	return err_fail(err, ERR_SYSTEM, "could not make the folder \"%s\": %s", path,
			strerror(errno == EEXIST ? ENOTDIR : errno));
}

/* The folders above `path`, too. */
static bool
folders_make(struct arena *arena, const char *path, mode_t mode, struct err *err)
{
	char *part = arena_copy(arena, path);

	for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (access(part, F_OK) != 0 && !folder_make(part, 0755, err))
			return false;
		*slash = '/';
	}
	return folder_make(path, mode, err);
}

static bool
refuse_instance(struct init *init, struct err *err)
{
	static const char *const parts[] = { "stentor.conf", "data", "certs", STORE_PASSWORD_FILE };
	struct stat about;

	for (size_t i = 0; i < COUNT(parts); i++) {
		const char *path = arena_format(init->arena, "%s/%s", init->folder, parts[i]);

		if (lstat(path, &about) == 0)
			return err_fail(err, ERR_EXISTS,
					"\"%s\" holds an instance already (there is \"%s\"); "
					"nothing was "
					"changed",
					init->folder, parts[i]);
	}
	return true;
}

static bool
file_write(const char *path, const struct text *text, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	size_t done = 0;

	while (fd >= 0 && done < text->length) {
		ssize_t count = write(fd, text->bytes + done, text->length - done);

		if (count < 0 && errno != EINTR)
			break;
		done += count > 0 ? (size_t)count : 0;
	}
	if (fd >= 0 && done == text->length && fsync(fd) == 0 && close(fd) == 0)
		return true;
	err_fail(err, ERR_SYSTEM, "could not write \"%s\": %s", path, strerror(errno));
	if (fd >= 0)
		unlink(path);
	return false;
}

static bool
certificate_make(struct init *init, const char *name, json_t *made, struct err *err)
{
	const char *crt = arena_format(init->arena, "%s/certs/%s.crt", init->folder, name);
	const char *key = arena_format(init->arena, "%s/certs/%s.key", init->folder, name);
	const char *const names[] = { name, NULL };
	char fingerprint[128] = "";

	if (!tls_make_self_signed(names, crt, key, err) || !tls_fingerprint(crt, fingerprint, err))
		return err_add(err, "certificate of \"%s\"", name);
	json_array_append_new(made, json_pack("{s:s, s:s, s:s}", "domain", name, "certificate", crt,
					      "fingerprint", fingerprint));
	return true;
}

static bool
init_write(struct init *init, const char *conf_path, json_t *certificates, struct err *err)
{
	struct text text = { 0 };
	bool good;

	good = folders_make(init->arena, init->folder, 0755, err) &&
	       folder_make(arena_format(init->arena, "%s/certs", init->folder), 0750, err) &&
	       folder_make(arena_format(init->arena, "%s/data", init->folder), 0700, err);
	for (size_t i = 0; good && i < init->domain_count; i++)
		good = certificate_make(init, init->domains[i], certificates, err);
	if (good && init->password[0] != '\0')
		good = store_password_write(init->folder, init->password, err);
	/* Last, for it is what makes a folder an instance. */
	if (good) {
		configuration_write(init, &text);
		good = file_write(conf_path, &text, err);
	}
	text_clear(&text);
	return good;
}

/* Nothing of an instance that could not be made stays behind. */
static void
init_unwrite(struct init *init, const char *conf_path)
{
	static const char *const ends[] = { "crt", "key" };
	static const char *const folders[] = { "certs", "data" };

	unlink(conf_path);
	unlink(arena_format(init->arena, "%s/" STORE_PASSWORD_FILE, init->folder));
	for (size_t i = 0; i < init->domain_count; i++)
		for (size_t j = 0; j < COUNT(ends); j++)
			unlink(arena_format(init->arena, "%s/certs/%s.%s", init->folder,
					    init->domains[i], ends[j]));
	for (size_t i = 0; i < COUNT(folders); i++)
		rmdir(arena_format(init->arena, "%s/%s", init->folder, folders[i]));
	rmdir(init->folder); /* if it was empty before */
}

static void
result_say(struct call *call, struct init *init, const char *conf_path, json_t *certificates)
{
	static const struct {
		const char *service;
		int usual, offset;
	} ports[] = {
		{ "client", 5222, 22 },
		{ "client, direct TLS", 5223, 23 },
	};
	json_t *open = json_array();

	for (size_t i = 0; i < COUNT(ports); i++)
		json_array_append_new(open,
				      json_pack("{s:s, s:I}", "service", ports[i].service, "port",
						(json_int_t)(init->base
								     ? init->base + ports[i].offset
								     : ports[i].usual)));
	call_result(call, json_pack("{s:s, s:o, s:o, s:[s, s]}", "configuration", conf_path,
				    "certificates", certificates, "ports", open, "next",
				    arena_format(init->arena, "stentorctl -c %s account add YOU@%s",
						 conf_path, init->domains[0]),
				    arena_format(init->arena, "stentord -c %s", conf_path)));
}

void
run_init(struct call *call)
{
	struct arena *arena = arena_new();
	struct init *init = NEW(arena, struct init);
	json_t *certificates = json_array();
	struct text faults = { 0 };
	struct conf *conf;
	const char *conf_path;
	struct err err;

	init->arena = arena;
	if (!init_read(init, call, &err))
		goto fail;
	conf_path = arena_format(arena, "%s/stentor.conf", init->folder);
	if (!refuse_instance(init, &err))
		goto fail;
	if (!init_write(init, conf_path, certificates, &err)) {
		init_unwrite(init, conf_path);
		goto fail;
	}
	conf = settings_read(conf_path, &faults);
	if (conf == NULL) {
		init_unwrite(init, conf_path);
		err_fail(&err, ERR_SYSTEM, "what was written has faults: %s", faults.bytes);
		goto fail;
	}
	conf_drop(conf);
	result_say(call, init, conf_path, certificates);
	wipe(init->password, sizeof init->password);
	arena_drop(arena);
	return;
fail:
	wipe(init->password, sizeof init->password);
	json_decref(certificates);
	text_clear(&faults);
	call_fail(call, err.kind, "%s", err.text);
	arena_drop(arena);
}
