/* SPDX-License-Identifier: MIT */
/*
 * The log.  A line is made on the caller's stack and written by one write(2), under a
 * mutex that also guards where lines go.  What a stranger may have put into a text
 * (control characters, bytes that are no UTF-8) is written as escapes, so that nobody
 * forges a line.
 */
#include "base/log.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_SYSTEMD
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <syslog.h>
#include <systemd/sd-journal.h>
#endif

enum {
	TEXT_ROOM = 2048,
	SCOPE_ROOM = 512,
	WORDS_ROOM = 256, /* of one scope */
	DEEPEST_SCOPE = 16,
};

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

enum target { TO_STDERR, TO_FILE, TO_JOURNAL };

const struct log_scope log_root = { NULL, NULL };

static const char *const level_names[] = { "error", "warn", "info", "debug" };

static _Atomic int chosen_level = LOG_INFO_;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static enum target target = TO_STDERR; /* all of these under the mutex */
static int target_fd = STDERR_FILENO;
static bool target_json;
static void (*capture_fn)(enum log_level level, const char *line, void *arg);
static void *capture_arg;

/* What a line is made of. */
struct line {
	enum log_level level;
	int64_t unix_ms;
	const char *scope, *text;
};

/* --- levels --- */

void
log_set_level(enum log_level level)
{
	atomic_store_explicit(&chosen_level, (int)level, memory_order_relaxed);
}

enum log_level
log_level(void)
{
	return (enum log_level)atomic_load_explicit(&chosen_level, memory_order_relaxed);
}

bool
log_is_debug(void)
{
	return log_level() >= LOG_DEBUG_;
}

bool
log_level_read(enum log_level *level, const char *name)
{
	for (size_t i = 0; i < COUNT(level_names); i++) {
		if (text_is(name, level_names[i])) {
			*level = (enum log_level)i;
			return true;
		}
	}
	return false;
}

const char *
log_level_name(enum log_level level)
{
	return level_names[level];
}

/* --- making a line --- */

/* The length of the UTF-8 character at `at`; 0 when it is none or a control character. */
static size_t
printable_length(const char *at)
{
	unsigned char first = (unsigned char)at[0];
	size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	if (first < 0x20 || first == 0x7f)
		return 0;
	if (length > 1 && (strnlen(at, length) < length || !text_is_utf8(at, length)))
		return 0;
	/* C1 control characters, and the separators that some viewers break lines at. */
	if (length == 2 && first == 0xc2 && (unsigned char)at[1] < 0xa0)
		return 0;
	if (length == 3 &&
	    (memcmp(at, "\xe2\x80\xa8", 3) == 0 || memcmp(at, "\xe2\x80\xa9", 3) == 0))
		return 0;
	return length;
}

/* Appends `text` with control characters and bad bytes escaped. */
static void
add_escaped(struct text *out, const char *text, bool json)
{
	while (*text != '\0') {
		size_t length = printable_length(text);

		if (length == 1 && json && (*text == '"' || *text == '\\')) {
			text_add_char(out, '\\');
			text_add_char(out, *text);
		} else if (length > 0) {
			text_add_bytes(out, text, length);
		} else {
			length = 1;
			if (*text == '\n')
				text_add(out, json ? "\\\\n" : "\\n");
			else
				text_addf(out, json ? "\\\\x%02x" : "\\x%02x",
					  (unsigned)(unsigned char)*text);
		}
		text += length;
	}
}

/* Writes the words of the scope and of those around it, outermost first. */
static void
describe_scopes(char *out, size_t room, const struct log_scope *scope)
{
	const struct log_scope *chain[DEEPEST_SCOPE];
	size_t depth = 0, length = 0;

	for (; scope != NULL && depth < DEEPEST_SCOPE; scope = scope->parent)
		chain[depth++] = scope;
	out[0] = '\0';
	while (depth-- > 0) {
		char words[WORDS_ROOM] = "";

		if (chain[depth]->describe == NULL)
			continue;
		chain[depth]->describe(chain[depth], words, sizeof words);
		if (words[0] == '\0' || length + strlen(words) + 2 > room)
			continue;
		length += (size_t)snprintf(out + length, room - length, "%s%s",
					   length > 0 ? " " : "", words);
	}
}

static void
add_plain(struct text *out, const struct line *line, bool with_date)
{
	time_t seconds = (time_t)(line->unix_ms / 1000);
	struct tm tm;
	char time[32];

	localtime_r(&seconds, &tm);
	strftime(time, sizeof time, with_date ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", &tm);
	text_addf(out, "%s %-6s ", time, log_level_name(line->level));
	if (line->scope[0] != '\0') {
		add_escaped(out, line->scope, false);
		text_add(out, ": ");
	}
	add_escaped(out, line->text, false);
	text_add_char(out, '\n');
}

static void
add_json(struct text *out, const struct line *line)
{
	time_t seconds = (time_t)(line->unix_ms / 1000);
	struct tm tm;
	char time[32];

	gmtime_r(&seconds, &tm);
	strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &tm);
	text_addf(out, "{\"time\":\"%s.%03dZ\",\"level\":\"%s\",\"scope\":\"", time,
		  (int)(line->unix_ms % 1000), log_level_name(line->level));
	add_escaped(out, line->scope, true);
	text_add(out, "\",\"text\":\"");
	add_escaped(out, line->text, true);
	text_add(out, "\"}\n");
}

/* --- writing it --- */

static void
write_whole(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, bytes, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return; /* there is nobody left to tell */
		bytes += written;
		length -= (size_t)written;
	}
}

static void
write_to_journal(const struct line *line)
{
#ifdef HAVE_SYSTEMD
	static const int priorities[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
	struct text text = { 0 };

	if (line->scope[0] != '\0') {
		add_escaped(&text, line->scope, false);
		text_add(&text, ": ");
	}
	add_escaped(&text, line->text, false);
	sd_journal_send("MESSAGE=%s", text.bytes != NULL ? text.bytes : "", "PRIORITY=%i",
			priorities[line->level], "STENTOR_SCOPE=%s", line->scope, NULL);
	text_clear(&text);
#else
	(void)line;
#endif
}

static void
write_line(const struct line *line)
{
	struct text out = { 0 };

	pthread_mutex_lock(&mutex);
	if (capture_fn != NULL) {
		if (line->scope[0] != '\0')
			text_addf(&out, "%s: ", line->scope);
		add_escaped(&out, line->text, false);
		text_add(&out, "");
		capture_fn(line->level, out.bytes, capture_arg);
	} else if (target == TO_JOURNAL) {
		write_to_journal(line);
	} else {
		if (target_json)
			add_json(&out, line);
		else
			add_plain(&out, line, target == TO_FILE);
		write_whole(target_fd, out.bytes, out.length);
	}
	pthread_mutex_unlock(&mutex);
	text_clear(&out);
}

void
log_print(enum log_level level, const struct log_scope *scope, const char *format, ...)
{
	char text[TEXT_ROOM], words[SCOPE_ROOM];
	int saved = errno;
	va_list args;

	if (level > log_level())
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	describe_scopes(words, sizeof words, scope);
	write_line(&(struct line) { level, now_unix_ms(), words, text });
	errno = saved;
}

/* --- where it goes --- */

static void
set_target(enum target next, int fd, bool json)
{
	pthread_mutex_lock(&mutex);
	if (target == TO_FILE)
		close(target_fd);
	target = next;
	target_fd = fd;
	target_json = json;
	pthread_mutex_unlock(&mutex);
}

/* Without this the lines would go nowhere, and without a word. */
static bool
journal_is_there(struct err *err)
{
#ifdef HAVE_SYSTEMD
	return access(JOURNAL_SOCKET, F_OK) == 0 ||
	       err_fail(err, ERR_ABSENT,
			"there is no journal on this machine (\"" JOURNAL_SOCKET
			"\"): say target = \"stderr\" or a file");
#else
	return err_fail(err, ERR_ABSENT, "cannot log to the journal: built without systemd");
#endif
}

bool
log_can_open(const char *name, struct err *err)
{
	const char *slash = strrchr(name, '/');
	char *folder;
	bool good;

	if (text_is(name, "stderr"))
		return true;
	if (text_is(name, "journal"))
		return journal_is_there(err);
	if (access(name, W_OK) == 0)
		return true;
	folder = slash == NULL ? copy_text(".") : copy_bytes(name, (size_t)(slash - name) + 1);
	good = errno == ENOENT && access(folder, W_OK | X_OK) == 0;
	free(folder);
	return good ||
	       err_fail(err, ERR_SYSTEM, "could not open log \"%s\": %s", name, strerror(errno));
}

bool
log_open(const char *name, bool json, struct err *err)
{
	int fd;

	if (text_is(name, "stderr")) {
		set_target(TO_STDERR, STDERR_FILENO, json);
		return true;
	}
	if (text_is(name, "journal")) {
		if (!journal_is_there(err))
			return false;
		set_target(TO_JOURNAL, -1, json);
		return true;
	}
	fd = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return err_fail(err, ERR_SYSTEM, "could not open log \"%s\": %s", name,
				strerror(errno));
	set_target(TO_FILE, fd, json);
	return true;
}

void
log_capture(void (*fn)(enum log_level level, const char *line, void *arg), void *arg)
{
	pthread_mutex_lock(&mutex);
	capture_fn = fn;
	capture_arg = arg;
	pthread_mutex_unlock(&mutex);
}
