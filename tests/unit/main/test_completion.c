/* SPDX-License-Identifier: MIT */
/* The completion script, tried in a real bash. */
#include "main/local.h"

#include "main/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char script[] = "/tmp/stentor-completion-XXXXXX";

/* What bash offers behind `words`, whose last is being typed; separated by spaces. */
static void
offers(char *offered, size_t room, const char *words)
{
	struct text command = { 0 };
	char quoted[512] = "";
	FILE *bash;
	size_t length;

	/* An array of the words; an empty last one is what a space at the end means. */
	for (const char *p = words;; p++) {
		size_t n = strcspn(p, " ");

		snprintf(quoted + strlen(quoted), sizeof quoted - strlen(quoted), "\"%.*s\" ",
			 (int)n, p);
		p += n;
		if (*p == '\0')
			break;
	}
	text_addf(&command,
		  "bash -c '. %s; COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); "
		  "_stentorctl; "
		  "echo \"${COMPREPLY[*]}\"'",
		  script, quoted);
	bash = popen(command.bytes, "r");
	assert_non_null(bash);
	length = fread(offered, 1, room - 1, bash);
	offered[length] = '\0';
	assert_int_equal(pclose(bash), 0);
	text_clear(&command);
}

static void
is_offered(const char *words, const char *word)
{
	char offered[4096], spaced[4200], wanted[64];

	offers(offered, sizeof offered, words);
	offered[strcspn(offered, "\n")] = '\0';
	snprintf(spaced, sizeof spaced, " %s ", offered);
	snprintf(wanted, sizeof wanted, " %s ", word);
	if (strstr(spaced, wanted) == NULL)
		fail_msg("behind \"%s\" there is no \"%s\" in \"%s\"", words, word, offered);
}

static void
nouns_come_first(void **state)
{
	(void)state;
	is_offered("stentorctl acc", "account");
	is_offered("stentorctl ", "status");
	is_offered("stentorctl --json st", "store");
}

static void
verbs_belong_to_their_noun(void **state)
{
	char offered[4096];

	(void)state;
	is_offered("stentorctl session ", "kick");
	is_offered("stentorctl -c x session k", "kick");
	offers(offered, sizeof offered, "stentorctl session p");
	assert_string_equal(offered, "\n");
}

static void
options_belong_to_their_command(void **state)
{
	(void)state;
	is_offered("stentorctl account add --", "--generate");
	is_offered("stentorctl account add a@b --p", "--password-file");
	is_offered("stentorctl account list --", "--json");
	is_offered("stentorctl init DIR --", "--port-base");
}

static void
choices_are_offered(void **state)
{
	(void)state;
	is_offered("stentorctl log level ", "debug");
	is_offered("stentorctl init DIR --tls ", "optional");
	is_offered("stentorctl completion ", "bash");
}

static void
hidden_commands_stay_hidden(void **state)
{
	char offered[4096];

	(void)state;
	offers(offered, sizeof offered, "stentorctl man");
	assert_string_equal(offered, "\n");
}

static int
write_script(void **state)
{
	struct text text = { 0 };
	int fd;

	(void)state;
	commands_open();
	completion_bash(&text);
	fd = mkstemp(script);
	if (fd < 0 || write(fd, text.bytes, text.length) != (ssize_t)text.length)
		return -1;
	close(fd);
	text_clear(&text);
	return 0;
}

static int
remove_script(void **state)
{
	(void)state;
	return unlink(script);
}

static void
values_follow_an_equals_sign_too(void **state)
{
	char offered[4096];

	(void)state;
	/* as bash cuts it */
	offers(offered, sizeof offered, "stentorctl init x --tls = req");
	assert_string_equal(offered, "required\n");
	offers(offered, sizeof offered, "stentorctl init x --tls =");
	assert_string_equal(offered, "required optional\n");
	offers(offered, sizeof offered, "stentorctl init x --tls ");
	assert_string_equal(offered, "required optional\n");
}

static void
help_is_for_verbs_too(void **state)
{
	(void)state;
	is_offered("stentorctl help acc", "account");
	is_offered("stentorctl help account pas", "passwd");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nouns_come_first),
		cmocka_unit_test(verbs_belong_to_their_noun),
		cmocka_unit_test(options_belong_to_their_command),
		cmocka_unit_test(values_follow_an_equals_sign_too),
		cmocka_unit_test(help_is_for_verbs_too),
		cmocka_unit_test(choices_are_offered),
		cmocka_unit_test(hidden_commands_stay_hidden),
	};

	return cmocka_run_group_tests_name("main/completion", tests, write_script, remove_script);
}
