/* SPDX-License-Identifier: MIT */
/*
 * stentorctl: asks a server, or, when none runs, does the work itself.
 *
 *   main		what was asked?  (asked.h)
 *   obey		questions to the person at the terminal: a password, "are you sure?"
 *   reach		the server at its socket; or the data folder, if nobody has it
 *   tell		the answer, for people or as JSON
 */
#include "base/codec.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "core/loader.h"
#include "main/admin.h"
#include "main/ask.h"
#include "main/asked.h"
#include "main/commands.h"
#include "main/local.h"
#include "main/offline.h"
#include "main/places.h"
#include "main/prompt.h"
#include "main/server.h"
#include "main/settings.h"
#include "main/show.h"
#include "main/startup.h"
#include "main/talk.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum exit_code { WELL = 0, FAILED_ = 1, USAGE = 2, NO_SERVER = 3 };

#define GENERATED_LENGTH 20 /* 100 bits */
#define PASSWORD_MAX     1023
#define TRIES            60 /* while somebody else has the folder */
#define TRY_MS           50
#define STOP_TRIES       400

static void
complain(const char *text)
{
	fprintf(stderr, "stentorctl: %s\n", text);
}

static void
sleep_ms(long ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* --- questions --- */

static bool
password_from_person(char *password, size_t room, bool twice)
{
	char again[PASSWORD_MAX + 2] = "";
	bool good;

	if (!password_prompt(password, room, "Password"))
		return false;
	if (!twice)
		return true;
	good = password_prompt(again, sizeof again, "The same again");
	if (good && !text_is(password, again)) {
		complain("these are two different passwords");
		good = false;
	}
	wipe(again, sizeof again);
	return good;
}

/* Puts a password among the arguments of a command that wants one. */
static enum exit_code
password_get(struct asked *asked)
{
	const struct argument *wanted = command_argument(asked->command, ARGUMENT_PASSWORD);
	char password[PASSWORD_MAX + 2] = "";
	bool proves = (asked->command->flags & COMMAND_PROVES) != 0, good;
	struct err err;

	if (wanted == NULL)
		return WELL;
	if (asked->generate && asked->password_file != NULL) {
		complain("--generate and --password-file exclude each other");
		return USAGE;
	}
	if (asked->generate) {
		random_name(password, GENERATED_LENGTH);
		good = true;
	} else if (asked->password_file != NULL) {
		good = password_from_file(password, sizeof password, asked->password_file, &err);
		if (!good)
			complain(err.text);
	} else if (isatty(STDIN_FILENO)) {
		good = password_from_person(password, sizeof password, !proves);
	} else {
		complain(proves ? "a password is missing: say --password-file FILE, or "
				  "--password-file - "
				  "for standard input"
				: "a password is missing: say --password-file FILE, "
				  "--password-file - for "
				  "standard input, or --generate");
		return USAGE;
	}
	if (good && password[0] == '\0') {
		complain("an empty password is none");
		good = false;
	}
	if (good && strlen(password) > PASSWORD_MAX) {
		complain("the password is longer than 1023 bytes");
		good = false;
	}
	if (good &&
	    json_object_set_new(asked->arguments, wanted->name + 2, json_string(password)) != 0) {
		complain("the password is not UTF-8");
		good = false;
	}
	wipe(password, sizeof password);
	return good ? WELL : FAILED_;
}

/* Only a person is asked: a script has said what it wants. */
static bool
is_sure(const struct asked *asked)
{
	struct text name = { 0 };
	char line[16] = "";

	if ((asked->command->flags & COMMAND_DANGEROUS) == 0 || asked->yes || !isatty(STDIN_FILENO))
		return true;
	command_usage(&name, asked->command);
	fprintf(stderr, "%s -- %s.  Are you sure? [y/N] ", name.bytes, asked->command->about);
	text_clear(&name);
	return line_read(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

/* --- answers --- */

static void
faults_tell(const json_t *answer)
{
	size_t i;
	json_t *line;

	json_array_foreach(json_object_get(answer, "faults"), i, line)
		fprintf(stderr, "%s\n", json_string_value(line));
}

static void
print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
}

static enum exit_code
tell_failure(const struct asked *asked, const json_t *answer)
{
	const char *kind = json_string_value(json_object_get(answer, "kind"));
	const char *error = json_string_value(json_object_get(answer, "error"));

	if (asked->json) {
		print_json(answer);
	} else {
		faults_tell(answer);
		complain(error ? error : "the command failed");
	}
	if (text_is(kind, "syntax") && json_object_get(answer, "faults") == NULL)
		return USAGE;
	if ((asked->command->flags & COMMAND_LOCAL) != 0 && text_is(kind, "limit"))
		return USAGE;
	return text_is(kind, "usage") ? USAGE : FAILED_;
}

static void
more_may_be_there(const struct asked *asked, const json_t *result)
{
	const char *limit = json_string_value(json_object_get(asked->arguments, "limit"));
	const struct argument *has = NULL;

	for (const struct argument *a = asked->command->arguments; a != NULL && a->name != NULL;
	     a++)
		if (text_is(a->name, "--limit"))
			has = a;
	if (has != NULL && json_array_size(result) >= (limit ? strtoul(limit, NULL, 10) : 1000))
		complain("there may be more: --limit asks for more");
}

static enum exit_code
tell(struct asked *asked, json_t *answer)
{
	json_t *result = json_object_get(answer, "result");
	const char *password = json_string_value(json_object_get(asked->arguments, "password"));
	struct text shown = { 0 };
	enum exit_code code = WELL;

	if (!json_is_true(json_object_get(answer, "ok"))) {
		code = tell_failure(asked, answer);
		json_decref(answer);
		return code;
	}
	if (asked->generate && json_is_object(result)) /* shown this once */
		json_object_set_new(result, "password", json_string(password));
	if (json_is_null(result)) {
		; /* it was written already */
	} else if (asked->json) {
		print_json(result);
	} else {
		show_result(&shown, result);
		fputs(shown.length > 0 ? shown.bytes : "", stdout);
		text_clear(&shown);
		if (isatty(STDOUT_FILENO))
			more_may_be_there(asked, result);
	}
	if (fflush(stdout) != 0) {
		complain("the answer could not be written");
		code = FAILED_;
	}
	json_decref(answer);
	return code;
}

/* --- reaching somebody --- */

/* The data folder of a configuration that has faults: what it says, or the usual. */
static char *
data_guess(const char *conf_path)
{
	FILE *file = fopen(conf_path, "re");
	char line[4096], said[4096] = "data";
	const char *slash = strrchr(conf_path, '/');

	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (sscanf(line, " data = \"%4095[^\"]\"", said) == 1)
			break;
	if (file != NULL)
		fclose(file);
	if (said[0] == '/' || slash == NULL)
		return copy_text(said);
	return format_text("%.*s/%s", (int)(slash - conf_path), conf_path, said);
}

static char *
data_find(const char *conf_path)
{
	struct text faults = { 0 };
	struct conf *conf = settings_read(conf_path, &faults);
	char *data;

	if (conf == NULL) { /* a running server can still be asked */
		text_clear(&faults);
		return data_guess(conf_path);
	}
	data = settings_data(conf);
	conf_drop(conf);
	return data;
}

/* What comes before any answer is said in the form of one. */
static void
refuse(const struct asked *asked, const char *kind, const char *text)
{
	json_t *answer;

	if (!asked->json) {
		complain(text);
		return;
	}
	answer = json_pack("{s:b, s:s, s:s}", "ok", 0, "kind", kind, "error", text);
	print_json(answer);
	json_decref(answer);
}

static enum exit_code
nobody_there(const struct asked *asked, const char *conf_path, const char *data)
{
	char *text =
		format_text("no server runs with the data folder \"%s\"; start it with  stentord "
			    "-c %s",
			    data, conf_path);

	refuse(asked, "no server", text);
	free(text);
	return NO_SERVER;
}

/* `stop` is over when the server has let go of its folder. */
static enum exit_code
wait_for_end(const char *data)
{
	for (int i = 0; i < STOP_TRIES; i++) {
		int lock = lock_take(data, NULL, NULL);

		if (lock >= 0) {
			lock_give_back(&lock);
			return WELL;
		}
		sleep_ms(TRY_MS);
	}
	complain("the server was told to stop, and still runs");
	return FAILED_;
}

/* Most commands ask one question. */
static void
one_heard(struct talk *talk, json_t *answer)
{
	talk_over(talk, answer);
}

static void
one_end(struct talk *talk)
{
	json_decref(talk->arguments);
	free(talk);
}

static struct talk *
one_question(const struct asked *asked)
{
	struct talk *talk = zalloc(sizeof *talk);

	talk->heard = one_heard;
	talk->end = one_end;
	talk->command = asked->command;
	talk->arguments = json_incref(asked->arguments);
	return talk;
}

static void
talk_online(struct talk *talk, int fd)
{
	struct err err;

	while (talk->command != NULL) {
		json_t *answer = ask(fd, talk->command, talk->arguments, &err);

		if (answer != NULL) {
			talk->heard(talk, answer);
			continue;
		}
		complain(err.text);
		talk_over(talk, NULL);
	}
	close(fd);
}

static enum exit_code
reach(struct asked *asked, const char *conf_path, struct talk *talk)
{
	const struct command *command = asked->command;
	bool offline = (command->flags & COMMAND_OFFLINE) != 0;
	char *data = data_find(conf_path);
	enum exit_code code = FAILED_;
	enum reached reached = NOBODY_THERE;
	struct err err = { 0 };
	int fd = -1, lock = -1;

	/* Between an end and a beginning the folder may be locked and nobody at its socket. */
	for (int i = 0; i < TRIES; i++) {
		reached = ask_connect(&fd, data, &err);
		if (reached != NOBODY_THERE)
			break;
		if (!offline || access(data, F_OK) != 0)
			lock = -1;
		else
			lock = lock_take(data, NULL, &err);
		if (lock >= 0 || !offline || err.kind != ERR_EXISTS)
			break;
		sleep_ms(TRY_MS);
	}

	if (reached == REACHED && (command->flags & COMMAND_ALONE) != 0) {
		close(fd);
		refuse(asked, "refused", "the server runs: stop it first, with  stentorctl stop");
	} else if (reached == REACHED) {
		talk_online(talk, fd);
	} else if (reached == UNREACHABLE) {
		refuse(asked, admin_kind(err.kind), err.text);
	} else if (!offline) {
		code = nobody_there(asked, conf_path, data);
	} else {
		if (lock < 0 && access(data, F_OK) != 0)
			lock = lock_take(data, NULL, &err); /* makes the folder */
		if (lock >= 0)
			offline_run(conf_path, lock, talk);
		else
			refuse(asked, admin_kind(err.kind), err.text);
	}
	if (talk->result != NULL)
		code = tell(asked, talk->result);
	talk->result = NULL;
	if (code == WELL && reached == REACHED && text_is(command->noun, "stop"))
		code = wait_for_end(data);
	free(data);
	return code;
}

static enum exit_code
talk_with(struct asked *asked, const char *conf_path)
{
	bool talks = (asked->command->flags & COMMAND_TALKS) != 0;
	enum exit_code code;
	struct talk *talk;
	struct err err;

	talk = talks ? talk_start(asked, conf_path, &err) : one_question(asked);
	if (talk == NULL) {
		complain(err.text);
		return FAILED_;
	}
	if (talk->command != NULL) {
		code = reach(asked, conf_path, talk);
	} else { /* there was nothing to ask */
		code = tell(asked, talk->result);
	}
	talk->end(talk);
	return code;
}

/* A path that is good from everywhere. */
static char *
conf_find_path(const struct asked *asked)
{
	char *found = asked->conf ? copy_text(asked->conf) : settings_find();
	char *path = realpath(found, NULL);

	if (path == NULL)
		return found;
	free(found);
	return path;
}

/* Whether the server would take the arguments; it is not bothered with others, and nobody is
 * asked for a password in vain. */
static bool
is_understood(const struct asked *asked, struct err *err)
{
	struct call call = { .command = asked->command };
	bool good = call_read(&call, asked->arguments, err);

	json_decref(call.arguments);
	return good;
}

static enum exit_code
obey(struct asked *asked)
{
	enum exit_code code = WELL;
	char *conf_path = conf_find_path(asked);
	bool local = (asked->command->flags & COMMAND_LOCAL) != 0;
	struct err err;

	if (!is_understood(asked, &err)) {
		complain(err.text);
		free(conf_path);
		return USAGE;
	}
	if (!local && access(conf_path, R_OK) != 0) {
		char *text =
			format_text("could not read the configuration \"%s\": %s%s", conf_path,
				    strerror(errno),
				    asked->conf ? ""
						: "; say which with -c FILE, or make one with  "
						  "stentorctl init");

		refuse(asked, "system", text);
		free(text);
		free(conf_path);
		return asked->conf == NULL ? USAGE : FAILED_;
	}
	if (!is_sure(asked)) {
		complain("nothing was done");
		free(conf_path);
		return FAILED_;
	}
	code = password_get(asked);
	if (code == WELL && local) {
		local_conf = conf_path;
		code = tell(asked, local_run(asked->command, asked->arguments));
	} else if (code == WELL) {
		code = talk_with(asked, conf_path);
	}
	free(conf_path);
	return code;
}

static enum exit_code
help_tell(const struct asked *asked)
{
	struct text help = { 0 };

	if (asked->command == NULL)
		help_write(&help, asked->noun, NULL);
	else
		help_write(&help, asked->command->noun, asked->command->verb);
	fputs(help.bytes, stdout);
	text_clear(&help);
	return fflush(stdout) == 0 ? WELL : FAILED_;
}

int
main(int argc, char **argv)
{
	struct text faults = { 0 };
	struct asked asked;
	struct err err;
	enum exit_code code;

	setlocale(LC_CTYPE, "");
	if (!process_prepare(&faults)) { /* without its modules it still knows the rest */
		faults.bytes[strcspn(faults.bytes, "\n")] = '\0';
		complain(faults.bytes);
		text_clear(&faults);
	}
	if (argc < 2) {
		asked = (struct asked) { 0 };
		help_tell(&asked);
		return USAGE;
	}
	if (!asked_read(&asked, argc, argv, &err)) {
		complain(err.text);
		code = USAGE;
	} else if (asked.version) {
		printf("stentorctl %s\n", places_version());
		code = WELL;
	} else if (asked.help) {
		code = help_tell(&asked);
	} else {
		code = obey(&asked);
	}
	asked_clear(&asked);
	loader_close();
	return (int)code;
}
