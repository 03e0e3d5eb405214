/* SPDX-License-Identifier: MIT */
#include "main/talk.h"

#include "base/text.h"

struct talk *
talk_start(const struct asked *asked, const char *conf_path, struct err *err)
{
	if (text_is(asked->command->verb, "export"))
		return export_start(asked, err);
	must(text_is(asked->command->verb, "import"));
	return import_start(asked, conf_path, err);
}

void
talk_ask(struct talk *talk, const char *noun, const char *verb, json_t *arguments)
{
	json_decref(talk->arguments);
	talk->arguments = arguments;
	talk->command = command_find(noun, verb);
	must(talk->command != NULL);
}

void
talk_over(struct talk *talk, json_t *result)
{
	json_decref(talk->arguments);
	talk->arguments = NULL;
	talk->command = NULL;
	talk->result = result;
}

json_t *
talk_refusal(const char *kind, const char *text)
{
	return json_pack("{s:b, s:s, s:s}", "ok", 0, "kind", kind, "error", text);
}
