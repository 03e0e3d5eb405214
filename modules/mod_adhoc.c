/* SPDX-License-Identifier: MIT */
/*
 * mod_adhoc -- XEP-0050 and XEP-0133: the admin's commands from a chat client.
 *
 * Every command that is declared with COMMAND_ADHOC is offered to the domain's admins
 * (option "admins").  A command with arguments answers the first request with a form made
 * from their declaration; the submitted form is read back into arguments and the command
 * runs, as the CLI would run it.  Nothing is remembered between the two.  A field whose name
 * ends in "jids" takes several addresses, and the command runs for each.
 */
#include <string.h>

#include "module.h"

#define NS_ADMIN "http://jabber.org/protocol/admin"

struct running {
	struct iq *iq;
	const struct command *command;
	json_t *given;			/* borrowed values for each run */
	const struct argument *many;	/* the argument that has several values; NULL */
	const char *const *values;	/* of it, those still to come */
	struct element *form;		/* the result */
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
	return arena_format(arena, "stentor#%s%s%s", command->noun, command->verb != NULL ? "-" : "",
	                    command->verb != NULL ? command->verb : "");
}

static const struct command *
command_of(struct arena *arena, const char *node)
{
	const struct command *command = NULL;

	while (node != NULL && (command = command_next(command)) != NULL)
		if ((command->flags & COMMAND_ADHOC) != 0 &&
		    strcmp(node_of(arena, command), node) == 0)
			return command;
	return NULL;
}

/* --- discovery --- */

static void
on_asking(void *self, struct disco *disco)
{
	const struct command *command = NULL;

	(void)self;
	if (disco->account != NULL || disco->node == NULL)
		return;
	if (strcmp(disco->node, NS_COMMANDS) == 0) {
		disco->known = true;
		if (!disco->items) {
			disco_identity(disco, "automation", "command-list", NULL);
			return;
		}
		if (!domain_is_admin(disco->domain, disco->from))
			return;
		while ((command = command_next(command)) != NULL)
			if ((command->flags & COMMAND_ADHOC) != 0)
				disco_item(disco, disco->domain->name,
				           node_of(disco->arena, command), command->about);
		return;
	}
	command = command_of(disco->arena, disco->node);
	if (command == NULL || !domain_is_admin(disco->domain, disco->from))
		return;
	disco->known = true;
	if (disco->items)
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
	return argument->kind == ARGUMENT_CHOICE ? "list-single" : "text-single";
}

static void
offer_field(struct arena *arena, struct element *form, const struct argument *argument)
{
	struct element *field =
		form_add(arena, form, field_name(argument), field_type(argument), argument->help, NULL);

	if (strncmp(argument->name, "--", 2) != 0 && !argument->optional)
		element_add(arena, field, NULL, "required");
	for (const char *const *word = argument->words; word != NULL && *word != NULL; word++) {
		struct element *option = element_add(arena, field, NULL, "option");

		element_add_text(arena, option, NULL, "value", *word);
	}
}

static enum outcome
offer_form(struct iq *iq, const struct command *command)
{
	struct element *answer = reply(iq, command, "executing");
	struct element *actions = element_add(iq->arena, answer, NULL, "actions");
	struct element *form = form_new(iq->arena, "form", NS_ADMIN);

	element_set(iq->arena, actions, "execute", "complete");
	element_add(iq->arena, actions, NULL, "complete");
	element_add_text(iq->arena, form, NULL, "title", command->about);
	for (const struct argument *a = command->arguments; a != NULL && a->name != NULL; a++)
		if (a->kind != ARGUMENT_FILE)
			offer_field(iq->arena, form, a);
	element_put(answer, form);
	return iq_result(iq, answer);
}

/* --- running --- */

static void
show_value(struct arena *arena, struct element *form, const char *name, json_t *value)
{
	char *text = json_is_string(value) ? copy_text(json_string_value(value)) :
	                                     json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	form_add(arena, form, name, "text-single", name, text);
	free(text);
}

static void
show(struct arena *arena, struct element *form, json_t *result)
{
	const char *name;
	json_t *value;
	size_t i;

	if (json_is_array(result))
		json_array_foreach (result, i, value)
			show(arena, form, value);
	else if (json_is_object(result))
		json_object_foreach (result, name, value)
			show_value(arena, form, name, value);
	else if (result != NULL)
		show_value(arena, form, "result", result);
}

static void
finish(struct running *running, const struct err *err)
{
	struct iq *iq = running->iq;
	struct element *answer = reply(iq, running->command, "completed");

	if (err != NULL) {
		struct element *note = element_add_text(iq->arena, answer, NULL, "note", err->text);

		element_set(iq->arena, note, "type", "error");
	}
	if (element_first(running->form) != NULL)
		element_put(answer, running->form);
	json_decref(running->given);
	(void)iq_result(iq, answer);
}

static void
ran(void *ctx, json_t *result, const struct err *err)
{
	struct running *running = ctx;

	show(running->iq->arena, running->form, result);
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

static enum outcome
run(struct iq *iq, const struct command *command, const struct element *form)
{
	struct running *running = NEW(iq->arena, struct running);

	running->command = command;
	running->given = json_object();
	running->form = form_new(iq->arena, "result", NULL);
	for (const struct argument *a = command->arguments; a != NULL && a->name != NULL; a++) {
		const char *const *values =
			form != NULL ? form_values(iq->arena, form, field_name(a)) : NULL;

		if (values == NULL || *values == NULL || **values == '\0')
			continue;
		if (takes_many(a)) {
			running->many = a;
			running->values = values;
		} else if (a->kind == ARGUMENT_FLAG) {
			json_object_set_new(running->given, plain(a),
			                    json_boolean(text_is(*values, "1") ||
			                                 text_is(*values, "true")));
		} else {
			json_object_set_new(running->given, plain(a), json_string(*values));
		}
	}
	running->iq = iq_hold(iq);
	run_next(running);
	return LATER;
}

static bool
has_arguments(const struct command *command)
{
	for (const struct argument *a = command->arguments; a != NULL && a->name != NULL; a++)
		if (a->kind != ARGUMENT_FILE)
			return true;
	return false;
}

static enum outcome
on_command(void *self, struct iq *iq)
{
	const struct command *command = command_of(iq->arena, element_get(iq->query, "node"));
	const char *action = element_get(iq->query, "action");
	const struct element *form = element_child(iq->query, NS_DATA, "x");

	(void)self;
	if (command == NULL)
		return iq_error(iq, ITEM_NOT_FOUND, "there is no such command");
	if (!domain_is_admin(iq->domain, &iq->from))
		return iq_error(iq, FORBIDDEN, "that is for the admins of this domain");
	if (text_is(action, "cancel"))
		return iq_result(iq, reply(iq, command, "canceled"));
	if (action != NULL && !text_is(action, "execute") && !text_is(action, "complete") &&
	    !text_is(action, "next"))
		return iq_error_with(iq, BAD_REQUEST, NULL,
		                     element_new(iq->arena, NS_COMMANDS, "bad-action"));
	if (form == NULL && has_arguments(command))
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
	.name = "adhoc",
	.about = "Ad-Hoc Commands for the domain's admins (XEP-0050, XEP-0133)",
	.needs = NAMES("disco"),
	.features = NAMES(NS_COMMANDS),
	.iqs = iqs,
	.hooks = hooks,
};
