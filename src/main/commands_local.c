/* SPDX-License-Identifier: MIT */
/* init, conf check, conf show, completion bash, help, manual. */
#include "main/local.h"

#include "main/admin.h"
#include "main/check.h"
#include "main/commands.h"
#include "main/settings.h"

#include <stdlib.h>

const char *local_conf;

static void
answer_text(struct call *call, struct text *text)
{
	call_result(call, json_pack("{s:s}", "text", text->length > 0 ? text->bytes : ""));
	text_clear(text);
}

static void
run_conf_check(struct call *call)
{
	struct text faults = { 0 }, notes = { 0 };
	json_t *result;

	if (check_all(local_conf, &faults, &notes))
		result = json_pack("{s:s, s:s, s:o}", "file", local_conf, "configuration",
				   "nothing is wrong", "notes", json_lines(notes.bytes));
	else
		result = json_pack("{s:s, s:o, s:o}", "file", local_conf, "faults",
				   json_lines(faults.bytes), "notes", json_lines(notes.bytes));
	text_clear(&faults);
	text_clear(&notes);
	call_result(call, result);
}

static void
run_conf_show(struct call *call)
{
	struct text faults = { 0 }, shown = { 0 };
	struct conf *conf = settings_read(local_conf, &faults);

	if (conf == NULL) {
		call_result(call, json_pack("{s:s, s:o}", "file", local_conf, "faults",
					    json_lines(faults.bytes)));
	} else {
		conf_show(&shown, conf);
		conf_drop(conf);
		answer_text(call, &shown);
	}
	text_clear(&faults);
}

static void
run_completion(struct call *call)
{
	struct text script = { 0 };

	completion_bash(&script);
	answer_text(call, &script);
}

static void
run_help(struct call *call)
{
	const char *noun = call_text(call, "command"), *verb = call_text(call, "verb");
	struct text help = { 0 };

	if (help_write(&help, noun, verb)) {
		answer_text(call, &help);
		return;
	}
	commands_explain_unknown(&help, noun, verb);
	call_fail(call, ERR_SYNTAX, "%s", help.bytes);
	text_clear(&help);
}

static void
run_manual(struct call *call)
{
	struct text page = { 0 };

	if (manual_write(&page, call_text(call, "page")))
		answer_text(call, &page);
	else
		call_fail(call, ERR_ABSENT,
			  "there is no page \"%s\"; there are stentord.8, "
			  "stentorctl.1, stentor.conf.5, stentor-modules.7",
			  call_text(call, "page"));
}

/* --- running --- */

static void
local_answered(struct call *call, json_t *result, const struct err *err)
{
	json_t **answer = call->ctx;

	*answer = err ? json_pack("{s:b, s:s, s:s}", "ok", 0, "kind", admin_kind(err->kind),
				  "error", err->text)
		      : admin_answer(result);
}

json_t *
local_run(const struct command *command, const json_t *arguments)
{
	json_t *answer = NULL;
	struct call call = {
		.command = command,
		.arguments = json_deep_copy(arguments),
		.answered = local_answered,
		.ctx = &answer,
	};

	command->run(&call);
	return answer;
}

/* --- the table --- */

static const char *const registrations[] = { "closed", "open", NULL };
static const char *const tls_words[] = { "required", "optional", NULL };
static const char *const shells[] = { "bash", NULL };

static const struct argument init_arguments[] = {
	{ .kind = ARGUMENT_FILE,
	  .name = "dir",
	  .help = "the folder to make; one that is there must not hold an instance" },
	{ .kind = ARGUMENT_DOMAIN,
	  .name = "--domain",
	  .help = "a name to serve; may be said several times" },
	{ .kind = ARGUMENT_NUMBER,
	  .name = "--port-base",
	  .help = "use ports N+22, N+23, N+69, N+70, N+80, N+43 on 127.0.0.1 and ::1" },
	{ .kind = ARGUMENT_TEXT,
	  .name = "--store",
	  .help = "what keeps everything; sqlite unless given" },
	{ .kind = ARGUMENT_FILE,
	  .name = "--store-password-file",
	  .help = "with the database's password, or - to read it" },
	{ .kind = ARGUMENT_FILE,
	  .name = "--store-ca",
	  .help = "certificates that vouch for the database's server" },
	{ .kind = ARGUMENT_CHOICE,
	  .name = "--registration",
	  .words = registrations,
	  .help = "who may make accounts; closed unless given" },
	{ .kind = ARGUMENT_CHOICE,
	  .name = "--tls",
	  .words = tls_words,
	  .help = "whether clients must encrypt; optional on loopback only" },
	{ 0 },
};

static const struct argument completion_arguments[] = {
	{ .kind = ARGUMENT_CHOICE, .name = "shell", .words = shells, .help = "the shell" },
	{ 0 },
};

static const struct argument help_arguments[] = {
	{ .kind = ARGUMENT_TEXT, .name = "command", .optional = true, .help = "what to explain" },
	{ .kind = ARGUMENT_TEXT, .name = "verb", .optional = true, .help = "its second word" },
	{ 0 },
};

static const struct argument manual_arguments[] = {
	{ .kind = ARGUMENT_TEXT, .name = "page", .help = "stentord.8, stentorctl.1, ..." },
	{ 0 },
};

const struct command local_commands[] = {
	{
		.noun = "init",
		.run = run_init,
		.about = "make a new instance: configuration, certificates, data folder",
		.help = "Certificates are self-signed: good for trying, to be replaced for the "
			"public.  A "
			"folder that holds an instance already is left alone.  Another store than "
			"sqlite is mariadb://USER@HOST[:PORT]/DATABASE, or, by a socket, "
			"mariadb://USER@/DATABASE?socket=PATH; its password is the first line of a "
			"file, or asked for at a terminal, and kept in the file store-password.",
		.example = "stentorctl init run --domain localhost --port-base 15200",
		.arguments = init_arguments,
		.flags = COMMAND_LOCAL | COMMAND_MANY,
	},
	{
		.noun = "conf",
		.verb = "check",
		.run = run_conf_check,
		.about =
			"look at the configuration and at what it names, and say all that is wrong",
		.help = "The file, the certificates, whether ports are free, the store.  The same "
			"as "
			"stentord --check.",
		.example = "stentorctl -c stentor.conf conf check",
		.flags = COMMAND_LOCAL,
	},
	{
		.noun = "conf",
		.verb = "show",
		.run = run_conf_show,
		.about = "all options with the values they have, whether the file says them or not",
		.example = "stentorctl -c stentor.conf conf show",
		.flags = COMMAND_LOCAL,
	},
	{
		.noun = "completion",
		.run = run_completion,
		.about = "a script that completes commands in a shell",
		.example = "stentorctl completion bash >/etc/bash_completion.d/stentorctl",
		.arguments = completion_arguments,
		.flags = COMMAND_LOCAL,
	},
	{
		.noun = "help",
		.run = run_help,
		.about = "all commands, or one of them",
		.example = "stentorctl help account add",
		.arguments = help_arguments,
		.flags = COMMAND_LOCAL,
	},
	{
		.noun = "manual",
		.run = run_manual,
		.about = "a manual page in roff",
		.arguments = manual_arguments,
		.flags = COMMAND_LOCAL | COMMAND_HIDDEN,
	},
	{ 0 },
};
