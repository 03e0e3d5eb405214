/* SPDX-License-Identifier: MIT */
/* The manual pages, in roff, from the tables of commands, options and modules. */
#include "main/local.h"

#include "core/loader.h"
#include "main/commands.h"
#include "main/places.h"
#include "main/settings.h"

#include <stdlib.h>
#include <string.h>

const char *const manual_pages[] = { "stentord.8", "stentorctl.1", "stentor.conf.5",
				     "stentor-modules.7", NULL };

/* --- roff --- */

static void
add_roff(struct text *out, const char *words)
{
	if (words[0] == '.' || words[0] == '\'')
		text_add(out, "\\&");
	for (; *words != '\0'; words++) {
		if (*words == '\\')
			text_add(out, "\\e");
		else if (*words == '-')
			text_add(out, "\\-");
		else if (*words == '\'')
			text_add(out, "\\(aq");
		else if (*words == '"') /* in a macro's line they would disappear */
			text_add(out, "\\(dq");
		else if (*words == '`')
			text_add(out, "\\(ga");
		else if (*words == '^')
			text_add(out, "\\(ha");
		else if (*words == '~')
			text_add(out, "\\(ti");
		else
			text_add_char(out, *words == '\n' ? ' ' : *words);
	}
}

/* A paragraph of plain words. */
static void
add_paragraph(struct text *out, const char *words)
{
	text_add(out, ".PP\n");
	add_roff(out, words);
	text_add_char(out, '\n');
}

/* A name and what it is. */
static void
add_entry(struct text *out, const char *name, const char *words)
{
	text_add(out, ".TP\n.B ");
	add_roff(out, name);
	text_add_char(out, '\n');
	add_roff(out, words);
	text_add_char(out, '\n');
}

static void
add_title(struct text *out, const char *name, const char *section, const char *about)
{
	text_addf(out, ".\\\" Made by `stentorctl manual`: do not edit.\n.TH ");
	for (const char *p = name; *p != '\0'; p++)
		text_add_char(out, (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p));
	text_addf(out, " %s \"\" \"Stentor\"\n.SH NAME\n", section);
	add_roff(out, name);
	text_add(out, " \\- ");
	add_roff(out, about);
	text_add_char(out, '\n');
}

static void
add_see_also(struct text *out, const char *but)
{
	const char *before = ".SH SEE ALSO\n";

	for (size_t i = 0; manual_pages[i] != NULL; i++) {
		const char *dot = strrchr(manual_pages[i], '.');

		if (text_is(manual_pages[i], but))
			continue;
		text_addf(out, "%s.BR ", before);
		before = ",\n";
		char *name = copy_bytes(manual_pages[i], (size_t)(dot - manual_pages[i]));
		add_roff(out, name);
		free(name);
		text_addf(out, " (%s)", dot + 1);
	}
	text_add(out, "\n");
}

/* --- stentord(8) --- */

static void
write_stentord(struct text *out)
{
	add_title(out, "stentord", "8", "an XMPP chat server");
	text_add(out, ".SH SYNOPSIS\n.B stentord\n[\\fB\\-c\\fR \\fIFILE\\fR] [\\fB\\-d\\fR] "
		      "[\\fB\\-\\-check\\fR]\n.SH DESCRIPTION\n");
	add_roff(out,
		 "Stentor serves XMPP clients: it keeps their accounts, rosters and the messages "
		 "they have not yet got, and carries stanzas between them.  It runs in the "
		 "foreground, logs where its configuration says, and is managed by stentorctl.");
	text_add(out, "\n.SH OPTIONS\n");
	add_entry(out, "-c FILE, --config FILE",
		  "The configuration.  Without it, $STENTOR_CONF, ./stentor.conf, "
		  "./run/stentor.conf "
		  "and the system's are tried.");
	add_entry(out, "-d, --daemon",
		  "Go to the background.  The command ends with 0 when clients are welcome, and "
		  "with 1, "
		  "the reason told, when the server could not start.  A log to stderr becomes "
		  "stentor.log in the data folder.");
	add_entry(out, "-t, --check",
		  "Look at the whole configuration and at what it names: whether ports are free, "
		  "files "
		  "can be read, certificates match their domains and have not expired, the store "
		  "can be "
		  "opened and is up to date.  All that is wrong is told at once.");
	add_entry(out, "-h, --help", "Tell the options.");
	add_entry(out, "-V, --version", "Tell the version.");
	text_add(out, ".SH SIGNALS\n");
	add_entry(out, "SIGTERM, SIGINT",
		  "Stop: clients are told (system-shutdown), what is owed to them and to the store "
		  "is "
		  "waited for, ten seconds at most.  A second signal ends the waiting, a third "
		  "ends the "
		  "server.");
	add_entry(out, "SIGHUP", "Read the configuration anew; see stentorctl reload.");
	add_entry(out, "SIGUSR1", "Open the log file anew, for those who rotate logs.");
	text_add(out, ".SH EXIT STATUS\n");
	add_entry(out, "0", "It was stopped, or nothing was wrong.");
	add_entry(out, "1", "It could not start, or something was wrong.");
	add_entry(out, "2", "The command line was not understood.");
	text_add(out, ".SH FILES\n");
	add_entry(out, "stentor.conf", "The configuration.");
	add_entry(out, "data/",
		  "The data folder.  One process at a time has it: the file lock there "
		  "names it.");
	add_entry(out, "data/admin.sock",
		  "Where stentorctl asks.  Only root and the server's own user "
		  "are answered.");
	text_add(out, ".SH ENVIRONMENT\n");
	add_entry(out, "STENTOR_CONF", "The configuration when -c is not given.");
	add_entry(out, "NOTIFY_SOCKET",
		  "Where a service manager waits for news; see sd_notify(3).");
	add_see_also(out, "stentord.8");
}

/* --- stentorctl(1) --- */

static void
write_argument(struct text *out, const struct command *command, const struct argument *a)
{
	if (a->kind == ARGUMENT_PASSWORD) {
		text_add(out, ".RS\n");
		add_entry(out, "--password-file FILE",
			  "The first line of the file is the password; - is standard input.");
		if ((command->flags & COMMAND_PROVES) == 0)
			add_entry(out, "--generate", "A password is made up and shown once.");
		text_add(out, ".RE\n");
		return;
	}
	text_add(out, ".RS\n");
	add_entry(out, a->name, a->help);
	if (a->kind == ARGUMENT_CHOICE) {
		text_add(out, "(one of");
		for (const char *const *w = a->words; *w != NULL; w++)
			text_addf(out, "%s %s", w == a->words ? "" : ",", *w);
		text_add(out, ")\n");
	}
	text_add(out, ".RE\n");
}

static void
write_command(struct text *out, const struct command *command)
{
	struct text usage = { 0 };

	command_usage(&usage, command);
	add_entry(out, usage.bytes, command->about);
	text_clear(&usage);
	if (command->help != NULL) {
		text_add(out, ".IP\n");
		add_roff(out, command->help);
		text_add_char(out, '\n');
	}
	if ((command->flags & COMMAND_ALONE) != 0)
		text_add(out, ".IP\nThe server must not run.\n");
	else if ((command->flags & COMMAND_OFFLINE) != 0)
		text_add(out, ".IP\nWorks while no server runs, too.\n");
	for (const struct argument *a = command->arguments; a != NULL && a->name != NULL; a++)
		write_argument(out, command, a);
	if (command->example != NULL) {
		text_add(out, ".IP\n.EX\n");
		add_roff(out, command->example);
		text_add(out, "\n.EE\n");
	}
}

static void
write_stentorctl(struct text *out)
{
	add_title(out, "stentorctl", "1", "manage a Stentor server");
	text_add(out,
		 ".SH SYNOPSIS\n.B stentorctl\n[\\fB\\-c\\fR \\fIFILE\\fR] [\\fB\\-\\-json\\fR] "
		 "\\fICOMMAND\\fR\n.SH DESCRIPTION\n");
	add_roff(
		out,
		"A command is a noun and a verb, or a noun alone.  It is put to the server through "
		"a socket in its data folder; init, conf, completion, help, store and account also "
		"work while no server runs, holding the data folder's lock meanwhile.");
	text_add(out, "\n");
	add_paragraph(out, "A password is never said on the command line, where everybody could "
			   "read it: "
			   "it is asked for, read from a file, or made up.");
	text_add(out, ".SH OPTIONS\n");
	add_entry(out, "-c FILE, --config FILE",
		  "The configuration of the server that is meant.  Without it, $STENTOR_CONF, "
		  "./stentor.conf, ./run/stentor.conf and the system's are tried.");
	add_entry(out, "--json", "Answer in JSON.");
	add_entry(out, "-y, --yes",
		  "Do not ask before something dangerous.  Only a person at a terminal "
		  "is asked.");
	add_entry(out, "-h, --help", "Tell about the command.");
	add_entry(out, "-V, --version", "Tell the version.");
	text_add(out, ".SH COMMANDS\n");
	for (const struct command *c = commands_shown(NULL); c != NULL; c = commands_shown(c))
		write_command(out, c);
	text_add(out, ".SH EXIT STATUS\n");
	add_entry(out, "0", "It is done.");
	add_entry(out, "1", "The command failed; the reason was told.");
	add_entry(out, "2", "The command line was not understood.");
	add_entry(out, "3", "No server runs, and the command needs one.");
	add_see_also(out, "stentorctl.1");
}

/* --- stentor.conf(5) --- */

static void
write_conf(struct text *out)
{
	add_title(out, "stentor.conf", "5", "the configuration of a Stentor server");
	text_add(out, ".SH DESCRIPTION\n");
	add_roff(out,
		 "The file has options, name = value, and sections, name { }, which hold options "
		 "and "
		 "sections.  What follows a # is a comment.  An option that is not there has the "
		 "value named here; stentorctl init writes a file with all of them.");
	text_add_char(out, '\n');
	add_paragraph(
		out,
		"Words the server does not know are faults: each is told with its line and the "
		"nearest word there is, all at once.  A server that runs and is told to reload "
		"a file with faults changes nothing.  stentorctl conf check looks at the file "
		"and at everything it names.");
	conf_manual(out, settings_root());
	text_add(out, ".SH EXAMPLE\n.EX\ndomain \"capulet.example\" {\n"
		      "\tcertificate = \"certs/capulet.example.crt\"\n"
		      "\tkey = \"certs/capulet.example.key\"\n"
		      "\tadmins = { \"nurse@capulet.example\" }\n}\n.EE\n");
	add_see_also(out, "stentor.conf.5");
}

/* --- stentor-modules(7) --- */

static bool
is_default(const char *name)
{
	for (const char *const *d = loader_defaults; *d != NULL; d++)
		if (text_is(*d, name))
			return true;
	return false;
}

static void
add_names(struct text *out, const char *what, const char *const *names)
{
	if (names == NULL || names[0] == NULL)
		return;
	text_addf(out, ".PP\n%s", what);
	for (const char *const *n = names; *n != NULL; n++) {
		text_add(out, n == names ? " " : ", ");
		add_roff(out, *n);
	}
	text_add(out, ".\n");
}

static void
write_module(struct text *out, const struct module *module)
{
	text_add(out, ".SS ");
	add_roff(out, module->name);
	text_add(out, "\n");
	add_roff(out, module->about);
	text_add(out, ".\n");
	if (!is_default(module->name))
		add_paragraph(out, "In use only where a domain's option modules names it.");
	if (module->help != NULL)
		add_paragraph(out, module->help);
	add_names(out, "Needs", module->needs);
	for (const struct keep *k = module->keeps; k != NULL && k->what != NULL; k++) {
		text_add(out, ".PP\nKeeps of each account: ");
		add_roff(out, k->what);
		text_add(out, ".\n");
	}
	for (const struct option *o = module->options; o != NULL && o->type != OPTION_END_; o++) {
		size_t room = 1;
		void *values;
		struct text name = { 0 }, value = { 0 };

		for (const struct option *p = module->options; p->type != OPTION_END_; p++)
			if (p->offset + sizeof(int64_t) > room)
				room = p->offset + sizeof(int64_t);
		values = zalloc(room);
		options_default(module->options, values);
		option_write(&value, o, values);
		text_addf(&name, "%s = %s", o->name, value.length > 0 ? value.bytes : "...");
		add_entry(out, name.bytes, o->help);
		text_clear(&name);
		text_clear(&value);
		free(values);
	}
	for (const struct command *c = module->commands; c != NULL && c->noun != NULL; c++) {
		struct text usage = { 0 };

		if ((c->flags & COMMAND_HIDDEN) != 0)
			continue;
		text_add(&usage, "stentorctl ");
		command_usage(&usage, c);
		add_entry(out, usage.bytes, c->about);
		text_clear(&usage);
	}
}

static void
write_modules(struct text *out)
{
	add_title(out, "stentor-modules", "7", "what a Stentor server can do");
	text_add(out, ".SH DESCRIPTION\n");
	add_roff(out,
		 "Everything above the core of XMPP is a module.  Each domain has the usual ones; "
		 "its "
		 "options modules and disabled_modules add and remove some, and a section of the "
		 "module's name sets its options:");
	text_add(out, "\n.PP\n.EX\ndomain \"capulet.example\" {\n"
		      "\tdisabled_modules = { \"last\" }\n"
		      "\toffline {\n\t\tmessages_max = 200\n\t}\n}\n.EE\n.SH MODULES\n");
	for (const struct module *m = loader_next(NULL); m != NULL; m = loader_next(m))
		write_module(out, m);
	add_see_also(out, "stentor-modules.7");
}

bool
manual_write(struct text *out, const char *page)
{
	static void (*const writers[])(struct text * out) = { write_stentord, write_stentorctl,
							      write_conf, write_modules };

	for (size_t i = 0; manual_pages[i] != NULL; i++)
		if (text_is(page, manual_pages[i])) {
			writers[i](out);
			return true;
		}
	return false;
}
