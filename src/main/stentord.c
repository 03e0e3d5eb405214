/* SPDX-License-Identifier: MIT */
/* stentord: the server.  What it does is in startup.c. */
#include "base/text.h"
#include "core/loader.h"
#include "main/check.h"
#include "main/places.h"
#include "main/settings.h"
#include "main/startup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"stentord [-c FILE] [-d] [--check]\n"
	"\n"
	"-c, --config FILE  the configuration; else $STENTOR_CONF, ./stentor.conf,\n"
	"                   ./run/stentor.conf, or the system's\n"
	"-d, --daemon       go to the background once clients are welcome\n"
	"-t, --check        look at the configuration and at what it names, and say all that\n"
	"                   is wrong\n"
	"-h, --help         this\n"
	"-V, --version      this program's version\n"
	"\n"
	"It ends with 0, 1 when something was wrong, 2 when it was not understood.\n"
	"SIGTERM and SIGINT stop it, SIGHUP makes it read its configuration anew, SIGUSR1\n"
	"open its log anew.  stentorctl does the same and more.\n";

struct said {
	const char *conf;
	bool background, check, help, version;
};

/* By hand, for libc's struct option is a name of ours. */
static bool
said_read(struct said *said, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];

		if (text_is(word, "-d") || text_is(word, "--daemon")) {
			said->background = true;
		} else if (text_is(word, "-t") || text_is(word, "--check")) {
			said->check = true;
		} else if (text_is(word, "-h") || text_is(word, "--help")) {
			said->help = true;
		} else if (text_is(word, "-V") || text_is(word, "--version")) {
			said->version = true;
		} else if (text_starts(word, "--config=")) {
			said->conf = word + strlen("--config=");
		} else if ((text_is(word, "-c") || text_is(word, "--config")) && i + 1 < argc) {
			said->conf = argv[++i];
		} else if (text_is(word, "-c") || text_is(word, "--config")) {
			fprintf(stderr, "stentord: %s wants a file\n", word);
			return false;
		} else if (text_starts(word, "-c")) {
			said->conf = word + 2;
		} else {
			static const char *const words[] = { "--config", "--daemon",  "--check",
							     "--help",   "--version", NULL };
			const char *near = text_nearest(word, words);

			fprintf(stderr, "stentord: \"%s\" is not understood%s%s%s\n", word,
				near ? "; did you mean \"" : "", near ? near : "",
				near ? "\"?" : "");
			return false;
		}
	}
	return true;
}

static int
check(const char *conf)
{
	struct text faults = { 0 }, notes = { 0 };
	bool good = check_all(conf, &faults, &notes);

	fputs(faults.length > 0 ? faults.bytes : "", stderr);
	fputs(notes.length > 0 ? notes.bytes : "", stdout);
	if (good)
		printf("%s: nothing is wrong\n", conf);
	text_clear(&faults);
	text_clear(&notes);
	return good ? 0 : 1;
}

int
main(int argc, char **argv)
{
	struct text faults = { 0 };
	struct said said = { 0 };
	char *conf;
	int code;

	if (!said_read(&said, argc, argv))
		return 2;
	if (said.help) {
		fputs(usage, stdout);
		return 0;
	}
	if (said.version) {
		printf("stentord %s\n", places_version());
		return 0;
	}
	if (!process_prepare(&faults)) {
		fprintf(stderr, "stentord: %s", faults.bytes);
		return 1;
	}
	conf = said.conf ? copy_text(said.conf) : settings_find();
	code = said.check ? check(conf) : startup_run(conf, said.background);
	free(conf);
	return code;
}
