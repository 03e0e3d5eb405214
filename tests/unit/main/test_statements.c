/* SPDX-License-Identifier: MIT */
/*
 * Every statement that core and the modules declare can run on the tables that the
 * migrations make, and those on a hot path use an index.
 */
#include "store/store.h"

#include "core/internal.h"
#include "core/loader.h"
#include "store/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct store *store;

static int
open_store(void **state)
{
	const char **modules = loader_migrating(NULL);
	struct store_settings settings = {
		.driver = "sqlite",
		.path = ":memory:",
		.schemas = getenv("STENTOR_SCHEMAS"),
	};
	struct err err = { 0 };

	(void)state;
	store = store_open(&settings, &err);
	if (store == NULL || !store_migrate(store, modules, &err))
		fail_msg("%s", err.text);
	free(modules);
	return 0;
}

static int
close_store(void **state)
{
	(void)state;
	store_close(&store);
	return 0;
}

typedef void each_fn(const struct statement *statement);

static unsigned
each_of(const struct statement *const *statements, each_fn *fn)
{
	unsigned count = 0;

	for (; statements != NULL && statements[count] != NULL; count++)
		fn(statements[count]);
	return count;
}

static void
each_statement(each_fn *fn)
{
	unsigned of_modules = 0;

	assert_true(each_of(migration_statements, fn) > 0);
	assert_true(each_of(document_statements, fn) > 0);
	assert_true(each_of(account_statements, fn) > 0);
	assert_true(each_of(credentials_statements, fn) > 0);
	assert_true(each_of(id_statements, fn) > 0);
	assert_true(each_of(roster_statements, fn) > 0);
	for (const struct module *module = NULL; (module = loader_next(module)) != NULL;)
		of_modules += each_of(module->statements, fn);
	assert_true(of_modules > 0);
}

static unsigned
places_in(const char *sql)
{
	unsigned count = 0;
	bool quoted = false;

	for (; *sql != '\0'; sql++) {
		if (*sql == '\'')
			quoted = !quoted;
		count += *sql == '?' && !quoted;
	}
	return count;
}

/* The LIMIT of a page is not among the types. */
static void
is_well_declared(const struct statement *statement)
{
	const char *texts[] = { statement->sqlite, statement->mariadb };

	for (size_t i = 0; i < COUNT(texts); i++) {
		unsigned places = texts[i] != NULL ? places_in(texts[i]) : 0;

		if (texts[i] == NULL && i > 0)
			continue;
		if (texts[i] == NULL ||
		    (places != strlen(statement->in) &&
		     (places != strlen(statement->in) + 1 || strstr(texts[i], "LIMIT ?") == NULL)))
			fail_msg("\"%s\" has %u parameters, not \"%s\"", statement->name, places,
				 statement->in);
	}
}

static void
statements_have_the_parameters_they_declare(void **state)
{
	(void)state;
	each_statement(is_well_declared);
}

static void
runs(const struct statement *statement)
{
	struct arena *arena = arena_new();
	const char *plan = store_explain(store, arena, statement);

	if (strstr(plan, "cannot run") != NULL)
		fail_msg("%s", plan);
	if (statement->hot && strstr(plan, "SCAN") != NULL)
		fail_msg("\"%s\" is hot and reads a whole table: %s", statement->name, plan);
	arena_drop(arena);
}

static void
statements_run_and_the_hot_use_an_index(void **state)
{
	(void)state;
	each_statement(runs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statements_have_the_parameters_they_declare),
		cmocka_unit_test_setup_teardown(statements_run_and_the_hot_use_an_index, open_store,
						close_store),
	};
	const char *modules = getenv("STENTOR_MODULES");
	struct err err;
	int failed;

	if (!loader_open(modules != NULL ? modules : "modules/.libs", &err)) {
		print_error("%s\n", err.text);
		return 1;
	}
	failed = cmocka_run_group_tests_name("main/statements", tests, NULL, NULL);
	loader_close();
	return failed;
}
