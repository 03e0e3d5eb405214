/* SPDX-License-Identifier: MIT */
/*
 * A configuration file, from the disk to its words.
 *
 * The words are those of libconfuse with its traps taken out: a quote ends on its line (so
 * that a forgotten one spoils one line only), what libconfuse would drop silently is a
 * fault, and a "#" or a "*" within a word belongs to it.  Quoted words stay as they are in
 * the file; libconfuse reads what is in them.
 */
#include "conf/internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct scan {
	struct reading *reading;
	const struct source *source;
	const char *at, *end, *counted; /* up to where columns are counted */
	int line, column;
	struct word *words;
	size_t count, room;
};

char *
source_load(struct arena *arena, const char *path, size_t *length, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct text text = { 0 };
	struct stat about;
	ssize_t got = 0;
	char *bytes;

	if (fd < 0 || fstat(fd, &about) < 0) {
		err_fail(err, ERR_SYSTEM, "%s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	if (S_ISDIR(about.st_mode) || S_ISBLK(about.st_mode)) {
		close(fd);
		err_fail(err, ERR_SYSTEM, "it is a %s, not a file",
			 S_ISDIR(about.st_mode) ? "folder" : "disk");
		return NULL;
	}
	fcntl(fd, F_SETFL, 0); /* it is open; a pipe may take its time now */
	do {
		got = read(fd, text_reserve(&text, 16384), 16384);
		if (got > 0)
			text.length += (size_t)got;
	} while ((got > 0 || (got < 0 && errno == EINTR)) && text.length <= FILE_BYTES_MAX);
	if (got < 0)
		err_fail(err, ERR_SYSTEM, "%s", strerror(errno));
	close(fd);

	bytes = got < 0 ? NULL : arena_copy_bytes(arena, text.bytes, text.length);
	*length = text.length;
	text_clear(&text);
	if (bytes != NULL && *length > FILE_BYTES_MAX) {
		err_fail(err, ERR_LIMIT, "it is longer than %d bytes", FILE_BYTES_MAX);
		return NULL;
	}
	return bytes;
}

static struct place
place_here(const struct scan *scan)
{
	return (struct place) { scan->source, scan->line };
}

static struct word *
word_add(struct scan *scan, enum word_kind kind)
{
	struct word *word;

	for (; scan->counted < scan->at; scan->counted++)
		scan->column += *scan->counted == '\t' ? 8 - (scan->column - 1) % 8 : 1;
	if (scan->count == scan->room) {
		scan->room = scan->room * 2 + 64;
		scan->words = resize(scan->words, scan->room * sizeof *scan->words);
	}
	word = &scan->words[scan->count++];
	*word = (struct word) {
		.kind = kind, .line = scan->line, .column = scan->column, .bytes = scan->at
	};
	return word;
}

static bool
next_is(const struct scan *scan, const char *what)
{
	size_t length = strlen(what);

	return (size_t)(scan->end - scan->at) >= length && memcmp(scan->at, what, length) == 0;
}

static void
newline(struct scan *scan)
{
	scan->at++;
	scan->line++;
	scan->counted = scan->at;
	scan->column = 1;
}

static void
skip_line(struct scan *scan)
{
	while (scan->at < scan->end && *scan->at != '\n')
		scan->at++;
}

static void
skip_comment(struct scan *scan)
{
	struct place place = place_here(scan);

	scan->at += 2;
	while (scan->at < scan->end && !next_is(scan, "*/")) {
		if (*scan->at == '\n')
			newline(scan);
		else
			scan->at++;
	}
	if (scan->at == scan->end)
		fault_add(scan->reading, place,
			  "the comment that begins here is not closed: a \"*/\" is missing");
	else
		scan->at += 2;
}

/* "${NAME}" and "${NAME:-otherwise}": libconfuse puts the environment's value there. */
static bool
skip_variable(struct scan *scan)
{
	const char *name = scan->at + 2, *close = name, *otherwise;
	char *copy;
	bool good = true;

	while (close < scan->end && *close != '}' && *close != '\n' && *close != '"')
		close++;
	if (close == scan->end || *close != '}') {
		fault_add(scan->reading, place_here(scan),
			  "\"${\" begins the name of an environment variable, and its \"}\" is "
			  "missing; a plain \"${\" is written \"\\${\"");
		scan->at += 2;
		return false;
	}
	copy = copy_bytes(name, (size_t)(close - name));
	otherwise = strchr(copy, ':');
	if ((otherwise == NULL || otherwise[1] != '-') && getenv(copy) == NULL) {
		fault_add(scan->reading, place_here(scan),
			  "the environment has no \"%.60s\"; \"${%.60s:-words}\" would stand for "
			  "\"words\" then",
			  copy, copy);
		good = false;
	}
	free(copy);
	scan->at = close + 1;
	return good;
}

/* Whether "0" or "00" is next, as in "\\x00": a NUL byte ends what libconfuse gives us. */
static bool
is_zero(const struct scan *scan)
{
	const char *digits = scan->at;

	if (digits == scan->end || *digits != '0')
		return false;
	digits++;
	return digits == scan->end || *digits == '0' || !isxdigit((unsigned char)*digits);
}

static bool
skip_escape(struct scan *scan)
{
	char c;

	scan->at++;
	if (scan->at == scan->end)
		return false;
	c = *scan->at;
	if (c == '\n') {
		newline(scan);
		return true;
	}
	scan->at++;
	if ((c >= '0' && c <= '9') || (c == 'x' && is_zero(scan))) {
		fault_add(scan->reading, place_here(scan),
			  "\"\\%c\" is not understood; write the character itself, or two "
			  "backslashes for one",
			  c);
		return false;
	}
	return true;
}

static void
scan_quoted(struct scan *scan)
{
	struct word *word = word_add(scan, WORD_QUOTED);
	struct place place = place_here(scan);
	char quote = *scan->at++;
	bool good = true;

	while (scan->at < scan->end && *scan->at != quote && *scan->at != '\n') {
		unsigned char c = (unsigned char)*scan->at;

		if (c == '\\' && quote == '"') {
			good &= skip_escape(scan);
		} else if (c == '\\') { /* in single quotes only \' and \\ mean something */
			scan->at++;
			if (scan->at < scan->end && *scan->at == '\n')
				newline(scan);
			else if (scan->at < scan->end)
				scan->at++;
		} else if (quote == '"' && next_is(scan, "${")) {
			good &= skip_variable(scan);
		} else {
			if ((c < ' ' && c != '\t' && c != '\r') || c == 0x7f) {
				fault_follow(scan->reading, place_here(scan),
					     "there is a control character (0x%02x) in a text", c);
				good = false;
			}
			scan->at++;
		}
	}
	if (scan->at < scan->end && *scan->at == quote) {
		scan->at++;
	} else {
		fault_add(scan->reading, place,
			  "the text that begins with %c here is not closed: a %c is missing at its "
			  "end (a text goes on in the next line after a backslash)",
			  quote, quote);
		good = false;
	}
	word->broken = !good;
	word->length = (size_t)(scan->at - word->bytes);
}

static bool
ends_word(const struct scan *scan)
{
	unsigned char c = (unsigned char)*scan->at;

	return c <= ' ' || c == 0x7f || strchr("{}=,()\"';", c) != NULL || next_is(scan, "+=");
}

static void
scan_plain(struct scan *scan)
{
	struct word *word = word_add(scan, WORD_PLAIN);

	while (scan->at < scan->end && !ends_word(scan)) {
		if (next_is(scan, "${")) {
			fault_add(scan->reading, place_here(scan),
				  "a text with \"${\" in it needs quotes: \"${NAME}\"");
			word->broken = true;
			while (scan->at < scan->end && *scan->at != '}' && *scan->at != '\n')
				scan->at++;
			if (scan->at < scan->end && *scan->at == '}')
				scan->at++;
		} else {
			scan->at++;
		}
	}
	word->length = (size_t)(scan->at - word->bytes);
}

static void
scan_mark(struct scan *scan)
{
	struct word *word = word_add(scan, *scan->at == '+' ? WORD_APPEND : WORD_MARK);

	word->mark = *scan->at;
	word->length = *scan->at == '+' ? 2 : 1;
	scan->at += word->length;
}

/* A line that is not UTF-8 is told once a file: the rest is likely to be the same. */
static void
judge_encoding(struct scan *scan)
{
	const char *line = scan->at;

	if (text_is_utf8(scan->at, (size_t)(scan->end - scan->at)))
		return;
	for (int number = 1; line < scan->end; number++) {
		const char *end = memchr(line, '\n', (size_t)(scan->end - line));

		if (end == NULL)
			end = scan->end;
		if (!text_is_utf8(line, (size_t)(end - line))) {
			fault_add(scan->reading, (struct place) { scan->source, number },
				  "this line is not UTF-8; save the file in that encoding");
			return;
		}
		line = end + 1;
	}
}

struct word *
scan_words(struct reading *reading, const struct source *source, const char *bytes, size_t length)
{
	struct scan scan = { .reading = reading,
			     .source = source,
			     .at = bytes,
			     .end = bytes + length,
			     .counted = bytes,
			     .line = 1,
			     .column = 1 };

	judge_encoding(&scan);
	if (next_is(&scan, "\xef\xbb\xbf")) /* the mark that some editors begin with */
		scan.counted = scan.at += 3;
	while (scan.at < scan.end) {
		unsigned char c = (unsigned char)*scan.at;

		if (c == '\n')
			newline(&scan);
		else if (c == ' ' || c == '\t' || c == '\r')
			scan.at++;
		else if (c == '#' || next_is(&scan, "//"))
			skip_line(&scan);
		else if (next_is(&scan, "/*"))
			skip_comment(&scan);
		else if (c == '"' || c == '\'')
			scan_quoted(&scan);
		else if (strchr("{}=,();", c) != NULL && c != 0)
			scan_mark(&scan);
		else if (next_is(&scan, "+="))
			scan_mark(&scan);
		else if (c < ' ' || c == 0x7f) {
			fault_follow(reading, place_here(&scan),
				     "there is a control character (0x%02x)", c);
			scan.at++;
		} else
			scan_plain(&scan);
	}
	word_add(&scan, WORD_END);
	return scan.words;
}
