/* SPDX-License-Identifier: MIT */
/* Certificates: making, checking, changing; and what our priorities allow. */
#include "net/tls.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "loop/shard.h"
#include "net/internal.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test-tls-XXXXXX";
static char logged[4096];

static const char *
at(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

static void
write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	must(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void
copy_file(const char *to, const char *from)
{
	gnutls_datum_t all;

	must(gnutls_load_file(from, &all) == 0);
	write_text(to, (char *)all.data);
	gnutls_free(all.data);
}

static void
listen_to_log(enum log_level level, const char *line, void *arg)
{
	size_t length = strlen(logged);

	(void)level;
	(void)arg;
	snprintf(logged + length, sizeof logged - length, "%s\n", line);
}

/* A certificate for `name`, valid from one time to another. */
static void
make_pair(const char *certificate, const char *key, const char *name, time_t from, time_t until,
	  gnutls_digest_algorithm_t digest)
{
	gnutls_x509_privkey_t secret;
	gnutls_x509_crt_t crt;
	gnutls_datum_t pem;

	gnutls_x509_privkey_init(&secret);
	gnutls_x509_crt_init(&crt);
	must(gnutls_x509_privkey_generate(secret, GNUTLS_PK_RSA, 2048, 0) == 0);
	gnutls_x509_crt_set_version(crt, 3);
	gnutls_x509_crt_set_serial(crt, "\1", 1);
	gnutls_x509_crt_set_activation_time(crt, from);
	gnutls_x509_crt_set_expiration_time(crt, until);
	gnutls_x509_crt_set_key(crt, secret);
	gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name),
					     GNUTLS_FSAN_SET);
	must(gnutls_x509_crt_sign2(crt, crt, secret, digest, 0) == 0);
	must(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem) == 0);
	write_text(certificate, (char *)pem.data);
	gnutls_free(pem.data);
	must(gnutls_x509_privkey_export2(secret, GNUTLS_X509_FMT_PEM, &pem) == 0);
	write_text(key, (char *)pem.data);
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(secret);
}

static void
a_self_signed_pair_is_right_for_its_names(void **state)
{
	const char *names[] = { "capulet.example", "bücher.example", NULL };
	int64_t expires = 0;
	struct err err;
	struct stat file;

	(void)state;
	assert_true(tls_make_self_signed(names, at("own.crt"), at("own.key"), &err));
	assert_int_equal(stat(at("own.key"), &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
	assert_true(
		tls_check_files("capulet.example", at("own.crt"), at("own.key"), &expires, &err));
	assert_in_range(expires, now_seconds() + (int64_t)3640 * 86400,
			now_seconds() + (int64_t)3660 * 86400);
	assert_true(tls_check_files("conference.capulet.example", at("own.crt"), at("own.key"),
				    NULL, &err));
	assert_true(tls_check_files("bücher.example", at("own.crt"), at("own.key"), NULL, &err));
	assert_true(tls_check_files("localhost", at("own.crt"), at("own.key"), NULL, &err));
	assert_false(tls_check_files("montague.example", at("own.crt"), at("own.key"), NULL, &err));
	assert_non_null(strstr(err.text, "it is not for \"montague.example\""));
}

static void
two_self_signed_certificates_differ(void **state)
{
	const char *names[] = { "capulet.example", NULL };
	char first[128], second[128];

	(void)state;
	assert_true(tls_make_self_signed(names, at("a.crt"), at("a.key"), NULL));
	assert_true(tls_fingerprint(at("a.crt"), first, NULL));
	assert_true(tls_make_self_signed(names, at("a.crt"), at("a.key"), NULL));
	assert_true(tls_fingerprint(at("a.crt"), second, NULL));
	assert_string_not_equal(first, second);
	assert_int_equal(strlen(first), strlen("sha-256 ") + 32 * 3 - 1);
	assert_int_equal(strncmp(first, "sha-256 ", 8), 0);
}

static void
a_folder_that_cannot_be_written_is_named(void **state)
{
	const char *names[] = { "capulet.example", NULL };
	struct err err;

	(void)state;
	assert_false(tls_make_self_signed(names, "/nowhere/x.crt", "/nowhere/x.key", &err));
	assert_non_null(strstr(err.text, "\"/nowhere/x.key\""));
}

static void
each_fault_has_its_own_words(void **state)
{
	time_t now = now_seconds();
	struct err err;

	(void)state;
	make_pair(at("old.crt"), at("old.key"), "capulet.example", now - 90000, now - 3600,
		  GNUTLS_DIG_SHA256);
	make_pair(at("new.crt"), at("new.key"), "capulet.example", now + 3600, now + 90000,
		  GNUTLS_DIG_SHA256);
	write_text(at("junk"), "this is not PEM\n");
	write_text(at("empty"), "");

	assert_false(tls_check_files(NULL, at("none.crt"), at("old.key"), NULL, &err));
	assert_int_equal(err.kind, ERR_ABSENT);
	assert_non_null(strstr(err.text, "could not read certificate"));
	assert_false(tls_check_files(NULL, at("old.crt"), at("none.key"), NULL, &err));
	assert_non_null(strstr(err.text, "could not read key"));
	assert_false(tls_check_files(NULL, folder, at("old.key"), NULL, &err));
	assert_non_null(strstr(err.text, "is not a file"));
	assert_false(tls_check_files(NULL, at("junk"), at("old.key"), NULL, &err));
	assert_non_null(strstr(err.text, "cannot be read as PEM"));
	assert_false(tls_check_files(NULL, at("empty"), at("old.key"), NULL, &err));
	assert_false(tls_check_files(NULL, at("old.crt"), at("junk"), NULL, &err));
	assert_non_null(strstr(err.text, "key \""));
	assert_non_null(strstr(err.text, "cannot be read as PEM"));
	assert_false(tls_check_files(NULL, at("old.crt"), at("new.key"), NULL, &err));
	assert_non_null(strstr(err.text, "does not belong to"));
	assert_false(tls_check_files("capulet.example", at("old.crt"), at("old.key"), NULL, &err));
	assert_non_null(strstr(err.text, "it expired on "));
	assert_false(tls_check_files("capulet.example", at("new.crt"), at("new.key"), NULL, &err));
	assert_non_null(strstr(err.text, "it is not valid before "));
}

static void
a_locked_key_is_told_from_a_broken_one(void **state)
{
	gnutls_x509_privkey_t secret;
	gnutls_datum_t pem = { NULL, 0 };
	static unsigned char text[8192];
	size_t length = sizeof text - 1;
	struct err err;

	(void)state;
	copy_file(at("l.crt"), at("own.crt"));
	must(gnutls_load_file(at("own.key"), &pem) == 0);
	gnutls_x509_privkey_init(&secret);
	must(gnutls_x509_privkey_import(secret, &pem, GNUTLS_X509_FMT_PEM) == 0);
	gnutls_free(pem.data);
	must(gnutls_x509_privkey_export_pkcs8(secret, GNUTLS_X509_FMT_PEM, "secret",
					      GNUTLS_PKCS_PBES2_AES_256, text, &length) == 0);
	gnutls_x509_privkey_deinit(secret);
	write_text(at("l.key"), (char *)text);
	assert_false(tls_check_files(NULL, at("l.crt"), at("l.key"), NULL, &err));
	assert_non_null(strstr(err.text, "locked by a password"));
}

static void
a_bad_certificate_leaves_the_old_one(void **state)
{
	struct tls_context *context;
	struct err err;

	(void)state;
	shards_open(2);
	context = tls_context_new(&err);
	assert_non_null(context);
	assert_true(tls_set_certificate(context, "capulet.example", at("own.crt"), at("own.key"),
					NULL, &err));
	assert_false(tls_set_certificate(context, "capulet.example", at("own.crt"), at("old.key"),
					 NULL, &err));
	assert_non_null(strstr(err.text, "does not belong to"));
	assert_false(
		tls_set_certificate(context, "new.example", at("junk"), at("old.key"), NULL, &err));
	assert_int_equal(tls_reload_changed(context), 0);
	tls_forget_certificate(context, "nobody.example");
	tls_forget_certificate(context, "CAPULET.example");
	tls_context_free(&context);
	assert_null(context);
	shards_close();
}

static void
changed_files_are_read_anew_and_bad_ones_reported_once(void **state)
{
	struct tls_context *context;
	time_t now = now_seconds();

	(void)state;
	shards_open(1);
	context = tls_context_new(NULL);
	make_pair(at("c.crt"), at("c.key"), "capulet.example", now - 60, now + 90000,
		  GNUTLS_DIG_SHA256);
	assert_true(tls_set_certificate(context, "capulet.example", at("c.crt"), at("c.key"),
					at("c.ocsp"), NULL));
	assert_int_equal(tls_reload_changed(context), 0);

	/* First only half of the new pair is there. */
	make_pair(at("d.crt"), at("d.key"), "capulet.example", now - 60, now + 90000,
		  GNUTLS_DIG_SHA256);
	logged[0] = '\0';
	log_capture(listen_to_log, NULL);
	copy_file(at("c.crt"), at("d.crt"));
	assert_int_equal(tls_reload_changed(context), 0);
	assert_non_null(strstr(logged, "the old one stays"));
	logged[0] = '\0';
	assert_int_equal(tls_reload_changed(context), 0);
	assert_string_equal(logged, "");
	copy_file(at("c.key"), at("d.key"));
	assert_int_equal(tls_reload_changed(context), 1);
	assert_int_equal(tls_reload_changed(context), 0);

	/* A staple that cannot be used does not keep the certificate from being so. */
	logged[0] = '\0';
	write_text(at("c.ocsp"), "no OCSP response");
	assert_int_equal(tls_reload_changed(context), 1);
	assert_non_null(strstr(logged, "OCSP"));

	/* One that nobody will trust is used, but it is said. */
	logged[0] = '\0';
	assert_true(tls_set_certificate(context, "x.example", at("old.crt"), at("old.key"), NULL,
					NULL));
	assert_non_null(strstr(logged, "will not be trusted"));
	log_capture(NULL, NULL);
	tls_context_free(&context);
	shards_close();
}

static struct tls_context *running_context;
static int rounds;

static void
change_again(void *arg)
{
	static struct post post;

	(void)arg;
	if (shard_here() != shard_at(0))
		return;
	must(tls_set_certificate(running_context, rounds % 2 ? "capulet.example" : "b.example",
				 at("own.crt"), at("own.key"), NULL, NULL));
	if (rounds % 5 == 4)
		tls_forget_certificate(running_context, "b.example");
	if (++rounds < 50)
		shard_post(shard_here(), &post, change_again, NULL);
	else
		shards_stop();
}

static void
certificates_may_change_while_shards_run(void **state)
{
	(void)state;
	rounds = 0;
	log_capture(listen_to_log, NULL);
	shards_open(4);
	running_context = tls_context_new(NULL);
	shards_run(change_again, NULL);
	tls_context_free(&running_context);
	shards_close();
	log_capture(NULL, NULL);
	assert_int_equal(rounds, 50);
}

/* What "gnutls-cli --list --priority" would show. */
static void
only_strong_ciphersuites_are_on(void **state)
{
	static const char *const wanted[] = {
		"TLS_AES_128_GCM_SHA256",
		"TLS_AES_256_GCM_SHA384",
		"TLS_CHACHA20_POLY1305_SHA256",
		"TLS_ECDHE_ECDSA_AES_128_GCM_SHA256",
		"TLS_ECDHE_ECDSA_AES_256_GCM_SHA384",
		"TLS_ECDHE_ECDSA_CHACHA20_POLY1305",
		"TLS_ECDHE_RSA_AES_128_GCM_SHA256",
		"TLS_ECDHE_RSA_AES_256_GCM_SHA384",
		"TLS_ECDHE_RSA_CHACHA20_POLY1305",
	};
	gnutls_priority_t priorities;
	const unsigned *list;
	unsigned found = 0;
	bool seen[COUNT(wanted)] = { false };

	(void)state;
	assert_int_equal(gnutls_priority_init(&priorities, TLS_PRIORITIES, NULL), 0);
	for (unsigned i = 0;; i++) {
		gnutls_protocol_t version;
		const char *name;
		unsigned index, which;
		int code = gnutls_priority_get_cipher_suite_index(priorities, i, &index);

		if (code == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (code < 0)
			continue;
		name = gnutls_cipher_suite_info(index, NULL, NULL, NULL, NULL, &version);
		for (which = 0; which < COUNT(wanted); which++)
			if (strcmp(strstr(name, "TLS_"), wanted[which]) == 0)
				break;
		if (which == COUNT(wanted))
			fail_msg("%s is on", name);
		seen[which] = true;
		if (found == 0)
			assert_non_null(strstr(name, "AES_128_GCM"));
		found++;
	}
	assert_int_equal(found, COUNT(wanted));
	for (unsigned i = 0; i < COUNT(wanted); i++)
		assert_true(seen[i]);

	assert_int_equal(gnutls_priority_protocol_list(priorities, &list), 2);
	assert_int_equal(list[0], GNUTLS_TLS1_3);
	assert_int_equal(list[1], GNUTLS_TLS1_2);
	assert_int_equal(gnutls_priority_kx_list(priorities, &list), 2);
	for (int i = gnutls_priority_sign_list(priorities, &list) - 1; i >= 0; i--)
		assert_true(gnutls_sign_is_secure(list[i]));
	gnutls_priority_deinit(priorities);
}

static int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int
remove_folder(void **state)
{
	char *command = format_text("rm -rf %s", folder);

	(void)state;
	must(system(command) == 0);
	free(command);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_self_signed_pair_is_right_for_its_names),
		cmocka_unit_test(two_self_signed_certificates_differ),
		cmocka_unit_test(a_folder_that_cannot_be_written_is_named),
		cmocka_unit_test(each_fault_has_its_own_words),
		cmocka_unit_test(a_locked_key_is_told_from_a_broken_one),
		cmocka_unit_test(a_bad_certificate_leaves_the_old_one),
		cmocka_unit_test(changed_files_are_read_anew_and_bad_ones_reported_once),
		cmocka_unit_test(certificates_may_change_while_shards_run),
		cmocka_unit_test(only_strong_ciphersuites_are_on),
	};

	return cmocka_run_group_tests_name("net/tls", tests, make_folder, remove_folder);
}
