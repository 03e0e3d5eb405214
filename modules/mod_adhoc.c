/* SPDX-License-Identifier: MIT */
/*
 * mod_adhoc -- XEP-0050 and XEP-0133: the admin's commands from a chat client.
 *
 * Every command that is declared with COMMAND_ADHOC is offered to the domain's admins
 * (option "admins"), and reaches this domain only.  A command with arguments answers the
 * first request with a form made from their declaration; the submitted form is read back
 * into arguments and the command runs, as the CLI would run it.  Nothing is remembered
 * between the two.  A field whose name ends in "jids" takes several addresses, and the
 * command runs for each; a new password is asked for twice.
 */
#include <string.h>

#include "module.h"

#define NS_ADMIN "http://jabber.org/protocol/admin"
#define VERIFY   "password-verify"

struct running {
	struct iq *iq;
	const struct command *command;
	json_t *given;               /* borrowed values for each run */
	const struct argument *many; /* the argument that has several values; NULL */
	const char *const *values;   /* of it, those still to come */
	json_t *results;             /* of the runs so far */
};

static void run_next(struct running *running);

static const char *
plain(const struct argument *argument)
{
	return strncmp(argument->name, "--", 2) == 0 ? argument->name + 2 : argument->name;
}

static const char *
field_name(const struct argument *argument)
{
	return argument->field != NULL ? argument->field : plain(argument);
}

/* The domain is the one that was asked, and files are for who sits at the server. */
static bool
has_field(const struct argument *argument)
{
	return argument->kind != ARGUMENT_FILE && argument->kind != ARGUMENT_DOMAIN;
}

static bool
is_required(const struct argument *argument)
{
	return argument->kind == ARGUMENT_PASSWORD ||
	       (strncmp(argument->name, "--", 2) != 0 && !argument->optional);
}

static bool
takes_many(const struct argument *argument)
{
	size_t length = strlen(field_name(argument));

	return argument->kind == ARGUMENT_JID && length > 4 &&
	       strcmp(field_name(argument) + length - 4, "jids") == 0;
}

static const char *
node_of(struct arena *arena, const struct command *command)
{
	if (command->node != NULL)
		return command->node;
	return arena_format(arena, "stentor#%s%s%s", command->noun,
			    command->verb != NULL ? "-" : "",
			    command->verb != NULL ? command->verb : "");
}

static bool
is_offered(const struct command *command, const struct domain *domain)
{
	return (command->flags & COMMAND_ADHOC) != 0 && command_is_in(command, domain);
}

static const struct command *
command_of(struct arena *arena, const struct domain *domain, const char *node)
{
	const struct command *command = NULL;

	while (node != NULL && (command = command_next(command)) != NULL)
		if (is_offered(command, domain) && strcmp(node_of(arena, command), node) == 0)
			return command;
	return NULL;
}

/* --- discovery --- */

static void
list_commands(struct disco *disco)
{
	const struct command *command = NULL;

	if (!domain_is_admin(disco->domain, disco->from)) /* §2.2: not the same for all */
		return;
	while ((command = command_next(command)) != NULL)
		if (is_offered(command, disco->domain))
			disco_item(disco, disco->domain->name, node_of(disco->arena, command),
				   command->about);
}

static void
on_asking(void *self, struct disco *disco)
{
	const struct command *command;

	(void)self;
	if (disco->account != NULL || disco->node == NULL)
		return;
	if (strcmp(disco->node, NS_COMMANDS) == 0) {
		disco->known = true;
		if (disco->items)
			list_commands(disco);
		else
			disco_identity(disco, "automation", "command-list", NULL);
		return;
	}
	command = command_of(disco->arena, disco->domain, disco->node);
	if (command == NULL)
		return;
	disco->known = true;
	disco->forbidden = !domain_is_admin(disco->domain, disco->from);
	if (disco->items || disco->forbidden)
		return;
	disco_identity(disco, "automation", "command-node", command->about);
	disco_feature(disco, NS_COMMANDS);
	disco_feature(disco, NS_DATA);
}

/* --- forms --- */

static struct element *
reply(struct iq *iq, const struct command *command, const char *status)
{
	struct element *answer = element_new(iq->arena, NS_COMMANDS, "command");
	const char *session = element_get(iq->query, "sessionid");
	char made[17];

	if (session == NULL) {
		random_name(made, sizeof made - 1);
		session = made;
	}
	element_set(iq->arena, answer, "node", node_of(iq->arena, command));
	element_set(iq->arena, answer, "sessionid", session);
	element_set(iq->arena, answer, "status", status);
	return answer;
}

static const char *
field_type(const struct argument *argument)
{
	if (takes_many(argument))
		return "jid-multi";
	if (argument->kind == ARGUMENT_JID)
		return "jid-single";
	if (argument->kind == ARGUMENT_FLAG)
		return "boolean";
	if (argument->kind == ARGUMENT_PASSWORD)
		return "text-private";
	if (argument->lines)
		return "text-multi";
	return argument->kind == ARGUMENT_CHOICE ? "list-single" : "text-single";
}

static void
offer_field(struct arena *arena, struct element *form, const struct argument *argument)
{
	struct element *field = form_add(arena, form, field_name(argument), field_type(argument),
					 argument->help, NULL);

	if (is_required(argument))
		element_add(arena, field, NULL, "required");
	for (const char *const *word = argument->words; word != NULL && *word != NULL; word++) {
		struct element *option = element_add(arena, field, NULL, "option");

		element_add_text(arena, option, NULL, "value", *word);
	}
	if (argument->kind == ARGUMENT_PASSWORD)
		form_add(arena, form, VERIFY, "text-private", "the same again", NULL);
}

static enum outcome
offer_form(struct iq *iq, const struct command *command)
{
	struct element *answer = reply(iq, command, "executing");
	struct element *actions = element_add(iq->arena, answer, NULL, "actions");
	struct element *form = form_new(iq->arena, "form", NULL);

	element_set(iq->arena, actions, "execute", "complete");
	element_add(iq->arena, actions, NULL, "complete");
	element_add_text(iq->arena, form, NULL, "title", command->about);
	if (command->help != NULL)
		element_add_text(iq->arena, form, NULL, "instructions", command->help);
	form_add(iq->arena, form, "FORM_TYPE", "hidden", NULL, NS_ADMIN); /* fields come last */
	for (const struct argument *a = command->arguments; a != NULL && a->name != NULL; a++)
		if (has_field(a))
			offer_field(iq->arena, form, a);
	element_put(answer, form);
	return iq_result(iq, answer);
}

/* --- results --- */

static void
show_value(struct arena *arena, struct element *parent, const char *name, json_t *value)
{
	char *text = json_is_string(value) ? copy_text(json_string_value(value))
					   : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	struct element *field = element_add(arena, parent, NS_DATA, "field");

	element_set(arena, field, "var", name);
	element_add_text(arena, field, NULL, "value", text);
	free(text);
}

static void
show_fields(struct arena *arena, struct element *parent, json_t *row)
{
	const char *name;
	json_t *value;

	json_object_foreach(row, name, value) show_value(arena, parent, name, value);
}

/* Several results are a table (XEP-0004 §3.4), as one is a list of fields. */
static struct element *
show(struct arena *arena, json_t *rows)
{
	struct element *form = form_new(arena, "result", NS_ADMIN), *reported;
	const char *name;
	json_t *row, *value;
	size_t i;

	if (json_array_size(rows) == 1) {
		show_fields(arena, form, json_array_get(rows, 0));
		return form;
	}
	reported = element_add(arena, form, NULL, "reported");
	json_object_foreach(json_array_get(rows, 0), name, value)
	{
		struct element *field = element_add(arena, reported, NULL, "field");

		element_set(arena, field, "var", name);
		element_set(arena, field, "label", name);
	}
	json_array_foreach(rows, i, row)
		show_fields(arena, element_add(arena, form, NULL, "item"), row);
	return form;
}

/* XEP-0133 §5; what is wrong with the form is XEP-0050's bad-payload. */
static void
answer_error(struct iq *iq, const struct err *err)
{
	enum condition condition = INTERNAL_SERVER_ERROR;

	if (err->kind == ERR_SYNTAX || err->kind == ERR_LIMIT) {
		(void)iq_error_with(iq, BAD_REQUEST, err->text,
				    element_new(iq->arena, NS_COMMANDS, "bad-payload"));
		return;
	}
	if (err->kind == ERR_EXISTS)
		condition = CONFLICT;
	else if (err->kind == ERR_ABSENT)
		condition = ITEM_NOT_FOUND;
	else if (err->kind == ERR_REFUSED)
		condition = NOT_ALLOWED;
	(void)iq_error(iq, condition, err->text);
}

/* The answer gives back the IQ's hold, and with its arena goes `running`. */
static void
finish(struct running *running, const struct err *err)
{
	struct iq *iq = running->iq;
	bool any = json_array_size(running->results) > 0;
	struct element *answer = reply(iq, running->command, "completed");

	if (err != NULL) { /* of several, some may be done */
		struct element *note = element_add_text(iq->arena, answer, NULL, "note", err->text);

		element_set(iq->arena, note, "type", "error");
	}
	if (any)
		element_put(answer, show(iq->arena, running->results));
	json_decref(running->given);
	json_decref(running->results);
	if (err != NULL && !any)
		answer_error(iq, err);
	else
		(void)iq_result(iq, answer);
}

/* --- running --- */

static void
ran(void *ctx, json_t *result, const struct err *err)
{
	struct running *running = ctx;
	json_t *results = running->results;

	if (json_is_array(result))
		json_array_extend(results, result);
	else if (json_is_object(result))
		json_array_append(results, result);
	else if (result != NULL)
		json_array_append_new(results, json_pack("{s:O}", "result", result));
	json_decref(result);
	if (err != NULL || running->many == NULL || *running->values == NULL)
		finish(running, err);
	else
		run_next(running);
}

static void
run_next(struct running *running)
{
	json_t *given = json_deep_copy(running->given);

	if (running->many != NULL)
		json_object_set_new(given, plain(running->many), json_string(*running->values++));
	command_ask(running->command, running->iq->domain, given, ran, running);
}

static const char *
join_lines(struct arena *arena, const char *const *values)
{
	const char *lines = *values++;

	for (; *values != NULL; values++)
		lines = arena_format(arena, "%s\n%s", lines, *values);
	return lines;
}

static void
read_field(struct running *running, const struct argument *argument, const char *const *values)
{
	if (takes_many(argument)) {
		running->many = argument;
		running->values = values;
		return;
	}
	if (argument->kind == ARGUMENT_FLAG) {
		bool on = text_is(*values, "1") || text_is(*values, "true");

		json_object_set_new(running->given, plain(argument), json_boolean(on));
		return;
	}
	json_object_set_new(running->given, plain(argument),
			    json_string(argument->lines ? join_lines(running->iq->arena, values)
							: *values));
}

/* What a form lacks or has twice differently; NULL: nothing. */
static const char *
read_form(struct running *running, const struct element *form)
{
	struct arena *arena = running->iq->arena;
	const struct argument *a = running->command->arguments;

	for (; a != NULL && a->name != NULL; a++) {
		const char *const *values;

		if (!has_field(a))
			continue;
		values = form != NULL ? form_values(arena, form, field_name(a)) : NULL;
		if (values == NULL || *values == NULL || **values == '\0') {
			if (is_required(a))
				return arena_format(arena, "the field \"%s\" is missing",
						    field_name(a));
			continue;
		}
		if (a->kind == ARGUMENT_PASSWORD && form_field(form, VERIFY) != NULL &&
		    !text_is(form_get(arena, form, VERIFY), *values))
			return "the two passwords are not the same";
		read_field(running, a, values);
	}
	return NULL;
}

static enum outcome
run(struct iq *iq, const struct command *command, const struct element *form)
{
	struct running *running = NEW(iq->arena, struct running);
	const char *fault;

	running->iq = iq;
	running->command = command;
	running->given = json_object();
	fault = read_form(running, form);
	if (fault != NULL) {
		json_decref(running->given);
		return iq_error_with(iq, BAD_REQUEST, fault,
				     element_new(iq->arena, NS_COMMANDS, "bad-payload"));
	}
	running->results = json_array();
	iq_hold(iq);
	run_next(running);
	return LATER;
}

static bool
has_fields(const struct command *command)
{
	for (const struct argument *a = command->arguments; a != NULL && a->name != NULL; a++)
		if (has_field(a))
			return true;
	return false;
}

static enum outcome
refuse_action(struct iq *iq, const char *which)
{
	return iq_error_with(iq, BAD_REQUEST, NULL, element_new(iq->arena, NS_COMMANDS, which));
}

static enum outcome
on_command(void *self, struct iq *iq)
{
	const struct command *command =
		command_of(iq->arena, iq->domain, element_get(iq->query, "node"));
	const char *action = element_get(iq->query, "action");
	const struct element *form = form_find(iq->query);

	(void)self;
	if (!domain_is_admin(iq->domain, &iq->from))
		return iq_error(iq, FORBIDDEN, "that is for the admins of this domain");
	if (command == NULL)
		return iq_error(iq, ITEM_NOT_FOUND, "there is no such command");
	if (text_is(action, "cancel") || (form != NULL && form_is(form, "cancel")))
		return iq_result(iq, reply(iq, command, "canceled"));
	if (text_is(action, "prev") || text_is(action, "next")) /* there is one stage */
		return refuse_action(iq, "bad-action");
	if (action != NULL && !text_is(action, "execute") && !text_is(action, "complete"))
		return refuse_action(iq, "malformed-action");
	if (form != NULL && !form_is(form, "submit"))
		return refuse_action(iq, "bad-payload");
	if (form == NULL && has_fields(command))
		return offer_form(iq, command);
	return run(iq, command, form);
}

static const struct iq_rule iqs[] = {
	{ IQ_SET, TO_DOMAIN, NS_COMMANDS, "command", on_command },
	{ 0 },
};

static const struct hook hooks[] = {
	FACT(disco_asking, on_asking),
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "adhoc",
	.about = "Ad-Hoc Commands for the domain's admins (XEP-0050, XEP-0133)",
	.help = "Who is named by the domain's option \"admins\" finds these commands in the menu "
		"of "
		"a client that can do so.  They are the same as the tool's, for this domain's "
		"accounts "
		"only.",
	.needs = NAMES("disco"),
	.features = NAMES(NS_COMMANDS),
	.iqs = iqs,
	.hooks = hooks,
};
