/* SPDX-License-Identifier: MIT */
/* The log. */
#include "base/log.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char path[] = "/tmp/stentor-log-XXXXXX";

static char *
read_log(const char *name)
{
	static char bytes[1 << 20];
	FILE *file = fopen(name, "r");
	size_t length;

	assert_non_null(file);
	length = fread(bytes, 1, sizeof bytes - 1, file);
	bytes[length] = '\0';
	fclose(file);
	return bytes;
}

static void
say_server(const struct log_scope *scope, char *out, size_t room)
{
	(void)scope;
	snprintf(out, room, "s2s[out]");
}

static void
say_domain(const struct log_scope *scope, char *out, size_t room)
{
	(void)scope;
	snprintf(out, room, "capulet.example");
}

static const struct log_scope server_scope = { &log_root, say_server };
static const struct log_scope domain_scope = { &server_scope, say_domain };

static char captured[4096];
static enum log_level captured_level;

static void
capture(enum log_level level, const char *line, void *arg)
{
	(void)arg;
	captured_level = level;
	snprintf(captured, sizeof captured, "%s", line);
}

static void
begin_file(bool json)
{
	strcpy(path, "/tmp/stentor-log-XXXXXX");
	close(mkstemp(path));
	assert_true(log_open(path, json, NULL));
}

static void
end_file(void)
{
	assert_true(log_open("stderr", false, NULL));
	unlink(path);
}

static void
scopes_are_words_before_the_text(void **state)
{
	(void)state;
	log_capture(capture, NULL);
	log_warn(&domain_scope, "queue full waiting=%u", 500u);
	assert_int_equal(captured_level, LOG_WARN_);
	assert_string_equal(captured, "s2s[out] capulet.example: queue full waiting=500");
	log_error(&log_root, "alone");
	assert_string_equal(captured, "alone");
	log_error(NULL, "without any");
	assert_string_equal(captured, "without any");
	log_capture(NULL, NULL);
}

static int evaluated;

static int
evaluate(void)
{
	return ++evaluated;
}

static void
levels_silence_what_is_below(void **state)
{
	enum log_level level = LOG_WARN_;

	(void)state;
	log_capture(capture, NULL);
	strcpy(captured, "");
	assert_false(log_is_debug());
	log_debug(&log_root, "%d", evaluate());
	assert_string_equal(captured, "");
	assert_int_equal(evaluated, 0);
	log_set_level(LOG_DEBUG_);
	log_debug(&log_root, "%d", evaluate());
	assert_string_equal(captured, "1");
	log_set_level(LOG_ERROR_);
	log_warn(&log_root, "no");
	assert_string_equal(captured, "1");
	assert_int_equal(log_level(), LOG_ERROR_);
	log_set_level(LOG_INFO_);
	log_capture(NULL, NULL);

	assert_true(log_level_read(&level, "debug"));
	assert_int_equal(level, LOG_DEBUG_);
	assert_false(log_level_read(&level, "loud"));
	assert_int_equal(level, LOG_DEBUG_);
	assert_string_equal(log_level_name(LOG_WARN_), "warn");
}

static void
a_line_in_a_file_has_date_level_scope_and_text(void **state)
{
	char expected[200], when[40];
	time_t seconds = 1000000000;
	struct tm tm;

	(void)state;
	clock_freeze(INT64_C(1000000000123));
	localtime_r(&seconds, &tm);
	strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm);
	begin_file(false);
	log_error(&domain_scope, "could not \"%s\"", "x");
	log_info(&log_root, "started");
	snprintf(expected, sizeof expected,
		 "%s error  s2s[out] capulet.example: could not \"x\"\n%s info   started\n", when,
		 when);
	assert_string_equal(read_log(path), expected);
	end_file();
}

static void
a_json_line_is_one_object(void **state)
{
	(void)state;
	clock_freeze(INT64_C(1000000000123));
	begin_file(true);
	log_error(&server_scope, "said \"%s\"", "a\\b\nc\x1b\xc3\xa9");
	assert_string_equal(read_log(path),
			    "{\"time\":\"2001-09-09T01:46:40.123Z\",\"level\":\"error\","
			    "\"scope\":\"s2s[out]\","
			    "\"text\":\"said \\\"a\\\\b\\\\nc\\\\x1b\xc3\xa9\\\"\"}\n");
	end_file();
}

static void
nobody_forges_a_line(void **state)
{
	char *written;

	(void)state;
	begin_file(false);
	log_info(&log_root, "name=\"%s\"",
		 "x\n12:00:00 error  root: broken\r\x1b[2J\x7f\xc2\x9b\xe2\x80\xa8\x80\xff ok "
		 "\xe2\x82");
	written = read_log(path);
	assert_ptr_equal(strchr(written, '\n'), written + strlen(written) - 1);
	assert_non_null(strstr(written,
			       "x\\n12:00:00 error  root: broken\\x0d\\x1b[2J\\x7f\\xc2\\x9b"
			       "\\xe2\\x80\\xa8\\x80\\xff ok \\xe2\\x82\""));
	assert_true(text_is_utf8(written, strlen(written)));
	end_file();
}

static void
a_very_long_line_is_cut_and_ends(void **state)
{
	static char words[100000];
	char *written;

	(void)state;
	memset(words, 'a', sizeof words - 1);
	begin_file(false);
	log_info(&log_root, "%s", words);
	written = read_log(path);
	assert_in_range(strlen(written), 1000, 10000);
	assert_int_equal(written[strlen(written) - 1], '\n');
	end_file();
}

static void
opening_again_rotates(void **state)
{
	char moved[64];

	(void)state;
	begin_file(false);
	log_info(&log_root, "before");
	snprintf(moved, sizeof moved, "%s.1", path);
	assert_int_equal(rename(path, moved), 0);
	log_info(&log_root, "still there");
	assert_true(log_open(path, false, NULL));
	log_info(&log_root, "after");
	assert_non_null(strstr(read_log(moved), "still there"));
	assert_null(strstr(read_log(path), "before"));
	assert_non_null(strstr(read_log(path), "after"));
	unlink(moved);
	end_file();
}

static void
a_log_that_cannot_be_opened_changes_nothing(void **state)
{
	struct err err;

	(void)state;
	begin_file(false);
	assert_false(log_open("/nowhere/at/all", false, &err));
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_non_null(strstr(err.text, "/nowhere/at/all"));
	log_info(&log_root, "still here");
	assert_non_null(strstr(read_log(path), "still here"));
	end_file();
}

static void
logging_keeps_errno(void **state)
{
	(void)state;
	begin_file(false);
	errno = EAGAIN;
	log_info(&log_root, "x");
	assert_int_equal(errno, EAGAIN);
	end_file();
}

static void *
write_many(void *arg)
{
	for (int i = 0; i < 500; i++)
		log_info(arg, "line %d of a thread", i);
	return NULL;
}

static void
threads_do_not_mix_their_lines(void **state)
{
	pthread_t threads[4];
	size_t lines = 0;

	(void)state;
	begin_file(false);
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_create(&threads[i], NULL, write_many, (void *)&server_scope);
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	for (char *line = strtok(read_log(path), "\n"); line != NULL; line = strtok(NULL, "\n")) {
		assert_non_null(strstr(line, "info   s2s[out]: line "));
		assert_string_equal(line + strlen(line) - strlen("of a thread"), "of a thread");
		lines++;
	}
	assert_int_equal(lines, 2000);
	end_file();
}

static void
lines_on_stderr_begin_with_the_time(void **state)
{
	char line[200] = "";
	int ends[2], saved = dup(STDERR_FILENO);

	(void)state;
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	log_warn(&server_scope, "look");
	dup2(saved, STDERR_FILENO);
	assert_true(read(ends[0], line, sizeof line - 1) > 0);
	assert_int_equal(line[2], ':');
	assert_int_equal(line[5], ':');
	assert_string_equal(line + 8, " warn   s2s[out]: look\n");
	close(ends[0]);
	close(ends[1]);
	close(saved);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scopes_are_words_before_the_text),
		cmocka_unit_test(levels_silence_what_is_below),
		cmocka_unit_test(a_line_in_a_file_has_date_level_scope_and_text),
		cmocka_unit_test(a_json_line_is_one_object),
		cmocka_unit_test(nobody_forges_a_line),
		cmocka_unit_test(a_very_long_line_is_cut_and_ends),
		cmocka_unit_test(opening_again_rotates),
		cmocka_unit_test(a_log_that_cannot_be_opened_changes_nothing),
		cmocka_unit_test(logging_keeps_errno),
		cmocka_unit_test(threads_do_not_mix_their_lines),
		cmocka_unit_test(lines_on_stderr_begin_with_the_time),
	};

	return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
