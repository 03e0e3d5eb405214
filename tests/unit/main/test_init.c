/* SPDX-License-Identifier: MIT */
/* What init writes: read back, and found good. */
#include "main/local.h"

#include "core/domain.h"
#include "core/loader.h"
#include "main/asked.h"
#include "main/commands.h"
#include "main/settings.h"
#include "stream/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/stentor-init-XXXXXX";

/* Runs `init` with these words, "@" being a folder of that name in ours. */
static json_t *
init(const char *name, const char *words)
{
	char line[512], *argv[24] = { (char *)"stentorctl", (char *)"init" }, *rest = line, *word;
	char path[256];
	struct asked asked;
	json_t *answer;
	struct err err;
	int argc = 3;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	argv[2] = path;
	strncpy(line, words, sizeof line - 1);
	line[sizeof line - 1] = '\0';
	while ((word = strsep(&rest, " ")) != NULL)
		argv[argc++] = word;
	if (!asked_read(&asked, argc, argv, &err))
		fail_msg("%s", err.text);
	answer = local_run(asked.command, asked.arguments);
	asked_clear(&asked);
	return answer;
}

static void
is_refused(const char *name, const char *words, const char *because)
{
	json_t *answer = init(name, words);
	const char *error = json_string_value(json_object_get(answer, "error"));
	struct stat about;
	char path[256];

	assert_false(json_is_true(json_object_get(answer, "ok")));
	if (strstr(error, because) == NULL)
		fail_msg("%s", error);
	json_decref(answer);
	snprintf(path, sizeof path, "%s/%s/stentor.conf", folder, name);
	assert_int_not_equal(stat(path, &about), 0);
}

static struct conf *
is_made(const char *name, const char *words)
{
	json_t *answer = init(name, words);
	struct text faults = { 0 };
	struct conf *conf;
	char path[256];

	if (!json_is_true(json_object_get(answer, "ok")))
		fail_msg("%s", json_string_value(json_object_get(answer, "error")));
	json_decref(answer);
	snprintf(path, sizeof path, "%s/%s/stentor.conf", folder, name);
	conf = settings_read(path, &faults);
	if (conf == NULL)
		fail_msg("%s", faults.bytes);
	return conf;
}

static void
the_usual_ports_are_for_all_addresses(void **state)
{
	struct conf *conf = is_made("usual", "--domain localhost");
	const struct listen_settings *listen = settings_listen(conf);

	(void)state;
	assert_int_equal(listen->client_port, 5222);
	assert_int_equal(listen->client_tls_port, 5223);
	assert_int_equal(listen->server_port, 5269);
	assert_int_equal(listen->server_tls_port, 5270);
	assert_int_equal(listen->http_port, 5280);
	assert_int_equal(listen->https_port, 5443);
	assert_string_equal(listen->addresses[0], "0.0.0.0");
	assert_string_equal(listen->addresses[1], "::");
	assert_null(listen->addresses[2]);
	conf_drop(conf);
}

static void
a_port_base_moves_them_to_loopback(void **state)
{
	struct conf *conf = is_made("based", "--domain localhost --port-base 20000");
	const struct listen_settings *listen = settings_listen(conf);
	struct port ports[PORTS_MAX];

	(void)state;
	assert_int_equal(listen->client_port, 20022);
	assert_int_equal(listen->client_tls_port, 20023);
	assert_int_equal(listen->server_port, 20069);
	assert_int_equal(listen->server_tls_port, 20070);
	assert_int_equal(listen->http_port, 20080);
	assert_int_equal(listen->https_port, 20043);
	assert_string_equal(listen->addresses[0], "127.0.0.1");
	assert_string_equal(listen->addresses[1], "::1");
	assert_int_equal(settings_ports(ports, conf), 6);
	assert_true(ports[0].open && ports[1].open);
	for (int i = 2; i < 6; i++)
		assert_false(ports[i].open);
	conf_drop(conf);
}

static void
several_domains_each_have_a_certificate(void **state)
{
	struct conf *conf = is_made("domains", "--domain capulet.example --domain montague.example "
					       "--registration open");
	const struct conf_section *first = settings_domains(conf), *second = conf_next(first);

	(void)state;
	assert_string_equal(first->title, "capulet.example");
	assert_string_equal(second->title, "montague.example");
	assert_null(conf_next(second));
	for (const struct conf_section *s = first; s != NULL; s = conf_next(s)) {
		const struct domain_settings *domain = s->values;
		char *key = settings_path(conf, domain->key);
		struct stat about;

		assert_int_equal(domain->registration, REGISTRATION_OPEN);
		assert_int_equal(stat(key, &about), 0);
		assert_int_equal(about.st_mode & 0777, 0600);
		free(key);
	}
	conf_drop(conf);
}

static void
tls_is_required_unless_said_otherwise(void **state)
{
	struct conf *conf = is_made("required", "--domain localhost --port-base 20000");

	(void)state;
	assert_int_equal(settings_streams(conf)->tls, TLS_REQUIRED);
	conf_drop(conf);
	conf = is_made("optional", "--domain localhost --port-base 20000 --tls optional");
	assert_int_equal(settings_streams(conf)->tls, TLS_OPTIONAL);
	conf_drop(conf);
}

static void
optional_tls_is_for_loopback_only(void **state)
{
	(void)state;
	is_refused("open", "--domain localhost --tls optional", "loopback");
}

static void
a_folder_with_an_instance_is_left_alone(void **state)
{
	struct conf *conf = is_made("twice", "--domain localhost");
	struct stat before, after;
	char path[256];
	json_t *answer;

	(void)state;
	conf_drop(conf);
	snprintf(path, sizeof path, "%s/twice/stentor.conf", folder);
	assert_int_equal(stat(path, &before), 0);
	answer = init("twice", "--domain other.example");
	assert_string_equal(json_string_value(json_object_get(answer, "kind")), "exists");
	json_decref(answer);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_size, after.st_size);

	/* A part of one is enough. */
	assert_int_equal(unlink(path), 0);
	is_refused("twice", "--domain localhost", "holds an instance already");
}

static void
bad_words_are_refused_before_anything_is_written(void **state)
{
	(void)state;
	is_refused("bad", "--domain localhost --domain localhost", "said twice");
	is_refused("bad", "--domain a@b", "domain");
	is_refused("bad", "--domain ../../x", "domain");
	is_refused("bad", "--domain localhost --port-base x", "not a number");
	is_refused("bad", "--domain localhost --port-base 65500", "not between");
	is_refused("bad", "--domain localhost --port-base 0", "not between");
	is_refused("bad", "--domain localhost --store sqlit", "did you mean \"sqlite\"");
	is_refused("bad", "--domain localhost --registration maybe", "closed or open");
	is_refused("bad", "--port-base 20000", "--domain is missing");
}

static void
domains_are_written_as_they_are_compared(void **state)
{
	struct conf *conf = is_made("upper", "--domain Capulet.Example");

	(void)state;
	assert_string_equal(settings_domains(conf)->title, "capulet.example");
	conf_drop(conf);
}

static void
data_is_for_the_server_alone(void **state)
{
	struct conf *conf = is_made("data", "--domain localhost");
	char *data = settings_data(conf);
	struct stat about;

	(void)state;
	assert_int_equal(stat(data, &about), 0);
	assert_int_equal(about.st_mode & 0777, 0700);
	free(data);
	conf_drop(conf);
}

static void
a_store_on_a_server_is_written_with_its_password_apart(void **state)
{
	char file[128], words[512], password[32];
	struct store_settings store;
	struct stat about;
	struct conf *conf;
	FILE *from;

	(void)state;
	snprintf(file, sizeof file, "%s/given", folder);
	from = fopen(file, "w");
	fputs("a \"secret\"\nno more\n", from);
	fclose(from);
	snprintf(words, sizeof words,
		 "--domain localhost --store mariadb://st%%40or@db.example:3307/chat "
		 "--store-password-file %s --store-ca %s",
		 file, file);
	conf = is_made("server", words);
	settings_store(&store, conf);
	assert_string_equal(store.driver, "mariadb");
	assert_string_equal(store.host, "db.example");
	assert_int_equal(store.port, 3307);
	assert_string_equal(store.user, "st@or");
	assert_string_equal(store.database, "chat");
	assert_string_equal(store.tls, "required");
	assert_string_equal(store.ca, file);
	assert_null(store.socket);
	assert_false(store.automigrate);
	assert_true(store.autocreate);
	assert_int_equal(stat(store.password_file, &about), 0);
	assert_int_equal(about.st_mode & 0777, 0600);
	from = fopen(store.password_file, "r");
	assert_non_null(fgets(password, sizeof password, from));
	fclose(from);
	assert_string_equal(password, "a \"secret\"\n");
	settings_store_clear(&store);
	conf_drop(conf);
}

static void
what_stays_on_this_machine_needs_no_tls(void **state)
{
	struct store_settings store;
	struct conf *conf;

	(void)state;
	conf = is_made("near", "--domain localhost --store mariadb://stentor@127.0.0.1/chat");
	settings_store(&store, conf);
	assert_string_equal(store.tls, "optional");
	assert_null(store.password_file);
	settings_store_clear(&store);
	conf_drop(conf);
	conf = is_made("nearer",
		       "--domain localhost --store mariadb://stentor@/chat?socket=/run/s");
	settings_store(&store, conf);
	assert_string_equal(store.socket, "/run/s");
	assert_null(store.host);
	settings_store_clear(&store);
	conf_drop(conf);
}

static void
a_store_that_is_not_understood_leaves_nothing(void **state)
{
	(void)state;
	is_refused("bad", "--domain localhost --store mariadb://a:b@c/d", "--store-password-file");
	is_refused("bad", "--domain localhost --store mariadb://a@c", "database is missing");
	is_refused("bad",
		   "--domain localhost --store mariadb://a@c/d --store-password-file /nonexistent",
		   "could not read");
	is_refused("bad", "--domain localhost --store mariadb://a@c/d --store-ca /nonexistent",
		   "could not read");
	is_refused("bad", "--domain localhost --store-password-file /dev/null", "MariaDB");
}

static int
make_folder(void **state)
{
	struct err err;

	(void)state;
	commands_open();
	/* The folder has no modules yet: none are needed. */
	return mkdtemp(folder) == NULL || !loader_open(folder, &err);
}

static int
remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_ports_are_for_all_addresses),
		cmocka_unit_test(a_port_base_moves_them_to_loopback),
		cmocka_unit_test(several_domains_each_have_a_certificate),
		cmocka_unit_test(a_store_on_a_server_is_written_with_its_password_apart),
		cmocka_unit_test(what_stays_on_this_machine_needs_no_tls),
		cmocka_unit_test(a_store_that_is_not_understood_leaves_nothing),
		cmocka_unit_test(tls_is_required_unless_said_otherwise),
		cmocka_unit_test(optional_tls_is_for_loopback_only),
		cmocka_unit_test(a_folder_with_an_instance_is_left_alone),
		cmocka_unit_test(bad_words_are_refused_before_anything_is_written),
		cmocka_unit_test(domains_are_written_as_they_are_compared),
		cmocka_unit_test(data_is_for_the_server_alone),
	};

	return cmocka_run_group_tests_name("main/init", tests, make_folder, remove_folder);
}
