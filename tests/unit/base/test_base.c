/* SPDX-License-Identifier: MIT */
/* Memory that does not fail, and must. */
#include "base/base.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `fn` in a child; returns how the child ended and what it said on stderr. */
static int
end_of(void (*fn)(void), char *said, size_t room)
{
	int ends[2], status;
	size_t length = 0;
	ssize_t got;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		fn();
		_exit(0);
	}
	close(ends[1]);
	while (length + 1 < room && (got = read(ends[0], said + length, room - length - 1)) > 0)
		length += (size_t)got;
	said[length] = '\0';
	close(ends[0]);
	waitpid(child, &status, 0);
	return status;
}

static void
break_a_promise(void)
{
	must(1 + 1 == 3);
}

static void
keep_a_promise(void)
{
	must(1 + 1 == 2);
}

static void
a_broken_must_stops_the_process_and_says_where(void **state)
{
	char said[8192];
	int status = end_of(break_a_promise, said, sizeof said);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_non_null(strstr(said, "1 + 1 == 3"));
	assert_non_null(strstr(said, "test_base.c:"));
	assert_non_null(strstr(said, "break_a_promise"));
	/* The backtrace: at least this and its caller. */
	assert_non_null(strchr(strchr(said, '\n') + 1, '\n'));
}

static void
a_must_that_holds_costs_nothing(void **state)
{
	char said[256];
	int status = end_of(keep_a_promise, said, sizeof said);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_string_equal(said, "");
}

static void
zalloc_gives_zeroed_bytes(void **state)
{
	char *memory = zalloc(1000);

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(memory[i], 0);
	free(memory);
}

static void
nothing_can_be_asked_for(void **state)
{
	void *memory = zalloc(0);

	(void)state;
	assert_non_null(memory);
	memory = resize(memory, 0);
	assert_non_null(memory);
	free(memory);
}

static void
resizing_keeps_what_was_there(void **state)
{
	char *memory = resize(NULL, 4);

	(void)state;
	memcpy(memory, "abc", 4);
	memory = resize(memory, 100000);
	assert_string_equal(memory, "abc");
	free(memory);
}

static void
a_copy_of_nothing_is_nothing(void **state)
{
	char *copy;

	(void)state;
	assert_null(copy_text(NULL));
	copy = copy_text("");
	assert_string_equal(copy, "");
	free(copy);
}

static void
copied_bytes_are_terminated(void **state)
{
	char *copy = copy_bytes("abcdef", 3);

	(void)state;
	assert_string_equal(copy, "abc");
	free(copy);
}

static void
text_is_formatted_at_any_length(void **state)
{
	char *text = format_text("%s-%05d-%*s", "a", 42, 5000, "x");

	(void)state;
	assert_int_equal(strlen(text), 8 + 5000);
	assert_memory_equal(text, "a-00042-", 8);
	free(text);
}

static void
the_object_around_a_member_is_found(void **state)
{
	struct around {
		int before;
		char member;
	} around;

	(void)state;
	assert_ptr_equal(CONTAINER(&around.member, struct around, member), &around);
	assert_int_equal(COUNT(((int[]) { 1, 2, 3 })), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broken_must_stops_the_process_and_says_where),
		cmocka_unit_test(a_must_that_holds_costs_nothing),
		cmocka_unit_test(zalloc_gives_zeroed_bytes),
		cmocka_unit_test(nothing_can_be_asked_for),
		cmocka_unit_test(resizing_keeps_what_was_there),
		cmocka_unit_test(a_copy_of_nothing_is_nothing),
		cmocka_unit_test(copied_bytes_are_terminated),
		cmocka_unit_test(text_is_formatted_at_any_length),
		cmocka_unit_test(the_object_around_a_member_is_found),
	};

	return cmocka_run_group_tests_name("base/base", tests, NULL, NULL);
}
