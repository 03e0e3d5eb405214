/* SPDX-License-Identifier: MIT */
/* The reference part of the manual page: every section and option, in roff (man macros). */
#include "conf/conf.h"

#include "conf/internal.h"

#include <string.h>

/* Words for roff: nothing in them is a request or an escape. */
static void
add_roff(struct text *out, const char *words)
{
	if (words[0] == '.' || words[0] == '\'')
		text_add(out, "\\&");
	for (; *words != '\0'; words++) {
		switch (*words) {
		case '\\':
			text_add(out, "\\e");
			break;
		case '-':
			text_add(out, "\\-");
			break;
		case '"':
			text_add(out, "\\(dq");
			break;
		case '\'':
			text_add(out, "\\(aq");
			break;
		case '`':
			text_add(out, "\\(ga");
			break;
		case '^':
			text_add(out, "\\(ha");
			break;
		case '~':
			text_add(out, "\\(ti");
			break;
		case '\n':
			text_add_char(out, ' ');
			break;
		default:
			text_add_char(out, *words);
			break;
		}
	}
}

/* A sentence on a line of its own.  It begins with a capital letter unless its first word
 * is a name ("sqlite: ..."). */
static void
add_sentence(struct text *out, const char *words)
{
	size_t length = strlen(words), first = strspn(words, "abcdefghijklmnopqrstuvwxyz");

	if (length == 0)
		return;
	if (first > 0 && words[first] == ' ') {
		text_add_char(out, (char)(words[0] - 'a' + 'A'));
		add_roff(out, words + 1);
	} else {
		add_roff(out, words);
	}
	if (strchr(".!?", words[length - 1]) == NULL)
		text_add_char(out, '.');
	text_add_char(out, '\n');
}

static void
manual_option(struct text *out, const struct option *option)
{
	struct text words = { 0 };

	text_add(out, ".TP\n.B ");
	add_roff(out, option->name);
	text_add_char(out, '\n');
	option_add_type(&words, option);
	if (option->help != NULL)
		add_sentence(out, option->help);
	text_add(out, "It is ");
	add_roff(out, words.bytes);
	text_add(out, ".\n");

	text_empty(&words);
	option_add_fallback(&words, option);
	if (words.length > 0) {
		text_add(out, "If not given:\n.B ");
		add_roff(out, words.bytes);
		text_add(out, "\n.br\n");
	} else {
		text_add(out, "If not given, it is not set.\n.br\n");
	}

	text_empty(&words);
	option_add_example(&words, option);
	text_add(out, "Example:\n.B ");
	add_roff(out, words.bytes);
	text_add_char(out, '\n');
	if (option->restart)
		text_add(out, ".br\nA change takes effect after a restart.\n");
	text_clear(&words);
}

static void
manual_section(struct text *out, const struct section *kind, const char *path)
{
	for (const struct option *option = kind->options;
	     option != NULL && option->type != OPTION_END_; option++)
		manual_option(out, option);
	for (size_t i = 0; kind->sections != NULL && kind->sections[i] != NULL; i++) {
		const struct section *below = kind->sections[i];
		struct text inner = { 0 };

		text_addf(&inner, "%s%s%s%s", path, path[0] != '\0' ? ", " : "", below->name,
			  below->titled ? " \"...\"" : "");
		text_add(out, ".SS \"Section ");
		add_roff(out, inner.bytes);
		text_add(out, "\"\n");
		if (below->help != NULL)
			add_sentence(out, below->help);
		if (below->many)
			text_add(out, "There may be several.\n");
		manual_section(out, below, inner.bytes);
		text_clear(&inner);
	}
}

void
conf_manual(struct text *out, const struct section *root)
{
	text_add(out, ".SS \"Outside all sections\"\n");
	if (root->help != NULL)
		add_sentence(out, root->help);
	manual_section(out, root, "");
}
