/* SPDX-License-Identifier: MIT */
/*
 * Requests at the admin socket: whatever the line, it is a command with the arguments that
 * its table declares, or there is a reason why not; and an answer is always one line.
 */
#include "main/admin.h"

#include "main/commands.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	commands_open();
	return 0;
}

static void
check_arguments(const struct call *call)
{
	const char *name;
	json_t *value;

	must(call->command != NULL && json_is_object(call->arguments));
	must((call->command->flags & (COMMAND_LOCAL | COMMAND_ALONE)) == 0);
	json_object_foreach(call->arguments, name, value)
	{
		const struct argument *a = call->command->arguments;

		while (a != NULL && a->name != NULL &&
		       !text_is(a->name + (text_starts(a->name, "--") ? 2 : 0), name))
			a++;
		must(a != NULL && a->name != NULL);
		switch (a->kind) {
		case ARGUMENT_FLAG:
			must(json_is_boolean(value));
			break;
		case ARGUMENT_NUMBER:
			must(json_is_integer(value));
			break;
		case ARGUMENT_TEXT:
		case ARGUMENT_JID:
		case ARGUMENT_DOMAIN:
		case ARGUMENT_PASSWORD:
		case ARGUMENT_CHOICE:
		case ARGUMENT_FILE:
			must(json_is_string(value));
			must(text_is_utf8(json_string_value(value), json_string_length(value)));
			break;
		case ARGUMENT_END_:
			must(!"an argument of no kind");
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text because = { 0 };
	struct call call = { 0 };
	char *bytes;

	if (size > 65536 || memchr(data, '\n', size) != NULL)
		return 0;
	bytes = copy_bytes((const char *)data, size);
	if (admin_understand(&call, bytes, size, &because)) {
		must(because.length == 0);
		check_arguments(&call);
		json_decref(call.arguments);
	} else {
		must(because.length > 0 && call.arguments == NULL);
	}
	free(bytes);
	text_clear(&because);
	return 0;
}
