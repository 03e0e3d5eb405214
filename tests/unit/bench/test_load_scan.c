/* SPDX-License-Identifier: MIT */
#include "bench/load_scan.c"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

static const char stream[] =
	"<?xml version='1.0'?><stream:stream a='>' b=\"'\">"
	"<features><a/><b>x</b></features> \n"
	"<empty/><message from=\"a/>b\" type='chat'><body>1 &lt; 2</body><x><y/></x></message>"
	"</stream:stream>";

static const struct {
	enum scanned what;
	const char *piece;
} pieces[] = {
	{ SCAN_OPEN, "<stream:stream a='>' b=\"'\">" },
	{ SCAN_STANZA, "<features><a/><b>x</b></features>" },
	{ SCAN_STANZA, "<empty/>" },
	{ SCAN_STANZA,
	  "<message from=\"a/>b\" type='chat'><body>1 &lt; 2</body><x><y/></x></message>" },
	{ SCAN_CLOSE, "</stream:stream>" },
};

/* Feeds the stream in steps; what is not used yet is kept, as a connection does it. */
static void
scan_in_steps(size_t step)
{
	struct scan scan;
	size_t from = 0, to = 0, found = 0;

	scan_init(&scan, false);
	while (to < strlen(stream)) {
		to = to + step < strlen(stream) ? to + step : strlen(stream);
		for (;;) {
			size_t start, end;
			enum scanned what =
				scan_next(&scan, stream + from, to - from, &start, &end);

			if (what != SCAN_MORE) {
				const char *piece = strstr(pieces[found].piece, "<");

				assert_int_equal(what, pieces[found].what);
				assert_int_equal(end - start, strlen(piece));
				assert_memory_equal(stream + from + start, piece, end - start);
				found++;
			}
			from += end;
			if (what == SCAN_MORE || from == to)
				break;
		}
	}
	assert_int_equal(found, COUNT(pieces));
	assert_int_equal(from, strlen(stream));
}

static void
pieces_are_found_however_they_come(void **state)
{
	(void)state;
	for (size_t step = 1; step <= strlen(stream); step++)
		scan_in_steps(step);
}

static void
what_cannot_be_followed_is_said(void **state)
{
	static const char *const bad[] = { "<!-- -->", "</end>", "<stream/>" };
	struct scan scan;
	size_t start, end;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		scan_init(&scan, false);
		assert_int_equal(scan_next(&scan, bad[i], strlen(bad[i]), &start, &end), SCAN_BAD);
	}
}

static void
attributes_and_texts_are_found(void **state)
{
	static const char text[] = "<iq  type='get' id=\"a'b\" to=''><q xmlns='x'><jid>u@d/r</jid>"
				   "</q></iq>";
	struct slice stanza = { text, strlen(text) }, value;

	(void)state;
	assert_true(slice_attribute(stanza, "id", &value));
	assert_true(slice_is(value, "a'b"));
	assert_true(slice_attribute(stanza, "to", &value));
	assert_int_equal(value.length, 0);
	assert_false(slice_attribute(stanza, "xmlns", &value));
	assert_false(slice_attribute(stanza, "i", &value));
	assert_true(slice_text(stanza, "jid", &value));
	assert_true(slice_is(value, "u@d/r"));
	assert_false(slice_text(stanza, "body", &value));
	assert_int_equal(slice_count(stanza, "jid>"), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_found_however_they_come),
		cmocka_unit_test(what_cannot_be_followed_is_said),
		cmocka_unit_test(attributes_and_texts_are_found),
	};

	return cmocka_run_group_tests_name("bench/load_scan", tests, NULL, NULL);
}
