/* SPDX-License-Identifier: MIT */
/* Small documents, with the schema that is shipped. */
#include "store/store.h"

#include "kept.h"

#include "base/arena.h"
#include "store/internal.h"

struct change {
	struct ticket ticket;
	void (*change)(struct batch *batch);
};

static int
open_shipped(void **state)
{
	const char *schemas = getenv("STENTOR_SCHEMAS");
	const char *none[] = { NULL };
	struct err err;

	(void)state;
	folder_make();
	kept.settings.schemas = schemas != NULL ? schemas : "schemas";
	kept.store = store_open(&kept.settings, &err);
	if (kept.store == NULL)
		print_error("%s\n", err.text);
	assert_non_null(kept.store);
	assert_true(store_migrate(kept.store, none, &err));
	loops_start(1);
	return 0;
}

static void
change_here(void *arg)
{
	struct change *change = arg;
	struct batch *batch = batch_new(kept.store, "juliet");

	change->change(batch);
	batch_commit(batch, batch_answered, &change->ticket);
}

static void
change(void (*fn)(struct batch *batch))
{
	struct change asked = { .change = fn };

	assert_int_equal(sem_init(&asked.ticket.done, 0, 0), 0);
	shard_post(shard_at(0), &asked.ticket.post, change_here, &asked);
	assert_int_equal(ticket_wait(&asked.ticket), STORE_OK);
}

static void
get_here(void *arg)
{
	store_get(kept.store, "juliet", "notes", "b", rows_answered, arg);
}

static void
list_here(void *arg)
{
	store_list(kept.store, "juliet", "notes", rows_answered, arg);
}

static const char *
ask(void (*fn)(void *arg))
{
	static struct ticket ticket;

	ticket_start(&ticket, fn);
	assert_int_equal(ticket_wait(&ticket), STORE_OK);
	return ticket.words;
}

static void
put_three(struct batch *batch)
{
	batch_put(batch, "notes", "b", "second");
	batch_put(batch, "notes", "a", "first");
	batch_put(batch, "others", "b", "elsewhere");
}

static void
put_again(struct batch *batch)
{
	batch_put(batch, "notes", "b", "changed");
}

static void
unput_one(struct batch *batch)
{
	batch_unput(batch, "notes", "b");
	batch_unput(batch, "notes", "never there");
}

static void
unput_all(struct batch *batch)
{
	batch_unput_all(batch, "notes");
}

static void
documents_are_put_changed_listed_and_removed(void **state)
{
	(void)state;
	assert_string_equal(ask(get_here), "");
	change(put_three);
	assert_string_equal(ask(get_here), "b|second");
	assert_string_equal(ask(list_here), "a|first b|second");
	change(put_again);
	assert_string_equal(ask(list_here), "a|first b|changed");
	change(unput_one);
	assert_string_equal(ask(list_here), "a|first");
	change(unput_all);
	assert_string_equal(ask(list_here), "");
}

static void
documents_are_found_by_their_key(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	for (const struct statement *const *each = document_statements; *each != NULL; each++) {
		const char *plan = store_explain(kept.store, arena, *each);

		assert_null(strstr(plan, "SCAN"));
		if ((*each)->hot)
			assert_non_null(
				strstr(plan, EITHER("USING PRIMARY KEY (owner=? AND collection=?",
						    " USING PRIMARY")));
	}
	arena_drop(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(documents_are_put_changed_listed_and_removed,
						open_shipped, close_kept),
		cmocka_unit_test_setup_teardown(documents_are_found_by_their_key, open_shipped,
						close_kept),
	};

	return kept_run("store/document", tests, COUNT(tests));
}
